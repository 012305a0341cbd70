"""docs/decisions: one file each, with its own number, with context, choice and consequence, and all in the index."""

import re
from pathlib import Path

import pytest

FOLDER = Path(__file__).parents[2] / "docs" / "decisions"
FILES = sorted(file for file in FOLDER.glob("*.md") if file.name != "README.md")
FORM = re.compile(
    r"# (\d{4})\. (.+)\n\n- Date: \d{4}-\d\d-\d\d\n- Status: (accepted|superseded by (\d{4}).*)\n\n"
    r"## Context\n\n.+\n\n## Choice\n\n.+\n\n## Consequence\n\n.+\n",
    re.DOTALL,
)


def test_no_two_decisions_have_one_number() -> None:
    """Gaps are allowed: whoever works beside others takes a number of his own range."""
    numbers = [file.name[:4] for file in FILES]
    assert numbers == sorted(set(numbers))


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.name[:4])
def test_a_decision_has_its_parts_and_its_number(file: Path) -> None:
    found = FORM.fullmatch(file.read_text(encoding="utf-8"))
    assert found and found[1] == file.name[:4]
    assert found[4] is None or list(FOLDER.glob(f"{found[4]}-*.md")), "what supersedes it must be there"


def test_the_index_lists_them_all_with_their_titles() -> None:
    lines = [
        f"- [{file.name[:4]}]({file.name}) {file.read_text(encoding='utf-8').splitlines()[0][8:]}" for file in FILES
    ]
    index = (FOLDER / "README.md").read_text(encoding="utf-8")
    assert [line for line in index.splitlines() if line.startswith("- [")] == lines
