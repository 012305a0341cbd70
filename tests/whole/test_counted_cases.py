"""The list behind a number is exactly what it counts: the marks of the casebook against the rows and signals of a
replay of the same events."""

from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import Connection, event

from services.casebook.bad_cursor import BadCursor
from services.casebook.casebook import Casebook
from services.casebook.database import open_engine
from services.casebook.index import Index
from services.casebook.marked_cases import MarkedCase, MarkFilter, page_of_marks
from services.casebook.marks import SIGNALS, Mark
from services.casebook.numbers import Number
from services.domain.judging.data_quality import SignalRow
from services.domain.plan.plan import Promise
from services.domain.results.budget import counted_of
from services.domain.results.published import ValueRow
from services.domain.time.rfc3339 import instant_from
from services.replay.replay import replay
from services.simulator.district.profile import parse_faults, profile
from services.simulator.simulation import Simulation
from tests.unit.casebook_records import IDS, PARTITIONS, START, Log, content, filled, open_index
from tests.verdicts import shipped

PLAN = Path("services/catalog/jiangbei-2021")
NOW = instant_from("2021-10-26T15:30:00+08:00")
COLUMNS = {
    Mark.OVERDUE: "open_overdue",
    Mark.AWAITING: "awaiting_n",
    Mark.UNMEASURED: "unmeasured_n",
    Mark.PROVISIONAL: "provisional_n",
    Mark.UNCLASSIFIED: "unclassified_n",
    Mark.JUSTIFIED: "justified_n",
    Mark.LATE_ENTRY: "late_entry_n",
}
"""Mark → the column that counts it."""
SHARES = {Mark.SUSPENDED: "suspended_share", Mark.EXTENDED: "extended_share", Mark.WITHDRAWN: "withdrawn_share"}
"""Mark → the column that gives its share of the cases that are closed in the window."""


DAYS = 68
DAY_US = 86_400_000_000


@pytest.fixture(scope="module")
def log() -> Log:
    """The events of some weeks of a district in which everything goes wrong now and then."""
    log, law = Log(), shipped().law
    for each in Simulation(law, profile("demo").at_volume(24), 3, START, DAYS, faults=parse_faults("all")).events():
        log.event(each.line, each.received)
    return log


@pytest.fixture(scope="module")
def book(log: Log, tmp_path_factory: pytest.TempPathFactory) -> Casebook:
    place = str(tmp_path_factory.mktemp("counted") / "casebook.sqlite")
    filled(open_index(place, NOW), log.records)
    return Casebook(open_engine(place, writes=False), shipped, PARTITIONS, lambda: NOW)


@pytest.fixture(scope="module")
def replayed(log: Log, tmp_path_factory: pytest.TempPathFactory) -> tuple[list[ValueRow], list[SignalRow]]:
    file = tmp_path_factory.mktemp("events") / "events.jsonl"
    file.write_bytes(b"".join(record.value + b"\n" for record in log.records if record.value))
    found = replay([str(file)], PLAN, [NOW], with_side_results=True, processes=1)
    return list(found.rows), list(found.side_results[0].signals)


def listed(book: Casebook, wanted: MarkFilter, limit: int = 1_000) -> Iterator[MarkedCase]:
    after = None
    while True:
        page = book.marked(wanted, after=after, limit=limit)
        assert len(page.marks) <= limit
        yield from page.marks
        if page.next is None:
            return
        after = page.next


def wanted_of(mark: Mark, row: ValueRow, promise: Promise) -> MarkFilter:
    """As an address names the number; of other definitions the same by their key."""
    found = Number(mark, promise.id, row.unit, window=row.window).wanted(shipped().law, NOW)
    return found._replace(kpi=promise.key)


def rows_with_promise(rows: list[ValueRow]) -> Iterator[tuple[ValueRow, Promise]]:
    """Over all items, of promises about cases; of the rows of units one in eleven."""
    promises = {(each.id, each.variant): each for each in shipped().plan.promises if each.about == "case"}
    for number, row in enumerate(rows):
        promise = promises.get((row.kpi, row.variant))
        if promise is not None and row.item == "-" and (row.unit == "ALL" or not number % 11):
            yield row, promise


@pytest.mark.parametrize("mark", COLUMNS)
def test_every_count_beside_a_figure_has_a_list_of_exactly_its_cases(
    mark: Mark, book: Casebook, replayed: tuple[list[ValueRow], list[SignalRow]]
) -> None:
    counted = 0
    for row, promise in rows_with_promise(replayed[0]):
        expected = int(getattr(row, COLUMNS[mark]))
        assert len(list(listed(book, wanted_of(mark, row, promise)))) == expected, (row, mark)
        counted += expected
    assert counted or mark is Mark.PROVISIONAL  # in these weeks all calendars are published


