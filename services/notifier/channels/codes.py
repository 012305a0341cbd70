"""What an answer of a provider means: its body decides, since these providers answer HTTP 200 with an error code."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

from services.notifier.channels.calls import Answer
from services.notifier.channels.message import Accepted, Outcome, Refused, Retry, Uncertain

BLOCKED_SECONDS = 600.0
"""Until an account that is refused is tried again, and a message that is refused for a reason that nobody knows."""
_LONGEST_WAIT = 3_600.0
_OF_THE_MESSAGE = frozenset((400, 413, 422))
"""HTTP: what is wrong is in the message; with every other 4xx it is the account."""


@dataclass(frozen=True, slots=True)
class Codes:
    """The error codes of an interface of a provider. Its own words are not passed on: they may repeat what was sent."""

    name: str
    """The field of the body that has the code; 0 is success."""
    waits: Mapping[int, float] = field(default_factory=dict)
    """Limits → seconds until anything may be sent by the account again, where the answer does not say it."""
    busy: frozenset[int] = frozenset()
    """Disorders of the provider that pass."""
    refused: Mapping[int, str] = field(default_factory=dict)
    """What is wrong with the recipient or the content, so that this message is never taken → what it is."""
    blocked: Mapping[int, str] = field(default_factory=dict)
    """What is wrong with the account, so that no message is taken until people mend it → what it is, and the remedy."""
    expired: frozenset[int] = frozenset()
    """The access token is not valid any more."""

    def has_expired(self, answer: Answer) -> bool:
        """Whether a new access token is needed."""
        return answer.whole(self.name) in self.expired

    def outcome(self, answer: Answer, provider_id: str = "") -> Outcome:
        """Of a message that was answered so."""
        code = answer.whole(self.name)
        if code is None:
            return by_status(answer)
        shown = f"{self.name} {code}"
        if code == 0:
            return Accepted(provider_id) if answer.status < 300 else by_status(answer)
        if code in self.waits:
            return limit_reached(shown, wait_of(answer) or self.waits[code])
        if code in self.busy:
            return busy(shown, answer)
        if code in self.refused:
            return Refused(f"{self.refused[code]} ({shown})")
        if code in self.blocked:
            return blocked(f"{self.blocked[code]} ({shown})")
        if code in self.expired:
            return blocked(f"访问令牌被拒绝 the access token is refused: check the application's secret ({shown})")
        return Retry(f"平台拒收 refused; see the table of codes of the provider ({shown})", BLOCKED_SECONDS)


def limit_reached(shown: str, seconds: float) -> Retry:
    """The account has sent too much, and is to send nothing for so long."""
    return Retry(f"达到频率上限 the provider's limit is reached ({shown})", seconds, of_account=True, closes=True)


def busy(shown: str, answer: Answer) -> Retry:
    """The provider is in disorder; it may say for how long."""
    wait = wait_of(answer)
    return Retry(f"平台繁忙 the provider is busy ({shown})", wait, of_account=True, closes=wait > 0)


def blocked(reason: str) -> Retry:
    """The account is refused until people mend it."""
    return Retry(reason, BLOCKED_SECONDS, of_account=True)


def by_status(answer: Answer) -> Outcome:
    """Of an answer whose body has no code: success is not among them."""
    shown = f"HTTP {answer.status}"
    if answer.status == 429:
        return limit_reached(shown, wait_of(answer) or 60.0)
    if answer.status in (408, 425, 503):
        return busy(shown, answer)
    if answer.status in _OF_THE_MESSAGE:
        return Refused(f"平台不接收此消息 this message is not taken: check `to` and the length ({shown})")
    if 300 <= answer.status < 500:
        return blocked(f"平台拒收 refused: check the address, the secret and the rights ({shown})")
    return Uncertain(f"应答中没有结果 the answer has no result ({shown})")


def wait_of(answer: Answer) -> float:
    """The seconds that the headers of an answer ask to wait; 0 if they do not."""
    for name in ("x-ogw-ratelimit-reset", "retry-after"):
        text = answer.headers.get(name, "")
        if text.isascii() and text.isdecimal():
            return min(float(text[:6]), _LONGEST_WAIT)
        if text and (until := _date(text)) is not None:
            now = _date(answer.headers.get("date", "")) or datetime.now(UTC)
            return max(0.0, min((until - now).total_seconds(), _LONGEST_WAIT))
    return 0.0


def _date(text: str) -> datetime | None:
    """A date of HTTP; None if it is none."""
    try:
        found = parsedate_to_datetime(text)
    except (ValueError, OverflowError):
        return None
    return found if found.tzinfo is not None else found.replace(tzinfo=UTC)
