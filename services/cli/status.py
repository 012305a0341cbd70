"""`kpiwatch status`: the state of every promise, in the terminal."""

import logging
import time
from collections import Counter
from collections.abc import Callable
from datetime import datetime
from typing import Annotated, NamedTuple, TypeVar

import typer
from rich.table import Table
from rich.text import Text

from services.catalog.load.plan_folder import load_plan
from services.catalog.words.wording import SIGNS, measure_title, state_name
from services.cli.arguments import Wait
from services.cli.failure import NO_ANSWER, Failure
from services.cli.terminal import safe_console
from services.domain.judging.data_quality import FORECASTS
from services.domain.plan.plan import Plan, Promise, Title
from services.domain.results.cards import WHOLE
from services.domain.results.published import WORST_FIRST, Card, Level, State, ValueRow
from services.messaging import topics
from services.messaging.reader import BrokerUnavailable, Record, TopicReader
from services.messaging.records import cards as card_records
from services.messaging.records import worker_failures as failure_records
from services.messaging.records.fields import (
    Unreadable,
    log_unreadable,
)
from services.messaging.records.values import PublishedRow, Signal, decode_row, decode_signal, is_signal
from services.runtime.settings import Settings
from services.runtime.worker_failures import WorkerFailure

_STYLES = {
    State.MISSED: "bold red",
    State.AT_RISK: "yellow",
    State.UNMEASURED: "magenta",
    State.STALE: "magenta",
    State.INSUFFICIENT: "cyan",
    State.PROVISIONAL: "cyan",
    State.NO_DATA: "dim",
    State.MET: "green",
    State.UNTARGETED: "blue",
}

_ASPIRED = "bold cyan"


_Kept = TypeVar("_Kept")
_TOPICS = (topics.KPI_VALUES, topics.ALERT_CARDS, topics.CASE_QUARANTINE, topics.WORKER_FAILURES)
_log = logging.getLogger(__name__)


class DistrictStatus(NamedTuple):
    """The latest that the system has published."""

    rows: list[ValueRow]
    forecasts: dict[tuple[str, str, str], str]
    """(signal, unit, promise) → the forecast figure."""
    cards: list[Card]
    computed_at: str
    watermark: str
    quarantined: int = 0
    """Cases that cannot be judged."""
    failures: list[WorkerFailure] = []
    """Workers that crash again and again."""
    unreadable: int = 0
    """Records that were skipped."""


def status(
    unit: Annotated[str | None, typer.Option("--unit", help="Of one unit; else of the whole district.")] = None,
    wait: Wait = 10,
) -> None:
    """Show every promise against its threshold, worst first, and who has open cards."""
    settings = Settings.from_environment()
    plan = load_plan(settings.plan)
    if unit is not None and plan.units and unit not in plan.units:
        raise Failure(f"status: there is no unit {unit!r} in the plan; see units.toml", 2)
    try:
        published = read_published(settings.bootstrap, wait)
    except BrokerUnavailable as error:
        raise Failure(f"status: {error}", NO_ANSWER) from None
    console = safe_console()
    for line in troubles(published):
        console.print(Text(line, "bold red"), soft_wrap=True)
    if not published.rows:
        raise Failure("status: nothing is published yet. Are the workers running (`kpiwatch up`)?", NO_ANSWER)
    console.print(promises_table(plan, published, unit or "ALL"))
    console.print(cards_table(plan, published.cards))
    console.print(quarantine_line(published.quarantined))
    console.print(
        Text(
            f"数据截至 as of {published.watermark}；计算时间 computed at {published.computed_at}（计划时钟 plan time）",
            "dim",
        )
    )


def read_published(bootstrap: str, wait: float) -> DistrictStatus:
    """The latest record of each key of the four topics that describe the district. Raises BrokerUnavailable."""
    latest = _Latest()
    until = time.monotonic() + wait
    with TopicReader(bootstrap, _TOPICS) as reader:
        while time.monotonic() < until and not (latest.values and reader.caught_up):
            for record in reader.poll(0.3):
                latest.take(record)
    return latest.status()


