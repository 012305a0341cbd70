"""An explanation as a page for people (Chinese and English side by side, 80 columns) and as JSON for programs.

Colour only repeats what a word or a sign says.
"""

from collections.abc import Iterable, Iterator, Sequence
from datetime import date
from fractions import Fraction
from typing import Any, NamedTuple

from rich.console import RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from services.catalog.sentences import in_words, limit_words
from services.cli.rejected import line_of
from services.domain.history.case import MICRO
from services.domain.intake.facts import Fact, FactType
from services.domain.intake.visible_text import visible
from services.domain.judging.judge import Judge
from services.domain.judging.judgement import Judgement, Outcome
from services.domain.plan.plan import Kind, Promise, Title
from services.domain.results.cards import WHOLE, CardState, case_name
from services.domain.results.explain import EndedBy, Explained, ExplainedCycle, Explanation
from services.domain.results.explain_days import Account, AccountedDay
from services.domain.results.explain_facts import FactStatus, FactWithStatus
from services.domain.results.explain_silent import Reason, Silent
from services.domain.sums.statistic import written
from services.domain.sums.tally import TallyField
from services.domain.time.calendar import DayKind, weekday
from services.domain.time.zone import MINUTE_US, Instant, Zone
from services.replay.spill_files import Rejected


class Word(NamedTuple):
    """A sign, and what it means in both languages."""

    sign: str
    zh: str
    en: str
    style: str = ""

    def __str__(self) -> str:
        return f"{self.sign} {self.zh} {self.en}"


OUTCOMES = {
    Outcome.OPEN: Word("…", "办理中", "open, within its limit"),
    Outcome.MET: Word("✓", "按期", "met", "green"),
    Outcome.MISSED: Word("✗", "超期", "MISSED", "bold red"),
    Outcome.OVERDUE: Word("✗", "逾期未办结", "OVERDUE, still open", "bold red"),
    Outcome.WITHDRAWN: Word("–", "期限内撤回或终止", "withdrawn or ended before the limit"),
    Outcome.JUSTIFIED: Word("○", "理由成立", "justified, not counted", "yellow"),
    Outcome.LATE_ENTRY: Word("△", "补录后按期，待确认", "met by LATE ENTRY, not confirmed", "bold yellow"),
    Outcome.UNMEASURED: Word("?", "未报送", "UNMEASURED: not reported", "yellow"),
    Outcome.COUNTED: Word("•", "计入", "counted"),
}
_MEASURES = {
    "working_days": Title(zh="个工作日", en="working days"),
    "calendar_days": Title(zh="日", en="days"),
    "elapsed_days": Title(zh="日（历时）", en="days elapsed"),
    "working_minutes": Title(zh="分钟（办公时间）", en="minutes of opening hours"),
    "minutes": Title(zh="分钟", en="minutes"),
}
_EVENTS = {
    FactType.CASE_APPLIED: "申请",
    FactType.CASE_ACCEPTED: "受理",
    FactType.CASE_SUPPLEMENT_REQUESTED: "要求补正",
    FactType.CASE_REFUSED: "不予受理",
    FactType.CASE_RECLASSIFIED: "重新归类",
    FactType.CASE_MILESTONE: "节点达成",
    FactType.CASE_NODE_STARTED: "环节开始",
    FactType.CASE_NODE_ENDED: "环节结束",
    FactType.CASE_SUSPENDED: "中止",
    FactType.CASE_RESUMED: "恢复",
    FactType.CASE_EXTENDED: "延期",
    FactType.CASE_MEASURED: "计量",
    FactType.CASE_COMPLETED: "办结",
    FactType.CASE_WITHDRAWN: "撤回",
    FactType.CASE_REOPENED: "重启",
    FactType.CASE_RATED: "评价",
    FactType.CASE_JUSTIFIED: "说明理由",
    FactType.CASE_CONFIRMED: "补录确认",
    FactType.CORRECTION: "更正",
    FactType.ITEM_UPSERTED: "目录更新",
    FactType.ITEM_RETIRED: "目录删除",
    FactType.DUTY_FULFILLED: "履行职责",
    FactType.FIGURE_REPORTED: "数据报送",
    FactType.SOURCE_HEARTBEAT: "在线信号",
}
_STANDINGS = {
    FactStatus.STRUCK_OUT: Title(zh="已删除", en="STRUCK OUT"),
    FactStatus.CORRECTED: Title(zh="已更正", en="CORRECTED"),
    FactStatus.HOLDS: Title(zh="有效", en="it holds"),
    FactStatus.OVERRULED: Title(zh="被后来的更正取代", en="overruled by a later correction"),
    FactStatus.WAITING: Title(zh="所更正的事件未到", en="waits for the event that it corrects"),
    FactStatus.REFUSED: Title(zh="不接受对更正的更正", en="REFUSED: it corrects a correction"),
}
_DAYS = {
    DayKind.WORKING: Title(zh="工作日", en="working day"),
    DayKind.WEEKEND: Title(zh="周末", en="weekend"),
    DayKind.HOLIDAY: Title(zh="节假日", en="holiday"),
    DayKind.MAKE_UP: Title(zh="调休上班", en="make-up working day"),
}
_SILENCE = {
    Reason.NOT_SELECTED: Title(zh="不属于", en="not of those it is about"),
    Reason.LEFT_OUT: Title(zh="除外", en="left out"),
    Reason.NOT_STARTED: Title(zh="未起算", en="its clock has not started"),
    Reason.NOT_IN_FORCE: Title(zh="不在有效期", en="not in force on that date"),
    Reason.NOTHING_TO_JUDGE: Title(zh="无可判", en="nothing to judge yet, or no limit"),
}
_ENDS = {
    EndedBy.STOP: Title(zh="止算", en="stop"),
    EndedBy.WITHDRAWAL: Title(zh="撤回", en="withdrawn"),
    EndedBy.COMPLETION: Title(zh="未准予办结", en="closed undelivered"),
    EndedBy.NOTHING: Title(zh="截至", en="up to now"),
}
_ENGLISH_HOLIDAYS = {
    "元旦": "New Year",
    "春节": "Spring Festival",
    "清明节": "Tomb-Sweeping Day",
    "劳动节": "Labour Day",
    "端午节": "Dragon Boat Festival",
    "中秋节": "Mid-Autumn Festival",
    "国庆节": "National Day",
}
_WEEKDAYS = "一二三四五六日"
_ENGLISH_WEEKDAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")


