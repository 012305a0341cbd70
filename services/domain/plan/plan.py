"""A plan as data: its promises, units, service items and sources, as `services/catalog/<plan>/*.toml` says them.

Every class here is one table of the TOML files; a promise is one entry that a non-programmer can read and change.
What an entry means is said at its field. Nothing here judges: kinds do (`services/domain/kinds`).
"""

import re
from datetime import date
from decimal import Decimal, InvalidOperation
from enum import StrEnum
from fractions import Fraction
from typing import Annotated, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, model_validator

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
    """原则上: yellow when due, red only without an accepted reason."""
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

    about: str
    """The words or the question, e.g. `接入时间: start of the clock`."""
    taken: str
    instead: tuple[str, ...]
    """The other readings, as one would write them into the entry."""


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

WrittenObjective = Annotated[str, Field(pattern=r"^((<=|>=|=) [0-9.]+ \S+|[0-9]+\.\.[0-9]+ \w+)$")]
"""The form of an objective in a file."""
WrittenLimit = Annotated[str, Field(pattern=r"^[0-9]{1,12}[ _]+[a-z]+([ _][a-z]+)?$")]
"""The form of a limit in a file."""


def _objective(value: object) -> object:
    return Objective.parse(value) if isinstance(value, str) else value


ObjectiveField = Annotated[
    Objective | None, BeforeValidator(_objective, json_schema_input_type=WrittenObjective | None)
]


def _limit(value: object) -> object:
    return Limit.parse(value) if isinstance(value, str) and value not in DECLARED_LIMITS else value


DECLARED_LIMITS = ("due_at", "committed_limit", "statutory_limit")
DeclaredLimit = Literal["due_at", "committed_limit", "statutory_limit"]
LimitField = Annotated[
    Limit | DeclaredLimit, BeforeValidator(_limit, json_schema_input_type=WrittenLimit | DeclaredLimit)
]
PlainLimit = Annotated[Limit, BeforeValidator(_limit, json_schema_input_type=WrittenLimit)]


class Kind(StrEnum):
    """The kinds of promise; each is one module of `services/domain/kinds`."""

    CASE_LIMIT = "case_limit"
    CASE_MEAN = "case_mean"
    MEAN_REDUCTION = "mean_reduction"
    CASE_SHARE = "case_share"
    CASE_BOUND = "case_bound"
    CATALOGUE = "catalogue"
    DUTY = "duty"
    NODE_DURATION = "node_duration"
    TREND = "trend"
    FIGURE = "figure"


CASELESS = frozenset((Kind.CATALOGUE, Kind.DUTY, Kind.FIGURE))
"""Kinds about what is no case: entries of a catalogue, duties, figures that a source counts itself."""


BY_EVENT = ("completion", "stop")
"""Values of `matures_at` that are something that happens to a case, not a time."""


