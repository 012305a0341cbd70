"""The pages of the promises follow from the plan, and a person can read them."""

import re
from collections import Counter
from pathlib import Path

import pytest

from services.catalog.words.promise_text import in_words
from services.handbook.write import PARTS, by_promise, write_handbook
from services.runtime.settings import Settings
from tests.verdicts import shipped

DOCS = Path(__file__).parents[2] / "docs"
PLAN = shipped().plan


def test_what_is_committed_is_what_the_plan_gives(tmp_path: Path) -> None:
    written = {path.relative_to(tmp_path): path for path in write_handbook(Settings().plan, tmp_path)}
    committed = {path.relative_to(DOCS) for part in PARTS for path in (DOCS / part).iterdir() if path.is_file()}
    assert committed | {Path("asyncapi.json"), Path("alerts.md")} == set(written), "run make generate"
    for name, path in written.items():
        assert (DOCS / name).read_text(encoding="utf-8") == path.read_text(encoding="utf-8"), (
            f"docs/{name} is not what the plan gives: run make generate"
        )


@pytest.mark.slow
def test_a_page_that_no_promise_has_any_more_is_removed(tmp_path: Path) -> None:
    (tmp_path / "promises").mkdir()
    (tmp_path / "promises" / "K99-1.md").write_text("gone", encoding="utf-8")
    write_handbook(Settings().plan, tmp_path)
    assert not (tmp_path / "promises" / "K99-1.md").exists()


@pytest.mark.parametrize("name", by_promise(PLAN))
def test_a_page_says_clause_words_formula_recipients_what_is_sent_and_two_histories(name: str) -> None:
    page = (DOCS / "promises" / f"{name}.md").read_text(encoding="utf-8")
    versions = by_promise(PLAN)[name]
    assert versions[0].variant == "official"
    for promise in versions:
        words = in_words(promise, PLAN)
        assert all(part in page for part in (f"> {promise.clause}\n", words.zh, words.en, promise.title.zh))
        assert all(
            text in page.replace("\\|", "|")
            for choice in promise.choices
            for text in (choice.taken.zh, choice.taken.en)
        )
    for heading in ("通知对象", "数据源报送要求", "样例"):
        assert page.count(f"# {heading}") == len(versions)
    assert page.count("公式 Formula") == len(versions)
    assert page.count("```json") >= 2 * len(versions)


def test_the_index_lists_every_promise_under_its_measure_and_counts_the_tiers() -> None:
    index = (DOCS / "promises" / "README.md").read_text(encoding="utf-8")
    tiers = Counter(str(versions[0].tier) for versions in by_promise(PLAN).values())
    assert dict(re.findall(r"^\| (H|C|Q) \| (\d+) \|", index, re.MULTILINE)) == {k: str(n) for k, n in tiers.items()}
    sections = {re.split("[．、]", part)[0]: part for part in re.split(r"^## ", index, flags=re.MULTILINE)[1:]}
    measures = {str(promise.item) for promise in PLAN.promises}
    assert {name for name in sections if "任务分解表" not in name} == measures
    for name, versions in by_promise(PLAN).items():
        assert f"[{name}]({name}.md)" in sections[str(versions[0].item)]


def test_the_index_names_each_measure_as_the_plan_does() -> None:
    index = (DOCS / "promises" / "README.md").read_text(encoding="utf-8")
    assert "## 6．压减接入时间 · Measure 6\n" in index
    assert "## 四、加强优化营商环境实施保障 · Section 四\n" in index
    assert all(not line.endswith("## ") for line in index.splitlines())


@pytest.mark.parametrize(
    ("name", "follows"),
    [
        ("K06-1", "severity `act`, level `red`"),
        ("K15-1", "severity `review`, level `yellow`"),
        ("K24-4", "severity `inform`, level `none`"),
        ("K01-1", "never alerts"),
    ],
)
def test_a_page_says_what_follows_from_a_miss(name: str, follows: str) -> None:
    assert follows in (DOCS / "promises" / f"{name}.md").read_text(encoding="utf-8")


def test_a_limit_in_minutes_lasts_to_no_end_of_a_day() -> None:
    said = {
        name: (DOCS / "promises" / f"{name}.md").read_text(encoding="utf-8") for name in ("K02-2", "K30-1", "K06-1")
    }
    assert {name: "至该时刻止" in page for name, page in said.items()} == {"K02-2": True, "K30-1": True, "K06-1": False}
