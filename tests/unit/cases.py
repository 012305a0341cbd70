"""A vocabulary for tests of the judging rules: facts, promises and plans in few words.

Times are wall clocks of the plan's zone (`"2021-09-16T09:00"`; a date alone is its first instant). A fact arrives when
it happens, unless `received` says otherwise, and has an id made of its type and time, unless `id` gives one.
"""

from collections.abc import Iterable, Mapping, Sequence
from datetime import date, datetime
from functools import lru_cache
from typing import Any

import orjson

from services.catalog.load.calendars import load_calendar
from services.domain.history.case import Case
from services.domain.history.fact_set import contract_order
from services.domain.intake.facts import Fact, FactType, digest_of
from services.domain.judging.judge import Judge
from services.domain.judging.judgement import Judgement, Outcome
from services.domain.plan.all_kinds import ANY_PROMISE, SPECIFICATIONS, promise_of
from services.domain.plan.plan import (
    CasePromise,
    Collection,
    HoursEntry,
    Plan,
    PlanHead,
    Promise,
    ServiceItem,
    Source,
    Title,
    Unit,
)
from services.domain.results.cards import CardState, cards
from services.domain.results.published import ValueRow
from services.domain.results.value_rows import Valuer
from services.domain.sums.tally import Tally, TallyKey
from services.domain.time.calendar import WorkingCalendar
from services.domain.time.zone import Instant, Zone

ZONE = Zone("Asia/Shanghai")
CN = load_calendar("cn")
WATER = "/units/water"
SEALS = "/units/seals"
OPERATIONS = "/operations"
TITLE = Title(zh="甲", en="A")
PERMIT_REASONS = ("hearing", "testing")


# ---- time ------------------------------------------------------------------------------------------------
def at(text: str) -> Instant:
    """The instant of a wall clock."""
    return ZONE.instant(datetime.fromisoformat(text))


def day(text: str) -> int:
    """The ordinal of a date."""
    return date.fromisoformat(text).toordinal()


def end_of(text: str) -> Instant:
    """The last microsecond of a date: 24:00."""
    return ZONE.midnight(day(text) + 1) - 1


# ---- facts -----------------------------------------------------------------------------------------------
def fact(
    rank: FactType,
    time: str,
    data: Mapping[str, Any],
    *,
    id: str = "",
    source: str = WATER,
    received: str = "",
    recorded: str = "",
) -> Fact:
    """An admitted event."""
    digest = digest_of(orjson.dumps([rank.event_type, time, data], option=orjson.OPT_SORT_KEYS))
    arrival = at(received) if received else at(time)
    name = id or f"{rank.event_type}@{time}"
    return Fact(at(time), int(rank), source, name, arrival, digest, data, at(recorded) if recorded else None)


def _envelope(given: dict[str, Any]) -> dict[str, Any]:
    return {name: given.pop(name) for name in ("id", "source", "received", "recorded") if name in given}


def _filed(rank: FactType, time: str, item: str, unit: str, given: dict[str, Any]) -> Fact:
    envelope = _envelope(given)
    attributes = given.pop("attributes", None)
    data = {"service_item": item, "unit": unit, **given}
    if attributes is not None:
        data["attributes"] = attributes
    return fact(rank, time, data, **envelope)


def applied(time: str, item: str = "water", unit: str = "works", **given: Any) -> Fact:
    return _filed(FactType.CASE_APPLIED, time, item, unit, given)


def accepted(time: str, item: str = "water", unit: str = "works", **given: Any) -> Fact:
    return _filed(FactType.CASE_ACCEPTED, time, item, unit, given)


def supplement(time: str, **given: Any) -> Fact:
    envelope = _envelope(given)
    return fact(FactType.CASE_SUPPLEMENT_REQUESTED, time, given, **envelope)


def refused(time: str, **given: Any) -> Fact:
    envelope = _envelope(given)
    return fact(FactType.CASE_REFUSED, time, given, **envelope)


def reclassified(time: str, **given: Any) -> Fact:
    envelope = _envelope(given)
    return fact(FactType.CASE_RECLASSIFIED, time, given, **envelope)


def milestone(time: str, name: str, **given: Any) -> Fact:
    envelope = {"id": f"{name}@{time}", **_envelope(given)}
    return fact(FactType.CASE_MILESTONE, time, {"name": name, "unit": "works", **given}, **envelope)


