"""A plan as data: its promises, units, service items and sources, as `services/catalog/<plan>/*.toml` says them.

Every class here is one table of the TOML files; a promise is one entry that a non-programmer can read and change.
What an entry means is said at its field. A promise is of a kind: `Promise` has what all kinds share, and each file of
`kinds/` what one kind adds, its fields and its checks. Nothing here judges: `services/domain/judging/kinds` does.
"""

import re
from collections.abc import Iterator
from datetime import date
from decimal import Decimal, InvalidOperation
from enum import StrEnum
from fractions import Fraction
from typing import Annotated, Any, ClassVar, Final, Literal, NamedTuple

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, model_validator

from services.domain.plan.calendar_file import CalendarFile
from services.domain.time.limits import Ends, Limit


class Entry(BaseModel):
    """One table of a plan file: frozen, and an unknown key is an error."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)


Codes = Annotated[
    tuple[str, ...],
    BeforeValidator(
        lambda value: (value,) if isinstance(value, str) else value, json_schema_input_type=str | tuple[str, ...]
    ),
]
"""A code or a list of codes."""

Scalar = bool | int | float | str


class Title(Entry):
    """A name in both languages."""

    zh: str
    en: str


class Strength(StrEnum):
    """How the plan binds (rule 10): decides the colour of a miss, never the arithmetic."""

    HARD = "hard"
    """应 / 不得 / 确保: red when missed."""
    SOFT = "soft"
    """原则上, 基本: yellow when due, red only without an accepted reason."""
    ASPIRATIONAL = "aspirational"
    """力争 / 推动: `missed`, never red."""
    DIRECTIONAL = "directional"
    """No threshold in the plan: `untargeted`."""


class Window(StrEnum):
    """A period that ends with the last instant before the as-of time (docs/contract.md)."""

    D7 = "7d"
    D30 = "30d"
    D90 = "90d"
    MONTH = "month"
    QUARTER = "quarter"
    YEAR = "year"
    ALL = "all"
    NOW = "now"


class Tier(StrEnum):
    """How firmly the plan's words can be measured."""

    H = "H"
    """A number, a zero or a date is printed."""
    C = "C"
    """Complete coverage or mandatory wording, no number printed."""
    Q = "Q"
    """Qualitative: a proxy with a direction, never judged."""


class Choice(Entry):
    """What the plan's words leave open, what was taken, and what else they could mean."""

    about: Title
    """The words or the question, e.g. `“接入时间”：计时起点`."""
    taken: Title
    instead: tuple[Title, ...]
    """The other readings; the English text as one would write them into the entry."""


class Objective(Entry):
    """What is promised of a figure: `">= 80 %"`, `"<= 28 working_days"`, `">= 74 items"`, `"3..5 enterprises"`. Bounds
    are inclusive."""

    relation: Literal["<=", ">=", "="]
    amount: Decimal
    """In the figure's own unit; a percentage is stored as a share (80 % → 0.8)."""
    unit: str
    quota: Decimal | None = None
    """The upper end of a range (3–5 家): more than that is no miss; it is shown."""

    @classmethod
    def parse(cls, text: str) -> "Objective":
        """Read the three words of an objective; ValueError says what would be right."""
        ranged = _RANGE.fullmatch(text)
        if ranged:
            low, high, unit = ranged.groups()
            if int(low) >= int(high):
                raise ValueError(f"{text!r}: the range begins with its smaller end")
            return cls(relation=">=", amount=Decimal(low), unit=unit, quota=Decimal(high))
        words = text.split()
        if len(words) != 3 or words[0] not in ("<=", ">=", "="):
            raise ValueError(
                f'{text!r} is not an objective: write it as "<= 28 working_days", ">= 80 %" or "3..5 items"'
            )
        try:
            amount = Decimal(words[1])
        except InvalidOperation:
            raise ValueError(f"{words[1]!r} in {text!r} is not a number") from None
        share = words[2] == "%"
        return cls(relation=words[0], amount=amount / 100 if share else amount, unit="share" if share else words[2])

    @property
    def written(self) -> str:
        """What people read of it before its unit: `≤ 28`, `3–5`; a share in per cent."""
        if self.quota is not None:
            return f"{self.amount:f}–{self.quota:f}"
        sign = {"<=": "≤", ">=": "≥", "=": "="}[self.relation]
        return f"{sign} {(self.amount * 100).normalize():f} %" if self.unit == "share" else f"{sign} {self.amount:f}"

    def nearly_holds(self, value: Fraction, tolerance: Decimal) -> bool:
        """Whether it misses by no more than the tolerance (基本)."""
        if self.relation == "<=":
            return value <= self.amount + tolerance
        if self.relation == ">=":
            return value >= self.amount - tolerance
        return abs(value - Fraction(self.amount)) <= tolerance

    def holds(self, value: Decimal | Fraction) -> bool:
        """Whether a value keeps the promise: exactly on the bound is met, nothing is rounded (rule 1)."""
        if self.relation == "<=":
            return value <= self.amount
        if self.relation == ">=":
            return value >= self.amount
        return value == self.amount


_RANGE = re.compile(r"(\d+)\.\.(\d+) (\w+)")

Filled = Annotated[str, Field(min_length=1)]
WrittenObjective = Annotated[str, Field(pattern=r"^((<=|>=|=) [0-9.]+ \S+|[0-9]+\.\.[0-9]+ \w+)$")]
"""The form of an objective in a file."""
WrittenLimit = Annotated[str, Field(pattern=r"^[0-9]{1,12}[ _]+[a-z]+([ _][a-z]+)?$")]
"""The form of a limit in a file."""


