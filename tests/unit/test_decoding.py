"""Every reader of every topic takes what older versions, strangers and damage have left there, and goes on."""

import random
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import orjson
import pytest

from services.catalog.load.plan_folder import load_plan
from services.cli.status_reading import DistrictStatus, row_of_known_state, troubles
from services.cli.status_view import Size, StatusView, Wish
from services.cli.values import Cards, latest_change
from services.domain.judging.data_quality import SignalRow
from services.domain.plan.plan import Plan
from services.domain.results.published import Card, ValueRow, Verdict
from services.domain.sums.tally import Tally, TallyField, TallyKey
from services.exporter.__main__ import take_in
from services.exporter.collector import Counts, PlanCollector
from services.exporter.exposition import exposition
from services.exporter.label_sets import LabelSets
from services.exporter.snapshot import Snapshot
from services.messaging import topics
from services.messaging.reader import Record
from services.messaging.records import cards, values, verdicts, worker_failures
from services.messaging.records import tallies as tally_records
from services.messaging.records.fields import KeyValue, Unreadable
from services.messaging.records.tallies import Progress
from services.messaging.tally_log import TallyLog
from services.messaging.tally_reader import Passed, tallies_as_of
from services.runtime.settings import Settings
from services.runtime.worker_failures import WorkerFailure
from tests.unit.mutated_records import STRANGERS, Pair, mutated

T = "2021-10-12T09:59:00+08:00"
ROW = ValueRow(**dict.fromkeys(ValueRow._fields, "")) ._replace(
    kpi="K06-1", unit="ALL", item="-", variant="official", window="year", window_start="2021-01-01T00:00:00+08:00",
    window_end=T, value="0.75", n="4", numerator="3", denominator="4", objective=">= 0.9", state="missed",
)  # fmt: skip
VALUE: Pair = (
    b"K06-1|official|ALL|-|year",
    orjson.dumps(ROW._asdict() | {"computed_at": T, "watermark": T, "state_at_midnight": "met"}),
)
SIGNAL: Pair = (
    b"signal|backdated|/units/x|-",
    orjson.dumps(SignalRow("backdated", "/units/x", "-", "3", "10", "")._asdict() | {"computed_at": T, "watermark": T}),
)
FORECAST: Pair = (
    b"signal|forecast|ALL|K25-1",
    orjson.dumps(SignalRow("forecast", "ALL", "K25-1", "3", "", "3.5")._asdict() | {"computed_at": T, "watermark": T}),
)
ARRIVALS: Pair = (b"arrivals|", b'{"published_ms": 1600000000000, "arrivals": [[1600000000000, 2]]}')
CARD: Pair = (
    b"K06-1|/units/x\x1fW-1|1|-|red",
    orjson.dumps(Card("K06-1", "/units/x W-1", 1, "-", "red", "liangjiang-water", T, T, "", "")._asdict()),
)
VERDICT: Pair = (
    b"K06-1|/units/x\x1fW-1|1",
    orjson.dumps(
        Verdict("K06-1", "/units/x W-1", 1, "liangjiang-water", "-", "missed", T, T, "", T, "clause")._asdict()
    ),
)
FAILURE: Pair = (b"kpis-1", orjson.dumps(WorkerFailure("kpis-1", "kpis", "KeyError at x.py:1", 3, 1.0, 2.0)._asdict()))
LETTER: Pair = (b"case.events|0|7", b'{"reason": "naive_time", "path": "time", "original": "e30="}')


def tally_key(unit: str) -> TallyKey:
    return TallyKey("K06-1", unit, "-", 738_000)


def tally(n: int) -> Tally:
    counted = Tally()
    counted.add(((TallyField.N, n), (TallyField.TOTAL, 10**25 * n)), n, 1)
    return counted


def tally_row(unit: str, n: int, epoch: int = 5) -> KeyValue:
    return tally_records.row(0, epoch, tally_key(unit), tally(n))


PROGRESS = Progress(0, 5, 10, {"/units/x": 9}, lag=0, position=7, judged_to=10).record()
TALLIES = [tally_records.claim(0, 5), tally_row("a", 2), tally_row("b", 3), tally_records.complete(0, 5), PROGRESS]

