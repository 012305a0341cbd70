"""Carries notices to their recipients: asks for the record of an attempt, calls the provider once it is there, and asks
for the record of what came of it.

A provider is called only by the notifier whose request for `sending` was recorded: the claim of the attempt is the lock
between notifiers. Channels that know no keys are called one at a time for each account, and the next attempt begins
when the outcome of the last one is recorded: so a crash leaves one attempt at most of each such account of which nobody
knows the outcome. An account that does not answer rests (`accounts.py`), and keeps no other back. An attempt over an
account that rests, or whose limit is reached, is not begun: its record would hang until the account is called.
"""

import hashlib
import logging
import math
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from functools import cache
from typing import Any, Final, NamedTuple

from services.messaging.records.ledger import Kind, LedgerRecord, Request
from services.notifier.accounts import Accounts, Called, Use
from services.notifier.agenda import Agenda
from services.notifier.attempts import Act, Ask, Finish, Moment, Pace, Send, Wait, Way, next_act
from services.notifier.channels.message import Accepted, Channel, Message, Outcome, Refused, Retry, Uncertain
from services.notifier.due_notices import Ids
from services.notifier.notice_state import Delivery, Errand, NoticeState, written
from services.notifier.recipients import LAST_WAY, Recipient

log = logging.getLogger(__name__)

STARTED_AT_ONCE: Final = 64
"""Deliveries under way at the same time."""
_HOURS_SECONDS: Final = 0.5
"""How often it is looked whether a unit works, or a recipient may be disturbed: under a simulated clock these pass
quickly."""


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
    use: Use | None = None
    """Of which account; None: of none."""
    request: str = ""
    """Id of the request that the keeper has to answer."""
    send: Send | None = None
    """To be carried out once the request is recorded."""
    future: "Future[_Returned] | None" = None


class _Returned(NamedTuple):
    """What came of a call."""

    request: Request
    outcome: Outcome | None = None
    """None: the provider was not called, or only asked."""
    began_at: float = 0.0
    ended_at: float = 0.0


