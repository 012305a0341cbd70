"""`kpiwatch plan check | show | diff`, as a user meets them."""

import json
import shutil
from pathlib import Path

import pytest
from typer.testing import CliRunner

from services.cli.plan import app
from services.domain.plan.all_kinds import SPECIFICATIONS
from services.domain.plan.plan import Tier
from services.runtime.settings import Settings
from tests.verdicts import shipped

PLAN = shipped().plan
TIER_OF = {promise.id: promise.tier for promise in PLAN.promises if promise.is_official}
PROMISES = len(TIER_OF)
TIERS = ", ".join(f"{tier} {list(TIER_OF.values()).count(tier)}" for tier in Tier)
PLANS = Path(__file__).parents[1] / "golden" / "plans"


def run(*words: object) -> tuple[int, str]:
    result = CliRunner().invoke(app, [str(word) for word in words])
    assert result.exception is None or isinstance(result.exception, SystemExit)
    return result.exit_code, result.output


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    return Path(shutil.copytree(PLANS / "good" / "smallest", tmp_path / "plan"))


def edit(folder: Path, old: str, new: str) -> None:
    path = folder / "kpis" / "water.toml"
    path.write_text(path.read_text(encoding="utf-8").replace(old, new), encoding="utf-8")


def test_the_shipped_plan_passes_with_its_promises_counted_by_tier() -> None:
    code, said = run("check", Settings().plan)
    assert (code, said.splitlines()) == (
        0,
        [
            f"{Settings().plan}: {PROMISES} promises in {len(PLAN.promises)} entries, no errors",
            f"by tier: {TIERS}",
            "placeholder lists/cross-region-second.txt: K25-3 unmeasured until it is replaced",
            "placeholder lists/on-application-items.txt",
            "placeholder lists/oversight-record-producers.txt",
            "placeholder lists/patent-agencies.txt: K41-1 unmeasured until it is replaced",
            "placeholder lists/permits.txt",
            "placeholder lists/units-with-seal.txt: K26-4 unmeasured until it is replaced",
        ],
    )


def test_a_bad_plan_exits_with_1_and_names_file_line_and_key_on_one_line_each() -> None:
    folder = PLANS / "bad" / "measures"
    code, said = run("check", folder, "--today", "2021-10-01")
    expected = (folder / "expected.txt").read_text(encoding="utf-8").splitlines()
    assert code == 1
    assert said.splitlines() == [*(f"{folder}/{line}" for line in expected), f"{len(expected)} errors in 1 file"]


def test_a_folder_that_is_not_there_is_wrong_usage() -> None:
    assert run("check", "no-such-folder")[0] == 2


def test_a_locked_version_cannot_be_edited_while_in_force(copy: Path) -> None:
    assert run("check", copy, "--write-lock")[0] == 0
    edit(copy, 'size = "small"', 'size = "large"')
    code, said = run("check", copy)
    assert (code, "was edited while in force" in said) == (1, True)
    code, said = run("check", copy, "--write-lock")
    assert (code, "was edited while in force" in said) == (1, True)


def test_a_title_may_be_mended_while_in_force(copy: Path) -> None:
    assert run("check", copy, "--write-lock")[0] == 0
    edit(copy, "Water connection", "Connection to the mains")
    assert run("check", copy)[0] == 0


def test_a_version_not_yet_in_force_may_be_edited(copy: Path) -> None:
    assert run("check", copy, "--write-lock", "--today", "2021-08-01")[0] == 0
    edit(copy, 'size = "small"', 'size = "large"')
    assert run("check", copy, "--today", "2021-08-01")[0] == 0
    assert run("check", copy, "--today", "2021-08-20")[0] == 1


def test_a_new_version_follows_one_that_ends(copy: Path) -> None:
    assert run("check", copy, "--write-lock", "--today", "2021-10-01")[0] == 0
    text = (copy / "kpis" / "water.toml").read_text(encoding="utf-8")
    later = text.replace("2021-08-20", "2022-01-01").replace('size = "small"', 'size = ["small", "large"]')
    (copy / "kpis" / "water.toml").write_text(f"{text}effective_to = 2021-12-31\n\n{later}", encoding="utf-8")
    assert run("check", copy, "--today", "2021-10-01")[0] == 0
    assert run("check", copy, "--today", "2022-01-02")[0] == 1  # too late: the lock knows of no such end
    assert run("check", copy, "--write-lock", "--today", "2021-10-01")[0] == 0
    assert run("check", copy, "--today", "2022-01-02")[0] == 0


