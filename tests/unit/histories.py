"""Random histories of all event types, for properties: sensible often enough, and strange often enough."""

from datetime import date
from typing import Any

from hypothesis import strategies as st

from services.domain.history.fact_set import insert
from services.domain.intake.facts import CASE_TYPES, Fact, FactType, digest_of
from services.domain.judging.judge import Judge
from services.domain.time.zone import MINUTE_US, Instant
from tests.unit.cases import OPERATIONS, SEALS, WATER, at, judge_of, promise

BEGIN = at("2021-09-10")
END = at("2021-12-01")
HOUR_US = 60 * MINUTE_US
ITEMS = ("water", "permit", "registration", "power")
UNITS = ("works", "seals")
REASONS = ("hearing", "testing", "weather")
KPIS = ("P", "SOFT", "SHARE", "FEE", "ORDER", "MINUTES", "STATUTE", "REPORT", "DUE", "NEXT", "RECORDS", "LEDGER")
LIMITS = ({"amount": 3, "unit": "working_days"}, {"amount": 5, "unit": "calendar_days"})
NODE_LIMITS = ({"amount": 2, "unit": "working_days"}, {"amount": 30, "unit": "working_minutes"})


def judge() -> Judge:
    """A plan with a promise of every kind."""
    everything: dict[str, Any] = {"select": {"service_item": ITEMS}}
    stops = {"clock_stops": ("hearing", "testing")}
    return judge_of(
        promise(**stops),
        promise(id="SOFT", strength="soft", limit="2 working_days", **everything),
        promise(id="FAR", strength="aspirational", limit="5 calendar_days", start="applied", **everything, **stops),
        promise(id="MINUTES", limit="90 working_minutes", select={}, **stops),
        promise(id="DUE", limit="due_at", ends="instant", **everything),
        promise(id="STEP", stop="milestone:a", **everything, **stops),
        promise(
            id="STATUTE", limit="statutory_limit", extension_moves_limit=True, select={"service_item": "permit"},
            **stops,
        ),
        promise(id="MEAN", kind="case_mean", measure="working_days", objective="<= 3 working_days",
                **everything, **stops),
        promise(id="ELAPSED", kind="case_mean", measure="elapsed_days", **everything, **stops),
        promise(id="VISITS", kind="case_mean", measure="quantity:visits", objective="<= 0.3 visits", **everything),
        *(
            promise(id="LESS", variant=variant, kind="mean_reduction", objective=">= 80 %", **everything, **stops)
            for variant in ("official", "cases", "ratio_of_sums")
        ),
        promise(
            id="SHARE", kind="case_share", where={"stopped": True}, stop="milestone:b", matures_at="3 working_days",
            objective=">= 95 %", **everything,
        ),
        promise(id="ONLINE", kind="trend", strength="directional", measure="share", direction="rising",
                where={"online": True}, known=("channel",), matures_at="completion", **everything),
        promise(id="FEE", kind="case_bound", counts=("quantity:fee",), bound="<= 0 CNY", matures_at="completion",
                **everything),
        promise(id="ORDER", kind="case_bound", counts=("order:a<b",), bound="<= 0 count", matures_at="completion",
                **everything),
        promise(id="PART", kind="case_bound", counts=("ratio:fee/visits",), bound=">= 30 %",
                matures_at="5 working_days", **everything),
        promise(id="ONCE", kind="case_bound", strength="soft", counts=("milestone:a", "milestone:b"),
                bound="= 1 count", matures_at="3 calendar_days", **everything),
        promise(id="PAID", kind="case_bound", counts=("quantity:fee",), bound="<= 0 CNY", matures_at="3 calendar_days",
                unless={"reached": ("a",), "extended": False}, **everything),
        promise(id="INSIDE", limit="3 working_days", runs_in=("survey",), unless={"channel": "online"}, **everything,
                **stops),
        promise(id="STEPS", kind="case_share", where={"stopped": True, "reached": ("a",)},
                stop=("milestone:a", "milestone:b"), matures_at="completion", objective=">= 95 %", **everything),
        *(
            promise(id=name, kind="trend", strength="directional", measure=measure, direction="rising", **everything)
            for name, measure in (("RATED", "rating"), ("SUMS", "ratio:fee/visits"), ("MANY", "count"))
        ),
        promise(id="NODES", kind="node_duration", strength="directional", **everything),
        promise(id="ENTRIES", kind="catalogue", select={}, where={"online": True}, collection="catalogue",
                statistic="share", objective=">= 80 %", windows=("now",), official_window="now"),
        promise(id="REPORT", kind="duty", select={}, duty="report", period="month", owed_by=UNITS),
        promise(id="LEDGER", kind="duty", select={}, duty="report", period="once", by=date(2021, 10, 15),
                owed_by=UNITS),
        promise(id="RECORDS", kind="figure", select={}, numerator="records", denominator="records", period="month",
                statistic="share", owed_by=UNITS, objective=">= 80 %"),
        promise(id="LISTED", kind="catalogue", select={}, where={"online": True}, collection="catalogue",
                statistic="count", listed=("a", "b"), objective="1..2 items", by=date(2021, 11, 1), windows=("now",),
                official_window="now"),
        promise(id="SYNC", kind="catalogue", select={}, collection="catalogue", statistic="in_sync", master="a",
                copies=("b",), objective=">= 50 %", windows=("now",), official_window="now"),
        promise(id="NEXT", limit="5 working_days", effective_to=date(2021, 9, 30)),
        promise(id="NEXT", limit="1 working_days", effective_from=date(2021, 10, 1)),
    )  # fmt: skip


