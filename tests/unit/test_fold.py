"""The fold: any order and any duplication of the same facts give the same case (docs/contract.md)."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.domain.history.case import Case, micro
from services.domain.history.corrections import bad_corrections, corrected
from services.domain.history.fact_set import Insertion, insert
from services.domain.history.registers import entry_of, fulfilments_of
from services.domain.intake.facts import Fact, FactType
from tests.unit import histories
from tests.unit.cases import (
    SEALS,
    WATER,
    accepted,
    applied,
    at,
    completed,
    correction,
    fulfilled,
    in_order,
    judge_of,
    measured,
    milestone,
    promise,
    reclassified,
    upserted,
)
from tests.unit.test_partition import EVERY_KIND

WATER_ONLY = judge_of(promise())
START = accepted("2021-09-16T09:00")


def reported(case: Case) -> dict[str, object]:
    """All that a case says."""
    return {name: getattr(case, name) for name in Case.__dataclass_fields__}


@given(st.data())
def test_any_order_and_any_duplication_give_the_same_cycles_and_judgements(data: st.DataObject) -> None:
    given_events = data.draw(histories.any_subject())
    shuffled = data.draw(
        st.permutations([*given_events, *data.draw(st.lists(st.sampled_from(given_events), max_size=5))])
    )
    one, other = histories.settled(given_events), histories.settled(shuffled)
    assert one == other
    assert one == in_order(one)
    assert [reported(case) for case in EVERY_KIND.cases(one)] == [reported(case) for case in EVERY_KIND.cases(other)]
    now = data.draw(st.integers(histories.BEGIN, histories.END))
    assert EVERY_KIND.judge(one, now) == EVERY_KIND.judge(other, now)


@given(histories.facts(), st.integers(histories.BEGIN, histories.END))
def test_judging_leaves_the_facts_as_they_are_and_says_the_same_twice(facts: list[Fact], now: int) -> None:
    before = [(fact, repr(fact.data)) for fact in facts]
    first = EVERY_KIND.judge(facts, now)
    assert EVERY_KIND.judge(facts, now) == first
    assert [(fact, repr(fact.data)) for fact in facts] == before


@given(histories.facts(), st.integers(histories.BEGIN, histories.END))
def test_what_has_not_happened_or_not_arrived_is_not_known(facts: list[Fact], now: int) -> None:
    known = [fact for fact in facts if fact.time <= now and fact.received <= now]
    assert EVERY_KIND.judge(facts, now).judgements == EVERY_KIND.judge(known, now).judgements


# ---- order of the contract -------------------------------------------------------------------------------
def test_facts_of_one_instant_are_ordered_by_their_types_place_in_the_contract() -> None:
    start, end = accepted("2021-09-16T09:00"), completed("2021-09-16T09:00")
    (case,) = WATER_ONLY.cases(in_order([end, start]))
    assert case.completed_at == case.accepted_at == at("2021-09-16T09:00")
    assert case.anomalies == []


def test_every_type_of_the_contract_has_its_rank() -> None:
    assert [rank.event_type for rank in FactType][:4] == [
        "case.applied",
        "case.accepted",
        "case.supplement_requested",
        "case.refused",
    ]
    assert FactType.CORRECTION.event_type == "correction"
    assert FactType.SOURCE_HEARTBEAT.event_type == "source.heartbeat"


# ---- duplicates and conflicts ----------------------------------------------------------------------------
def test_the_same_pair_and_payload_is_a_duplicate() -> None:
    assert insert([START], START).outcome is Insertion.DUPLICATE


def test_of_a_duplicate_the_earliest_arrival_counts() -> None:
    late = START._replace(received=START.received + 1)
    assert insert([late], START).facts == [START]
    assert insert([START], late).facts == [START]


def test_the_same_id_of_another_source_is_another_event() -> None:
    other = START._replace(source=SEALS)
    assert insert([START], other).outcome is Insertion.NEW


@given(st.permutations([START._replace(digest=digest, received=START.received + n) for n, digest in enumerate("cab")]))
def test_of_a_conflict_the_smallest_digest_counts_in_any_order(events: list[Fact]) -> None:
    (kept,) = histories.settled(events)
    assert kept.digest == "a"


# ---- corrections -----------------------------------------------------------------------------------------
def test_a_correction_replaces_the_whole_event_and_keeps_its_identity() -> None:
    (fact,) = corrected([START, correction("2021-09-18", START, accepted("2021-09-15T09:00", unit="seals"))])
    assert (fact.id, fact.time, fact.data["unit"], fact.received) == (
        START.id,
        at("2021-09-15T09:00"),
        "seals",
        START.received,
    )


def test_a_correction_with_null_strikes_the_event_out() -> None:
    assert corrected([START, correction("2021-09-18", START, None)]) == []
    assert WATER_ONLY.judge([START, correction("2021-09-18", START, None)], at("2021-12-01")).judgements[0].kpi != "P"


def test_of_several_corrections_the_greatest_time_and_id_wins() -> None:
    first = correction("2021-09-18", START, accepted("2021-09-14T09:00"), id="z")
    second = correction("2021-09-19", START, accepted("2021-09-15T09:00"), id="a")
    third = correction("2021-09-19", START, accepted("2021-09-13T09:00"), id="b")
    for some, expected in (([first, second], "15"), ([first, second, third], "13"), ([third, first], "13")):
        (fact,) = corrected(in_order([START, *some]))
        assert fact.time == at(f"2021-09-{expected}T09:00")


def test_a_correction_waits_for_its_target() -> None:
    early = correction("2021-09-15", START, None)
    assert list(corrected([early])) == []
    assert corrected(in_order([early, START])) == []


def test_a_source_corrects_its_own_events_only() -> None:
    foreign = correction("2021-09-18", START, None, source=SEALS)
    assert corrected([START, foreign]) == [START]


def test_a_correction_of_a_correction_is_refused_and_changes_nothing() -> None:
    one = correction("2021-09-18", START, None)
    of_it = correction("2021-09-19", one._replace(type=int(FactType.CASE_ACCEPTED)), None)
    assert bad_corrections([START, one, of_it]) == [of_it]
    assert corrected([START, one, of_it]) == []


# ---- what a case says ------------------------------------------------------------------------------------
def test_acceptance_goes_before_application_and_completion_adds_to_both() -> None:
    facts = [
        applied(
            "2021-09-15T09:00", unit="seals", applicant="individual", channel="counter", attributes={"a": 1, "b": 1}
        ),
        accepted("2021-09-16T09:00", applicant="enterprise", channel="online", attributes={"b": 2}),
        milestone("2021-09-16T10:00", "surveyed", attributes={"c": 3}),
        completed("2021-09-17T09:00", channel="online", attributes={"d": 4}, outcome="granted"),
    ]
    (case,) = WATER_ONLY.cases(facts)
    assert (case.unit, case.applicant, case.outcome) == ("works", "enterprise", "granted")
    assert case.attributes == {"a": 1, "b": 2, "c": 3, "d": 4}
    assert case.channels == {"online", "counter"}
    assert case.online is False


@pytest.mark.parametrize(
    ("channels", "visits", "online"),
    [
        (("online", "online"), None, True),
        (("online", "unknown"), None, True),
        (("online", "counter"), None, False),
        (("unknown", "unknown"), None, None),
        (("online", "online"), 1, False),
        (("online", "online"), 0, True),
    ],
)
def test_online_if_every_known_channel_is_and_no_visit_is_recorded(
    channels: tuple[str, str], visits: int | None, online: bool | None
) -> None:
    facts = [accepted("2021-09-16T09:00", channel=channels[0]), completed("2021-09-17T09:00", channel=channels[1])]
    if visits is not None:
        facts.append(measured("2021-09-16T10:00", "visits", visits))
    (case,) = WATER_ONLY.cases(in_order(facts))
    assert case.online is online


def test_a_reclassification_holds_from_the_start_and_the_latest_of_each_field_wins() -> None:
    facts = [
        accepted("2021-09-16T09:00", attributes={"a": 1}),
        reclassified("2021-09-17T09:00", service_item="power", attributes={"a": 2, "b": 2}),
        reclassified("2021-09-18T09:00", applicant="enterprise", attributes={"b": 3}),
        completed("2021-09-19T09:00", attributes={"a": 9}),
    ]
    (case,) = WATER_ONLY.cases(facts)
    assert (case.service_item, case.applicant, case.attributes) == ("power", "enterprise", {"a": 2, "b": 3})


def test_measurements_add_up_and_a_refund_is_negative() -> None:
    facts = [
        START,
        measured("2021-09-17", "fee", 0.1),
        measured("2021-09-18", "fee", 0.2),
        measured("2021-09-19", "fee", -0.3),
    ]
    (case,) = WATER_ONLY.cases(facts)
    assert case.quantities == {"fee": 0}


def test_amounts_are_exact_as_they_were_written() -> None:
    assert (micro(0.1), micro(12.5), micro(-3), micro(1e-6)) == (100_000, 12_500_000, -3_000_000, 1)


def test_the_earliest_fulfilment_of_a_duty_counts() -> None:
    early, late = fulfilled("2021-09-20", "2021-09", id="1"), fulfilled("2021-09-25", "2021-09", id="2")
    other = fulfilled("2021-09-25", "2021-09", unit="seals")
    found = fulfilments_of(in_order([late, early, other]))
    assert [(each.unit, each.time) for each in found] == [("works", early.time), ("seals", other.time)]


def test_no_entry_without_its_events() -> None:
    assert entry_of([START]) is None
    assert entry_of([upserted("2021-09-16")]) is not None


def test_an_empty_history_has_one_empty_cycle() -> None:
    (case,) = WATER_ONLY.cases([])
    assert (case.accepted, case.completed, case.holder()) == (None, None, "")


def test_a_source_is_a_source() -> None:
    assert START.source == WATER