GOOD: dict[str, list[Pair]] = {
    topics.KPI_VALUES: [VALUE, SIGNAL, FORECAST, ARRIVALS],
    topics.ALERT_CARDS: [CARD],
    topics.CASE_VERDICTS: [VERDICT],
    topics.DEAD_LETTER: [LETTER],
    topics.KPI_TALLIES: [*TALLIES],
    topics.WORKER_FAILURES: [FAILURE],
}


def bad(topic: str, seed: int, count: int = 400) -> Iterator[Pair]:
    """Records that are not what the topic promises (some may be: a text that became another text)."""
    rng = random.Random(seed)
    yield from STRANGERS
    for _ in range(count):
        yield mutated(rng.choice(GOOD[topic]), rng)


@pytest.fixture(scope="module")
def plan() -> Plan:
    return load_plan(Settings().plan)


# ---- the exporter --------------------------------------------------------------------------------------------
@pytest.mark.parametrize("topic", GOOD)
@pytest.mark.parametrize("seed", range(3))
def test_the_exporter_takes_whatever_is_there_and_the_good_records_all_the_same(
    plan: Plan, topic: str, seed: int
) -> None:
    snapshot, clean = Snapshot(LabelSets.of(plan)), Snapshot(LabelSets.of(plan))
    records = [Record(topic, 0, n, *pair) for n, pair in enumerate([*bad(topic, seed), *GOOD[topic]])]
    take_in(records, snapshot)
    take_in([Record(topic, 0, n, *pair) for n, pair in enumerate(GOOD[topic])], clean)
    collector = PlanCollector(plan, snapshot, lambda: 1_634_000_000_000_000, lambda: Counts({}, 1, 1))
    exposition(collector.collect())
    ours, expected = snapshot.scrape(), clean.scrape()
    assert sum(ours.unreadable.values()) > 10
    for name, samples in expected.rows.items():
        assert all(sample in ours.rows[name] for sample in samples)
    for name, samples in expected.signals.items():
        assert all(sample in ours.signals[name] for sample in samples)
    assert all(ours.cards[identity] >= count for identity, count in expected.cards.items())
    assert all(ours.verdicts[identity] >= count for identity, count in expected.verdicts.items())
    assert all(each in ours.failures for each in expected.failures)


def test_a_bad_record_is_logged_with_its_place_and_nothing_of_it(plan: Plan, caplog: pytest.LogCaptureFixture) -> None:
    take_in([Record(topics.ALERT_CARDS, 3, 41, b"W-SECRET", b'{"case": "W-SECRET"}')], Snapshot(LabelSets.of(plan)))
    (line,) = [record.getMessage() for record in caplog.records]
    assert line.startswith("alert.cards, partition 3, offset 41: the record cannot be read and is passed over")
    assert "SECRET" not in line


# ---- the log of tallies --------------------------------------------------------------------------------------
def counted(log: TallyLog) -> dict[str, int]:
    return {name.unit: held.cells[TallyField.N] for name, held in log.tallies().items()}


@pytest.mark.parametrize("seed", range(200))
def test_one_bad_record_in_the_log_of_tallies_makes_sums_incomplete_or_is_as_if_it_were_not_there(seed: int) -> None:
    """It is never counted as something else, and the owner that comes next is right again."""
    rng = random.Random(seed)
    log, good = TallyLog(), [*TALLIES]
    worse = mutated(rng.choice([tally_row("a", 1), tally_row("b", 9), PROGRESS, tally_records.complete(0, 5)]), rng)
    place = rng.randrange(3, len(good) + 1)
    for pair in [*good[:place], worse, *good[place:]]:
        wrong = log.append(*pair)
        assert "/units" not in wrong
    log.append(*PROGRESS)
    assert {name.unit for name in log.tallies()} <= {"a", "b"}
    assert log.watermark(1) is not None or log.incomplete() == [0] or not log.progress()
    second = [tally_records.claim(0, 9), tally_row("a", 2, 9), tally_records.complete(0, 9), progress_of(9)]
    for pair in second:
        log.append(*pair)
    assert counted(log) == {"a": 2}
    assert (log.watermark(1), log.incomplete()) == (10, [])