def _objective(value: object) -> object:
    return Objective.parse(value) if isinstance(value, str) else value


ObjectiveField = Annotated[Objective, BeforeValidator(_objective, json_schema_input_type=WrittenObjective)]


def _limit(value: object) -> object:
    return Limit.parse(value) if isinstance(value, str) and value not in DECLARED_LIMITS else value


DECLARED_LIMITS = ("due_at", "committed_limit", "statutory_limit")
DeclaredLimit = Literal["due_at", "committed_limit", "statutory_limit"]
LimitField = Annotated[
    Limit | DeclaredLimit, BeforeValidator(_limit, json_schema_input_type=WrittenLimit | DeclaredLimit)
]
PlainLimit = Annotated[Limit, BeforeValidator(_limit, json_schema_input_type=WrittenLimit)]

Wanted = dict[str, Scalar | tuple[Scalar, ...]]
"""Name of a field or attribute → the value or values that it must have."""
Event = Literal["completion", "stop"]
"""What can happen to a case and mature it: its completion, or the stop of the promise's own clock."""
BY_EVENT: tuple[Event, ...] = ("completion", "stop")
Maturity = Literal["completion", "stop", "limit"] | PlainLimit | date
"""What matures a case (rule 7): an event, the promise's limit, a limit after its start, or a date."""
Direction = Literal["rising", "falling"]

Fault = tuple[tuple[str | int, ...], str]
"""What is wrong within an entry: keys from the entry on, and a sentence that says what would be right."""


DEFAULT_HALL: Final = "default"
"""The opening hours that every plan has, and a unit without hours of its own."""

YELLOW_SHARE: Final = 0.25
"""Of the limit, where the entry gives no share of its own."""


class ClockRules(NamedTuple):
    """How a promise measures time in a case (rules 2 to 4); the fields of its entry with the same names."""

    start: tuple[str, ...]
    stop: tuple[str, ...]
    clock_stops: tuple[str, ...] = ()
    runs_in: tuple[str, ...] = ()
    limit: Limit | DeclaredLimit | None = None
    ends: Ends = Ends.DAY
    extension_moves_limit: bool = False
    yellow_share: float = YELLOW_SHARE
    measure: str | None = None


class Reference(NamedTuple):
    """A name in an entry that each selected service item must declare."""

    field: str
    what: Literal["milestone", "quantity", "node", "attribute", "codes"]
    """`codes`: an attribute that is a list of codes."""
    name: str


def references_of(field: str, text: str) -> tuple[Reference, ...] | None:
    """The names in `milestone:NAME`, `quantity:NAME`, `ratio:A/B`, `order:A<B` or `attribute:NAME`; None if it is
    written in no such way."""
    what, _, name = text.partition(":")
    separator = {"ratio": "/", "order": "<"}.get(what)
    names = name.split(separator) if separator else [name]
    if what not in _NAMED_BY or not all(names) or len(names) != (2 if separator else 1):
        return None
    return tuple(Reference(field, _NAMED_BY[what], each) for each in names)


_NAMED_BY: dict[str, Literal["milestone", "quantity", "codes"]] = {
    "milestone": "milestone",
    "quantity": "quantity",
    "ratio": "quantity",
    "order": "milestone",
    "attribute": "codes",
}


