"""Replay: the same answers however the work is divided, every bad event reported, nothing else lost."""

import csv
import gzip
import json
import random
import re
import tracemalloc
from collections import Counter
from collections.abc import Iterator, Sequence
from datetime import date, datetime
from pathlib import Path
from typing import Any

import pytest

from services.catalog.load.calendars import calendar_of
from services.catalog.load.plan_folder import load_plan
from services.domain.plan.statutory_time import Law
from services.domain.results.published import Level, ValueRow
from services.domain.time.zone import Zone
from services.replay.csv_files import write_cards, write_values
from services.replay.external_sort import SortedRows
from services.replay.file_chunks import LINES_AT_ONCE, file_chunks
from services.replay.periods import Every, period_ends
from services.replay.replay import replay
from services.simulator.district.profile import parse_faults, profile
from services.simulator.simulation import Simulation
from tests.unit.commands import run

PLAN = Path("services/catalog/jiangbei-2021")
ZONE = Zone("Asia/Shanghai")
DAYS = 24


def at(text: str) -> int:
    return ZONE.instant(datetime.fromisoformat(text))


def lines_of_the_district() -> list[bytes]:
    """24 days of the simulated district, every fault in it."""
    plan = load_plan(PLAN)
    law = Law(plan, calendar_of(plan))
    chosen = profile("demo").at_volume(20)
    history = Simulation(law, chosen, 11, date(2021, 8, 20), DAYS, faults=parse_faults("all"))
    return [event.line + b"\n" for event in history.events()]


def answers(
    files: Sequence[Path], folder: Path, as_of: str = "2021-09-13", every: Every | None = None, processes: int = 1
) -> tuple[bytes, bytes]:
    """values.csv and cards.csv."""
    done = replay(
        [str(file) for file in files], PLAN, [at(as_of)], every=every, with_cards=True, processes=processes
    )  # fmt: skip
    write_values(folder / "values.csv", done.rows)
    write_cards(folder / "cards.csv", done.cards)
    return (folder / "values.csv").read_bytes(), (folder / "cards.csv").read_bytes()


def written(path: Path, lines: Sequence[bytes]) -> Path:
    path.write_bytes(b"".join(lines))
    return path


@pytest.fixture(scope="module")
def lines() -> list[bytes]:
    return lines_of_the_district()


@pytest.fixture(scope="module")
def weekly(lines: list[bytes], tmp_path_factory: pytest.TempPathFactory) -> tuple[bytes, bytes]:
    """values.csv with the end of each week, and cards.csv, of all lines as they came."""
    folder = tmp_path_factory.mktemp("weekly")
    return answers([written(folder / "whole.jsonl", lines)], folder, every=Every.WEEK)


# ---- the same answers --------------------------------------------------------------------------------------
def in_disorder(lines: list[bytes], folder: Path) -> list[Path]:
    """The same lines in another order, in five files, one of them packed."""
    rng = random.Random(5)
    shuffled = rng.sample(lines, len(lines))
    parts = [written(folder / f"{number}.jsonl", shuffled[number::5]) for number in range(4)]
    packed = folder / "4.jsonl.gz"
    packed.write_bytes(gzip.compress(b"".join(shuffled[4::5])))
    return [packed, *reversed(parts)]


def test_any_order_of_lines_and_files_gives_the_same_bytes(
    lines: list[bytes], weekly: tuple[bytes, bytes], tmp_path: Path
) -> None:
    """That any number of processes does, too: tests/commands/test_processes.py."""
    assert weekly[0].count(b"\n") > 1000
    assert weekly[1].count(b"\n") > 15
    assert answers(in_disorder(lines, tmp_path), tmp_path, every=Every.WEEK) == weekly


def test_each_point_of_a_series_is_what_a_replay_as_of_it_says(
    lines: list[bytes], weekly: tuple[bytes, bytes], tmp_path: Path
) -> None:
    file = written(tmp_path / "events.jsonl", lines)
    series = csv_rows(weekly[0])
    ends = sorted({row["window_end"] for row in series})
    # the first fact is an application that was held back since before the plan
    assert ends[-4:] == [f"2021-{day}T00:00:00+08:00" for day in ("08-23", "08-30", "09-06", "09-13")]
    for end in ends[-3:-1]:
        alone = csv_rows(answers([file], tmp_path, as_of=end[:10])[0])
        assert [row for row in series if row["window_end"] == end] == alone


