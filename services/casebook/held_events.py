"""The events of cases as the database gives them: of each case no more than a case can hold.

A source that repeats itself under new ids may have reported any number of events about one case. A case keeps those
that arrived first, at most one for each unit of its size, so that no more are read, whatever lies behind them.
"""

from typing import Any

from sqlalchemy import ColumnElement, Select, func, select

from services.casebook import schema
from services.domain.history.capacity import LARGEST_CASE


def held_events(*wanted: ColumnElement[bool]) -> Select[Any]:
    """The rows of `events` that fulfil the conditions, case by case, each in order of arrival, and one more where a
    case is full."""
    order = ("received", "time", "place", "source", "id")
    columns = schema.events.c
    place = func.row_number().over(partition_by=columns.case_key, order_by=[columns[name] for name in order])
    numbered = select(schema.events, place.label("number")).where(*wanted).subquery()
    held = numbered.c
    return select(numbered).where(held.number <= LARGEST_CASE + 1).order_by(held.case_key, held.number)