class Promise(Entry):
    """One promise of the plan, as one entry of `kpis/*.toml`: what every kind has."""

    about: ClassVar[Literal["case", "entry", "duty", "figure"]]
    """What it judges: cases, entries of a catalogue, duties, or figures that a source counts itself."""
    binds_each: ClassVar[bool] = False
    """Whether it is about each single case or duty, so that without an objective all of them must be met."""
    takes_objective: ClassVar[bool] = True
    is_a_state: ClassVar[bool] = False
    """Whether its figure is what is true now, in the one window `now`."""

    id: str
    """E.g. `K06-1`: the KPI's name everywhere."""
    variant: str = "official"
    """`official`, or the name of another definition of the same promise published beside it (rules 5, 6)."""
    item: int | str
    """The measure of the plan, 1–46, or the section (`四`)."""
    clause: str
    """The words of the plan, literally."""
    title: Title
    tier: Tier | None = None
    """Every promise of a plan with a text has one. A variant has its own: Q, if it is not judged."""
    kind: str
    strength: Strength
    local: bool = False
    """A threshold, date, period or tolerance that the plan does not print (非方案指标)."""
    notes: Title | None = None
    """What a reader should know, in words."""
    choices: tuple[Choice, ...] = ()
    """What the plan leaves open, each with what was taken and the alternatives."""
    objective: ObjectiveField | None = None
    """What the figure must reach; of what binds each single case or duty without one: 100 % of them."""
    tolerance: Decimal = Field(default=Decimal(0), ge=0, lt=1)
    """How much below a share's objective is not yet missed (基本): `at_risk` instead."""
    minimum_n: int = Field(default=10, ge=0)
    """Fewer than this is `insufficient` (means and ratio objectives below 100 % only; rule 8)."""
    unmeasured_tolerance: float = 0.05
    windows: tuple[Window, ...] = (Window.D30, Window.D90, Window.YEAR, Window.ALL)
    official_window: Window = Window.YEAR
    """The window that alerts; the others inform."""
    lead: tuple[str, ...] = ()
    responsible: tuple[str, ...] = ()
    effective_from: date
    effective_to: date | None = None

    # ---- what readers of any kind ask ----------------------------------------------------------------
    @property
    def key(self) -> str:
        """`K24-1`, or `K24-1/cases` for another variant: the name of this entry's tallies."""
        return self.id if self.is_official else f"{self.id}{_VARIANT_MARK}{self.variant}"

    @property
    def is_official(self) -> bool:
        """Whether it is the plan's own definition; another variant is shown beside it and alerts nobody."""
        return self.variant == OFFICIAL

    @property
    def target(self) -> Objective | None:
        """What its figure must reach: its objective, or, for a promise about each single case or duty, all of them."""
        if self.strength is Strength.DIRECTIONAL or self.objective is not None:
            return self.objective
        return EVERY_ONE if self.binds_each else None

    @property
    def is_never_red(self) -> bool:
        """Whether a miss is shown as missed and never as red: what the plan asks for is an effort (rule 10)."""
        return self.strength is Strength.ASPIRATIONAL

    @property
    def target_date(self) -> date | None:
        """The date by which it must be reached, judged at 24:00 in the plan's zone."""
        return None

    @property
    def good_direction(self) -> Direction | None:
        """Which way is good, where there is no objective."""
        return None

    @property
    def figure_unit(self) -> str:
        """In what its figure is counted: `share`, `working_days`, `items`, …"""
        return "share"

    @property
    def keeps_days(self) -> bool:
        """Whether its tallies are kept by day; a promise with only the window `all` keeps none."""
        return self.windows != (Window.ALL,)

    @property
    def published_by_item(self) -> bool:
        """Whether there is a row per item of its tallies. The items of what is no case (codes of a list, periods) only
        join what several sources report."""
        return False

    @property
    def is_by_node(self) -> bool:
        """Whether its rows are by node."""
        return False

    @property
    def named_items(self) -> tuple[str, ...]:
        """The items of its rows that its entry names."""
        return ()

    @property
    def must_be_reported(self) -> bool:
        """Whether silence about the fact would look like keeping the promise (rule 12)."""
        return False

    @property
    def owed_units(self) -> tuple[str, ...]:
        """The units that owe it a report."""
        return ()

    @property
    def subjects(self) -> tuple[tuple[str, str], ...]:
        """(field of the entry, code) of each service item, collection, duty or quantity that it names."""
        return ()

    def conditions(self) -> dict[str, Wanted]:
        """Field of the entry → the values that it asks of cases or of the entries of a catalogue."""
        return {}

    def thresholds(self) -> Iterator[tuple[str, Limit | Objective]]:
        """(field, amount) of each number that the plan's words must print."""
        if self.objective is not None:
            yield "objective", self.objective

    @property
    def in_one_report(self) -> str:
        """The quantity of which one report says both part and whole; empty: none."""
        return ""

    # ---- checks --------------------------------------------------------------------------------------
    def incoherences(self) -> Iterator[str]:
        """What is contradictory in the entry, one sentence each: such an entry cannot be read."""
        if self.official_window not in self.windows:
            yield f"official_window {self.official_window} is not among windows"
        if self.strength is Strength.DIRECTIONAL and self.objective:
            yield "a directional promise has no objective: the plan prints no threshold"
        if self.effective_to and self.effective_to <= self.effective_from:
            yield "effective_to is not after effective_from"
        if self.objective and not self.takes_objective:
            yield f"kind {self.kind} is untargeted: it takes no objective"

    def faults(self) -> Iterator[Fault]:
        """What is wrong with the entry whatever else the plan says (`kpiwatch plan check`)."""
        if len(set(self.windows)) < len(self.windows):
            yield ("windows",), "names a window twice"
        if self.is_a_state and set(self.windows) != {Window.NOW}:
            yield ("windows",), f'a {self.kind} is a state: write windows = ["now"] and official_window = "now"'
        if not self.is_a_state and Window.NOW in self.windows:
            yield ("windows",), f'"now" is for catalogues, not for kind {self.kind}'
        if self.objective is not None:
            yield from self._objective_faults(self.objective)
        if self.tolerance and (self.target is None or self.target.unit != "share"):
            yield ("tolerance",), "goes with an objective that is a share"

    def _objective_faults(self, objective: Objective) -> Iterator[Fault]:
        """The objective is in the unit of the figure."""
        allowed = self.objective_units()
        if allowed and objective.unit not in allowed:
            wanted = " or ".join("%" if unit == "share" else unit for unit in sorted(allowed))
            yield ("objective",), f"is in {objective.unit}, the figure in {wanted}"
        elif allowed is None and objective.unit in NOT_COUNTED:
            yield ("objective",), f"is in {objective.unit}, the figure is a number: name what is counted, e.g. items"
        if objective.unit == "share" and not 0 <= objective.amount <= 1:
            yield ("objective",), "a share lies between 0 % and 100 %"

    def objective_units(self) -> frozenset[str] | None:
        """The units that an objective may have. Empty: any; None: any that counts things."""
        return frozenset(("share",))

    @model_validator(mode="after")
    def _coherent(self) -> "Promise":
        problems = list(self.incoherences())
        if problems:
            raise ValueError("; ".join(problems))
        return self


OFFICIAL = "official"
FULL_TRACE = "full_trace"
"""The attribute by which a source says that what it does not report of a case did not happen."""
_VARIANT_MARK = "/"


def is_official(key: str) -> bool:
    """Whether the key of a promise (`Promise.key`) is that of its official definition."""
    return _VARIANT_MARK not in key