def test_show_says_a_promise_in_both_languages_with_its_clause() -> None:
    code, said = run("show", "K06-1")
    flat = "".join(said.split())
    assert code == 0
    assert "无需建设外线管道的小型项目供水接入时间不超过4个工作日" in flat
    assert "每件不超过4个工作日" in flat
    assert "within4workingdays,everycase" in flat


def test_show_json_is_the_entry_with_its_words() -> None:
    code, said = run("show", "K24-1", "--json")
    entries = json.loads(said)
    assert code == 0
    assert [entry["key"] for entry in entries] == ["K24-1", "K24-1/cases", "K24-1/ratio_of_sums"]
    assert entries[0]["objective"] == {"relation": ">=", "amount": "0.8", "unit": "share", "quota": None}
    assert set(entries[0]["words"]) == {"zh", "en"}


def test_show_json_gives_everything_of_each_promise() -> None:
    code, said = run("show", "--json")
    entries = json.loads(said)
    assert (code, len(entries), len({entry["id"] for entry in entries})) == (0, len(PLAN.promises), PROMISES)
    for entry in entries:
        assert entry.keys() == {"key", "words", "needs", "samples", *SPECIFICATIONS[entry["kind"]].model_fields}
        assert entry["clause"] and entry["lead"] and entry["tier"] and all(entry["words"].values())
        assert entry["needs"]["subjects"] and entry["needs"]["sources"]
        assert len(entry["samples"]) >= 2 and all(sample["events"] for sample in entry["samples"])


def test_show_of_what_comes_before_the_dash_is_all_promises_that_share_it() -> None:
    code, said = run("show", "K24", "--json")
    assert code == 0
    assert {promise["id"] for promise in json.loads(said)} == {f"K24-{number}" for number in range(1, 9)}


def test_show_lists_every_promise() -> None:
    code, said = run("show")
    assert (code, all(kpi in said for kpi in ("K03-2", "K24-1/cases", "KIV-1"))) == (0, True)


def test_show_of_an_unknown_promise_is_wrong_usage() -> None:
    code, said = run("show", "K06-9")
    assert (code, "did you mean" in said) == (2, True)


def test_show_of_an_unreadable_plan_lists_why() -> None:
    code, said = run("show", "--plan", PLANS / "bad" / "no-head")
    assert (code, "there is no such file" in said) == (1, True)


def test_diff_names_what_changes_and_whether_verdicts_do(copy: Path) -> None:
    before = PLANS / "good" / "smallest"
    code, said = run("diff", before, copy)
    assert (code, said.strip()) == (0, "0 differences; no verdict changes")
    edit(copy, '"4 working_days"', '"3 working_days"')
    code, said = run("diff", before, copy)
    assert code == 0
    assert said.splitlines() == [
        '~ promise P1 2021-08-20.limit: {"amount": 4, "unit": "working_days"} → {"amount": 3, "unit": "working_days"}',
        "1 difference; every case is judged again",
    ]


def test_diff_of_a_promise_that_changes_its_kind(copy: Path) -> None:
    edit(copy, 'kind = "case_limit"', 'kind = "case_mean"\nmeasure = "working_days"\nobjective = "<= 4 working_days"')
    edit(copy, 'limit = "4 working_days"', "")
    code, said = run("diff", PLANS / "good" / "smallest", copy)
    lines = said.splitlines()
    assert code == 0, said
    assert any('promise P1 2021-08-20.kind: "case_limit" → "case_mean"' in line for line in lines), said
    assert any(".measure:" in line and "working_days" in line for line in lines), said


@pytest.mark.parametrize(
    ("kpi", "words"),
    [
        ("P8", "100% of the 3 on the list: on record."),
        ("P9", "share in the version of library on portal, app: 100%."),
        ("P10", "number of entries (online yes): 3 to 5 enterprises by 2021-12-31."),
        ("P11", "once, by 2021-12-31."),
        ("P12", "Collected records ÷ Oversight records, month by month: 100%."),
        ("P13", "100%: online yes (short of it by no more than 5 points: at risk, not missed)."),
        ("P14", "sum of stock: should rise (no target)."),
        ("P15", "share of oversight records, of the last month reported: should rise (no target)."),
    ],
)
def test_a_promise_about_what_is_no_case_reads_as_a_sentence(kpi: str, words: str) -> None:
    code, said = run("show", kpi, "--json", "--plan", PLANS / "good" / "kinds")
    (entry,) = json.loads(said)
    assert (code, entry["words"]["en"].endswith(words)) == (0, True), entry["words"]["en"]
