"""An explanation as a page for people: Chinese and English side by side, 80 columns.

Colour only repeats what a word or a sign says.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import date
from typing import Protocol

from rich.console import RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from services.catalog.words.phrases import limit_words
from services.catalog.words.promise_text import in_words
from services.catalog.words.wording import BY_CALENDAR
from services.domain.intake.facts import FactType
from services.domain.intake.visible_text import visible
from services.domain.judging.judge import Judge
from services.domain.judging.judgement import Outcome
from services.domain.plan.plan import Title
from services.domain.results.cards import WHOLE, CardState, case_name
from services.domain.results.explain import Explained, ExplainedCycle, Explanation
from services.domain.results.explain_days import Account
from services.domain.results.explain_facts import FactStatus, FactWithStatus
from services.domain.results.explain_silent import Silent
from services.domain.time.calendar import weekday
from services.domain.time.zone import MINUTE_US, Zone
from services.explanation.phrases import (
    amount_text,
    clock,
    content_of,
    contribution_of_case,
    contribution_of_record,
    day_words,
    duration,
    value_text,
)
from services.explanation.words import (
    ENDS,
    ENGLISH_WEEKDAYS,
    EVENT_NAMES,
    OUTCOMES,
    REASONS,
    STATUS_WORDS,
    WEEKDAYS,
    Word,
)


class Page:
    """The parts of an explanation, from top to bottom."""

    def __init__(self, explanation: Explanation, judge: Judge, rejected: Sequence[str]) -> None:
        self._explanation = explanation
        self._judge = judge
        self._zone = judge.law.zone
        self._plan = judge.plan
        self._rejected = rejected

    def parts(self) -> Iterator[RenderableType]:
        """What is printed, one after the other."""
        explanation = self._explanation
        yield Text(visible(case_name(explanation.key)), style="bold")
        yield Text(f"截至 as of {clock(explanation.now + 1, self._zone)} ({self._plan.head.timezone})")
        if explanation.later:
            yield Text(
                f"! 另有{explanation.later}个事件在此之后，未计入 / {explanation.later} later events are left out",
                style="yellow",
            )
        for rejected in self._rejected:
            yield Text(f"! 拒收 rejected: {rejected}", style="red")
        yield from self._history()
        for cycle in explanation.cycles:
            yield from self._cycle(cycle, len(explanation.cycles) > 1)
        for judgement in explanation.others:
            promise = self._judge.kinds[judgement.kpi].promise
            yield _heading(judgement.kpi, OUTCOMES[judgement.outcome], promise.title)
            yield _indented(contribution_of_record(promise, judgement))
            yield _indented(_quoted(promise.clause, promise.item))
        yield from self._silent(
            explanation.uncounted, "同一目录，未计入 About the same catalogue, and not counting this entry"
        )
        yield from self._cards()

    # ---- what happened ---------------------------------------------------------------------------------
    def _history(self) -> Iterator[RenderableType]:
        yield Text("\n经过 What happened", style="bold underline")
        table = Table(box=None, padding=(0, 2, 0, 0), show_header=False)
        table.add_column(no_wrap=True)
        table.add_column(no_wrap=True)
        table.add_column(ratio=1, overflow="fold")
        for entry in self._explanation.history:
            fact = entry.fact
            rank = FactType(fact.type)
            detail = Text(content_of(fact, self._zone))
            late = fact.received - fact.time
            if late >= 60 * MINUTE_US:
                detail.append(f"\n到达 arrived {clock(fact.received, self._zone)}", style="dim")
            if entry.status is not FactStatus.COUNTS:
                detail.append(f"\n{self._status_of(entry)}", style="yellow")
            struck = "strike" if entry.status in (FactStatus.STRUCK_OUT, FactStatus.CORRECTED) else ""
            name = rank.event_type.removeprefix("case.")
            table.add_row(Text(clock(fact.time, self._zone), style=struck), f"{EVENT_NAMES[rank]}\n{name}", detail)
        yield table

    def _status_of(self, entry: FactWithStatus) -> str:
        words = STATUS_WORDS[entry.status]
        text = f"{words.zh} {words.en}"
        if entry.status is FactStatus.STRUCK_OUT and entry.by is not None:
            return f"{text} ({visible(entry.by.id)})"
        if entry.status is FactStatus.CORRECTED and entry.by is not None and entry.now is not None:
            time, event_type = clock(entry.now.time, self._zone), FactType(entry.now.type).event_type
            now = f"{time} {event_type} {content_of(entry.now, self._zone)}"
            return f"{text} ({visible(entry.by.id)}) → {now.strip()}"
        return text

    # ---- a cycle ---------------------------------------------------------------------------------------
    def _cycle(self, cycle: ExplainedCycle, several: bool) -> Iterator[RenderableType]:
        case, plan = cycle.case, self._plan
        number = f"（第{case.cycle}轮 cycle {case.cycle}）" if several else ""
        yield Text(f"\n办件 The case{number}", style="bold underline")
        rows = [
            ("事项 item", _named(case.service_item, plan.service_items)),
            ("受理单位 unit", _named(case.unit, plan.units)),
            ("渠道 channels", ", ".join(sorted(case.channels))),
            ("属性 attributes", ", ".join(f"{name}={value}" for name, value in sorted(case.attributes.items()))),
            ("存疑 doubtful", ", ".join(cycle.signals)),
        ]
        yield _grid(
            (name, Text(visible(value), style="yellow" if "存疑" in name else "")) for name, value in rows if value
        )
        if not cycle.promises:
            yield Text("没有承诺对它作出判断 No promise judges it", style="yellow")
        shown: dict[Account, str] = {}
        for explained in cycle.promises:
            yield from self._promise(explained, cycle.promises, shown)
        yield from self._silent(cycle.silent, "同一事项，未适用 About the same item, and not of this case")

    def _promise(
        self, explained: Explained, beside: Sequence[Explained], shown: dict[Account, str]
    ) -> Iterator[RenderableType]:
        judgement, promise = explained.judgement, explained.promise
        yield _heading(judgement.kpi, OUTCOMES[judgement.outcome], promise.title)
        words = in_words(promise, self._plan)
        rows: list[tuple[str, str | Text]] = [
            ("条款 clause", _quoted(promise.clause, promise.item)),
            ("承诺 promise", f"{words.zh}\n{words.en}"),
            *self._clock_rows(explained),
        ]
        if contribution := contribution_of_case(explained):
            rows.append(("计入 counts", contribution))
        if explained.turned_by:
            rows.append(("补录 late", Text(self._turned(explained), style="yellow")))
        yield _indented(_grid(rows))
        if explained.account is not None:
            yield _indented(self._days(explained.account, judgement.kpi, beside, shown))

    def _clock_rows(self, explained: Explained) -> Iterator[tuple[str, str]]:
        """From the start of the clock to its end."""
        judgement, zone = explained.judgement, self._zone
        if judgement.start is not None:
            yield "起算 start", clock(judgement.start, zone)
        if explained.limit is not None:
            limit = limit_words(explained.limit)
            yield "时限 limit", f"{limit.zh} {limit.en}"
        if judgement.due is not None:
            yield "截止 due", clock(judgement.due, zone)
        elif explained.limit is not None and judgement.outcome is Outcome.OPEN:
            yield "截止 due", "时钟停止期间未定 not known while the clock is stopped"
        if judgement.stop is not None:
            end = ENDS[explained.ended_by]
            yield f"{end.zh} {end.en}", clock(judgement.stop, zone)
        if explained.account is not None:
            yield "用时 time", duration(explained.account)
        if explained.is_provisional:
            yield "日历 calendar", f"{BY_CALENDAR.zh} {BY_CALENDAR.en}"

    def _days(
        self, account: Account, kpi: str, beside: Sequence[Explained], shown: dict[Account, str]
    ) -> RenderableType:
        """The account day by day, or where the same one is shown already. `beside`: the promises of the cycle, whose
        due days are marked; `shown`: by account, the promise at which it is shown."""
        if account in shown:
            return Text(f"逐日 day by day: 同 the same as {shown[account]}")
        shown[account] = kpi
        dues = {
            self._zone.day(each.judgement.due): each.judgement.kpi
            for each in reversed(beside)
            if each.account == account and each.judgement.due is not None
        }
        return _day_table(account, dues, self._zone)

    def _turned(self, explained: Explained) -> str:
        due = explained.judgement.due
        after = f"期限 {clock(due, self._zone)} 之后" if due is not None else "之后"
        lines = [f"{after}到达，改变了结论 / arrived later and turned a miss:"]
        for fact in explained.turned_by:
            lines.append(
                f"  {EVENT_NAMES[FactType(fact.type)]} {FactType(fact.type).event_type} ({visible(fact.id)}): "
                f"{clock(fact.time, self._zone)} → {clock(fact.received, self._zone)}"
            )
        return "\n".join(lines)

    def _silent(self, silent: Sequence[Silent], heading: str) -> Iterator[RenderableType]:
        if not silent:
            return
        yield Text(f"\n{heading}", style="bold")
        for each in silent:
            words = REASONS[each.reason]
            wants = "; ".join(
                f"{name}: {value_text(wanted)} ← {'未知 unknown' if actual is None else value_text(actual)}"
                for name, wanted, actual in each.missing
            )
            yield _indented(Text(f"– {each.promise.key}: {words.zh} {words.en}" + (f" ({wants})" if wants else "")))

    def _cards(self) -> Iterator[RenderableType]:
        if not self._explanation.cards:
            return
        yield Text("\n黄牌红牌 Cards", style="bold underline")
        table = Table(box=None, padding=(0, 2, 0, 0))
        for column in ("KPI", "牌 card", "亮牌 raised", "撤牌 cleared", "原因 why"):
            table.add_column(column, overflow="fold")
        for card in sorted(self._explanation.cards, key=lambda each: each.raised_at):
            red = card.level == "red"
            table.add_row(
                card.kpi if card.cycle == 1 else f"{card.kpi} #{card.cycle}",
                Text(f"{'■ 红 red' if red else '▲ 黄 yellow'}{_of_node(card)}", style="red" if red else "yellow"),
                clock(card.raised_at, self._zone),
                clock(card.cleared_at, self._zone) if card.cleared_at is not None else "在亮 active",
                visible(card.reason),
            )
        yield table


def _of_node(card: CardState) -> str:
    return f"\n环节 node {visible(card.node)}" if card.node != WHOLE else ""


def _heading(kpi: str, outcome: Word, title: Title) -> Text:
    heading = Text(f"\n{kpi}  ", style="bold")
    heading.append(str(outcome), style=outcome.style)
    heading.append(f"\n{_both(title)}", style="not bold")
    return heading


def _quoted(clause: str, item: int | str) -> str:
    return f"“{clause}”（{f'第{item}条 measure {item}' if isinstance(item, int) else item}）"


def _both(title: Title) -> str:
    return f"{title.zh} {title.en}"


class _Titled(Protocol):
    @property
    def title(self) -> Title: ...


def _named(code: str, entries: Mapping[str, _Titled]) -> str:
    """The title of a service item or a unit with its code."""
    entry = entries.get(code)
    return f"{_both(entry.title)} ({code})" if entry is not None else code or "未知 unknown"


def _grid(rows: Iterable[tuple[str, str | Text]]) -> Table:
    grid = Table(box=None, padding=(0, 2, 0, 0), show_header=False)
    grid.add_column(no_wrap=True, style="cyan")
    grid.add_column(ratio=1, overflow="fold")
    for name, value in rows:
        grid.add_row(name, value if isinstance(value, Text) else Text(value))
    return grid


def _indented(part: RenderableType) -> Padding:
    return Padding(part, (0, 0, 0, 2))


def _day_table(counted: Account, dues: dict[int, str], zone: Zone) -> Table:
    table = Table(
        box=None, padding=(0, 1, 0, 0), caption="· 不计 not counted  ‖ 停表 clock stopped", caption_justify="left"
    )
    table.add_column("日期 day", no_wrap=True)
    table.add_column("计 +", justify="right", no_wrap=True)
    table.add_column("累计 =", justify="right", no_wrap=True)
    table.add_column("说明 why", ratio=1, overflow="fold")
    total = 0
    for day in counted.days:
        total += day.amount
        why = Text(visible(day_words(day, counted, zone)))
        if day.day in dues:
            why.append(f"  ◄ 截止 due {dues[day.day]}", style="bold")
        number = weekday(day.day)
        table.add_row(
            f"{date.fromordinal(day.day)} 周{WEEKDAYS[number]} {ENGLISH_WEEKDAYS[number]}",
            amount_text(day.amount, counted.scale) if day.amount else ("‖" if day.still else "·"),
            amount_text(total, counted.scale),
            why,
            style="" if day.amount else "dim",
        )
    return table
