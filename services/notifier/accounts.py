"""How much each account of a channel is asked to do at the same time, and when it rests: one that does not answer must
keep no other back.

A channel without keys is called one at a time for each account, so that a crash leaves one attempt at most of each
account of which nobody knows the outcome. An account that could not be reached, or that refused twice as a whole,
rests. The next call after that is a trial: while an account fails, it has one call at a time.
"""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from services.notifier.channels.message import Outcome, Retry, Uncertain

AT_ONCE: Final = 16
"""Deliveries under way at the same time over one account that knows keys."""
SLOW: Final = 2.0
"""Real seconds. A call that took longer and failed was waiting for somebody who does not answer."""
FIRST_REST: Final = 30.0
LONGEST_REST: Final = 900.0


@dataclass(slots=True)
class _Failing:
    """An account that fails."""

    since: float
    until: float = 0.0
    """When its rest ends."""
    failures: int = 0


class Accounts:
    """The accounts by their names in the contacts. Not thread-safe. Times are real seconds since 1970."""

    def __init__(self) -> None:
        self._failing: dict[str, _Failing] = {}

    def note(self, name: str, outcome: Outcome, began_at: float, ended_at: float) -> None:
        """What came of a call."""
        if not isinstance(outcome, Retry | Uncertain):
            self._failing.pop(name, None)
            return
        slow, of_account = ended_at - began_at >= SLOW, isinstance(outcome, Retry) and outcome.of_account
        if not (slow or of_account):
            return
        failing = self._failing.setdefault(name, _Failing(since=began_at))
        if began_at < failing.until:
            return  # it began before the rest
        failing.failures += 1
        if slow:
            failing.until = ended_at + min(LONGEST_REST, FIRST_REST * 2 ** min(failing.failures - 1, 10))
        elif failing.failures > 1 and isinstance(outcome, Retry):  # the first one may be of the moment
            failing.until = ended_at + min(LONGEST_REST, outcome.after_seconds or FIRST_REST)

    def may_begin(self, name: str, has_keys: bool, under_way: Counter[str], now: float) -> bool:
        """Whether a call of an account may begin. `under_way`: account → its calls that have not ended."""
        failing = self._failing.get(name)
        if failing is not None and now < failing.until:
            return False
        return under_way[name] < (AT_ONCE if has_keys and failing is None else 1)

    def long_down(self, names: Iterable[str], now: float, seconds: float) -> set[str]:
        """The accounts that rest, and have failed for so long."""
        found = ((name, self._failing.get(name)) for name in names)
        return {name for name, one in found if one is not None and now < one.until and now - one.since >= seconds}
