"""What a tail puts into its spool, taken out as if a gateway had accepted it."""

from collections.abc import Callable
from typing import Any

import orjson

from services.client.spool import Spool


def read_all(step: Callable[[], object], spool: Spool) -> list[Any]:
    """Take steps while there is something to read; the events, which are then as good as accepted."""
    found: list[Any] = []
    while step():
        waiting = spool.first(100_000, 10**9)
        found += [orjson.loads(each.event) for each in waiting]
        spool.settle(waiting, {})
    return found
