"""What a briefing is made of: the promises of the district at both ends of its period, cards, and the ledger."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from fractions import Fraction
from functools import cached_property

from services.briefing.period import Span
from services.domain.plan.plan import Plan, Promise
from services.domain.results.budget import distance_of
from services.domain.results.published import Card, State, ValueRow
from services.domain.time.zone import Instant, Zone
from services.figures.promises import in_force, worst_first
from services.figures.shown import row_key
from services.ledger.checkpoints import Checkpoint
from services.ledger.order_book import OrderBook


@dataclass(frozen=True, slots=True)
class Standing:
    """An official definition of a promise, in its official window, of the whole district."""

    promise: Promise
    row: ValueRow
    before: ValueRow | None
    """At the begin of the period."""

    @property
    def state(self) -> State:
        return State(self.row.state)

    @property
    def state_before(self) -> State | None:
        return State(self.before.state) if self.before else None

    @property
    def rank(self) -> tuple[int, bool, Fraction | float, str]:
        """Worst first."""
        return worst_first(self.promise, self.state, distance_of(self.row, self.promise))


@dataclass(frozen=True, slots=True)
class Record:
    """What is known of the ledger."""

    orders: OrderBook | None = None
    """None: no ledger was given."""
    checkpoint: Checkpoint | None = None


@dataclass(frozen=True)
class District:
    """Everything that a briefing says, before it is said."""

    plan: Plan
    span: Span
    rows: Iterable[ValueRow]
    """Those as of the begin and the end of the span; read once."""
    cards: Sequence[Card]
    """As of its end."""
    record: Record = field(default_factory=Record)

    @cached_property
    def zone(self) -> Zone:
        return Zone(self.plan.head.timezone)

    @property
    def begin(self) -> Instant:
        return self.span.begin(self.zone)

    @property
    def end(self) -> Instant:
        return self.span.end(self.zone)

    @cached_property
    def promises(self) -> Mapping[tuple[str, str], Promise]:
        """As of its end."""
        return in_force(self.plan, self.span.last)

    @cached_property
    def by_key(self) -> Mapping[str, ValueRow]:
        """The rows in the official windows."""
        return {row_key(row): row for row in self.rows if self._is_official(row)}

    def _is_official(self, row: ValueRow) -> bool:
        promise = self.promises.get((row.kpi, row.variant))
        return promise is not None and promise.is_official and row.window == promise.official_window

    def row(self, promise: Promise, at: Instant, unit: str = "ALL", item: str = "-") -> ValueRow | None:
        """The row of a promise as of a time."""
        key = (promise.id, promise.variant, unit, item, promise.official_window, self.zone.text(at))
        return self.by_key.get("|".join(key))

    @cached_property
    def standings(self) -> list[Standing]:
        """Every promise that has a row, worst first."""
        return sorted(self._standings(), key=lambda one: one.rank)

    def _standings(self) -> Iterator[Standing]:
        for promise in self.promises.values():
            row = self.row(promise, self.end) if promise.is_official else None
            if row is not None:
                yield Standing(promise, row, self.row(promise, self.begin))

    def of_units(self, promise: Promise) -> list[ValueRow]:
        """The rows of the single units, as of its end."""
        return [row for row in self._now.get(promise.id, ()) if row.unit != "ALL" and row.item == "-"]

    def of_items(self, promise: Promise) -> list[ValueRow]:
        """The rows of the single items (nodes, service items) of the whole district, as of its end."""
        return [row for row in self._now.get(promise.id, ()) if row.unit == "ALL" and row.item != "-"]

    @cached_property
    def _now(self) -> Mapping[str, list[ValueRow]]:
        """Promise → its rows as of the end."""
        found: dict[str, list[ValueRow]] = {}
        end = self.zone.text(self.end)
        for row in self.by_key.values():
            if row.window_end == end:
                found.setdefault(row.kpi, []).append(row)
        return found

    @property
    def last_day(self) -> date:
        return date.fromordinal(self.span.last)