def id_of(key: str) -> str:
    """`K24-1/cases` → `K24-1`."""
    return key.partition(_VARIANT_MARK)[0]


TIME_UNITS = frozenset(
    ("working_days", "calendar_days", "days", "elapsed_days", "minutes", "working_minutes", "months")
)
NOT_COUNTED = TIME_UNITS | {"share"}
"""Units of an objective that count no things."""
EVERY_ONE = Objective(relation=">=", amount=Decimal(1), unit="share")


class CasePromise(Promise):
    """A promise about cases."""

    about = "case"

    select: Wanted = {}
    """Which cases: all must hold. Keys: `service_item`, `applicant`, `channel`, `outcome`, `unit`, `parent` (true: has
    a parent case) or a declared attribute. A case that does not say is unclassified (rule 12)."""
    unless: Wanted = {}
    """Which of the selected are left out: all must hold; keys as in `select`. What is unknown leaves nobody out."""
    start: Codes = ("accepted",)
    """Clock start: `applied`, `accepted` or `milestone:NAME`; of several the latest counts, once all are there."""
    stop: Codes = ("completed",)
    """Clock stop: `completed` or `milestone:NAME`; of several the latest, once all are there."""
    stop_owed_if: Wanted = {}
    """Which cases owe the stop, where not all do: keys as in `select`. A case that is known to differ needs none; what
    is unknown excuses nobody."""
    clock_stops: tuple[str, ...] = ()
    """Reasons of suspension that stop this promise's clock; any other is kept and does not."""
    by_item: bool = False
    """Publish a row per service item, too."""
    applies_by: Literal["start", "stop"] = "start"
    """Which date of the case decides whether this version of the promise binds it (rule 11)."""

    @property
    def clock(self) -> ClockRules:
        """How it measures time."""
        return ClockRules(self.start, self.stop, self.clock_stops)

    @property
    def measured(self) -> str:
        """What is taken over the cases: a measure (`minutes`, `quantity:NAME`, …), `share`, `count`; else empty."""
        return ""

    @property
    def maturity(self) -> Maturity | None:
        """What matures a case, where its entry says so."""
        return None

    @property
    def condition(self) -> Wanted:
        """What a case must be to count in the numerator of a share."""
        return {}

    @property
    def known_fields(self) -> tuple[str, ...]:
        """What must be known of a case for it to count in a share."""
        return ()

    @property
    def bounded(self) -> tuple[str, ...]:
        """What is bounded in each case."""
        return ()

    @property
    def bounded_by(self) -> Objective | None:
        """What each of it must keep."""
        return None

    @property
    def stop_must_be_known_in_time(self) -> bool:
        """Whether a stop that is reported after the limit makes a case late (rule 14)."""
        return False

    @property
    def measures_time(self) -> bool:
        """Whether it is about how long cases take."""
        return False

    @property
    def against_statutory_limit(self) -> bool:
        """Whether it holds the time of a case against its statutory limit."""
        return False

    @property
    def maturity_limit(self) -> Limit | DeclaredLimit | None:
        """The limit after which a case matures, where a limit does."""
        return None

    @property
    def kept_by_item(self) -> bool:
        """Whether its tallies are kept by service item."""
        return self.by_item

    @property
    def published_by_item(self) -> bool:
        return self.by_item

    @property
    def can_be_missed(self) -> bool:
        """Whether a single case can miss it: of a mean or a trend none can."""
        return self.binds_each or (self.measured == "share" and self.target is not None)

    @property
    def waits_for_more(self) -> bool:
        """Whether its clock stops at something else than the completion of the case."""
        return "completed" not in self.stop

    @property
    def subjects(self) -> tuple[tuple[str, str], ...]:
        return tuple(("select", str(code)) for code in as_tuple(self.select.get("service_item", ())))

    def conditions(self) -> dict[str, Wanted]:
        return {
            "select": self.select,
            "unless": self.unless,
            "where": self.condition,
            "stop_owed_if": self.stop_owed_if,
        }

    def references(self) -> Iterator[Reference]:
        """The names that the selected service items must declare, those of conditions apart."""
        for field, points in (("start", self.start), ("stop", self.stop)):
            for point in points:
                if point.startswith("milestone:"):
                    yield Reference(field, "milestone", point.removeprefix("milestone:"))

    @property
    def event_fields(self) -> tuple[str, ...]:
        """Fields of events that it reads beyond those of its conditions."""
        return ()

    @property
    def optional_attributes(self) -> tuple[str, ...]:
        """Attributes that change what it makes of a case, where an item declares them."""
        return ()

    def faults(self) -> Iterator[Fault]:
        yield from super().faults()
        for field, points, plain in (
            ("start", self.start, ("applied", "accepted")),
            ("stop", self.stop, ("completed",)),
        ):
            if not points:
                yield (field,), f"is empty: write {', '.join(plain)} or milestone:NAME"
            for point in points:
                if not point.startswith("milestone:") and point not in plain:
                    yield (field,), f"{point!r} is no clock point: write {', '.join(plain)} or milestone:NAME"
        if self.unless and all(
            name in self.select and set(as_tuple(self.select[name])) <= set(as_tuple(value))
            for name, value in self.unless.items()
        ):
            yield ("unless",), "leaves nobody: all that is selected is left out again"


