"""The casebook: what has grown equals what is built anew, and holds what the workers hold; filters, pages, accounts,
readiness. What each source may see is in `test_casebook_seen_by.py`."""

import logging
from collections.abc import Callable, Iterator
from itertools import groupby
from pathlib import Path
from random import Random
from typing import Any

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import select
from sqlalchemy.exc import SQLAlchemyError

from services.casebook import held_events as held_events_module
from services.casebook import schema
from services.casebook.bad_cursor import BadCursor
from services.casebook.case_filter import CaseFilter
from services.casebook.case_summary import CaseState, IndexedCase
from services.casebook.casebook import ALL, Casebook, NotReady
from services.casebook.database import CasebookUnavailable, open_engine
from services.casebook.document import account_documents, page_document
from services.casebook.index import _FORGOTTEN_US, Index, OtherWriter, _events_of
from services.casebook.stored_facts import digest, facts_of
from services.domain.history.fact_set import insert
from services.domain.intake.events import text_of
from services.domain.intake.facts import Fact
from services.domain.results.cards import case_name
from services.domain.results.explain import explain
from services.domain.results.published import Level
from services.domain.time.zone import Instant
from services.explanation.document import machine_readable
from services.messaging.codec import admission
from services.messaging.reader import Record
from services.messaging.records.case_events import record_of_line
from services.messaging.topics import ALERT_CARDS, CASE_EVENTS, CASE_VERDICTS
from services.runtime.database import upsert
from tests.unit.casebook_records import IDS, NOW, PARTITIONS, Log, content, district, filled, open_index
from tests.verdicts import shipped


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> str:
    """An index of the whole district."""
    place = str(tmp_path_factory.mktemp("casebook") / "casebook.sqlite")
    filled(open_index(place), district().records)
    return place


@pytest.fixture
def book(place: str) -> Casebook:
    return opened(place)


def opened(place: str) -> Casebook:
    return Casebook(open_engine(place, writes=False), shipped, PARTITIONS, lambda: NOW)


def every_case(book: Casebook, wanted: CaseFilter = ALL, limit: int = 1_000) -> Iterator[IndexedCase]:
    after = None
    while True:
        page = book.cases(wanted, after=after, limit=limit)
        assert len(page.cases) <= limit
        yield from (each.case for each in page.cases)
        if page.next is None:
            return
        after = page.next


def latest(topic: str) -> list[Record]:
    """The last record of each key of a topic, without what is removed."""
    found = {each.key: each for each in district().records if each.topic == topic}
    return [each for each in found.values() if each.value is not None]


# ---- lists -----------------------------------------------------------------------------------------------
def test_without_a_filter_every_case_is_listed_and_nothing_else(book: Casebook) -> None:
    listed = list(every_case(book))
    of_cases = {key for key, facts in district().rows.items() if shipped().cases(facts)[-1].service_item}
    assert {each.case_key for each in listed} >= of_cases
    assert all(each.state in (CaseState.OPEN, CaseState.CLOSED) for each in listed)
    assert {each.state for each in listed} == {CaseState.OPEN, CaseState.CLOSED}


@pytest.mark.parametrize("limit", [1, 7, 50])
def test_pages_give_each_case_once_in_one_order(book: Casebook, limit: int) -> None:
    whole = [each.case_key for each in every_case(book)]
    wanted = CaseFilter(state=CaseState.CLOSED)
    assert sorted(whole) == whole
    closed = [each.case_key for each in every_case(book, wanted, limit)]
    assert closed == [each.case_key for each in every_case(book, wanted)]
    assert set(closed) < set(whole)


