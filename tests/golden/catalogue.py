"""Reads the thresholds of the plan's catalogue (`kpi_catalogue.yaml`), line by line: it is not strict YAML."""

import re
from decimal import Decimal
from typing import NamedTuple


class Threshold(NamedTuple):
    """What the catalogue says that the plan prints for one promise."""

    tier: str
    kind: str
    op: str
    values: tuple[Decimal, ...]
    """None: no number is printed; two: a range."""
    unit: str
    due_by: str
    effective_from: str


def thresholds(text: str) -> dict[str, Threshold]:
    """By promise."""
    blocks = re.split(r"^- id: ", text[text.index("\nkpis:") :], flags=re.MULTILINE)[1:]
    return {block.split(None, 1)[0]: _threshold(block) for block in blocks}


def _threshold(block: str) -> Threshold:
    inside = re.search(r"^  threshold:\n((?:    .*\n)+)", block, flags=re.MULTILINE)
    assert inside is not None
    numbers = re.findall(r"(?:value:|^    -) +([0-9.]+)$", inside[1], flags=re.MULTILINE)
    return Threshold(
        _field("tier", block), _field("kind", block), _field("op", inside[1]),
        tuple(Decimal(number) for number in numbers), _field("unit", inside[1]),
        _field("due_by", block), _field("effective_from", block),
    )  # fmt: skip


def _field(name: str, block: str) -> str:
    found = re.search(rf"^ +{name}: +(.*)$", block, flags=re.MULTILINE)
    return found[1].strip("'").rstrip("*") if found and found[1] != "null" else ""