# ---- for people --------------------------------------------------------------------------------------------
class Page:
    """The parts of an explanation, from top to bottom."""

    def __init__(self, explanation: Explanation, judge: Judge, rejected: Sequence[Rejected]) -> None:
        self._told = explanation
        self._judge = judge
        self._zone = judge.law.zone
        self._plan = judge.plan
        self._rejected = rejected

    def parts(self) -> Iterator[RenderableType]:
        """What is printed, one after the other."""
        told = self._told
        yield Text(visible(case_name(told.key)), style="bold")
        yield Text(f"截至 as of {clock(told.now + 1, self._zone)} ({self._plan.head.timezone})")
        if told.later:
            yield Text(
                f"! 另有{told.later}个事件在此之后，未计入 / {told.later} later events are left out", style="yellow"
            )
        for rejected in self._rejected:
            yield Text(f"! 拒收 rejected: {line_of(rejected)}", style="red")
        yield from self._history()
        for cycle in told.cycles:
            yield from self._cycle(cycle, len(told.cycles) > 1)
        for judgement in told.others:
            promise = self._judge.kinds[judgement.kpi].promise
            yield _heading(judgement.kpi, OUTCOMES[judgement.outcome], promise.title)
            yield _indented(_adds(promise, judgement))
            yield _indented(_quoted(promise.clause, promise.item))
        yield from self._silent(
            told.uncounted, "同一目录，未计入 About the same catalogue, and not counting this entry"
        )
        yield from self._cards()

    # ---- what happened ---------------------------------------------------------------------------------
    def _history(self) -> Iterator[RenderableType]:
        yield Text("\n经过 What happened", style="bold underline")
        table = Table(box=None, padding=(0, 2, 0, 0), show_header=False)
        table.add_column(no_wrap=True)
        table.add_column(no_wrap=True)
        table.add_column(ratio=1, overflow="fold")
        for told in self._told.history:
            fact = told.fact
            rank = FactType(fact.type)
            detail = Text(_content(fact, self._zone))
            late = fact.received - fact.time
            if late >= 60 * MINUTE_US:
                detail.append(f"\n到达 arrived {clock(fact.received, self._zone)}", style="dim")
            if told.status is not FactStatus.STANDS:
                detail.append(f"\n{self._standing(told)}", style="yellow")
            struck = "strike" if told.status in (FactStatus.STRUCK_OUT, FactStatus.CORRECTED) else ""
            name = rank.event_type.removeprefix("case.")
            table.add_row(Text(clock(fact.time, self._zone), style=struck), f"{_EVENTS[rank]}\n{name}", detail)
        yield table

    def _standing(self, told: FactWithStatus) -> str:
        words = _STANDINGS[told.status]
        text = f"{words.zh} {words.en}"
        if told.status is FactStatus.STRUCK_OUT and told.by is not None:
            return f"{text} ({visible(told.by.id)})"
        if told.status is FactStatus.CORRECTED and told.by is not None and told.now is not None:
            name = FactType(told.now.type).event_type
            now = f"{clock(told.now.time, self._zone)} {name} {_content(told.now, self._zone)}"
            return f"{text} ({visible(told.by.id)}) → {now.strip()}"
        return text

    # ---- a cycle ---------------------------------------------------------------------------------------
    def _cycle(self, cycle: ExplainedCycle, several: bool) -> Iterator[RenderableType]:
        case, plan = cycle.case, self._plan
        number = f"（第{case.cycle}轮 cycle {case.cycle}）" if several else ""
        yield Text(f"\n办件 The case{number}", style="bold underline")
        item = plan.service_items.get(case.service_item)
        unit = plan.units.get(case.unit)
        rows = [
            (
                "事项 item",
                f"{_both(item.title)} ({case.service_item})" if item else case.service_item or "未知 unknown",
            ),
            ("受理单位 unit", f"{_both(unit.title)} ({case.unit})" if unit else case.unit or "未知 unknown"),
            ("渠道 channels", ", ".join(sorted(case.channels))),
            ("属性 attributes", ", ".join(f"{name}={value}" for name, value in sorted(case.attributes.items()))),
            ("存疑 doubtful", ", ".join(cycle.signals)),
        ]
        yield _grid(
            (name, Text(visible(value), style="yellow" if "存疑" in name else "")) for name, value in rows if value
        )
        if not cycle.promises:
            yield Text("没有承诺对它作出判断 No promise says anything of it", style="yellow")
        shown: dict[Account, str] = {}
        for explained in cycle.promises:
            yield from self._promise(explained, cycle.promises, shown)
        yield from self._silent(cycle.silent, "同一事项，未适用 About the same item, and not of this case")

    def _promise(
        self, explained: Explained, beside: Sequence[Explained], shown: dict[Account, str]
    ) -> Iterator[RenderableType]:
        judgement, promise, zone = explained.judgement, explained.promise, self._zone
        yield _heading(judgement.kpi, OUTCOMES[judgement.outcome], promise.title)
        words = in_words(promise, self._plan)
        rows: list[tuple[str, str | Text]] = [
            ("条款 clause", _quoted(promise.clause, promise.item)),
            ("承诺 promise", f"{words.zh}\n{words.en}"),
        ]
        if judgement.start is not None:
            rows.append(("起算 start", clock(judgement.start, zone)))
        if explained.limit is not None:
            limit = limit_words(explained.limit)
            rows.append(("时限 limit", f"{limit.zh} {limit.en}"))
        if judgement.due is not None:
            rows.append(("截止 due", clock(judgement.due, zone)))
        elif explained.limit is not None and judgement.outcome is Outcome.OPEN:
            rows.append(("截止 due", "时钟停止期间未定 not known while the clock stands still"))
        if judgement.stop is not None:
            end = _ENDS[explained.ended_by]
            rows.append((f"{end.zh} {end.en}", clock(judgement.stop, zone)))
        if explained.account is not None:
            rows.append(("用时 time", _sum(explained.account)))
        counts = _counts(explained)
        if counts:
            rows.append(("计入 counts", counts))
        if explained.turned_by:
            rows.append(("补录 late", Text(self._turned(explained), style="yellow")))
        yield _indented(_grid(rows))
        counted = explained.account
        if counted is None:
            return
        if counted in shown:
            yield _indented(Text(f"逐日 day by day: 同 the same as {shown[counted]}"))
            return
        shown[counted] = judgement.kpi
        dues = {
            zone.day(each.judgement.due): each.judgement.kpi
            for each in reversed(beside)
            if each.account == counted and each.judgement.due is not None
        }
        yield _indented(_day_table(counted, dues, zone))

    def _turned(self, explained: Explained) -> str:
        due = explained.judgement.due
        after = f"期限 {clock(due, self._zone)} 之后" if due is not None else "之后"
        lines = [f"{after}到达，改变了结论 / arrived later and turned a miss:"]
        for fact in explained.turned_by:
            lines.append(
                f"  {_EVENTS[FactType(fact.type)]} {FactType(fact.type).event_type} ({visible(fact.id)}): "
                f"{clock(fact.time, self._zone)} → {clock(fact.received, self._zone)}"
            )
        return "\n".join(lines)

    def _silent(self, silent: Sequence[Silent], heading: str) -> Iterator[RenderableType]:
        if not silent:
            return
        yield Text(f"\n{heading}", style="bold")
        for each in silent:
            words = _SILENCE[each.reason]
            wants = "; ".join(
                f"{name}: {_values(wanted)} ← {'未知 unknown' if actual is None else _values(actual)}"
                for name, wanted, actual in each.missing
            )
            yield _indented(Text(f"– {each.promise.key}: {words.zh} {words.en}" + (f" ({wants})" if wants else "")))

    def _cards(self) -> Iterator[RenderableType]:
        if not self._told.cards:
            return
        yield Text("\n黄牌红牌 Cards", style="bold underline")
        table = Table(box=None, padding=(0, 2, 0, 0))
        for column in ("KPI", "牌 card", "亮牌 raised", "撤牌 cleared", "原因 why"):
            table.add_column(column, overflow="fold")
        for card in sorted(self._told.cards, key=lambda each: each.raised_at):
            red = card.level == "red"
            table.add_row(
                card.kpi if card.cycle == 1 else f"{card.kpi} #{card.cycle}",
                Text(f"{'■ 红 red' if red else '▲ 黄 yellow'}{_of_node(card)}", style="red" if red else "yellow"),
                clock(card.raised_at, self._zone),
                clock(card.cleared_at, self._zone) if card.cleared_at is not None else "在亮 stands",
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


def _grid(rows: Iterable[tuple[str, str | Text]]) -> Table:
    grid = Table(box=None, padding=(0, 2, 0, 0), show_header=False)
    grid.add_column(no_wrap=True, style="cyan")
    grid.add_column(ratio=1, overflow="fold")
    for name, value in rows:
        grid.add_row(name, value if isinstance(value, Text) else Text(value))
    return grid


def _indented(part: RenderableType) -> Padding:
    return Padding(part, (0, 0, 0, 2))


_MOST_VALUES = 8
"""Of a list, in a line."""


def _values(value: Any) -> str:
    if isinstance(value, list | tuple):
        shown = " / ".join(map(_values, value[:_MOST_VALUES]))
        return shown if len(value) <= _MOST_VALUES else f"{shown} … ({len(value)})"
    return {True: "是 yes", False: "否 no"}[value] if isinstance(value, bool) else visible(str(value))


def _counts(explained: Explained) -> str:
    """What a case adds to a share, or to a mean of something that is no duration, or has that is bounded; empty for all
    others."""
    promise, cells = explained.promise, dict(explained.judgement.cells)
    if explained.amounts:
        return "; ".join(
            f"{text} {'未报送 unreported' if amount is None else _amount(amount, MICRO)}"
            for text, amount in explained.amounts
        )
    is_share = promise.kind is Kind.CASE_SHARE or promise.measure == "share"
    if TallyField.N not in cells and not (is_share and TallyField.OVERDUE in cells):
        return ""
    if is_share:
        return "在分子 in the numerator" if TallyField.MET in cells else "不在分子 not in the numerator"
    if explained.account is not None or promise.kind not in (Kind.CASE_MEAN, Kind.TREND):
        return ""
    if promise.measure == "count":
        return "1 件 case"
    ratio = f" ÷ {_amount(cells[TallyField.BASE], MICRO)}" if TallyField.BASE in cells else ""
    return f"{promise.measure} {_amount(cells.get(TallyField.TOTAL, 0), MICRO)}{ratio}"


def _adds(promise: Promise, judgement: Judgement) -> str:
    """What an entry, a duty or a reported figure adds to its promise."""
    cells = dict(judgement.cells)
    if promise.kind is Kind.FIGURE:
        halves = [
            (TallyField.MET, f"分子 numerator {_amount(cells.get(TallyField.TOTAL, 0), MICRO)}"),
            (TallyField.N, f"分母 denominator {_amount(cells.get(TallyField.BASE, 0), MICRO)}"),
        ]
        return f"{judgement.item.partition('/')[0]}: {', '.join(words for cell, words in halves if cell in cells)}"
    if TallyField.UNMEASURED in cells:
        return "未报送该数据 it does not say"
    if promise.statistic in ("mean", "sum"):
        return f"{promise.quantity} {_amount(cells.get(TallyField.TOTAL, 0), MICRO)}"
    if promise.statistic == "in_sync":
        return "与其他平台比对 compared with what stands on the other platforms"
    return "在分子 in the numerator" if TallyField.MET in cells else "不在分子 not in the numerator"


def _sum(counted: Account) -> str:
    """`4 working days = 6 - 2 with the clock standing still`."""
    unit = _MEASURES[counted.measure]
    text = f"{_amount(counted.net, counted.scale)} {unit.zh} {unit.en}"
    if counted.still:
        gross, still = _amount(counted.gross, counted.scale), _amount(counted.still, counted.scale)
        text += f" = {gross} − {still}（中止 clock stopped）"
    return text


def _amount(amount: int | Fraction, scale: int) -> str:
    return written(Fraction(amount) / scale)


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
            f"{date.fromordinal(day.day)} 周{_WEEKDAYS[number]} {_ENGLISH_WEEKDAYS[number]}",
            _amount(day.amount, counted.scale) if day.amount else ("‖" if day.still else "·"),
            _amount(total, counted.scale),
            why,
            style="" if day.amount else "dim",
        )
    return table


