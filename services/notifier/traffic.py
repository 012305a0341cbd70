"""How much each account was called lately, and until when its provider wants to be left alone: a function of the
ledger, so that a notifier that is started again, or a second one, keeps the limits of the providers, too."""

from collections import Counter, deque
from collections.abc import Sequence
from typing import Final

from services.notifier.channels.rate_limit import Limit

_REMEMBERED: Final = 2_000
"""Calls of one account, or of one to one recipient: more than any limit counts."""

Line = tuple[str, ...]
"""What has limits: `(account,)`, and `(account, recipient)`."""


class Traffic:
    """The calls of all accounts. Times are real seconds since 1970, as the ledger has them.

    Nobody here knows when a provider counted a call: at some time between the record of its beginning and the one of
    its end. So a call counts until its limit has passed since its end.
    """

    def __init__(self) -> None:
        self._under_way: Counter[Line] = Counter()
        self._ended: dict[Line, deque[float]] = {}
        """When the latest calls ended, the first one first."""
        self._closed_until: dict[str, float] = {}

    def begin(self, account: str, recipient: str) -> None:
        """A call is on record."""
        for line in _lines(account, recipient):
            self._under_way[line] += 1

    def end(self, account: str, recipient: str, at: float) -> None:
        """What came of a call is on record, or that nobody waits for it any more."""
        for line in _lines(account, recipient):
            self._under_way[line] -= 1
            self._ended.setdefault(line, deque(maxlen=_REMEMBERED)).append(at)

    def close(self, account: str, until: float) -> None:
        """The provider takes nothing more by this account until then."""
        self._closed_until[account] = max(until, self.closed_until(account))

    def closed_until(self, account: str) -> float:
        """When the provider takes more; a time that has passed: now."""
        return self._closed_until.get(account, float("-inf"))

    def room(self, line: Line, limits: Sequence[Limit], now: float) -> int:
        """How many calls may begin within the limits, beside those that are on record."""
        calls = self._under_way[line]
        return min((one.count - calls - self._since(line, now - one.seconds) for one in limits), default=_REMEMBERED)

    def _since(self, line: Line, time: float) -> int:
        """How many calls have ended after that time."""
        count = 0
        for at in reversed(self._ended.get(line, ())):
            if at <= time:
                break
            count += 1
        return count


def _lines(account: str, recipient: str) -> tuple[Line, Line]:
    return (account,), (account, recipient)