class LimitedPromise(CasePromise):
    """A promise about cases for which a limit can be set."""

    matures_by_declared_limit: ClassVar[bool] = False
    """Whether a limit that the case itself declares can mature it."""

    limit: LimitField | None = None
    """`"4 working_days"`, or a limit that the case itself declares: `due_at`, `committed_limit`, `statutory_limit`."""
    ends: Ends = Ends.DAY
    """Where a day-based limit ends: `day` (24:00), `close` (of business), `instant` (only for `due_at`)."""
    extension_moves_limit: bool = False
    """Whether an approved extension of the case moves this limit, too (it always moves the statutory one)."""
    yellow_share: float = Field(default=YELLOW_SHARE, gt=0, lt=1)
    """A yellow card in the last days (or minutes) of the limit: this share of it, in whole days."""
    matures_at: Maturity | None = None
    """What matures a case (rule 7): its completion, the stop of the promise's own clock (or the completion, if
    that comes without it), the promise's limit, a limit after its start, or a date."""

    @property
    def clock(self) -> ClockRules:
        return super().clock._replace(
            limit=self.limit,
            ends=self.ends,
            extension_moves_limit=self.extension_moves_limit,
            yellow_share=self.yellow_share,
        )

    @property
    def maturity(self) -> Maturity | None:
        return self.matures_at

    @property
    def maturity_limit(self) -> Limit | DeclaredLimit | None:
        if self.matures_at == "limit":
            return self.limit
        return self.matures_at if isinstance(self.matures_at, Limit) else None

    @property
    def event_fields(self) -> tuple[str, ...]:
        return (self.limit,) if isinstance(self.limit, str) else ()

    def thresholds(self) -> Iterator[tuple[str, Limit | Objective]]:
        if isinstance(self.limit, Limit):
            yield "limit", self.limit
        yield from super().thresholds()
        if isinstance(self.matures_at, Limit):
            yield "matures_at", self.matures_at

    def incoherences(self) -> Iterator[str]:
        yield from super().incoherences()
        if self.limit is not None and self.limit != "due_at" and self.ends is Ends.INSTANT:
            yield 'ends = "instant" goes with limit = "due_at" only'

    def faults(self) -> Iterator[Fault]:
        yield from super().faults()
        if self.matures_at == "limit" and self.limit is None:
            yield ("matures_at",), '"limit" needs a `limit`'
        if self.matures_at == "limit" and isinstance(self.limit, str) and not self.matures_by_declared_limit:
            yield ("matures_at",), f'"limit" needs one that the plan sets: {self.limit} is what each case declares'


_KNOWN_OF_CASES = ("channel", "applicant", "outcome", "unit")
"""Fields of a case that may not be known; any other name in `known` is an attribute."""


class SharePromise(LimitedPromise):
    """A promise that can be about the share of cases of which something holds."""

    where: Wanted = {}
    """Which of the selected count in the numerator. Keys as in `select`, and `online` (true: every known channel online
    and no visit), `stopped` (true: the stop was reached by maturity), `reached` (milestones, all of them), `extended`
    (an extension was granted)."""
    known: Codes = ()
    """Only cases count of which all of this is known, e.g. `channel` or an attribute: an unknown is neither."""

    @property
    def condition(self) -> Wanted:
        return self.where

    @property
    def known_fields(self) -> tuple[str, ...]:
        return self.known

    def references(self) -> Iterator[Reference]:
        yield from super().references()
        yield from (Reference("known", "attribute", name) for name in self.known if name not in _KNOWN_OF_CASES)

    def faults(self) -> Iterator[Fault]:
        yield from super().faults()
        if self.where == {"stopped": True} and self.matures_at in BY_EVENT and self.stop == ("completed",):
            yield ("stop",), "every completed case would count: name the milestones, or let a limit mature the case"


MEASURES = {
    "working_days": frozenset(("working_days",)),
    "elapsed_days": frozenset(("days", "elapsed_days")),
    "minutes": frozenset(("minutes",)),
    "working_minutes": frozenset(("working_minutes", "minutes")),
}
"""Measures of time → the units in which an objective may be written."""
_COUNTED_IN = {"milestone": "count", "count": "cases", "rating": "points", "ratio": "share"}


class MeasuredPromise(CasePromise):
    """A promise that can be about a mean over cases."""

    more_measures: ClassVar[tuple[str, ...]] = ()
    """Words for `measure` beside those of time, `quantity:NAME` and `milestone:NAME`."""

    measure: str | None = None
    """`working_days`, `elapsed_days` (elapsed time in days), `minutes`, `working_minutes`, `quantity:NAME`,
    `milestone:NAME` (how many), `ratio:A/B` (the sum of quantity A over all cases ÷ that of B), `rating` (the
    applicant's own last score), or for `trend` also `share` and `count` (how many cases)."""

    @property
    def clock(self) -> ClockRules:
        return super().clock._replace(measure=self.measure)

    @property
    def measured(self) -> str:
        return self.measure or ""

    @property
    def measures_time(self) -> bool:
        return self.measure in MEASURES

    @property
    def figure_unit(self) -> str:
        if self.objective is not None:
            return self.objective.unit
        what, _, name = self.measured.partition(":")
        return _COUNTED_IN.get(what, name or what)

    @property
    def event_fields(self) -> tuple[str, ...]:
        return ("score", *super().event_fields) if self.measure == "rating" else super().event_fields

    def references(self) -> Iterator[Reference]:
        yield from super().references()
        if self.measured.partition(":")[0] in ("quantity", "milestone", "ratio"):
            yield from references_of("measure", self.measured) or ()

    def faults(self) -> Iterator[Fault]:
        yield from super().faults()
        if self.measure is None or self.measure in MEASURES or self.measure in self.more_measures:
            return
        what = self.measure.partition(":")[0]
        allowed = what in ("quantity", "milestone") or (what == "ratio" and "ratio:A/B" in self.more_measures)
        if not allowed or references_of("measure", self.measure) is None:
            words = ", ".join((*MEASURES, "quantity:NAME", "milestone:NAME", *self.more_measures))
            yield ("measure",), f"{self.measure!r} is no measure: one of {words}"


