"""Steps of escalation: when each is due, what stops the count, and whom it goes to (docs/supervision.md)."""

from dataclasses import dataclass
from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.domain.intake.facts import Fact, FactType
from services.domain.judging.judge import Judge
from services.domain.plan.plan import Ladder, Strength, Supervision, SupervisionStep, Unit
from services.domain.results.cards import card_periods
from services.domain.supervision.orders import OrderState, answer_due, order_state
from services.domain.supervision.red_cards import red_cards_of, steps_of
from services.domain.supervision.steps import Act, ActKind, Held, RedCard, Taken, Terms, steps_due
from services.domain.supervision.terms import PlanTerms
from services.simulator.truth.supervision import Office, Red, Said
from tests.unit.cases import (
    CN,
    TITLE,
    ZONE,
    accepted,
    at,
    completed,
    day,
    end_of,
    extended,
    in_order,
    judge_of,
    justified,
    promise,
    reopened,
)

DEFAULTS = Supervision()
HARD = Terms(DEFAULTS, DEFAULTS.hard, CN, ZONE)
DUE = end_of("2021-09-28")
LATE = "2030-01-01"


def red(raised: str = "2021-09-29", cleared: str | None = None, unit: str = "works") -> RedCard:
    """A red card; by default one of the day before the last working day before National Day."""
    return RedCard((Held(at(raised), unit, DUE),), None if cleared is None else at(cleared))


def dates(card: RedCard, *acts: Act, terms: Terms = HARD, now: str = LATE, taken: tuple[Taken, ...] = ()) -> list[str]:
    """The steps as `step month-day`; each is due at 00:00."""
    found = steps_due(card, acts, terms, at(now), taken)
    assert all(one.at == max(ZONE.midnight(ZONE.day(one.at)), card.raised_at) for one in found)
    return [f"{one.step.value} {ZONE.text(one.at)[5:10]}" for one in found]


def replied(when: str, until: str | None = None) -> Act:
    return Act(at(when), ActKind.REPLIED, None if until is None else day(until))


def act(when: str, kind: ActKind) -> Act:
    return Act(at(when), kind)


# ---- the count -------------------------------------------------------------------------------------------
def test_the_steps_of_a_case_over_national_day() -> None:
    """Red on Wednesday 09-29. Working days after it: 09-30; 10-08, 10-09 (a make-up Saturday), 10-11 to 10-15."""
    assert dates(red()) == ["reminder 09-30", "urging 10-09", "order 10-12", "circular 10-19"]


@pytest.mark.parametrize(
    ("now", "steps"),
    [
        ("2021-09-29T23:59:59", 0),
        ("2021-09-30", 1),
        ("2021-10-08T23:59:59", 1),
        ("2021-10-09", 2),
        ("2021-10-11T23:59:59", 2),
        ("2021-10-12", 3),
        ("2021-10-19", 4),
    ],
)
def test_a_step_is_due_from_the_first_instant_of_its_day(now: str, steps: int) -> None:
    assert len(dates(red(), now=now)) == steps


def test_soft_promises_have_later_steps_and_no_circular() -> None:
    soft = HARD._replace(ladder=DEFAULTS.soft)
    assert dates(red(), terms=soft) == ["reminder 10-08", "urging 10-12", "order 10-19"]


@pytest.mark.parametrize("strength", [Strength.ASPIRATIONAL, Strength.DIRECTIONAL])
def test_what_is_never_red_has_no_steps(strength: Strength) -> None:
    assert DEFAULTS.ladder(strength) == Ladder()
    assert dates(red(), terms=HARD._replace(ladder=DEFAULTS.ladder(strength))) == []


def test_a_plan_may_leave_steps_out_and_begin_with_the_red_card() -> None:
    terms = HARD._replace(ladder=Ladder(reminder=0, order=2))
    assert dates(red("2021-09-29T10:00"), terms=terms) == ["reminder 09-29", "order 10-08"]
    assert steps_due(red("2021-09-29T10:00"), [], terms, at(LATE))[0].at == at("2021-09-29T10:00")


