"""An explanation as a page for people: the verdicts first, then what happened, then each promise with its account.
Chinese and English side by side, 80 columns.

Colour only repeats what a word or a sign says.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Protocol

from rich.console import RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from services.catalog.words.card_reasons import CARD_REASONS
from services.catalog.words.event_names import EVENT_NAMES
from services.catalog.words.names import NameBook, names_for
from services.catalog.words.phrases import limit_words
from services.catalog.words.promise_text import in_words
from services.catalog.words.unit_names import unit_title
from services.catalog.words.wording import BY_CALENDAR
from services.domain.intake.facts import FactType
from services.domain.intake.visible_text import visible
from services.domain.judging.judge import Judge
from services.domain.judging.judgement import Outcome
from services.domain.plan.plan import Plan, Title
from services.domain.results.cards import WHOLE, CardState, case_name
from services.domain.results.explain import Explained, ExplainedCycle, Explanation
from services.domain.results.explain_days import Account
from services.domain.results.explain_facts import FactStatus, FactWithStatus
from services.domain.results.explain_silent import Silent
from services.domain.time.zone import MINUTE_US
from services.explanation.day_table import DaysShown, day_table
from services.explanation.phrases import (
    both,
    clock,
    content_of,
    contribution_of_case,
    contribution_of_record,
    duration,
    extension_words,
    lack_words,
)
from services.explanation.words import (
    DOUBTS,
    ENDS,
    REASONS,
    STATUS_WORDS,
    Word,
    outcome_word,
)


class Page:
    """The parts of an explanation, from top to bottom."""

    def __init__(
        self, explanation: Explanation, judge: Judge, rejected: Sequence[str], *, every_day: bool = False
    ) -> None:
        """`every_day`: long runs of like days are not folded."""
        self._explanation = explanation
        self._judge = judge
        self._zone = judge.law.zone
        self._plan = judge.plan
        self._rejected = rejected
        self._every_day = every_day

    def parts(self) -> Iterator[RenderableType]:
        """What is printed, one after the other."""
        explanation = self._explanation
        yield Text(visible(case_name(explanation.key)), style="bold")
        yield Text(f"截至 as of {clock(explanation.now + 1, self._zone)} ({self._plan.head.timezone})")
        if explanation.later:
            yield Text(
                f"! 另有{explanation.later}条事件在此之后，未计入 / {explanation.later} later events are left out",
                style="yellow",
            )
        for rejected in self._rejected:
            yield Text(f"! 拒收 rejected: {rejected}", style="red")
        yield from self._verdicts()
        yield from self._history()
        for cycle in explanation.cycles:
            yield from self._cycle(cycle, len(explanation.cycles) > 1)
        for judgement in explanation.others:
            promise = self._judge.kinds[judgement.kpi].promise
            yield _heading(judgement.kpi, outcome_word(judgement.outcome, promise), promise.title)
            yield _indented(contribution_of_record(promise, judgement, names_for(promise, self._plan)))
            yield _indented(_quoted(promise.clause, promise.item))
        yield from self._silent(
            explanation.uncounted, "同一目录中未计入本条目的承诺 About the same catalogue, and not counting this entry"
        )
        yield from self._cards()

    # ---- in short --------------------------------------------------------------------------------------
    def _verdicts(self) -> Iterator[RenderableType]:
        """One line per promise."""
        explanation = self._explanation
        rows = [
            (outcome_word(each.judgement.outcome, each.promise), each.judgement.kpi, each.promise, each)
            for cycle in explanation.cycles
            for each in cycle.promises
        ]
        if not rows:
            return
        yield Text("\n结论 Verdicts", style="bold underline")
        table = Table(box=None, padding=(0, 2, 0, 0), show_header=False)
        table.add_column(no_wrap=True)
        table.add_column(no_wrap=True)
        table.add_column(ratio=1, overflow="fold")
        for word, kpi, promise, explained in rows:
            text = promise.title.zh
            if promise.is_by_node and explained.judgement.item in self._plan.names.nodes:
                text += f"：{names_for(promise, self._plan).node(explained.judgement.item).zh}"
            if explained.judgement.due is not None:
                text += f"（期限 due {clock(explained.judgement.due, self._zone)}）"
            table.add_row(Text(f"{word.sign} {word.zh}", style=word.style), kpi, text)
        yield table

    # ---- what happened ---------------------------------------------------------------------------------
    def _history(self) -> Iterator[RenderableType]:
        yield Text("\n办理经过 What happened", style="bold underline")
        table = Table(box=None, padding=(0, 2, 0, 0), show_header=False)
        table.add_column(no_wrap=True)
        table.add_column(no_wrap=True)
        table.add_column(ratio=1, overflow="fold")
        for entry in self._explanation.history:
            fact = entry.fact
            rank = FactType(fact.type)
            detail = Text(content_of(fact, self._zone, self._names(fact.data.get("service_item", ""))))
            late = fact.received - fact.time
            if late >= 60 * MINUTE_US:
                detail.append(f"\n到达 arrived {clock(fact.received, self._zone)}", style="dim")
            if entry.status is not FactStatus.COUNTS:
                detail.append(f"\n{self._status_of(entry)}", style="yellow")
            struck = "strike" if entry.status in (FactStatus.STRUCK_OUT, FactStatus.CORRECTED) else ""
            name = Text(EVENT_NAMES[rank])
            name.append(f"\n{_english_type(rank)}", style="dim")
            table.add_row(Text(clock(fact.time, self._zone), style=struck), name, detail)
        yield table

    def _names(self, item: object = "") -> NameBook:
        """Names as they are read of the service item of the case; `item`: the one that an event names."""
        cycles = self._explanation.cycles
        code = str(item) or (cycles[-1].case.service_item if cycles else "")
        return NameBook(self._plan, (code,) if code else ())

    def _status_of(self, entry: FactWithStatus) -> str:
        text = both(STATUS_WORDS[entry.status])
        if entry.status is FactStatus.STRUCK_OUT and entry.by is not None:
            return f"{text} ({visible(entry.by.id)})"
        if entry.status is FactStatus.CORRECTED and entry.by is not None and entry.now is not None:
            time, rank = clock(entry.now.time, self._zone), FactType(entry.now.type)
            content = content_of(entry.now, self._zone, self._names(entry.now.data.get("service_item", "")))
            now = f"{time} {EVENT_NAMES[rank]} {content}"
            return f"{text} ({visible(entry.by.id)}) → {now.strip()}"
        return text

    # ---- a cycle ---------------------------------------------------------------------------------------
    def _cycle(self, cycle: ExplainedCycle, several: bool) -> Iterator[RenderableType]:
        number = f"（第{cycle.case.cycle}次办理 cycle {cycle.case.cycle}）" if several else ""
        yield Text(f"\n办件 The case{number}", style="bold underline")
        yield self._what_it_is(cycle)
        if not cycle.promises:
            yield Text("没有承诺对它作出判定 No promise judges it", style="yellow")
        shown: dict[Account, str] = {}
        for explained in cycle.promises:
            yield from self._promise(explained, cycle.promises, shown)
        yield from self._silent(cycle.silent, "同一事项中不适用于本件的承诺 About the same item, and not of this case")

    def _what_it_is(self, cycle: ExplainedCycle) -> Table:
        """The service item, the unit, the attributes, and what makes its numbers doubtful."""
        case, plan = cycle.case, self._plan
        names = self._names(case.service_item)
        attributes = [names.clause(name, value) for name, value in sorted(case.attributes.items())]
        rows = [
            ("事项 item", _named(case.service_item, plan.service_items)),
            ("受理单位 unit", _named_unit(case.unit, plan)),
            ("渠道 channels", "、".join(both(names.value("channel", each)) for each in sorted(case.channels))),
            ("属性 attributes", "；".join(each.zh for each in attributes)),
            ("", "; ".join(each.en for each in attributes)),
            ("存疑 doubtful", "；".join(map(_doubt, cycle.signals))),
        ]
        return _grid(
            (name, Text(visible(value), style="yellow" if "存疑" in name else "")) for name, value in rows if value
        )

    def _promise(
        self, explained: Explained, beside: Sequence[Explained], shown: dict[Account, str]
    ) -> Iterator[RenderableType]:
        judgement, promise = explained.judgement, explained.promise
        names = names_for(promise, self._plan)
        yield _heading(judgement.kpi, outcome_word(judgement.outcome, promise), promise.title)
        words = in_words(promise, self._plan)
        rows: list[tuple[str, str | Text]] = [
            *self._clock_rows(explained),
            ("条款 clause", _quoted(promise.clause, promise.item)),
            ("承诺 promise", f"{words.zh}\n{words.en}"),
        ]
        if contribution := contribution_of_case(explained, names):
            rows.insert(0, ("计入 counts", contribution))
        if explained.turned_by:
            rows.append(("补录 late", Text(self._turned(explained), style="yellow")))
        yield _indented(_grid(rows))
        if explained.account is not None:
            yield _indented(self._days(explained, beside, shown))

    def _clock_rows(self, explained: Explained) -> Iterator[tuple[str, str]]:
        """From the start of the clock to its end."""
        judgement, zone = explained.judgement, self._zone
        if explained.account is not None:
            limit = f"（时限 limit {both(limit_words(explained.limit))}）" if explained.limit is not None else ""
            yield "用时 time", f"{duration(explained.account)}{limit}"
        elif explained.limit is not None:
            yield "时限 limit", both(limit_words(explained.limit))
        if judgement.start is not None:
            yield "起算 start", clock(judgement.start, zone)
        for extension, why in explained.extensions:
            yield "延期 extension", extension_words(extension, why, zone)
        yield from self._due_rows(explained)
        if judgement.stop is not None:
            yield both(ENDS[explained.ended_by]), clock(judgement.stop, zone)
        if explained.is_provisional:
            yield "日历 calendar", f"{BY_CALENDAR.zh} {BY_CALENDAR.en}"

    def _due_rows(self, explained: Explained) -> Iterator[tuple[str, str]]:
        """Until when there is time, and until when the stop may be reported where that is later."""
        judgement = explained.judgement
        due, reported_by = judgement.due, judgement.reported_by
        if due is None:
            if explained.limit is not None and judgement.outcome is Outcome.OPEN:
                yield "期限 due", "暂停计时期间未定 not known while the clock is stopped"
            return
        yield "期限 due", clock(due, self._zone)
        if reported_by is not None and reported_by > due:
            yield "报送期限 report by", clock(reported_by, self._zone)

    def _days(self, explained: Explained, beside: Sequence[Explained], shown: dict[Account, str]) -> RenderableType:
        """The account day by day, or where the same one is shown already. `beside`: the promises of the cycle, whose
        due days are marked; `shown`: by account, the promise at which it is shown."""
        account, kpi = explained.account, explained.judgement.kpi
        assert account is not None
        if account in shown:
            return Text(f"逐日 day by day: 同 the same as {shown[account]}")
        shown[account] = kpi
        dues = {
            self._zone.day(each.judgement.due): each.judgement.kpi
            for each in reversed(beside)
            if each.account == account and each.judgement.due is not None
        }
        names = names_for(explained.promise, self._plan)
        return day_table(account, DaysShown(dues, self._zone, names, self._every_day))

    def _turned(self, explained: Explained) -> str:
        due = explained.missed_limit
        after = f"在期限（{clock(due, self._zone)}）之后" if due is not None else "其后"
        lines = [f"{after}到达，改变了判定 / arrived later and turned a miss:"]
        for fact in explained.turned_by:
            lines.append(
                f"  {EVENT_NAMES[FactType(fact.type)]} {_english_type(FactType(fact.type))} ({visible(fact.id)}): "
                f"{clock(fact.time, self._zone)} → {clock(fact.received, self._zone)}"
            )
        return "\n".join([*lines, *self._decided(explained)])

    def _decided(self, explained: Explained) -> Iterator[str]:
        """What was decided on late entries: each decision is on what had arrived by then."""
        for each in explained.decisions:
            word = ("予以认定", "confirmed") if each.decision == "accepted" else ("不予认定", "rejected")
            through = clock(each.through, self._zone)
            yield f"{word[0]}截至 {through} 到达的补录 / {word[1]}, of what had arrived by {through}"

    def _silent(self, silent: Sequence[Silent], heading: str) -> Iterator[RenderableType]:
        if not silent:
            return
        yield Text(f"\n{heading}", style="bold")
        for each in silent:
            yield _indented(Text(f"– {each.promise.key} {each.promise.title.zh}：{self._why_silent(each)}"))

    def _why_silent(self, silent: Silent) -> str:
        names = names_for(silent.promise, self._plan)
        lacks = [lack_words(missing, names) for missing in silent.missing]
        why = REASONS[silent.reason]
        if not lacks:
            return both(why)
        zh, en = "；".join(lack.zh for lack in lacks), "; ".join(lack.en for lack in lacks)
        return f"{why.zh}（{zh}）\n{why.en} ({en})"

    def _cards(self) -> Iterator[RenderableType]:
        if not self._explanation.cards:
            return
        terms = self._plan.names.terms
        yield Text(f"\n{terms.yellow_card.zh}、{terms.red_card.zh} Cards", style="bold underline")
        table = Table(box=None, padding=(0, 2, 0, 0))
        for column in ("承诺", "牌色 card", "亮牌 raised", "解除 cleared", "原因 why"):
            table.add_column(column, overflow="fold")
        for card in sorted(self._explanation.cards, key=lambda each: each.raised_at):
            red = card.level == "red"
            term = terms.red_card if red else terms.yellow_card
            table.add_row(
                card.kpi if card.cycle == 1 else f"{card.kpi} #{card.cycle}",
                Text(
                    f"{'■' if red else '▲'} {term.zh} {term.en}{self._of_node(card)}", style="red" if red else "yellow"
                ),
                clock(card.raised_at, self._zone),
                clock(card.cleared_at, self._zone) if card.cleared_at is not None else "未解除 active",
                both(CARD_REASONS[card.reason]) if card.reason in CARD_REASONS else visible(card.reason),
            )
        yield table

    def _of_node(self, card: CardState) -> str:
        return f"\n环节 node {visible(both(self._names().node(card.node)))}" if card.node != WHOLE else ""


def _english_type(rank: FactType) -> str:
    return rank.event_type.removeprefix("case.").replace("_", " ")


def _doubt(signal: str) -> str:
    """A signal by its name; of an anomaly the name of what does not fit."""
    name, _, item = signal.partition(":")
    if item in DOUBTS:
        return both(DOUBTS[item])
    said = both(DOUBTS[name]) if name in DOUBTS else name
    return f"{said} ({item})" if item else said


def _heading(kpi: str, outcome: Word, title: Title) -> Text:
    """The verdict, the promise and its title."""
    heading = Text("\n")
    heading.append(str(outcome), style=outcome.style or "bold")
    heading.append(f"  {kpi}", style="bold")
    heading.append(f"\n{both(title)}", style="not bold")
    return heading


def _quoted(clause: str, item: int | str) -> str:
    place = f"指标（任务）{item} measure {item}" if isinstance(item, int) else f"第{item}部分 section {item}"
    return f"“{clause}”（{place}）"


class _Titled(Protocol):
    @property
    def title(self) -> Title: ...


def _named_unit(code: str, plan: Plan) -> str:
    """The title of a unit with its code; of one that has ended its successor, too."""
    return f"{both(unit_title(code, plan))} ({code})" if code in plan.units else code or "未知 unknown"


def _named(code: str, entries: Mapping[str, _Titled]) -> str:
    """The title of a service item with its code."""
    entry = entries.get(code)
    return f"{both(entry.title)} ({code})" if entry is not None else code or "未知 unknown"


def _grid(rows: Iterable[tuple[str, str | Text]]) -> Table:
    grid = Table(box=None, padding=(0, 2, 0, 0), show_header=False)
    grid.add_column(no_wrap=True, style="cyan")
    grid.add_column(ratio=1, overflow="fold")
    for name, value in rows:
        grid.add_row(name, value if isinstance(value, Text) else Text(value))
    return grid


def _indented(part: RenderableType) -> Padding:
    return Padding(part, (0, 0, 0, 2))
