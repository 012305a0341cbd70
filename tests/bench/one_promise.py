"""A plan with one promise of another one: the same units, service items, sources and calendar."""

import shutil
import tomllib
from pathlib import Path
from typing import Any

import tomli_w


def write(plan: Path, promise: str, folder: Path) -> Path:
    """A copy of the plan in `folder` that keeps the one promise. LookupError if the plan does not have it."""
    shutil.copytree(plan, folder, ignore=shutil.ignore_patterns("kpis", "plan.lock", "annex.csv", "__pycache__"))
    (folder / "kpis").mkdir()
    for file in sorted((plan / "kpis").glob("*.toml")):
        content: dict[str, Any] = tomllib.loads(file.read_text(encoding="utf-8"))
        if found := [entry for entry in content["promise"] if entry["id"] == promise]:
            (folder / "kpis" / file.name).write_text(tomli_w.dumps({"promise": found}), encoding="utf-8")
            return folder
    raise LookupError(f"{plan} has no promise {promise}")