class AttributeNeed(NamedTuple):
    """An attribute that the entries of a collection must have for a promise."""

    field: str
    """Of the promise's entry, that names it or calls for it."""
    name: str
    types: tuple[str, ...] = ()
    """Those that will do; empty: any."""
    values: tuple[tuple[str, Any], ...] = ()
    """(field, values) in the entry that must be values of it."""

    @property
    def is_number(self) -> bool:
        """Whether it must be a number."""
        return "number" in self.types


class DirectedPromise(Promise):
    """A promise that can say which way is good instead of an objective."""

    direction: Direction | None = None
    """For what has no objective: which way is good."""

    @property
    def good_direction(self) -> Direction | None:
        return self.direction

    def _direction_faults(self) -> Iterator[Fault]:
        """Of what is no case and has no objective it must be said which way is good."""
        if self.objective is None and self.direction is None:
            yield ("direction",), "is missing: without an objective, say which way is good"
        if self.objective is not None and self.direction is not None:
            yield ("direction",), "means nothing beside an objective: leave it out"


class OwedPromise(Promise):
    """A promise about what units owe, period by period."""

    period: Literal["month", "once"]
    """Each month, or once, by the date `by`."""
    owed_by: tuple[str, ...] = ()
    """The units that owe it, each period."""
    by: date | None = None
    """Target date: judged at its 24:00 in the plan's zone; it does not roll."""

    @property
    def target_date(self) -> date | None:
        return self.by

    @property
    def owed_units(self) -> tuple[str, ...]:
        return self.owed_by

    def incoherences(self) -> Iterator[str]:
        yield from super().incoherences()
        if self.period == "once" and self.by is None:
            yield "what is owed once needs `by`, the date on which it is due"


class EntryPromise(Promise):
    """A promise about the entries of a catalogue."""

    about = "entry"

    collection: Filled
    """Whose entries."""
    select: Wanted = {}
    """Which entries: all must hold, each a declared attribute. An entry that lacks it is not selected."""
    listed: tuple[str, ...] = ()
    """For shares and counts: the codes that the plan's own list has (`"list:NAME"`). The list is the denominator: an
    entry that is missing is not in the numerator, and one that is not listed does not count."""
    listed_by: str = "code"
    """The attribute of an entry that holds its code, for `listed` and `in_sync`."""

    @property
    def wanted(self) -> dict[str, Any]:
        """What the attributes of an entry must be for it to count."""
        asked = {name: value for values in self.conditions().values() for name, value in values.items()}
        return asked | ({self.listed_by: self.listed} if self.listed else {})

    def conditions(self) -> dict[str, Wanted]:
        return {"select": self.select}

    @property
    def subjects(self) -> tuple[tuple[str, str], ...]:
        return (("collection", self.collection),)

    @property
    def summed_attribute(self) -> str | None:
        """The attribute of entries that is summed, where one is."""
        return None

    @property
    def compares_units(self) -> bool:
        """Whether what one unit reports is compared with what others do."""
        return False

    def attribute_needs(self) -> Iterator["AttributeNeed"]:
        """The attributes that the collection must declare, those with a wanted value apart."""
        if self.listed:
            yield AttributeNeed("listed_by", self.listed_by, ("code", "text"), (("listed", self.listed),))


def as_tuple(value: Any) -> tuple[Any, ...]:
    """One value or several, as several."""
    return tuple(value) if isinstance(value, list | tuple) else (value,)


class AttributeSpec(Entry):
    """A declared attribute of a service item or a collection."""

    type: Literal["bool", "integer", "number", "code", "codes", "text"]
    values: tuple[str, ...] = ()
    """For codes: the allowed ones; empty: any code of up to 64 characters."""
    keeps: Literal["first", "last"] = "last"
    """Of several facts that report it, which one counts (the *first* tax matter of an enterprise)."""
    unset: bool | str | None = None
    """What a case that leaves it out is taken for: false for a flag that is only reported where it is true. Without
    this the value is unknown, and a case that leaves it out is unclassified for the promises that select by it."""


class StatutoryLimit(Entry):
    """A version of the statutory limit (法定时限) of a service item, in force from a date."""

    effective_from: date
    limit: PlainLimit


class ServiceItem(Entry):
    """A service item (事项) of the plan."""

    code: str
    title: Title
    attributes: dict[str, AttributeSpec] = {}
    milestones: tuple[str, ...] = ()
    certified_by_completion: tuple[str, ...] = ()
    """Those of its milestones that a completion certifies: they are void with it (rule 16)."""
    nodes: tuple[str, ...] = ()
    quantities: tuple[str, ...] = ()
    permit: bool = False
    """Acceptance is deemed on the day of application (rule 13)."""
    opening_hours: str | None = None
    """Hours of its own within its unit (`opening_hours.toml`)."""
    statutory: tuple[StatutoryLimit, ...] = ()
    shared_key: Literal["", "tender", "contract", "property", "enterprise"] = ""
    """What the subject is, where several units report on one case."""
    suspension_maximum: dict[str, PlainLimit] = {}
    """Reason → how long a suspension may last before the clock runs again."""