def test_what_is_known_beside_a_series_is_what_a_replay_as_of_it_knows(lines: list[bytes], tmp_path: Path) -> None:
    files, times = (
        [str(written(tmp_path / "events.jsonl", lines))],
        [at(f"2021-09-{day}") for day in ("01", "06", "25")],  # by the last some are red: no report is awaited any more
    )
    side_results = replay(files, PLAN, times, with_side_results=True, processes=1).side_results
    for time, side in zip(times, side_results, strict=True):
        alone = replay(files, PLAN, [time], with_side_results=True, with_cards=True, processes=1)
        assert alone.side_results == [side]
        cards = {what: count for what, count in side.issued.items() if what[2] in set(Level)}
        assert cards == Counter((card.kpi, card.unit, card.level) for card in alone.cards if not card.cleared_at)
        assert side.signals and side.last_events
    assert {what for _, _, what in side_results[-1].issued} >= {"yellow", "red", "missed"}


def test_as_corrected_a_correction_counts_from_the_arrival_of_what_it_corrects(
    lines: list[bytes], tmp_path: Path
) -> None:
    read = [json.loads(line) for line in lines if b"case.completed" in line and b"case.corr" not in line]
    known = b"".join(lines)
    wrong = next(
        one
        for one in read
        if one["type"] == "case.completed"
        and one["time"] < "2021-08-30"
        and known.count(f'"{one["id"]}"'.encode()) == 1
    )
    said = {"id": "late-correction", "type": "correction", "data": {"of": wrong["id"], "event": None}}
    when = dict.fromkeys(("time", "recordedat", "receivedat"), "2021-09-12T10:00:00+08:00")
    kept = {name: wrong[name] for name in ("specversion", "source", "subject", "datacontenttype")}
    late = json.dumps({**kept, **said, **when}).encode() + b"\n"

    def values(content: list[bytes], *, as_corrected: bool = False) -> list[ValueRow]:
        file = written(tmp_path / "events.jsonl", content)
        return list(replay([str(file)], PLAN, [at("2021-09-06")], as_corrected=as_corrected, processes=1).rows)

    usual = values(lines)
    assert values([*lines, late]) == usual
    never = values([line for line in lines if f'"{wrong["id"]}"'.encode() not in line])
    assert values([*lines, late], as_corrected=True) == never != usual


def csv_rows(content: bytes) -> list[dict[str, str]]:
    return list(csv.DictReader(content.decode().splitlines()))


def test_rows_are_sorted_and_unix_ended(weekly: tuple[bytes, bytes]) -> None:
    values, cards = weekly
    assert b"\r" not in values + cards
    for content in (values, cards):
        rows = [tuple(row.values())[:5] for row in csv_rows(content)]
        assert rows == sorted(rows)


# ---- periods -----------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("every", "first", "as_of", "expected"),
    [
        (Every.MONTH, "2021-11-30T23:59", "2022-02-01", ["2021-12-01", "2022-01-01"]),
        (Every.MONTH, "2021-12-01", "2022-01-01", []),
        (Every.WEEK, "2021-08-20", "2021-09-01", ["2021-08-23", "2021-08-30"]),
        (Every.WEEK, "2021-08-23", "2021-08-31", ["2021-08-30"]),
        (Every.DAY, "2021-08-20T12:00", "2021-08-22T00:00:01", ["2021-08-21", "2021-08-22"]),
        (Every.DAY, "2021-08-20T12:00", "2021-08-20T13:00", []),
        (Every.DAY, "2021-08-20T12:00", "2020-01-01", []),
    ],
)
def test_periods_end_at_local_midnights_between_the_first_event_and_the_as_of_time(
    every: Every, first: str, as_of: str, expected: list[str]
) -> None:
    assert period_ends(at(first), at(as_of), every, ZONE) == [at(each) for each in expected]


