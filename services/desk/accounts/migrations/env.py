"""Alembic runs this file for each migration; `services/desk/accounts/database.py` gives it the connection."""

from alembic import context

context.configure(
    connection=context.config.attributes["connection"], version_table="desk_version", transactional_ddl=True
)
with context.begin_transaction():
    context.run_migrations()