class _Look:
    """What is asked once while deliveries are looked at, however many these are."""

    def __init__(self, around: Surroundings) -> None:
        self.now = around.now()
        self.recipient = cache(around.recipient)
        self.is_open = cache(around.is_open)
        self.is_quiet = cache(around.is_quiet)

    def channels(self, recipient: str) -> Mapping[str, Channel]:
        """Those of a recipient in their order."""
        found = self.recipient(recipient)
        return dict(found.channels) if found is not None else {}


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
        self._unusable: set[tuple[Errand, str]] = set()
        """A channel of an errand whose attempt cannot be recorded."""
        self._accounts = Accounts(state.traffic)
        self._agenda = Agenda()
        self._pool = ThreadPoolExecutor(STARTED_AT_ONCE, thread_name_prefix="channel")

    def close(self) -> None:
        """Do not wait for providers: what they are busy with is uncertain."""
        self._pool.shutdown(wait=False, cancel_futures=True)

    @property
    def busy(self) -> bool:
        """Whether something is under way that ends soon."""
        return bool(self._busy)

    def requests(self) -> Iterator[Request]:
        """What is to be recorded now: outcomes of calls that have returned, and attempts that begin. Each once."""
        yield from self._returned()
        look = _Look(self._around)
        for errand in self._state.touched():
            self._agenda.look_at(errand, look.now)
        for errand in self._due(look):
            delivery = self._state.under_way.get(errand)
            if delivery is not None and errand not in self._busy and self._state.may_be_sent(delivery):
                yield from self._next(delivery, look)

    def _returned(self) -> Iterator[Request]:
        """Outcomes of calls that have returned."""
        for errand, call in list(self._busy.items()):
            if call.future is None or not call.future.done():
                continue
            returned = call.future.result()
            if returned.outcome is not None and call.use is not None:
                called = Called(call.use.account, errand, returned.began_at, returned.ended_at)
                self._accounts.note(called, returned.outcome)
            yield self._await(errand, call, returned.request)

    def _due(self, look: _Look) -> Iterator[Errand]:
        """What is to be looked at now: what waits for an account that has room again, and what waits for a time."""
        for account in self._agenda.accounts():
            while self._is_free and self._accounts.has_room(account, look.now):
                errand = self._agenda.next_for(account)
                if errand is None:
                    break
                yield errand
        due = self._agenda.due(look.now)
        while self._is_free and (errand := next(due, None)) is not None:
            yield errand

    @property
    def _is_free(self) -> bool:
        return len(self._busy) < STARTED_AT_ONCE

    def answered(self, request: Request, record: LedgerRecord) -> None:
        """The keeper has answered a request of this notifier, with a record that the state knows by now."""
        errand = self._errand_of.pop(request.id, None)
        call = self._busy.get(errand) if errand is not None else None
        if errand is None or call is None or call.request != request.id:
            return
        if call.send is None or record.request.id != request.id or errand not in self._state.under_way:
            self._end(errand)
            return
        send = self._recorded(call)
        attempts = self._state.under_way[errand].attempts
        channel = _Look(self._around).channels(errand[1]).get(send.channel)
        late = self._around.now() - call.began_at >= self._pace.abandoned / 2
        if channel is None or late or len(attempts) != send.attempt:  # another notifier may have taken it over by now
            call.future = self._pool.submit(self._not_sent, errand, send.attempt)
            return
        call.future = self._pool.submit(self._sent, channel, errand, send.attempt, attempts[-1].rendered)

    def impossible(self, request: Request) -> None:
        """No keeper can record a request of this notifier. An attempt is made over another channel."""
        errand = self._errand_of.pop(request.id, None)
        call = self._busy.get(errand) if errand is not None else None
        if errand is None or call is None:
            return
        if call.send is not None:
            self._unusable.add((errand, call.send.channel))
        self._end(errand)

    def _recorded(self, call: _Call) -> Send:
        """The record of an attempt is there, or will never be: the account's limits count it by the ledger now."""
        assert call.send is not None and call.use is not None
        send, call.send = call.send, None
        self._accounts.recorded(call.use)
        return send

    def _end(self, errand: Errand) -> None:
        """Nobody is busy with an errand any more; it is looked at again."""
        call = self._busy.pop(errand)
        if call.send is not None:
            self._recorded(call)
        if call.use is not None:
            self._accounts.end(call.use.account)
        self._agenda.look_at(errand, self._around.now())

    # ---- what is to be done ----------------------------------------------------------------------------------
    def _next(self, delivery: Delivery, look: _Look) -> Iterator[Request]:
        channels = look.channels(delivery.recipient)
        ways = self._ways(delivery.errand, channels, look.now)
        act = next_act(delivery.attempts, ways, Moment(look.now, self._ids.writer), self._pace)
        latest = look.now + self._pace.look_again
        match act:
            case None:
                return
            case Wait(until):
                self._agenda.look_at(delivery.errand, max(look.now + _HOURS_SECONDS, min(until, latest)))
                return
            case Send() | Ask():
                if isinstance(act, Send) and not self._may(act, delivery, look):
                    self._agenda.look_at(delivery.errand, look.now + _HOURS_SECONDS)
                    return
                use = _use(act.channel, delivery.recipient, channels[act.channel])
                if not self._accounts.may_begin(use, look.now):
                    self._postpone(use, delivery, look.now)
                    return
                call = _Call(look.now, use)
            case Finish():
                call = _Call(look.now)
        self._busy[delivery.errand] = call
        yield from self._begin(act, delivery, channels, call)

    def _postpone(self, use: Use, delivery: Delivery, now: float) -> None:
        """The account has no room: look again when it has, and after a while, since it may have failed for long by
        then. Where it is the recipient who has had enough, time alone helps."""
        latest = self._pace.look_again
        if self._accounts.has_room(use.account, now):
            latest = 1.0
        else:
            self._agenda.wait_for(use.account, delivery.errand, urgent=delivery.urgent)
        self._agenda.look_at(delivery.errand, now + latest)

    def _ways(self, errand: Errand, channels: Mapping[str, Channel], now: float) -> dict[str, Way]:
        """The channels that may be used. One of which the account has failed for long is left for the next one, as
        after a long attempt; where there is no next one, it is waited for."""
        usable = [name for name in channels if (errand, name) not in self._unusable]
        down = self._accounts.long_down(usable, now, self._pace.fall_back)
        if all(name in down or name == LAST_WAY for name in usable):
            down = set()
        return {name: Way(channels[name].window_seconds, name == LAST_WAY) for name in usable if name not in down}

    @staticmethod
    def _may(act: Send, delivery: Delivery, look: _Look) -> bool:
        """What is not urgent waits while its recipient has quiet hours. A first attempt follows its notice at once,
        which was due in opening hours; a later one waits for them."""
        if delivery.urgent:
            return True
        if look.is_quiet(delivery.recipient):
            return False
        return act.attempt == 1 or look.is_open(delivery.notice.request.unit)

    def _begin(self, act: Act, delivery: Delivery, channels: Mapping[str, Channel], call: _Call) -> Iterator[Request]:
        match act:
            case Send():
                rendered = act.rendered
                if rendered is None:
                    rendered = self._rendered(channels[act.channel], delivery)
                if rendered is None:
                    self._unusable.add((delivery.errand, act.channel))
                    self._busy.pop(delivery.errand)
                    self._agenda.look_at(delivery.errand, call.began_at)
                    return
                call.send = act
                if call.use is not None:
                    self._accounts.begin(call.use)
                yield self._await(delivery.errand, call, self._sending(delivery, act, rendered))
            case Ask():
                channel, facts = channels[act.channel], {"crashed": act.crashed}
                if call.use is not None:
                    self._accounts.begin_to_ask(call.use.account)
                call.future = self._pool.submit(self._asked, channel, delivery.errand, act.attempt, facts)
            case Finish():
                yield self._await(delivery.errand, call, self._finish(delivery, act.kind))

    def _rendered(self, channel: Channel, delivery: Delivery) -> bytes | None:
        """None: the channel cannot render it, which must not end the notifier."""
        try:
            return channel.render(self._around.message(delivery.notice))
        except Exception as error:  # its text may hold what the message says
            log.error("a channel has failed to render a notice: %s; another one is used", type(error).__name__)
            return None

    def _await(self, errand: Errand, call: _Call, request: Request) -> Request:
        """The errand waits for the answer to a request."""
        call.future, call.request = None, request.id
        self._errand_of[request.id] = errand
        return request

    # ---- in a thread -----------------------------------------------------------------------------------------
    def _not_sent(self, errand: Errand, attempt: int) -> _Returned:
        return _Returned(self._outcome(errand, attempt, _TOO_LATE))

    def _sent(self, channel: Channel, errand: Errand, attempt: int, rendered: bytes) -> _Returned:
        began_at = self._around.now()
        try:
            outcome = channel.send(rendered, key_of(errand, self._state.ledger))
        except Exception as error:  # a fault of one channel must not keep the others' notices back
            log.error("a channel has failed: %s; the attempt is uncertain", type(error).__name__)
            outcome = Uncertain(f"渠道故障 the channel failed: {type(error).__name__}")
        return _Returned(self._outcome(errand, attempt, outcome), outcome, began_at, self._around.now())

    def _asked(self, channel: Channel, errand: Errand, attempt: int, facts: Mapping[str, bool]) -> _Returned:
        try:
            said = channel.was_accepted(key_of(errand, self._state.ledger))
        except Exception as error:
            log.error("a channel has failed: %s; nobody can say whether it was accepted", type(error).__name__)
            said = None
        return _Returned(self._outcome(errand, attempt, _SAID[said], asked=True, **facts))

    # ---- requests --------------------------------------------------------------------------------------------
    def _sending(self, delivery: Delivery, act: Send, rendered: bytes) -> Request:
        number, recipient = delivery.errand
        body = {
            "attempt": act.attempt,
            "channel": act.channel,
            "key": key_of(delivery.errand, self._state.ledger),
            **written(rendered),
        }
        claim = f"sending/{number}/{recipient}/{act.attempt}"
        return self._request(Kind.SENDING, delivery.errand, claim, body, delivery.notice.request.unit)

    def _outcome(self, errand: Errand, attempt: int, outcome: Outcome, **facts: bool) -> Request:
        body: dict[str, Any] = {"attempt": attempt, **facts}
        match outcome:
            case Accepted(provider_id):
                kind, body["provider_id"] = Kind.ACCEPTED, provider_id[:_LONGEST_REASON]
            case Refused(reason):
                kind, body["reason"] = Kind.REFUSED, reason[:_LONGEST_REASON]
            case Retry(reason, after_seconds):
                kind, body["reason"] = Kind.RETRY, reason[:_LONGEST_REASON]
                body["after_seconds"] = min(math.ceil(after_seconds), _DAY)
                if outcome.closes:
                    body["closes"] = True
            case Uncertain(reason):
                kind, body["reason"] = Kind.UNCERTAIN, reason[:_LONGEST_REASON]
        claim = f"{'asked' if facts.get('asked') else 'outcome'}/{errand[0]}/{errand[1]}/{attempt}"
        delivery = self._state.under_way.get(errand)
        return self._request(kind, errand, claim, body, delivery.notice.request.unit if delivery else "")

    def _finish(self, delivery: Delivery, kind: Kind) -> Request:
        number, recipient = delivery.errand
        tried = len(delivery.attempts)
        body = {"attempt": tried, "final": True, "reason": _NOT_TAKEN if tried else _NO_CHANNEL}
        return self._request(kind, delivery.errand, f"final/{number}/{recipient}", body, delivery.notice.request.unit)

    def _request(self, kind: Kind, errand: Errand, claim: str, body: Mapping[str, Any], unit: str) -> Request:
        whole = {"notice": errand[0], "recipient": errand[1], **body}
        return Request(self._ids.next(), kind, self._ids.writer, unit=unit, claims=(claim,), body=whole)


_NOT_TAKEN: Final = "渠道均未接收 no channel takes it"
_NO_CHANNEL: Final = "未配置渠道 no channel is named"
_TOO_LATE: Final = Retry("登记超时，未发送 not sent: the record of the attempt came too late")
_SAID: Final[Mapping[bool | None, Outcome]] = {
    True: Accepted(),
    False: Retry("对方称未收到 the provider says that it does not have it"),
    None: Uncertain("无法确认对方是否收到 nobody can say whether the provider has it"),
}
_DAY: Final = 86_400
_LONGEST_REASON: Final = 500
"""Characters of what a provider says."""


def _use(name: str, recipient: str, channel: Channel) -> Use:
    return Use(name, recipient, channel.limits, channel.limits_of_recipient, channel.window_seconds > 0)


def key_of(errand: Errand, ledger: str) -> str:
    """Under which key a notice is sent to a recipient, however often and by whichever channel. `ledger`: which one it
    is; another ledger has the same numbers, and what knows the keys, such as a file, may be older than it."""
    number, recipient = errand
    return f"kw-{number}-{hashlib.sha256(f'{ledger} {recipient}'.encode()).hexdigest()[:16]}"