def node_started(time: str, node: str, unit: str = "works", **given: Any) -> Fact:
    envelope = {"id": f"{node}>@{time}", **_envelope(given)}
    return fact(FactType.CASE_NODE_STARTED, time, {"node": node, "unit": unit, **given}, **envelope)


def node_ended(time: str, node: str, unit: str = "works", **given: Any) -> Fact:
    envelope = {"id": f"{node}<@{time}", **_envelope(given)}
    return fact(FactType.CASE_NODE_ENDED, time, {"node": node, "unit": unit, **given}, **envelope)


def suspended(time: str, reason: str = "hearing", unit: str = "works", **given: Any) -> Fact:
    envelope = {"id": f"{reason}>@{time}", **_envelope(given)}
    return fact(FactType.CASE_SUSPENDED, time, {"reason": reason, "unit": unit}, **envelope)


def resumed(time: str, reason: str = "hearing", unit: str = "works", **given: Any) -> Fact:
    envelope = {"id": f"{reason}<@{time}", **_envelope(given)}
    return fact(FactType.CASE_RESUMED, time, {"reason": reason, "unit": unit}, **envelope)


def extended(time: str, amount: int, of: str = "working_days", **given: Any) -> Fact:
    """Granted by the operations centre, unless another `source` asks."""
    envelope = {"source": OPERATIONS, **_envelope(given)}
    return fact(FactType.CASE_EXTENDED, time, {"limit": {"amount": amount, "unit": of}}, **envelope)


def measured(time: str, quantity: str, value: float, **given: Any) -> Fact:
    envelope = {"id": f"{quantity}@{time}", **_envelope(given)}
    return fact(FactType.CASE_MEASURED, time, {"quantity": quantity, "value": value}, **envelope)


def rated(time: str, score: int, **given: Any) -> Fact:
    """How the applicant rated the service, unless `rated_by` says otherwise."""
    envelope = _envelope(given)
    return fact(FactType.CASE_RATED, time, {"score": score, "rated_by": "applicant", **given}, **envelope)


def completed(time: str, **given: Any) -> Fact:
    envelope = _envelope(given)
    return fact(FactType.CASE_COMPLETED, time, given, **envelope)


def withdrawn(time: str, **given: Any) -> Fact:
    envelope = _envelope(given)
    return fact(FactType.CASE_WITHDRAWN, time, given, **envelope)


def reopened(time: str, reason: str = "completion_void", **given: Any) -> Fact:
    return fact(FactType.CASE_REOPENED, time, {"reason": reason}, **_envelope(given))


def justified(time: str, decision: str, kpi: str = "P", **given: Any) -> Fact:
    """A request comes from the unit, a decision from the operations centre."""
    by = WATER if decision == "requested" else OPERATIONS
    envelope = {"id": f"{decision}@{time}", "source": by, **_envelope(given)}
    return fact(FactType.CASE_JUSTIFIED, time, {"kpi": kpi, "decision": decision, **_decided(given)}, **envelope)


def confirmed(time: str, decision: str = "accepted", kpi: str = "P", **given: Any) -> Fact:
    envelope = {"source": OPERATIONS, **_envelope(given)}
    return fact(FactType.CASE_CONFIRMED, time, {"kpi": kpi, "decision": decision, **_decided(given)}, **envelope)


def _decided(given: Mapping[str, Any]) -> dict[str, Any]:
    """What a decision is about, and what its deciders had seen."""
    return {**given, "through": at(given["through"])} if "through" in given else dict(given)


def correction(time: str, of: Fact, to: Fact | None, **given: Any) -> Fact:
    """Puts another fact in the place of one, or strikes it out."""
    event = None
    if to is not None:
        event = {"type": FactType(to.type).event_type, "time": to.time, "recorded": to.recorded, "data": to.data}
    envelope = {"id": f"correction@{time}", "source": of.source, **_envelope(given)}
    return fact(FactType.CORRECTION, time, {"of": of.id, "event": event}, **envelope)


def upserted(time: str, unit: str = "works", collection: str = "catalogue", **attributes: Any) -> Fact:
    data = {"collection": collection, "unit": unit, "attributes": attributes}
    return fact(FactType.ITEM_UPSERTED, time, data)