def test_a_step_goes_to_the_unit_that_has_the_card_then() -> None:
    """Two units are merged on 10-11: the steps after that go to the successor (rule 17)."""
    card = RedCard((Held(at("2021-09-29"), "works", DUE), Held(at("2021-10-11"), "north", DUE)))
    units = [(one.step, one.unit) for one in steps_due(card, [], HARD, at(LATE))]
    assert units == [
        (SupervisionStep.REMINDER, "works"),
        (SupervisionStep.URGING, "works"),
        (SupervisionStep.ORDER, "north"),
        (SupervisionStep.CIRCULAR, "north"),
    ]


# ---- what ends and stops the count -----------------------------------------------------------------------
def test_completion_ends_the_steps() -> None:
    assert dates(red(cleared="2021-10-11T15:00")) == ["reminder 09-30", "urging 10-09"]
    assert dates(red(cleared="2021-10-12")) == ["reminder 09-30", "urging 10-09"], "cleared in the same instant"
    assert dates(red(cleared="2021-10-12T00:00:01")) == ["reminder 09-30", "urging 10-09", "order 10-12"]


def test_an_accepted_reason_ends_the_steps_also_of_a_hard_promise() -> None:
    assert dates(red(), act("2021-10-08T16:00", ActKind.ACCEPTED)) == ["reminder 09-30"]


def test_a_reason_that_is_accepted_and_then_rejected_stops_the_count_in_between() -> None:
    acts = act("2021-10-08T16:00", ActKind.ACCEPTED), act("2021-10-11T16:00", ActKind.REJECTED)
    assert dates(red(), *acts) == ["reminder 09-30", "urging 10-12", "order 10-14", "circular 10-21"]


def test_a_reply_that_names_a_day_stops_the_count_until_then() -> None:
    assert dates(red(), replied("2021-10-08T09:00", "2021-10-11"))[1:3] == ["urging 10-12", "order 10-14"]


def test_a_reply_stops_the_count_for_three_working_days_at_most() -> None:
    assert dates(red(), replied("2021-10-08T09:00", "2021-12-31"))[1] == "urging 10-13"


@pytest.mark.parametrize("until", [None, "2021-10-08", "2021-10-01"])
def test_a_reply_without_a_day_to_come_stops_nothing(until: str | None) -> None:
    assert dates(red(), replied("2021-10-08T09:00", until)) == dates(red())


def test_a_second_reply_before_the_next_step_stops_nothing() -> None:
    first = replied("2021-10-08T09:00", "2021-10-09")
    again = [replied(f"2021-10-{when}T09:00", "2021-12-31") for when in ("09", "11", "12")]
    assert dates(red(), first, *again)[1] == dates(red(), first)[1] == "urging 10-11"


def test_a_reply_after_the_next_step_stops_the_count_again() -> None:
    assert dates(red(), replied("2021-10-08T09:00", "2021-10-09"), replied("2021-10-12T09:00", "2021-10-13"))[2] == (
        "order 10-14"
    )


def test_a_request_stops_the_count_until_it_is_decided() -> None:
    asked = act("2021-09-28T16:00", ActKind.ASKED)
    assert dates(red(), asked)[0] == "reminder 10-12", "nobody decides: five working days at most"
    assert dates(red(), asked, act("2021-09-30T10:00", ActKind.REFUSED))[0] == "reminder 10-08"


def test_a_request_that_is_refused_on_the_same_day_stops_nothing() -> None:
    acts = act("2021-09-30T10:00", ActKind.ASKED), act("2021-09-30T15:00", ActKind.REFUSED)
    assert dates(red(), *acts) == dates(red())


