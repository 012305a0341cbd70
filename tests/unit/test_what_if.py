"""What events would change: as the worker judges, and no more than a source may see."""

from collections.abc import Iterator, Sequence
from datetime import date
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from services.casebook.seen_by import seen_by
from services.casebook.what_if import TouchedCase, WhatIf, case_document, titles
from services.domain.history.capacity import LARGEST_CASE
from services.domain.intake.facts import Fact, case_key
from services.domain.judging.judge import Judge
from services.domain.plan.plan import Source
from services.domain.results.cards import cards
from services.domain.results.case_partition import CasePartition
from services.domain.results.case_row import Row
from services.domain.results.explain import explain
from services.domain.results.safe_judge import SafeJudge
from services.explanation.document import machine_readable
from services.messaging.records.rows import dump_row, load_row
from tests.unit.cases import (
    OPERATIONS,
    SEALS,
    WATER,
    accepted,
    applied,
    at,
    completed,
    correction,
    in_order,
    judge_of,
    milestone,
    promise,
    reopened,
    resumed,
    suspended,
)
from tests.unit.poison import judge_with_poisoned_kind

KEY = case_key(WATER, "W-1")
NOW = at("2021-10-20")
JUDGE = judge_of(promise(clock_stops=("hearing",)), promise(id="SEAL", stop="milestone:seal_issued"))
ACCEPTED = accepted("2021-09-16T09:00", id="a")
SEAL = milestone("2021-09-24T10:00", "seal_issued", source=SEALS)
FACTS = (
    applied("2021-09-15T08:00"), ACCEPTED, accepted("2021-09-17T09:00", id="a"), suspended("2021-09-17T09:00"),
    resumed("2021-09-18T09:00"), SEAL, completed("2021-09-23T10:00"), completed("2021-09-24T10:00"),
    correction("2021-09-28T10:00", of=ACCEPTED, to=accepted("2021-09-20T09:00"), id="c"),
    correction("2021-09-29T10:00", of=correction("2021-09-28T10:00", of=ACCEPTED, to=None, id="c"), to=None, id="d"),
    reopened("2021-10-08T10:00", "new_request"),
)  # fmt: skip


def what_if(stored: Sequence[Fact], sent: Sequence[Fact], source: str = WATER, judge: Judge = JUDGE) -> TouchedCase:
    return WhatIf(judge, source, NOW).case(KEY, in_order(stored), list(enumerate(sent)))


class Worker:
    """The state of a partition, with one case."""

    def __init__(self) -> None:
        self._rows: dict[bytes, bytes] = {}
        self._partition = CasePartition(JUDGE, self._rows, loads=load_row, dumps=dump_row)
        self.rejected: list[tuple[str, Fact]] = []

    def take(self, facts: Sequence[Fact]) -> list[Fact]:
        """The facts of the case afterwards."""
        for each in facts:
            effects = self._partition.take(KEY.encode(), each, NOW)
            self.rejected += [] if effects is None else [(one.reason, one.fact) for one in effects.rejected]
        packed = self._rows.get(KEY.encode())
        return [] if packed is None else Row(load_row(packed)).facts


@pytest.mark.slow
@given(st.lists(st.sampled_from(FACTS), max_size=12), st.integers(0, 12))
def test_a_case_would_be_what_the_worker_makes_of_it(facts: list[Fact], cut: int) -> None:
    worker = Worker()
    stored = worker.take(facts[:cut])
    worker.rejected.clear()
    asked = what_if(stored, facts[cut:])
    assert asked.facts == worker.take(facts[cut:])
    for verdicts, held in ((asked.before, stored), (asked.after, asked.facts)):
        wanted = [each for each in JUDGE.judge(held, NOW).judgements if each.kpi in JUDGE.kinds]
        assert list(verdicts.judgements) == wanted and list(verdicts.cards) == cards(JUDGE, held, NOW)
        assert not verdicts.quarantined
    # a stored correction may turn out to be one of a correction: no event that was sent is refused for that
    of_sent = {reason for reason, fact in worker.rejected if reason != "bad_correction" or fact not in stored}
    assert {refused.code for _, refused in asked.refused} == of_sent
    for place, refused in asked.refused:
        if "would be kept" not in refused.sentence:
            assert (str(refused.code), facts[cut + place]) in worker.rejected


