"""The access tokens of applications: asked for with the application's secret, kept until they end or are refused."""

import re
import threading
from collections.abc import Callable
from dataclasses import dataclass, replace

from services.notifier.channels.calls import Answer
from services.notifier.channels.codes import Codes, blocked
from services.notifier.channels.message import Accepted, Outcome, Refused, Retry

_TOKEN = re.compile(r"[A-Za-z0-9._~-]{1,2000}")
"""What a token is made of: nothing that would change the address or the header that it is put into."""
_BEFORE_ITS_END = 300.0
"""Seconds: a token is renewed so shortly before its end. Providers give the same token then, until it has ended: it is
used for half of what is left, and not asked for by each message."""


@dataclass(frozen=True, slots=True)
class TokenFields:
    """The fields of the answer."""

    token: str
    lifetime: str
    """Seconds."""


class AccessTokens:
    """The token of one application."""

    def __init__(
        self,
        ask: Callable[[], Answer | Outcome],
        codes: Codes,
        fields: TokenFields,
        seconds: Callable[[], float],
    ) -> None:
        self._ask = ask
        self._codes = codes
        self._fields = fields
        self._seconds = seconds
        self._lock = threading.Lock()
        self._token = ""
        self._until = 0.0

    def use(self, call: Callable[[str], Answer | Outcome]) -> Answer | Outcome:
        """Make a call with a token. If the provider says that the token has ended, make it once again with a new one:
        the first was not accepted."""
        token = self._current()
        if not isinstance(token, str):
            return token
        answer = call(token)
        if not isinstance(answer, Answer) or not self._codes.has_expired(answer):
            return answer
        token = self._current(instead_of=token)
        return call(token) if isinstance(token, str) else token

    def _current(self, instead_of: str = "") -> str | Outcome:
        """The token; the outcome of the message if none can be had: then nothing was sent."""
        with self._lock:
            if self._token and self._token != instead_of and self._seconds() < self._until:
                return self._token
            answer = self._ask()
            if not isinstance(answer, Answer):
                return _not_sent(answer)
            outcome = self._codes.outcome(answer)
            token, lifetime = answer.body.get(self._fields.token), answer.whole(self._fields.lifetime)
            if not isinstance(outcome, Accepted) or not isinstance(token, str) or not _TOKEN.fullmatch(token):
                return _not_sent(outcome)
            left = lifetime or 0
            self._token, self._until = token, self._seconds() + max(left - _BEFORE_ITS_END, left / 2)
            return token


def _not_sent(outcome: Outcome) -> Outcome:
    """The outcome of a message that was not sent, because this came of asking for a token: no fault of the message."""
    if isinstance(outcome, Refused):
        return blocked(outcome.reason)
    if isinstance(outcome, Retry):
        return replace(outcome, of_account=True)
    return Retry("未取得访问令牌 no access token was given")
