"""E-mail by SMTP with TLS. The server has taken a mail when it says so at the end of DATA. The key is in the
Message-ID, by which readers find repeats. No server is bound to drop one: what was lost stays uncertain."""

import smtplib
import socket
import ssl
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from email import message_from_bytes, policy
from email.message import EmailMessage
from email.utils import format_datetime
from enum import Enum
from typing import Annotated, ClassVar, Literal, Self

from pydantic import Field, model_validator

from services.notifier.channels.account import AccountEntry, MissingSecret, OneWay, Opened, SecretName, Tools
from services.notifier.channels.codes import blocked
from services.notifier.channels.deadline import Deadline
from services.notifier.channels.message import (
    LONGEST_SEND_SECONDS,
    Accepted,
    Message,
    Outcome,
    Refused,
    Retry,
    Uncertain,
)
from services.notifier.channels.short_text import fitted, heading

KIND = "email"
MOST_BYTES = 100_000
_MAILBOX = r"[A-Za-z0-9][A-Za-z0-9._%+-]{0,63}@[A-Za-z0-9](?:[A-Za-z0-9.-]{0,250}[A-Za-z0-9])?"
_LOOPBACK = ("127.0.0.1", "localhost", "::1")
_TIMEOUT_SECONDS = 10.0
"""For each answer before the mail is sent."""
_CONFIRMATION_SECONDS = 180.0
"""For each step of the whole mail: servers look for viruses before they answer (RFC 5321, 4.5.3.2.6)."""
_WHOLE_SECONDS = LONGEST_SEND_SECONDS - 20.0
"""For everything, however often the server sends a little."""
_NO_MAIL_SERVER = "对方应答不是邮件服务器的应答 what answers is no mail server: check `host` and `port`"
_WAIT_SECONDS = 300.0
"""After a passing refusal; servers that greylist ask for some minutes."""


class Account(AccountEntry):
    """A mail server by which we send."""

    TO: ClassVar[str] = "a mailbox such as duty-desk@water.example"
    TO_PATTERN: ClassVar[str] = _MAILBOX

    kind: Literal["email"]
    host: Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9.:-]{0,252}$")]
    port: Annotated[int, Field(ge=1, le=65535)] = 465
    security: Literal["tls", "starttls", "none"] = "tls"
    """`tls` from the beginning (port 465), `starttls` (port 587), or `none`: on this machine only."""
    sender: Annotated[str, Field(pattern=f"^{_MAILBOX}$")]
    user: Annotated[str, Field(pattern=r"^[!-~]{0,200}$")] = ""
    """Empty: the server asks for none."""
    password: SecretName | None = None
    certificates: str = ""
    """File of the certificates (PEM) that are trusted; empty: those of the system."""

    @model_validator(mode="after")
    def _is_safe(self) -> Self:
        if self.security == "none" and self.host not in _LOOPBACK:
            raise ValueError('security = "none" sends mail in the clear: write "tls" or "starttls"')
        if bool(self.user) != (self.password is not None):
            raise ValueError("user and password belong together: write both, or none")
        return self


class _Stage(Enum):
    """What the mail server answers to."""

    SESSION = "session"
    SENDER = "sender"
    RECIPIENT = "recipient"
    CONTENT = "content"


_OF_THE_MAIL = {
    _Stage.RECIPIENT: frozenset((550, 551, 552, 553, 556)),
    _Stage.CONTENT: frozenset((550, 552, 554, 555)),
}
"""The replies that refuse one mail for ever; every other one is about the account."""


@dataclass(frozen=True, slots=True)
class _MailServer:
    """What the channels to all its mailboxes share."""

    account: Account
    password: str
    context: ssl.SSLContext
    tools: Tools


class _Session(smtplib.SMTP):
    """A session that a deadline watches, from the greeting of the server on."""

    def __init__(self, account: Account, deadline: Deadline, **encryption: ssl.SSLContext) -> None:
        self._deadline = deadline
        super().__init__(account.host, account.port, timeout=_TIMEOUT_SECONDS, **encryption)  # type: ignore[arg-type]

    def _get_socket(self, host: str, port: int, timeout: float) -> socket.socket:
        """The library connects by this, before it reads anything."""
        found: socket.socket = super()._get_socket(host, port, timeout)  # type: ignore[misc]
        self._deadline.watch(found)
        return found


class _EncryptedSession(_Session, smtplib.SMTP_SSL):
    """The same, encrypted from the beginning: with `context`."""