def progress_of(epoch: int) -> Pair:
    return Progress(0, epoch, 10, {}, lag=0).record()


ROW_NAME = tally_row("b", 3)[0]
DAMAGED: dict[str, bytes] = {
    "no JSON": b"{",
    "no object": b"[]",
    "nothing in it": b"{}",
    "no tally": orjson.dumps({"type": "row", "partition": 0, "epoch": 5, "key": list(tally_key("b"))}),
    "another unit than its key": tally_row("c", 3)[1] or b"",
    "another owner than its key": tally_row("b", 3, 6)[1] or b"",
    "a cell of a newer version": (tally_row("b", 3)[1] or b"").replace(b"[[0,3]", b"[[99,3]"),
    "an amount that is none": (tally_row("b", 3)[1] or b"").replace(b"[[0,3]", b"[[0,3.5]"),
    "true for 1": (tally_row("b", 3)[1] or b"").replace(b"[[0,3]", b"[[0,true]"),
}


@pytest.mark.parametrize("value", DAMAGED.values(), ids=DAMAGED)
def test_a_row_that_cannot_be_read_makes_its_partition_incomplete_until_it_is_there_again(value: bytes) -> None:
    log = TallyLog()
    for pair in TALLIES:
        log.append(*pair)
    assert (log.watermark(1), counted(log)) == (10, {"a": 2, "b": 3})
    assert log.append(ROW_NAME, value)
    log.append(*PROGRESS)
    assert (log.watermark(1), log.incomplete()) == (None, [0])
    log.append(*tally_row("b", 4))
    log.append(*PROGRESS)
    assert (log.watermark(1), log.incomplete(), counted(log)) == (10, [], {"a": 2, "b": 4})


def test_a_damaged_row_of_an_owner_that_is_replaced_is_wiped_out_with_its_rows() -> None:
    log = TallyLog()
    for pair in [*TALLIES, (ROW_NAME, b"{"), tally_records.claim(0, 9), tally_records.complete(0, 9), progress_of(9)]:
        log.append(*pair)
    assert log.incomplete() == []
    assert ROW_NAME in log.take_superseded()


def test_an_owner_whose_completion_cannot_be_read_is_complete_with_its_first_progress() -> None:
    log = TallyLog()
    name, _ = tally_records.complete(0, 9)
    for pair in [*TALLIES, tally_records.claim(0, 9), tally_row("a", 7, 9), (name, b"garbage")]:
        log.append(*pair)
    assert counted(log) == {"a": 2, "b": 3}
    log.append(*progress_of(9))
    assert (log.watermark(1), counted(log)) == (10, {"a": 7})


OLDER_TALLIES: dict[str, list[Pair]] = {
    "marks without the epoch in their key": [
        (b"claim|0", b'{"type":"claim","partition":0,"epoch":5}'), tally_row("a", 2),
        (b"complete|0", b'{"type":"complete","partition":0,"epoch":5}'), PROGRESS,
    ],
    "progress with dead letters, without position": [
        *TALLIES[:2], TALLIES[3],
        (b"progress|0", b'{"type":"progress","partition":0,"epoch":5,"swept_to":10,"sources":{},"lag":0,'
         b'"dead_letters":{"malformed":1}}'),
    ],
    "progress that does not say how late it is judged": [
        *TALLIES[:2], TALLIES[3],
        (b"progress|0", b'{"type":"progress","partition":0,"epoch":5,"swept_to":10,"sources":{},"lag":0,"position":7}'),
    ],
    "a claim from before there were epochs": [
        (b"claim|0", b'{"type":"claim","partition":0,"worker":"cases-1"}'), *TALLIES[:2], TALLIES[3], PROGRESS,
    ],
}  # fmt: skip


@pytest.mark.parametrize("records", OLDER_TALLIES.values(), ids=OLDER_TALLIES)
def test_the_log_of_tallies_of_older_versions_is_read(records: list[Pair]) -> None:
    log = TallyLog()
    for pair in records:
        log.append(*pair)
    assert (log.watermark(1), counted(log)) == (10, {"a": 2})


