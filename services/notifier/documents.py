"""Hands out a document, such as a briefing: by e-mail its files, by any other channel the message that it is there.

A document is no notice: it is about nobody's case, and the ledger does not have it. Each recipient gets it by the first
of its channels that takes it. Who has it is kept beside the document, so that a second run sends only what is missing.
"""

import hashlib
import mimetypes
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from email import policy
from email.message import EmailMessage
from pathlib import Path
from typing import NamedTuple

import orjson

from services.notifier.channels.email import Email
from services.notifier.channels.message import Accepted, Channel, Message, Outcome, Uncertain
from services.notifier.contacts import FILE, Recipient
from services.runtime.atomic_file import replace_file


@dataclass(frozen=True, slots=True)
class Document:
    """What is handed out."""

    key: str
    """The same for the same document: `week-2021-10-31-zh`."""
    message: Message
    """That it is there, without figures."""
    files: Sequence[Path]


class Handed(NamedTuple):
    """What became of one recipient."""

    recipient: str
    channel: str
    """The last one that was tried; empty: there is none."""
    outcome: Outcome | None
    """None: no channel reaches the recipient."""

    @property
    def is_done(self) -> bool:
        """Whether it has the document, or most likely has: what was lost on the way is not sent again."""
        return isinstance(self.outcome, Accepted | Uncertain)


def hand_out(document: Document, recipients: Sequence[Recipient], handed_file: Path) -> Iterator[Handed]:
    """Hand it to those who do not have it. `handed_file`: the ids of those who have it, as JSON. Raises OSError where
    that cannot be written: then nothing is sent."""
    have = set(_read(handed_file))
    for recipient in recipients:
        if recipient.id not in have:
            _keep(have, handed_file)  # where it cannot be kept, as on a full disk, each run would send it again
            handed = _to(document, recipient)
            if handed.is_done:
                have.add(recipient.id)
                _keep(have, handed_file)
            yield handed


def _keep(have: Collection[str], file: Path) -> None:
    """Raises OSError."""
    replace_file(file, orjson.dumps(sorted(have)).decode(), durable=True)


def _read(file: Path) -> list[str]:
    """What an earlier run wrote. Raises ValueError where it is something else."""
    if not file.exists():
        return []
    found = orjson.loads(file.read_bytes())
    if not isinstance(found, list) or not all(isinstance(one, str) for one in found):
        raise ValueError("it is no list of recipients")
    return found


def _to(document: Document, recipient: Recipient) -> Handed:
    """By the first channel that takes it. Not by the file, which nobody reads who is waiting for a document."""
    handed = Handed(recipient.id, "", None)
    key = f"kw-{document.key}-{hashlib.sha256(recipient.id.encode()).hexdigest()[:16]}"
    for name, channel in recipient.channels:
        if name != FILE and not handed.is_done:
            handed = Handed(recipient.id, name, channel.send(_rendered(document, channel), key))
    return handed


def _rendered(document: Document, channel: Channel) -> bytes:
    return mail_of(document) if isinstance(channel, Email) else channel.render(document.message)


def mail_of(document: Document) -> bytes:
    """A mail with the files, without sender, recipient, date and Message-ID."""
    mail = EmailMessage(policy=policy.SMTP)
    mail["Subject"] = document.message.title
    mail["Auto-Submitted"] = "auto-generated"
    mail.set_content(f"{document.message.text_zh}\n{document.message.text_en}\n", charset="utf-8", cte="base64")
    for file in document.files:
        kind, _, subtype = (mimetypes.guess_type(file.name)[0] or "application/octet-stream").partition("/")
        mail.add_attachment(file.read_bytes(), maintype=kind, subtype=subtype, filename=file.name)
    return mail.as_bytes()