def _data(draw: st.DrawFn, rank: FactType) -> dict[str, Any]:
    def one(*values: Any) -> Any:
        return draw(st.sampled_from(values))

    match rank:
        case FactType.CASE_APPLIED | FactType.CASE_ACCEPTED:
            data = {"service_item": one(*ITEMS), "unit": one(*UNITS), "channel": one("online", "counter", "unknown")}
            if one(True, False):
                data["due_at"] = draw(instants())
            return data
        case FactType.CASE_SUPPLEMENT_REQUESTED | FactType.CASE_REFUSED | FactType.CASE_WITHDRAWN:
            return {}
        case FactType.CASE_RECLASSIFIED:
            return {"service_item": one(*ITEMS)}
        case FactType.CASE_MILESTONE:
            return {"name": one("a", "b", "c"), "unit": one(*UNITS)}
        case FactType.CASE_NODE_STARTED | FactType.CASE_NODE_ENDED:
            node: dict[str, Any] = {"node": one("survey", "works"), "unit": one(*UNITS)}
            return node | (
                {"limit": one(*NODE_LIMITS)} if rank is FactType.CASE_NODE_STARTED and one(True, False) else {}
            )
        case FactType.CASE_SUSPENDED | FactType.CASE_RESUMED:
            return {"reason": one(*REASONS), "unit": one(*UNITS)}
        case FactType.CASE_EXTENDED:
            return {"limit": one(*LIMITS)}
        case FactType.CASE_MEASURED:
            return {"quantity": one("fee", "visits", "pages"), "value": one(-1, 0, 1, 2.5)}
        case FactType.CASE_COMPLETED:
            channel = {"channel": one("online", "counter")} if one(True, False) else {}
            return channel | ({"outcome": one("granted", "refused", "terminated")} if one(True, False) else {})
        case FactType.CASE_REOPENED:
            return {"reason": one("completion_void", "new_request")}
        case FactType.CASE_RATED:
            return {"score": one(1, 5)}
        case FactType.CASE_JUSTIFIED:
            return {"kpi": one(*KPIS), "decision": one("requested", "accepted", "rejected"), **_decided(draw)}
        case FactType.CASE_CONFIRMED:
            return {"kpi": one(*KPIS), "decision": one("accepted", "rejected"), **_decided(draw)}
        case FactType.ITEM_UPSERTED | FactType.ITEM_RETIRED:
            return {
                "collection": "catalogue",
                "unit": one(*UNITS),
                "attributes": {
                    "online": one(True, False),
                    "code": one("a", "b", "c"),
                    "platform": one("a", "b"),
                    "version": one(1, 2),
                },
            }
        case FactType.DUTY_FULFILLED:
            return {"duty": "report", "unit": one(*UNITS), "period": one("2021-09", "2021-10")}
        case FactType.FIGURE_REPORTED:
            part, whole = one((0, 0), (0, 10), (7, 10), (8, 10))
            period = one("2021-09", "2021-10")
            return {
                "quantity": "records",
                "unit": one(*UNITS),
                "period": period,
                "numerator": part,
                "denominator": whole,
            }
        case _:
            return {}


def _decided(draw: st.DrawFn) -> dict[str, Any]:
    """What a decision is about, and what was seen; nothing of it in decisions of old."""
    period = st.fixed_dictionaries(
        {"unit": st.sampled_from(UNITS), "period": st.sampled_from(("2021-09", "2021-10")), "through": instants()}
    )
    cycle = st.fixed_dictionaries({"cycle": st.integers(1, 3), "through": instants()})
    return draw(st.one_of(st.just({}), cycle, period))