def test_an_extension_granted_by_the_limit_ends_the_steps_from_its_record_on() -> None:
    """The gateway is away until 10-13: what was granted in time stops the steps nevertheless."""
    granted = act("2021-09-28T17:00", ActKind.GRANTED)
    assert dates(red(), granted) == []
    settled = act("2021-10-13T09:00", ActKind.SETTLED)
    assert dates(red(), granted, settled)[0] == "reminder 10-14", "refused, or the promise knows no extension"
    late = act("2021-09-29T08:00", ActKind.GRANTED)
    assert dates(red(), late) == dates(red()), "after the limit it changes nothing"


def test_a_reason_accepted_for_an_earlier_red_card_excuses_no_later_one() -> None:
    assert dates(red(), act("2021-09-27T10:00", ActKind.ACCEPTED)) == dates(red())


def test_what_is_said_does_not_change_the_past() -> None:
    """A step that was due stays due, whatever is said afterwards."""
    late = replied("2021-10-12T09:00", "2021-12-31"), act("2021-10-12T10:00", ActKind.ACCEPTED)
    assert dates(red(), *late) == dates(red())[:3]


# ---- a card that is raised again -------------------------------------------------------------------------
BEFORE = Taken(SupervisionStep.URGING, at("2021-09-15"), DUE)


def test_a_void_completion_does_not_begin_the_count_anew() -> None:
    """Urged in the earlier card: the order comes after the two days that lie between them."""
    assert dates(red(), taken=(BEFORE,)) == ["order 10-08", "circular 10-14"]


def test_another_limit_begins_the_count_anew() -> None:
    assert dates(red(), taken=(BEFORE._replace(due_at=end_of("2021-09-14")),)) == dates(red())
    unlimited = RedCard((Held(at("2021-09-29"), "works", None),))
    assert dates(unlimited, taken=(BEFORE._replace(due_at=None),)) == dates(red())


# ---- a step that is recorded late ------------------------------------------------------------------------
def recorded(step: SupervisionStep, when: str) -> Taken:
    """A step of the red card, when it was recorded."""
    return Taken(step, red().raised_at, DUE, at(when))


def test_steps_that_are_recorded_on_their_days_are_those_of_the_count() -> None:
    taken = (
        recorded(SupervisionStep.REMINDER, "2021-09-30T00:00:02"),
        recorded(SupervisionStep.URGING, "2021-10-09T23:00"),
    )
    assert dates(red(), taken=taken) == dates(red())


def test_the_steps_after_one_that_is_recorded_late_count_from_its_record() -> None:
    """The reminder was due on 09-30 and recorded on 11-08: two working days to the urging, two to the order."""
    late = recorded(SupervisionStep.REMINDER, "2021-11-08T09:00")
    assert dates(red(), taken=(late,)) == ["reminder 09-30", "urging 11-10", "order 11-12", "circular 11-19"]


def test_a_reply_after_a_late_step_stops_the_count_and_one_before_it_does_not() -> None:
    late = recorded(SupervisionStep.REMINDER, "2021-11-08T09:00")
    assert dates(red(), replied("2021-11-08T10:00", "2021-11-09"), taken=(late,))[1] == "urging 11-11"
    assert dates(red(), replied("2021-11-05T10:00", "2021-11-09"), taken=(late,))[1] == "urging 11-10"


# ---- out of facts ----------------------------------------------------------------------------------------
JUDGE = judge_of(promise(extension_moves_limit=True))
START = accepted("2021-09-22T09:00")
"""Four working days: due on 2021-09-27 at 24:00, red from 09-28: 29, 30, 8, 9, 11 are the days after it."""


def of_facts(*facts: Fact, judge: Judge = JUDGE, now: str = "2021-12-01") -> list[list[str]]:
    """The steps of each red card of a case."""
    (found,) = red_cards_of(card_periods(judge, in_order(facts), at(now)), facts)
    terms = PlanTerms(judge.plan, CN).of("P", at(now))
    assert terms is not None
    steps = steps_of(found.cards, found.decisions, terms, at(now))
    return [[f"{one.step.value} {ZONE.text(one.at)[5:10]} {one.unit}" for one in each.steps] for each in steps]