def test_rows_that_are_lost_in_the_changelog_make_their_partition_incomplete() -> None:
    log = TallyLog()
    for pair in [*TALLIES, Progress(0, 5, 10, {}, lag=0, lost=2).record()]:
        log.append(*pair)
    assert (log.watermark(1), log.incomplete()) == (None, [0])
    log.append(*PROGRESS)
    assert log.watermark(1) == 10


# ---- status and values ---------------------------------------------------------------------------------------
READERS: dict[str, list[Callable[[bytes], Any]]] = {
    topics.KPI_VALUES: [values.decode_row, row_of_known_state, values.decode_signal],
    topics.ALERT_CARDS: [cards.decode, cards.decode_for_notice],
    topics.CASE_VERDICTS: [verdicts.decode],
    topics.WORKER_FAILURES: [worker_failures.decode],
    topics.KPI_TALLIES: [partial(tally_records.decode_progress, b"progress|0")],
}


@pytest.mark.parametrize(("topic", "read"), [(topic, read) for topic, reads in READERS.items() for read in reads])
def test_what_is_read_is_whole_or_it_is_unreadable(plan: Plan, topic: str, read: Callable[[bytes], Any]) -> None:
    for _, value in bad(topic, 7, 1_500):
        try:
            found = read(value)  # type: ignore[arg-type]  # a null is a record, too
        except Unreadable:
            continue
        if isinstance(found, values.PublishedRow) and read is row_of_known_state:
            _ = found.as_of
            of_row = DistrictStatus([found.row], {}, [], found.computed_at, found.watermark)
            StatusView(plan, Wish(found.row.unit, everything=True)).page(of_row, Size(80, 24))
        if isinstance(found, Card) and read is cards.decode:
            latest_change(found)
            StatusView(plan, Wish()).page(DistrictStatus([], {}, [found], "", ""), Size(80, 24))
        if isinstance(found, WorkerFailure):
            troubles(DistrictStatus([], {}, [], "", "", failures=[found], unreadable=3))


OLDER_ROWS: dict[str, dict[str, Any]] = {
    "without watermark": {"watermark": None},
    "with an empty watermark": {"watermark": ""},
    "without the state at midnight": {"state_at_midnight": None},
    "with a field of a newer version": {"interval_method": "wilson"},
    "without late entries": {"late_entry_n": None, "unmeasured_n": None},
    "without awaiting, provisional, unclassified": {
        "awaiting_n": None,
        "provisional_n": None,
        "unclassified_n": None,
    },
}


@pytest.mark.parametrize("change", OLDER_ROWS.values(), ids=OLDER_ROWS)
def test_rows_of_older_and_newer_versions_are_read(change: dict[str, Any]) -> None:
    body = {name: text for name, text in (orjson.loads(VALUE[1] or b"") | change).items() if text is not None}
    found = values.decode_row(orjson.dumps(body))
    assert (found.row.kpi, found.row.state, found.row.value) == ("K06-1", "missed", "0.75")
    assert found.watermark == body.get("watermark", "")
    assert found.state_at_midnight == body.get("state_at_midnight", "missed")
    assert found.as_of is not None


def test_cards_that_cannot_be_read_are_counted_by_key_until_they_can() -> None:
    held = Cards({}, set())
    key, value = CARD
    held.take(Record(topics.ALERT_CARDS, 0, 0, b"other", b"{"))
    held.take(Record(topics.ALERT_CARDS, 0, 1, key, b"{"))
    assert (len(held.cards), held.unreadable) == (0, {b"other", key})
    held.take(Record(topics.ALERT_CARDS, 0, 2, key, value))
    held.take(Record(topics.ALERT_CARDS, 0, 3, b"other", None))
    assert (len(held.cards), held.unreadable) == (1, set())


