"""A judge that never raises: what cannot be judged is quarantined, so that one case never stops the others.

A verdict stays a function of facts, code and moment. What is said of a case that cannot be judged does not depend on
earlier verdicts, so that workers and replay give the same values and cards. Quarantine is per promise: where the kind
of one promise raises, only that promise is marked. Where the case cannot be read at all, every promise that may be
about it is marked.
"""

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, Protocol, cast

from services.domain.history.case import Case
from services.domain.history.fact_set import is_case
from services.domain.history.known_at import known_at
from services.domain.intake.facts import Fact
from services.domain.judging.data_quality import PREFIX, Signals
from services.domain.judging.judge import CaseView, Judge, Opinion
from services.domain.judging.judgement import Judgement
from services.domain.judging.kind import AnyKind
from services.domain.judging.quarantine import SIGNALS, Quarantine, cause_of, named_by
from services.domain.results.cards import (
    NOTHING_KNOWN,
    CardPeriod,
    CardState,
    CaseViewer,
    Known,
    card_periods,
    cards,
    written_card,
)
from services.domain.results.verdicts import VerdictState, verdicts_of, written_verdict
from services.domain.time.zone import Instant

_Failures = dict[str, str]
"""Key of a promise (or `SIGNALS`) → the cause for which it could not be judged."""


StaysQuarantined = Callable[[Quarantine, Instant], bool]
"""Whether a case is quarantined for the same reason at a later moment."""


class Shown(Protocol):
    """Reads cards out of a case: `cards` or `card_periods`."""

    def __call__(self, judge: CaseViewer, facts: Sequence[Fact], now: Instant, /) -> list[Any]: ...


class SafeJudge:
    """Judges as the judge does. Where that raises, it answers with what can be judged, and names what cannot."""

    def __init__(self, judge: Judge) -> None:
        self._judge = judge
        self._failures: _Failures = {}
        """Of the judgement, or the view, in hand."""
        self._guarded = judge.wrapped(self._guard, self._guard_signals)

    def judge(self, facts: Sequence[Fact], now: Instant) -> Opinion:
        """The judge's opinion; never raises."""
        try:
            return self._judge.judge(facts, now)
        except Exception:
            return self.quarantined(facts, now)

    def restate(self, facts: Sequence[Fact], moment: Instant, now: Instant) -> Opinion:
        """The judge's restatement; never raises."""
        try:
            return self._judge.restate(facts, moment, now)
        except Exception:
            return self.quarantined(facts, moment)

    def unreadable(self, facts: Sequence[Fact], owner: str, cause: str) -> Opinion:
        """Of a case whose row cannot be read: it may be about every promise, of the units that its source speaks for.
        `facts`: what has come since."""
        units = set(named_by(facts).units) - {""}
        source = self._judge.plan.sources.get(owner)
        if source is not None:
            units |= set(source.units) - {"*"}
        return _opinion(Quarantine(cause, tuple(self._judge.kinds), tuple(sorted(units)) or ("",)))

    def cards(
        self, facts: Sequence[Fact], now: Instant, known: Known = NOTHING_KNOWN
    ) -> tuple[list[CardState], Quarantine | None]:
        """All cards that a case has had. Where a promise cannot be judged at an arrival its cards stay as they were."""
        found, quarantine = self._walked(partial(cards, known=known), facts, now)
        zone = self._judge.law.zone
        kept: list[CardState] = []
        for card in found:
            try:
                written_card(card, "", zone)
            except Exception as error:
                quarantine = quarantine or Quarantine(cause_of(error), (card.kpi,), named_by(facts).units)
            else:
                kept.append(card)
        return kept, quarantine

    def card_periods(self, facts: Sequence[Fact], now: Instant) -> list[CardPeriod]:
        """When the cards of a case were active."""
        return self._walked(card_periods, facts, now)[0]

    def verdicts(
        self, opinion: Opinion, facts: Sequence[Fact], now: Instant
    ) -> tuple[list[VerdictState], Quarantine | None]:
        """The misses, late entries and reversals in an opinion that can be published."""
        quarantine: Quarantine | None = None
        kept: list[VerdictState] = []
        for verdict in verdicts_of(opinion):
            try:
                written_verdict(verdict, "", self._judge, now)
            except Exception as error:
                quarantine = quarantine or Quarantine(cause_of(error), (verdict.kpi,), named_by(facts).units)
            else:
                kept.append(verdict)
        return kept, quarantine

    # ---- what cannot be judged -----------------------------------------------------------------------
    def quarantined(self, facts: Sequence[Fact], now: Instant) -> Opinion:
        """The opinion of a case of which the judge raises, without the promises that raise; the whole case is
        quarantined where it cannot be read."""
        self._failures.clear()
        try:
            opinion = self._guarded.judge(facts, now)
        except Exception as error:
            return _opinion(self._whole(facts, now, cause_of(error)))
        failed = dict(self._failures)
        if not failed:  # the guarded judge succeeded where the judge failed: it was short of memory, or of stack
            return opinion
        quarantine = Quarantine(
            next(iter(failed.values())), self._in_order(failed), named_by(_known_or_all(facts, now)).units
        )
        judgements = [each for each in opinion.judgements if _about(each) not in failed]
        return opinion._replace(
            judgements=judgements + quarantine.marks(),
            reversed=tuple(each for each in opinion.reversed if each[0] not in failed),
            nothing_to_publish=False,
            quarantine=quarantine,
        )

    def stays_quarantined(self, facts: Sequence[Fact], now: Instant) -> "StaysQuarantined":
        """Whether what cannot be judged at `now` cannot be judged at later moments either, without the cost of judging
        all of it again. It holds until the next fact is known and, of what can be judged, until its `next_at`."""
        known = known_at(facts, now)
        try:
            cycles = self._judge.cases(known) if is_case(known) else []
        except Exception:
            return lambda quarantine, later: True  # how a case is read does not depend on the time
        return lambda quarantine, later: self._fails_alike(cycles, quarantine, later)

    def _fails_alike(self, cycles: Sequence[Case], quarantine: Quarantine, now: Instant) -> bool:
        """Whether just the same promises raise for the same cause, of the same cycles. Where they do not, the reason
        was an earlier state of the case, or it is gone."""
        self._failures.clear()
        try:
            self._guarded.judge_cases(cycles, now)
        except Exception:
            return False
        causes = list(self._failures.values())
        return causes[:1] == [quarantine.cause] and self._in_order(self._failures) == quarantine.kpis

    def _whole(self, facts: Sequence[Fact], now: Instant, cause: str) -> Quarantine:
        named = named_by(_known_or_all(facts, now))
        about = self._judge.kinds if named.unknown else self._judge.about(named.items, named.others)
        return Quarantine(cause, tuple(about), named.units)

    def _in_order(self, failed: _Failures) -> tuple[str, ...]:
        return tuple(key for key in (*self._judge.kinds, SIGNALS) if key in failed)

    def _walked(self, show: Shown, facts: Sequence[Fact], now: Instant) -> tuple[list[Any], Quarantine | None]:
        try:
            return show(self._judge, facts, now), None
        except Exception as error:
            cause = cause_of(error)
        viewer = _GuardedViewer(self._guarded, self._failures)
        try:
            found = show(viewer, facts, now)
        except Exception:  # the cards themselves cannot be read: none can be shown
            found = []
        return found, Quarantine(cause, self._in_order(viewer.failed), named_by(_known_or_all(facts, now)).units)

    def _guard(self, kind: AnyKind) -> AnyKind:
        return cast(AnyKind, _Guard(kind, self._failures))

    def _guard_signals(self, signals: Signals) -> Signals:
        return cast(Signals, _GuardedSignals(signals, self._failures))


