"""docs/write-a-plan.md and docs/integrate.md: whoever follows them has what they say."""

from pathlib import Path

from tests.page import Reader

DOCS = Path(__file__).parents[2] / "docs"


def test_a_plan_can_be_written_by_the_page(tmp_path: Path) -> None:
    reader = Reader(tmp_path)
    reader.follow(DOCS / "write-a-plan.md")
    assert not reader.exit_code and not reader.printed
    assert (tmp_path / "northbridge" / "plan.lock").exists()


def test_an_export_becomes_verdicts_by_the_page(tmp_path: Path) -> None:
    for name in ("docs", "services"):
        (tmp_path / name).symlink_to(DOCS.parent / name)
    Reader(tmp_path, {"source .venv/bin/activate": "true"}).follow(DOCS / "integrate.md")
    assert (tmp_path / "build" / "values.csv").exists()
