"""What a source may see of a case, and the row by which a case is listed: functions of facts and plan."""

from collections.abc import Sequence
from typing import Any

import orjson
import pytest

from services.casebook.case_summary import CaseState, IndexedCase, case_summary
from services.casebook.seen_by import seen_by
from services.domain.history.fold import Fold
from services.domain.intake.facts import Fact, case_key
from services.domain.judging.judge import Judge
from services.domain.plan.plan import Source
from services.domain.results.explain import Explanation, explain
from services.explanation.document import machine_readable
from services.explanation.page import Page
from tests.unit.cases import (
    OPERATIONS,
    SEALS,
    WATER,
    accepted,
    applied,
    at,
    completed,
    correction,
    extended,
    in_order,
    judge_of,
    milestone,
    node_started,
    promise,
    refused,
    reopened,
    resumed,
    suspended,
    upserted,
    withdrawn,
)

KEY = case_key(WATER, "W-1")
NOW = at("2021-10-20")
JUDGE = judge_of(
    promise(clock_stops=("hearing", "testing")),
    promise(id="SEAL", stop="milestone:seal_issued", clock_stops=("hearing", "testing")),
    promise(id="CONNECTED", stop="milestone:connected"),
    promise(
        id="MEAN", kind="case_mean", measure="working_days", objective="<= 3 working_days", stop="milestone:seal_issued"
    ),
)  # fmt: skip
SEAL = milestone("2021-09-24T10:00", "seal_issued", source=SEALS)
FACTS = in_order((
    applied("2021-09-15T08:00"), accepted("2021-09-16T09:00", attributes={"secret": "of the owner"}),
    suspended("2021-09-17T09:00"), resumed("2021-09-18T09:00"), SEAL, milestone("2021-09-23T10:00", "connected"),
    extended("2021-09-20T09:00", 1), completed("2021-09-27T10:00"),
))  # fmt: skip


def explained(facts: Sequence[Fact] = FACTS, judge: Judge = JUDGE) -> Explanation:
    return explain(judge, KEY, facts, NOW)


def seen(source: str, facts: Sequence[Fact] = FACTS) -> Explanation:
    found = seen_by(explained(facts), source, JUDGE.plan)
    assert found is not None
    return found


def document(explanation: Explanation) -> dict[str, Any]:
    return machine_readable(explanation, JUDGE, [])


def test_the_owner_sees_its_whole_case() -> None:
    whole = explained()
    assert seen_by(whole, WATER, JUDGE.plan) is whole


def test_another_source_sees_its_own_facts_and_the_verdicts_of_its_milestones() -> None:
    part = seen(SEALS)
    assert [each.fact for each in part.history] == [SEAL]
    assert [each.judgement.kpi for cycle in part.cycles for each in cycle.promises] == ["SEAL", "MEAN"]
    (whole,) = explained().cycles
    verdicts = {each.judgement.kpi: each.judgement for each in whole.promises}
    assert all(each.judgement == verdicts[each.judgement.kpi] for cycle in part.cycles for each in cycle.promises)


def test_nothing_that_the_owner_reported_is_in_what_another_source_sees() -> None:
    written = orjson.dumps(document(seen(SEALS))).decode()
    page = "".join(str(getattr(part, "renderable", part)) for part in Page(seen(SEALS), JUDGE, []).parts())
    for text in ("secret", "hearing", "connected", "CONNECTED", "suspended", "extended", "applied", *(
        fact.id for fact in FACTS if fact.source != SEALS
    )):  # fmt: skip
        assert text not in written.replace('"suspended":', "") and text not in page
    assert '"account":null' in written and '"attributes":{}' in written and '"unit":""' in written


def test_what_a_correction_made_of_its_milestone_counts() -> None:
    """It reported `seal_issued` by mistake, and `connected` in its place."""
    to = milestone("2021-09-23T10:00", "connected", source=SEALS)
    corrected = correction("2021-09-28T10:00", of=SEAL, to=to)
    part = seen(SEALS, in_order((*FACTS, corrected)))
    assert [each.fact for each in part.history] == [SEAL, corrected]
    assert "CONNECTED" in [each.judgement.kpi for cycle in part.cycles for each in cycle.promises]