class Promise(Entry):
    """One promise of the plan, as one entry of `kpis/*.toml`."""

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
    """Every promise of a plan with a text has one; a variant has that of its official entry."""
    kind: Kind
    strength: Strength
    local: bool = False
    """A threshold that the plan does not print (非方案指标)."""
    notes: str = ""
    """What a reader should know, in words."""
    choices: tuple[Choice, ...] = ()
    """What the plan leaves open, each with what was taken and the alternatives."""

    select: dict[str, Scalar | tuple[Scalar, ...]] = {}
    """Which cases (or entries): all must hold. Keys: `service_item`, `applicant`, `channel`, `outcome`, `unit`,
    `parent` (true: has a parent case) or a declared attribute. A case that lacks an attribute is not selected."""
    unless: dict[str, Scalar | tuple[Scalar, ...]] = {}
    """Which of the selected are left out: all must hold; keys as in `select`. What is unknown leaves nobody out."""
    start: Codes = ("accepted",)
    """Clock start: `applied`, `accepted` or `milestone:NAME`; of several the latest counts, once all are there."""
    stop: Codes = ("completed",)
    """Clock stop: `completed` or `milestone:NAME`; of several the latest, once all are there."""
    limit: LimitField | None = None
    """`"4 working_days"`, or a limit that the case itself declares: `due_at`, `committed_limit`, `statutory_limit`."""
    ends: Ends = Ends.DAY
    """Where a day-based limit ends: `day` (24:00), `close` (of business), `instant` (only for `due_at`)."""
    clock_stops: tuple[str, ...] = ()
    """Reasons of suspension that stop this promise's clock; any other is kept and does not."""
    runs_in: tuple[str, ...] = ()
    """Nodes in which the clock runs; between them, and in others, it stands still (总用时 as the sum of the stages)."""
    extension_moves_limit: bool = False
    """Whether an approved extension of the case moves this limit, too (it always moves the statutory one)."""
    matures_at: Literal["completion", "stop", "limit"] | PlainLimit | date | None = None
    """What matures a case (rule 7): its completion, the stop of the promise's own clock (or the completion, if
    that comes without it), the promise's limit, a limit after its start, or a date."""
    measure: str | None = None
    """For means and trends: `working_days`, `elapsed_days` (elapsed time in days), `minutes`, `working_minutes`,
    `quantity:NAME`, `milestone:NAME` (how many), `ratio:A/B` (the sum of quantity A over all cases ÷ that of B),
    `rating` (the applicant's own last score), or for `trend` also `share` and `count` (how many cases)."""
    where: dict[str, Scalar | tuple[Scalar, ...]] = {}
    """For shares: which of the selected count in the numerator. Keys as in `select`, and `online` (true: every known
    channel online and no visit), `stopped` (true: the stop was reached by maturity), `reached` (milestones, all of
    them), `extended` (an extension was granted)."""
    known: Codes = ()
    """For shares: only cases count of which all of this is known, e.g. `channel` or an attribute: an unknown is
    neither."""
    counts: tuple[str, ...] = ()
    """For bounds: what is bounded, each by itself: `milestone:NAME` (how many), `quantity:NAME` (the sum), `ratio:A/B`
    (quantity A ÷ quantity B), `attribute:NAME` (how many codes a list has), `order:A<B` (1 if milestone A did not come
    before B). Where a case says `full_trace = true`, steps and quantities that it does not report are 0."""
    bound: ObjectiveField = None
    """For bounds: `"<= 1 count"`, `"<= 0 CNY"`."""
    collection: str | None = None
    """For catalogue promises: whose entries."""
    statistic: Literal["share", "count", "mean", "sum", "in_sync", "stock"] | None = None
    """What is taken over the entries of a catalogue: `share`, `count`, `mean` and `sum` of `quantity`, or `in_sync`
    (the share of a master's entries that every copy has in the same version). For figures: `share` (the sums over the
    window's periods) or `stock` (the last reported period alone)."""
    listed: tuple[str, ...] = ()
    """For catalogue shares and counts: the codes that the plan's own list has (`"list:NAME"`). The list is the
    denominator: an entry that is missing is not in the numerator, and one that is not listed does not count."""
    listed_by: str = "code"
    """The attribute of an entry that holds its code, for `listed` and `in_sync`."""
    master: str | None = None
    """For `in_sync`: the value of the attribute `platform` whose entries are the master's."""
    copies: tuple[str, ...] = ()
    """For `in_sync`: the platforms that must have each of them in the same `version`."""
    numerator: str | None = None
    """For figures: the quantity whose `numerator` is summed, and"""
    denominator: str | None = None
    """the quantity whose `denominator` is: another one where one source counts what another holds."""
    quantity: str | None = None
    """For catalogue means and sums: which attribute."""
    by: date | None = None
    """Target date: judged at its 24:00 in the plan's zone; it does not roll."""
    duty: str | None = None
    """For duties: its code in `case.events`."""
    period: Literal["month", "once"] | None = None
    """For duties and figures: each month, or once, by the date `by`."""
    owed_by: tuple[str, ...] = ()
    """For duties: the units that owe it, each period."""
    nodes: tuple[str, ...] = ()
    """For node durations: the nodes whose durations are published, in order; empty: every node seen."""
    direction: Literal["rising", "falling"] | None = None
    """For what has no objective: which way is good."""

    objective: ObjectiveField = None
    """What the figure must reach; for `case_limit` and `case_bound` without one: 100 % of matured cases."""
    tolerance: Decimal = Field(default=Decimal(0), ge=0, lt=1)
    """How much below a share's objective is not yet missed (基本): `at_risk` instead."""
    minimum_n: int = Field(default=10, ge=0)
    """Fewer than this is `insufficient` (means and ratio objectives below 100 % only; rule 8)."""
    yellow_share: float = Field(default=0.25, gt=0, lt=1)
    """A yellow card when less than this share of the limit remains."""
    unmeasured_tolerance: float = 0.05
    by_item: bool = False
    """Publish a row per service item, too."""
    windows: tuple[Window, ...] = (Window.D30, Window.D90, Window.YEAR, Window.ALL)
    official_window: Window = Window.YEAR
    """The window that alerts; the others inform."""
    lead: tuple[str, ...] = ()
    responsible: tuple[str, ...] = ()
    effective_from: date
    effective_to: date | None = None
    applies_by: Literal["start", "stop"] = "start"
    """Which date of the case decides whether this version of the promise binds it (rule 11)."""

    @property
    def key(self) -> str:
        """`K24-1`, or `K24-1/cases` for another variant: the name of this entry's tallies."""
        return self.id if self.variant == "official" else f"{self.id}/{self.variant}"

    @property
    def target(self) -> Objective | None:
        """What its figure must reach: its objective, or, for a promise about each single case or duty, all of them."""
        if self.strength is Strength.DIRECTIONAL or self.objective is not None:
            return self.objective
        return _EVERY_ONE if self.kind in (Kind.CASE_LIMIT, Kind.CASE_BOUND, Kind.DUTY) else None

    @property
    def keeps_days(self) -> bool:
        """Whether its tallies are kept by day; a promise with only the window `all` keeps none."""
        return self.windows != (Window.ALL,)

    @property
    def published_by_item(self) -> bool:
        """Whether there is a row per item of its tallies. The items of what is no case (codes of a list, periods) only
        join what several sources say."""
        return self.kind is Kind.NODE_DURATION or (self.by_item and self.kind not in CASELESS)

    @model_validator(mode="after")
    def _coherent(self) -> "Promise":
        problems = list(incoherences(self))
        if problems:
            raise ValueError("; ".join(problems))
        return self


