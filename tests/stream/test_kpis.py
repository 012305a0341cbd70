"""The kpis stage over a delivery without a broker: what it publishes of a log of tallies, and when."""

import asyncio
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any, cast

import orjson
import pytest
from faust.types import TP

from services.catalog.load.calendars import calendar_of
from services.catalog.load.plan_folder import load_plan
from services.domain.judging.data_quality import FORECASTS
from services.domain.judging.judge import Judge
from services.domain.results.published import ValueRow
from services.domain.results.value_rows import Valuer
from services.domain.sums.tally import Tally, TallyField, TallyKey
from services.domain.time.zone import Instant
from services.messaging.records import tallies as tally_records
from services.messaging.records.fields import KeyValue
from services.messaging.records.latencies import Pairs
from services.messaging.records.tallies import Progress
from services.messaging.records.values import decode_arrivals, is_arrivals
from services.messaging.topics import KPI_TALLIES, KPI_VALUES
from services.runtime.clock import Clock
from streams.delivery.bulk import BulkDelivery
from streams.kpis.kpis import REFRESH_SECONDS, REPEAT_SECONDS, Kpis
from tests.integration.crash_story import write_plan
from tests.stream.delivery import FakeDelivery
from tests.unit.cases import at, judge_of, promise

NOON = at("2021-09-10T12:00")
HOUR_US = 3_600_000_000


@dataclass
class Message:
    key: bytes | None
    value: bytes | None
    offset: int


@pytest.fixture(scope="module")
def judge(tmp_path_factory: pytest.TempPathFactory) -> Judge:
    plan = load_plan(write_plan(tmp_path_factory.mktemp("plan") / "plan"))
    return Judge(plan, calendar_of(plan))


