"""The tables of the desk's index. Everything in them comes from the topics, but `history`: what a promise was on past
days is in no topic any more, so it is kept when the others are built anew.

Each list of the desk has its own SQL index, in the order in which it is shown.
"""

from typing import Final

from sqlalchemy import BigInteger, Column, Float, Index, Integer, LargeBinary, MetaData, SmallInteger, Table, Text

SCHEMA: Final = 2
"""Raise it with every change of a table or of what is written into it: all but `history` is built again."""
PREFIX: Final = "desk_"

metadata = MetaData()


def _table(name: str, *parts: Column[object] | Index) -> Table:
    return Table(f"{PREFIX}{name}", metadata, *parts, sqlite_with_rowid=False)


state = _table(
    "state",
    Column("id", Integer, primary_key=True),  # always 1
    Column("version", Text, nullable=False),
    Column("ready", SmallInteger, nullable=False),
    Column("complete_at", BigInteger, nullable=False),  # what was in the topics then is in the tables; real time, µs
)
positions = _table(
    "positions",
    Column("topic", Text, primary_key=True),
    Column("partition", Integer, primary_key=True),
    Column("next_offset", BigInteger, nullable=False),
    Column("topic_id", Text, nullable=False),
)
rows = _table(
    "rows",
    Column("name", Text, primary_key=True),  # the key of its record
    Column("kpi", Text, nullable=False),
    Column("variant", Text, nullable=False),
    Column("unit", Text, nullable=False),
    Column("item", Text, nullable=False),
    Column("state", Text, nullable=False),
    Column("before", Text, nullable=False),  # the state when the day began
    Column("gap", Float),  # its distance to the target (`budget.distance_of`)
    Column("cells", LargeBinary, nullable=False),  # its value row, as JSON
    Column("computed_at", Text, nullable=False),
    Column("watermark", Text, nullable=False),
)
"""The value rows of each promise in its official window."""
paces = _table(
    "paces",
    Column("name", Text, primary_key=True),  # the key of its record
    Column("kpi", Text, nullable=False),
    Column("unit", Text, nullable=False),
    Column("pace", Float, nullable=False),
)
"""How fast the misses of each promise come in the window that shows the month (`budget.pace_of`)."""
history = _table(
    "history",
    Column("name", Text, primary_key=True),
    Column("day", Integer, primary_key=True),  # ordinal, in the plan's zone
    Column("value", Float),
    Column("state", Text, nullable=False),
)
"""What a row said last on each day."""
cards = _table(
    "cards",
    Column("name", Text, primary_key=True),  # the key of its record
    Column("kpi", Text, nullable=False),
    Column("case", Text, nullable=False),  # owner and subject with a blank between them
    Column("case_key", Text, nullable=False),
    Column("cycle", BigInteger, nullable=False),
    Column("node", Text, nullable=False),
    Column("level", Text, nullable=False),
    Column("unit", Text, nullable=False),
    Column("raised_at", BigInteger, nullable=False),
    Column("due_at", BigInteger, nullable=False),  # DUE_UNKNOWN: while the clock is stopped it is not known
    Column("cleared_at", BigInteger),
    Column("active", SmallInteger, nullable=False),
    Column("reason", Text, nullable=False),
)
"""Instants are µs since 1970 UTC."""
DUE_UNKNOWN: Final = 2**62
"""Behind every due instant, so that such cards come last."""
verdicts = _table(
    "verdicts",
    Column("name", Text, primary_key=True),
    Column("kpi", Text, nullable=False),
    Column("case", Text, nullable=False),
    Column("case_key", Text, nullable=False),
    Column("cycle", BigInteger, nullable=False),
    Column("unit", Text, nullable=False),
    Column("item", Text, nullable=False),
    Column("verdict", Text, nullable=False),
    Column("due_at", Text, nullable=False),
    Column("stopped_at", Text, nullable=False),
    Column("judged_at", BigInteger, nullable=False),
)

Index(f"{PREFIX}rows_of_unit", rows.c.unit, rows.c.kpi)
Index(f"{PREFIX}rows_of_promise", rows.c.kpi, rows.c.unit)
Index(f"{PREFIX}paces_of_promise", paces.c.kpi, paces.c.unit)
Index(f"{PREFIX}cards_by_due", cards.c.active, cards.c.due_at, cards.c.name)
Index(f"{PREFIX}cards_of_unit", cards.c.unit, cards.c.active, cards.c.due_at, cards.c.name)
Index(f"{PREFIX}cards_of_promise", cards.c.kpi, cards.c.active, cards.c.due_at, cards.c.name)
Index(f"{PREFIX}cards_of_level", cards.c.level, cards.c.active, cards.c.due_at, cards.c.name)
Index(f"{PREFIX}cards_of_case", cards.c.case_key)
Index(f"{PREFIX}cards_counted", cards.c.active, cards.c.unit, cards.c.level)
Index(f"{PREFIX}cards_raised", cards.c.raised_at)
Index(f"{PREFIX}verdicts_of_promise", verdicts.c.kpi, verdicts.c.judged_at, verdicts.c.name)
Index(f"{PREFIX}verdicts_of_unit", verdicts.c.kpi, verdicts.c.unit, verdicts.c.judged_at, verdicts.c.name)
Index(f"{PREFIX}verdicts_of_case", verdicts.c.case_key)