class Email(OneWay):
    """To one mailbox."""

    def __init__(self, server: _MailServer, to: str) -> None:
        self._mail_server = server
        self._account = server.account
        self._to = to

    def render(self, message: Message) -> bytes:
        """Without sender, recipient, date and Message-ID."""
        mail = EmailMessage(policy=policy.SMTP)
        mail["Subject"] = heading(message)
        mail["Auto-Submitted"] = "auto-generated"
        if message.urgent:
            mail["Importance"] = "high"
        mail.set_content(f"{fitted(message, MOST_BYTES)}\n", charset="utf-8", cte="base64")
        return mail.as_bytes()

    def send(self, rendered: bytes, key: str) -> Outcome:
        with Deadline(_WHOLE_SECONDS) as deadline:
            return self._sent(rendered, key, deadline)

    def _sent(self, rendered: bytes, key: str, deadline: Deadline) -> Outcome:
        stage = _Stage.SESSION
        server = None
        try:
            content = self._addressed(rendered, key)
            server = self._connected(deadline)
            for stage, step in self._steps(server, content):
                code, _ = step()
                if not 200 <= code < 300:
                    return _refusal(code, stage, is_sent=stage is _Stage.CONTENT)
        except smtplib.SMTPResponseException as error:  # an answer, and a refusal
            return _raised(error, stage)
        except smtplib.SMTPNotSupportedError:
            return blocked(
                "邮件服务器不支持所需的加密或登录 the mail server offers no TLS or login: correct `security`"
            )
        except (OSError, smtplib.SMTPException) as error:
            return _broken(error, stage)
        except ValueError:  # of characters, too
            return blocked("发件邮箱账号无效 user or password have characters that no mail server takes: correct them")
        finally:
            if server is not None:
                with suppress(OSError, smtplib.SMTPException):
                    server.close()
        return Accepted(key)

    def _steps(self, server: smtplib.SMTP, content: bytes) -> Iterator[tuple[_Stage, Callable[[], tuple[int, bytes]]]]:
        """What is said in an open session, one after the other."""
        yield _Stage.SENDER, lambda: server.mail(self._account.sender)
        yield _Stage.RECIPIENT, lambda: server.rcpt(self._to)
        if server.sock is not None:
            server.sock.settimeout(_CONFIRMATION_SECONDS)
        yield _Stage.CONTENT, lambda: server.data(content)

    def _connected(self, deadline: Deadline) -> smtplib.SMTP:
        """A session, encrypted and logged in. Raises OSError or SMTPException."""
        account, context = self._account, self._mail_server.context
        server: _Session
        if account.security == "tls":
            server = _EncryptedSession(account, deadline, context=context)
        else:
            server = _Session(account, deadline)
        try:
            server.ehlo_or_helo_if_needed()
            if account.security == "starttls":
                server.starttls(context=context)
                server.ehlo()
            if account.user:
                server.login(account.user, self._mail_server.password)
        except BaseException:
            server.close()
            raise
        return server

    def _addressed(self, rendered: bytes, key: str) -> bytes:
        """The mail with what belongs to this attempt, and to nobody's record."""
        mail = message_from_bytes(rendered, policy=policy.SMTP)
        mail["From"] = self._account.sender
        mail["To"] = self._to
        mail["Date"] = format_datetime(datetime.fromtimestamp(self._mail_server.tools.now(), UTC))
        mail["Message-ID"] = f"<{key}@{self._account.sender.rpartition('@')[2]}>"
        return mail.as_bytes()


def _raised(error: smtplib.SMTPResponseException, stage: _Stage) -> Outcome:
    """What a refusal means that the library raises: at the content before anything of it is sent, or after all of it,
    where the reply is longer than any reply."""
    if stage is _Stage.CONTENT and not isinstance(error, smtplib.SMTPDataError):
        return Uncertain(_NO_MAIL_SERVER)
    return _refusal(error.smtp_code, stage)


def _refusal(code: int, stage: _Stage, *, is_sent: bool = False) -> Outcome:
    """What a reply of the server means that is no success; its words are not passed on, since they name mailboxes."""
    shown = f"SMTP {code}"
    if not 400 <= code < 600:  # no mail server answers so at the end of a step
        return Uncertain(_NO_MAIL_SERVER) if is_sent else Retry(_NO_MAIL_SERVER, of_account=True)
    if code in _OF_THE_MAIL.get(stage, ()):
        if stage is _Stage.RECIPIENT:
            return Refused(f"收件邮箱不存在或拒收 the mailbox does not exist, or refuses: correct `to` ({shown})")
        return Refused(f"邮件服务器拒收此邮件 the mail server does not take this mail ({shown})")
    if code in (530, 534, 535, 538):
        return blocked(f"邮箱账号或密码错误 wrong user or password of the mail server ({shown})")
    if code >= 500:
        return blocked(f"邮件服务器拒绝此账号 the mail server refuses the account: check sender and rights ({shown})")
    of_account = stage in (_Stage.SESSION, _Stage.SENDER)
    return Retry(f"邮件服务器暂不接收 the mail server does not take it now ({shown})", _WAIT_SECONDS, of_account)


def _broken(error: Exception, stage: _Stage) -> Outcome:
    """What a broken connection means."""
    if stage is _Stage.CONTENT:
        return Uncertain("连接中断，未收到确认 the connection broke before the mail server had confirmed")
    if isinstance(error, ssl.SSLCertVerificationError):
        return Retry("邮件服务器证书不受信任 the mail server's TLS certificate is not trusted", _WAIT_SECONDS, True)
    return Retry("无法连接邮件服务器 the mail server cannot be reached", of_account=True)


def opened(account: Account, tools: Tools) -> Opened:
    """The mail server. Raises MissingSecret, also where the file of certificates cannot be read."""
    password = tools.secret(account.password) if account.password else ""
    server = _MailServer(account, password, _context(account), tools)
    return lambda to: Email(server, to)


def _context(account: Account) -> ssl.SSLContext:
    try:
        return ssl.create_default_context(cafile=account.certificates or None)
    except OSError:
        raise MissingSecret(
            f"certificates of account {account.id}: the file cannot be read or holds none; write the path of a PEM file"
        ) from None