def test_each_event_is_new_repeated_or_refused() -> None:
    other = accepted("2021-09-18T09:00", id="a")
    less, more = sorted((ACCEPTED, other), key=lambda fact: fact.digest)
    asked = what_if([less, SEAL], [more, SEAL, completed("2021-09-23T10:00"), completed("2021-09-23T10:00")])
    assert asked.places == (0, 1, 2, 3) and asked.repeated == (1, 3)
    ((place, refused),) = asked.refused
    assert place == 0 and refused.code == "id_conflict" and "that one" in refused.sentence
    ((_, kept),) = what_if([more], [less]).refused
    assert "this one" in kept.sentence
    assert [place for place, _ in what_if([], [more, less]).refused] == [0], "of two that are sent the other is refused"


def test_what_a_full_case_cannot_hold_is_refused() -> None:
    sent = [milestone("2021-09-20T10:00", f"step-{number}") for number in range(LARGEST_CASE // 2)]
    asked = what_if([ACCEPTED], sent)
    assert {refused.code for _, refused in asked.refused} == {"too_large"}
    assert len(asked.facts) + len(asked.refused) == 1 + len(sent)


@pytest.mark.parametrize("filled", range(0, LARGEST_CASE // 4 + 1, 25))
def test_how_full_others_have_made_a_case_is_not_shown(filled: int) -> None:
    """Neither by a refusal nor by a verdict that does not change."""
    others = [milestone("2021-09-17T10:00", f"step-{number}") for number in range(filled)]
    sent = [
        milestone(f"2021-09-2{number % 4}T10:00", "seal_issued", source=SEALS, id=f"{number}") for number in range(9)
    ]
    alone, among = (
        what_if([ACCEPTED, SEAL, *held], [*sent, correction("2021-09-28T11:00", of=SEAL, to=None, source=SEALS)], SEALS)
        for held in ((), others)
    )
    assert (among.refused, among.repeated, among.after) == (alone.refused, alone.repeated, alone.after)
    assert among.after.judgements


def test_another_source_is_refused_what_it_has_itself_filled_a_case_with() -> None:
    sent = [milestone("2021-09-20T10:00", f"step-{number}", source=SEALS) for number in range(LARGEST_CASE // 2)]
    asked = what_if([ACCEPTED], sent, SEALS)
    assert {refused.code for _, refused in asked.refused} == {"too_large"}
    assert len(asked.facts) + len(asked.refused) == 1 + len(sent)


def test_the_owner_sees_verdicts_and_cards_change() -> None:
    asked = what_if([ACCEPTED], [completed("2021-09-22T10:00")])
    assert [str(each.outcome) for each in asked.before.judgements] == ["overdue", "overdue"]
    assert "met" in {each.outcome for each in asked.after.judgements}
    assert {card.level for card in asked.before.cards} == {"yellow", "red"} and asked.after.cards


def test_another_source_sees_the_verdicts_of_its_milestones_and_no_card() -> None:
    asked = what_if([ACCEPTED, SEAL], [milestone("2021-09-21T10:00", "seal_issued", source=SEALS)], SEALS)
    for verdicts in (asked.before, asked.after):
        assert [each.kpi for each in verdicts.judgements] == ["SEAL"] and verdicts.cards == ()


def test_asking_shows_nothing_that_could_not_be_seen_without_it() -> None:
    """An event that is only asked about makes no milestone the source's own."""
    probe = milestone("2021-09-21T10:00", "seal_issued", source=SEALS)
    there, missing = what_if([ACCEPTED], [probe], SEALS), what_if([], [probe], SEALS)
    assert there.before.judgements == there.after.judgements == () == missing.after.judgements
    assert (there.before, there.after) == (missing.before, missing.after), "whether there is such a case is not said"
    registered = Source(id=SEALS, units=("works",), owners=(WATER,), milestones=("seal_issued",))
    expecting = judge_of(promise(id="SEAL", stop="milestone:seal_issued"), sources=(registered,))
    assert what_if([ACCEPTED], [probe], SEALS, expecting).after.judgements, "the plan expects it of the source"


# ---- what another source sees ----------------------------------------------------------------------------
SEEN = (
    promise(clock_stops=("hearing",)),
    promise(id="SEAL", stop="milestone:seal_issued", clock_stops=("hearing",), effective_to=date(2021, 9, 17)),
    promise(id="SEAL", stop="milestone:connected", limit="9 working_days", effective_from=date(2021, 9, 18)),
    promise(
        id="SHARE", kind="case_share", where={"stopped": True}, stop="milestone:seal_issued",
        matures_at="4 working_days", objective=">= 100 %",
    ),
    promise(id="CONNECTED", stop="milestone:connected"),
)  # fmt: skip
REGISTERED = Source(id=SEALS, units=("works",), owners=(WATER,), milestones=("seal_issued",))
JUDGES = (
    judge_of(*SEEN),
    judge_of(*SEEN, sources=(REGISTERED,)),
    judge_with_poisoned_kind(judge_of(*SEEN, sources=(REGISTERED,)), "P"),
)


def reports_of(source: str) -> list[Fact]:
    """A milestone, again, taken back, and replaced by another."""
    seal = milestone("2021-09-24T10:00", "seal_issued", source=source, id=f"{source}-seal")
    connected = milestone("2021-09-23T10:00", "connected", source=source)
    return [
        seal,
        milestone("2021-09-28T10:00", "seal_issued", source=source),
        correction("2021-09-28T11:00", of=seal, to=None, source=source),
        correction("2021-09-29T11:00", of=seal, to=connected, source=source),
    ]


REPORTS = {source: reports_of(source) for source in (SEALS, OPERATIONS)}
OWNERS = (
    *(fact for fact in FACTS if fact.source == WATER), milestone("2021-09-22T10:00", "connected"),
    milestone("2021-09-25T10:00", "seal_issued"), accepted("2021-09-20T09:00", unit="planning", id="later"),
    completed("2021-09-26T10:00", id="poison"),
)  # fmt: skip


def verdicts_in_account(judge: Judge, facts: Sequence[Fact], source: str) -> Iterator[dict[str, Any]]:
    """Those that `/cases` shows a source, in the form of `/what-if`."""
    if SafeJudge(judge).judge(facts, NOW).quarantine is not None:
        return
    part = seen_by(explain(judge, KEY, facts, NOW), source, judge.plan)
    if part is None:
        return
    for cycle in machine_readable(part, judge, [])["cycles"]:
        for each in cycle["promises"]:
            shown = {name: each[name] for name in ("kpi", "verdict", "start", "due", "stop")}
            yield {**shown, "cycle": cycle["cycle"], "words": each["verdict_words"]}


@pytest.mark.slow
@given(
    st.sampled_from(JUDGES),
    st.sampled_from((SEALS, OPERATIONS)),
    st.lists(st.sampled_from((*OWNERS, *REPORTS[SEALS], *REPORTS[OPERATIONS])), max_size=12),
    st.lists(st.integers(0, 3), max_size=4),
)
@example(JUDGES[0], SEALS, [ACCEPTED, *REPORTS[SEALS][:1], *OWNERS[-3:-2]], [3])  # it replaces what entitles it
@example(JUDGES[2], SEALS, [ACCEPTED, *OWNERS[-1:]], [0])  # some of the case cannot be judged
def test_of_a_case_of_others_it_shows_what_its_account_shows_and_nothing_else(
    judge: Judge, source: str, held: list[Fact], sent: list[int]
) -> None:
    """Before: what the account shows now. After: what it shows once the events are stored, too."""
    stored = what_if([], held, WATER, judge).facts
    asked = what_if(stored, [REPORTS[source][number] for number in sent], source, judge)
    shown = case_document(asked, judge)
    assert set(shown) == {"owner", "subject", "events", "before", "after"}
    for name, facts in (("before", stored), ("after", asked.facts)):
        account = list(verdicts_in_account(judge, facts, source))
        verdicts = shown[name].pop("verdicts")
        assert all(each in account for each in verdicts)
        assert shown[name] == {"cards": [], "quarantined": None}
        if name == "before":
            assert len(verdicts) == len(account), "nor less"
    assert set(titles([asked], judge)) <= {"SEAL", "SHARE", "CONNECTED"}
    own = what_if(
        [fact for fact in stored if fact.source == source], [REPORTS[source][number] for number in sent], source
    )
    assert (asked.refused, asked.repeated) == (own.refused, own.repeated), "they depend on what it has sent itself"