# ---- parts -------------------------------------------------------------------------------------------------
def test_blocks_are_whole_lines_with_their_numbers(tmp_path: Path) -> None:
    content = [b"first\n", b"\n", b"a much longer line than a block\n", b"x\n", b"the last, unended"]
    file = written(tmp_path / "events.jsonl", content)
    for size in (1, 3, 7, 1000):
        found = list(file_chunks([str(file), str(file)], size))
        assert [block.number for block in found] == list(range(len(found)))
        numbered = [
            (number, line)
            for block in found
            for number, line in enumerate(block.lines.splitlines(keepends=True), block.first_line)
        ]
        assert numbered == list(enumerate(content, 1)) * 2


@pytest.mark.parametrize("name", ["plain.jsonl", "packed.jsonl.gz"])
def test_a_line_of_any_length_takes_little_memory_and_is_refused_in_its_place(tmp_path: Path, name: str) -> None:
    line = b'{"a":"' + b"a" * 40_000_000 + b'"}\n'
    file = tmp_path / name
    file.write_bytes(
        gzip.compress(b"1\n" + line + b"2\n" + line[:-1], 1) if name.endswith(".gz") else b"1\n" + line * 2
    )
    found: list[tuple[int, bytes]] = []
    tracemalloc.start()
    for block in file_chunks([str(file)], 256 * 1024):
        found += [(block.first_line + index, each[:8]) for index, each in enumerate(block.lines.splitlines())]
        assert len(block.lines) < 1_000_000
    assert tracemalloc.get_traced_memory()[1] < 4_000_000
    tracemalloc.stop()
    lines = [1, 2, 3, 4] if name.endswith(".gz") else [1, 2, 3]
    assert [number for number, _ in found] == lines
    replayed = replay([str(file)], PLAN, [], processes=1)
    assert [(each.line, each.reason) for each in replayed.rejected] == [
        (number, "too_large" if beginning.startswith(b"{") else "malformed") for number, beginning in found
    ]


def test_blanks_before_an_event_do_not_hide_it_however_many(tmp_path: Path) -> None:
    file = written(tmp_path / "events.jsonl", [b" " * 3_000_000 + b"{}\n", b"   \n", b"{}"])
    found = replay([str(file)], PLAN, [], processes=1)
    assert [(each.line, each.reason) for each in found.rejected] == [(1, "too_large"), (3, "malformed")]


def test_a_block_has_so_many_lines_that_all_may_be_refused(tmp_path: Path) -> None:
    for content in (b"1\n" * 50_001, b"1\n" * 50_000 + b"1", b"\r\n" * 40_000):
        file = tmp_path / "events.jsonl"
        file.write_bytes(content)
        found = list(file_chunks([str(file)]))
        assert b"".join(block.lines for block in found) == content
        assert max(block.lines.count(b"\n") for block in found) <= LINES_AT_ONCE
        starts = [block.first_line for block in found]
        assert starts == [1 + sum(block.lines.count(b"\n") for block in found[:n]) for n in range(len(found))]


def test_a_damaged_file_is_named_with_how_far_it_was_read(tmp_path: Path) -> None:
    broken = tmp_path / "events.jsonl.gz"
    broken.write_bytes(gzip.compress(b"".join(b"%d\n" % number for number in range(99999)))[:-500])
    with pytest.raises(EOFError, match=r"events\.jsonl\.gz: after line \d+"):
        list(file_chunks([str(broken)], 1000))


@pytest.mark.parametrize("in_memory", [1, 7, 1000])
def test_rows_come_back_sorted_whether_they_fit_into_memory_or_not(in_memory: int) -> None:
    rng = random.Random(1)
    rows = [(rng.choice("abc"), rng.randrange(10)) for _ in range(100)]
    kept: SortedRows[tuple[str, int]] = SortedRows(in_memory)
    for begin in range(0, 100, 3):
        kept.add(rows[begin : begin + 3])
    assert len(kept) == 100
    assert list(kept) == sorted(rows)
    assert list(kept) == sorted(rows)


# ---- bad input (docs/contract.md) -------------------------------------------------------------------------------
WATER = "/units/liangjiang-water"


def event(ident: str, kind: str = "case.accepted", subject: str = "W-1", hour: int = 9, **given: Any) -> dict[str, Any]:
    """A good event; a given name replaces its attribute, None takes it away."""
    data: dict[str, Any] = {"outcome": "granted"}
    if kind == "case.accepted":
        data = {"service_item": "water.connection", "unit": "liangjiang-water", "channel": "online"}
    time = f"2021-09-16T{hour:02}:12:00+08:00"
    whole = {
        "specversion": "1.0", "id": ident, "source": WATER, "type": kind, "subject": subject, "time": time,
        "recordedat": time, "datacontenttype": "application/json", "data": data, **given,
    }  # fmt: skip
    return {name: value for name, value in whole.items() if value is not None}


