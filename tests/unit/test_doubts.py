"""Late entries are looked for only where there can be some: with the same answer as everywhere (rule 14)."""

from collections.abc import Sequence

from hypothesis import given
from hypothesis import strategies as st

from services.domain.history.case import Case
from services.domain.history.known_at import steps
from services.domain.intake.facts import Fact, FactType
from services.domain.judging.doubts import Doubts
from services.domain.judging.judge import Judge
from services.domain.judging.judgement import Judgement, Outcome
from services.domain.judging.late_entry import Identity, Missed, note_miss, note_unclassified
from services.domain.judging.reads import ADDING
from services.domain.time.zone import Instant
from tests.unit import histories
from tests.unit.cases import accepted, applied, at, completed, in_order, judge_of, milestone, outcome, promise, rated

PLAIN = (
    *(FactType.CASE_ACCEPTED, FactType.CASE_ACCEPTED, FactType.CASE_APPLIED, FactType.CASE_COMPLETED),
    *(FactType.CASE_MILESTONE, FactType.CASE_MILESTONE, FactType.CASE_MEASURED, FactType.CASE_RATED),
    *(FactType.CASE_NODE_STARTED, FactType.CASE_NODE_ENDED),
)


class EveryStep(Judge):
    """The plain way: each promise judges each arrival of each case, by all that was known."""

    def __init__(self, judge: Judge) -> None:
        super().__init__(judge.plan, judge.law.calendar)
        self._index.leaves_out = lambda cases: True  # type: ignore[method-assign]  # no case is without doubt

    def before(
        self, facts: Sequence[Fact], cases: Sequence[Case], doubts: Doubts | None = None
    ) -> tuple[Missed, dict[Identity, Instant]]:
        missed: Missed = {}
        awaited: dict[Identity, Instant] = {}
        confirmed = {case.cycle: case.confirmed for case in cases if case.confirmed}
        for step in steps(self.as_it_counts(facts), breaks=self.version_changes):
            cycles = self.cases(step.known())
            known: list[Judgement] = []
            for case in cycles:
                case.confirmed = confirmed.get(case.cycle, case.confirmed)
                self._by_promises(case, step.until, known)
            for judgement in known:
                note_miss(missed, judgement, step)
                if judgement.outcome is Outcome.AWAITING:
                    awaited[judgement.kpi, judgement.cycle] = step.until
            for judgement in self._unclassified.missed(cycles, step.until):
                note_unclassified(missed, judgement, step)
        return missed, awaited


class Counting(Judge):
    """Counts how many steps are judged for late entries."""

    judged = 0

    def cases(self, facts: Sequence[Fact]) -> list[Case]:
        self.judged += 1
        return super().cases(facts)


IN_DOUBT = histories.judge()
EVERYWHERE = EveryStep(IN_DOUBT)


def known(facts: list[Fact], now: Instant) -> list[Fact]:
    return [fact for fact in facts if fact.received <= now and fact.time <= now]


def answers(judge: Judge, facts: list[Fact], now: Instant) -> tuple[object, ...]:
    """In which order late entries follow that are no promise's cases any more says nothing."""
    opinion = judge.judge(known(facts, now), now)
    return sorted(opinion.judgements, key=repr), opinion.next_at, sorted(opinion.reversed)


@given(histories.events(st.sampled_from(PLAIN)).map(histories.settled), st.integers(histories.BEGIN, histories.END))
def test_of_a_plain_case_the_answer_is_that_of_every_step(facts: list[Fact], now: Instant) -> None:
    for moment in (now, histories.END):
        assert answers(IN_DOUBT, facts, moment) == answers(EVERYWHERE, facts, moment)


@given(
    histories.events(st.sampled_from([FactType(code) for code in sorted(ADDING)])).map(histories.settled),
    st.integers(histories.BEGIN, histories.END),
)
def test_of_a_case_to_which_arrivals_only_add_the_answer_is_that_of_every_step(facts: list[Fact], now: Instant) -> None:
    for moment in (now, histories.END):
        assert answers(IN_DOUBT, facts, moment) == answers(EVERYWHERE, facts, moment)


@given(histories.facts(), st.integers(histories.BEGIN, histories.END))
def test_of_any_history_the_answer_is_that_of_every_step(facts: list[Fact], now: Instant) -> None:
    assert answers(IN_DOUBT, facts, now) == answers(EVERYWHERE, facts, now)


def test_an_acceptance_for_another_service_item_leaves_the_miss_of_the_first() -> None:
    """It is nobody's case any more under the promise about water; that it was late there is not forgotten."""
    water = judge_of(promise(start="applied"))
    facts = [applied("2021-09-10T09:00"), accepted("2021-10-10T09:00", item="permit")]
    assert outcome(water, facts[:1], "2021-10-09") is Outcome.OVERDUE
    assert outcome(water, facts, "2021-10-30") is Outcome.LATE_ENTRY


def test_a_step_before_the_limit_is_not_judged_again() -> None:
    """Limit: the end of 2021-09-23. A rating after it may have ended a miss; what arrived by then ended none."""
    steps = [milestone(f"2021-09-{day}T09:00", "m") for day in (16, 17, 18, 19, 20)]
    facts = in_order(
        [accepted("2021-09-16T08:00"), *steps, completed("2021-09-21T09:00"), rated("2021-09-30T09:00", 5)]
    )
    judge = Counting(judge_of(promise()).plan, IN_DOUBT.law.calendar)
    (judgement,) = (each for each in judge.judge(facts, at("2021-10-30")).judgements if each.kpi == "P")
    assert judgement.outcome is Outcome.MET
    assert judge.judged == 1  # with all that is known: no promise reads the steps and the rating


def test_only_what_a_promise_reads_ends_a_step() -> None:
    """Limit: the end of 2021-09-23. Only the completion ends a step that is judged."""
    late = [milestone(f"2021-09-{day}T09:00", "m") for day in (24, 25, 26, 27)]
    done = completed("2021-09-21T09:00", received="2021-09-29T09:00")
    judge = Counting(judge_of(promise()).plan, IN_DOUBT.law.calendar)
    judged = judge.judge(in_order([accepted("2021-09-16T08:00"), *late, done]), at("2021-10-30")).judgements
    assert [each.outcome for each in judged if each.kpi == "P"] == [Outcome.LATE_ENTRY]
    assert judge.judged == 2


def test_an_application_after_the_acceptance_moves_no_start_to_later_unseen() -> None:
    """Without it the case was late: from the acceptance on five days were over."""
    far = judge_of(promise(limit="5 calendar_days", start="applied"))
    facts = [accepted("2021-09-10T09:00"), applied("2021-09-17T08:00"), completed("2021-09-20T09:00")]
    assert outcome(far, facts[:1], "2021-09-17") is Outcome.OVERDUE
    assert outcome(far, facts, "2021-10-30") is Outcome.LATE_ENTRY