def test_the_steps_of_a_case_out_of_its_facts() -> None:
    assert of_facts(START) == [
        ["reminder 09-29 works", "urging 10-08 works", "order 10-11 works", "circular 10-18 works"]
    ]
    assert of_facts(START, completed("2021-10-09T09:00")) == [["reminder 09-29 works", "urging 10-08 works"]]


def test_an_extension_granted_before_expiry_takes_the_card_back_and_ends_the_steps() -> None:
    granted = extended("2021-09-27T17:00", 5, received="2021-10-08T10:00")
    steps = of_facts(START, granted)
    assert steps[0] == ["reminder 09-29 works", "urging 10-08 works"]
    assert steps[1][0].startswith("reminder "), "the extended limit has passed, too: a new count"


def test_an_extension_granted_after_expiry_ends_nothing() -> None:
    assert of_facts(START, extended("2021-10-08T10:00", 5)) == of_facts(START)


def test_a_void_completion_goes_on_with_the_count() -> None:
    facts = [START, completed("2021-10-08T09:00"), reopened("2021-10-12T09:00")]
    assert of_facts(*facts) == [
        ["reminder 09-29 works", "urging 10-08 works"],
        ["order 10-14 works", "circular 10-21 works"],
    ]


def test_an_accepted_reason_in_the_facts_ends_the_steps() -> None:
    assert of_facts(START, justified("2021-09-30T10:00", "accepted")) == [["reminder 09-29 works"]]


def test_an_accepted_reason_that_is_struck_out_excuses_until_then() -> None:
    reason = justified("2021-09-30T10:00", "accepted")
    gone = Fact(at("2021-10-08T10:00"), FactType.CORRECTION, reason.source, "gone", at("2021-10-08T10:00"), "", {
        "of": reason.id, "event": None,
    })  # fmt: skip
    assert of_facts(START, reason, gone)[-1][-1].startswith("circular ")
    (found,) = red_cards_of(card_periods(JUDGE, in_order([START]), at("2021-12-01")), [START, reason, gone])
    assert [one.kind for one in found.decisions] == [ActKind.ACCEPTED, ActKind.REJECTED]


def test_an_event_names_the_promise_by_its_id_whatever_its_variant() -> None:
    periods = [one._replace(kpi="P/cases") for one in card_periods(JUDGE, in_order([START]), at("2021-12-01"))]
    (found,) = red_cards_of(periods, [justified("2021-09-30T10:00", "accepted")])
    assert [one.kind for one in found.decisions] == [ActKind.ACCEPTED]


def test_the_steps_after_a_merger_go_to_the_successor() -> None:
    north = Unit(id="north", title=TITLE, effective_from=date(2021, 10, 9), successor_of=("works", "seals"))
    merged = judge_of(promise(), units=[north])
    assert of_facts(START, judge=merged) == [
        ["reminder 09-29 works", "urging 10-08 works", "order 10-11 north", "circular 10-18 north"]
    ]


# ---- written orders --------------------------------------------------------------------------------------
ORDERED = at("2021-10-12")


@pytest.mark.parametrize(
    ("card", "acts", "now", "state"),
    [
        (red(), [], "2021-10-15T23:59:59", OrderState.OPEN),
        (red(), [], "2021-10-16", OrderState.OVERDUE),
        (red(), [replied("2021-10-20T09:00")], "2021-10-20T09:00", OrderState.ANSWERED),
        (red(), [replied("2021-10-11T09:00")], "2021-10-12", OrderState.OPEN),
        (red(), [act("2021-10-13T09:00", ActKind.ASKED)], "2021-10-20", OrderState.ANSWERED),
        (red(cleared="2021-10-13T09:00"), [], "2021-10-20", OrderState.CLOSED),
        (red(), [act("2021-10-13T09:00", ActKind.ACCEPTED)], "2021-10-20", OrderState.CLOSED),
    ],
)
def test_the_state_of_an_order(card: RedCard, acts: list[Act], now: str, state: OrderState) -> None:
    by = answer_due(ORDERED, DEFAULTS.answer_days, CN, ZONE)
    assert ZONE.text(by) == "2021-10-15T23:59:59.999999+08:00"
    assert order_state(ORDERED, by, card, acts, at(now)) is state


