"""What an integrator installs: `kpiwatch[client]` and `kpiwatch[tail]` are enough for what they promise."""

import re
import subprocess
import sys
import tomllib
from importlib.metadata import PackageNotFoundError, packages_distributions, requires
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from services.cli.failure import WRONG_USAGE, failure_of

ROOT = Path(__file__).parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
SCRIPT = """
import sys, sysconfig, pathlib
bare = set(sys.modules)
for name in sys.argv[1:]:
    __import__(name)
places = [sysconfig.get_path("purelib"), sysconfig.get_path("platlib")]
found = {name.partition(".")[0] for name, module in sys.modules.items() if name not in bare
         and str(getattr(module, "__file__", "")).startswith(tuple(places))}
print(" ".join(sorted(found)))
"""


def direct(extra: str | None) -> list[Requirement]:
    """What this package asks for, with an extra and those that it includes."""
    found = []
    for line in [*PROJECT["dependencies"], *(PROJECT["optional-dependencies"][extra] if extra else [])]:
        wanted = Requirement(line)
        found += [wanted] if wanted.name != PROJECT["name"] else [one for each in wanted.extras for one in direct(each)]
    return found


def closure(extra: str | None) -> set[str]:
    """The packages that are installed with an extra: those it asks for, those that they ask for, and so on."""
    found: set[str] = set()
    waiting = direct(extra)
    while waiting:
        wanted = waiting.pop()
        name = canonicalize_name(wanted.name)
        if name in found or (
            wanted.marker and not any(wanted.marker.evaluate({"extra": e}) for e in ("", *wanted.extras))
        ):
            continue
        found.add(name)
        try:
            waiting += [Requirement(line) for line in requires(name) or () if not re.search(r"extra\s*==", line)]
        except PackageNotFoundError:
            continue
    return found


@pytest.mark.slow
@pytest.mark.parametrize(
    ("extra", "modules"),
    [
        ("client", ["kpiwatch.client", "services.cli.__main__", "services.cli.send"]),
        ("tail", ["services.cli.importing", "services.cli.tail"]),
    ],
)
def test_nothing_is_imported_that_the_extra_does_not_install(extra: str, modules: list[str]) -> None:
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT, *modules],
        cwd=ROOT, env={"PYTHONPATH": f"{ROOT}:{ROOT / 'services/public'}"}, capture_output=True, text=True, check=True,
    )  # fmt: skip
    known = packages_distributions()
    imported = {canonicalize_name(name) for module in done.stdout.split() for name in known.get(module, ())}
    assert len(imported) > 5
    assert imported - {"kpiwatch", "setuptools"} <= closure(extra)


def test_the_client_does_not_bring_what_only_servers_need() -> None:
    heavy = {"faust-streaming", "aiokafka", "kafka-python", "rocksdict", "fastapi", "uvicorn", "matplotlib"}
    assert heavy <= closure("server")
    assert not (heavy | {"sqlalchemy"}) & closure("client") and not heavy & closure("tail")
    assert closure("client") < closure("tail") < closure("server")


def test_a_command_whose_packages_are_not_installed_says_which_extra_has_them() -> None:
    missing = failure_of(ModuleNotFoundError("No module named 'faust'", name="faust"))
    assert missing is not None and missing.exit_code == WRONG_USAGE
    assert "faust" in missing.sentence and "kpiwatch[server]" in missing.sentence
