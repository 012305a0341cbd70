"""The casebook as it is asked: which cases there are, and the account of one.

    book = Casebook.open(settings)
    book.read_until()                                  # up to when, and to which offsets, it has read
    page = book.cases(CaseFilter(source="/units/a"), limit=100)
    page = book.cases(CaseFilter(source="/units/a"), limit=100, after=page.next)
    accounts = book.case("W-2021-000123", seen_by="/units/a")

Any number of processes may ask while one (`kpiwatch casebook`) writes. An object may be shared by threads. Every answer
comes from one transaction. What is asked before the index has caught up raises NotReady: over HTTP that is 503.
"""

import base64
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import cached_property
from itertools import groupby
from typing import Any, Final, NamedTuple, Self

from sqlalchemy import ColumnElement, Connection, Engine, exists, func, or_, select

from services.casebook import own_cases, schema
from services.casebook.bad_cursor import BadCursor
from services.casebook.case_filter import CaseFilter
from services.casebook.case_summary import CaseState, IndexedCase, Party
from services.casebook.database import CasebookUnavailable, asking, open_engine
from services.casebook.held_events import held_events
from services.casebook.index import version_of
from services.casebook.marked_cases import MarkFilter, MarkPage, page_of_marks
from services.casebook.seen_by import seen_by as part_seen_by
from services.casebook.stored_facts import digest, facts_of
from services.catalog.load.calendars import calendar_of
from services.catalog.load.plan_folder import load_plan
from services.domain.intake.facts import KEY_SEPARATOR, Fact, case_key
from services.domain.judging.judge import Judge
from services.domain.results.explain import Explanation, explain
from services.domain.results.published import Level
from services.domain.results.safe_judge import SafeJudge
from services.domain.time.zone import Instant
from services.runtime.clock import Clock
from services.runtime.database import place_of
from services.runtime.settings import Settings

MOST_CASES: Final = 1_000
"""On one page."""


_AFTER_SEPARATOR: Final = chr(ord(KEY_SEPARATOR) + 1)


_AFTER_ALL: Final = chr(0x10FFFF)


class NotReady(CasebookUnavailable):
    """The index has not caught up yet. The sentence says how to see when it has."""


ALL: Final = CaseFilter()


class ListedCase(NamedTuple):
    """One case of a page."""

    case: IndexedCase
    level: Level | None
    """Of its worst active card."""
    is_passed_on: bool = False
    """The units that ask have passed it on: who holds it now, its card and when it was closed are left out."""


class CasePage(NamedTuple):
    """Cases in the order of owner and subject, which never changes: who reads page after page misses no case that is
    there all the time, and gets none twice."""

    cases: tuple[ListedCase, ...]
    next: str | None
    """For `after`; None: there are no more."""


class ReadUntil(NamedTuple):
    """How far the index has read."""

    ready: bool
    """It has caught up to the ends of the topics when its process started."""
    complete_at: Instant | None
    """All that was in the topics then (real time, µs since 1970) is in the index; None: it never was complete."""
    positions: Mapping[str, Mapping[int, int]]
    """Topic → partition → offset of the next record."""


class RefusedEvent(NamedTuple):
    """An event about a case that was not admitted. `kpiwatch dead-letters` has the event and the remedy."""

    source: str
    """Empty: it names none of the plan's."""
    reason: str
    path: str
    place: str
    """Topic, partition and offset, as a person writes it."""


class CaseAccount(NamedTuple):
    """One case as a source, or the operator, may see it."""

    case_key: str
    explanation: Explanation | None
    """None where the case cannot be judged: see `quarantined`."""
    quarantined: str
    """The cause for which it cannot be judged; empty: it can."""
    refused: tuple[RefusedEvent, ...]
    """The oldest first; of another source than the owner only its own."""


