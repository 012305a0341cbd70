"""How often somebody may try to sign in: each failure makes the next attempt wait longer, up to a minute.

What is counted are failures of one account from one address, and of one address with whatever account. A stranger at
another address slows nobody down. A browser that signed in before has a count of its own, and so has a session: not
even somebody behind the same address slows them down. An attempt that has to wait is not looked at and does not count:
nobody can prolong it.
"""

from collections.abc import Sequence
from ipaddress import IPv6Address, ip_address, ip_network
from typing import Any, Final, NamedTuple

from sqlalchemy import Connection, delete, select, update
from sqlalchemy.dialects import postgresql, sqlite

from services.desk.accounts import schema
from services.desk.accounts.credentials import hashed
from services.domain.time.zone import Instant

LONGEST_WAIT: Final = 60
"""Seconds."""
_FORGOTTEN_US: Final = 15 * 60 * 1_000_000
"""So long after the last failure all of them are forgotten."""
_INSERTS: Final[dict[str, Any]] = {"postgresql": postgresql.insert, "sqlite": sqlite.insert}


class Count(NamedTuple):
    """What is counted."""

    key: str
    free: int
    """Failures that cost nothing."""
    shared: bool = False
    """Whether others share it: then a success takes back its own attempt only."""


def counts_of(account: str, address: str, browser: str) -> list[Count]:
    """What an attempt counts for. `browser`: the hash of its token, if it signed in to this account before."""
    if browser:
        return [Count(hashed(f"browser {browser}"), 5)]
    network = _network(address)
    return [Count(hashed(f"account {network} {account}"), 5), Count(hashed(f"address {network}"), 30, shared=True)]


def counts_of_session(session: str) -> list[Count]:
    """What counts where somebody who is signed in gives the password again: nobody else has a part in it."""
    return [Count(hashed(f"session {session}"), 5)]


def begin(connection: Connection, counts: Sequence[Count], now: Instant) -> int:
    """Seconds to wait before an attempt; 0: it is counted as a failure, until `succeed` says otherwise. So attempts at
    the same moment do not share what is free."""
    table = schema.attempts
    connection.execute(delete(table).where(table.c.last_at < now - _FORGOTTEN_US))
    waits = [_wait(connection, count, now) for count in counts]
    if max(waits) > 0:
        return max(waits)
    for count in counts:
        insert = _INSERTS[connection.dialect.name](table).values(key=count.key, failures=1, last_at=now)
        more = {"failures": table.c.failures + 1, "last_at": now}
        connection.execute(insert.on_conflict_do_update(index_elements=["key"], set_=more))
    return 0


def succeed(connection: Connection, counts: Sequence[Count]) -> None:
    """The attempt was none of a stranger."""
    table = schema.attempts
    for count in counts:
        if count.shared:
            own = update(table).where(table.c.key == count.key, table.c.failures > 0)
            connection.execute(own.values(failures=table.c.failures - 1))
        else:
            connection.execute(delete(table).where(table.c.key == count.key))


def _wait(connection: Connection, count: Count, now: Instant) -> int:
    table = schema.attempts
    found = connection.execute(select(table).where(table.c.key == count.key)).one_or_none()
    if found is None or found.failures < count.free:
        return 0
    seconds = min(LONGEST_WAIT, 2 ** min(int(found.failures) - count.free + 1, 10))
    left: int = seconds * 1_000_000 - (now - found.last_at)
    return max(0, -(-left // 1_000_000))


def _network(address: str) -> str:
    """Whoever has one IPv6 address has a whole network of them."""
    try:
        parsed = ip_address(address)
    except ValueError:
        return address
    return str(ip_network(f"{parsed}/64", strict=False)) if isinstance(parsed, IPv6Address) else address
