"""Accounts and their sessions. A session ends after 30 minutes without a request, after 12 hours, with a new password,
when its account is disabled or reset, and when somebody revokes it.

Every method may raise AccountsUnavailable. Times are real ones: people sit at the desk in real time.
"""

import json
import re
from collections.abc import Callable
from typing import Any, Final, NamedTuple

from sqlalchemy import ColumnElement, Connection, Row, delete, func, insert, select, update

from services.desk.access import Role, Viewer
from services.desk.accounts import credentials, schema, throttle
from services.desk.accounts.credentials import hashed, is_same, new_token
from services.desk.accounts.database import AccountsDatabase
from services.desk.accounts.logbook import Deed, Entry, write
from services.desk.session import Owes, Session
from services.domain.plan.plan import Title
from services.domain.time.zone import Instant

_SECOND: Final = 1_000_000
IDLE_US: Final = 30 * 60 * _SECOND
LONGEST_US: Final = 12 * 3600 * _SECOND
CODE_US: Final = 72 * 3600 * _SECOND
"""How long a one-time code is good."""
BROWSER_US: Final = 180 * 24 * 3600 * _SECOND
_NOTED_US: Final = 60 * _SECOND
"""A session's last sign of life is written down so often."""
NEED_FACTOR: Final = frozenset((Role.OPERATIONS, Role.ADMIN))
"""Roles that sign in with a second factor."""
_NAME: Final = re.compile(r"[a-z0-9][a-z0-9._-]{1,39}")


class NotPossible(Exception):
    """Something that cannot be done to an account. `why` says it to a person."""

    def __init__(self, why: Title) -> None:
        super().__init__(why.en)
        self.why = why


class Account(NamedTuple):
    """An account, without its secrets."""

    name: str
    role: Role
    unit: str
    language: str
    disabled: bool
    has_password: bool
    has_factor: bool
    made_at: Instant


class OpenSession(NamedTuple):
    """A session as its owner and administrators see it."""

    id: str
    account: str
    begun_at: Instant
    seen_at: Instant
    address: str


class Attempt(NamedTuple):
    """What somebody sends to sign in."""

    name: str
    secret: str
    """A password or a one-time code."""
    factor: str
    """A code of the second factor; empty: none was given."""
    address: str
    browser: str = ""
    """The token of a browser that signed in before."""


class SignedIn(NamedTuple):
    """It was right."""

    token: str
    browser: str
    """The token that the browser keeps beyond the session."""


class Wait(NamedTuple):
    """It was not looked at: there were too many before."""

    seconds: int


