"""Texts that people wrote, each with its salt."""

import sqlalchemy as sa
from alembic import op

revision = "texts_0001"
down_revision = None

_text = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")


def upgrade() -> None:
    """From nothing."""
    op.create_table(
        "ledger_texts",
        sa.Column("hash", _text, primary_key=True),
        sa.Column("salt", sa.LargeBinary(16)),
        sa.Column("text", sa.Text),
        sa.Column("unit", _text, nullable=False),
        sqlite_with_rowid=False,
    )
