"""A promise in words: both languages say whom it is about, what is counted, and by when."""

import re
from pathlib import Path

import pytest

from services.catalog.load.plan_folder import load_plan
from services.catalog.words.names import NameBook
from services.catalog.words.promise_text import formula, in_words
from services.catalog.words.wording import objective_text
from services.domain.plan.plan import Names, Promise
from tests.verdicts import shipped

PLAN = load_plan(Path(__file__).parents[1] / "golden" / "plans" / "good" / "cases")
PROMISES = {promise.id: promise for promise in PLAN.promises}

SENTENCES = {
    "C1": (
        "获得用水（经批准豁免且规模为大型的除外）：不得收费。",
        "Getting water (except exempted and size = large): no fee, in every case.",
    ),
    "C2": (
        "获得用水：签订合同后30日内，每件预付款占合同金额的比例不低于30%。",
        "Getting water: prepayment ÷ contract value: at least 30%, in every case, within 30 calendar days"
        " of signing of the contract.",
    ),
    "C3": (
        "获得用水：截至2021年12月31日（含当日），每件所用终端、查勘均应为1次。",
        "Getting water: the number of terminals used, survey: each exactly 1 time, in every case, by 2021-12-31.",
    ),
    "C4": (
        "获得用水：从受理到办结，只计现场查勘、设计环节的用时，每件不超过28个工作日。",
        "Getting water: from acceptance to completion within 28 working days, counting only the time in"
        " its nodes (site survey, design), every case.",
    ),
    "C5": (
        "获得用水：全部（100%）办件应符合：办结前已查勘、通水且未获延期。",
        "Getting water: in 100% of cases: survey and water connection by completion and no extension.",
    ),
    "C6": (
        "获得用水：全部（100%）办件应符合：首次渠道为一网通且已查勘、通水。",
        "Getting water: in 100% of cases: first channel = one net and survey and water connection reached.",
    ),
    "C7": (
        "获得用水：应先查勘、后通水。",
        "Getting water: survey before water connection, in every case.",
    ),
    "C8": (
        "获得用水：申请人评价的平均分不低于4.5分。",
        "Getting water: the mean of the applicants' own scores: at least 4.5 points.",
    ),
    "C9": (
        "获得用水：预付款合计占合同金额合计的比例不低于30%。",
        "Getting water: the ratio of all prepayment to all contract value: at least 30%.",
    ),
    "T1": (
        "获得用水：已查勘的办件占比应持续上升（方案未定目标值）。",
        "Getting water: the share of cases (survey reached) should rise (no target).",
    ),
    "T2": (
        "获得用水：已通水的件数应持续上升（方案未定目标值）。",
        "Getting water: the number of cases that reach water connection should rise (no target).",
    ),
    "T3": (
        "获得用水：申请人评价的平均分应持续上升（方案未定目标值）。",
        "Getting water: the mean of the applicants' own scores should rise (no target).",
    ),
    "T5": (
        "获得用水：从受理到办结的平均用时（工作日）应持续下降（方案未定目标值）。",
        "Getting water: the mean time from acceptance to completion in working days should fall (no target).",
    ),
    "T6": (
        "获得用水：每件平均查勘次数应持续上升（方案未定目标值）。",
        "Getting water: the mean number of survey a case should rise (no target).",
    ),
}


@pytest.mark.parametrize("kpi", SENTENCES)
def test_a_promise_says_what_it_is_in_both_languages(kpi: str) -> None:
    words = in_words(PROMISES[kpi], PLAN)
    assert (words.zh, words.en) == SENTENCES[kpi]


@pytest.mark.parametrize(
    ("kpi", "code"),
    [("T1", "share"), ("T2", "cases"), ("T3", "points"), ("T4", "share"), ("T5", "working_days"), ("T6", "count"),
     ("T7", "fee"), ("C2", "share"), ("C8", "points"), ("C9", "share")],
)  # fmt: skip
def test_a_figure_says_what_it_counts(kpi: str, code: str) -> None:
    assert PROMISES[kpi].figure_unit == code


def test_an_objective_of_a_bound_names_its_limit() -> None:
    assert objective_text(PROMISES["C2"]) == "≥ 30 % in every case within 30 calendar days"
    assert objective_text(PROMISES["C1"]) == "≤ 0 CNY in every case"


NAMELESS = PLAN.model_copy(update={"names": Names()})


@pytest.mark.parametrize(
    ("kpi", "sentence"),
    [
        ("C1", "获得用水（exempted为是且size为large的除外）：每件fee不超过0元。"),
        ("C4", "获得用水：从受理到办结，只计survey、design环节的用时，每件不超过28个工作日。"),
        ("C7", "获得用水：应先“surveyed”、后“connected”。"),
    ],
)
def test_what_has_no_name_is_read_by_its_code(kpi: str, sentence: str) -> None:
    assert in_words(PROMISES[kpi], NAMELESS).zh == sentence


def test_a_name_within_a_service_item_goes_before_the_general_one() -> None:
    assert NameBook(PLAN, ("water.connection",)).milestone("connected").zh == "通水"
    assert NameBook(PLAN, ("gas.connection",)).milestone("connected").zh == "接通"
    assert NameBook(PLAN, ("water.connection", "gas.connection")).milestone("connected").zh == "接通"


SHIPPED = shipped().plan
_CODE = re.compile(r"[a-z]+_[a-z_]+|[a-z]{4,}")


@pytest.mark.parametrize("promise", SHIPPED.promises, ids=lambda promise: promise.key)
def test_no_sentence_of_the_plan_shows_a_code(promise: Promise) -> None:
    assert not _CODE.search(in_words(promise, SHIPPED).zh + formula(promise).zh)
    assert "_" not in in_words(promise, SHIPPED).en