_EVERY_ONE = Objective(relation=">=", amount=Decimal(1), unit="share")

_NEEDS: dict[Kind, tuple[str, ...]] = {
    Kind.CASE_LIMIT: ("limit",),
    Kind.CASE_MEAN: ("measure",),
    Kind.MEAN_REDUCTION: ("objective",),
    Kind.CASE_SHARE: ("where", "matures_at"),
    Kind.CASE_BOUND: ("counts", "bound", "matures_at"),
    Kind.CATALOGUE: ("collection", "statistic"),
    Kind.DUTY: ("duty", "period", "owed_by"),
    Kind.NODE_DURATION: (),
    Kind.TREND: ("measure", "direction"),
    Kind.FIGURE: ("numerator", "denominator", "period", "statistic"),
}


_CATALOGUE_NEEDS: dict[str, tuple[str, ...]] = {
    "mean": ("quantity",),
    "sum": ("quantity",),
    "in_sync": ("master", "copies"),
}


def incoherences(promise: Promise) -> list[str]:
    """What is missing or contradictory in an entry, one sentence each (used by `plan check`)."""
    found = [f"kind {promise.kind} needs `{name}`" for name in _NEEDS[promise.kind] if not getattr(promise, name)]
    if promise.official_window not in promise.windows:
        found.append(f"official_window {promise.official_window} is not among windows")
    if promise.strength is Strength.DIRECTIONAL and promise.objective:
        found.append("a directional promise has no objective: the plan prints no threshold")
    if promise.kind is Kind.CATALOGUE:
        found += [
            f"statistic {promise.statistic} needs `{name}`"
            for name in _CATALOGUE_NEEDS.get(promise.statistic or "", ())
            if not getattr(promise, name)
        ]
    if promise.period == "once" and promise.by is None:
        found.append("what is owed once needs `by`, the date on which it is due")
    if promise.limit is not None and promise.limit != "due_at" and promise.ends is Ends.INSTANT:
        found.append('ends = "instant" goes with limit = "due_at" only')
    if promise.effective_to and promise.effective_to <= promise.effective_from:
        found.append("effective_to is not after effective_from")
    if promise.kind in (Kind.TREND, Kind.NODE_DURATION) and promise.objective:
        found.append(f"kind {promise.kind} is untargeted: it takes no objective")
    return found