class Casebook:
    """Answers out of the index."""

    def __init__(
        self, engine: Engine, load_judge: Callable[[], Judge], partitions: int, now: Callable[[], Instant]
    ) -> None:
        """`load_judge` is called once, at the first question. `now`: the plan's clock."""
        self._engine = engine
        self._load_judge = load_judge
        self._partitions = partitions
        self._now = now

    @classmethod
    def open(cls, settings: Settings) -> Self:
        """The casebook that the settings name. Connects to nothing yet. Raises CasebookUnavailable where the driver of
        its database is not installed; SettingsError; InvalidPlan at the first question."""

        def load_judge() -> Judge:
            plan = load_plan(settings.plan)
            return Judge(plan, calendar_of(plan))

        engine = open_engine(settings.casebook, writes=False)
        return cls(engine, load_judge, settings.partitions, Clock.from_settings(settings).now)

    def close(self) -> None:
        """Close the connections that are kept. Asked again, it opens new ones."""
        self._engine.dispose()

    @cached_property
    def judge(self) -> Judge:
        """Of the plan by which accounts are written."""
        return self._load_judge()

    def read_until(self) -> ReadUntil:
        """Up to when, and to which offsets, the index has read. It may be asked before it is ready. Raises
        CasebookUnavailable."""
        with self._asking(ready=False) as connection:
            return _read_until(connection)

    def cases(self, wanted: CaseFilter = ALL, *, after: str | None = None, limit: int = 100) -> CasePage:
        """A page of the cases that fit, at most `limit` (up to 1,000) behind the page that gave `after`.

        Raises BadCursor, NotReady, CasebookUnavailable."""
        limit = max(1, min(limit, MOST_CASES))
        table = schema.cases
        query = select(table).where(table.c.state != CaseState.REGISTER, *_conditions(wanted))
        if after is not None:
            query = query.where(table.c.case_key > _key_of(after))
        with self._asking() as connection:
            rows = connection.execute(query.order_by(table.c.case_key).limit(limit + 1)).all()
            keys = [row.case_key for row in rows[:limit]]
            sight = own_cases.sight(connection, wanted, keys)
            levels = _levels(connection, keys, sight)
        listed = (ListedCase(_indexed(row), levels.get(row.case_key)) for row in rows[:limit])
        found = tuple(_as_known(each, sight.passed_on.get(each.case.case_key)) for each in listed)
        return CasePage(found, _cursor(found[-1].case.case_key) if len(rows) > limit else None)

    def marked(self, wanted: MarkFilter, *, after: str | None = None, limit: int = 100) -> MarkPage:
        """A page of the marks that fit, at most `limit` (up to 1,000) behind the page that gave `after`: the cases
        behind a number, what is so now first, then the latest first.

        Raises BadCursor, NotReady, CasebookUnavailable."""
        with self._asking() as connection:
            return page_of_marks(connection, wanted, after, max(1, min(limit, MOST_CASES)))

    def find(self, name: str) -> tuple[IndexedCase, ...]:
        """The cases of a name: a subject, or owner and subject with a blank between them; one for each owner that has
        one. Catalogue entries, duties and figures are found, too. Raises NotReady, CasebookUnavailable."""
        with self._asking() as connection:
            return _find(connection, name)

    def case(self, name: str, *, seen_by: str | None = None, as_of: Instant | None = None) -> tuple[CaseAccount, ...]:
        """The accounts of the cases of a name (see `find`), as `kpiwatch explain` gives them: one for each owner that
        has such a case. `seen_by`: only what that source may see (`services/casebook/seen_by.py`); a case of which it
        may see nothing is not there. `as_of`: judged as of just before this instant; else as of now, on the plan's
        clock.

        Raises NotReady, CasebookUnavailable."""
        with self._asking() as connection:
            found = [(each, *_content(connection, each.case_key)) for each in _find(connection, name)]
        now = (self._now() if as_of is None else as_of) - 1
        accounts = (self._account(case.case_key, facts, refused, now) for case, facts, refused in found)
        if seen_by is None:
            return tuple(accounts)
        parts = (_part(account, seen_by, self.judge) for account in accounts)
        return tuple(part for part in parts if part is not None)

    def facts(self, keys: Iterable[str]) -> dict[str, list[Fact]]:
        """The facts of cases by their keys, each in contract order, as a worker holds them; a case that is not there
        has none. Raises NotReady, CasebookUnavailable."""
        wanted = list(keys)
        with self._asking() as connection:
            return {key: facts for some in _parts(wanted) for key, facts in _facts_of_cases(connection, some)}

    def parties(self, key: str) -> tuple[Party, ...]:
        """The units of a case, by its key; none where there is no such case. Raises NotReady, CasebookUnavailable."""
        table = schema.parties
        columns = [table.c[name] for name in Party._fields]
        asked = select(*columns).where(table.c.case_key == key).order_by(table.c.unit)
        with self._asking() as connection:
            return tuple(Party(*row) for row in connection.execute(asked))

    def arrivals(self) -> dict[str, Instant]:
        """Source → when its last admitted event arrived. Raises NotReady, CasebookUnavailable."""
        with self._asking() as connection:
            return {row.source: row.last_arrival for row in connection.execute(select(schema.arrivals))}

    def refusals_of(self, sources: Iterable[str]) -> dict[str, int]:
        """Source → how many of its events were refused. Raises NotReady, CasebookUnavailable."""
        table = schema.refusals.c
        asked = select(table.source, func.count()).where(table.source.in_(list(sources))).group_by(table.source)
        with self._asking() as connection:
            return {row[0]: row[1] for row in connection.execute(asked)}

    def _account(self, key: str, facts: list[Fact], refused: tuple[RefusedEvent, ...], now: Instant) -> CaseAccount:
        quarantine = SafeJudge(self.judge).judge(facts, now).quarantine
        if quarantine is not None:
            return CaseAccount(key, None, quarantine.cause, refused)
        return CaseAccount(key, explain(self.judge, key, facts, now), "", refused)

    @contextmanager
    def _asking(self, *, ready: bool = True) -> Iterator[Connection]:
        """A transaction on an index of this version; `ready`: that has caught up."""
        version = version_of(self.judge, self._partitions)
        with asking(self._engine) as connection:
            held = connection.execute(select(schema.state)).one()
            if held.version != version:
                raise NotReady(
                    f"the casebook at {place_of(self._engine)} was built by another version, plan or number of "
                    "partitions: bring all processes to one release and plan, and start `kpiwatch casebook` again"
                )
            if ready and not held.ready:
                raise NotReady("the casebook has not caught up with the topics yet: ask again in a moment")
            yield connection


