"""The bytes on the topics: what each codec writes stays as the versions before wrote it."""

from datetime import datetime

import orjson

from services.domain.judging.data_quality import SignalRow
from services.domain.results.cards import RETRACTED, CardState
from services.domain.results.published import ValueRow, Verdict
from services.domain.sums.tally import Tally, TallyKey
from services.domain.time.zone import Zone, instant_of
from services.messaging.records import cards, rows, tallies, values, verdicts, worker_failures
from services.messaging.records.latencies import Latencies
from services.messaging.records.values import Times
from services.metric_names import metrics
from services.runtime.worker_failures import WorkerFailure

ZONE = Zone("Asia/Shanghai")
T = "2021-10-12T09:59:00+08:00"
AT = instant_of(datetime.fromisoformat(T))
CASE = "/units/x\x1fW-1"
STATE = CardState("K06-1", 1, "-", "red", "water", AT, None, None, "")


def test_a_card() -> None:
    assert cards.card_record(STATE, CASE, ZONE) == (
        b"K06-1|/units/x\x1fW-1|1|-|red",
        b'{"kpi":"K06-1","case":"/units/x W-1","cycle":1,"node":"-","level":"red","unit":"water",'
        b'"raised_at":"2021-10-12T09:59:00+08:00","due_at":"","cleared_at":"","reason":""}',
    )
    assert cards.card_record(STATE._replace(reason=RETRACTED), CASE, ZONE) == (b"K06-1|/units/x\x1fW-1|1|-|red", None)


def test_a_card_is_named_by_its_key_and_by_itself_alike() -> None:
    key, value = cards.card_record(STATE, CASE, ZONE)
    assert cards.name_of_key(key) == cards.name_of(cards.decode(value)) == "K06-1|/units/x W-1|1|-|red"
    retracted = cards.retracted_of_name(cards.name_of_key(key))
    assert retracted is not None and retracted[:5] == cards.decode(value)[:5]


def test_a_verdict() -> None:
    verdict = Verdict("K06-1", "/units/x W-1", 1, "water", "-", "missed", T, T, "", T, "clause")
    key, value = verdicts.verdict_record("K06-1", CASE, 1, verdict)
    assert (key, orjson.loads(value or b"")) == (b"K06-1|/units/x\x1fW-1|1", verdict._asdict())
    assert list(orjson.loads(value or b"")) == list(Verdict._fields)
    assert verdicts.decode(value) == verdict
    assert verdicts.verdict_record("K06-1", CASE, 1, None) == (key, None)


def test_the_columns_with_numbers_are_those_that_have_a_metric() -> None:
    assert set(values.FIGURES) == set(metrics.ROW_METRICS)


def test_a_value_row_and_its_numbers() -> None:
    empty = ValueRow(**dict.fromkeys(ValueRow._fields, ""))
    row = empty._replace(
        kpi="K06-1", variant="official", unit="ALL", item="-", window="year", value="0.75", n="4", state="missed",
        objective="3..5",
    )  # fmt: skip
    key, value = values.row_record(row, Times(T, T), "met")
    body = row._asdict() | {"computed_at": T, "watermark": T, "state_at_midnight": "met"}
    assert (key, value) == (b"K06-1|official|ALL|-|year", orjson.dumps(body))
    found = values.decode(key, value)
    assert isinstance(found, values.PublishedRow)
    assert (found.row, found.figures) == (row, {"value": 0.75, "n": 4.0, "objective": 3.0})


def test_a_signal_and_a_forecast() -> None:
    key, value = values.signal_record(SignalRow("backdated", "/units/x", "-", "3", "10", ""), Times(T, ""))
    assert key == b"signal|backdated|/units/x|-"
    assert value == (
        b'{"signal":"backdated","unit":"/units/x","item":"-","n":"3","of":"10","mean":"",'
        b'"computed_at":"2021-10-12T09:59:00+08:00","watermark":""}'
    )
    assert values.decode(key, value) == values.Signal("backdated", "/units/x", "-", 3, 10, None)
    forecast = values.signal_of(SignalRow("forecast", "ALL", "K25-1", "40", "", "61.5"))
    assert (forecast.is_forecast, forecast.mean, forecast.n) == (True, 61.5, None)


def test_the_log_of_tallies() -> None:
    assert tallies.claim(0, 5) == (b"claim|0|5", b'{"type":"claim","partition":0,"epoch":5}')
    assert tallies.complete(0, 5) == (b"complete|0|5", b'{"type":"complete","partition":0,"epoch":5}')
    key = TallyKey("K06-1", "water", "-", 738_000)
    counted = Tally()
    counted.add(((0, 2),), 7, 1)
    assert tallies.row(0, 5, key, counted) == (
        b"row|0|5|K06-1|water|-|738000",
        b'{"type":"row","partition":0,"epoch":5,"key":["K06-1","water","-",738000],"tally":[[[0,2]],[[7,1]]]}',
    )
    waited = Latencies()
    waited.add({0: 2}, 70)
    answered = waited.packed()
    counts = {"/units/x": 4}, {"": 1}
    progress = tallies.Progress(0, 5, 10, {"/units/x": 9}, 1, 7, 10, 2, 1, 3, *counts, answered, ((5, 2),))
    assert progress.record() == (
        b"progress|0",
        b'{"type":"progress","partition":0,"epoch":5,"swept_to":10,"sources":{"/units/x":9},"lag":1,"position":7,'
        b'"judged_to":10,"lost":2,"quarantined":1,"retried":3,"refused":{"/units/x":4},"left_out":{"":1},'
        b'"answered":[140,0,2,0,0,0,0,0,0,0,0,0,0,0,0],"arrivals":[[5,2]]}',
    )
    assert tallies.decode(*progress.record()) == progress


def test_a_failing_worker() -> None:
    failure = WorkerFailure("kpis-1", "kpis", "KeyError", 3, 1.0, 2.0)
    key, value = worker_failures.failure_record("kpis-1", failure)
    assert (key, value) == (
        b"kpis-1",
        b'{"worker":"kpis-1","stage":"kpis","cause":"KeyError","times":3,"since":1.0,"last":2.0}',
    )
    assert worker_failures.decode(value) == failure
    assert worker_failures.failure_record("kpis-1", None) == (b"kpis-1", None)


def test_the_changelog() -> None:
    assert rows.encode(5, b"[]") == (b"\x00\x00\x00\x00\x00\x00\x00\x05[]", [])
    assert rows.encode(5, None) == (None, [("epoch", b"\x00\x00\x00\x00\x00\x00\x00\x05")])
    assert (rows.dump_row([1, "区"]), rows.load_row(rows.dump_row([2**70]))) == ('[1,"区"]'.encode(), [2**70])