def day_words(day: AccountedDay, counted: Account, zone: Zone) -> str:
    """Why a day counts or not."""
    words = _DAYS[day.kind]
    text = f"{words.zh} {words.en}"
    if day.holiday:
        english = _ENGLISH_HOLIDAYS.get(day.holiday)
        text = f"{day.holiday} {english or 'holiday'}"
    if counted.scale == 1 and day.day == zone.day(counted.start):
        text += "；起算日不计 start day, not counted"
    elif day.still and not day.amount:
        text += f"；中止 clock stopped: {', '.join(day.reasons)}" if day.reasons else ""
        text += "；节点之外 outside the nodes" if day.outside else ""
    elif day.amount:
        text += f"；部分中止 stopped for a part: {', '.join(day.reasons)}" if day.reasons else ""
        text += "；部分时间在节点之外 outside the nodes for a part" if day.outside else ""
    if day.ran and counted.measure == "working_minutes":
        text += " " + " ".join(f"{_hour(opens, zone)}–{_hour(closes, zone)}" for opens, closes in day.ran)
    if day.other_reasons:
        text += f"；中止而不停表 suspended, clock goes on: {', '.join(day.other_reasons)}"
    return text


def _hour(instant: Instant, zone: Zone) -> str:
    text = zone.text(instant)[11:]
    return text[:5] if text[5:8] == ":00" and not text[8:].startswith(".") else text[:8]


