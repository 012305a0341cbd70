"""Writes the handbook: a page per promise, their index, the schemas of a plan's files and of events, the topics, the
tables of the contract."""

from collections.abc import Sequence
from pathlib import Path
from typing import Final

from services.catalog.load.annex import read_annex
from services.catalog.load.calendars import calendar_of
from services.catalog.load.plan_folder import load_plan
from services.catalog.load.schema import schemas
from services.domain.plan.plan import Plan, Promise
from services.domain.plan.statutory_time import Law
from services.handbook.alerts import alerts_page
from services.handbook.annex_table import annex_table
from services.handbook.asyncapi import asyncapi
from services.handbook.contract import filled
from services.handbook.event_schemas import as_json, event_schemas, file_of
from services.handbook.index import index
from services.handbook.page import page

PARTS: Final = ("promises", "schema", "schema/events")
"""Folders of which every file is generated."""


def write_handbook(plan_folder: Path, folder: Path) -> list[Path]:
    """Writes promises/*.md, alerts.md, schema/*.json, schema/events/*.json and asyncapi.json under `folder`, and
    the tables of contract.md where that is there; a page that no promise has any more is removed.

    InvalidPlan if there is no plan in the folder.
    """
    plan = load_plan(plan_folder)
    text = (plan_folder / plan.head.text).read_text(encoding="utf-8") if plan.head.text else ""
    law = Law(plan, calendar_of(plan))
    groups = by_promise(plan)
    files = {folder / "promises" / f"{name}.md": page(versions, plan, law) for name, versions in groups.items()}
    files[folder / "promises" / "README.md"] = index(groups, plan, text) + annex_table(read_annex(plan_folder), plan)
    for name, schema in schemas().items():
        files[folder / "schema" / f"{name}.schema.json"] = as_json(schema)
    for name, schema in event_schemas().items():
        files[folder / file_of(name)] = as_json(schema)
    files[folder / "alerts.md"] = alerts_page()
    files[folder / "asyncapi.json"] = as_json(asyncapi(law))
    for part in PARTS:
        (folder / part).mkdir(parents=True, exist_ok=True)
        for old in (folder / part).iterdir():
            if old.is_file() and old not in files:
                old.unlink()
    contract = folder / "contract.md"
    if contract.exists():
        files[contract] = filled(contract.read_text(encoding="utf-8"))
    for path, content in files.items():
        path.write_text(content, encoding="utf-8")
    return list(files)


def by_promise(plan: Plan) -> dict[str, Sequence[Promise]]:
    """The entries of each promise, its official ones first, in the plan's order."""
    groups: dict[str, list[Promise]] = {}
    for promise in plan.promises:
        groups.setdefault(promise.id, []).append(promise)
    return {name: sorted(each, key=lambda entry: not entry.is_official) for name, each in groups.items()}
