"""How much each account of a channel is asked to do at the same time, and when it rests: one that does not answer must
keep no other back.

A channel without keys is called one at a time for each account, so that a crash leaves one attempt at most of each
account of which nobody knows the outcome. The limits of the provider are kept before an attempt begins.

An account rests when two notices in a row met a failure that seems to be its own: one alone may be of that notice, and
must not keep the others back. A rest is short at first, and grows while nothing is accepted: a provider that fails half
of the time is used half of the time, and one that is down is left in peace. An account that is refused as a whole,
as with a wrong secret, rests for as long as its channel says. While an account fails, it has one call at a time.
"""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Final, NamedTuple

from services.notifier.channels.message import Outcome, Retry, Uncertain
from services.notifier.channels.rate_limit import Limit
from services.notifier.traffic import Line, Traffic

AT_ONCE: Final = 16
"""Deliveries under way at the same time over one account that knows keys."""
SLOW: Final = 2.0
"""Real seconds. A call that took longer and failed was waiting for somebody who does not answer."""
FIRST_REST: Final = 1.0
GROWTH: Final = 1.5
LONGEST_REST: Final = 900.0


class Use(NamedTuple):
    """A channel of a recipient, as far as its account has to know it."""

    account: str
    recipient: str
    limits: Sequence[Limit]
    """Of the account."""
    limits_of_recipient: Sequence[Limit]
    has_keys: bool

    @property
    def line(self) -> Line:
        """What has the limits of the recipient."""
        return self.account, self.recipient


class Called(NamedTuple):
    """A call that has ended."""

    account: str
    errand: object
    """What it was for."""
    began_at: float
    ended_at: float

    @property
    def seconds(self) -> float:
        """How long it took."""
        return self.ended_at - self.began_at


@dataclass(slots=True)
class _Failing:
    """An account that fails."""

    since: float
    until: float = 0.0
    """When its rest ends."""
    failures: int = 0
    errands: set[object] = field(default_factory=set)
    """What has failed since the last rest."""


class Accounts:
    """The accounts by their names in the contacts. Not thread-safe. Times are real seconds since 1970."""

    def __init__(self, traffic: Traffic) -> None:
        """`traffic`: by the ledger, which others carry on."""
        self._traffic = traffic
        self._failing: dict[str, _Failing] = {}
        self._under_way: Counter[str] = Counter()
        self._known: dict[str, Use] = {}
        """How each account was to be used last."""
        self._asked_for: Counter[Line] = Counter()
        """Calls of this notifier of which the record is not there yet."""

    def begin(self, use: Use) -> None:
        """The record of a call is asked for."""
        self.begin_to_ask(use.account)
        self._asked_for.update(((use.account,), use.line))

    def begin_to_ask(self, account: str) -> None:
        """The provider is asked what became of a call."""
        self._under_way[account] += 1

    def recorded(self, use: Use) -> None:
        """The record of a call is there, or will never be."""
        self._asked_for.subtract(((use.account,), use.line))

    def end(self, account: str) -> None:
        """What came of a call is on record, or it was never made."""
        self._under_way[account] -= 1

    def note(self, call: Called, outcome: Outcome) -> None:
        """What came of a call."""
        if not isinstance(outcome, Retry | Uncertain):
            self._failing.pop(call.account, None)
            return
        if isinstance(outcome, Retry) and not outcome.of_account and call.seconds < SLOW:
            return
        failing = self._failing.setdefault(call.account, _Failing(since=call.began_at))
        if call.began_at < failing.until:
            return  # it began before the rest
        failing.failures += 1
        failing.errands.add(call.errand)
        if len(failing.errands) < 2:
            return
        asked = outcome.after_seconds if isinstance(outcome, Retry) else 0.0
        grown = max(FIRST_REST, 2 * call.seconds) * GROWTH ** min(failing.failures - 2, 40)
        failing.until = call.ended_at + min(LONGEST_REST, max(asked, grown))
        failing.errands = set()

    def is_open(self, account: str, now: float) -> bool:
        """Whether it neither rests nor is closed by its provider."""
        failing = self._failing.get(account)
        return now >= self._traffic.closed_until(account) and (failing is None or now >= failing.until)

    def may_begin(self, use: Use, now: float) -> bool:
        """Whether a call may begin."""
        self._known[use.account] = use
        return self.has_room(use.account, now) and self._has_room(use.line, use.limits_of_recipient, now)

    def has_room(self, account: str, now: float) -> bool:
        """Whether a call may begin, whoever it is for."""
        use = self._known[account]
        at_once = AT_ONCE if use.has_keys and account not in self._failing else 1
        return (
            self._under_way[account] < at_once
            and self.is_open(account, now)
            and self._has_room((account,), use.limits, now)
        )

    def _has_room(self, line: Line, limits: Sequence[Limit], now: float) -> bool:
        return not limits or self._traffic.room(line, limits, now) > self._asked_for[line]

    def long_down(self, names: Iterable[str], now: float, seconds: float) -> set[str]:
        """The accounts that rest, and have failed for so long."""
        found = ((name, self._failing.get(name)) for name in names)
        return {name for name, one in found if one is not None and now < one.until and now - one.since >= seconds}
