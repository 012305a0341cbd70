"""The amounts of a promise: everything of it that a slip of the keyboard could move by one."""

from collections.abc import Iterator
from datetime import date, timedelta
from decimal import Decimal
from typing import Any, NamedTuple

from services.domain.plan.plan import Objective, Promise
from services.domain.time.limits import Limit

POINT = Decimal("0.01")


class Amount(NamedTuple):
    """One amount as the entry says it: shares in points, dates as they are written."""

    what: str
    amount: str
    unit: str


def amounts(promise: Promise, issued: date) -> list[Amount]:
    """Every amount that decides. What is left at its default is none, nor is a start on the day of the plan's issue."""
    return [_written(what, value) for what, value in _values(promise) if (what, value) != ("effective_from", issued)]


def nearby(promise: Promise) -> Iterator[tuple[str, Promise]]:
    """The promise with one of its amounts one unit more or less, one after the other, each with a name."""
    for what, value in _values(promise):
        for step in (-1, 1):
            moved = _moved(value, step)
            if moved is not None:
                yield f"{what}{step:+}", _with(promise, what, moved)


def _values(promise: Promise) -> Iterator[tuple[str, Any]]:
    for name in ("limit", "bound", "objective"):
        value = getattr(promise, name, None)
        if isinstance(value, Limit | Objective):
            yield name, value
            if isinstance(value, Objective) and value.quota is not None:
                yield f"{name}.quota", value.quota
    for name in ("matures_at", "by", "effective_from", "effective_to"):
        value = getattr(promise, name, None)
        if isinstance(value, Limit | date):
            yield name, value
    for name in ("tolerance", "minimum_n", "yellow_share", "unmeasured_tolerance"):
        field = type(promise).model_fields.get(name)
        if field is not None and getattr(promise, name) != field.default:
            yield name, getattr(promise, name)


def _written(what: str, value: Any) -> Amount:
    match value:
        case Limit():
            return Amount(what, str(value.amount), value.unit)
        case Objective(unit="share"):
            return Amount(what, f"{value.relation} {_plain(value.amount * 100)}", "%")
        case Objective():
            return Amount(what, f"{value.relation} {_plain(value.amount)}", value.unit)
        case date():
            return Amount(what, value.isoformat(), "day")
        case Decimal() if what == "tolerance":
            return Amount(what, _plain(value * 100), "%")
        case Decimal():
            return Amount(what, _plain(value), "")
    return Amount(what, str(value), "")


def _plain(amount: Decimal) -> str:
    return f"{amount.normalize():f}"


def _moved(value: Any, step: int) -> Any:
    """One unit, one day or one point more or less; None where there is no less."""
    match value:
        case Limit():
            return Limit(amount=value.amount + step, unit=value.unit) if value.amount + step >= 0 else None
        case Objective():
            one = POINT if value.unit == "share" else Decimal(1).scaleb(value.amount.as_tuple().exponent)  # type: ignore[arg-type]  # finite
            return value.model_copy(update={"amount": value.amount + step * one})
        case date():
            return value + timedelta(days=step)
        case Decimal():
            return value + step * (POINT if value < 1 else 1)
        case float():
            return value + step * 0.01
    return value + step


def _with(promise: Promise, what: str, value: Any) -> Promise:
    name, _, part = what.partition(".")
    if part:
        value = getattr(promise, name).model_copy(update={part: value})
    return promise.model_copy(update={name: value})