class _Latest:
    """The latest record of each key. Records that cannot be read are skipped and counted."""

    def __init__(self) -> None:
        self.values: dict[bytes, PublishedRow] = {}
        self._signals: dict[bytes, Signal] = {}
        self._cards: dict[bytes, Card] = {}
        self._failures: dict[bytes, WorkerFailure] = {}
        self._quarantined: set[tuple[int, bytes]] = set()
        self._unreadable: set[tuple[str, bytes]] = set()

    def take(self, record: Record) -> None:
        """The next record."""
        place = record.topic, record.key or b""
        try:
            self._keep(record, record.key or b"")
            self._unreadable.discard(place)
        except Unreadable as wrong:
            self._unreadable.add(place)
            log_unreadable(_log, record.topic, record.partition, record.offset, wrong)

    def _keep(self, record: Record, key: bytes) -> None:
        match record.topic:
            case topics.CASE_QUARANTINE:
                change = self._quarantined.discard if record.value is None else self._quarantined.add
                change((record.partition, key))
            case topics.ALERT_CARDS:
                _put(self._cards, key, record.value, card_records.decode)
            case topics.WORKER_FAILURES:
                _put(self._failures, key, record.value, failure_records.decode)
            case _ if is_signal(key):
                _put(self._signals, key, record.value, decode_signal)
            case _:
                _put(self.values, key, record.value, _row_of_known_state)

    def status(self) -> DistrictStatus:
        """What all records together say."""
        published = self.values.values()
        return DistrictStatus(
            rows=[each.row for each in published],
            forecasts={
                (each.signal, each.unit, each.item): str(each.mean)
                for each in self._signals.values()
                if each.is_forecast
            },
            cards=list(self._cards.values()),
            computed_at=max((each.computed_at for each in published), default=""),
            watermark=max((each.watermark for each in published), default="") or "an unknown time",
            quarantined=len(self._quarantined),
            failures=sorted(self._failures.values()),
            unreadable=len(self._unreadable),
        )


def _put(held: dict[bytes, _Kept], key: bytes, value: bytes | None, read: Callable[[bytes], _Kept]) -> None:
    """The latest record of a key; null removes the key."""
    if value is None:
        held.pop(key, None)
    else:
        held[key] = read(value)


def _row_of_known_state(value: bytes) -> PublishedRow:
    published = decode_row(value)
    if published.row.state not in tuple(State):
        raise Unreadable("its state is none that is known: bring all processes to one release")
    return published


def troubles(published: DistrictStatus) -> list[str]:
    """What is wrong with the machinery, a line each."""
    found = [failing(each) for each in published.failures]
    if published.unreadable:
        found.append(
            f"{published.unreadable}条记录无法识别，未计入（位置见上） / "
            f"{published.unreadable} records cannot be read and are left out (above is where they are): "
            "see deploy/runbooks/RecordsUnreadable.md"
        )
    return found


_STAGES = {"cases": "办件处理", "kpis": "指标汇总"}


def failing(failure: WorkerFailure) -> str:
    """A worker that crashes again and again, in a sentence."""
    last = datetime.fromtimestamp(failure.last).astimezone().isoformat(" ", "seconds")
    return (
        f"{_STAGES.get(failure.stage, failure.stage)}进程 {failure.worker} 连续{failure.times}次异常退出 / "
        f"worker {failure.worker} ({failure.stage}) has died {failure.times} times in a row, last at {last}: "
        f"{failure.cause}. See deploy/runbooks/WorkerFailing.md"
    )


def quarantine_line(count: int) -> Text:
    """How many cases cannot be judged, and what to do."""
    if not count:
        return Text("隔离办件 / quarantined cases: 0", "dim")
    return Text(f"隔离办件 / quarantined cases: {count} → kpiwatch cases quarantined", "bold red")


def promises_table(plan: Plan, published: DistrictStatus, unit: str) -> Table:
    """One line a promise: its official definition in its official window."""
    by_key = {(row.kpi, row.variant, row.window): row for row in published.rows if row.unit == unit and row.item == "-"}
    table = Table(title=_in_both(plan.head.title), title_justify="left", expand=True)
    table.add_column("状态 state", no_wrap=True)
    table.add_column("KPI", no_wrap=True, min_width=5)
    table.add_column("承诺 promise", no_wrap=True, ratio=1, min_width=12)
    table.add_column("值 value", justify="right", max_width=15)
    table.add_column("目标 target", no_wrap=True)
    table.add_column("n", justify="right", no_wrap=True)
    table.add_column("超期 late", justify="right", no_wrap=True)
    lines = []
    for promise in plan.promises:
        row = by_key.get((promise.id, promise.variant, promise.official_window))
        if promise.is_official and row is not None:
            lines.append((WORST_FIRST.index(State(row.state)), promise, row))
    for _, promise, row in sorted(lines, key=lambda line: (line[0], line[1].id)):
        state = State(row.state)
        overdue = row.open_overdue if row.open_overdue != "0" else ""
        table.add_row(
            _state(state, row, promise),
            promise.id,
            _in_both(promise.title),
            Text.assemble(shown(row.value, promise), (forecast(published, unit, promise), "dim")),
            _target(promise),
            row.n,
            overdue,
        )
    return table


