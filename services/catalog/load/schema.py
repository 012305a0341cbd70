"""The JSON Schema of each kind of file in a plan folder, for editors and for whoever writes a plan by program.

A schema says the form of a file. Whether a plan is right, beyond its form, is said by `kpiwatch plan check`.
"""

from collections.abc import Iterator, Mapping
from typing import Any

from services.catalog.load.plan_folder import LIST_PATTERN, TAKES_LISTS
from services.domain.plan.all_kinds import ANY_PROMISE
from services.domain.plan.calendar_file import CalendarFile
from services.domain.plan.plan import Entry, HoursEntry, Names, PlanHead, Promise, ServiceItem, Source, Unit

Schema = dict[str, Any]

DIALECT = "https://json-schema.org/draft/2020-12/schema"
_TABLES: Mapping[str, tuple[str, type[Entry]]] = {
    "units": ("unit", Unit),
    "service_items": ("service_item", ServiceItem),
    "sources": ("source", Source),
    "opening_hours": ("hours", HoursEntry),
}
"""Kind of file → the table that it repeats, and what an entry is."""


_TITLES = {"Title", "Name"}


def schemas() -> dict[str, Schema]:
    """By the kind of file: `plan` (plan.toml), `calendar` (calendar.toml), `names` (names.toml),
    `kpis` (kpis/*.toml), `units`, `service_items`, `sources`, `opening_hours`."""
    head = _taking_lists(PlanHead.model_json_schema())
    found = {"plan": {"$schema": DIALECT, **head, "title": "plan.toml"}}
    found["calendar"] = {"$schema": DIALECT, **CalendarFile.model_json_schema(), "title": "calendar.toml"}
    found["names"] = {"$schema": DIALECT, **Names.model_json_schema(), "title": "names.toml"}
    found["kpis"] = _of_tables("kpis", "promise", Promise.__name__, ANY_PROMISE.json_schema())
    for name, (table, model) in _TABLES.items():
        found[name] = _of_tables(name, table, model.__name__, model.model_json_schema())
    for schema in found.values():
        _without_chinese(schema)
    return found


def _without_chinese(schema: Schema) -> None:
    """In a plan of another language a title needs no `zh`; which language it is, no single file can say."""
    for name in _TITLES & schema.get("$defs", {}).keys():
        schema["$defs"][name]["required"].remove("zh")


def schema_for(path: str) -> str:
    """The kind of a file by its place in the plan folder: `kpis/06-water.toml` → `kpis`."""
    return path.partition("/")[0].removesuffix(".toml")


def _of_tables(name: str, table: str, model: str, schema: Schema) -> Schema:
    entry = _taking_lists(schema)
    definitions = entry.pop("$defs", {})
    definitions[model] = entry
    return {
        "$schema": DIALECT,
        "title": f"{name}.toml",
        "type": "object",
        "additionalProperties": False,
        "properties": {table: {"type": "array", "items": {"$ref": f"#/$defs/{model}"}}},
        "$defs": definitions,
    }


def _taking_lists(schema: Schema) -> Schema:
    """The same, where `"list:NAME"` may stand for a list of codes."""
    reference = {"type": "string", "pattern": f"^{LIST_PATTERN}$"}
    for name, content in _properties(schema):
        if name in TAKES_LISTS and content.get("type") == "array":
            array = {key: content.pop(key) for key in ("type", "items") if key in content}
            content["anyOf"] = [array, reference]
    return schema


def _properties(schema: Schema) -> Iterator[tuple[str, Schema]]:
    yield from schema.get("properties", {}).items()
    for definition in schema.get("$defs", {}).values():
        yield from definition.get("properties", {}).items()