def accepted_data(**given: Any) -> dict[str, Any]:
    return {"service_item": "water.connection", "unit": "liangjiang-water", **given}


def correction(ident: str, of: str) -> dict[str, Any]:
    return event(ident, "correction", "W-1", 11, data={"of": of, "event": None})


BAD: dict[str, bytes | dict[str, Any]] = {
    "malformed": b'{"specversion": "1.0", "id": ',
    "unknown_type": event("u1", "case.closed"),
    "unknown_field": event("u2", data=accepted_data(colour="blue")),
    "invalid_value": event("u3", data=accepted_data(channel="window")),
    "naive_time": event("u4", time="2021-09-16T09:12:00"),
    "from_the_future": event("u5", time="2021-09-16T10:12:00+08:00"),
    "id_conflict": event("g1", data=accepted_data(channel="phone")),
    "unknown_source": event("u6", source="/units/nobody"),
    "unknown_unit": event("u7", data=accepted_data(unit="nobody")),
    "unknown_service_item": event("u8", data=accepted_data(service_item="water.nothing")),
    "bad_correction": correction("u9", "c1"),
    "not_entitled": event("u10", source="/units/state-grid-shibei", data=accepted_data()),
    "personal_data": event("u11", subject="13812345678"),
    "too_large": event("u12", data=accepted_data(attributes={"note": "x" * 70_000})),
}
"""By reason code; `source_mismatch` and `wrong_key` need a topic."""


def good() -> Iterator[dict[str, Any]]:
    yield event("g1")
    yield event("g2", "case.milestone", hour=10, data={"name": "survey_done", "unit": "liangjiang-water"})
    yield correction("c1", "g2")
    yield event("g1", subject="W-2")
    yield event("g3", "case.completed", "W-2", 12)