def test_a_milestone_that_the_plan_expects_of_it_is_seen_before_it_is_reported() -> None:
    plan = JUDGE.plan
    registered = Source(id=SEALS, units=("works",), owners=(WATER,), milestones=("seal_issued",))
    expecting = plan.model_copy(update={"sources": {**plan.sources, SEALS: registered}})
    awaited = explained(in_order(fact for fact in FACTS if fact is not SEAL))
    part = seen_by(awaited, SEALS, expecting)
    assert part is not None and not part.history
    assert {each.judgement.kpi for cycle in part.cycles for each in cycle.promises} == {"SEAL", "MEAN"}
    elsewhere = registered.model_copy(update={"owners": ("/units/another",)})
    foreign = plan.model_copy(update={"sources": {**plan.sources, SEALS: elsewhere}})
    assert seen_by(awaited, SEALS, foreign) is None


@pytest.mark.parametrize("source", ["/units/somebody-else", "", "/units/wate", KEY])
def test_who_has_nothing_to_do_with_it_sees_no_case(source: str) -> None:
    assert seen_by(explained(), source, JUDGE.plan) is None


def test_the_operations_centre_is_another_source() -> None:
    part = seen(OPERATIONS)
    assert [each.fact.source for each in part.history] == [OPERATIONS]
    assert not part.cycles


# ---- the row of a case -----------------------------------------------------------------------------------
def summary(*facts: Fact, judge: Judge = JUDGE) -> IndexedCase:
    return case_summary(judge, KEY, in_order(facts))


APPLIED, ACCEPTED, COMPLETED = applied("2021-09-15"), accepted("2021-09-16"), completed("2021-09-20")


@pytest.mark.parametrize(
    ("facts", "state", "closed"),
    [
        ((APPLIED,), "open", None),
        ((APPLIED, ACCEPTED), "open", None),
        ((ACCEPTED, COMPLETED), "closed", "2021-09-20"),
        ((ACCEPTED, withdrawn("2021-09-18")), "closed", "2021-09-18"),
        ((APPLIED, refused("2021-09-17")), "closed", "2021-09-17"),
        ((APPLIED, refused("2021-09-17"), accepted("2021-09-19")), "open", None),
        ((ACCEPTED, COMPLETED, reopened("2021-09-22")), "open", None),
        ((ACCEPTED, COMPLETED, reopened("2021-09-22", "new_request")), "open", None),
        ((COMPLETED,), "closed", "2021-09-20"),
        ((upserted("2021-09-01"),), "register", None),
    ],
)
def test_a_case_is_open_until_its_last_request_has_ended(
    facts: tuple[Fact, ...], state: str, closed: str | None
) -> None:
    row = summary(*facts)
    assert (row.state, row.closed_at) == (state, None if closed is None else at(closed))


def test_the_row_says_who_accepted_it_who_holds_it_and_when_it_arrived() -> None:
    row = summary(APPLIED, ACCEPTED, node_started("2021-09-17", "survey", unit="surveyors"))
    assert (row.owner, row.subject, row.unit, row.holder) == (WATER, "W-1", "works", "surveyors")
    assert (row.service_item, row.cycles, row.events, row.filed_at) == ("water", 1, 3, at("2021-09-16"))
    assert (row.first_arrival, row.last_arrival) == (at("2021-09-15"), at("2021-09-17"))
    assert summary(ACCEPTED, COMPLETED, reopened("2021-09-22", "new_request")).cycles == 2


def test_a_case_that_cannot_be_read_is_listed_as_such(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(self: Fold, facts: Sequence[Fact]) -> None:
        raise OverflowError("a defect of ours")

    monkeypatch.setattr(Fold, "cycles", broken)
    row = summary(ACCEPTED, COMPLETED)
    assert (row.state, row.unit, row.events) == (CaseState.UNREADABLE, "", 2)