# ---- filters ---------------------------------------------------------------------------------------------
def _conditions(wanted: CaseFilter) -> Iterator[ColumnElement[bool]]:
    table = schema.cases.c
    if wanted.source is not None:
        yield or_(table.owner == wanted.source, _reported_by(wanted.source))
    if wanted.owner is not None:  # a range of the primary key
        yield table.case_key.between(case_key(wanted.owner, ""), f"{wanted.owner}{_AFTER_SEPARATOR}")
    if wanted.unit is not None:
        yield _of_unit(wanted.unit)
    if wanted.service_item is not None:
        yield table.service_item == wanted.service_item
    if wanted.state is not None:
        yield table.state == wanted.state
    if wanted.since is not None:
        yield table.last_arrival >= wanted.since
    if wanted.prefix:
        prefix = wanted.prefix.replace("\0", "")
        yield table.subject.between(prefix, f"{prefix}{_AFTER_ALL}")  # a range of an index, which LIKE is not
    if wanted.parties is not None:
        yield table.case_key.in_(own_cases.keys(wanted))
        return
    yield from own_cases.filed(table.filed_at, wanted)
    if wanted.level is not None or wanted.promise is not None:
        promises = None if wanted.promise is None else (wanted.promise,)
        yield table.case_key.in_(own_cases.of_promises(promises, wanted.level))


def _as_known(listed: ListedCase, party: Party | None) -> ListedCase:
    """A case as a unit knows it that has passed it on; None: it has not."""
    if party is None:
        return listed
    case = listed.case._replace(
        state=CaseState.OPEN, unit=party.accepted_by, holder="", service_item=party.service_item, cycles=1,
        filed_at=party.filed_at, closed_at=None, events=0, last_arrival=listed.case.first_arrival,
    )  # fmt: skip
    return ListedCase(case, None, True)


def _reported_by(source: str) -> ColumnElement[bool]:
    reporters = schema.reporters.c
    return schema.cases.c.case_key.in_(select(reporters.case_key).where(reporters.source == source))