def _in_both(title: Title, sign: str = "", style: str = "") -> Text:
    """A title in both languages, one below the other; once, where they say the same."""
    below = "" if title.en == title.zh else f"\n{' ' * len(sign)}{title.en}"
    return Text.assemble((f"{sign}{title.zh}", style), (below, "dim"))


def _state(state: State, row: ValueRow, promise: Promise) -> Text:
    name = state_name(state, row.provisional_n, never_red=promise.is_never_red)
    return _in_both(name, f"{SIGNS[state]} ", _style(state, promise))


def _style(state: State, promise: Promise) -> str:
    """The colour of a state; a miss of what the plan asks to strive for is never red."""
    return _ASPIRED if state is State.MISSED and promise.is_never_red else _STYLES[state]


def cards_table(plan: Plan, cards: list[Card]) -> Table:
    """Open cards by unit, the unit with most red cards first, and how many of them are about a node only."""
    opened, terms = [card for card in cards if not card.cleared_at], plan.names.terms
    table = Table(
        title=f"{terms.yellow_card.zh}、{terms.red_card.zh} / cards（已解除 cleared: {len(cards) - len(opened)}）",
        title_justify="left",
    )
    table.add_column("单位 / unit")
    for heading in (f"{terms.yellow_card.zh} / yellow", f"{terms.red_card.zh} / red", "其中环节 / of nodes"):
        table.add_column(heading, justify="right")
    counts = Counter((card.unit, card.level) for card in opened)
    of_nodes = Counter(card.unit for card in opened if card.node != WHOLE)
    for unit in sorted({unit for unit, _ in counts}, key=lambda unit: (-counts[unit, Level.RED], unit)):
        title = plan.units[unit].title.zh if unit in plan.units else unit
        yellow, red = _blank_zero(counts[unit, Level.YELLOW]), _blank_zero(counts[unit, Level.RED])
        table.add_row(title, yellow, Text(red, "bold red"), _blank_zero(of_nodes[unit]))
    return table


def _blank_zero(count: int) -> str:
    return str(count) if count else ""


def forecast(published: DistrictStatus, unit: str, promise: Promise) -> str:
    """What a dated figure is forecast to be at its date, with its 95 % interval, on a line of its own; else empty."""
    figures = [published.forecasts.get((name, unit, promise.key), "") for name in FORECASTS]
    if not all(figures):
        return ""
    expected, lower, upper = (shown(each, promise) for each in figures)
    return f"\n→ {expected} ({lower}–{upper})"


def is_share(promise: Promise) -> bool:
    """Whether the figure is a share of one, to be shown in per cent."""
    if promise.target is not None:
        return promise.target.unit == "share"
    return promise.figure_unit == "share"


def shown(value: str, promise: Promise) -> str:
    """A value for people: a share in per cent, never rounded up to a whole one."""
    if not value:
        return "–"
    if promise.figure_unit == "share":
        per_cent = float(value) * 100
        return f"{int(per_cent * 100) / 100:g} %"
    return f"{float(value):.2f}"


def target(promise: Promise) -> str:
    """The threshold for people."""
    if promise.target is None:
        return "–"
    if promise.target.unit == "share":
        return promise.target.written
    return f"{promise.target.written} {unit_name(promise.target.unit)}"


def _target(promise: Promise) -> Text:
    unit = None if promise.target is None or promise.target.unit == "share" else promise.target.unit
    return Text.assemble(target(promise), ("" if unit is None else f"\n{measure_title(unit).en}", "dim"))


def unit_name(code: str) -> str:
    """A unit of measure, short."""
    return measure_title(code).zh
