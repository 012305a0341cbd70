"""Passwords, one-time codes, tokens and second factors: how they are made, kept and checked. No database here."""

import hashlib
import hmac
import secrets
from functools import cache
from threading import BoundedSemaphore
from typing import Final

import pyotp
from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError
from argon2.low_level import Type

from services.domain.plan.plan import Title
from services.domain.time.zone import Instant

SHORTEST: Final = 12
LONGEST: Final = 200
"""Characters of a password. A longer one only costs time."""
_CODE_LETTERS: Final = "ABCDEFGHJKLMNPQRSTUVWXYZ23456789"
"""Without those that look like others."""
_PERIOD_US: Final = 30_000_000
"""How long a code of TOTP is shown (RFC 6238)."""
_ISSUER: Final = "kpiwatch"
_AT_ONCE: Final = BoundedSemaphore(2)
"""Each check takes 64 MiB and a core for a while: strangers who try passwords must not take all of the machine."""

TOO_SHORT: Final = Title(
    zh=f"密码须为{SHORTEST}至{LONGEST}个字符，且不含账号名",
    en=f"a password has {SHORTEST} to {LONGEST} characters, and the name of the account is not in it",
)


@cache
def _hasher() -> PasswordHasher:
    """Argon2id with the second recommendation of RFC 9106: 3 passes over 64 MiB."""
    return PasswordHasher(time_cost=3, memory_cost=65_536, parallelism=4, type=Type.ID)


@cache
def _nobodys() -> str:
    """A hash for accounts that are not there: the answer takes as long as for others."""
    return _hasher().hash(secrets.token_hex(16))


def why_no_password(password: str, account: str) -> Title | None:
    """What is wrong with a password that somebody chooses; None: nothing."""
    if not SHORTEST <= len(password) <= LONGEST or account.lower() in password.lower() or len(set(password)) < 5:
        return TOO_SHORT
    return None


def password_hash(password: str) -> str:
    """As it is kept."""
    with _AT_ONCE:
        return _hasher().hash(password)


def is_password(kept: str, password: str) -> bool:
    """Whether it is the one. It takes as long where there is none (`kept` is empty)."""
    with _AT_ONCE:
        try:
            return _hasher().verify(kept or _nobodys(), password[: LONGEST + 1]) and bool(kept)
        except (VerificationError, InvalidHashError):
            return False


def new_code() -> str:
    """A one-time code, 100 bits: `ABCDE-FGHJK-LMNPQ-RSTUV`."""
    letters = [secrets.choice(_CODE_LETTERS) for _ in range(20)]
    return "-".join("".join(letters[start : start + 5]) for start in range(0, 20, 5))


def code_hash(code: str) -> str:
    """As a code is kept: it is random, so that a plain hash hides it. Blanks, case and dashes do not matter."""
    return hashed("".join(one for one in code.upper() if one.isalnum()))


def new_token() -> str:
    """Of a session or a browser: 256 bits."""
    return secrets.token_urlsafe(32)


def hashed(token: str) -> str:
    """As a token is kept."""
    return hashlib.sha256(token.encode(errors="replace")).hexdigest()


def is_same(kept: str, given: str) -> bool:
    """Compares two hashes in a time that says nothing; an empty one is like none."""
    return bool(kept) and hmac.compare_digest(kept, given)


def new_factor() -> str:
    """The secret of a second factor, 160 bits in base 32."""
    return pyotp.random_base32()


def factor_address(secret: str, account: str) -> str:
    """What an authenticator app reads: `otpauth://totp/…`."""
    return pyotp.TOTP(secret).provisioning_uri(name=account, issuer_name=_ISSUER)


def factor_step(secret: str, code: str, now: Instant, last: int) -> int | None:
    """The period that a code is of: this one, the one before or the one after; None: it is of none, or of one that is
    not after `last`, so that no code serves twice."""
    given = "".join(one for one in code if one.isascii() and one.isdigit())
    totp, step = pyotp.TOTP(secret), now // _PERIOD_US
    for each in (step - 1, step, step + 1):
        if each > last and hmac.compare_digest(totp.generate_otp(each), given):
            return each
    return None
