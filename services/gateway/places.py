"""Places for requests in hand, so that no source takes all of them. They are asked for by the event loop only."""

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from services.gateway.problems import Problem

_RETRY_SECONDS: Final = 2.0


class Places:
    """So many places. A source has at most as many as are free, so that there is always one for another: a source alone
    has half of them, two sources have a third each."""

    def __init__(self, most: int, what: str) -> None:
        """`what` has places, in the plural."""
        self._most = most
        self._what = what
        self._in_hand: Counter[str] = Counter()

    @property
    def in_hand(self) -> int:
        """Places that are taken."""
        return self._in_hand.total()

    @contextmanager
    def taken(self, source: str) -> Iterator[None]:
        """A place for a source. Problem (503) where it has its share of them, or none is free."""
        in_hand, mine = self.in_hand, self._in_hand[source]
        if mine >= self._most - in_hand:
            detail = f"{in_hand} {self._what} are in hand, {mine} of them of {source}"
            raise Problem(503, "busy", detail, "send the same again later", _RETRY_SECONDS)
        self._in_hand[source] += 1
        try:
            yield
        finally:
            self._in_hand[source] -= 1
