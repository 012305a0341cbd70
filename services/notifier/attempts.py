"""What is to be done next to deliver one notice to one recipient: a pure function of its attempts and of the clock.

An attempt is a record `sending` of the ledger, and its outcome another record. The channels of a recipient have an
order. The rules:

- The first attempt uses the first channel. Every further attempt over a channel sends the bytes that are stored in the
  record of the first one, under the same key.
- `accepted` ends it.
- `refused` ends the channel: the next one is used.
- `retry` repeats after a while. A channel that has not taken the notice in `Pace.fall_back` is left for the next one,
  and is used again when the others did not take it either.
- An attempt of which nobody knows the outcome (the answer was lost, or the notifier that made it is gone) is repeated
  while the provider knows the key (`window_seconds`). After that the provider is asked. If it cannot say, the attempt
  is `uncertain`. If a crash is the reason, the same bytes are sent once more: perhaps the provider was never
  called. If an answer was lost, the notice most likely arrived: this channel is not used again, and the next one is.
- When no channel is left, the last resort of the house is used, which is a file. It is no channel of the order: a
  notice that a channel takes later waits for that one.
- Without a last resort, the notice ends as `uncertain` or `refused`, which people see.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from services.messaging.records.ledger import Kind
from services.notifier.channels.message import LONGEST_SEND_SECONDS

OUTCOMES: Final = (Kind.ACCEPTED, Kind.REFUSED, Kind.RETRY, Kind.UNCERTAIN)


@dataclass(frozen=True, slots=True)
class Attempt:
    """One attempt to deliver a notice to a recipient, by its records."""

    number: int
    """From 1 on, over all channels."""
    channel: str
    """Its name in the contacts."""
    rendered: bytes
    """What is sent."""
    writer: str
    began_at: float
    """Real seconds since 1970 at which the ledger has it."""
    outcome: Kind | None = None
    """One of OUTCOMES; None: it is not known."""
    ended_at: float = 0.0
    after_seconds: float = 0.0
    """Of a `retry`: not earlier than in so many seconds."""
    crashed: bool = False
    """Of `uncertain`: because its notifier is gone."""
    asked: bool = False
    """The provider was asked what became of it."""


@dataclass(frozen=True, slots=True)
class Way:
    """What must be known of a channel of a recipient."""

    window_seconds: float
    """How long the same key may be sent again without a second message; 0: never."""
    is_last_resort: bool = False
    """It is used when no other takes the notice any more."""


@dataclass(frozen=True, slots=True)
class Pace:
    """Real seconds."""

    first_wait: float = 5.0
    """Before the second attempt; each further wait is as much longer. Of a provider that fails half of the time one
    notice in a thousand meets ten failures in a row: waits that double would make it late by hours."""
    longest_wait: float = 900.0
    look_again: float = 15.0
    """When a delivery that waits is looked at again at the latest: its account may have failed for long by then."""
    fall_back: float = 600.0
    """How long a channel may take before the next one is used."""
    abandoned: float = 2 * LONGEST_SEND_SECONDS
    """How old an attempt of another installation's notifier is when it is taken for abandoned: longer than any call."""


@dataclass(frozen=True, slots=True)
class Send:
    """Begin the next attempt. `rendered`: the stored bytes; None: they are rendered now."""

    channel: str
    attempt: int
    rendered: bytes | None
    repeats: bool = False
    """Whether the same was sent over this channel before."""


@dataclass(frozen=True, slots=True)
class Ask:
    """Ask the provider what became of an attempt. If it cannot say, the attempt is uncertain."""

    channel: str
    attempt: int
    crashed: bool
    """Whether the notifier that made it is gone."""


@dataclass(frozen=True, slots=True)
class Finish:
    """No channel is left: record how it ends."""

    kind: Kind


@dataclass(frozen=True, slots=True)
class Wait:
    """Nothing is to be done before a time."""

    until: float


Act = Send | Ask | Finish | Wait


@dataclass(frozen=True, slots=True)
class Moment:
    """When it is asked what is to be done, and by whom."""

    now: float
    """Real seconds since 1970."""
    writer: str
    """The notifier that asks: `notifier/<installation>/<start>`."""

    def is_gone(self, attempt: Attempt, pace: Pace) -> bool:
        """Whether the notifier that began an attempt does no longer run. One installation runs one notifier at a time:
        it holds a lock on its files."""
        if attempt.writer == self.writer:
            return False
        same = attempt.writer.rpartition("/")[0] == self.writer.rpartition("/")[0]
        return same or self.now - attempt.began_at >= pace.abandoned