def _known_or_all(facts: Sequence[Fact], now: Instant) -> Sequence[Fact]:
    """The facts that were known, as the judge takes them; all of them where that cannot be read."""
    try:
        return known_at(facts, now)
    except Exception:
        return facts


def _opinion(quarantine: Quarantine) -> Opinion:
    return Opinion(quarantine.marks(), None, (), False, quarantine)


def _about(judgement: Judgement) -> str:
    return SIGNALS if judgement.kpi.startswith(PREFIX) else judgement.kpi


class _GuardedViewer:
    """Views a case arrival by arrival, and notes what cannot be judged."""

    def __init__(self, judge: Judge, failures: _Failures) -> None:
        self._judge = judge
        self._failures = failures
        self.failed: _Failures = {}

    @property
    def version_changes(self) -> Sequence[Instant]:
        return self._judge.version_changes

    def view(self, facts: Sequence[Fact], now: Instant) -> CaseView | None:
        self._failures.clear()
        try:
            view = self._judge.view(facts, now)
        except Exception:
            return None
        assert view is not None
        self.failed.update(self._failures)
        return view._replace(unjudged=frozenset(self._failures))


def _attempt(failures: _Failures, name: str, found: list[Judgement], judge: Callable[[], None]) -> None:
    """Let a promise judge; where it raises, what it has said so far is dropped."""
    count = len(found)
    try:
        judge()
    except Exception as error:
        del found[count:]
        failures.setdefault(name, cause_of(error))


class _Guard:
    """A kind of promise that notes its error and says nothing."""

    def __init__(self, kind: Any, failures: _Failures) -> None:
        self.promise = kind.promise
        self._kind = kind
        self._failures = failures

    def judge(self, case: Any, now: Instant, found: list[Judgement]) -> None:
        _attempt(self._failures, self.promise.key, found, lambda: self._kind.judge(case, now, found))

    def judge_entry(self, entry: Any, now: Instant, found: list[Judgement]) -> None:
        _attempt(self._failures, self.promise.key, found, lambda: self._kind.judge_entry(entry, now, found))

    def judge_fulfilment(self, fulfilment: Any, now: Instant, found: list[Judgement]) -> None:
        _attempt(self._failures, self.promise.key, found, lambda: self._kind.judge_fulfilment(fulfilment, now, found))

    def judge_report(self, report: Any, now: Instant, found: list[Judgement]) -> None:
        _attempt(self._failures, self.promise.key, found, lambda: self._kind.judge_report(report, now, found))


class _GuardedSignals:
    """The signals in the same way."""

    def __init__(self, signals: Signals, failures: _Failures) -> None:
        self._signals = signals
        self._failures = failures

    def judge(self, case: Any, now: Instant, found: list[Judgement]) -> None:
        _attempt(self._failures, SIGNALS, found, lambda: self._signals.judge(case, now, found))

    def judge_entry(self, entry: Any, found: list[Judgement]) -> None:
        _attempt(self._failures, SIGNALS, found, lambda: self._signals.judge_entry(entry, found))
