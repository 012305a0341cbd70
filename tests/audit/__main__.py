"""`make audit`: known vulnerabilities of the locked packages, the committed lists, and a bill of materials.

    python -m tests.audit           exit 0: no error found (it says what was asked); 1: an error, with its remedy
    python -m tests.audit look      `make look`: ask the registry about all locked versions and write the list of
                                    packages again; reasons and licences that were written by hand stay

Its tools are in an environment of their own, build/audit and build/lock.
"""

import json
import os
import re
import subprocess
import sys
import tempfile
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from packaging.utils import canonicalize_name

from tests.audit import dependencies

TOOLS = dependencies.ROOT / "build/audit/bin"
UV = dependencies.ROOT / "build/lock/bin/uv"
SBOM = dependencies.ROOT / "build/sbom.json"
PATIENCE = 300  # seconds that pip-audit may take


@dataclass(frozen=True)
class Advisories:
    """`known` are lines about vulnerabilities; `asked` and `skipped` count packages with and without an answer."""

    known: list[str]
    asked: int
    skipped: int

    def sentence(self) -> str:
        """What may be said about vulnerabilities; never more than what was asked."""
        if not self.asked:
            return (
                "NOT CHECKED: known vulnerabilities. The advisories at pypi.org could not be reached, or gave no "
                "answer: run `make audit` "
                "again where they can. Only the committed list was checked."
            )
        rest = f" NOT CHECKED: {self.skipped} packages without an answer." if self.skipped else ""
        return (
            f"{self.asked} packages were checked against the advisories of PyPI; "
            f"{len(self.known)} known vulnerabilities.{rest}"
        )


NO_ANSWER = Advisories([], 0, 0)


def understood(output: str) -> Advisories:
    """What pip-audit's JSON says. A package that it skipped was not checked: pip-audit itself ends with
    "No known vulnerabilities found" and exit code 0 even where it could not ask about a single one."""
    try:
        entries: list[dict[str, Any]] = json.loads(output)["dependencies"] or []
    except (ValueError, KeyError, TypeError):
        return NO_ANSWER
    asked = [entry for entry in entries if "skip_reason" not in entry]
    known = [
        f"{entry['name']} {entry['version']}: {flaw['id']}, "
        f"mended in {', '.join(flaw['fix_versions']) or 'no version yet'}. Raise the "
        "bound in pyproject.toml, then `make lock`."
        for entry in asked
        for flaw in entry.get("vulns", [])
    ]
    return Advisories(known, len(asked), len(entries) - len(asked))


def advisories(environment: Mapping[str, str], lock: Path = dependencies.LOCK) -> Advisories:
    """Ask PyPI, with pip-audit, for what is known about the locked versions."""
    command = [
        str(TOOLS / "pip-audit"), "--requirement", str(lock), "--disable-pip", "--require-hashes",
        "--vulnerability-service", "pypi", "--format", "json", "--progress-spinner", "off", "--timeout", "10",
    ]  # fmt: skip
    try:
        done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=PATIENCE, check=False)
    except subprocess.TimeoutExpired:
        return NO_ANSWER
    return understood(done.stdout)


def bill_of_materials(target: Path = SBOM) -> int:
    """Write the CycloneDX bill of materials of .venv and of the embedded Kafka's jars; the number of components."""
    command = [
        str(TOOLS / "cyclonedx-py"), "environment", "--output-reproducible", "--output-format", "JSON",
        "--spec-version", "1.6", "--pyproject", str(dependencies.ROOT / "pyproject.toml"), "--output-file", "-",
        sys.executable,
    ]  # fmt: skip
    bill = json.loads(subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True).stdout)
    licences = {row.jar: row.licence for row in dependencies.jars()}
    bill["components"] += [jar_component(*jar, licences[jar[0]]) for jar in dependencies.locked_jars()]
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_text(json.dumps(bill, indent=2, sort_keys=True) + "\n", "utf-8")
    return len(bill["components"])


