"""The list of CONTRIBUTING.md for an event type: each type of the contract is in every place that the list names."""

from pathlib import Path
from typing import Any, get_args

import pytest

from services.catalog.words.event_names import EVENT_NAMES
from services.domain.intake.events import MODELS, Replacement

ROOT = Path(__file__).parents[2]


def test_every_file_of_the_list_is_there() -> None:
    section = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8").partition("\n## An event type\n")[2]
    named = [line.split("`")[1] for line in section.partition("\n## ")[0].splitlines() if line[:1].isdigit()]
    files = [name for name in named if "/" in name]
    assert len(files) == 5
    assert all((ROOT / file).is_file() for file in files)


@pytest.mark.parametrize("name", MODELS)
def test_a_type_has_a_name_in_explanations_and_a_line_in_the_contract(name: str) -> None:
    assert name in {fact_type.event_type for fact_type in EVENT_NAMES}
    assert f"`{name}`" in (ROOT / "docs" / "contract.md").read_text(encoding="utf-8").partition("send it when")[2]


@pytest.mark.parametrize("name", MODELS)
def test_a_type_can_be_corrected_unless_it_is_a_correction(name: str) -> None:
    union: Any = get_args(Replacement)[0]
    assert (MODELS[name] in get_args(union)) == (name != "correction")