@pytest.mark.parametrize("mark", SHARES)
def test_every_share_beside_a_figure_has_a_list_of_exactly_its_cases(
    mark: Mark, book: Casebook, replayed: tuple[list[ValueRow], list[SignalRow]]
) -> None:
    for row, promise in rows_with_promise(replayed[0]):
        found = len(list(listed(book, wanted_of(mark, row, promise))))
        share = getattr(row, SHARES[mark])
        assert (found > 0) == (share not in ("", "0")), (row, mark, found)


def test_the_misses_of_a_figure_are_what_its_denominator_has_more_than_its_numerator(
    book: Casebook, replayed: tuple[list[ValueRow], list[SignalRow]]
) -> None:
    counted = 0
    for row, promise in rows_with_promise(replayed[0]):
        misses = counted_of(row, promise)
        if misses is not None:
            assert len(list(listed(book, wanted_of(Mark.MISSED, row, promise)))) == misses.misses, row
            counted += misses.misses
    assert counted


def test_every_signal_has_a_list_of_exactly_its_cases(
    book: Casebook, replayed: tuple[list[ValueRow], list[SignalRow]]
) -> None:
    found: Counter[tuple[str, str, str]] = Counter()
    for signal in SIGNALS:
        for each in listed(book, Number(signal).wanted(shipped().law, NOW)):
            found[signal, each.marked.unit, each.marked.item] += 1
    of_cases = {each.removeprefix("~") for each in SIGNALS}
    expected = {
        (f"~{row.signal}", row.unit, row.item): int(row.n)
        for row in replayed[1]
        if row.signal in of_cases and row.n != "0"
    }
    assert found == expected
    assert {signal for signal, _, _ in expected} > {"~anomaly", "~backdated", "~incomplete", "~reported_in_wait"}


def test_pages_give_each_mark_once_in_one_order(book: Casebook) -> None:
    wanted = MarkFilter("~acceptance_days")
    whole = list(listed(book, wanted))
    assert list(listed(book, wanted, limit=7)) == whole
    assert len(set(whole)) == len(whole) > 100
    assert [each.marked.day for each in whole] == sorted((each.marked.day for each in whole), reverse=True)
    with pytest.raises(BadCursor):
        book.marked(wanted, after="bm8")


def test_time_alone_changes_marks_as_if_they_were_made_then(log: Log, tmp_path: Path) -> None:
    """Limits pass while nothing arrives: the index looks at the cases again whose time has come."""
    clock = [NOW - 4 * DAY_US]
    records = [each for each in log.records if each.timestamp * 1000 < clock[0]]
    grown = Index(open_engine(str(tmp_path / "grown"), writes=True), shipped(), PARTITIONS, lambda: clock[0])
    grown.open(0, IDS)
    filled(grown, records)
    before = content(str(tmp_path / "grown"))
    clock[0] = NOW
    filled(grown, [])
    filled(open_index(str(tmp_path / "fresh"), NOW), records)
    after = content(str(tmp_path / "grown"))
    assert after == content(str(tmp_path / "fresh"))
    assert after["casebook_marks"] != before["casebook_marks"]


@pytest.mark.parametrize(
    "wanted",
    [
        MarkFilter("overdue", "K06-1"),
        MarkFilter("overdue", "K06-1", "a"),
        MarkFilter("overdue", "K06-1", parties=("a",)),
    ],
)
def test_a_page_is_a_range_of_an_index_whatever_the_size_of_the_table(wanted: MarkFilter, tmp_path: Path) -> None:
    filled(open_index(str(tmp_path / "c.sqlite"), NOW), [])
    plans: list[str] = []

    def explain(connection: Connection, cursor: object, statement: str, given: object, *_: object) -> None:
        if "marks" in statement and not statement.startswith("EXPLAIN"):
            asked = connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}", given)  # type: ignore[arg-type]  # what the driver was given
            plans.extend(row[3] for row in asked)

    with open_engine(str(tmp_path / "c.sqlite"), writes=False).connect() as connection:
        event.listen(connection, "before_cursor_execute", explain)
        page_of_marks(connection, wanted, None, 50)
    assert len(plans) == 1 and "SEARCH casebook_marks USING INDEX" in plans[0], plans
