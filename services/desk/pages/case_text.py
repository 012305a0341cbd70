"""The account of a case in words, in one language: what the page of a case shows."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import date
from typing import Any, NamedTuple

from services.catalog.words.event_names import EVENT_NAMES
from services.catalog.words.names import NameBook, names_for
from services.catalog.words.phrases import limit_words
from services.catalog.words.supervision import STEP_NAMES
from services.catalog.words.times import day_title, short_day_title
from services.catalog.words.wording import BY_CALENDAR
from services.desk.acting.record_lines import what_happened
from services.desk.pages import reading_words as w
from services.desk.pages.said_of import SaidOf, Tag
from services.desk.reading.case_seen import CaseSeen
from services.domain.intake.facts import KEY_SEPARATOR, FactType
from services.domain.judging.judgement import Outcome
from services.domain.plan.plan import CasePromise, SupervisionStep, Title
from services.domain.plan.statutory_time import Law
from services.domain.results.explain import Explained, ExplainedCycle
from services.domain.results.explain_days import Account, AccountedDay
from services.domain.results.explain_facts import FactStatus, FactWithStatus
from services.domain.time.calendar import weekday
from services.domain.time.zone import MINUTE_US, Instant
from services.explanation.day_table import DaysShown, folded, run_words
from services.explanation.phrases import amount_text, content_of, day_words, duration, extension_words
from services.explanation.words import ENDS, ENGLISH_WEEKDAYS, STATUS_WORDS, WEEKDAYS, outcome_word
from services.messaging.records.ledger import Kind, LedgerRecord

_COLOURS = {"bold red": "red", "yellow": "yellow", "bold yellow": "yellow", "green": "green"}
_OPEN = (Outcome.MISSED, Outcome.OVERDUE, Outcome.AWAITING, Outcome.LATE_ENTRY)


class DayLine(NamedTuple):
    """A day of an account, or several like ones."""

    date: str
    """`2021-10-15`, for programs."""
    day: str
    """Its day and weekday; the year where it begins, and on the first line."""
    last: str
    """Of several like days the last one; else empty."""
    counted: str
    """Empty: it does not count."""
    total: str
    why: str
    is_due: bool


class PromiseText(NamedTuple):
    """The verdict of a promise on a case."""

    kpi: str
    title: str
    verdict: Tag
    rows: Sequence[tuple[Title, str]]
    """What, and what is said of it: from the start of the clock to its end."""
    clause: str
    measure: int | str
    days: Sequence[DayLine]
    is_open: bool
    """Whether its days are shown at once."""


class CycleText(NamedTuple):
    """One request of a case."""

    name: str
    """Empty where there is only one."""
    service_item: str
    unit: str
    holders: Sequence[tuple[str, str, str, str]]
    """Node, unit, since and until: who held it, one after the other."""
    promises: Sequence[PromiseText]


class EventLine(NamedTuple):
    """An event of a case."""

    time: str
    name: str
    content: str
    arrived: str
    """Empty where it arrived within the hour."""
    status: str
    """Empty where it counts as it was reported."""


class RecordLine(NamedTuple):
    """A record of the ledger about a case."""

    number: int
    time: str
    kind: str
    promise: str
    unit: str
    text: str
    """What a person wrote, where the viewer may read it."""
    has_text: bool
    """There is one that is not erased, and the viewer may read it."""


class CaseText:
    """Words for one case and one reader."""

    def __init__(self, seen: CaseSeen, law: Law, of: SaidOf) -> None:
        self._seen = seen
        self._law = law
        self._zone = law.zone
        self._of = of
        self.owner, _, self.subject = seen.case_key.partition(KEY_SEPARATOR)

    # ---- verdicts ------------------------------------------------------------------------------------
    @property
    def cycles(self) -> list[CycleText]:
        """The requests of the case, the last one first."""
        explanation = self._seen.explanation
        if explanation is None:
            return []
        several = len(explanation.cycles) > 1
        return [self._cycle(cycle, several) for cycle in reversed(explanation.cycles)]

    def _cycle(self, cycle: ExplainedCycle, several: bool) -> CycleText:
        case, of = cycle.case, self._of
        worst = sorted(cycle.promises, key=lambda each: each.judgement.outcome not in _OPEN)
        return CycleText(
            name=of.say(w.CYCLE) % case.cycle if several else "",
            service_item=of.service_item(case.service_item),
            unit=of.unit(case.unit) if case.unit else "",
            holders=tuple(self._holders(cycle)),
            promises=tuple(self._promise(each) for each in worst),
        )

    def _holders(self, cycle: ExplainedCycle) -> Iterator[tuple[str, str, str, str]]:
        case, of = cycle.case, self._of
        names = NameBook(self._law.plan, (case.service_item,) if case.service_item else ())
        if case.unit and case.accepted_at is not None:
            is_held = not case.open_nodes() and case.completed is None and case.withdrawn_at is None
            until = of.say(w.NOW_HOLDS) if is_held else ""
            yield of.say(w.ACCEPTANCE), of.unit(case.unit), of.clock(case.accepted_at), until
        for span in case.nodes:
            until = of.say(w.NOW_HOLDS) if span.end is None else of.clock(span.end)
            yield of.say(names.node(span.node)), of.unit(span.unit or case.unit), of.clock(span.start), until

    def _promise(self, explained: Explained) -> PromiseText:
        promise, judgement = explained.promise, explained.judgement
        word = outcome_word(judgement.outcome, promise)
        return PromiseText(
            kpi=judgement.kpi,
            title=self._title(promise, judgement.item),
            verdict=Tag(word.sign, self._of.say(Title(zh=word.zh, en=word.en)), _COLOURS.get(word.style, "soft")),
            rows=tuple(self._rows(explained)),
            clause=promise.clause,
            measure=promise.item,
            days=() if explained.account is None else tuple(self._days(explained, explained.account)),
            is_open=judgement.outcome in _OPEN,
        )

    def _title(self, promise: CasePromise, item: str) -> str:
        title = self._of.say(promise.title)
        if promise.is_by_node and item in self._law.plan.names.nodes:
            return f"{title}{self._of.colon}{self._of.say(names_for(promise, self._law.plan).node(item))}"
        return title

    def _rows(self, explained: Explained) -> Iterator[tuple[Title, str]]:
        """From the start of the clock to its end."""
        judgement, of = explained.judgement, self._of
        if judgement.due is not None:
            yield w.DUE, of.clock(judgement.due)
        if judgement.reported_by is not None and judgement.due is not None and judgement.reported_by > judgement.due:
            yield w.REPORT_BY, of.clock(judgement.reported_by)
        if explained.account is not None:
            yield w.TIME_USED, of.punctuated(duration(explained.account, of.say))
        if explained.limit is not None:
            yield w.LIMIT, of.say(limit_words(explained.limit))
        if judgement.start is not None:
            yield w.START, of.clock(judgement.start)
        for extension, why in explained.extensions:
            yield w.EXTENSION, of.punctuated(extension_words(extension, why, self._zone, of.say))
        if judgement.stop is not None:
            yield ENDS[explained.ended_by], of.clock(judgement.stop)
        if explained.is_provisional:
            yield w.STATE, of.say(BY_CALENDAR)

    def _days(self, explained: Explained, account: Account) -> Iterator[DayLine]:
        """The days; of a long account runs of like days are one line."""
        names, total = names_for(explained.promise, self._law.plan), 0
        due = None if explained.judgement.due is None else self._zone.day(explained.judgement.due)
        shown = DaysShown({} if due is None else {due: ""}, self._zone, names)
        for run in folded(account, shown):
            counted = sum(day.amount for day in run)
            total += counted
            first, last = run[0], run[-1]
            yield DayLine(
                date.fromordinal(first.day).isoformat(),
                self._day(first.day, is_first=first is account.days[0]),
                self._day(last.day, is_first=False) if len(run) > 1 else "",
                amount_text(counted, account.scale) if counted else "",
                amount_text(total, account.scale),
                self._why(run, account, names),
                due == first.day,
            )

    def _why(self, run: Sequence[AccountedDay], account: Account, names: NameBook) -> str:
        if len(run) == 1:
            return self._of.punctuated(day_words(run[0], account, self._zone, names, self._of.say))
        return self._of.punctuated(run_words(run, self._of.say))

    def _day(self, day: int, *, is_first: bool) -> str:
        number, on = weekday(day), date.fromordinal(day)
        named = day_title if is_first or (on.month, on.day) == (1, 1) else short_day_title
        return (
            f"{self._of.say(named(on))} {self._of.say(Title(zh=f'周{WEEKDAYS[number]}', en=ENGLISH_WEEKDAYS[number]))}"
        )

    # ---- what happened -------------------------------------------------------------------------------
    @property
    def history(self) -> list[EventLine]:
        """The events, as far as the viewer sees them."""
        explanation = self._seen.explanation
        return [] if explanation is None else [self._event(each) for each in explanation.history]

    def _event(self, entry: FactWithStatus) -> EventLine:
        fact, of = entry.fact, self._of
        kind = FactType(fact.type)
        item = str(fact.data.get("service_item", ""))
        names = NameBook(self._law.plan, (item,) if item else ())
        english = kind.event_type.removeprefix("case.").replace("_", " ")
        return EventLine(
            time=of.clock(fact.time),
            name=of.say(Title(zh=EVENT_NAMES[kind], en=english)),
            content=of.punctuated(content_of(fact, self._zone, names, of.say)),
            arrived=of.clock(fact.received) if fact.received - fact.time >= 60 * MINUTE_US else "",
            status="" if entry.status is FactStatus.COUNTS else of.say(STATUS_WORDS[entry.status]),
        )

    @property
    def cards(self) -> list[tuple[Tag, str, str, str, str, str]]:
        """Level, promise, node, raised, cleared and reason of each card, the oldest first."""
        explanation, of = self._seen.explanation, self._of
        cards = () if explanation is None else sorted(explanation.cards, key=lambda card: card.raised_at)
        return [
            (of.card(card.level), of.promise_and_id(card.kpi), of.node(card.node, card.kpi),
             of.clock(card.raised_at), _cleared(card.cleared_at, of), of.reason(card.reason))
            for card in cards
        ]  # fmt: skip

    # ---- the ledger ----------------------------------------------------------------------------------
    def record(self, record: LedgerRecord, text_of: Callable[[str], str | None] | None) -> RecordLine:
        """A record of the ledger. `text_of`: gives a text that a person wrote; None: the viewer may read none."""
        request, of = record.request, self._of
        name = of.say(self._name(record))
        step = _step(request.body)
        texts = [] if text_of is None else [text_of(hash) for hash in request.texts.values()]
        return RecordLine(
            number=record.number,
            time=of.clock(record.time),
            kind=f"{name}{of.colon}{of.say(step)}" if step is not None else name,
            promise=request.subject.split("|")[1] if request.subject.count("|") > 1 else "",
            unit=of.unit(request.unit) if request.unit else of.say(w.OPERATIONS),
            text="\n".join(of.say(w.TEXT_ERASED) if text is None else text for text in texts),
            has_text=any(text is not None for text in texts),
        )

    def _name(self, record: LedgerRecord) -> Title:
        """What a record says happened: of a request and a decision what was asked for, and what was decided."""
        named = w.KINDS.get(record.request.kind)
        if named is not None and record.request.kind not in (Kind.ASKED, Kind.DECIDED):
            return named
        return what_happened(record, self._law.plan) or named or Title(zh="其他", en="other")


def _cleared(at: Instant | None, of: SaidOf) -> str:
    return of.say(w.NOT_CLEARED) if at is None else of.clock(at)


def _step(body: Mapping[str, Any]) -> Title | None:
    found = body.get("step")
    return STEP_NAMES[SupervisionStep(found)] if found in tuple(SupervisionStep) else None
