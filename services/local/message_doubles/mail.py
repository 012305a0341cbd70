"""A mail server that delivers nothing: it shows what would have been sent."""

import asyncio
import ssl
from email import message_from_bytes, policy
from email.message import EmailMessage
from typing import Any

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, Envelope, Session

from services.local.message_doubles.desk import Desk
from services.local.message_doubles.faults import Mode

EMAIL = "email"
UNKNOWN_MAILBOX = "nobody"
"""The name of a mailbox that does not exist."""


class MailSink(Controller):
    """The server, in a thread of its own."""

    def __init__(self, desk: Desk, port: int, tls: ssl.SSLContext | None = None, *, starttls: bool = False) -> None:
        """`tls`: with which it encrypts, from the beginning or (`starttls`) once it is asked to."""
        super().__init__(
            _Handler(desk),
            hostname="127.0.0.1",
            port=port,
            ready_timeout=30,
            ssl_context=None if starttls else tls,
            tls_context=tls if starttls else None,
            require_starttls=starttls,
        )


class _Handler:
    """What the server does with a mail."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    async def handle_RCPT(
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[Any]
    ) -> str:
        if address.partition("@")[0] == UNKNOWN_MAILBOX:
            return f"550 5.1.1 no such mailbox: {address}"
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:
        fault = self._desk.faults.draw(EMAIL)
        match fault.mode if fault else None:
            case Mode.ERROR:
                return f"{fault.code if fault and fault.code else 451} refused: {envelope.rcpt_tos}"
            case Mode.LIMITED | Mode.EXPIRED:
                return "452 4.3.1 too many mails"
            case Mode.DOWN | Mode.GARBLED:
                return "421 4.3.2 shutting down"
            case Mode.BROKEN:
                return self._hung_up(server)
        self._take(envelope)
        if fault is not None and fault.mode is Mode.LOST:
            return self._hung_up(server)
        if fault is not None:
            await asyncio.sleep(fault.seconds)
        return "250 OK, nothing was delivered"

    def _take(self, envelope: Envelope) -> None:
        content = envelope.content if isinstance(envelope.content, bytes) else b""
        mail = message_from_bytes(content, _class=EmailMessage, policy=policy.SMTP)
        body = mail.get_body(("plain",))
        files = [f"[{part.get_filename()}]" for part in mail.iter_attachments()]
        text = "\n".join([f"{mail['Subject']}\n\n{body.get_content() if body is not None else ''}", *files])
        for to in envelope.rcpt_tos:
            # a repeat is shown: no mail server is bound to drop it
            self._desk.arrivals.add(EMAIL, str(to), text, str(mail["Message-ID"] or ""))

    def _hung_up(self, server: SMTP) -> str:
        """The connection ends before the answer."""
        if isinstance(server.transport, asyncio.WriteTransport):
            server.transport.abort()
        return "421 lost"
