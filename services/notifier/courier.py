"""Carries notices to their recipients: asks for the record of an attempt, calls the provider once it is there, and asks
for the record of what came of it.

A provider is called only by the notifier whose request for `sending` was recorded: the claim of the attempt is the lock
between notifiers. Channels that know no keys are called one at a time, and the next attempt begins when the outcome of
the last one is recorded: so a crash leaves one attempt at most of which nobody knows the outcome.
"""

import hashlib
import logging
import math
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, Final

from services.messaging.records.ledger import Kind, LedgerRecord, Request
from services.notifier.attempts import Act, Ask, Finish, Moment, Pace, Send, Way, next_act
from services.notifier.channels.message import Accepted, Channel, Message, Outcome, Refused, Retry, Uncertain
from services.notifier.due_notices import Ids
from services.notifier.notice_state import Delivery, Errand, NoticeState, written
from services.notifier.recipients import LAST_WAY, Recipient

log = logging.getLogger(__name__)

AT_ONCE: Final = 8
"""Providers that are called at the same time."""
STARTED_AT_ONCE: Final = 64
"""Deliveries under way at the same time."""


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What a courier asks."""

    recipient: Callable[[str], Recipient | None]
    """Id → who that is now; None: the contacts name it no more."""
    message: Callable[[LedgerRecord], Message]
    is_open: Callable[[str], bool]
    """Unit → whether it works now."""
    is_quiet: Callable[[str], bool]
    """Id of a recipient → whether it is only disturbed by what is urgent now."""
    now: Callable[[], float]
    """Real seconds since 1970."""


@dataclass(slots=True)
class _Call:
    """An errand that this notifier is busy with."""

    began_at: float
    has_keys: bool
    request: str = ""
    """Id of the request that the keeper has to answer."""
    send: Send | None = None
    """To be carried out once the request is recorded."""
    future: "Future[Request] | None" = None


class Courier:
    """Not thread-safe, but for the calls of providers, which run beside."""

    def __init__(self, state: NoticeState, around: Surroundings, ids: Ids, pace: Pace) -> None:
        self._state = state
        self._around = around
        self._ids = ids
        self._pace = pace
        self._busy: dict[Errand, _Call] = {}
        self._errand_of: dict[str, Errand] = {}
        """Id of a request without answer → what it is for."""
        self._pool = ThreadPoolExecutor(AT_ONCE, thread_name_prefix="channel")

    def close(self) -> None:
        """Do not wait for providers: what they are busy with is uncertain."""
        self._pool.shutdown(wait=False, cancel_futures=True)

    @property
    def busy(self) -> bool:
        """Whether something is under way that ends soon."""
        return bool(self._busy)

    def requests(self) -> Iterator[Request]:
        """What is to be recorded now: outcomes of calls that have returned, and attempts that begin. Each once."""
        for errand, call in list(self._busy.items()):
            if call.future is not None and call.future.done():
                yield self._await(errand, call, call.future.result())
        now = self._around.now()
        for delivery in list(self._state.under_way.values()):
            if len(self._busy) >= STARTED_AT_ONCE:
                return
            if delivery.errand not in self._busy and self._state.may_be_sent(delivery):
                yield from self._next(delivery, now)

    def answered(self, request: Request, record: LedgerRecord) -> None:
        """The keeper has answered a request of this notifier, with a record that the state knows by now."""
        errand = self._errand_of.pop(request.id, None)
        call = self._busy.get(errand) if errand is not None else None
        if errand is None or call is None or call.request != request.id:
            return
        if call.send is None or record.request.id != request.id or errand not in self._state.under_way:
            del self._busy[errand]
            return
        send, call.send = call.send, None
        attempts = self._state.under_way[errand].attempts
        channel = self._channel(errand[1], send.channel)
        late = self._around.now() - call.began_at >= self._pace.abandoned / 2
        if channel is None or late or len(attempts) != send.attempt:  # another notifier may have taken it over by now
            call.future = self._pool.submit(self._outcome, errand, send.attempt, _TOO_LATE)
            return
        call.future = self._pool.submit(self._sent, channel, errand, send.attempt, attempts[-1].rendered)

    # ---- what is to be done ----------------------------------------------------------------------------------
    def _next(self, delivery: Delivery, now: float) -> Iterator[Request]:
        recipient = self._around.recipient(delivery.recipient)
        channels = dict(recipient.channels) if recipient is not None else {}
        ways = {name: Way(channel.window_seconds, is_last=name == LAST_WAY) for name, channel in channels.items()}
        act = next_act(delivery.attempts, ways, Moment(now, self._ids.writer), self._pace)
        if act is None or not self._may(act, delivery):
            return
        call = _Call(now, has_keys=isinstance(act, Finish) or ways[act.channel].window_seconds > 0)
        if not call.has_keys and not all(other.has_keys for other in self._busy.values()):
            return
        self._busy[delivery.errand] = call
        yield from self._begin(act, delivery, channels, call)

    def _may(self, act: Act, delivery: Delivery) -> bool:
        """What is not urgent waits while its recipient has quiet hours. A first attempt follows its notice at once,
        which was due in opening hours; a later one waits for them."""
        if not isinstance(act, Send) or delivery.urgent:
            return True
        if self._around.is_quiet(delivery.recipient):
            return False
        return act.attempt == 1 or self._around.is_open(delivery.notice.request.unit)

    def _begin(self, act: Act, delivery: Delivery, channels: Mapping[str, Channel], call: _Call) -> Iterator[Request]:
        match act:
            case Send():
                rendered = act.rendered
                if rendered is None:
                    rendered = channels[act.channel].render(self._around.message(delivery.notice))
                call.send = act
                yield self._await(delivery.errand, call, self._sending(delivery, act, rendered))
            case Ask():
                channel, facts = channels[act.channel], {"crashed": act.crashed}
                call.future = self._pool.submit(self._asked, channel, delivery.errand, act.attempt, facts)
            case Finish():
                yield self._await(delivery.errand, call, self._finish(delivery, act.kind))

    def _await(self, errand: Errand, call: _Call, request: Request) -> Request:
        """The errand waits for the answer to a request."""
        call.future, call.request = None, request.id
        self._errand_of[request.id] = errand
        return request

    def _channel(self, recipient: str, name: str) -> Channel | None:
        found = self._around.recipient(recipient)
        return dict(found.channels).get(name) if found is not None else None

    # ---- in a thread -----------------------------------------------------------------------------------------
    def _sent(self, channel: Channel, errand: Errand, attempt: int, rendered: bytes) -> Request:
        try:
            outcome = channel.send(rendered, key_of(errand))
        except Exception as error:  # a fault of one channel must not keep the others' notices back
            log.error("a channel has failed: %s; the attempt is uncertain", type(error).__name__)
            outcome = Uncertain(f"the channel failed: {type(error).__name__}")
        return self._outcome(errand, attempt, outcome)

    def _asked(self, channel: Channel, errand: Errand, attempt: int, facts: Mapping[str, bool]) -> Request:
        said = channel.was_accepted(key_of(errand))
        return self._outcome(errand, attempt, _SAID[said], asked=True, **facts)

    # ---- requests --------------------------------------------------------------------------------------------
    def _sending(self, delivery: Delivery, act: Send, rendered: bytes) -> Request:
        number, recipient = delivery.errand
        body = {"attempt": act.attempt, "channel": act.channel, "key": key_of(delivery.errand), **written(rendered)}
        claim = f"sending/{number}/{recipient}/{act.attempt}"
        return self._request(Kind.SENDING, delivery.errand, claim, body, delivery.notice.request.unit)

    def _outcome(self, errand: Errand, attempt: int, outcome: Outcome, **facts: bool) -> Request:
        body: dict[str, Any] = {"attempt": attempt, **facts}
        match outcome:
            case Accepted(provider_id):
                kind, body["provider_id"] = Kind.ACCEPTED, provider_id
            case Refused(reason):
                kind, body["reason"] = Kind.REFUSED, reason
            case Retry(reason, after_seconds):
                kind, body["reason"] = Kind.RETRY, reason
                body["after_seconds"] = min(math.ceil(after_seconds), _DAY)
            case Uncertain(reason):
                kind, body["reason"] = Kind.UNCERTAIN, reason
        claim = f"{'asked' if facts.get('asked') else 'outcome'}/{errand[0]}/{errand[1]}/{attempt}"
        delivery = self._state.under_way.get(errand)
        return self._request(kind, errand, claim, body, delivery.notice.request.unit if delivery else "")

    def _finish(self, delivery: Delivery, kind: Kind) -> Request:
        number, recipient = delivery.errand
        tried = len(delivery.attempts)
        body = {"attempt": tried, "final": True, "reason": "no channel is left" if tried else "no channel is named"}
        return self._request(kind, delivery.errand, f"final/{number}/{recipient}", body, delivery.notice.request.unit)

    def _request(self, kind: Kind, errand: Errand, claim: str, body: Mapping[str, Any], unit: str) -> Request:
        whole = {"notice": errand[0], "recipient": errand[1], **body}
        return Request(self._ids.next(), kind, self._ids.writer, unit=unit, claims=(claim,), body=whole)


_TOO_LATE: Final = Retry("not sent: the record of the attempt came too late")
_SAID: Final[Mapping[bool | None, Outcome]] = {
    True: Accepted(),
    False: Retry("the provider says that it does not have it"),
    None: Uncertain("nobody can say whether the provider has it"),
}
_DAY: Final = 86_400


def key_of(errand: Errand) -> str:
    """Under which key a notice is sent to a recipient, however often and by whichever channel."""
    number, recipient = errand
    return f"kw-{number}-{hashlib.sha256(recipient.encode()).hexdigest()[:12]}"