def test_a_page_goes_on_behind_the_last_case_while_others_come(place: str, tmp_path: Path) -> None:
    """The order is that of the keys, which never change."""
    half = str(tmp_path / "half.sqlite")
    records = [each for each in district().records if each.topic == CASE_EVENTS]
    index = filled(open_index(half), records[: len(records) // 2])
    first = opened(half).cases(limit=5)
    filled(index, records[len(records) // 2 :])
    before = [each.case.case_key for each in first.cases]
    rest = [each.case.case_key for each in opened(half).cases(after=first.next, limit=1_000).cases]
    assert rest == [each.case_key for each in every_case(opened(place)) if each.case_key > before[-1]]


def _active(record: Record) -> bool:
    return b'"cleared_at":""' in (record.value or b"")


def _keys(records: list[Record]) -> set[str]:
    return {(each.key or b"").decode().split("|")[1] for each in records}


FILTERS: list[tuple[CaseFilter, Callable[[IndexedCase], bool]]] = [
    (CaseFilter(state=CaseState.OPEN), lambda case: case.closed_at is None),
    (CaseFilter(since=NOW - 3 * 86_400_000_000), lambda case: case.last_arrival >= NOW - 3 * 86_400_000_000),
    (CaseFilter(service_item="enforcement.case"), lambda case: case.service_item == "enforcement.case"),
    (
        CaseFilter(source="/units/district-market-regulation"),
        lambda case: any(
            fact.source == "/units/district-market-regulation" for fact in district().rows[case.case_key]
        )
        or case.owner == "/units/district-market-regulation",
    ),
    (CaseFilter(level=Level.RED), lambda case: case.case_key in _keys([
        each for each in latest(ALERT_CARDS) if _active(each) and (each.key or b"").endswith(b"red")])),
    (CaseFilter(level=Level.YELLOW), lambda case: case.case_key in _keys([
        each for each in latest(ALERT_CARDS) if _active(each) and (each.key or b"").endswith(b"yellow")])),
]  # fmt: skip


@pytest.mark.parametrize(("wanted", "fits"), FILTERS)
def test_a_filter_lists_the_cases_that_fit(
    book: Casebook, wanted: CaseFilter, fits: Callable[[IndexedCase], bool]
) -> None:
    expected = [each for each in every_case(book) if fits(each)]
    assert expected or wanted.level is not None
    assert list(every_case(book, wanted)) == expected


def test_a_promise_lists_the_cases_with_a_card_or_a_verdict_of_it(book: Casebook) -> None:
    published = [*latest(ALERT_CARDS), *latest(CASE_VERDICTS)]
    for kpi in {(each.key or b"").decode().split("|")[0] for each in published}:
        of_promise = _keys([each for each in published if (each.key or b"").startswith(f"{kpi}|".encode())])
        assert {each.case_key for each in every_case(book, CaseFilter(promise=kpi))} == of_promise
    assert not list(every_case(book, CaseFilter(promise="K99-9")))


def test_a_unit_lists_what_it_accepted_or_holds_and_what_a_card_or_verdict_says_of_it(book: Casebook) -> None:
    cases = {each.case_key: each for each in every_case(book)}
    units = {each.unit for each in cases.values()} - {""}
    published = [each for each in latest(ALERT_CARDS) if _active(each)] + latest(CASE_VERDICTS)
    for unit in units:
        named = _keys([each for each in published if f'"unit":"{unit}"'.encode() in (each.value or b"")])
        own = {key for key, each in cases.items() if unit in (each.unit, each.holder)}
        assert {each.case_key for each in every_case(book, CaseFilter(unit=unit))} == own | named
    assert len(units) > 3


def test_filters_are_joined_by_and(book: Casebook) -> None:
    item = next(each.service_item for each in every_case(book) if each.state is CaseState.OPEN)
    both = CaseFilter(service_item=item, state=CaseState.OPEN)
    assert list(every_case(book, both)) == [
        each for each in every_case(book, CaseFilter(service_item=item)) if each.state is CaseState.OPEN
    ]


@pytest.mark.parametrize("cursor", ["", "x", "é", "AAAA", "YWJj", "L2E"])
def test_a_cursor_that_no_page_gave_is_refused(book: Casebook, cursor: str) -> None:
    with pytest.raises(BadCursor, match="take the one of the page before"):
        book.cases(after=cursor)


# ---- one case --------------------------------------------------------------------------------------------
def test_a_case_has_the_account_that_explain_gives(book: Casebook) -> None:
    for case in list(every_case(book))[::12]:
        (account,) = book.case(case_name(case.case_key))
        explanation = explain(shipped(), case.case_key, district().rows[case.case_key], NOW - 1)
        (document,) = account_documents([account], shipped())
        assert document == machine_readable(explanation, shipped(), [each._asdict() for each in account.refused])


def test_a_case_is_found_by_its_subject_or_by_owner_and_subject(book: Casebook) -> None:
    case = next(every_case(book))
    assert book.find(case.subject) == book.find(f"{case.owner} {case.subject}") == (case,)
    assert book.find("no such case") == book.find("") == book.find(" ") == book.find("\0") == ()
    assert book.case("no such case") == ()


def test_a_source_sees_its_own_cases_whole_and_of_others_what_it_reported(book: Casebook) -> None:
    reported = [
        (key, source)
        for key, facts in district().rows.items()
        for source in {fact.source for fact in facts}
        if key.partition("\x1f")[0] != source
    ]
    assert reported
    for key, source in reported[:20]:
        owner, name = key.partition("\x1f")[0], case_name(key)
        (whole,), (own,), (part,) = book.case(name), book.case(name, seen_by=owner), book.case(name, seen_by=source)
        assert account_documents([own], shipped()) == account_documents([whole], shipped())
        assert part.explanation is not None and whole.explanation is not None
        assert {each.fact.source for each in part.explanation.history} == {source}
        assert not part.explanation.cards
        assert book.case(name, seen_by="/units/somebody-else") == ()


# ---- how far ---------------------------------------------------------------------------------------------
def test_it_says_up_to_when_and_to_which_offsets_it_has_read(book: Casebook) -> None:
    until = book.read_until()
    assert (until.ready, until.complete_at) == (True, 1)
    ends = {(each.topic, each.partition): each.offset + 1 for each in district().records}
    assert {
        (topic, partition): offset for topic, read in until.positions.items() for partition, offset in read.items()
    } == ends
    document = page_document(book.cases(limit=2), until, shipped().law.zone)
    assert len(document["cases"]) == 2 and document["next"]


def test_it_is_not_ready_before_it_has_caught_up(place: str) -> None:
    half = f"{place}.half"
    index = open_index(half)
    index.take(district().records[-400:])
    book = opened(half)
    assert not book.read_until().ready
    for ask in (book.cases, lambda: book.find("x"), lambda: book.case("x")):
        with pytest.raises(NotReady, match="caught up"):
            ask()
    filled(index, [])
    assert book.cases().cases
    open_index(half)  # its process starts again
    with pytest.raises(NotReady, match="caught up"):
        book.cases()


def test_without_an_index_it_says_how_to_start_one(tmp_path: Path) -> None:
    with pytest.raises(CasebookUnavailable, match="kpiwatch casebook"):
        opened(str(tmp_path / "none.sqlite")).read_until()
    assert not list(tmp_path.iterdir())


def test_a_file_that_is_no_database_is_said_with_the_remedy(tmp_path: Path) -> None:
    file = tmp_path / "damaged.sqlite"
    file.write_bytes(b"no database at all" * 400)
    with pytest.raises(CasebookUnavailable, match="remove it and start"):
        opened(str(file)).read_until()
    with pytest.raises(CasebookUnavailable, match="remove it and start"):
        open_index(str(file))


def test_an_index_of_another_plan_is_not_asked(place: str) -> None:
    other = Casebook(open_engine(place, writes=False), shipped, PARTITIONS + 1, lambda: NOW)
    with pytest.raises(NotReady, match="another version, plan or number"):
        other.read_until()


def test_who_asks_cannot_write(place: str) -> None:
    with open_engine(place, writes=False).connect() as connection:
        assert connection.execute(select(schema.state.c.id)).scalar() == 1
        with pytest.raises(Exception, match="readonly"):
            connection.execute(schema.unsettled.insert().values(case_key="x"))


# ---- the index ---------------------------------------------------------------------------------------------
WATER = "/units/liangjiang-water"
NOON = 1_631_764_800_000_000


@pytest.fixture
def fresh(tmp_path: Path) -> str:
    """Where an index of one's own may be."""
    return str(tmp_path / "casebook.sqlite")


def event(number: int, received: Instant = NOON, **changed: Any) -> bytes:
    given = {
        "specversion": "1.0", "id": f"e-{number}", "source": WATER, "type": "case.rated", "subject": "W-1",
        "time": "2021-09-16T09:00:00+08:00", "recordedat": "2021-09-16T09:00:05+08:00",
        "receivedat": text_of(received), "data": {"score": 5},
    }  # fmt: skip
    return orjson.dumps(given | changed)


def some_records() -> list[Record]:
    """Events about cases, and all cards and verdicts: few enough for many examples."""
    records = [each for each in district().records if b"heartbeat" not in (each.value or b"")]
    return records[-700:]


def streams(records: list[Record]) -> dict[tuple[str, int], list[Record]]:
    found: dict[tuple[str, int], list[Record]] = {}
    for each in records:
        found.setdefault((each.topic, each.partition), []).append(each)
    return found


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> dict[str, list[Any]]:
    """What is in an index that is built in one go."""
    place = str(tmp_path_factory.mktemp("whole") / "casebook.sqlite")
    filled(open_index(place), some_records())
    return content(place)


@settings(max_examples=8)
@given(st.integers(0, 2**32))
def test_any_cut_into_batches_with_replays_gives_the_same_tables(
    tmp_path_factory: pytest.TempPathFactory, whole: dict[str, list[Any]], seed: int
) -> None:
    """Partitions are read in any order; records are repeated; the process dies between any two steps."""
    rng, cut = Random(seed), str(tmp_path_factory.mktemp("cut") / "casebook.sqlite")
    index, waiting = open_index(cut), streams(some_records())
    at = dict.fromkeys(waiting, 0)
    while left := [stream for stream in waiting if at[stream] < len(waiting[stream])]:
        batch: list[Record] = []
        for stream in rng.sample(left, rng.randint(1, len(left))):
            begin = max(0, at[stream] - rng.randint(0, 40))
            at[stream] += rng.randint(1, 200)
            batch += waiting[stream][begin : at[stream]]
        index.take(batch)
        if rng.random() < 0.3:
            index.settle(rng.randint(1, 50))
        if rng.random() < 0.3:
            index = open_index(cut)
    filled(index, [])
    assert content(cut) == whole


def test_it_holds_the_facts_that_the_workers_hold(fresh: str) -> None:
    filled(open_index(fresh), district().records)
    with open_engine(fresh, writes=False).connect() as connection:
        found = {key: facts_of(rows) for key, rows in groupby(_events_of(connection, list(district().rows)), _case)}
    assert found == district().rows


def _case(row: Any) -> str:
    return str(row.case_key)


def test_a_full_case_keeps_the_events_that_the_worker_keeps(fresh: str) -> None:
    log = Log()
    for number in range(400):
        log.event(event(number, NOON + number * 7919 % 400), NOON)
    filled(open_index(fresh), log.records)
    with open_engine(fresh, writes=False).connect() as connection:
        row = connection.execute(schema.cases.select()).one()
    assert row.events == 250
    assert (row.first_arrival, row.last_arrival) == (NOON, NOON + 249)


def test_of_a_case_no_more_is_read_than_it_can_hold_however_much_was_reported(
    fresh: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The database gives the first ones only: a case that repeats itself for ever costs no more than a full one."""
    monkeypatch.setattr(held_events_module, "LARGEST_CASE", 20)
    log = Log()
    for number in range(400):
        log.event(event(number, NOON + number * 7919 % 400), NOON)
    filled(open_index(fresh), log.records)
    key = record_of_line(event(0, NOON)).key.decode()
    with open_engine(fresh, writes=False).connect() as connection:
        assert len(connection.execute(schema.events.select()).all()) == 400
        rows = connection.execute(held_events_module.held_events(schema.events.c.case_key == key)).all()
        assert [row.received for row in rows] == [NOON + number for number in range(21)]
        assert connection.execute(schema.cases.select()).one().events == 21


def test_a_batch_that_fails_leaves_nothing_and_counts_once_when_it_comes_again(
    fresh: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    records = some_records()[:50]
    index = open_index(fresh)
    before = content(fresh)
    failing: Callable[..., None] = upsert

    def fail(connection: Any, table: Any, rows: Any) -> None:
        if table is schema.positions:
            raise SQLAlchemyError("the disk is full")
        failing(connection, table, rows)

    with monkeypatch.context() as patched, pytest.raises(SQLAlchemyError):
        patched.setattr("services.casebook.index.upsert", fail)
        index.take(records)
    assert content(fresh) == before
    index.take(records)
    after = content(fresh)
    index.take(records)
    assert content(fresh) == after != before


@pytest.mark.parametrize("order", [(0, 1, 2, 3), (3, 2, 1, 0), (1, 3, 0, 2)])
def test_of_two_events_of_one_id_the_smaller_digest_is_kept_with_its_first_arrival(
    fresh: str, order: tuple[int, ...]
) -> None:
    log = Log()
    lines = [
        event(1, NOON + 5),
        event(1, NOON + 2),
        event(1, NOON, data={"score": 1}),
        event(1, NOON + 1, data={"score": 1}),
    ]
    for number in order:
        log.event(lines[number], NOON)
    filled(open_index(fresh), log.records)
    admit = admission(shipped().plan, trust_receivedat=True).admit
    kept: list[Fact] = []
    for line in lines:
        kept = insert(kept, admit(line).fact).facts
    with open_engine(fresh, writes=False).connect() as connection:
        assert facts_of(_events_of(connection, [f"{WATER}\x1fW-1"])) == kept


def test_another_version_builds_the_index_anew_and_says_so(
    fresh: str, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    old = filled(open_index(fresh), some_records()[:50])
    monkeypatch.setattr(schema, "SCHEMA", schema.SCHEMA + 1)
    with caplog.at_level(logging.WARNING):
        new = Index(open_engine(fresh, writes=True), shipped(), PARTITIONS, lambda: NOW)
        assert new.open(0, IDS) == {}
    assert "built anew" in caplog.text
    assert content(fresh)[schema.events.name] == []
    with pytest.raises(OtherWriter, match="another version"):
        old.take(some_records()[50:])
    assert filled(new, some_records()[:50]).indexed


def test_the_same_version_goes_on_where_it_was(fresh: str, caplog: pytest.LogCaptureFixture) -> None:
    filled(open_index(fresh), some_records())
    before = content(fresh)
    positions = Index(open_engine(fresh, writes=True), shipped(), PARTITIONS, lambda: NOW).open(2, IDS)
    assert not caplog.records
    assert positions == {stream: records[-1].offset + 1 for stream, records in streams(some_records()).items()}
    assert content(fresh) == before


def test_other_topics_of_the_same_names_build_it_anew(fresh: str, caplog: pytest.LogCaptureFixture) -> None:
    """They were deleted, or are in another Kafka: the offsets mean other records there."""
    for ids in (IDS | {ALERT_CARDS: "another"}, {}):
        filled(open_index(fresh), some_records())
        assert Index(open_engine(fresh, writes=True), shipped(), PARTITIONS, lambda: NOW).open(2, ids) == {}
    assert "other topics" in caplog.text
    assert content(fresh)[schema.events.name] == []


def test_after_a_long_pause_cards_and_verdicts_are_read_from_their_beginning(fresh: str) -> None:
    """Kafka may have forgotten by then that a card was retracted."""
    filled(open_index(fresh), district().records)
    assert content(fresh)[schema.cards.name]
    positions = Index(open_engine(fresh, writes=True), shipped(), PARTITIONS, lambda: NOW).open(_FORGOTTEN_US + 2, IDS)
    assert {topic for topic, _ in positions} == {CASE_EVENTS}
    assert content(fresh)[schema.cards.name] == content(fresh)[schema.verdicts.name] == []


def test_a_record_that_cannot_be_read_is_counted_and_passed_over(fresh: str) -> None:
    log = Log()
    log.output(ALERT_CARDS, (b"K06-1|/a\x1fb|1|-|red", b'{"kpi": "K06-1"}'), 0)
    log.output(ALERT_CARDS, (b"no card", None), 0)
    log.output(CASE_VERDICTS, (b"x" * 9_000, b"[]"), 0)
    log.output(CASE_VERDICTS, (b"K06-1|/a\x1fb|1", b"{}"), 0)
    index = filled(open_index(fresh), log.records)
    assert index.unreadable == {ALERT_CARDS: 1, CASE_VERDICTS: 2}
    assert len(content(fresh)[schema.positions.name]) == 2


def test_a_text_with_nul_is_stored_without_it(fresh: str) -> None:
    """PostgreSQL refuses NUL, and a foreign program may have written one."""
    log, key = Log(), b"K06-1|/a\x1fb\x00|1|-|red"
    card = {"kpi": "K06-1", "case": "/a b", "cycle": 1, "level": "red", "unit": "u\0", "raised_at": ""}
    log.output(ALERT_CARDS, (key, orjson.dumps(card | {"raised_at": "2021-09-16T09:00:00+08:00"})), 0)
    filled(open_index(fresh), log.records)
    (row,) = content(fresh)[schema.cards.name]
    assert "\0" not in "".join(map(str, row))
    log.output(ALERT_CARDS, (key, None), 0)
    filled(open_index(fresh), log.records)
    assert content(fresh)[schema.cards.name] == []


def test_a_refused_event_leaves_reason_and_place_and_nothing_of_itself(fresh: str) -> None:
    log, number = Log(), "11010519491231002X"
    log.event(event(1, subject=number), NOON)
    log.event(event(2, data={"score": 5, "mobile": 1}), NOON)
    filled(open_index(fresh), log.records)
    rows = content(fresh)[schema.refusals.name]
    assert {row[4] for row in rows} == {"personal_data", "unknown_field"}
    assert {row[2] for row in rows} == {digest(f"{WATER}\x1f{number}"), digest(f"{WATER}\x1fW-1")}
    assert number.encode() not in Path(fresh).read_bytes()
    assert not content(fresh)[schema.cases.name]