OF_CASES = [FactType(code) for code in sorted(CASE_TYPES)]
_COMMON = [
    FactType.CASE_ACCEPTED,
    FactType.CASE_COMPLETED,
    FactType.CASE_SUSPENDED,
    FactType.CASE_RESUMED,
    FactType.CASE_MILESTONE,
    FactType.CASE_NODE_STARTED,
]
_OF_OPERATIONS = (FactType.CASE_EXTENDED, FactType.CASE_JUSTIFIED, FactType.CASE_CONFIRMED)


def instants() -> st.SearchStrategy[Instant]:
    """Hours, so that things coincide; and first and last microseconds of days, where limits end."""
    hours = st.integers(0, 40 * 24).map(lambda hour: BEGIN + hour * HOUR_US)
    borders = st.tuples(st.integers(0, 40), st.sampled_from((0, -1))).map(lambda d: BEGIN + d[0] * 24 * HOUR_US + d[1])
    return hours | borders


@st.composite
def fact(draw: st.DrawFn, identity: str, ranks: st.SearchStrategy[FactType], earlier: list[str]) -> Fact:
    """One event, reported at once or up to weeks later. A few ids are used twice, with the same or other content."""
    rank = draw(ranks)
    if earlier and draw(st.integers(0, 9)) == 0:
        rank = FactType.CORRECTION
    time = draw(instants())
    received = time + draw(st.sampled_from((0, 0, 0, 1, HOUR_US, 30 * HOUR_US, 300 * HOUR_US)))
    source = draw(st.sampled_from((WATER, WATER, SEALS)))
    if rank in _OF_OPERATIONS:
        source = OPERATIONS
        identity = draw(st.sampled_from((identity, identity, identity.replace("e", "ledger-1"))))
    if rank is FactType.CORRECTION:
        of = draw(st.sampled_from(earlier))
        replaced = draw(ranks)
        event = {"type": replaced.event_type, "time": draw(instants()), "recorded": None, "data": _data(draw, replaced)}
        data: dict[str, Any] = {"of": of, "event": draw(st.sampled_from((None, event)))}
        received = max(received, (event["time"] if data["event"] else 0))  # type: ignore[call-overload]
    else:
        data = _data(draw, rank)
    digest = digest_of(repr((rank, time, data)).encode())
    return Fact(time, int(rank), source, identity, received, digest, data, None)


@st.composite
def events(draw: st.DrawFn, ranks: st.SearchStrategy[FactType] | None = None) -> list[Fact]:
    """Events of one subject, in no order."""
    kinds = ranks if ranks is not None else st.sampled_from([*_COMMON, *_COMMON, *OF_CASES])
    found: list[Fact] = []
    for number in range(draw(st.integers(1, 8))):
        again = found and draw(st.integers(0, 11)) == 0
        identity = draw(st.sampled_from(found)).id if again else f"e{number}"
        found.append(draw(fact(identity, kinds, [each.id for each in found])))
    return found


def facts() -> st.SearchStrategy[list[Fact]]:
    """The set of facts of one subject, in contract order."""
    return any_subject().map(lambda found: settled(found))


def any_subject() -> st.SearchStrategy[list[Fact]]:
    """Mostly cases; sometimes an entry of a catalogue, a duty or a reported figure."""
    entries = st.sampled_from(
        [FactType.ITEM_UPSERTED, FactType.ITEM_UPSERTED, FactType.ITEM_RETIRED, FactType.CASE_CONFIRMED]
    )
    duties = st.sampled_from([FactType.DUTY_FULFILLED, FactType.DUTY_FULFILLED, FactType.CASE_CONFIRMED])
    figures = st.sampled_from([FactType.FIGURE_REPORTED, FactType.FIGURE_REPORTED, FactType.CASE_CONFIRMED])
    return st.one_of(events(), events(), events(), events(entries), events(duties), events(figures))


def settled(given: list[Fact]) -> list[Fact]:
    """What a key keeps of events."""
    kept: list[Fact] = []
    for each in given:
        kept = insert(kept, each).facts
    return kept


@st.composite
def feeds(draw: st.DrawFn, subjects: int) -> list[tuple[bytes, Fact]]:
    """Events of several subjects, with their keys."""
    return [(f"{WATER}\x1fS-{number}".encode(), each) for number in range(subjects) for each in draw(any_subject())]
