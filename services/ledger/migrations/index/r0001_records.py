"""Records, what only one record has, the latest record about each miss, and how far the topics are read."""

import sqlalchemy as sa
from alembic import op

revision = "index_0001"
down_revision = None

_text = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")


def upgrade() -> None:
    """From nothing."""
    op.create_table(
        "ledger_records",
        sa.Column("number", sa.BigInteger, primary_key=True, autoincrement=False),
        sa.Column("answers", _text, nullable=False),
        sa.Column("kind", _text, nullable=False),
        sa.Column("subject", _text, nullable=False),
        sa.Column("unit", _text, nullable=False),
        sa.Column("time", _text, nullable=False),
        sa.Column("written_at", _text, nullable=False),
        sa.Column("hash", sa.LargeBinary(32), nullable=False),
        sa.Column("value", sa.LargeBinary, nullable=False),
    )
    op.create_index("ledger_records_answers", "ledger_records", ["answers"], unique=True)
    op.create_index("ledger_records_subject", "ledger_records", ["subject", "number"])
    op.create_index("ledger_records_kind", "ledger_records", ["kind", "number"])
    op.create_index("ledger_records_unit", "ledger_records", ["unit", "number"])
    op.create_table(
        "ledger_claims",
        sa.Column("claim", _text, primary_key=True),
        sa.Column("number", sa.BigInteger, nullable=False),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "ledger_verdicts",
        sa.Column("subject", _text, primary_key=True),
        sa.Column("number", sa.BigInteger, nullable=False),
        sa.Column("kind", _text, nullable=False),
        sa.Column("unit", _text, nullable=False),
        sa.Column("due_at", _text, nullable=False),
        sa.Column("source", _text, nullable=False),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "ledger_positions",
        sa.Column("topic", _text, primary_key=True),
        sa.Column("next_offset", sa.BigInteger, nullable=False),
        sa.Column("topic_id", _text, nullable=False),
        sqlite_with_rowid=False,
    )
