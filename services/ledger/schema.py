"""The tables of the index and of the texts. A change of one needs a migration (`services/ledger/migrations`).

A text that is compared or sorted is compared by its code points in both databases.
"""

from sqlalchemy import BigInteger, Column, Index, LargeBinary, MetaData, Table, Text

_text = Text().with_variant(Text(collation="C"), "postgresql")
index = MetaData()
texts_metadata = MetaData()

records = Table(
    "ledger_records",
    index,
    Column("number", BigInteger, primary_key=True, autoincrement=False),
    Column("answers", _text, nullable=False),  # id of the request that the record answers
    Column("kind", _text, nullable=False),
    Column("subject", _text, nullable=False),
    Column("unit", _text, nullable=False),
    Column("time", _text, nullable=False),
    Column("written_at", _text, nullable=False),
    Column("hash", LargeBinary(32), nullable=False),
    Column("value", LargeBinary, nullable=False),  # its canonical bytes
)
Index("ledger_records_answers", records.c.answers)  # not unique: the ledger is as it is, whoever has written it
Index("ledger_records_subject", records.c.subject, records.c.number)
Index("ledger_records_kind", records.c.kind, records.c.number)
Index("ledger_records_unit", records.c.unit, records.c.number)

claims = Table(
    "ledger_claims",
    index,
    Column("claim", _text, primary_key=True),
    Column("number", BigInteger, nullable=False),
    sqlite_with_rowid=False,
)
verdicts = Table(
    "ledger_verdicts",
    index,
    Column("subject", _text, primary_key=True),
    Column("number", BigInteger, nullable=False),
    Column("kind", _text, nullable=False),
    Column("unit", _text, nullable=False),
    Column("due_at", _text, nullable=False),
    Column("source", _text, nullable=False),
    sqlite_with_rowid=False,
)
"""Of each subject the latest record about its miss."""
positions = Table(
    "ledger_positions",
    index,
    Column("topic", _text, primary_key=True),
    Column("next_offset", BigInteger, nullable=False),
    Column("topic_id", _text, nullable=False),
    sqlite_with_rowid=False,
)

texts = Table(
    "ledger_texts",
    texts_metadata,
    Column("hash", _text, primary_key=True),
    Column("salt", LargeBinary(16)),
    Column("text", Text),
    Column("unit", _text, nullable=False),
    sqlite_with_rowid=False,
)
"""Salt and text are null once it is erased."""
