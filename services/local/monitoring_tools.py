"""Prometheus and Alertmanager: those on the path, else the distribution's packages, unpacked into our own folder.

On Debian and Ubuntu that needs no root, and nothing of the system changes. Elsewhere PartUnavailable says what is
missing.
"""

import os
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

from services.local.failures import PartUnavailable
from services.local.jars import Progress, one_at_a_time, silent

_PACKAGES = ("prometheus", "prometheus-alertmanager")

# Debian's Alertmanager opens its templates below this path, fixed in the program. Run in its own folder (usr/bin), the
# path of the same length beside it leads to the unpacked ones.
_FIXED = b"/usr/share/prometheus/alertmanager"
_BESIDE = b"./../share/prometheus/alertmanager"


@dataclass(frozen=True, slots=True)
class MonitoringTools:
    """The four programs, and where they were unpacked (None: installed on this machine)."""

    prometheus: Path
    promtool: Path
    alertmanager: Path
    amtool: Path
    unpacked: Path | None = None


def find(cache: Path, progress: Progress = silent) -> MonitoringTools:
    """The tools on the path, else those unpacked below `cache`, fetched if need be. Raises PartUnavailable."""
    on_path = _look_in(None)
    if on_path:
        return on_path
    unpacked = cache.absolute() / "monitoring"
    unpacked.mkdir(parents=True, exist_ok=True)
    with one_at_a_time(unpacked / ".lock"):
        found = _look_in(unpacked)
        if not found:
            progress("Prometheus and Alertmanager", 0, 1)
            _unpack_packages(unpacked)
            found = _look_in(unpacked)
    if not found:
        raise _missing(f"the packages {' and '.join(_PACKAGES)} do not hold all four programs")
    progress("Prometheus and Alertmanager", 1, 1)
    return found


def _look_in(unpacked: Path | None) -> MonitoringTools | None:
    path = str(unpacked / "usr" / "bin") if unpacked else None
    prometheus, promtool, amtool = (shutil.which(name, path=path) for name in ("prometheus", "promtool", "amtool"))
    alertmanager = shutil.which("prometheus-alertmanager", path=path) or shutil.which("alertmanager", path=path)
    if prometheus and promtool and alertmanager and amtool:
        return MonitoringTools(Path(prometheus), Path(promtool), Path(alertmanager), Path(amtool), unpacked)
    return None


def _unpack_packages(target: Path) -> None:
    if not (shutil.which("apt-get") and shutil.which("dpkg")):
        raise _missing("they are not on the path, and this is no Debian or Ubuntu whose packages could be unpacked")
    packages = target / "packages"
    shutil.rmtree(packages, ignore_errors=True)
    packages.mkdir()
    options = _download(packages, target)
    _download_pages(packages, options)
    for package in sorted(packages.glob("*.deb")):
        _run(["dpkg", "-x", str(package), str(target)], target)
    # 200 MB of time zone tables of years past, beside the one file that a page asks for.
    shutil.rmtree(target / "usr/share/javascript/moment-timezone/data", ignore_errors=True)
    program = target / "usr" / "bin" / "prometheus-alertmanager"
    if program.exists():
        program.write_bytes(program.read_bytes().replace(_FIXED, _BESIDE))
    shutil.rmtree(packages)


def _download(packages: Path, target: Path) -> list[str]:
    """Fetches the packages; gives the options of apt that worked: the system's lists, else lists of our own."""
    sandbox = ["-o", "APT::Sandbox::User=root"] if os.geteuid() == 0 else []  # apt's own user may not write here
    if not _run(["apt-get", "-qq", *sandbox, "download", *_PACKAGES], packages, check=False):
        return sandbox
    lists, archives = target / "apt" / "lists", target / "apt" / "cache"
    for folder in (lists / "partial", archives / "archives" / "partial"):
        folder.mkdir(parents=True, exist_ok=True)
    own = [*sandbox, "-o", f"Dir::State::lists={lists}", "-o", f"Dir::Cache={archives}", "-o", "Debug::NoLocking=1"]
    _run(["apt-get", "-qq", *own, "update"], packages, check=False)  # one unreachable source is no reason to give up
    _run(["apt-get", "-qq", *own, "download", *_PACKAGES], packages)
    return own


def _download_pages(packages: Path, options: list[str]) -> None:
    """The scripts of Prometheus's own pages are packages beside it; without them only the pages are bare."""
    depends = subprocess.run(
        ["apt-cache", *options, "depends", "prometheus", "libjs-rickshaw"], capture_output=True, text=True, check=False
    ).stdout
    pages = {
        line.split()[-1] for line in depends.splitlines() if "Depends: libjs-" in line or "Depends: fonts-" in line
    }
    if pages:
        _run(["apt-get", "-qq", *options, "download", *sorted(pages)], packages, check=False)


def _run(command: list[str], folder: Path, *, check: bool = True) -> int:
    environment = {**os.environ, "LC_ALL": "C", "DEBIAN_FRONTEND": "noninteractive"}
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)
    if check and done.returncode:
        raise _missing(f"`{' '.join(command)}` ended with {done.returncode}: {done.stderr.strip()}")
    return done.returncode


def _missing(reason: str) -> PartUnavailable:
    return PartUnavailable(
        "Prometheus and Alertmanager",
        reason,
        "Install prometheus, promtool, alertmanager and amtool so that they are on the path and start again",
    )
