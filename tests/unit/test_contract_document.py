"""docs/contract.md says what the code does: its tables are those of the models, its commands those there are."""

import re
from pathlib import Path

import pytest

from services.cli.__main__ import COMMANDS
from services.domain.intake.events import MODELS
from services.domain.intake.facts import FactType
from services.domain.intake.refusal import Reason
from services.handbook.contract import filled
from tests.unit.gateway import edge

FILE = Path(__file__).parents[2] / "docs" / "contract.md"
TEXT = FILE.read_text(encoding="utf-8")


def test_the_generated_tables_are_those_of_the_models() -> None:
    assert filled(TEXT) == TEXT, "run make generate"


def test_every_type_has_a_line_that_says_when_to_send_it() -> None:
    described = re.findall(
        r"^\| (`[^|]*`) \|", TEXT.partition("| send it when |")[2].partition("\nA limit")[0], re.MULTILINE
    )
    named = {name for line in described for name in re.findall(r"`([a-z]+\.[a-z_]+|correction)`", line)}
    assert named == set(MODELS)


def test_every_reason_is_in_the_list() -> None:
    assert all(f"`{reason}`" in TEXT for reason in Reason)


def test_the_commands_are_those_that_there_are() -> None:
    listed = set(re.findall(r"^\| `kpiwatch ([a-z-]+)", TEXT, re.MULTILINE))
    assert listed == set(COMMANDS)


def test_a_block_that_nobody_generates_is_an_error() -> None:
    with pytest.raises(ValueError, match="nothing generates the block 'wishes'"):
        filled("<!-- generated: wishes -->\n<!-- end -->")


def test_each_event_of_the_page_is_admitted() -> None:
    events = [block for block in re.findall(r"```json\n(.*?)```", TEXT, re.DOTALL) if '"specversion"' in block]
    types = [edge().admit(block.encode()).fact.type for block in events]
    assert types == [FactType.CASE_ACCEPTED, FactType.CORRECTION]