def clock(instant: Instant, zone: Zone) -> str:
    """A wall clock of the plan's zone; the last microsecond of a date is its 24:00."""
    day = zone.day(instant)
    if instant == zone.midnight(day + 1) - 1:
        return f"{date.fromordinal(day)} 24:00"
    return f"{date.fromordinal(day)} {_hour(instant, zone)}"


_TOLD_ELSEWHERE = ("service_item", "attributes", "event")


def _content(fact: Fact, zone: Zone) -> str:
    """What an event says, in short."""
    parts = []
    for name, value in fact.data.items():
        if name == "due_at":
            parts.append(f"due_at {clock(value, zone)}")
        elif isinstance(value, dict) and value.keys() == {"amount", "unit"}:
            parts.append(f"{name} {value['amount']} {value['unit']}")
        elif name == "of":
            parts.append(f"更正 of {value}")
        elif name not in _TOLD_ELSEWHERE:
            parts.append(f"{name} {value}")
    return visible(", ".join(parts))


# ---- for programs ------------------------------------------------------------------------------------------
def machine_readable(explanation: Explanation, judge: Judge, rejected: Sequence[Rejected]) -> dict[str, Any]:
    """The same as JSON: times RFC 3339 in the plan's zone, durations in the measure's unit as text."""
    zone = judge.law.zone

    def text(instant: Instant | None) -> str | None:
        return None if instant is None else zone.text(instant)

    return {
        "case": case_name(explanation.key),
        "as_of": zone.text(explanation.now + 1),
        "later_events": explanation.later,
        "rejected": [each._asdict() for each in rejected],
        "history": [_told_json(told, zone) for told in explanation.history],
        "cycles": [
            {
                "cycle": cycle.case.cycle,
                "service_item": cycle.case.service_item,
                "unit": cycle.case.unit,
                "channels": sorted(cycle.case.channels),
                "attributes": cycle.case.attributes,
                "signals": list(cycle.signals),
                "promises": [_promise_json(each, judge, zone) for each in cycle.promises],
                "silent": [
                    {
                        "kpi": each.promise.key,
                        "reason": each.reason,
                        "missing": [
                            {"name": name, "wanted": wanted, "actual": actual} for name, wanted, actual in each.missing
                        ],
                    }
                    for each in cycle.silent
                ],
            }
            for cycle in explanation.cycles
        ],
        "others": [
            {"kpi": each.kpi, "verdict": each.outcome, "unit": each.unit, "item": each.item}
            for each in explanation.others
        ],
        "uncounted": [
            {
                "kpi": each.promise.key,
                "missing": [
                    {"name": name, "wanted": wanted, "actual": actual} for name, wanted, actual in each.missing
                ],
            }
            for each in explanation.uncounted
        ],
        "cards": [
            _card_json(card, text(card.raised_at), text(card.due_at), text(card.cleared_at))
            for card in explanation.cards
        ],
    }


