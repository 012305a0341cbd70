"""No amount of a promise that is judged can change by one unit, and no objective by one point, without a test failing.

`thresholds.csv` holds each of them once more. What is marked `catalogue` there is held against the catalogue of the
plan's promises, too, which was read off the plan by another hand than the plan's entries; what is marked `entry` is not
in that catalogue: a time that the plan does not print, a share of ours, a date that only the clause says. Where a row
was read anew, its clause stands beside it.
"""

import csv
from datetime import date
from decimal import Decimal
from pathlib import Path

import pytest

from services.catalog.samples.promise_samples import samples_of
from services.domain.plan.plan import Objective, Promise
from services.domain.time.limits import Limit
from tests.golden.catalogue import Threshold, thresholds
from tests.thresholds import Amount, amounts, nearby
from tests.verdicts import SHARED, Verdict, admitted, judge_of, shipped, verdict

GOLDEN = Path(__file__).parent / "thresholds.csv"
PLAN = shipped().plan
JUDGED = [promise for promise in PLAN.promises if promise.tier in ("H", "C")]
Rows = dict[str, list[tuple[Amount, str]]]

TIERS_READ_ANEW = {
    **dict.fromkeys(("K13-4", "K24-7", "K26-5", "K26-7", "K40-1", "K42-2"), "C"),  # 建立, 公布, 完成, 设立: to be done
    **dict.fromkeys(("K16-3", "K22-1", "K35-1"), "C"),  # 建立完善, 建立出台, 统筹制定: the same
    **dict.fromkeys(("K21-1", "K45-11"), "Q"),  # 加快实现, 推行: a direction
}
"""Where the plan's text says otherwise than the catalogue does."""
OTHERWISE = {
    "K02-1": "one terminal for a whole case: a bound of 1 on each, not a share",
    "K33-2": "no material asked for: the share of filings without any, which the source counts",
    "K44-2": "the same day: a limit of 0 working days on each, not a share",
    "KIV-1": "one report a month and lead: all that are owed",
}
"""Where an entry says in other figures what the catalogue says."""


def golden() -> Rows:
    """By promise: its amounts, and where each was read."""
    found: Rows = {}
    with GOLDEN.open(encoding="utf-8", newline="") as lines:
        for row in csv.DictReader(lines):
            key = row["kpi"] if row["variant"] == "official" else f"{row['kpi']}/{row['variant']}"
            found.setdefault(key, []).append((Amount(row["what"], row["amount"], row["unit"]), row["from"]))
    return found


def test_a_row_that_was_read_anew_has_the_clause_of_its_promise_beside_it() -> None:
    clauses = {promise.key: promise.clause for promise in PLAN.promises}
    with GOLDEN.open(encoding="utf-8", newline="") as lines:
        for row in csv.DictReader(lines):
            key = row["kpi"] if row["variant"] == "official" else f"{row['kpi']}/{row['variant']}"
            assert row["clause"] in ("", clauses[key]), key


def is_golden(promise: Promise) -> bool:
    """Whether the amounts of a promise are those that are written down."""
    written = sorted(amount for amount, _ in golden().get(promise.key, []))
    return sorted(amounts(promise, PLAN.head.issued)) == written


@pytest.mark.parametrize("promise", JUDGED, ids=lambda promise: promise.key)
def test_the_amounts_of_a_promise_are_those_written_down(promise: Promise) -> None:
    assert is_golden(promise)


def test_nothing_is_written_down_that_the_plan_does_not_have() -> None:
    assert golden().keys() <= {promise.key for promise in JUDGED}


@pytest.mark.parametrize("promise", JUDGED, ids=lambda promise: promise.key)
def test_an_amount_that_moves_by_one_is_noticed(promise: Promise) -> None:
    for name, moved in nearby(promise):
        assert not is_golden(moved), name


@pytest.mark.parametrize("promise", JUDGED, ids=lambda promise: promise.key)
def test_no_field_with_an_amount_is_overlooked(promise: Promise) -> None:
    kept = {amount.what.partition(".")[0] for amount in amounts(promise, date.min)}
    for name, field in type(promise).model_fields.items():
        value = getattr(promise, name)
        is_amount = isinstance(value, Limit | Objective | Decimal | date | float | int) and not isinstance(value, bool)
        if is_amount and name != "item" and value != field.default:
            assert name in kept, name


SEEN_BY_SAMPLES = ("limit", "bound", "matures_at")
"""Amounts that are about each single case: its samples lie on both sides of them."""


@pytest.mark.parametrize("promise", JUDGED, ids=lambda promise: promise.key)
def test_a_limit_or_bound_that_moves_by_one_changes_the_verdict_on_a_sample(promise: Promise) -> None:
    law = shipped().law
    samples = samples_of(promise, law)
    reported = [admitted(sample, PLAN) for sample in samples]

    def verdicts(changed: Promise) -> list[Verdict]:
        judge = judge_of(PLAN.model_copy(update={"promises": (changed,)}))
        return [verdict(judge, changed, sample, facts) for sample, facts in zip(samples, reported, strict=True)]

    per_case = [(name, moved) for name, moved in nearby(promise) if name.startswith(SEEN_BY_SAMPLES)]
    if promise.kind == "case_mean":
        per_case += [(name, moved) for name, moved in nearby(promise) if name.startswith("objective")]
    if not per_case:
        return
    before = verdicts(promise)
    for name, moved in per_case:
        assert verdicts(moved) != before, name


# ---- the other route ---------------------------------------------------------------------------------------
needs_catalogue = pytest.mark.skipif(not SHARED.exists(), reason="the plan's catalogue is not beside the repository")


def catalogued() -> dict[str, Threshold]:
    return thresholds((SHARED / "kpi_catalogue.yaml").read_text(encoding="utf-8"))


@needs_catalogue
def test_the_plan_has_the_promises_of_the_catalogue_in_their_tiers() -> None:
    ours = {promise.id: promise.tier for promise in PLAN.promises if promise.is_official}
    expected = {kpi: threshold.tier for kpi, threshold in catalogued().items()} | TIERS_READ_ANEW
    assert {kpi: ours.get(kpi) for kpi in expected} == expected


@needs_catalogue
@pytest.mark.parametrize("promise", JUDGED, ids=lambda promise: promise.key)
def test_what_the_catalogue_prints_is_written_down(promise: Promise) -> None:
    if promise.variant != "official" or promise.id in OTHERWISE or promise.id not in catalogued():
        return
    threshold = catalogued()[promise.id]
    written = [(amount.what, amount.amount.split()[-1]) for amount, _ in golden()[promise.key]]
    numbers = [amount for what, amount in written if what in ("limit", "bound", "objective", "objective.quota")]
    if threshold.values == (Decimal(100),) and promise.objective is None:
        assert numbers == ["0"], "of each single case: not one without"
    elif threshold.values:
        assert numbers == [str(value) for value in threshold.values]
    if threshold.due_by:
        assert ("by", threshold.due_by) in written
    if threshold.effective_from != PLAN.head.issued.isoformat():
        assert ("effective_from", threshold.effective_from) in written


@needs_catalogue
def test_the_catalogue_prints_what_is_marked_as_its_own() -> None:
    for key, rows in golden().items():
        threshold = catalogued().get(key.partition("/")[0])
        if threshold is None:
            assert {source for _, source in rows} == {"entry"}, key
            continue
        printed = {str(value) for value in threshold.values} | {threshold.due_by, threshold.effective_from}
        printed |= {"0"} if threshold.values == (Decimal(100),) else set()
        for amount, source in rows:
            assert source != "catalogue" or amount.amount.split()[-1] in printed, (key, amount)