def jar_component(coordinate: str, version: str, digest: str, licence: str) -> dict[str, Any]:
    group, name = coordinate.split(":")
    purl = f"pkg:maven/{group}/{name}@{version}"
    return {
        "type": "library", "bom-ref": purl, "group": group, "name": name, "version": version, "purl": purl,
        "hashes": [{"alg": "SHA-256", "content": digest}], "licenses": [{"expression": licence}],
    }  # fmt: skip


def audit() -> int:
    found = advisories(os.environ)
    print(found.sentence())
    listed = dependencies.packages()
    errors = [
        *found.known,
        *dependencies.errors(listed, dependencies.locked(), dependencies.direct()),
        *dependencies.jar_errors(dependencies.jars(), dependencies.locked_jars()),
    ]
    for line in errors:
        print(f"error: {line}")
    if errors:
        return 1
    oldest = min(row.looked_at for row in listed)
    print(f"{len(listed)} locked packages are in the list; the oldest entry is of {oldest}. All licences are allowed.")
    print(f"{SBOM.relative_to(dependencies.ROOT)}: {bill_of_materials()} components, CycloneDX 1.6.")
    return 0


def registry() -> tuple[dict[tuple[str, str], str], dict[tuple[str, str], str], dict[str, str]]:
    """What the registry says about the lock: the days of release and the reasons of withdrawal by (name, version), and
    the newest version by name, where that is not the installed one."""
    with tempfile.TemporaryDirectory() as folder:
        target = Path(folder) / "pylock.toml"
        command = [
            str(UV), "pip", "compile", str(dependencies.LOCK), "--universal", "--python-version", "3.11", "--no-header",
            "--generate-hashes", "--format", "pylock.toml", "--output-file", str(target),
        ]  # fmt: skip
        warnings = subprocess.run(command, capture_output=True, text=True, check=True).stderr
        entries = tomllib.loads(target.read_text("utf-8"))["packages"]
    released = {}
    for entry in entries:
        files = [*entry.get("wheels", []), *([entry["sdist"]] if "sdist" in entry else [])]
        released[entry["name"], entry["version"]] = min(file["upload-time"] for file in files).date().isoformat()
    yanked = {(name, version): why for name, version, why in re.findall(r"`(\S+?)==(\S+)` is yanked(.*)", warnings)}
    outdated = [str(UV), "pip", "list", "--python", sys.executable, "--outdated", "--format", "json"]
    lines = json.loads(subprocess.run(outdated, stdout=subprocess.PIPE, text=True, check=True).stdout)
    return released, yanked, {canonicalize_name(line["name"]): line["latest_version"] for line in lines}


def look() -> int:
    """Write the list of packages again, from the lock, pyproject.toml, this environment and the registry."""
    released, yanked, latest = registry()
    before = {(row.package, row.version): row for row in dependencies.packages()}
    reasons = {row.package: row.reason for row in before.values() if row.reason}
    asked, here = dependencies.direct(), dependencies.installed()
    rows = []
    for name, version in sorted(dependencies.locked()):
        old = before.get((name, version))
        rows.append(
            dependencies.Package(
                package=name,
                version=version,
                asked_by=asked.get(name, ""),
                reason=reasons.get(name, "") if name in asked else "",
                licence=here.get((name, version)) or (old.licence if old else ""),
                released=released[name, version],
                yanked=yanked.get((name, version), ""),
                latest=latest.get(name, version),
                looked_at=datetime.now(UTC).date().isoformat(),
                source="registry metadata (release date, withdrawn or not, newest version, licence)",
            )
        )
    dependencies.write(rows)
    print(
        f"{dependencies.PACKAGES.relative_to(dependencies.ROOT)}: {len(rows)} rows. Fill in reasons that are missing."
    )
    return 0


def main(arguments: list[str]) -> int:
    try:
        return look() if arguments == ["look"] else audit()
    except (FileNotFoundError, subprocess.CalledProcessError) as problem:
        print(f"make audit: {problem}. Run it as `make audit` or `make look`, which install their tools first.")
        return 3


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
