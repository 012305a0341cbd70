"""What runs beside us: the folder of the benchmark as a copy that may be written to, and an environment of its own.

Peers need packages that this project does not depend on. They go into a virtual environment in the cache folder and
never into ours.
"""

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import NamedTuple

from tests.bench.job import SHARED

OURS = "kpiwatch"
_ALWAYS = ("chinesecalendar", "confluent-kafka", "orjson")
"""What run.py, the generator and the floor need."""
_NEEDS = {
    "quix": ("quixstreams",),
    "quix-eos": ("quixstreams",),
    "bytewax": ("bytewax",),
    "faust-memory": ("faust-streaming", "rocksdict", "uvloop"),
    "faust-rocksdb": ("faust-streaming", "rocksdict", "uvloop"),
}
_OLDEST_JAVA = 17


class Peers(NamedTuple):
    """Ready to run."""

    python: Path
    folder: Path
    """A copy of the benchmark's folder."""
    engines: list[str]
    """Those of the engines asked for that can run on this machine."""
    skipped: dict[str, str]
    """The others, with the reason."""


class NotPossible(Exception):
    """Nothing can be measured: the reason, and the remedy."""


def prepare(engines: Sequence[str], cache: Path) -> Peers:
    """Copy the folder, make the environment, build what is in Java. Raises NotPossible."""
    folder = cache / "folder"
    shutil.copytree(SHARED, folder, dirs_exist_ok=True, copy_function=_writable_copy)
    python = _environment(cache / "environment", folder, {each for name in engines for each in _NEEDS.get(name, ())})
    of_java = [name for name in engines if name.startswith(("kstreams", "floor-java"))]
    obstacle = _build_java(folder / "peers" / "java") if of_java else ""
    skipped = dict.fromkeys(of_java, obstacle) if obstacle else {}
    return Peers(python, folder, [name for name in engines if name not in skipped], skipped)


def _writable_copy(source: str, target: str) -> str:
    """The original is read only, and so would be its copy."""
    for file in (Path(target).parent, Path(target)):
        if file.exists():
            file.chmod(file.stat().st_mode | 0o200)
    if not Path(target).exists() or Path(source).read_bytes() != Path(target).read_bytes():
        shutil.copyfile(source, target)
    return target


def _environment(folder: Path, bench: Path, more: Iterable[str]) -> Path:
    """The Python of the benchmark, with the packages of its requirements.txt that are needed."""
    python = folder / "bin" / "python"
    pinned = dict(line.split("==") for line in (bench / "requirements.txt").read_text().split())
    wanted = sorted(f"{name}=={pinned[name]}" for name in {*_ALWAYS, *more})
    there = folder / "installed"
    if there.exists() and set(wanted) <= set(there.read_text().split()):
        return python
    print(f"installing {', '.join(wanted)} for the benchmark, apart from this project", flush=True)
    if not python.exists():
        _run([sys.executable, "-m", "venv", str(folder)], "no virtual environment can be made")
    install = [str(python), "-m", "pip", "install", "--quiet", "--disable-pip-version-check", *wanted]
    _run(install, "what the benchmark needs cannot be installed")
    there.write_text("\n".join(wanted))
    return python


def _run(command: Sequence[str], failure: str) -> None:
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode:
        last = (done.stderr or done.stdout).strip().splitlines()[-3:]
        raise NotPossible(f"{failure}: {' '.join(last)}. Is a package registry within reach?")


def _build_java(folder: Path) -> str:
    """Build the peers in Java; why they cannot run, or nothing."""
    if not shutil.which("java") or _java_version() < _OLDEST_JAVA:
        return f"there is no Java {_OLDEST_JAVA} or newer on the path"
    jar = folder / "target" / "caseclock-1.jar"
    sources = [file.stat().st_mtime for file in (folder / "src").rglob("*.java")]
    if jar.exists() and jar.stat().st_mtime > max(sources):
        return ""
    if not shutil.which("mvn"):
        return "there is no Maven (mvn) on the path to build it with"
    print("building the peers in Java", flush=True)
    done = subprocess.run(["mvn", "-q", "-B", "package"], cwd=folder, capture_output=True, text=True, env=os.environ)
    if done.returncode:
        return f"Maven could not build it: {' '.join(done.stdout.strip().splitlines()[-2:])}"
    return ""


def _java_version() -> int:
    version = subprocess.run(["java", "-version"], capture_output=True, text=True).stderr
    found = re.search(r'version "(\d+)', version)
    return int(found.group(1)) if found else 0
