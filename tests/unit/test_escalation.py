"""Escalation live: a notifier, the ledger in memory, and a case over the National Day holiday; equal to the replay."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import date

import pytest

from services.domain.intake.facts import Fact, case_key
from services.domain.judging.judge import Judge
from services.domain.plan.plan import Unit
from services.domain.results.cards import card_periods, cards, case_name, written_card
from services.domain.supervision.published import StepRow
from services.domain.supervision.red_cards import red_cards_of
from services.domain.time.zone import MINUTE_US, Instant
from services.messaging.records.decisions import About, Decision, Matter
from services.messaging.records.ledger import Kind, Request, subject_of_case
from services.messaging.records.steps import OnRecord, RecordedStep
from services.notifier.escalation import Escalation
from services.replay.steps import step_rows
from tests.unit.cases import (
    CN,
    TITLE,
    WATER,
    ZONE,
    accepted,
    at,
    completed,
    extended,
    in_order,
    judge_of,
    justified,
    promise,
    reopened,
)
from tests.unit.ledger_world import LedgerWorld, MemoryLedger

KEY = case_key(WATER, "W-1")
CASE = case_name(KEY)
SUBJECT = subject_of_case("P", CASE, 1)
JUDGE = judge_of(promise(extension_moves_limit=True))
SOFT = judge_of(promise(strength="soft"))
FAR = judge_of(promise(strength="aspirational"))
MERGED = judge_of(
    promise(), units=[Unit(id="north", title=TITLE, effective_from=date(2021, 10, 9), successor_of=("works", "seals"))]
)
START = accepted("2021-09-22T09:00")
"""Four working days: due on 2021-09-27 at 24:00, red from 09-28."""
BEGIN, END = at("2021-09-22"), at("2021-10-31")
TICK = 6 * 60 * MINUTE_US


class Live:
    """The running system at each quarter of a day: the cards of one case, the ledger, and a notifier that may end."""

    def __init__(self, judge: Judge, facts: Sequence[Fact]) -> None:
        self.judge = judge
        self.facts = in_order(facts)
        self.now = BEGIN
        self.world = LedgerWorld(lambda: self.now)
        self.world.record(request(Kind.CHECKPOINT, ""))
        self.acts: list[tuple[Instant, Request]] = []
        self.start()

    def start(self) -> None:
        """Start a notifier, which knows nothing."""
        self.ledger: MemoryLedger = self.world.client()
        self.escalation = Escalation(self.judge.plan, CN, f"notifier-{self.now}")
        self.asked = 0

    def say(self, when: str, kind: Kind, **body: object) -> "Live":
        """What a unit or the operations centre will say."""
        self.acts.append((at(when), request(kind, SUBJECT, **body)))
        return self

    def run(self, until: Instant = END, each_time: Callable[[], None] = lambda: None) -> "Live":
        """Until then."""
        while self.now < until:
            said = [one for when, one in self.acts if self.now - TICK < when <= self.now]
            self.world.record(*said)
            for card in cards(self.judge, self.facts, self.now):
                self.escalation.take_card(written_card(card, KEY, ZONE))
            self.tick()
            each_time()
            self.now += TICK
        return self

    def tick(self) -> None:
        """One round of the notifier."""
        for record in self.ledger.poll():
            self.escalation.take(record)
        requests = self.escalation.due(self.now)
        self.asked += len(requests)
        self.ledger.request(*requests)
        for record in self.ledger.poll():
            self.escalation.take(record)

    def steps(self) -> list[StepRow]:
        """As the ledger has them."""
        recorded = [RecordedStep.read(one.request) for one in self.world.records() if one.request.kind is Kind.STEP]
        return [
            StepRow(one.at, one.step.value, one.unit, one.key.kpi, one.key.case, one.key.cycle, one.key.node,
                    one.raised_at, one.due_at, one.days)
            for one in recorded
        ]  # fmt: skip

    def replay(self) -> list[StepRow]:
        """As a replay finds them, out of the facts and of what the ledger says of the case."""
        red = red_cards_of(card_periods(self.judge, self.facts, END), self.facts)
        return step_rows([(CASE, red)], OnRecord.of(self.world.records()), self.judge, [END])


def request(kind: Kind, subject: str, **body: object) -> Request:
    request.count += 1  # type: ignore[attr-defined]  # a counter of its own
    return Request(f"test/{request.count}", kind, "test", subject, "works", body=body)  # type: ignore[attr-defined]


request.count = 0  # type: ignore[attr-defined]


def brief(rows: Sequence[StepRow]) -> list[str]:
    return [f"{row.step} {row.at[5:16]} {row.unit}" for row in rows]


def test_the_steps_over_national_day_are_equal_in_replay_and_live() -> None:
    live = Live(JUDGE, [START]).run()
    assert brief(live.steps()) == [
        "reminder 09-29T00:00 works",
        "urging 10-08T00:00 works",
        "order 10-11T00:00 works",
        "circular 10-18T00:00 works",
    ]
    assert live.steps() == live.replay()
    assert live.asked == 4


def test_what_is_said_and_decided_counts_alike_in_replay_and_live() -> None:
    live = Live(JUDGE, [START])
    live.say("2021-09-29T10:00", Kind.REPLIED, until="2021-10-08").say("2021-09-29T11:00", Kind.ACKNOWLEDGED)
    live.say("2021-10-11T15:00", Kind.ASKED, about="extension")
    live.say("2021-10-12T15:00", Kind.DECIDED, about="extension", decision="refused").run()
    assert brief(live.steps()) == [
        "reminder 09-29T00:00 works",
        "urging 10-11T00:00 works",
        "order 10-14T00:00 works",
        "circular 10-21T00:00 works",
    ]
    assert live.steps() == live.replay()


@pytest.mark.parametrize(
    ("judge", "facts"),
    [
        (JUDGE, [START, completed("2021-10-09T09:00")]),
        (JUDGE, [START, completed("2021-10-08T09:00"), reopened("2021-10-12T09:00")]),
        (JUDGE, [START, extended("2021-09-27T17:00", 5, received="2021-10-08T10:00")]),
        (SOFT, [START]),
        (SOFT, [START, justified("2021-10-12T10:00", "accepted")]),
        (FAR, [START]),
        (MERGED, [START]),
    ],
    ids=["completed", "void completion", "extension", "soft", "reason", "aspirational", "merger"],
)
def test_replay_and_live_agree(judge: Judge, facts: list[Fact]) -> None:
    live = Live(judge, facts).run()
    assert live.steps() == live.replay()
    assert bool(live.steps()) == (judge is not FAR)


def test_an_accepted_reason_of_a_hard_promise_ends_the_steps_by_its_record() -> None:
    live = Live(JUDGE, [START])
    live.say("2021-10-08T10:00", Kind.DECIDED, about="reason", decision="accepted").run()
    assert brief(live.steps()) == ["reminder 09-29T00:00 works", "urging 10-08T00:00 works"]
    assert live.steps() == live.replay()


MATTER = Matter("P", KEY, 1)


def decided(about: About, decision: str, withdraws: int | None = None) -> Request:
    """As `kpiwatch decide` writes it."""
    request.count += 1  # type: ignore[attr-defined]
    made = Decision(MATTER, about, decision, "centre", withdraws=withdraws)
    return made.request(f"test/{request.count}", "test", 10**9)  # type: ignore[attr-defined]


@pytest.mark.parametrize("by", ["not in force", "withdrawn", "rejected"])
def test_a_decision_that_is_none_any_more_lets_the_count_go_on(by: str) -> None:
    live = Live(JUDGE, [START])
    live.acts.append((at("2021-10-08T10:00"), decided(About.REASON, "accepted")))  # record 4, after two steps
    ends = {
        "not in force": request(Kind.NOT_IN_FORCE, SUBJECT, decision=4),
        "withdrawn": decided(About.WITHDRAWAL, "withdrawn", withdraws=4),
        "rejected": decided(About.REASON, "rejected"),
    }
    live.acts.append((at("2021-10-12T10:00"), ends[by]))
    live.run()
    assert brief(live.steps())[2:] == ["order 10-14T00:00 works", "circular 10-21T00:00 works"]
    assert live.steps() == live.replay()


@pytest.mark.parametrize("kind", [Kind.IN_FORCE, Kind.NOT_IN_FORCE, Kind.DECIDED])
def test_the_outcome_of_another_record_does_not_end_an_acceptance(kind: Kind) -> None:
    live = Live(JUDGE, [START])
    live.acts.append((at("2021-10-08T10:00"), decided(About.REASON, "accepted")))
    withdrawal = decided(About.WITHDRAWAL, "withdrawn", withdraws=3)
    of_another = withdrawal if kind is Kind.DECIDED else request(kind, SUBJECT, decision=3)
    live.acts.append((at("2021-10-09T10:00"), of_another))
    assert brief(live.run().steps()) == ["reminder 09-29T00:00 works", "urging 10-08T00:00 works"]
    assert live.steps() == live.replay()


def test_a_grant_in_time_stops_the_steps_while_the_gateway_is_away() -> None:
    """Due on 09-27 at 24:00; granted at 17:00, record 2. The gateway refuses its event on 10-08."""
    live = Live(JUDGE, [START])
    live.acts.append((at("2021-09-27T17:00"), decided(About.EXTENSION, "granted")))
    assert live.run(at("2021-10-08T00:00")).steps() == []
    live.acts.append((at("2021-10-08T10:00"), request(Kind.NOT_IN_FORCE, SUBJECT, decision=2)))
    assert brief(live.run().steps())[0] == "reminder 10-09T00:00 works"
    assert live.steps() == live.replay()


def test_a_refused_extension_ends_the_pause() -> None:
    live = Live(JUDGE, [START]).say("2021-09-28T10:00", Kind.ASKED, about="extension")
    live.acts.append((at("2021-09-29T10:00"), decided(About.EXTENSION, "refused")))
    assert brief(live.run().steps())[0] == "reminder 09-30T00:00 works"
    assert live.steps() == live.replay()


def test_two_notifiers_and_restarts_take_each_step_once() -> None:
    live = Live(JUDGE, [START])
    other = Escalation(JUDGE.plan, CN, "other"), live.world.client()

    def also() -> None:
        for card in cards(live.judge, live.facts, live.now):
            other[0].take_card(written_card(card, KEY, ZONE))
        for record in other[1].poll():
            other[0].take(record)
        other[1].request(*other[0].due(live.now))
        if ZONE.text(live.now)[11:13] == "06":
            live.start()

    once = Live(JUDGE, [START]).run()
    assert live.run(each_time=also).steps() == once.steps() == live.replay()


def test_a_step_is_refused_where_the_notifier_did_not_know_a_reply_and_is_counted_with_it() -> None:
    live = Live(JUDGE, [START]).run(at("2021-10-07T20:00"))
    asked = live.escalation.due(at("2021-10-08"))  # the urging
    live.now = at("2021-10-07T23:30")
    live.world.record(request(Kind.REPLIED, SUBJECT, until="2021-10-08"))
    live.now = at("2021-10-08")
    live.ledger.request(*asked)
    assert brief(live.run().steps())[:2] == ["reminder 09-29T00:00 works", "urging 10-09T00:00 works"]
    assert live.steps() == live.replay()


def test_a_keeper_that_is_away_delays_a_step_and_loses_none() -> None:
    live = Live(JUDGE, [START]).run(at("2021-10-07T20:00"))
    live.world.keeper_works = False
    live.run(at("2021-10-12T10:00"))
    assert len(live.steps()) == 1 and live.asked == 2
    live.world.keeper_works = True
    assert brief(live.run().steps()) == [
        "reminder 09-29T00:00 works",
        "urging 10-08T00:00 works",
        "order 10-14T00:00 works",
        "circular 10-21T00:00 works",
    ], "recorded on 10-12: two working days later, and five more"
    assert live.steps() == live.replay()
    assert not [one for one in live.world.records() if one.request.kind is Kind.NOT_RECORDED], "one after the other"


def test_after_an_outage_one_step_comes_at_a_time_and_the_next_counts_from_its_record() -> None:
    live = Live(JUDGE, [START]).run(at("2021-09-28T20:00"))
    live.now = at("2021-10-13T09:00")
    live.start()
    assert brief(live.run(at("2021-10-14")).steps()) == ["reminder 09-29T00:00 works"]
    assert brief(live.run().steps())[1:] == [
        "urging 10-15T00:00 works",
        "order 10-19T00:00 works",
        "circular 10-26T00:00 works",
    ]
    assert live.steps() == live.replay()


def test_no_circular_is_proposed_without_an_order_on_record() -> None:
    live = Live(JUDGE, [START])
    live.now = at("2021-10-12T12:00")  # the order was due on 10-11
    live.world = LedgerWorld(lambda: live.now)
    live.start()
    assert live.run(at("2021-11-20")).steps() == []


def test_what_was_due_before_the_ledger_began_is_left_out() -> None:
    live = Live(JUDGE, [START])
    live.now = at("2021-10-09T12:00")
    live.world = LedgerWorld(lambda: live.now)
    live.start()
    assert brief(live.run().steps()) == ["order 10-11T00:00 works", "circular 10-18T00:00 works"]


def test_a_retracted_card_has_no_steps() -> None:
    live = Live(JUDGE, [START]).run(at("2021-09-28T12:00"))
    (red,) = [one for one in cards(JUDGE, live.facts, live.now) if one.level == "red"]
    live.escalation.take_card(written_card(red._replace(cleared_at=red.raised_at, reason="retracted"), KEY, ZONE))
    assert live.escalation.due(END) == []


def test_what_is_refused_for_good_is_asked_for_once() -> None:
    """A record that is no step, as of another version, has the claim of the reminder."""
    live = Live(JUDGE, [START])
    live.run(at("2021-09-28T20:00"))
    (wanted,) = Live(JUDGE, [START]).run(at("2021-09-28T20:00")).escalation.due(at("2021-09-29"))
    live.world.record(replace(wanted, id="other", body={}))
    assert live.run(at("2021-10-08")).asked == 1
    assert [one.request.body["reason"] for one in live.world.records() if one.request.kind is Kind.NOT_RECORDED] == [
        "claimed"
    ]


def test_a_limit_that_moves_while_a_card_is_red_does_not_begin_the_count_anew() -> None:
    """The second red card for a limit has the circular left; then a correction of a pause moves the limit by a day."""
    live = Live(JUDGE, [START]).run(at("2021-10-12"))
    (red,) = [written_card(one, KEY, ZONE) for one in cards(JUDGE, live.facts, live.now) if one.level == "red"]
    again = red._replace(raised_at="2021-10-12T10:00:00+08:00")
    live.escalation.take_card(again)
    live.escalation.take_card(again._replace(due_at="2021-09-28T23:59:59.999999+08:00"))
    (due,) = live.escalation.due(END)
    assert due.body["step"] == "circular"


def test_the_claim_of_a_long_case_number_is_short_enough() -> None:
    live = Live(JUDGE, [START]).run()
    (step, *_) = [RecordedStep.read(one.request) for one in live.world.records() if one.request.kind is Kind.STEP]
    long = step._replace(key=step.key._replace(case="x" * 500))
    assert len(long.claim) < 100 and long.claim != step._replace(key=step.key._replace(case="y" * 500)).claim