def retired(time: str, unit: str = "works", collection: str = "catalogue") -> Fact:
    return fact(FactType.ITEM_RETIRED, time, {"collection": collection, "unit": unit})


def fulfilled(time: str, period: str, unit: str = "works", duty: str = "report", **given: Any) -> Fact:
    return fact(FactType.DUTY_FULFILLED, time, {"duty": duty, "unit": unit, "period": period}, **_envelope(given))


def reported(
    time: str, numerator: float, denominator: float, period: str = "2021-10", unit: str = "works", **given: Any
) -> Fact:
    """A figure that a source counted itself."""
    data = {"quantity": given.pop("quantity", "records"), "unit": unit, "period": period}
    envelope = {"id": f"{data['quantity']}:{unit}:{period}@{time}", **_envelope(given)}
    return fact(
        FactType.FIGURE_REPORTED, time, {**data, "numerator": numerator, "denominator": denominator}, **envelope
    )


def heartbeat(time: str, **given: Any) -> Fact:
    return fact(FactType.SOURCE_HEARTBEAT, time, {}, **_envelope(given))


# ---- plans -----------------------------------------------------------------------------------------------
def promise(**given: Any) -> Promise:
    """A hard limit of 4 working days on cases of water, unless said otherwise."""
    entry: dict[str, Any] = {
        "id": "P",
        "item": 1,
        "clause": "不超过4个工作日",
        "title": {"zh": "甲", "en": "A"},
        "kind": "case_limit",
        "strength": "hard",
        "effective_from": date(2021, 1, 1),
        "windows": ("7d", "30d", "90d", "month", "quarter", "year", "all"),
    }
    kind = given.get("kind", "case_limit")
    if issubclass(SPECIFICATIONS[kind], CasePromise):
        entry["select"] = {"service_item": "water"}
    if kind == "case_limit":
        entry["limit"] = "4 working_days"
    if "select" not in SPECIFICATIONS[kind].model_fields:
        given.pop("select", None)
    return promise_of(entry | given)


NO_FEE = promise(kind="case_bound", counts=("quantity:fee",), bound="<= 0 CNY", matures_at="completion")
"""Nothing may be charged."""
ANSWERED = promise(
    kind="case_share", where={"stopped": True}, stop="milestone:answered", matures_at="4 working_days",
    objective=">= 100 %",
)  # fmt: skip
"""A share of which each case matures by a limit."""
USUALLY_A_DAY_LATE = Source.model_validate({"id": WATER, "units": ["works"], "usual_delay": "1 working_days"})


ITEMS = {
    "water": ServiceItem(code="water", title=TITLE),
    "power": ServiceItem(code="power", title=TITLE),
    "permit": ServiceItem.model_validate(
        {
            "code": "permit",
            "title": TITLE,
            "permit": True,
            "statutory": [
                {"effective_from": date(2000, 1, 1), "limit": "20 working_days"},
                {"effective_from": date(2021, 10, 1), "limit": "10 working_days"},
            ],
            "suspension_maximum": {"testing": "10 working_days", "hearing": "20 calendar_days"},
        }
    ),
    "registration": ServiceItem.model_validate(
        {
            "code": "registration",
            "title": TITLE,
            "statutory": [{"effective_from": date(2000, 1, 1), "limit": "30 calendar_days"}],
        }
    ),
}


def plan(
    *promises: Promise,
    sources: Sequence[Source] = (),
    items: Mapping[str, ServiceItem] = ITEMS,
    hours: Sequence[HoursEntry] = (),
    units: Sequence[Unit] = (),
    fingerprint: str = "1",
) -> Plan:
    """A plan of these promises. `units`: beside, or in the place of, those that every plan here has."""
    return Plan(
        head=PlanHead(
            id="small",
            title=TITLE,
            issued=date(2021, 8, 20),
            timezone="Asia/Shanghai",
            calendar="cn",
            text="plan.txt",
            version="1",
            collections=(Collection(id="catalogue", title=TITLE),),
            duties={"report": TITLE},
            figures={"records": TITLE, "collected": TITLE},
            reasons=(*PERMIT_REASONS, "weather"),
        ),
        promises=promises,
        units={name: Unit(id=name, title=TITLE) for name in ("works", "seals", "planning")}
        | {unit.id: unit for unit in units},
        service_items=dict(items),
        sources={source.id: source for source in sources},
        hours=tuple(hours),
        fingerprint=fingerprint,
    )