def _told_json(told: FactWithStatus, zone: Zone) -> dict[str, Any]:
    return {
        **_fact_json(told.fact, zone),
        "standing": told.status,
        "by": told.by.id if told.by is not None else None,
        "now": _fact_json(told.now, zone) if told.now is not None else None,
    }


def _fact_json(fact: Fact, zone: Zone) -> dict[str, Any]:
    return {
        "type": FactType(fact.type).event_type,
        "time": zone.text(fact.time),
        "source": fact.source,
        "id": fact.id,
        "received": zone.text(fact.received),
        "recorded": zone.text(fact.recorded) if fact.recorded is not None else None,
        "data": {
            name: zone.text(value) if name == "due_at" else value
            for name, value in fact.data.items()
            if name != "event"
        },
    }


def _promise_json(explained: Explained, judge: Judge, zone: Zone) -> dict[str, Any]:
    judgement, promise, counted = explained.judgement, explained.promise, explained.account
    return {
        "kpi": judgement.kpi,
        "verdict": judgement.outcome,
        "title": promise.title.model_dump(),
        "clause": promise.clause,
        "item": promise.item,
        "words": in_words(promise, judge.plan).model_dump(),
        "start": None if judgement.start is None else zone.text(judgement.start),
        "limit": None if explained.limit is None else explained.limit.model_dump(mode="json"),
        "due": None if judgement.due is None else zone.text(judgement.due),
        "stop": None if judgement.stop is None else zone.text(judgement.stop),
        "ended_by": explained.ended_by,
        "counts": _counts(explained) or None,
        "turned_by": [fact.id for fact in explained.turned_by],
        "account": None
        if counted is None
        else {
            "measure": counted.measure,
            "net": _amount(counted.net, counted.scale),
            "gross": _amount(counted.gross, counted.scale),
            "suspended": _amount(counted.still, counted.scale),
            "days": [_day_json(day, counted, zone) for day in counted.days],
        },
    }


def _day_json(day: AccountedDay, counted: Account, zone: Zone) -> dict[str, Any]:
    return {
        "day": date.fromordinal(day.day).isoformat(),
        "kind": day.kind,
        "holiday": day.holiday or None,
        "counted": _amount(day.amount, counted.scale),
        "suspended": _amount(day.still, counted.scale),
        "ran": [[zone.text(begin), zone.text(end)] for begin, end in day.ran],
        "reasons": list(day.reasons),
        "outside": day.outside,
        "other_reasons": list(day.other_reasons),
        "words": day_words(day, counted, zone),
    }


def _card_json(card: CardState, raised: str | None, due: str | None, cleared: str | None) -> dict[str, Any]:
    return {**card._asdict(), "raised_at": raised, "due_at": due, "cleared_at": cleared}
