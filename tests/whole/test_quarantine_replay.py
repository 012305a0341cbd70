"""A replay through many moments of cases that cannot be judged, all of the time or some of it."""

from collections.abc import Sequence
from typing import Any, cast

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.domain.history.case import Case
from services.domain.history.fact_set import insert
from services.domain.intake.facts import Fact
from services.domain.judging.judge import Judge, Opinion
from services.domain.judging.judgement import Judgement
from services.domain.judging.kind import AnyKind
from services.domain.results.safe_judge import SafeJudge
from services.domain.sums.tally import Tally, TallyKey
from services.domain.time.zone import Instant
from services.replay.judge_cases import PeriodJudge, merge
from tests.unit import histories
from tests.unit.cases import WATER, ZONE, accepted, completed, day
from tests.unit.poison import Poisoned
from tests.unit.test_partition import filled
from tests.unit.test_quarantine import BAD, EVERY_KIND, FAILING, poison, safely


class _RaisesFor:
    """A kind that raises on some cases during some of the time, as an overflow of an age would."""

    def __init__(self, kind: Any, since: Instant, until: Instant) -> None:
        self.promise, self.figure = kind.promise, kind.figure
        self._kind, self._since, self._until = kind, since, until

    def judge(self, case: Case, now: Instant, found: list[Judgement]) -> None:
        self._kind.judge(case, now, found)
        if self._since <= now < self._until and any(each.id == BAD for each in (case.accepted, case.completed) if each):
            raise Poisoned

    def __getattr__(self, name: str) -> Any:
        return getattr(self._kind, name)


DAYS = [ZONE.midnight(day) - 1 for day in range(ZONE.day(histories.BEGIN), ZONE.day(histories.END))]


@settings(max_examples=25, deadline=None)
@given(data=st.data())
def test_a_replay_finds_at_each_moment_what_one_finds_who_asks_at_that_moment_only(data: st.DataObject) -> None:
    """Whether a case can be judged may depend on the time, and it may be one promise only or the whole case."""
    since, until = sorted((data.draw(st.sampled_from(DAYS)), data.draw(st.sampled_from(DAYS))))
    ways: dict[str, Judge] = FAILING | {
        "one kind raises for a time": EVERY_KIND.wrapped(
            lambda kind: cast(AnyKind, _RaisesFor(kind, since, until)) if kind.promise.key == "P" else kind
        )
    }
    judge = ways[data.draw(st.sampled_from(sorted(ways)))]
    feed = poison(data.draw(histories.feeds(subjects=2)), data.draw(st.integers(0, 7)))
    subjects: dict[bytes, list[Fact]] = {}
    for key, fact in feed:
        subjects[key] = insert(subjects.get(key, []), fact).facts
    bucket = {key.decode(): [(key.decode(), "", 0, *fact) for fact in facts] for key, facts in subjects.items()}
    replayed = PeriodJudge(judge, DAYS, with_cards=False, with_issued=True).judge(bucket)
    tallies: dict[TallyKey, Tally] = {}
    for moment, delta in zip(DAYS, replayed.deltas, strict=True):
        merge(tallies, delta)
        assert filled(tallies) == safely(judge, subjects, moment)[0]


def test_a_case_that_cannot_be_judged_for_a_year_is_judged_in_full_a_few_times(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    full: list[Instant] = []
    judge = SafeJudge.judge

    def counted(safe: SafeJudge, facts: Sequence[Fact], now: Instant) -> Opinion:
        full.append(now)
        return judge(safe, facts, now)

    monkeypatch.setattr(SafeJudge, "judge", counted)
    year = [ZONE.midnight(day) - 1 for day in range(day("2021-09-16"), day("2022-09-16"))]
    key = f"{WATER}\x1fA"
    for failing in FAILING.values():
        full.clear()
        facts = [accepted("2021-09-16T09:00", id=BAD), completed("2021-09-20T09:00")]
        bucket = {key: [(key, "", 0, *fact) for fact in facts]}
        replayed = PeriodJudge(failing, year, with_cards=True, with_issued=True).judge(bucket)
        assert len(replayed.quarantined) == 1
        assert len(full) < 10