def test_each_bad_event_is_one_line_with_its_code_and_nothing_else_is_lost(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    mixed: list[tuple[str, bytes]] = [("", encoded(each)) for each in good()]
    for position, (code, each) in enumerate(BAD.items()):
        mixed.insert(2 * position + 1, (code, encoded(each)))
    file = written(tmp_path / "events.jsonl", [line + b"\n" for _, line in mixed])
    done = replay([str(file)], PLAN, [at("2021-11-01")])
    # of two payloads under one id the smaller hash counts: which of the two lines loses is the hash's choice
    conflicting = {number for number, (_, line) in enumerate(mixed, 1) if b'"g1"' in line and b'"W-1"' in line}
    found = {each.reason: each.line for each in done.rejected}
    expected = {code: number for number, (code, _) in enumerate(mixed, 1) if code}
    assert found.pop("id_conflict") in conflicting
    del expected["id_conflict"]
    assert found == expected
    assert len(done.rejected) == len(BAD)
    assert all(each.sentence and each.remedy for each in done.rejected)
    assert done.events == len(mixed)
    assert done.cases == 2

    alone = written(tmp_path / "good.jsonl", [encoded(each) + b"\n" for each in good()])
    assert answers([file], tmp_path) == answers([alone], tmp_path)

    out, listed = tmp_path / "v.csv", tmp_path / "rejected.csv"
    asked = ("replay", file, "--plan", PLAN, "--as-of", "2021-11-01", "--out", out)
    assert run(*asked) == 1
    output = capsys.readouterr().err
    for code in BAD:
        assert sum(f": {code}" in line for line in output.splitlines()) == 1, code
    assert f"{len(BAD)} of {len(mixed)} events rejected" in output
    assert out.stat().st_size > 1000
    assert run(*asked, "--rejected", listed) == 1
    assert len(listed.read_text(encoding="utf-8").splitlines()) == 1 + len(BAD)


def encoded(each: bytes | dict[str, Any]) -> bytes:
    return each if isinstance(each, bytes) else json.dumps(each, ensure_ascii=False).encode()


def test_a_conflict_rejects_the_same_payload_whatever_comes_first(tmp_path: Path) -> None:
    one, other = encoded(event("g1")), encoded(event("g1", data=accepted_data(channel="phone")))
    losers = set()
    for number, order in enumerate(([one, other, other], [other, one, other], [other, other, one])):
        file = written(tmp_path / f"{number}.jsonl", [line + b"\n" for line in order])
        rejected = replay([str(file)], PLAN, [at("2021-11-01")]).rejected
        losers.add(frozenset(order[each.line - 1] for each in rejected))
    assert len(losers) == 1


def test_validate_replay_and_explain_word_a_refusal_the_same(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    bad = [encoded(event("g1")), encoded(event("u1", "case.closed")), encoded(event("g1", data=accepted_data()))]
    file = written(tmp_path / "events.jsonl", [line + b"\n" for line in bad])
    as_of = ("--plan", PLAN, "--as-of", "2021-11-01")
    assert run("validate", file, "--plan", PLAN) == 1
    first, second, _ = capsys.readouterr().out.splitlines()
    assert re.fullmatch(rf"{file}:2: unknown_type at type: [^→]+ → [^→]+", first)
    assert re.fullmatch(rf"{file}:[13]: id_conflict at id: [^→]+ → [^→]+", second)
    assert run("replay", file, *as_of, "--out", tmp_path / "v.csv") == 1
    assert {first, second} <= set(capsys.readouterr().err.splitlines())
    assert run("explain", "W-1", file, *as_of) == 1
    page = "".join(capsys.readouterr().out.split())
    assert all("".join(line.split()) in page for line in (first, second))


# ---- the command -------------------------------------------------------------------------------------------
def test_the_command_writes_values_and_cards(
    lines: list[bytes], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = written(tmp_path / "events.jsonl", [encoded(each) + b"\n" for each in good()])
    out, cards = tmp_path / "values.csv", tmp_path / "cards.csv"
    assert run(
        "replay", file, "--plan", PLAN, "--as-of", "2021-10-01T00:00:00", "--out", out, "--cards", cards, "--every",
        "day",
    ) == 0  # fmt: skip
    assert "5 events of 2 cases" in capsys.readouterr().err
    header, *_ = out.read_text(encoding="utf-8").splitlines()
    assert header == (
        "kpi,unit,item,variant,window,window_start,window_end,value,n,numerator,denominator,lower,upper,objective,state,"
        "open_overdue,suspended_share,extended_share,withdrawn_share,justified_n,late_entry_n,unmeasured_n,mean_gross,"
        "p50,p95,plan_version,awaiting_n,provisional_n,unclassified_n"
    )
    assert cards.read_text(encoding="utf-8").splitlines()[0] == (
        "kpi,case,cycle,node,level,unit,raised_at,due_at,cleared_at,reason"
    )
    assert len({row["window_end"] for row in csv_rows(out.read_bytes())}) == 15


@pytest.mark.parametrize(
    "wrong",
    [
        ("--as-of", "yesterday", "--out", "v.csv"),
        ("--as-of", "2021-10-01", "--out", "nowhere/v.csv"),
        ("--as-of", "2021-10-01", "--out", "v.csv", "--every", "hour"),
        ("--as-of", "2021-10-01", "--out", "events.jsonl"),
        ("--as-of", "2021-10-01", "--out", "v.csv", "--cards", "v.csv"),
    ],
)
def test_wrong_usage_is_exit_code_2(
    wrong: tuple[str, ...], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    plan = PLAN.resolve()
    monkeypatch.chdir(tmp_path)
    (tmp_path / "events.jsonl").touch()
    assert run("replay", "events.jsonl", "--plan", plan, *wrong) == 2
    assert run("replay", "missing.jsonl", "--plan", plan, "--as-of", "2021-10-01", "--out", "v.csv") == 2
    assert "Traceback" not in capsys.readouterr().err


def test_no_events_are_no_error(tmp_path: Path) -> None:
    (tmp_path / "events.jsonl").touch()
    out = tmp_path / "v.csv"
    every = ("--every", "month")
    assert run("replay", tmp_path / "events.jsonl", "--plan", PLAN, "--as-of", "2021-10-01", "--out", out, *every) == 0
    assert len(out.read_text(encoding="utf-8").splitlines()) > 20
