"""Signals: what makes one doubt the numbers (rules 6, 13, 16, 17)."""

from collections.abc import Sequence
from fractions import Fraction

import pytest

from services.domain.intake.facts import Fact
from services.domain.judging import data_quality
from services.domain.judging.data_quality import ACCEPTANCE, BACKDATED, SignalRow, signal_rows
from services.domain.judging.judge import Judge
from services.domain.plan.plan import Collection, Source
from services.domain.sums.tally import NOW, Tally, TallyField, TallyKey
from tests.unit.cases import (
    CN,
    TITLE,
    WATER,
    accepted,
    applied,
    at,
    completed,
    day,
    milestone,
    node_ended,
    node_started,
    plan,
    promise,
    tallies_of,
    upserted,
)

COLLECTION = Collection(
    id="catalogue", title=TITLE, honesty={"fully_online": "online", "instant": "same_day", "enabled": "used"}
)


def judge(source: Source | None = None) -> Judge:
    whole = plan(promise(), sources=[source] if source else [])
    head = whole.head.model_copy(update={"collections": (COLLECTION,)})
    return Judge(whole.model_copy(update={"head": head}), CN)


def rows(
    *subjects: Sequence[Fact], now: str = "2021-11-01", source: Source | None = None
) -> dict[tuple[str, str, str], SignalRow]:
    found = signal_rows(tallies_of(judge(source), subjects, at(now)), day(now))
    return {(row.signal, row.unit, row.item): row for row in found}


USUALLY_PROMPT = Source.model_validate({"id": WATER, "units": ["works"], "usual_delay": "1 working_days"})


def test_a_case_entered_in_one_breath_long_after_the_fact_is_backdated() -> None:
    facts = [
        accepted("2021-10-11T09:00", recorded="2021-10-20T10:00"),
        completed("2021-10-13T09:00", recorded="2021-10-20T10:04"),
    ]
    row = rows(facts, source=USUALLY_PROMPT)["backdated", WATER, "-"]
    assert (row.n, row.of) == ("1", "1")


def test_a_case_recorded_as_it_happens_is_not_backdated() -> None:
    facts = [
        accepted("2021-10-11T09:00", recorded="2021-10-11T09:01"),
        completed("2021-10-13T09:00", recorded="2021-10-13T09:01"),
    ]
    row = rows(facts, source=USUALLY_PROMPT)["backdated", WATER, "-"]
    assert (row.n, row.of) == ("0", "1")


def test_a_delay_that_is_usual_for_the_source_is_not_backdated() -> None:
    slow = Source.model_validate({"id": WATER, "units": ["works"], "usual_delay": "20 working_days"})
    facts = [
        accepted("2021-10-11T09:00", recorded="2021-10-20T10:00"),
        completed("2021-10-13T09:00", recorded="2021-10-20T10:04"),
    ]
    assert rows(facts, source=slow)["backdated", WATER, "-"].n == "0"


def test_a_completion_that_nobody_accepted_is_incomplete_and_after_five_working_days_an_orphan() -> None:
    alone = [completed("2021-10-11T09:00")]
    assert ("incomplete", WATER, "-") in rows(alone, now="2021-10-18")
    assert ("orphan", WATER, "-") in rows(alone, now="2021-10-20")


def test_an_application_that_nobody_accepted_is_incomplete() -> None:
    assert rows([applied("2021-10-11T09:00")])["incomplete", "works", "-"].n == "1"


def test_the_time_from_application_to_acceptance_is_counted_in_working_days() -> None:
    facts = [applied("2021-10-08T09:00"), accepted("2021-10-12T09:00")]  # Saturday the 9th is a make-up day
    assert rows(facts)["acceptance_days", "works", "-"].mean == "3"


def test_a_limit_that_differs_from_the_registered_one_is_an_anomaly_and_is_not_judged_by() -> None:
    wrong = {"amount": 5, "unit": "working_days"}
    facts = [accepted("2021-10-11T09:00", item="permit", statutory_limit=wrong)]
    assert rows(facts)["anomaly", "works", "limit_mismatch"].n == "1"


def test_days_per_holding_unit_stand_beside_the_unit_that_accepted() -> None:
    facts = [
        accepted("2021-10-11T09:00"),
        node_started("2021-10-11T10:00", "planning", unit="planning"),
        node_ended("2021-10-14T10:00", "planning", unit="planning"),
        milestone("2021-10-15T10:00", "connected"),
    ]
    assert rows(facts)["holding_days", "planning", "water"].mean == "3"


def test_an_item_declared_fully_online_with_a_counter_case_is_contradicted() -> None:
    declared = [upserted("2021-09-01", fully_online=True, service_item="water")]
    counter = [accepted("2021-10-11T09:00", channel="counter"), completed("2021-10-11T10:00")]
    online = [accepted("2021-10-12T09:00", channel="online"), completed("2021-10-12T10:00")]
    name = ("contradicted", "ALL", "catalogue.fully_online")
    assert (rows(declared, online, counter)[name].n, rows(declared, online, counter)[name].of) == ("1", "1")
    assert rows(declared, online)[name].n == "0"


def test_an_item_declared_instant_that_took_a_night_is_contradicted() -> None:
    declared = [upserted("2021-09-01", instant=True, service_item="water")]
    overnight = [accepted("2021-10-11T09:00"), completed("2021-10-12T09:00")]
    at_once = [accepted("2021-10-11T09:00"), completed("2021-10-11T16:00")]
    name = ("contradicted", "ALL", "catalogue.instant")
    assert rows(declared, overnight)[name].n == "1"
    assert rows(declared, at_once)[name].n == "0"


def test_an_enabled_item_without_a_completed_case_in_ninety_days_is_contradicted() -> None:
    declared = [upserted("2021-03-01", enabled=True, service_item="water")]
    case = [accepted("2021-07-01T09:00"), completed("2021-07-02T09:00")]
    name = ("contradicted", "ALL", "catalogue.enabled")
    assert rows(declared, case, now="2021-09-01")[name].n == "0"
    assert rows(declared, case, now="2021-11-01")[name].n == "1"


def counted(n: int) -> Tally:
    tally = Tally()
    tally.add(((TallyField.N, n),), None, 1)
    return tally


@pytest.mark.parametrize("item", ["x", "", "|", "used|catalogue.enabled"])
def test_a_declaration_that_no_entry_makes_is_no_contradiction_and_hides_none(item: str) -> None:
    tallies = {
        TallyKey("~declared", "works", item, NOW): counted(1),
        TallyKey("~declared", "works", "used|catalogue.enabled|water", NOW): counted(2),
    }
    assert signal_rows(tallies, day("2021-11-01")) == [
        SignalRow("contradicted", "ALL", "catalogue.enabled", "2", "2", "")
    ]


def test_a_signal_that_cannot_be_computed_is_left_out_and_stops_no_other(monkeypatch: pytest.MonkeyPatch) -> None:
    def written(value: Fraction | None) -> str:
        if value is not None:
            raise OverflowError
        return ""

    monkeypatch.setattr(data_quality, "written", written)
    names = (ACCEPTANCE, BACKDATED)
    found = signal_rows({TallyKey(name, "works", "-", NOW): counted(1) for name in names}, day("2021-11-01"))
    assert [row.signal for row in found] == ["backdated"]
