"""What the signals say of a simulated district: nothing where nothing goes wrong, and else what went wrong there."""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from datetime import date
from functools import cache
from pathlib import Path

import pytest

from services.catalog.load.calendars import calendar_of
from services.catalog.load.plan_folder import load_plan
from services.domain.intake.facts import KEY_SEPARATOR, Fact
from services.domain.intake.refusal import Refused
from services.domain.judging.data_quality import ANOMALY, BACKDATED, CONTRADICTED, ORPHAN, UNCLASSIFIED
from services.domain.judging.judge import Judge
from services.domain.judging.quarantine import keep
from services.domain.plan.statutory_time import Law
from services.domain.results.cards import case_name
from services.domain.sums.tally import TallyField
from services.messaging.codec import admission
from services.simulator.district.profile import FAULTS, profile
from services.simulator.simulation import Simulation
from services.simulator.stories.result import Result
from services.simulator.truth.row import Row

START = date(2021, 8, 20)
DAYS = 25
IN_TIME = (Result.MET, Result.LATE_ENTRY, Result.WITHDRAWN)
OFTEN = ("stopped_twice", "granted_after_all", "slips", "extensions", "applied_later", "asked_again", "stop_and_go")
ARRIVES_IN_DISORDER = {"disorder", "silence", "skew", "late_entry", "backdated", "applied_later"}
"""Faults after which a part of a case may be missing, or known before what was before it."""
EXPLAINED_BY = {
    "suspended_while_suspended": {"stopped_twice"},
    "resumed_without_suspension": ARRIVES_IN_DISORDER,
    "granted_after_withdrawal": {"granted_after_all"},
    "granted_after_refusal": {"granted_after_all"},
    "second_completion": {"granted_after_all", "reopened"},
    "second_acceptance": {"slips"},
    "reopened_without_completion": {"reopened"},
    "completed_before_acceptance": {"slips", "corrections", "reopened"},
    "completed_without_stop": ARRIVES_IN_DISORDER | {"undelivered"},
    "node_ended_without_start": ARRIVES_IN_DISORDER,
}
"""Anomaly → the faults of which one was injected into each case that has it."""


@cache
def law() -> Law:
    plan = load_plan(Path("services/catalog/jiangbei-2021"))
    return Law(plan, calendar_of(plan))


DOUBTS = (ANOMALY, ORPHAN, BACKDATED, CONTRADICTED, UNCLASSIFIED)


class Judged:
    """A simulated district, each of its cases judged at the end."""

    def __init__(self, faults: Mapping[str, float], cases_per_day: float) -> None:
        self.rows: list[Row] = []
        simulation = Simulation(
            law(), profile("demo").at_volume(cases_per_day), 7, START, DAYS, faults=faults, truth=self.rows.append
        )
        self.facts: dict[str, list[Fact]] = defaultdict(list)
        gate = admission(law().plan, trust_receivedat=True)
        for event in simulation.events():
            try:
                admitted = gate.admit(event.line, key=event.key.encode())
            except Refused:
                continue
            keep(self.facts[admitted.key], admitted.fact)
        assert simulation.end is not None
        self.now = simulation.end - 1

    def doubts(self) -> Iterable[tuple[str, str, str]]:
        """Case, signal, and for an anomaly its code."""
        judge = Judge(law().plan, law().calendar)
        for key, facts in self.facts.items():
            for each in judge.judge(facts, self.now).judgements:
                if each.kpi in DOUBTS and dict(each.cells).get(TallyField.N):
                    yield case_name(key), each.kpi, each.item

    def faults(self) -> Mapping[str, set[str]]:
        """Case → what went wrong with its reports."""
        found: dict[str, set[str]] = defaultdict(set)
        for row in self.rows:
            if row.result is Result.FAULT:
                found[row.case].add(row.variant)
        return found

    def retracted(self) -> list[Row]:
        """Red cards of cases that were in time."""
        in_time = {(row.kpi, row.case) for row in self.rows if row.result in IN_TIME}
        return [row for row in self.rows if row.result is Result.RED_CARD and (row.kpi, row.case) in in_time]


@pytest.fixture(scope="module")
def district() -> Judged:
    """No faults."""
    return Judged({}, 80)


def test_where_nothing_goes_wrong_no_case_is_doubtful_and_no_red_card_is_retracted(district: Judged) -> None:
    assert any(row.result is Result.RED_CARD for row in district.rows)
    assert not district.retracted()
    assert not list(district.doubts())
    assert not district.faults()


def test_sources_report_up_to_their_registered_delay_after_the_limit_too(district: Judged) -> None:
    """And no report of a connection is a late entry for that."""
    waits = []
    for row in district.rows:
        if row.result is Result.MET and row.due is not None and row.kpi.startswith("K06"):
            facts = district.facts[row.case.replace(" ", KEY_SEPARATOR, 1)]
            waits += [fact.received - row.due for fact in facts if fact.time <= row.due < fact.received]
    assert waits
    late = [row for row in district.rows if row.result is Result.LATE_ENTRY and row.kpi.startswith("K06")]
    assert not late


@pytest.fixture(scope="module")
def wrong() -> Judged:
    """Every fault, some of them more often than in life."""
    return Judged({**FAULTS, **dict.fromkeys(OFTEN, 0.3), "undelivered": 1}, 60)


def test_each_signal_is_explained_by_a_fault_of_its_case(wrong: Judged) -> None:
    faults = wrong.faults()
    unexplained, seen = [], set()
    for case, signal, code in wrong.doubts():
        seen.add(code)
        causes = EXPLAINED_BY[code] if signal == ANOMALY else faults[case]
        if not faults[case] & causes:
            unexplained.append((case, signal, code, faults[case]))
    assert not unexplained
    assert seen >= {"suspended_while_suspended", "granted_after_withdrawal", "granted_after_refusal"}


def test_each_red_card_of_a_case_in_time_is_explained_by_a_fault(wrong: Judged) -> None:
    faults = wrong.faults()
    assert not [row for row in wrong.retracted() if not faults[row.case]]


def test_every_fault_of_a_case_occurs(wrong: Judged) -> None:
    injected = {fault for each in wrong.faults().values() for fault in each}
    assert injected == FAULTS.keys() - {"duplicates", "conflicts", "bad"}