class Accounts:
    """The accounts of a database. Any thread may ask."""

    def __init__(
        self, database: AccountsDatabase, now: Callable[[], Instant], need_factor: frozenset[Role] = NEED_FACTOR
    ) -> None:
        """`now`: the real time. `need_factor`: roles that do nothing without a second factor."""
        self.database = database
        self.now = now
        self.need_factor = need_factor

    # ---- to sign in ----------------------------------------------------------------------------------
    def sign_in(self, attempt: Attempt) -> SignedIn | Wait | None:
        """None: something of it is wrong; which is not said."""
        now = self.now()
        if not _NAME.fullmatch(attempt.name):  # it takes as long all the same
            attempt = attempt._replace(name="")
        with self.database.changing() as connection:
            counts = throttle.counts_of(attempt.name, attempt.address, self._known_browser(connection, attempt, now))
            if seconds := throttle.begin(connection, counts, now):
                return Wait(seconds)
            row = _row(connection, attempt.name)
        right = self._is_right(row, attempt, now)  # takes long: not within a transaction
        with self.database.changing() as connection:
            if row is None or not right or not self._use_once(connection, row, attempt, now):
                name = "" if row is None else row.name  # what is no account may be a password in the wrong field
                write(connection, now, Deed(Entry.SIGN_IN_FAILED, name, "", attempt.address))
                return None
            throttle.succeed(connection, counts)
            write(connection, now, Deed(Entry.SIGNED_IN, row.name, "", attempt.address))
            browser = attempt.browser if self._known_browser(connection, attempt, now) else ""
            return SignedIn(
                _begin_session(connection, row.name, attempt.address, now),
                browser or _new_browser(connection, row.name, now),
            )

    def _is_right(self, row: Row[Any] | None, attempt: Attempt, now: Instant) -> bool:
        """Whether password or one-time code are those of an account that may sign in. As slow for one that may not."""
        by_password = credentials.is_password("" if row is None else row.password, attempt.secret)
        if row is None or row.disabled:
            return False
        return by_password or (is_same(row.code, credentials.code_hash(attempt.secret)) and now < row.code_until)

    def _use_once(self, connection: Connection, row: Row[Any], attempt: Attempt, now: Instant) -> bool:
        """Use up what serves once: the code of the second factor, and the one-time code. False where it does not fit,
        or where somebody was quicker."""
        table = schema.accounts
        own = update(table).where(table.c.name == row.name, table.c.password == row.password, ~table.c.disabled)
        changed: dict[str, Any] = {"code": "", "code_until": 0}
        if row.factor:
            step = credentials.factor_step(row.factor, attempt.factor, now, row.factor_step)
            if step is None:
                return False
            own, changed["factor_step"] = own.where(table.c.factor_step < step), step
        return connection.execute(own.where(table.c.code == row.code).values(changed)).rowcount == 1

    def _known_browser(self, connection: Connection, attempt: Attempt, now: Instant) -> str:
        if not attempt.browser:
            return ""
        table, id = schema.browsers.c, hashed(attempt.browser)
        asked = select(table.id).where(table.id == id, table.account == attempt.name, table.until > now)
        return connection.scalar(asked) or ""

    # ---- sessions ------------------------------------------------------------------------------------
    def session_of(self, token: str) -> Session | None:
        """Whose session a token is of; None: of none that is open. To ask is a sign of life."""
        now, id = self.now(), hashed(token)
        asked = (
            select(schema.sessions.c.seen_at, schema.accounts)
            .join_from(schema.sessions, schema.accounts, schema.sessions.c.account == schema.accounts.c.name)
            .where(schema.sessions.c.id == id, ~schema.accounts.c.disabled, *_open(now))
        )
        with self.database.asking() as connection:
            row = connection.execute(asked).one_or_none()
        if row is None:
            return None
        if now - row.seen_at > _NOTED_US:
            with self.database.changing() as connection:
                connection.execute(update(schema.sessions).where(schema.sessions.c.id == id).values(seen_at=now))
        role = Role(row.role)
        viewer = Viewer(row.name, role, row.unit, "en" if row.language == "en" else "zh")
        return Session(id, viewer, _owed(row, role in self.need_factor))

    def say(self, session: str, said: Title) -> None:
        """Keep a sentence for the next page of a session."""
        self._set_said(session, json.dumps([said.zh, said.en], ensure_ascii=False))

    def take_said(self, session: str) -> Title | None:
        """The sentence that is kept, once."""
        with self.database.asking() as connection:
            said = connection.scalar(select(schema.sessions.c.said).where(schema.sessions.c.id == session))
        if not said:
            return None
        self._set_said(session, "")
        zh, en = json.loads(said)
        return Title(zh=zh, en=en)

    def _set_said(self, session: str, said: str) -> None:
        with self.database.changing() as connection:
            connection.execute(update(schema.sessions).where(schema.sessions.c.id == session).values(said=said))

    def sessions(self, name: str | None = None) -> list[OpenSession]:
        """Those that are open, of one account or of all; the latest first."""
        table = schema.sessions.c
        if name is not None and not _NAME.fullmatch(name):
            return []
        asked = select(table.id, table.account, table.begun_at, table.seen_at, table.address).where(*_open(self.now()))
        if name is not None:
            asked = asked.where(table.account == name)
        with self.database.asking() as connection:
            return [OpenSession(*row) for row in connection.execute(asked.order_by(table.seen_at.desc()))]

    def end_session(self, id: str, name: str, by: Deed) -> None:
        """End a session of an account."""
        table = schema.sessions.c
        with self.database.changing() as connection:
            connection.execute(delete(schema.sessions).where(table.id == id, table.account == name))
            write(connection, self.now(), by)

    def end_sessions(self, name: str, by: Deed) -> None:
        """End all sessions of an account."""
        with self.database.changing() as connection:
            _end_all(connection, name)
            write(connection, self.now(), by)

    def count_sessions(self) -> int:
        """How many are open."""
        with self.database.asking() as connection:
            return connection.scalar(select(func.count()).select_from(schema.sessions).where(*_open(self.now()))) or 0

    # ---- what somebody does to their own account -----------------------------------------------------
    def change_password(self, session: Session, password: str, address: str) -> str:
        """A new password. Every session ends; the token of a new one. Raises NotPossible: also where the session has
        ended since it was looked up, since whoever is reset or disabled must not keep the account."""
        name = session.viewer.account
        if why := credentials.why_no_password(password, name):
            raise NotPossible(why)
        kept, now = credentials.password_hash(password), self.now()
        with self.database.changing() as connection:
            if not _has_open(connection, schema.sessions.c.id == session.id, now):
                raise NotPossible(ENDED)
            connection.execute(update(schema.accounts).where(schema.accounts.c.name == name).values(password=kept))
            _end_all(connection, name)
            write(connection, now, Deed(Entry.ACCOUNT, name, f"{name}: password changed", address))
            return _begin_session(connection, name, address, now)

    def is_own_password(self, session: Session, password: str) -> bool | Wait:
        """Whether somebody who is signed in knows the password, or has none yet. Failures make the next attempt of this
        session wait."""
        name, counts, now = session.viewer.account, throttle.counts_of_session(session.id), self.now()
        with self.database.changing() as connection:
            if seconds := throttle.begin(connection, counts, now):
                return Wait(seconds)
            row = _row(connection, name)
        if row is None or (row.password and not credentials.is_password(row.password, password)):
            return False
        with self.database.changing() as connection:
            throttle.succeed(connection, counts)
        return True

    def enrol(self, name: str, secret: str, code: str, address: str) -> bool:
        """A second factor, once a code shows that the app has its secret. False: the code does not fit, there is one
        already, or the account has no open session any more."""
        now = self.now()
        step = credentials.factor_step(secret, code, now, 0)
        if step is None:
            return False
        table = schema.accounts
        new = {"factor": secret, "factor_step": step}
        with self.database.changing() as connection:
            own = update(table).where(table.c.name == name, table.c.factor == "")
            if not _has_open(connection, schema.sessions.c.account == name, now):
                return False
            if connection.execute(own.values(new)).rowcount == 0:
                return False
            write(connection, now, Deed(Entry.ACCOUNT, name, f"{name}: second factor set", address))
        return True

    def speak(self, name: str, language: str) -> None:
        """The language of an account's pages."""
        with self.database.changing() as connection:
            connection.execute(update(schema.accounts).where(schema.accounts.c.name == name).values(language=language))

    # ---- what an administrator does, or the command line ---------------------------------------------
    def add(self, name: str, role: Role, unit: str, by: Deed) -> str:
        """A new account; its one-time code, which is kept nowhere. Raises NotPossible."""
        if not _NAME.fullmatch(name):
            raise NotPossible(BAD_NAME)
        if (role is Role.UNIT and not unit) or (role in (Role.AUDITOR, Role.ADMIN) and unit):
            raise NotPossible(BAD_UNIT)
        code, now = credentials.new_code(), self.now()
        row = {
            "name": name,
            "role": role.value,
            "unit": unit,
            "language": "zh",
            "password": "",
            "factor": "",
            "factor_step": 0,
            "disabled": False,
            "made_at": now,
            **_code(code, now),
        }
        with self.database.changing() as connection:
            if _row(connection, name) is not None:
                raise NotPossible(TAKEN)
            connection.execute(insert(schema.accounts).values(row))
            write(connection, now, by)
        return code

    def reset(self, name: str, by: Deed) -> str:
        """Take password and second factor away and end every session; the one-time code for new ones. Raises
        NotPossible."""
        code = credentials.new_code()
        self._change(name, {"password": "", "factor": "", "factor_step": 0, **_code(code, self.now())}, by)
        return code

    def set_disabled(self, name: str, disabled: bool, by: Deed) -> None:
        """Let nobody sign in to an account any more, or let them again. Raises NotPossible."""
        self._change(name, {"disabled": disabled, "code": "", "code_until": 0}, by)

    def _change(self, name: str, changed: dict[str, Any], by: Deed) -> None:
        if not _NAME.fullmatch(name):
            raise NotPossible(NO_ACCOUNT)
        with self.database.changing() as connection:
            own = update(schema.accounts).where(schema.accounts.c.name == name)
            if connection.execute(own.values(changed)).rowcount == 0:
                raise NotPossible(NO_ACCOUNT)
            _end_all(connection, name)
            connection.execute(delete(schema.browsers).where(schema.browsers.c.account == name))
            write(connection, self.now(), by)

    def listed(self) -> list[Account]:
        """All accounts, by name."""
        with self.database.asking() as connection:
            return [
                _account(row) for row in connection.execute(select(schema.accounts).order_by(schema.accounts.c.name))
            ]

    def account(self, name: str) -> Account | None:
        """One account."""
        with self.database.asking() as connection:
            row = _row(connection, name)
        return None if row is None else _account(row)

    def note(self, deed: Deed) -> None:
        """Write down what somebody looked at or took away."""
        with self.database.changing() as connection:
            write(connection, self.now(), deed)