class AttributeSpec(Entry):
    """A declared attribute of a service item or a collection."""

    type: Literal["bool", "integer", "number", "code", "codes", "text"]
    values: tuple[str, ...] = ()
    """For codes: the allowed ones; empty: any code of up to 64 characters."""
    keeps: Literal["first", "last"] = "last"
    """Of several facts that say it, whose word stands (the *first* tax matter of an enterprise)."""


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
    opening_hours: str = "default"
    parent: str | None = None
    """The unit of which it is a part."""
    contact: str = ""
    """The mailbox of its role, never a person's."""


class Source(Entry):
    """A case system that may publish (`sources.toml`): who may speak about what and whose cases."""

    id: str
    """CloudEvents `source`, e.g. `/units/liangjiang-water`."""
    units: tuple[str, ...]
    """Units it may name; `*`: any."""
    owners: tuple[str, ...] = ()
    """Other sources whose cases it may report on (`caseowner`); `*`: any."""
    feeds: tuple[str, ...] = ("*",)
    """Service items, collections and duties it reports on: which promises go stale when it falls silent."""
    milestones: tuple[str, ...] = ()
    """Milestones that it tells of in others' cases; any other is told by the sources that name none of the item's."""
    real_time: bool = False
    """Its `time` is its `recordedat`: it need not send one. It tells of what happens at once."""
    usual_delay: PlainLimit | None = None
    """How long it is usually silent or late, in working time; without one it is never silent."""
    operations: bool = False
    """The operations centre: may decide justifications, extensions and late entries."""
    grants: bool = False
    """It extends limits by its own authority, as a court that of a trial: its `case.extended` is no mere request."""

    @property
    def lateness(self) -> Limit | None:
        """How late it usually tells; None: at once."""
        return None if self.real_time else self.usual_delay


class Collection(Entry):
    """A catalogue whose entries are published with `item.upserted`."""

    id: str
    title: Title
    attributes: dict[str, AttributeSpec] = {}
    honesty: dict[str, Literal["online", "same_day", "used"]] = {}
    """Declared attribute → what the cases of the entry's service item must bear out (rule 6): all handled online,
    all completed on the day of acceptance, at least one completed."""


class HoursEntry(Entry):
    """A version of a hall's opening hours: `{ mon_fri = ["09:00-12:00", "13:30-17:30"], saturday = [] }`."""

    id: str
    effective_from: date
    weekly: dict[Literal["mon_fri", "saturday", "sunday"], tuple[str, ...]]


class PlanHead(Entry):
    """`plan.toml`: what the plan is and what it is judged by."""

    id: str
    title: Title
    number: str = ""
    issued: date
    timezone: str
    calendar: str
    """Name of a calendar in `services/catalog/calendar`."""
    text: str
    """File with the plan's text, beside `plan.toml`."""
    version: str
    collections: tuple[Collection, ...] = ()
    duties: dict[str, Title] = {}
    figures: dict[str, Title] = {}
    """Quantities that `figure.reported` may name."""
    reasons: tuple[str, ...] = ()
    """Registered codes of suspension, extension and justification."""
    open: bool = False
    """Any unit, service item, source and attribute is admitted (for imported archives without a registry)."""


class Plan(Entry):
    """A whole plan, loaded and coherent."""

    head: PlanHead
    promises: tuple[Promise, ...]
    units: dict[str, Unit] = {}
    service_items: dict[str, ServiceItem] = {}
    sources: dict[str, Source] = {}
    hours: tuple[HoursEntry, ...] = ()
    lists: dict[str, tuple[str, ...]] = {}
    """Reference lists of the plan folder (`lists/*.txt`), by name."""
    placeholders: tuple[str, ...] = ()
    """Names of those lists whose codes are made up until the right ones are known."""
    fingerprint: str
    """SHA-256 of everything that decides a verdict: rows judged under another are judged again."""

    def rests_on(self, placeholder: str, promise: Promise) -> bool:
        """Whether the codes that a promise counts are those of a placeholder."""
        codes = self.lists[placeholder]
        return bool(promise.listed and codes) and set(codes) <= set(promise.listed)

    def is_invented(self, promise: Promise) -> bool:
        """Whether a promise's denominator rests on a placeholder: nothing can be said of it until that is replaced."""
        return any(self.rests_on(name, promise) for name in self.placeholders)

    @property
    def grantors(self) -> frozenset[str]:
        """The sources that extend limits by their own authority, beside the operations centre."""
        return frozenset(source.id for source in self.sources.values() if source.grants)