class Unit(Entry):
    """A unit (单位): accepts cases, holds nodes, leads or answers for promises."""

    id: str
    title: Title
    role: Literal["department", "utility", "court", "institution", "town", "group"] = "department"
    """What it is among the units: a department of the government, a water, power or gas company, a court or the
    procuratorate, another institution (事业单位 or office), a town or subdistrict, or a group that the plan names only
    together (各有关单位)."""
    opening_hours: str = DEFAULT_HALL
    parent: str | None = None
    """The unit of which it is a part."""
    contact: str = ""
    """The mailbox of its role, never a person's."""
    effective_from: date | None = None
    """Its first day; None: it has always been there."""
    effective_to: date | None = None
    """Its last day; None: the day before its successor's first one or, without a successor, it has not ended."""
    successor_of: tuple[str, ...] = ()
    """The units whose work it continues: one that was renamed, or several that were merged (rule 17)."""


class Source(Entry):
    """A case system that may publish (`sources.toml`): what it may report, and on whose cases."""

    id: str
    """CloudEvents `source`, e.g. `/units/liangjiang-water`."""
    title: Title | None = None
    """How people call it; without one it has the title of the unit that it is named after."""
    units: tuple[str, ...]
    """Units it may name; `*`: any."""
    owners: tuple[str, ...] = ()
    """Other sources whose cases it may report on (`caseowner`); `*`: any."""
    feeds: tuple[str, ...] = ("*",)
    """Service items, collections and duties it reports on: which promises go stale when it falls silent."""
    milestones: tuple[str, ...] = ()
    """Milestones that it reports in others' cases; the sources that name none of the item's report any other."""
    real_time: bool = False
    """Its `time` is its `recordedat`: it need not send one. It reports what happens at once."""
    usual_delay: PlainLimit | None = None
    """How long it is usually silent or late, in working time; without one it is never silent."""
    reports_within: PlainLimit | None = None
    """Within what time it reports what has happened; without one within `usual_delay`. Until then its silence about a
    step that is due is no miss."""
    operations: bool = False
    """The operations centre: may decide justifications, extensions and late entries."""
    grants: bool = False
    """It extends limits by its own authority, as a court that of a trial: its `case.extended` is no mere request."""

    @property
    def inbox(self) -> str:
        """The topic into which it may publish: `/units/liangjiang-water` → `inbox.units.liangjiang-water`."""
        return f"inbox.{self.id.strip('/').replace('/', '.')}"

    @property
    def lateness(self) -> Limit | None:
        """How late it reports at most; None: at once."""
        return None if self.real_time else self.reports_within or self.usual_delay


class Collection(Entry):
    """A catalogue whose entries are published with `item.upserted`."""

    id: str
    title: Title
    attributes: dict[str, AttributeSpec] = {}
    honesty: dict[str, Literal["online", "same_day", "used"]] = {}
    """Declared attribute → what the cases of the entry's service item must bear out (rule 6): all handled online,
    all completed on the day of acceptance, at least one completed."""


class HoursEntry(Entry):
    """A version of a hall's opening hours: `{ mon_fri = ["09:00-12:00", "13:30-17:30"], wednesday = ["09:00-12:00"] }`.
    A weekday by name goes before `mon_fri`. A span to an earlier time ends on the next day: `["20:00-02:00"]`."""

    id: str
    effective_from: date
    weekly: dict[
        Literal["mon_fri", "monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"],
        tuple[str, ...],
    ]
    closed: tuple[date, ...] = ()
    """Single days on which the hall is closed (a move, a stocktaking). They stay working days for limits in days."""


class SupervisionStep(StrEnum):
    """A step of escalation, from a red card on."""

    REMINDER = "reminder"
    """提醒."""
    URGING = "urging"
    """催办."""
    ORDER = "order"
    """督办: a written order with a number, which the unit has to answer."""
    CIRCULAR = "circular"
    """通报: it is proposed to a person, who decides whether it is issued."""


class Ladder(Entry):
    """After how many working days from the day of the red card each step comes. A step without a number never comes."""

    reminder: int | None = Field(default=None, ge=0, le=250)
    urging: int | None = Field(default=None, ge=0, le=250)
    order: int | None = Field(default=None, ge=0, le=250)
    circular: int | None = Field(default=None, ge=0, le=250)

    def steps(self) -> tuple[tuple[SupervisionStep, int], ...]:
        """The steps that come, in their order, each with its days."""
        days = (self.reminder, self.urging, self.order, self.circular)
        return tuple((step, n) for step, n in zip(SupervisionStep, days, strict=True) if n is not None)


class Supervision(Entry):
    """`[supervision]` of `plan.toml`: how red cards are followed up (督查督办). It changes no verdict."""

    hard: Ladder = Ladder(reminder=1, urging=3, order=5, circular=10)
    """Of hard promises."""
    soft: Ladder = Ladder(reminder=2, urging=5, order=10)
    """Of soft promises. Aspirational ones have no red card and so no steps."""
    reply_days: int = Field(default=3, ge=0, le=250)
    """For how many working days at most a reply that names a day of completion stops the count."""
    request_days: int = Field(default=5, ge=0, le=250)
    """For how many working days at most a request that nobody has decided stops the count."""
    answer_days: int = Field(default=3, ge=1, le=250)
    """Within how many working days a written order is to be answered."""
    order_number: str = "督办〔{year}〕{number}号"
    """The number of a written order: `{year}` is the year of the plan's zone, `{number}` counts from 1 in each year."""
    office: Title = Title(zh="区政府督查室", en="Inspection Office of the District Government")
    """Who signs a written order (落款)."""
    proposed_to: Title = Title(zh="区政府督查室负责人", en="head of the Inspection Office of the District Government")
    """The post to whose holder a 通报 is proposed. The person is in `contacts.toml`."""

    def ladder(self, strength: Strength) -> Ladder:
        """The steps of promises of that strength."""
        ladders = {Strength.HARD: self.hard, Strength.SOFT: self.soft}
        return ladders.get(strength, Ladder())


