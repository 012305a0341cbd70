"""docs/write-a-plan.md: whoever follows the page has what it says."""

from pathlib import Path

from tests.page import Reader

DOCS = Path(__file__).parents[2] / "docs"


def test_a_plan_can_be_written_by_the_page(tmp_path: Path) -> None:
    reader = Reader(tmp_path)
    reader.follow(DOCS / "write-a-plan.md")
    assert not reader.exit_code and not reader.printed
    assert (tmp_path / "northbridge" / "plan.lock").exists()