# ---- cards that are odd --------------------------------------------------------------------------------------
BODY = orjson.loads(CARD[1] or b"")
CLEARED = BODY | {"cleared_at": T, "reason": "completed"}
ODD_TIMES = ("yesterday", "2021-10-12T09:59:00", "9999-01-01T00:00:00Z")
ODD = [
    {"raised_at": None}, *({"raised_at": odd} for odd in ODD_TIMES), *({"due_at": odd} for odd in ODD_TIMES),
    {"cycle": -1}, {"cycle": True}, {"kpi": ""}, {"case": ""}, {"due_at": None}, {"node": None}, {"reason": None},
]  # fmt: skip
NO_NOTICE = [
    {"level": "purple"}, {"level": None}, {"level": ["red"]}, {"cycle": None}, {"cycle": "1"}, {"cycle": 1.0},
    {"kpi": None}, {"kpi": 6}, {"case": None}, {"case": ["W-1"]}, {"node": 7}, {"cleared_at": {}},
]  # fmt: skip
ONLY_AN_END = [{"unit": None}, {"unit": 7}, {"raised_at": 3}, {"due_at": {}}, {"reason": []}]


def forms(change: dict[str, Any], body: dict[str, Any]) -> Iterator[bytes]:
    """The record with a change; what is null is also left out."""
    changed = body | change
    yield orjson.dumps(changed)
    yield orjson.dumps({name: value for name, value in changed.items() if value is not None})


@pytest.mark.parametrize("body", [BODY, CLEARED], ids=["active", "cleared"])
@pytest.mark.parametrize("change", ODD, ids=str)
def test_an_odd_card_is_notified_and_is_still_not_counted_where_it_was_not(
    change: dict[str, Any], body: dict[str, Any]
) -> None:
    for value in forms(change, body):
        found = cards.decode_for_notice(value)
        expected = body | change
        for name, cell in expected.items():
            assert getattr(found, name) == (cell if cell is not None else "-" if name == "node" else "")
    with pytest.raises(Unreadable):
        cards.decode(orjson.dumps(body | change))


@pytest.mark.parametrize("body", [BODY, CLEARED], ids=["active", "cleared"])
@pytest.mark.parametrize("change", NO_NOTICE, ids=str)
def test_a_card_without_identity_is_unreadable(change: dict[str, Any], body: dict[str, Any]) -> None:
    for value in forms(change, body):
        with pytest.raises(Unreadable):
            cards.decode_for_notice(value)


@pytest.mark.parametrize("change", ONLY_AN_END, ids=str)
def test_the_end_of_a_card_is_read_whatever_else_is_wrong(change: dict[str, Any]) -> None:
    (name,) = change
    for value in forms(change, CLEARED):
        assert cards.decode_for_notice(value)._asdict() == CLEARED | {name: ""}
    with pytest.raises(Unreadable):
        cards.decode_for_notice(orjson.dumps(BODY | change))


# ---- a clock that is set back --------------------------------------------------------------------------------
def log_of(swept_to: int, **said: Any) -> TallyLog:
    log = TallyLog()
    for pair in [*TALLIES[:-1], Progress(0, 5, swept_to, said.pop("sources", {}), lag=0, **said).record()]:
        log.append(*pair)
    return log


@pytest.mark.parametrize(
    "said",
    [{"judged_to": 20}, {"sources": {"/units/x": 20}}, {"judged_to": 11}],
    ids=["judged later", "received later", "by a microsecond"],
)
def test_what_was_judged_or_received_later_than_asked_is_never_an_answer(said: dict[str, Any]) -> None:
    with pytest.raises(Passed) as passed:
        tallies_as_of(log_of(10, **said), 1, 10, unread=0)
    assert passed.value.judged_to == max(said.get("judged_to", 0), *said.get("sources", {"": 0}).values())


def test_where_the_clock_is_stopped_the_answer_is_exact() -> None:
    standing = tallies_as_of(log_of(10, judged_to=10, sources={"/units/x": 9}), 1, 10, unread=0)
    assert standing is not None and standing.watermark == 10
    assert tallies_as_of(log_of(9, judged_to=9), 1, 10, unread=0) is None
    assert tallies_as_of(log_of(10), 1, 10, unread=1) is None
    with pytest.raises(Passed):
        tallies_as_of(log_of(11), 1, 10, unread=0)
