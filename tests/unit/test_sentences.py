"""A promise in words: both languages say whom it is about, what is counted, and by when."""

from pathlib import Path

import pytest

from services.catalog.load.plan_folder import load_plan
from services.catalog.words.promise_text import in_words
from services.catalog.words.wording import objective_text, unit_code
from services.cli.status import is_share

PLAN = load_plan(Path(__file__).parents[1] / "golden" / "plans" / "good" / "cases")
PROMISES = {promise.id: promise for promise in PLAN.promises}

SENTENCES = {
    "C1": (
        "获得用水（exempted yes且size large的除外）：每件的fee不超过0元。",
        "Getting water (except exempted yes and size large): fee at most 0 CNY in every case.",
    ),
    "C2": (
        "获得用水：“contract_signed”后30日内，每件的prepayment÷contract_value不低于30%。",
        "Getting water: prepayment ÷ contract_value at least 30% in every case within 30 calendar days of"
        " contract_signed.",
    ),
    "C3": (
        "获得用水：至2021-12-31，每件的terminals的个数、“surveyed”次数各等于1次。",
        "Getting water: the number of terminals, surveyed exactly 1 times in every case by 2021-12-31, each by itself.",
    ),
    "C4": (
        "获得用水：从受理到办结，只计在环节（survey、design）内的时间，每件不超过28个工作日。",
        "Getting water: from acceptance to completion within 28 working days, counting only the time in its nodes"
        " (survey, design), every case.",
    ),
    "C5": (
        "获得用水：办结前达到“surveyed”、“connected”，未获延期的办件占比不低于100%。",
        "Getting water: share of cases with surveyed and connected by completion, no extension: at least 100%.",
    ),
    "C6": (
        "获得用水：first_channel one_net，已达到“surveyed”、“connected”的办件占比不低于100%。",
        "Getting water: share of cases with first_channel one_net, surveyed and connected reached: at least 100%.",
    ),
    "C7": (
        "获得用水：每件的“surveyed”之前已“connected”的次数不超过0次。",
        "Getting water: connected without surveyed before it at most 0 times in every case.",
    ),
    "C8": (
        "获得用水：申请人评价的平均分不低于4.5分。",
        "Getting water: the mean of the applicants' own scores at least 4.5 points.",
    ),
    "C9": (
        "获得用水：prepayment合计与contract_value合计之比不低于30%。",
        "Getting water: the ratio of all prepayment to all contract_value at least 30%.",
    ),
    "T1": (
        "获得用水：已达到“surveyed”的办件占比持续上升（无目标值）。",
        "Getting water: the share of cases with surveyed reached is to rise, no target.",
    ),
    "T2": (
        "获得用水：达到“connected”的件数持续上升（无目标值）。",
        "Getting water: the number of cases that reach connected is to rise, no target.",
    ),
    "T3": (
        "获得用水：申请人评价的平均分持续上升（无目标值）。",
        "Getting water: the mean of the applicants' own scores is to rise, no target.",
    ),
    "T5": (
        "获得用水：从受理到办结的平均用时（工作日）持续下降（无目标值）。",
        "Getting water: the mean time from acceptance to completion in working days is to fall, no target.",
    ),
    "T6": (
        "获得用水：每件平均“surveyed”次数持续上升（无目标值）。",
        "Getting water: the mean number of surveyed a case is to rise, no target.",
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
    assert unit_code(PROMISES[kpi]) == code
    assert is_share(PROMISES[kpi]) is (code == "share")


def test_an_objective_of_a_bound_names_its_limit() -> None:
    assert objective_text(PROMISES["C2"]) == "≥ 30 % in every case within 30 calendar_days"
    assert objective_text(PROMISES["C1"]) == "≤ 0 CNY in every case"
