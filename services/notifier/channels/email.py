"""E-mail by SMTP with TLS. The server has taken a mail when it says so at the end of DATA. The key is in the
Message-ID, by which readers find repeats. No server is bound to drop one: what was lost stays uncertain."""

import smtplib
import ssl
from contextlib import suppress
from datetime import UTC, datetime
from email import message_from_bytes, policy
from email.message import EmailMessage
from email.utils import format_datetime
from typing import Annotated, ClassVar, Literal, Self

from pydantic import Field, model_validator

from services.notifier.channels.account import AccountEntry, MissingSecret, OneWay, Opened, SecretName, Tools
from services.notifier.channels.message import Accepted, Message, Outcome, Refused, Retry, Uncertain
from services.notifier.channels.short_text import fitted, heading

KIND = "email"
MOST_BYTES = 100_000
_MAILBOX = r"[A-Za-z0-9][A-Za-z0-9._%+-]{0,63}@[A-Za-z0-9](?:[A-Za-z0-9.-]{0,250}[A-Za-z0-9])?"
_LOOPBACK = ("127.0.0.1", "localhost", "::1")
_TIMEOUT_SECONDS = 20.0
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
    user: str = ""
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


class Email(OneWay):
    """To one mailbox."""

    def __init__(self, account: Account, password: str, context: ssl.SSLContext, tools: Tools, to: str) -> None:
        self._account = account
        self._password = password
        self._context = context
        self._tools = tools
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
        content = self._addressed(rendered, key)
        sending = False
        server = None
        try:
            server = self._connected()
            for code in (server.mail(self._account.sender)[0], server.rcpt(self._to)[0]):
                if code >= 400:
                    return _refusal(code)
            sending = True
            code, _ = server.data(content)
        except smtplib.SMTPResponseException as error:  # an answer, and a refusal
            return _refusal(error.smtp_code)
        except smtplib.SMTPNotSupportedError:
            return Refused(
                "邮件服务器不支持所需的加密或登录 the mail server offers no TLS or no login: correct `security`"
            )
        except (OSError, smtplib.SMTPException) as error:
            return _broken(error, sending)
        finally:
            if server is not None:
                with suppress(OSError, smtplib.SMTPException):
                    server.close()
        return Accepted(key) if code < 400 else _refusal(code)

    def _connected(self) -> smtplib.SMTP:
        """A session, encrypted and logged in. Raises OSError or SMTPException."""
        account = self._account
        server: smtplib.SMTP
        if account.security == "tls":
            server = smtplib.SMTP_SSL(account.host, account.port, timeout=_TIMEOUT_SECONDS, context=self._context)
        else:
            server = smtplib.SMTP(account.host, account.port, timeout=_TIMEOUT_SECONDS)
        try:
            server.ehlo_or_helo_if_needed()
            if account.security == "starttls":
                server.starttls(context=self._context)
                server.ehlo()
            if account.user:
                server.login(account.user, self._password)
        except BaseException:
            server.close()
            raise
        return server

    def _addressed(self, rendered: bytes, key: str) -> bytes:
        """The mail with what belongs to this attempt, and to nobody's record."""
        mail = message_from_bytes(rendered, policy=policy.SMTP)
        mail["From"] = self._account.sender
        mail["To"] = self._to
        mail["Date"] = format_datetime(datetime.fromtimestamp(self._tools.now(), UTC))
        mail["Message-ID"] = f"<{key}@{self._account.sender.rpartition('@')[2]}>"
        return mail.as_bytes()


def _refusal(code: int) -> Outcome:
    """What a reply of the server means that is no success; its words are not passed on, since they name mailboxes."""
    shown = f"SMTP {code}"
    if code == 535:
        return Refused(f"邮箱账号或密码错误 wrong user or password of the mail server ({shown})")
    if code in (550, 551, 553):
        return Refused(f"收件邮箱不存在或拒收 the mailbox does not exist, or refuses: correct `to` ({shown})")
    if code >= 500:
        return Refused(f"邮件服务器拒收 the mail server refuses it ({shown})")
    return Retry(f"邮件服务器暂不接收 the mail server does not take it now ({shown})", _WAIT_SECONDS)


def _broken(error: Exception, sending: bool) -> Outcome:
    """What a broken connection means."""
    if sending:
        return Uncertain("连接中断，未收到确认 the connection broke before the mail server had confirmed")
    if isinstance(error, ssl.SSLCertVerificationError):
        return Retry("邮件服务器证书不受信任 the mail server's TLS certificate is not trusted", _WAIT_SECONDS)
    return Retry("无法连接邮件服务器 the mail server cannot be reached")


def opened(account: Account, tools: Tools) -> Opened:
    """The mail server. Raises MissingSecret, also where the file of certificates cannot be read."""
    password = tools.secret(account.password) if account.password else ""
    context = _context(account)
    return lambda to: Email(account, password, context, tools, to)


def _context(account: Account) -> ssl.SSLContext:
    try:
        return ssl.create_default_context(cafile=account.certificates or None)
    except OSError:
        raise MissingSecret(
            f"certificates of account {account.id}: the file cannot be read or holds none; write the path of a PEM file"
        ) from None