def _month(value: object) -> object:
    """ValueError for what is no month."""
    if type(value) is not int or not 1 <= value <= 12:
        raise ValueError(f"{value} is no month: write 1 to 12. A year that begins within a month is not supported")
    return value


class PlanHead(Entry):
    """`plan.toml`: what the plan is and what it is judged by."""

    id: str
    title: Title
    number: str = ""
    issued: date
    timezone: str
    calendar: str
    """Name of a calendar in `services/catalog/calendar`, or a file of the same form beside `plan.toml`:
    `calendar.toml`."""
    year_begins: Annotated[int, BeforeValidator(_month)] = Field(default=1, ge=1, le=12)
    """The month with which the plan's year begins (财年): the windows `year` and `quarter` follow it."""
    text: str
    """File with the plan's text, beside `plan.toml`."""
    language: str = Field(default="", pattern=r"^([a-z]{2,3}(-[A-Za-z0-9]{2,8})*)?$")
    """The language of the text: `en`, `zh`. The numbers, dates and words of clauses are compared with the entries; of
    another language only the digits. Without it a clause with Chinese characters is Chinese, another one English."""
    version: str
    collections: tuple[Collection, ...] = ()
    duties: dict[str, Title] = {}
    figures: dict[str, Title] = {}
    """Quantities that `figure.reported` may name."""
    reasons: tuple[str, ...] = ()
    """Registered codes of suspension, extension and justification."""
    supervision: Supervision = Supervision()
    """How red cards are followed up."""
    open: bool = False
    """Any unit, service item, source and attribute is admitted (for imported archives without a registry)."""


class Name(Title):
    """What people read instead of a code."""

    no: Title | None = None
    """Of a flag: what is said where it is false. Of a quantity or a milestone: what is said where there must be none
    (`不得收取登记费`)."""


class Terms(Entry):
    """What this government calls what is the same everywhere."""

    yellow_card: Title = Title(zh="黄牌", en="yellow card")
    """The warning before a limit has passed; 预警 in some districts."""
    red_card: Title = Title(zh="红牌", en="red card")
    """The card after it."""


class Names(Entry):
    """`names.toml`: the names of codes. A key is a code, or `SUBJECT/CODE`: its name within one service item or
    collection."""

    terms: Terms = Terms()
    attributes: dict[str, Name] = {}
    values: dict[str, dict[str, Title]] = {}
    """Attribute → value → its name."""
    milestones: dict[str, Name] = {}
    nodes: dict[str, Title] = {}
    quantities: dict[str, Name] = {}
    reasons: dict[str, Title] = {}
    units_of_measure: dict[str, Title] = {}
    """Quantity or attribute of which a figure is a mean or a sum → in what it is counted (`件`)."""


class Plan(Entry):
    """A whole plan, loaded and coherent."""

    head: PlanHead
    promises: tuple[Promise, ...]
    units: dict[str, Unit] = {}
    service_items: dict[str, ServiceItem] = {}
    sources: dict[str, Source] = {}
    hours: tuple[HoursEntry, ...] = ()
    calendar: CalendarFile | None = None
    """Its own calendar; None: it names one of the catalogue."""
    lists: dict[str, tuple[str, ...]] = {}
    """Reference lists of the plan folder (`lists/*.txt`), by name."""
    placeholders: tuple[str, ...] = ()
    """Names of those lists whose codes are made up until the right ones are known."""
    names: Names = Names()
    fingerprint: str
    """SHA-256 of everything that decides a verdict: rows judged under another are judged again."""

    def rests_on(self, placeholder: str, promise: Promise) -> bool:
        """Whether the codes that a promise counts are those of a placeholder."""
        codes = self.lists[placeholder]
        return isinstance(promise, EntryPromise) and bool(codes) and set(codes) <= set(promise.listed)

    def is_sample(self, promise: Promise) -> bool:
        """Whether the cases of a promise are those of a placeholder: a sample of the items that the plan speaks of."""
        if not isinstance(promise, CasePromise):
            return False
        codes = {code for _, code in promise.subjects}
        return any(codes and codes == set(self.lists[name]) for name in self.placeholders)

    def is_invented(self, promise: Promise) -> bool:
        """Whether a promise's denominator rests on a placeholder: nothing can be said of it until that is replaced."""
        return any(self.rests_on(name, promise) for name in self.placeholders)

    @property
    def unset_values(self) -> dict[tuple[str, str], bool | str]:
        """(service item, attribute) → what a case is taken for that leaves the attribute out."""
        return {
            (code, name): spec.unset
            for code, item in self.service_items.items()
            for name, spec in item.attributes.items()
            if spec.unset is not None
        }

    @property
    def grantors(self) -> frozenset[str]:
        """The sources that extend limits by their own authority, beside the operations centre."""
        return frozenset(source.id for source in self.sources.values() if source.grants)
