"""The tables of the desk's own database. A change of one needs a migration (`migrations/versions`).

Times are real ones, in microseconds since 1970 UTC, also under a simulated clock. Of a password, a code, a token there
is only a hash.
"""

from sqlalchemy import BigInteger, Boolean, Column, Index, Integer, MetaData, Table, Text

metadata = MetaData()

accounts = Table(
    "desk_accounts",
    metadata,
    Column("name", Text, primary_key=True),
    Column("role", Text, nullable=False),
    Column("unit", Text, nullable=False),
    Column("language", Text, nullable=False),
    Column("password", Text, nullable=False),  # of Argon2; empty: there is none
    Column("code", Text, nullable=False),  # hash of the one-time code; empty: there is none
    Column("code_until", BigInteger, nullable=False),
    Column("factor", Text, nullable=False),  # the secret of TOTP; empty: there is none
    Column("factor_step", BigInteger, nullable=False),  # the last period whose code was taken
    Column("disabled", Boolean, nullable=False),
    Column("made_at", BigInteger, nullable=False),
)
sessions = Table(
    "desk_sessions",
    metadata,
    Column("id", Text, primary_key=True),  # hash of the token
    Column("account", Text, nullable=False),
    Column("begun_at", BigInteger, nullable=False),
    Column("seen_at", BigInteger, nullable=False),
    Column("address", Text, nullable=False),
    Column("said", Text, nullable=False),  # a sentence for the next page, as JSON; empty: there is none
)
Index("desk_sessions_account", sessions.c.account)

browsers = Table(
    "desk_browsers",
    metadata,
    Column("id", Text, primary_key=True),  # hash of the token
    Column("account", Text, nullable=False),
    Column("until", BigInteger, nullable=False),
)
"""Browsers from which somebody signed in before: strangers do not slow them down."""
attempts = Table(
    "desk_attempts",
    metadata,
    Column("key", Text, primary_key=True),  # hash
    Column("failures", Integer, nullable=False),
    Column("last_at", BigInteger, nullable=False),
)
log = Table(
    "desk_log",
    metadata,
    Column("number", BigInteger().with_variant(Integer, "sqlite"), primary_key=True, autoincrement=True),
    Column("at", BigInteger, nullable=False),
    Column("kind", Text, nullable=False),
    Column("account", Text, nullable=False),
    Column("subject", Text, nullable=False),
    Column("address", Text, nullable=False),
)
Index("desk_log_at", log.c.at)
digests = Table(
    "desk_digests",
    metadata,
    Column("day", Text, primary_key=True),
    Column("entries", Integer, nullable=False),
    Column("sha256", Text, nullable=False),
)
"""Days whose views the ledger has a digest of."""
