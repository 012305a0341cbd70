"""`gateway.keys` and `gateway.key-uses`: API keys, and when each was last used. This module alone knows their fields.

A key is `kw_<id>_<secret>`; the topic has its SHA-256 only. The key of a record is the id. A revoked key stays a
record: a tombstone would be forgotten in the end, and a replica that had not read it would go on serving the key.
"""

import hashlib
import re
import secrets
from typing import Final, NamedTuple, Self

import orjson

from services.domain.intake.events import text_of
from services.domain.time.rfc3339 import instant_from
from services.domain.time.zone import Instant
from services.messaging.records.fields import KeyValue, Unreadable, fields_of, text

_FORM: Final = re.compile(r"kw_([0-9a-f]{12})_[0-9A-Za-z_-]{43}")


class NewKey(NamedTuple):
    """A key as its holder gets it. It is shown once and stored nowhere."""

    id: str
    whole: str
    """`kw_<id>_<secret>`, the secret being 32 random bytes."""

    @classmethod
    def made(cls) -> Self:
        number = secrets.token_hex(6)
        return cls(number, f"kw_{number}_{secrets.token_urlsafe(32)}")


def id_of(whole: str) -> str | None:
    """The id in a key; None where the text has not the form of one."""
    found = _FORM.fullmatch(whole)
    return None if found is None else found[1]


def hash_of(whole: str) -> str:
    """The SHA-256 of a key, in hex. No slow hash is needed: nobody guesses 32 random bytes."""
    return hashlib.sha256(whole.encode()).hexdigest()


class StoredKey(NamedTuple):
    """What is kept of a key. Times are of the real clock."""

    source: str
    """The source that it speaks for."""
    sha256: str
    made_at: Instant
    expires_at: Instant | None = None
    revoked_at: Instant | None = None

    def record(self, key_id: str) -> KeyValue:
        """As it is sent."""
        times = {"made_at": self.made_at, "expires_at": self.expires_at, "revoked_at": self.revoked_at}
        written = {name: None if at is None else text_of(at) for name, at in times.items()}
        return key_id.encode(), orjson.dumps({"source": self.source, "sha256": self.sha256, **written})

    @classmethod
    def decode(cls, value: bytes | None) -> Self:
        """A key of a record. Raises Unreadable."""
        fields = fields_of(value)
        made_at = _time(fields, "made_at")
        if made_at is None:
            raise Unreadable("its field made_at is missing")
        return cls(
            source=text(fields, "source"),
            sha256=text(fields, "sha256"),
            made_at=made_at,
            expires_at=_time(fields, "expires_at"),
            revoked_at=_time(fields, "revoked_at"),
        )


def use_record(key_id: str, at: Instant) -> KeyValue:
    """When a key was last used, to send."""
    return key_id.encode(), orjson.dumps({"at": text_of(at)})


def decode_use(value: bytes | None) -> Instant:
    """When a key was last used. Raises Unreadable."""
    at = _time(fields_of(value), "at")
    if at is None:
        raise Unreadable("its field at is missing")
    return at


def _time(fields: dict[str, object], name: str) -> Instant | None:
    """A field that is a time, or null. Raises Unreadable."""
    value = fields.get(name)
    try:
        return None if value is None else instant_from(value)
    except ValueError:
        raise Unreadable(f"its field {name} is no time") from None