BAD_NAME: Final = Title(
    zh="账号名须为2至40个小写字母、数字、点、横线或下划线",
    en="a name has 2 to 40 of a-z, 0-9, dot, dash and underscore",
)
BAD_UNIT: Final = Title(
    zh="单位账号须选单位；审计、账号管理员账号不属于任何单位",
    en="an account of a unit names its unit; an auditor or an administrator has none",
)
TAKEN: Final = Title(zh="已有同名账号", en="there is an account with this name")
ENDED: Final = Title(zh="会话已结束，请重新登录", en="the session has ended: sign in again")
NO_ACCOUNT: Final = Title(zh="没有这个账号", en="there is no such account")


def _row(connection: Connection, name: str) -> Row[Any] | None:
    if not _NAME.fullmatch(name):  # a database may refuse what no name can be
        return None
    return connection.execute(select(schema.accounts).where(schema.accounts.c.name == name)).one_or_none()


def _account(row: Row[Any]) -> Account:
    return Account(
        row.name,
        Role(row.role),
        row.unit,
        row.language,
        row.disabled,
        bool(row.password),
        bool(row.factor),
        row.made_at,
    )


def _owed(row: Row[Any], needs_factor: bool) -> Owes:
    if not row.password:
        return Owes.PASSWORD
    return Owes.FACTOR if needs_factor and not row.factor else Owes.NOTHING


