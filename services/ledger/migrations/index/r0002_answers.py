"""Two records may answer the same request, where another than the keeper has written one: the index has both."""

from alembic import op

revision = "index_0002"
down_revision = "index_0001"


def upgrade() -> None:
    """A record that the index lacks would stop the keeper for ever."""
    op.drop_index("ledger_records_answers", "ledger_records")
    op.create_index("ledger_records_answers", "ledger_records", ["answers"])