def judge_of(*promises: Promise, calendar: WorkingCalendar = CN, **given: Any) -> Judge:
    """The judge of a plan of these promises; making one takes a while, so it is made once."""
    if calendar is CN and not given:
        return _judge(tuple(promise.model_dump_json() for promise in promises))
    return Judge(plan(*promises, **given), calendar)


@lru_cache(maxsize=64)
def _judge(promises: tuple[str, ...]) -> Judge:
    return Judge(plan(*(ANY_PROMISE.validate_json(text) for text in promises)), CN)


# ---- questions -------------------------------------------------------------------------------------------
def in_order(facts: Iterable[Fact]) -> list[Fact]:
    return sorted(facts, key=contract_order)


def judgements(judge: Judge, facts: Iterable[Fact], now: str | Instant, kpi: str = "P") -> list[Judgement]:
    """What one promise says of a case."""
    opinion = judge.judge(in_order(facts), at(now) if isinstance(now, str) else now)
    return [each for each in opinion.judgements if each.kpi == kpi]


def judgement(judge: Judge, facts: Iterable[Fact], now: str | Instant, kpi: str = "P") -> Judgement:
    """The one judgement of a promise on a case."""
    (found,) = judgements(judge, facts, now, kpi)
    return found


def outcome(judge: Judge, facts: Iterable[Fact], now: str | Instant, kpi: str = "P") -> Outcome | None:
    """The outcome of a case under a promise; None if the promise has nothing to say of it."""
    found = judgements(judge, facts, now, kpi)
    return found[-1].outcome if found else None


def due_of(judge: Judge, *facts: Fact, now: str = "2030-01-01", kpi: str = "P") -> Instant | None:
    """Until when a case has time."""
    return judgement(judge, facts, now, kpi).due


def card_list(judge: Judge, facts: Iterable[Fact], now: str) -> list[CardState]:
    """The cards of a case."""
    return cards(judge, in_order(facts), at(now))


def standing(judge: Judge, facts: Iterable[Fact], now: str) -> list[tuple[str, str]]:
    """(kpi, level) of the cards that stand."""
    return [(card.kpi, card.level) for card in card_list(judge, facts, now) if card.cleared_at is None]


def folded(judge: Judge, *facts: Fact) -> list[Case]:
    """The cycles of a case."""
    return judge.cases(in_order(facts))


def tallies_of(judge: Judge, subjects: Iterable[Iterable[Fact]], now: Instant) -> dict[TallyKey, Tally]:
    """Every subject judged once: what they add up to."""
    tallies: dict[TallyKey, Tally] = {}
    for facts in subjects:
        for each in judge.judge(in_order(facts), now).judgements:
            if each.cells:
                contribution = each.contribution()
                tallies.setdefault(contribution.key, Tally()).add(contribution.cells, contribution.bin, 1)
    return {key: tally for key, tally in tallies.items() if not tally.empty}


def rows(
    judge: Judge,
    subjects: Iterable[Iterable[Fact]],
    as_of: str,
    *,
    last_reports: Mapping[str, str] | None = None,
) -> dict[tuple[str, str, str, str, str], ValueRow]:
    """The value rows by (kpi, unit, item, variant, window); `last_reports`: when each source last reported."""
    tallies = tallies_of(judge, subjects, at(as_of) - 1)
    last_events = {source: at(time) for source, time in (last_reports or {}).items()}
    found = Valuer(judge).rows(tallies, at(as_of), last_events)
    return {(row.kpi, row.unit, row.item, row.variant, row.window): row for row in found}


def row(
    judge: Judge,
    subjects: Iterable[Iterable[Fact]],
    as_of: str,
    *,
    kpi: str = "P",
    unit: str = "ALL",
    item: str = "-",
    variant: str = "official",
    window: str = "all",
    last_reports: Mapping[str, str] | None = None,
) -> ValueRow:
    """One value row."""
    return rows(judge, subjects, as_of, last_reports=last_reports)[kpi, unit, item, variant, window]
