"""What the peers need beside this project: Python packages in `build/bench`, programs in Java in `build/bench-java`.

Both are pinned, made on first use, and never part of our own environment.
"""

import re
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from tests.bench.job import ROOT

LOCK = ROOT / "requirements.bench.lock"
PYTHON_FOLDER = ROOT / "build" / "bench"
JAVA_SOURCES = Path(__file__).with_name("peers") / "java"
JAVA_FOLDER = ROOT / "build" / "bench-java"
_OLDEST_JAVA = 17


class NotPossible(Exception):
    """Something cannot be measured here: the reason, and the remedy."""


def python() -> str:
    """The Python of the peers, with the packages of the lock. Raises NotPossible."""
    found, installed = PYTHON_FOLDER / "bin" / "python", PYTHON_FOLDER / "installed"
    if installed.exists() and installed.read_bytes() == LOCK.read_bytes():
        return str(found)
    print(f"installing what {LOCK.name} lists into {PYTHON_FOLDER.relative_to(ROOT)}", flush=True)
    _run([sys.executable, "-m", "venv", "--clear", str(PYTHON_FOLDER)], "no virtual environment can be made")
    install = [str(found), "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--require-hashes"]
    _run([*install, "--requirement", str(LOCK)], "the packages of the peers cannot be installed")
    installed.write_bytes(LOCK.read_bytes())
    return str(found)


def java() -> list[str]:
    """The beginning of a command that runs one of the classes. Raises NotPossible."""
    if not shutil.which("java") or _java_version() < _OLDEST_JAVA:
        raise NotPossible(f"there is no Java {_OLDEST_JAVA} or newer on the path; on Debian: openjdk-17-jdk-headless")
    jar = JAVA_FOLDER / "caseclock-1.jar"
    newest = max(file.stat().st_mtime for file in JAVA_SOURCES.rglob("*.*"))
    if not jar.exists() or jar.stat().st_mtime < newest:
        if not shutil.which("mvn"):
            raise NotPossible("there is no Maven (mvn) on the path to build the peers in Java with; on Debian: maven")
        print(f"building the peers in Java into {JAVA_FOLDER.relative_to(ROOT)}", flush=True)
        pom = str(JAVA_SOURCES / "pom.xml")
        _run(["mvn", "-q", "-B", "-f", pom, "package"], "Maven cannot build the peers in Java")
    return ["java", "-Xmx2g", "-cp", f"{jar}:{JAVA_FOLDER / 'lib'}/*"]


def _run(command: Sequence[str], failure: str) -> None:
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode:
        last = (done.stderr or done.stdout).strip().splitlines()[-3:]
        raise NotPossible(f"{failure}: {' '.join(last)}. Is a package registry within reach?")


def _java_version() -> int:
    version = subprocess.run(["java", "-version"], capture_output=True, text=True).stderr
    found = re.search(r'version "(\d+)', version)
    return int(found.group(1)) if found else 0
