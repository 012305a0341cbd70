"""Events that must be refused: those that are wrong by themselves, and those that only their case makes wrong."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from random import Random

from services.simulator.stories.case_history import CaseHistory
from services.simulator.stories.event import SECOND
from services.simulator.stories.timing import HOUR_US


# ---- wrong by themselves -----------------------------------------------------------------------------
@dataclass(frozen=True)
class Draft:
    """A valid event, as text: each reason spoils one thing of it."""

    id: str
    source: str
    item: str
    unit: str
    at: str
    """When it arrives, as RFC 3339."""
    later: str
    """An hour after that."""
    type: str = "case.accepted"
    time: str = ""
    """Empty: when it arrives."""
    data: str = ""
    """Empty: the data of an acceptance."""

    @property
    def acceptance(self) -> str:
        """The data of an acceptance."""
        return f'"service_item":"{self.item}","unit":"{self.unit}","channel":"online"'

    def line(self) -> bytes:
        """The event as one line of JSON, without line end."""
        return (
            f'{{"specversion":"1.0","id":"{self.id}","source":"{self.source}","type":"{self.type}"'
            f',"subject":"X{self.id}","time":"{self.time or self.at}","recordedat":"{self.at}"'
            f',"receivedat":"{self.at}","datacontenttype":"application/json"'
            f',"data":{{{self.data or self.acceptance}}}}}'
        ).encode()


def _with_data(old: str, new: str) -> Callable[[Draft], Draft]:
    """One text in the data replaced; `{item}` and `{unit}` stand for those of the draft."""

    def spoil(draft: Draft) -> Draft:
        wanted = old.format(item=draft.item, unit=draft.unit)
        return replace(draft, data=draft.acceptance.replace(wanted, new))

    return spoil


def _of_type(type: str, data: str) -> Callable[[Draft], Draft]:
    return lambda draft: replace(draft, type=type, data=data)


_SPOILED: Mapping[str, Callable[[Draft], Draft]] = {
    "unknown_type": lambda draft: replace(draft, type="case.vanished"),
    "unknown_field": lambda draft: replace(draft, data=f'{draft.acceptance},"colour":"blue"'),
    "invalid_value": _with_data('"online"', '"pigeon"'),
    "naive_time": lambda draft: replace(draft, time=draft.at[:19]),
    "from_the_future": lambda draft: replace(draft, time=draft.later),
    "unknown_source": lambda draft: replace(draft, source="/units/nowhere"),
    "unknown_unit": _with_data('"{unit}"', '"nowhere"'),
    "unknown_service_item": _with_data('"{item}"', '"service.of_nobody"'),
    "not_entitled": _of_type("case.confirmed", '"kpi":"K06-1","decision":"accepted"'),
    "personal_data": _of_type("case.withdrawn", '"reason":"call 13800138000"'),
    "too_large": _of_type("case.withdrawn", f'"reason":"{"x" * 70_000}"'),
}

REASONS = ("malformed", *_SPOILED)
"""The reasons for which an event alone can be refused. `id_conflict` and `bad_correction` need a case, `wrong_key` a
topic (the feed sends one), `source_mismatch` a gateway."""


def rejected_event(reason: str, draft: Draft) -> bytes:
    """One event that must be refused for this reason and no other, as one line of JSON."""
    if reason == "malformed":
        return f'{{"specversion":"1.0","id":"{draft.id}","source":"{draft.source}","type":"case.acc'.encode()
    return _SPOILED[reason](draft).line()


def reasons_of_day(rate: float, rng: Random, *, first: bool) -> Iterator[str]:
    """The reasons for which events are refused on a day: each once on the first day, then by the rate."""
    for reason in REASONS:
        if first or rng.random() < rate:
            yield reason


# ---- wrong because of their case ---------------------------------------------------------------------
def contradict(case: CaseHistory) -> None:
    """Two ratings under one id, of different seconds: one of them is refused, whichever it is."""
    if any(event.type == "case.rated" for event in case.events) or "completed" not in case.points:
        return
    completed = case.points["completed"]
    for n in range(2):
        rating = case.emit("case.rated", completed.time + HOUR_US + n * SECOND, {"score": 4, "rated_by": "applicant"})
        rating.received += n * 60 * SECOND
        rating.id = f"{case.subject}-r"
    case.rejected.append(("id_conflict", rating))


def correct_a_correction(case: CaseHistory) -> None:
    """A correction of a correction: the second one is refused and changes nothing."""
    completed = case.points.get("completed")
    if completed is None:
        return
    rating = case.emit("case.rated", completed.time + HOUR_US, {"score": 5, "rated_by": "applicant"})
    rating.id = f"{case.subject}-b"
    for suffix, of in (("b1", rating.id), ("b2", f"{case.subject}-b1")):
        correction = case.emit("correction", completed.time + 2 * HOUR_US, {"of": of, "event": None})
        correction.received = max(correction.received, rating.received + SECOND)
        correction.id = f"{case.subject}-{suffix}"
    case.rejected.append(("bad_correction", correction))