def _code(code: str, now: Instant) -> dict[str, Any]:
    return {"code": credentials.code_hash(code), "code_until": now + CODE_US}


def _open(now: Instant) -> tuple[Any, Any]:
    """What is true of a session that is open."""
    return schema.sessions.c.seen_at > now - IDLE_US, schema.sessions.c.begun_at > now - LONGEST_US


def _has_open(connection: Connection, whose: ColumnElement[bool], now: Instant) -> bool:
    """Whether one of some sessions is open."""
    asked = select(func.count()).select_from(schema.sessions).where(whose, *_open(now))
    return bool(connection.scalar(asked))


def _begin_session(connection: Connection, name: str, address: str, now: Instant) -> str:
    table, token = schema.sessions, new_token()
    connection.execute(delete(table).where((table.c.seen_at <= now - IDLE_US) | (table.c.begun_at <= now - LONGEST_US)))
    row = {"id": hashed(token), "account": name, "begun_at": now, "seen_at": now, "address": address, "said": ""}
    connection.execute(insert(table).values(row))
    return token


def _end_all(connection: Connection, name: str) -> None:
    connection.execute(delete(schema.sessions).where(schema.sessions.c.account == name))


def _new_browser(connection: Connection, name: str, now: Instant) -> str:
    table, token = schema.browsers, new_token()
    connection.execute(delete(table).where(table.c.until <= now))
    connection.execute(insert(table).values(id=hashed(token), account=name, until=now + BROWSER_US))
    return token