def key(unit: str = "north") -> TallyKey:
    return TallyKey("WITHIN", unit, "-", at("2021-09-08") // (24 * HOUR_US) + 719_163 + 1)


def tally(n: int, met: int) -> Tally:
    counted = Tally()
    counted.add(((TallyField.N, n), (TallyField.MET, met)), None, 1)
    return counted


def progress(epoch: int, swept_to: Instant, partition: int = 0) -> KeyValue:
    return Progress(partition, epoch, swept_to, {}, lag=0).record()


class Stage:
    """A worker's kpis, its clock and its delivery."""

    def __init__(self, judge: Judge, folder: Path, partitions: int = 1) -> None:
        self.delivery = FakeDelivery()
        self.judge = judge
        self.clock = Clock.simulated(folder / "clock.json")
        self.clock.set(NOON, 0)
        self.kpis = Kpis(cast(BulkDelivery, self.delivery), judge, self.clock, partitions)
        asyncio.run(self.kpis.on_assigned(self.delivery.owned, self.delivery.owned))

    def read(self, *records: KeyValue) -> None:
        asyncio.run(self.kpis.on_tallies(TP(KPI_TALLIES, 0), self._messages(records)))

    def read_values(self, *records: KeyValue) -> None:
        asyncio.run(self.kpis.on_values(TP(KPI_VALUES, 0), self._messages(records)))

    def owner(self, epoch: int, tallies: dict[TallyKey, Tally], swept_to: Instant, partition: int = 0) -> None:
        """An owner of a source partition claims it, is complete, and has swept."""
        rows = [tally_records.row(partition, epoch, name, held) for name, held in tallies.items()]
        whole = [tally_records.claim(partition, epoch), *rows, tally_records.complete(partition, epoch)]
        self.read(*whole, progress(epoch, swept_to, partition))

    def tick(self) -> dict[bytes, dict[str, Any] | None]:
        """What it publishes, without signals; None: removed."""
        asyncio.run(self.kpis.on_tick())
        return {
            name or b"": None if value is None else orjson.loads(value)
            for name, value in self.delivery.take(KPI_VALUES)
            if not (name or b"").startswith((b"signal|", b"arrivals|"))
        }

    def arrivals(self) -> list[Pairs]:
        """When the events arrived that each tick since the last call counts anew."""
        sent = self.delivery.take(KPI_VALUES)
        return [decode_arrivals(value).arrivals for name, value in sent if is_arrivals(name or b"")]

    def expected(self, tallies: dict[TallyKey, Tally], as_of: Instant, *, lagging: bool = False) -> list[ValueRow]:
        return Valuer(self.judge).rows(tallies, as_of, {}, lagging=lagging)

    @staticmethod
    def _messages(records: Iterable[KeyValue]) -> Any:
        return [Message(*record, offset) for offset, record in enumerate(records)]


def rows(published: dict[bytes, dict[str, Any] | None]) -> list[ValueRow]:
    found = [ValueRow(*(body[name] for name in ValueRow._fields)) for body in published.values() if body]
    return sorted(found, key=lambda row: row[:7])


@pytest.fixture
def stage(judge: Judge, tmp_path: Path) -> Stage:
    return Stage(judge, tmp_path)


def test_rows_are_those_of_the_valuer_with_their_watermark(stage: Stage) -> None:
    tallies = {key(): tally(4, 3), key("south"): tally(2, 2)}
    stage.owner(1, tallies, NOON - 1)
    published = stage.tick()
    assert rows(published) == stage.expected(tallies, NOON)
    zone = stage.judge.law.zone
    assert {(body["watermark"], body["computed_at"]) for body in published.values() if body} == {
        (zone.text(NOON - 1), zone.text(NOON))
    }


def test_nothing_is_published_before_every_partition_has_said_how_far_it_is(judge: Judge, tmp_path: Path) -> None:
    stage = Stage(judge, tmp_path, partitions=2)
    stage.owner(1, {key(): tally(4, 3)}, NOON - 1, partition=0)
    assert stage.tick() == {}
    stage.owner(1, {key(): tally(1, 1)}, NOON - HOUR_US, partition=1)
    assert rows(stage.tick()) == stage.expected({key(): tally(5, 4)}, NOON - HOUR_US + 1, lagging=True)


def test_only_what_has_changed_is_published(stage: Stage) -> None:
    stage.owner(1, {key(): tally(4, 3), key("south"): tally(2, 2)}, NOON - 1)
    stage.tick()
    assert stage.tick() == {}
    stage.read(tally_records.row(0, 1, key("south"), tally(3, 2)), progress(1, NOON - 1))
    assert {row.unit for row in rows(stage.tick())} == {"ALL", "south"}


@pytest.fixture
def later(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> Callable[[float], None]:
    """Lets real time pass, in seconds, and the clock with it."""
    passed = 0.0

    def pass_by(seconds: float) -> None:
        nonlocal passed
        passed += seconds
        stage.clock.set(NOON + int(passed * 1_000_000), 0)
        stage.read(progress(1, stage.clock.now() - 1))

    began = time.monotonic()
    monkeypatch.setattr("streams.kpis.kpis.time.monotonic", lambda: began + passed)
    return pass_by


def test_silence_is_seen_since_the_rows_of_the_whole_district_are_published_again_with_the_watermark_of_now(
    stage: Stage, later: Callable[[float], None]
) -> None:
    stage.owner(1, {key(): tally(4, 3), key("south"): tally(2, 2)}, NOON - 1)
    everything = stage.tick()
    later(REFRESH_SECONDS - 1)
    assert stage.tick() == {}
    later(2)
    alive = stage.tick()
    assert set(alive) == {name for name in everything if name.split(b"|")[2] == b"ALL"}
    now = stage.judge.law.zone.text(stage.clock.now() - 1)
    assert {body["watermark"] for body in alive.values() if body} == {now}


def test_what_time_alone_changes_is_published_with_the_refresh(
    tmp_path: Path, later: Callable[[float], None], monkeypatch: pytest.MonkeyPatch, stage: Stage
) -> None:
    tallies = {key(): tally(4, 3), key("south"): tally(2, 2)}
    stage.owner(1, tallies, NOON - 1)
    stage.tick()
    computed = stage.kpis._valuer.rows
    monkeypatch.setattr(
        stage.kpis._valuer, "rows",
        lambda *given, **more: [
            row._replace(state="stale") if row.unit == "south" else row for row in computed(*given, **more)
        ],
    )  # fmt: skip
    later(REFRESH_SECONDS + 1)
    assert {row.unit for row in rows(stage.tick())} == {"ALL", "south"}
    later(REFRESH_SECONDS + 1)
    assert {row.unit for row in rows(stage.tick())} == {"ALL"}


@pytest.mark.parametrize("after", [REPEAT_SECONDS + 1, 24 * 3600])
def test_everything_is_published_again_from_time_to_time_and_each_day(
    stage: Stage, later: Callable[[float], None], after: float
) -> None:
    """A topic that was lost is filled again, and who keeps a value for each day has one."""
    stage.owner(1, {key(): tally(4, 3), key("south"): tally(2, 2)}, NOON - 1)
    everything = stage.tick()
    later(after)
    assert stage.tick().keys() == everything.keys()


def test_where_the_watermark_is_set_back_no_row_says_more(stage: Stage) -> None:
    tallies = {key(): tally(4, 3), key("south"): tally(2, 2)}
    stage.owner(1, tallies, NOON - 1)
    stage.tick()
    stage.clock.set(NOON + HOUR_US, 0)
    everything = stage.tick()
    stage.owner(2, tallies, NOON - HOUR_US)
    published = stage.tick()
    assert published.keys() == everything.keys()
    watermark = stage.judge.law.zone.text(NOON - HOUR_US)
    assert {body["watermark"] for body in published.values() if body} == {watermark}


def test_it_says_behind_the_rows_when_the_events_arrived_that_they_count(stage: Stage) -> None:
    whole = {key(): tally(4, 3)}
    stage.owner(1, whole, NOON - 1)
    stage.read(Progress(0, 1, NOON - 1, {}, lag=0, arrivals=((5, 2),)).record())
    asyncio.run(stage.kpis.on_tick())
    assert stage.arrivals() == [], "an owner before it may have published them"
    stage.read(tally_records.row(0, 1, key(), tally(5, 4)))
    for arrivals in (((7, 1),), ((7, 2), (9, 1))):
        stage.read(Progress(0, 1, NOON - 1, {}, lag=0, arrivals=arrivals).record())
    asyncio.run(stage.kpis.on_tick())
    assert is_arrivals(stage.delivery.sent[-1][2][0] or b"")
    assert stage.arrivals() == [((7, 3), (9, 1))]
    asyncio.run(stage.kpis.on_tick())
    assert stage.arrivals() == []


def test_nothing_is_published_before_the_log_is_read_to_the_end_that_it_had(stage: Stage) -> None:
    stage.owner(1, {key(): tally(4, 3)}, NOON - 1)
    stage.delivery.caught_up = False
    assert stage.tick() == {}


def test_then_every_tick_publishes_whatever_is_on_its_way(stage: Stage) -> None:
    stage.owner(1, {key(): tally(4, 3)}, NOON - 1)
    stage.delivery.unread[0] = 3
    assert rows(stage.tick()) == stage.expected({key(): tally(4, 3)}, NOON)


def test_half_of_what_an_owner_changed_is_not_published(stage: Stage) -> None:
    stage.owner(1, {key(): tally(4, 3)}, NOON - 1)
    stage.tick()
    stage.read(tally_records.row(0, 1, key("south"), tally(4, 3)))
    assert stage.tick() == {}
    stage.read(tally_records.row(0, 1, key(), Tally()), progress(1, NOON - 1))
    assert {(row.unit, row.n) for row in rows(stage.tick()) if row.window == "all"} == {("south", "4")}


def test_a_unit_that_is_counted_no_more_vanishes_with_the_next_day(stage: Stage) -> None:
    stage.owner(1, {key(): tally(4, 3), key("south"): tally(2, 2)}, NOON - 1)
    stage.tick()
    stage.read(tally_records.row(0, 1, key("south"), Tally()))
    tomorrow = NOON + 24 * HOUR_US
    stage.clock.set(tomorrow, 0)
    stage.read(progress(1, tomorrow - 1))
    published = stage.tick()
    assert {name for name, body in published.items() if body is None} == {
        f"WITHIN|official|south|-|{window}".encode() for window in ("7d", "all")
    }
    assert rows(published) == stage.expected({key(): tally(4, 3)}, tomorrow)


def test_what_an_earlier_owner_published_and_nobody_computes_any_more_is_removed(stage: Stage) -> None:
    gone = b"GONE|official|north|-|all"
    stage.read_values((gone, b"{}"), (b"WITHIN|official|ALL|-|all", b"{}"), (b"OLD|official|x|-|all", None))
    stage.owner(1, {key(): tally(4, 3)}, NOON - 1)
    assert {name for name, body in stage.tick().items() if body is None} == {gone}


def test_what_is_not_missed_is_stale_once_the_watermark_lags_and_at_once(stage: Stage) -> None:
    tallies = {key(): tally(4, 4)}
    stage.owner(1, tallies, NOON - 1)
    stage.tick()
    stage.clock.set(NOON + HOUR_US, 0)
    published = rows(stage.tick())
    assert published == stage.expected(tallies, NOON, lagging=True)
    assert "stale" in {row.state for row in published}
    stage.read(progress(1, NOON + HOUR_US - 1))
    assert rows(stage.tick()) == stage.expected(tallies, NOON + HOUR_US)


def test_a_new_owner_that_is_still_behind_takes_nothing_back(stage: Stage) -> None:
    """It begins from its rows, and may not have read what the one before it had counted."""
    stage.owner(1, {key(): tally(4, 3)}, NOON - 1)
    stage.tick()
    stage.read(tally_records.claim(0, 5), tally_records.row(0, 5, key(), tally(2, 1)), tally_records.complete(0, 5))
    assert stage.tick() == {}
    stage.read(progress(5, 0))
    assert stage.tick() == {}
    stage.read(tally_records.row(0, 5, key(), tally(5, 4)), progress(5, NOON - 1))
    assert rows(stage.tick()) == [row for row in stage.expected({key(): tally(5, 4)}, NOON) if row.kpi == "WITHIN"]


def test_a_new_owner_that_stays_behind_makes_what_is_not_missed_stale(stage: Stage) -> None:
    stage.owner(1, {key(): tally(4, 4)}, NOON - 1)
    stage.tick()
    stage.owner(5, {key(): tally(2, 2)}, 0)
    stage.clock.set(NOON + HOUR_US, 0)
    assert "stale" in {row.state for row in rows(stage.tick())}


@pytest.mark.parametrize("behind", [0, NOON - HOUR_US - 1])
def test_rows_of_a_new_owner_that_stays_behind_claim_no_more_than_it_has_judged(stage: Stage, behind: Instant) -> None:
    stage.owner(1, {key(): tally(4, 3)}, NOON - 1)
    stage.tick()
    stage.owner(5, {key(): tally(2, 1)}, behind)
    stage.clock.set(NOON + HOUR_US, 0)
    claimed = {body["watermark"] for body in stage.tick().values() if body}
    assert claimed == {stage.judge.law.zone.text(behind or NOON - 1)}


def dies_before_its_first_progress(stage: Stage, epoch: int) -> None:
    """A new owner claims, publishes its rows, and is complete."""
    rows = [tally_records.row(0, epoch, key(), tally(4, 3))]
    stage.read(tally_records.claim(0, epoch), *rows, tally_records.complete(0, epoch))


def test_while_a_partition_does_not_say_how_far_it_is_rows_are_stale_and_keep_the_watermark_known_last(
    stage: Stage,
) -> None:
    stage.owner(1, {key(): tally(4, 3)}, NOON - 1)
    stage.tick()
    dies_before_its_first_progress(stage, 2)
    stage.clock.set(NOON + HOUR_US, 0)
    published = stage.tick()
    assert rows(published) == stage.expected({key(): tally(4, 3)}, NOON, lagging=True)
    assert {body["watermark"] for body in published.values() if body} == {stage.judge.law.zone.text(NOON - 1)}


def test_a_new_kpis_worker_makes_what_is_published_stale_while_a_partition_does_not_say_how_far_it_is(
    judge: Judge, tmp_path: Path
) -> None:
    """Else the rows of the worker before it stay as they were, and look as if they were of today."""
    before = Stage(judge, tmp_path)
    before.owner(1, {key(): tally(4, 3)}, NOON - 1)
    published = [(name, orjson.dumps(body)) for name, body in before.tick().items()]
    after = Stage(judge, tmp_path)
    after.read_values(*published)
    dies_before_its_first_progress(after, 2)
    assert after.tick() == {}
    after.clock.set(NOON + HOUR_US, 0)
    published_then = after.tick()
    assert rows(published_then) == after.expected({key(): tally(4, 3)}, NOON, lagging=True)
    assert {body["watermark"] for body in published_then.values() if body} == {judge.law.zone.text(NOON - 1)}
    after.read(progress(2, NOON + HOUR_US - 1))
    assert rows(after.tick()) == after.expected({key(): tally(4, 3)}, NOON + HOUR_US)


OLDER: dict[str, dict[str, str | None]] = {
    "no watermark was known": {"watermark": ""},
    "nobody published its state at midnight": {"state_at_midnight": None},
    "there was no watermark yet": {"watermark": None, "state_at_midnight": None},
    "neither watermark nor window": {"watermark": "", "window_start": "", "window_end": ""},
}


@pytest.mark.parametrize("change", OLDER.values(), ids=OLDER)
def test_a_kpis_worker_starts_on_what_older_versions_published(
    judge: Judge, tmp_path: Path, change: dict[str, str | None]
) -> None:
    before = Stage(judge, tmp_path)
    before.owner(1, {key(): tally(4, 4)}, NOON - 1)
    reported = {name: body for name, body in before.tick().items() if body}
    written = {
        name: {field: text for field, text in (body | change).items() if text is not None}
        for name, body in reported.items()
    }
    after = Stage(judge, tmp_path)
    after.read_values(*((name, orjson.dumps(body)) for name, body in written.items()))
    after.owner(2, {key(): tally(5, 4)}, NOON - 1)
    published = after.tick()
    assert rows(published) == after.expected({key(): tally(5, 4)}, NOON)


def test_what_cannot_be_read_is_replaced_or_removed_and_the_log_names_its_place(
    stage: Stage, caplog: pytest.LogCaptureFixture
) -> None:
    stage.read_values((b"WITHIN|official|ALL|-|all", b"secret"), (b"nobody", b'{"kpi": 1}'), (b"signal|x", b"[]"))
    stage.owner(1, {key(): tally(4, 3)}, NOON - 1)
    published = stage.tick()
    assert published[b"nobody"] is None
    assert rows(published) == stage.expected({key(): tally(4, 3)}, NOON)
    lines = [record.getMessage() for record in caplog.records]
    assert [line.partition(": ")[0] for line in lines] == [f"kpi.values, partition 0, offset {n}" for n in (0, 1)]
    assert "secret" not in "".join(lines)


def test_a_tally_row_that_cannot_be_read_makes_values_stale_until_its_owner_publishes_it_again(stage: Stage) -> None:
    """Passed over in silence it would be missing in the sums, or would be there with its old amount."""
    stage.owner(1, {key(): tally(4, 4), key("south"): tally(2, 2)}, NOON - 1)
    stage.tick()
    name, _ = tally_records.row(0, 1, key("south"), tally(3, 2))
    later = NOON + HOUR_US
    stage.read((name, b"{"), progress(1, later - 1))
    stage.clock.set(later, 0)
    assert {row.state for row in rows(stage.tick()) if row.unit == "north"} == {"stale"}
    whole = {key(): tally(4, 4), key("south"): tally(3, 2)}
    stage.read(tally_records.row(0, 1, key("south"), tally(3, 2)), progress(1, later - 1))
    assert rows(stage.tick()) == stage.expected(whole, later)


@pytest.mark.parametrize("foreign", [("~declared", "x"), ("", "-"), ("~", "|"), ("~acceptance_days", "")])
def test_a_tally_that_no_owner_makes_stops_nothing(stage: Stage, foreign: tuple[str, str]) -> None:
    kpi, item = foreign
    day = key().day
    stage.read(
        tally_records.claim(0, 1),
        tally_records.row(0, 1, key(), tally(4, 3)),
        tally_records.complete(0, 1),
        tally_records.row(0, 1, TallyKey(kpi, "north", item, day), tally(1, 0)),
        progress(1, NOON - 1),
    )
    assert bool(stage.tick()) is bool(kpi), "what names nothing is a row that cannot be read: its sums are incomplete"
    stage.read(tally_records.row(0, 1, TallyKey(kpi, "north", item, day), tally(2, 0)), progress(1, NOON))
    stage.tick()
    successor = {key(): tally(5, 5)}
    stage.owner(2, successor, NOON + 1)
    assert rows(stage.tick())


def test_after_the_clock_was_set_back_rows_are_stale_until_the_cases_are_judged_again(stage: Stage) -> None:
    tallies = {key(): tally(4, 3)}
    stage.owner(1, tallies, NOON + HOUR_US - 1)
    stage.clock.set(NOON + HOUR_US, 0)
    stage.tick()
    stage.clock.set(NOON, 0)
    stage.read(Progress(0, 1, NOON - 1, {}, lag=0, judged_to=NOON + HOUR_US - 1).record())
    published = stage.tick()
    assert rows(published) == stage.expected(tallies, NOON + HOUR_US, lagging=True)
    assert {body["watermark"] for body in published.values() if body} == {stage.judge.law.zone.text(NOON - 1)}
    again = {key(): tally(3, 3)}
    stage.owner(2, again, NOON - 1)
    assert rows(stage.tick()) == stage.expected(again, NOON)


def test_rows_that_no_longer_count_are_wiped_out_of_the_log(stage: Stage) -> None:
    stage.owner(1, {key(): tally(4, 3)}, NOON - 1)
    stage.tick()
    assert stage.delivery.take(KPI_TALLIES) == []
    stage.owner(5, {key(): tally(4, 3)}, NOON - 1)
    stage.tick()
    wiped = {name for name, value in stage.delivery.take(KPI_TALLIES) if value is None}
    assert wiped == {tally_records.row(0, 1, key(), Tally())[0], b"claim|0|1", b"complete|0|1"}


def test_the_forecast_of_a_dated_promise_is_published_beside_the_rows_until_its_date(tmp_path: Path) -> None:
    count = promise(
        id="DATED", kind="catalogue", statistic="count", select={}, collection="catalogue", objective=">= 3 items",
        by=date(2021, 9, 30), windows=("now",), official_window="now",
    )  # fmt: skip
    stage = Stage(judge_of(count), tmp_path)
    counted = Tally()
    counted.add(((TallyField.N, 1), (TallyField.MET, 1)), at("2021-09-08") // (24 * HOUR_US) + 719_163 + 1, 1)
    stage.owner(1, {TallyKey("DATED", "works", "-", 0): counted}, NOON - 1)
    asyncio.run(stage.kpis.on_tick())
    reported = {name: orjson.loads(value or b"") for name, value in stage.delivery.take(KPI_VALUES) if name}
    ahead = [float(reported[f"signal|{name}|ALL|DATED".encode()]["mean"]) for name in FORECASTS]
    assert ahead[1] <= ahead[0] <= ahead[2]
    assert reported[b"DATED|official|ALL|-|now"]["state"] == "at_risk"


def states_at_midnight(published: dict[bytes, dict[str, Any] | None]) -> dict[str, tuple[str, str]]:
    """Unit → state when the day began, and now, in the window `all`."""
    rows = [body for body in published.values() if body and body["window"] == "all" and body["kpi"] == "WITHIN"]
    return {row["unit"]: (row["state_at_midnight"], row["state"]) for row in rows}


def test_a_row_says_in_which_state_it_was_when_the_day_began(stage: Stage) -> None:
    stage.owner(1, {key(): tally(4, 4)}, NOON - 1)
    assert states_at_midnight(stage.tick())["north"] == ("met", "met")
    stage.read(tally_records.row(0, 1, key(), tally(5, 4)), progress(1, NOON - 1))
    assert states_at_midnight(stage.tick())["north"] == ("met", "missed")
    tomorrow = NOON + 24 * HOUR_US
    stage.clock.set(tomorrow, 0)
    stage.read(progress(1, tomorrow - 1))
    assert states_at_midnight(stage.tick())["north"] == ("missed", "missed")


def test_a_new_owner_knows_from_what_is_published_the_state_of_a_row_at_midnight(judge: Judge, tmp_path: Path) -> None:
    before = Stage(judge, tmp_path)
    before.owner(1, {key(): tally(4, 4)}, NOON - 1)
    reported = {name: body for name, body in before.tick().items() if body}
    after = Stage(judge, tmp_path)
    after.read_values(*((name, orjson.dumps(body)) for name, body in reported.items()))
    after.owner(2, {key(): tally(5, 4)}, NOON - 1)
    assert states_at_midnight(after.tick())["north"] == ("met", "missed")
