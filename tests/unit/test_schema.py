"""The published schemas of a plan's files: what ships keeps to them, and a slip of the keyboard does not."""

import json
import tomllib
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator, FormatChecker
from typer.testing import CliRunner

from services.catalog.load.schema import schema_for, schemas
from services.cli.plan import app
from services.runtime.settings import Settings

FOLDER = Settings().plan
CATALOGUE = FOLDER.parent
FILES = [
    path
    for head in sorted(CATALOGUE.glob("*/plan.toml"))
    for path in sorted(head.parent.rglob("*.toml"))
    if path.name != "contacts.toml"  # whom notices reach is no part of the plan: the notifier checks it
]
SCHEMAS = schemas()
VALIDATORS = {kind: Draft202012Validator(each, format_checker=FormatChecker()) for kind, each in SCHEMAS.items()}
PLANS = sorted((Path(__file__).parents[1] / "golden" / "plans" / "good").rglob("*.toml"))


def read(path: Path) -> Any:
    """A file as JSON has it: a day is a text."""
    return json.loads(json.dumps(tomllib.loads(path.read_text(encoding="utf-8")), default=_text))


def _text(value: object) -> str:
    assert isinstance(value, date)
    return value.isoformat()


def faults(kind: str, content: object) -> list[str]:
    return [f"{error.json_path}: {error.message}" for error in VALIDATORS[kind].iter_errors(content)]


@pytest.mark.parametrize("kind", SCHEMAS)
def test_a_schema_is_one(kind: str) -> None:
    Draft202012Validator.check_schema(SCHEMAS[kind])


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(CATALOGUE)))
def test_a_shipped_file_keeps_to_its_schema_and_names_it(path: Path) -> None:
    kind = schema_for(str(path.relative_to(CATALOGUE)).partition("/")[2])
    assert faults(kind, read(path)) == []
    first = path.read_text(encoding="utf-8").splitlines()[0]
    assert (path.parent / first.removeprefix("#:schema ")).resolve().name == f"{kind}.schema.json"
    assert (path.parent / first.removeprefix("#:schema ")).exists()


@pytest.mark.parametrize("path", PLANS, ids=lambda path: "/".join(path.parts[-3:]))
def test_a_good_plan_keeps_to_the_schemas(path: Path) -> None:
    kind = "kpis" if path.parent.name == "kpis" else path.stem
    assert path.name == "plan.lock" or faults(kind, read(path)) == []


def changed(**fields: Any) -> Any:
    """The entry of K06-1, with some fields otherwise."""
    (entry,) = (each for each in read(FOLDER / "kpis/06-water-power-gas.toml")["promise"] if each["id"] == "K06-1")
    return {"promise": [entry | fields]}


@pytest.mark.parametrize(
    "fields",
    [
        {"limits": "4 working_days"},
        {"limit": "four days"},
        {"kind": "case_limits"},
        {"effective_from": "soon"},
        {"objective": ">= many %"},
        {"official_window": "decade"},
        {"tier": "X"},
        {"windows": "year"},
    ],
    ids=lambda fields: next(iter(fields)),
)
def test_a_slip_of_the_keyboard_is_reported_by_the_schema(fields: dict[str, Any]) -> None:
    assert faults("kpis", changed()) == []
    assert faults("kpis", changed(**fields)) != []


def test_a_list_may_stand_where_codes_do() -> None:
    assert faults("kpis", changed(responsible="list:measure-leads", lead=["a", "list:measure-leads"])) == []
    assert faults("kpis", changed(responsible="measure-leads")) != []


def test_the_command_prints_one_schema_or_all() -> None:
    every = CliRunner().invoke(app, ["schema"])
    one = CliRunner().invoke(app, ["schema", "units"])
    assert (every.exit_code, json.loads(every.output)) == (0, SCHEMAS)
    assert (one.exit_code, json.loads(one.output)) == (0, SCHEMAS["units"])
    assert CliRunner().invoke(app, ["schema", "lists"]).exit_code == 2
