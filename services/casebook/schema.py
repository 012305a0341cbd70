"""The tables of the casebook. Everything in them comes from the topics: another version of them is built again.

A text that is compared or sorted is compared by its code points in both databases, so that a list has one order.
"""

from typing import Final

from sqlalchemy import BigInteger, Column, Index, Integer, LargeBinary, MetaData, SmallInteger, Table, Text

SCHEMA: Final = 4
"""Raise it with every change of a table, of what is written into it, of `case_summary` or `marks`: the index is built
again."""
PREFIX: Final = "casebook_"
"""Of every table: the database may hold others."""

_text = Text().with_variant(Text(collation="C"), "postgresql")
metadata = MetaData()


def _table(name: str, *parts: Column[object] | Index) -> Table:
    return Table(f"{PREFIX}{name}", metadata, *parts, sqlite_with_rowid=False)


state = _table(
    "state",
    Column("id", Integer, primary_key=True),  # always 1
    Column("version", Text, nullable=False),  # of the tables, the plan and the rules: see `version_of`
    Column("ready", SmallInteger, nullable=False),  # 1: it has caught up to the ends of the topics when it started
    Column("complete_at", BigInteger, nullable=False),  # what was in the topics then is in the tables; real time, µs
)
positions = _table(
    "positions",
    Column("topic", _text, primary_key=True),
    Column("partition", Integer, primary_key=True),
    Column("next_offset", BigInteger, nullable=False),
    Column("topic_id", Text, nullable=False),  # empty: there was no such topic when the process started
)
unsettled = _table("unsettled", Column("case_key", _text, primary_key=True))
"""Cases with events that their row in `cases` does not count yet."""

events = _table(
    "events",
    Column("case_key", _text, primary_key=True),
    Column("event", LargeBinary(16), primary_key=True),  # digest of source and id
    Column("source", _text, nullable=False),
    Column("id", _text, nullable=False),
    Column("digest", _text, nullable=False),  # of the payload
    Column("received", BigInteger, nullable=False),
    Column("time", BigInteger, nullable=False),
    Column("place", SmallInteger, nullable=False),  # of its type in the contract's table
    Column("content", LargeBinary, nullable=False),  # [type, data, recorded]
)
"""Admitted events, each once."""
refusals = _table(
    "refusals",
    Column("partition", Integer, primary_key=True),
    Column("offset", BigInteger, primary_key=True),
    Column("case_digest", LargeBinary(16), nullable=False),  # the key itself may be what must not be kept
    Column("source", _text, nullable=False),  # empty: none of the plan's
    Column("reason", Text, nullable=False),
    Column("path", Text, nullable=False),
)
"""Events that were not admitted: reason and place; the event itself is in its dead letter."""
cards = _table(
    "cards",
    Column("name", _text, primary_key=True),  # the key of its record
    Column("case_key", _text, nullable=False),
    Column("kpi", _text, nullable=False),
    Column("cycle", BigInteger, nullable=False),
    Column("node", _text, nullable=False),
    Column("level", _text, nullable=False),
    Column("unit", _text, nullable=False),
    Column("raised_at", Text, nullable=False),
    Column("due_at", Text, nullable=False),
    Column("cleared_at", Text, nullable=False),
    Column("reason", Text, nullable=False),
)
verdicts = _table(
    "verdicts",
    Column("name", _text, primary_key=True),  # the key of its record
    Column("case_key", _text, nullable=False),
    Column("kpi", _text, nullable=False),
    Column("cycle", BigInteger, nullable=False),
    Column("unit", _text, nullable=False),
    Column("item", _text, nullable=False),
    Column("verdict", _text, nullable=False),
    Column("started_at", Text, nullable=False),
    Column("due_at", Text, nullable=False),
    Column("stopped_at", Text, nullable=False),
    Column("judged_at", Text, nullable=False),
)
cases = _table(
    "cases",
    Column("case_key", _text, primary_key=True),
    Column("owner", _text, nullable=False),
    Column("subject", _text, nullable=False),
    Column("state", Text, nullable=False),
    Column("unit", _text, nullable=False),
    Column("holder", _text, nullable=False),
    Column("service_item", _text, nullable=False),
    Column("cycles", Integer, nullable=False),
    Column("filed_at", BigInteger),
    Column("closed_at", BigInteger),
    Column("events", Integer, nullable=False),
    Column("first_arrival", BigInteger, nullable=False),
    Column("last_arrival", BigInteger, nullable=False),
)
reporters = _table(
    "reporters",
    Column("case_key", _text, primary_key=True),
    Column("source", _text, primary_key=True),
)
"""The sources that report on a case of another owner."""
parties = _table(
    "parties",
    Column("unit", _text, primary_key=True),
    Column("case_key", _text, primary_key=True),
    Column("until", BigInteger),  # null: it accepted the case, or holds it
    Column("filed_at", BigInteger),
    Column("service_item", _text, nullable=False),
    Column("accepted_by", _text, nullable=False),
)
"""The units that accepted a case or held a node of it; of one that has passed it on, when its last node ended, and what
was known of the case at the end of that day: it finds and sees the case by that."""
marks = _table(
    "marks",
    Column("case_key", _text, primary_key=True),
    Column("place", Integer, primary_key=True),
    Column("mark", _text, nullable=False),
    Column("kpi", _text, nullable=False),
    Column("unit", _text, nullable=False),
    Column("item", _text, nullable=False),
    Column("day", Integer, nullable=False),
    Column("party", _text, nullable=False),
    Column("cycle", BigInteger, nullable=False),
)
"""What makes cases count in the numbers beside the figures (`marks.py`)."""
revisits = _table(
    "revisits",
    Column("case_key", _text, primary_key=True),
    Column("at", BigInteger, nullable=False),
)
"""Cases whose marks time alone changes → when, on the plan's clock."""
arrivals = _table(
    "arrivals",
    Column("source", _text, primary_key=True),
    Column("last_arrival", BigInteger, nullable=False),
)
"""Sources of the plan → when their last admitted event arrived, heartbeats included."""

Index(f"{PREFIX}refusals_of_case", refusals.c.case_digest)
Index(f"{PREFIX}cards_of_case", cards.c.case_key)
Index(f"{PREFIX}cards_of_promise", cards.c.kpi, cards.c.case_key)
Index(f"{PREFIX}cards_active", cards.c.cleared_at, cards.c.level, cards.c.case_key)
Index(f"{PREFIX}verdicts_of_case", verdicts.c.case_key)
Index(f"{PREFIX}verdicts_of_promise", verdicts.c.kpi, verdicts.c.case_key)
Index(f"{PREFIX}cases_of_subject", cases.c.subject, cases.c.case_key)
Index(f"{PREFIX}cases_of_item", cases.c.service_item, cases.c.case_key)
Index(f"{PREFIX}parties_of_case", parties.c.case_key)
Index(f"{PREFIX}marks_listed", *(marks.c[name] for name in ("mark", "kpi", "day", "case_key", "place")))
Index(f"{PREFIX}marks_of_unit", *(marks.c[name] for name in ("mark", "kpi", "unit", "day", "case_key", "place")))
Index(f"{PREFIX}revisits_due", revisits.c.at)
Index(f"{PREFIX}refusals_of_source", refusals.c.source)
Index(f"{PREFIX}cases_of_reporter", reporters.c.source, reporters.c.case_key)