# ---- against the truth of the simulator ------------------------------------------------------------------
FIRST = day("2021-09-20")
KINDS = {
    ActKind.REPLIED: "reply",
    ActKind.ASKED: "request",
    ActKind.ACCEPTED: "accepted",
    ActKind.REJECTED: "rejected",
    ActKind.REFUSED: "refused",
    ActKind.GRANTED: "granted",
    ActKind.SETTLED: "settled",
}


@dataclass(frozen=True)
class Matter:
    """A red card and its file."""

    card: RedCard
    acts: tuple[Act, ...]
    terms: Terms
    taken: tuple[Taken, ...]


INSTANTS = st.builds(
    lambda past, minute: ZONE.at(FIRST + past, minute), st.integers(0, 40), st.sampled_from((0, 1, 600, 1439))
)
ACTS = st.builds(
    lambda instant, kind, ahead: Act(
        instant, kind, ZONE.day(instant) + ahead if kind is ActKind.REPLIED and ahead is not None else None
    ),
    INSTANTS,
    st.sampled_from(ActKind),
    st.none() | st.integers(-1, 9),
)


@st.composite
def matters(draw: st.DrawFn) -> Matter:
    raised = draw(INSTANTS)
    cleared = draw(st.none() | INSTANTS)
    days = draw(st.lists(st.integers(0, 14), min_size=4, max_size=4, unique=True).map(sorted))
    ladder = Ladder(**{step.value: n for step, n in zip(SupervisionStep, days, strict=True) if draw(st.booleans())})
    supervision = Supervision(reply_days=draw(st.integers(0, 4)), request_days=draw(st.integers(0, 4)))
    card = RedCard((Held(raised, "works", DUE),), None if cleared is None or cleared < raised else cleared)
    had = draw(st.integers(0, len(ladder.steps())))
    taken = [Taken(step, raised - 1, DUE) for step, _ in ladder.steps()[:had]]
    late = draw(st.lists(st.none() | INSTANTS, min_size=4, max_size=4))
    taken += [
        Taken(step, raised, DUE, at) for (step, _), at in zip(ladder.steps(), late, strict=False) if at is not None
    ]
    return Matter(card, tuple(draw(st.lists(ACTS, max_size=5))), Terms(supervision, ladder, CN, ZONE), tuple(taken))


@given(matters(), INSTANTS)
def test_the_steps_are_those_of_the_truth(matter: Matter, now: int) -> None:
    card, terms = matter.card, matter.terms
    office = Office(terms.supervision, terms.ladder.steps(), CN, ZONE)
    file = [Said(one.at, KINDS[one.kind], one.until) for one in matter.acts]
    had = frozenset(one.step for one in matter.taken if one.raised_at < card.raised_at)
    records = {one.step: one.recorded_at for one in matter.taken if one.recorded_at is not None}
    truth = list(office.steps(Red(card.raised_at, card.cleared_at, had, records, DUE), file, now))
    assert [(one.step, one.at) for one in steps_due(card, matter.acts, terms, now, matter.taken)] == truth


@given(matters(), INSTANTS, INSTANTS)
def test_a_step_that_was_due_stays_due_whatever_is_said_later(matter: Matter, then: int, now: int) -> None:
    """Live and replay agree: what was not known then changes nothing of then."""
    then, now = sorted((then, now))
    cleared = matter.card.cleared_at
    known_card = matter.card._replace(cleared_at=cleared if cleared is not None and cleared <= then else None)
    known = [one for one in matter.acts if one.at <= then]
    before = steps_due(known_card, known, matter.terms, then, matter.taken)
    after = steps_due(matter.card, matter.acts, matter.terms, now, matter.taken)
    assert [one for one in after if one.at <= then] == before