def next_act(attempts: Sequence[Attempt], ways: Mapping[str, Way], moment: Moment, pace: Pace) -> Act | None:
    """What is to be done now; None: it is over, or a record must come first. `ways`: the recipient's channels in their
    order."""
    if any(one.outcome is Kind.ACCEPTED for one in attempts):
        return None
    return _Course(attempts, ways, moment, pace).next()


class _Course:
    """The attempts so far, and what follows."""

    def __init__(self, attempts: Sequence[Attempt], ways: Mapping[str, Way], moment: Moment, pace: Pace) -> None:
        self._attempts = attempts
        self._ways = ways
        self._moment = moment
        self._pace = pace

    def next(self) -> Act | None:
        if not self._attempts:
            return self._elsewhere()
        last = self._attempts[-1]
        if last.channel not in self._ways or last.outcome is Kind.REFUSED:
            return self._elsewhere() if last.outcome is not None or self._is_gone(last) else self._unless_gone(last)
        if last.outcome is Kind.RETRY:
            return self._again(last)
        if last.outcome is Kind.UNCERTAIN or self._is_gone(last):
            return self._after_uncertain(last)
        return self._unless_gone(last)

    def _unless_gone(self, last: Attempt) -> Act | None:
        """While the notifier that began an attempt may be busy with it."""
        return None if last.writer == self._moment.writer else Wait(last.began_at + self._pace.abandoned)

    def _is_gone(self, attempt: Attempt) -> bool:
        return self._moment.is_gone(attempt, self._pace)

    def _again(self, last: Attempt) -> Act | None:
        """After an attempt that may be repeated."""
        fall_back, again = self._run_since() + self._pace.fall_back, self._again_at(last)
        has_others = bool(self._others(last.channel))
        if has_others and self._moment.now >= fall_back:
            return self._elsewhere()
        if self._moment.now < again:
            return Wait(min(again, fall_back) if has_others else again)
        return self._repeat(last)

    def _again_at(self, last: Attempt) -> float:
        return last.ended_at + max(last.after_seconds, self._wait())

    def _after_uncertain(self, last: Attempt) -> Act | None:
        way = self._ways[last.channel]
        if self._moment.now < self._first(last.channel).began_at + way.window_seconds:
            return self._repeat(last) if last.outcome is None else self._again(last)
        if not last.asked:
            return Ask(last.channel, last.number, crashed=last.outcome is None)
        return self._repeat(last) if last.crashed else self._elsewhere()

    def _first(self, channel: str) -> Attempt:
        return next(one for one in self._attempts if one.channel == channel)

    def _repeat(self, last: Attempt) -> Send:
        return Send(last.channel, last.number + 1, self._first(last.channel).rendered, repeats=True)

    def _run(self) -> Iterator[Attempt]:
        """The latest attempts over one channel, backwards."""
        for one in reversed(self._attempts):
            if one.channel != self._attempts[-1].channel:
                return
            yield one

    def _run_since(self) -> float:
        return min(one.began_at for one in self._run())

    def _wait(self) -> float:
        return min(self._pace.longest_wait, self._pace.first_wait * sum(1 for _ in self._run()))

    def _elsewhere(self) -> Act | None:
        """Over the next channel that may take it; over one that was tried before only after a long wait."""
        last = self._attempts[-1] if self._attempts else None
        usable = self._others(last.channel if last else "")
        if not usable:
            return self._stay(last)
        tried = {one.channel: one for one in self._attempts}
        attempt = len(self._attempts) + 1
        for channel in usable:
            if channel not in tried:
                return Send(channel, attempt, None)
        longest_ago = min(usable, key=lambda one: tried[one].number)
        if self._moment.now < tried[longest_ago].ended_at + self._pace.fall_back:
            return Wait(tried[longest_ago].ended_at + self._pace.fall_back)
        return Send(longest_ago, attempt, self._first(longest_ago).rendered, repeats=True)

    def _stay(self, last: Attempt | None) -> Act | None:
        """There is no other channel."""
        if last is not None and last.outcome is Kind.RETRY and last.channel in self._ways:
            return self._again(last)
        resort = next((one for one in self._ways if self._ways[one].is_last_resort and not self._is_spent(one)), None)
        if resort is not None:
            return Send(resort, len(self._attempts) + 1, None)
        uncertain = any(one.outcome in (Kind.UNCERTAIN, None) for one in self._attempts)
        return Finish(Kind.UNCERTAIN if uncertain else Kind.REFUSED)

    def _others(self, channel: str) -> list[str]:
        """The channels beside this one that may take it yet."""
        ways = self._ways.items()
        return [one for one, way in ways if one != channel and not way.is_last_resort and not self._is_spent(one)]

    def _is_spent(self, channel: str) -> bool:
        """Whether a channel has refused it, or may have it."""
        return any(one.channel == channel and one.outcome in (Kind.REFUSED, Kind.UNCERTAIN) for one in self._attempts)