def _of_unit(unit: str) -> ColumnElement[bool]:
    cases, cards, verdicts = schema.cases.c, schema.cards.c, schema.verdicts.c
    active = exists().where(cards.case_key == cases.case_key, cards.unit == unit, cards.cleared_at == "")
    judged = exists().where(verdicts.case_key == cases.case_key, verdicts.unit == unit)
    return or_(cases.unit == unit, cases.holder == unit, active, judged)


def _levels(connection: Connection, keys: list[str], sight: own_cases.Sight) -> dict[str, Level]:
    """The worst active card of each case that has one, as far as it is seen."""
    cards, found = schema.cards.c, dict[str, Level]()
    # those that are cleared, too: a condition on that would have SQLite read all active cards of the table
    query = select(cards.case_key, cards.level, cards.kpi, cards.cleared_at).where(cards.case_key.in_(keys))
    for key, level, kpi, cleared_at in connection.execute(query):
        if cleared_at == "" and found.get(key) is not Level.RED and sight.has_card(key, kpi):
            found[key] = Level(level)
    return found


def _cursor(key: str) -> str:
    return base64.urlsafe_b64encode(key.encode()).decode().rstrip("=")


def _key_of(cursor: str) -> str:
    try:
        key = base64.b64decode(cursor + "=" * (-len(cursor) % 4), altchars=b"-_", validate=True).decode()
    except ValueError:
        key = ""
    if KEY_SEPARATOR not in key or "\0" in key:
        raise BadCursor
    return key


# ---- one case --------------------------------------------------------------------------------------------
def _find(connection: Connection, name: str) -> tuple[IndexedCase, ...]:
    table = schema.cases
    name = name.replace("\0", "")  # of no case, and PostgreSQL refuses it
    owner, _, subject = name.partition(" ")
    exact = table.c.case_key == case_key(owner, subject)
    rows = connection.execute(select(table).where(exact)).all()
    # a subject with a blank in it may read like an owner and another subject: then the owner is meant
    rows = rows or connection.execute(select(table).where(table.c.subject == name).order_by(table.c.case_key)).all()
    return tuple(map(_indexed, rows))


def _indexed(row: Any) -> IndexedCase:
    fields = row._asdict()
    return IndexedCase(**fields | {"state": CaseState(fields["state"])})


def _content(connection: Connection, key: str) -> tuple[list[Fact], tuple[RefusedEvent, ...]]:
    refusals = schema.refusals
    facts = facts_of(connection.execute(held_events(schema.events.c.case_key == key)))
    rows = connection.execute(
        select(refusals)
        .where(refusals.c.case_digest == digest(key))
        .order_by(refusals.c.partition, refusals.c.offset)
        .limit(MOST_CASES)
    )
    return facts, tuple(_refused(rows))


def _facts_of_cases(connection: Connection, keys: Sequence[str]) -> Iterator[tuple[str, list[Fact]]]:
    rows = connection.execute(held_events(schema.events.c.case_key.in_(keys)))
    held = {key: facts_of(some) for key, some in groupby(rows, key=lambda row: str(row.case_key))}
    yield from ((key, held.get(key, [])) for key in keys)


def _parts(keys: Sequence[str]) -> Iterator[Sequence[str]]:
    for first in range(0, len(keys), MOST_CASES):
        yield keys[first : first + MOST_CASES]


def _refused(rows: Iterable[Any]) -> Iterator[RefusedEvent]:
    for row in rows:
        yield RefusedEvent(row.source, row.reason, row.path, f"case.events/{row.partition}@{row.offset}")


def _part(account: CaseAccount, source: str, judge: Judge) -> CaseAccount | None:
    """What a source may see of it; None: nothing."""
    if account.case_key.partition(KEY_SEPARATOR)[0] == source:
        return account
    refused = tuple(each for each in account.refused if each.source == source)
    explanation = None if account.explanation is None else part_seen_by(account.explanation, source, judge.plan)
    if explanation is None and not refused:
        return None
    return account._replace(explanation=explanation, refused=refused)


def _read_until(connection: Connection) -> ReadUntil:
    held = connection.execute(select(schema.state)).one()
    positions: dict[str, dict[int, int]] = {}
    for row in connection.execute(select(schema.positions)):
        positions.setdefault(row.topic, {})[row.partition] = row.next_offset
    return ReadUntil(bool(held.ready), held.complete_at or None, positions)
