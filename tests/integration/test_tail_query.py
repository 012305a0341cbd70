"""`kpiwatch tail --query` on a real PostgreSQL: changes, late commits, a connection that breaks, wrong queries."""

from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import orjson
import psycopg
import pytest

from services.client.spool import Spool
from services.mapping.mapping_file import mapping_of
from services.runtime.text_file import parsed_toml
from services.tail.query import Asked, DatabaseAway, QueryTail, WrongQuery, opened
from services.tail.taking import RowTaker
from tests.served import served
from tests.unit.accepted_events import read_all
from tests.unit.commands import run
from tests.unit.gateway import WATER, Gateway

MAPPING = f"""
timezone = "Asia/Shanghai"
identity = ["number"]

[[event]]
type = "case.accepted"
source = "{WATER}"
subject = {{ template = "W-{{number}}" }}
time = {{ column = "accepted_at" }}
recordedat = {{ column = "accepted_at" }}
data = {{ service_item = "water.connection", unit = "liangjiang-water" }}

[[event]]
skip_if_empty = ["fee"]
type = "case.measured"
source = "{WATER}"
subject = {{ template = "W-{{number}}" }}
time = {{ column = "accepted_at" }}
recordedat = {{ column = "accepted_at" }}
data.quantity = "fee"
data.value = {{ column = "fee", as = "number" }}
"""
QUERY = "SELECT number, accepted_at, fee, updated_at, 'a:b' AS note, 7::int AS seven FROM cases WHERE note LIKE '%';\n"
NOW = datetime(2021, 11, 30, tzinfo=UTC)
START = "2021-09-16T09:{:02}:00+08:00"


class Cases:
    """A table of cases in a database of a unit."""

    def __init__(self, address: str) -> None:
        self.connection = psycopg.connect(address, autocommit=True)
        self.connection.execute("DROP TABLE IF EXISTS cases")
        self.connection.execute(
            "CREATE TABLE cases (number int, accepted_at timestamptz, fee numeric(12, 2), note text, "
            "updated_at timestamptz, version bigint, local timestamp GENERATED ALWAYS AS (updated_at AT TIME ZONE "
            "'Europe/Berlin') STORED)"
        )

    def put(self, number: int, minute: int, fee: str | None = None, through: Any = None) -> None:
        (through or self.connection).execute(
            "INSERT INTO cases VALUES (%s, %s, %s, '', %s, %s)",
            (number, START.format(0), fee, START.format(minute), minute),
        )

    def change(self, number: int, minute: int, fee: str) -> None:
        self.connection.execute(
            "UPDATE cases SET fee = %s, updated_at = %s, version = %s WHERE number = %s",
            (fee, START.format(minute), minute, number),
        )


@pytest.fixture
def cases(database: str) -> Iterator[Cases]:
    made = Cases(database)
    yield made
    made.connection.execute("DROP TABLE cases")
    made.connection.close()


class Follower:
    """A tail whose events are accepted at once."""

    def __init__(
        self, database: str, file: Path, *, query: str = QUERY, watermark: str = "updated_at", rules: str = MAPPING
    ) -> None:
        self.spool = Spool(file)
        self.engine = opened(database.replace("postgresql://", "postgresql+psycopg://"))
        taker = RowTaker(self.spool, "tail", lambda: NOW)
        zone = "Europe/Berlin" if watermark == "local" else "Asia/Shanghai"
        mapping = mapping_of(parsed_toml(rules.replace("Asia/Shanghai", zone)), "map.toml")
        asked = Asked(query, watermark, 600)
        self.tail = QueryTail(self.engine, asked, mapping, taker)

    def read(self) -> list[Any]:
        return read_all(self.tail.step, self.spool)

    def close(self) -> None:
        self.tail.rest()
        self.engine.dispose()
        self.spool.close()


def said(events: list[Any]) -> list[tuple[str, str]]:
    return [(each["type"], each["subject"]) for each in events]


@pytest.mark.parametrize("watermark", ["updated_at", "version"])
def test_rows_changes_and_late_commits_are_found_once(
    cases: Cases, database: str, tmp_path: Path, watermark: str
) -> None:
    query = QUERY.replace("updated_at", watermark)
    with closing(Follower(database, tmp_path / "spool.sqlite", query=query, watermark=watermark)) as follower:
        for number in range(450):
            cases.put(number, 10, "12.50" if number == 3 else None)
        first = follower.read()
        assert len(first) == 451 and ("case.measured", "W-3") in said(first)
        assert first[0]["time"] == START.format(0)
        (fee,) = (each["data"] for each in first if each["type"] == "case.measured")
        assert fee == {"quantity": "fee", "value": 12.5}
        assert follower.read() == []
        with psycopg.connect(database) as late:
            cases.put(900, 11, through=late)  # changed before the next one, committed after it
            cases.put(901, 12)
            assert said(follower.read()) == [("case.accepted", "W-901")]
        assert said(follower.read()) == [("case.accepted", "W-900")]
    with closing(Follower(database, tmp_path / "spool.sqlite", query=query, watermark=watermark)) as follower:
        assert follower.read() == [], "the next start goes on"
        cases.change(3, 20, "13")
        (correction,) = follower.read()
        (old,) = (each["id"] for each in first if each["type"] == "case.measured")
        assert correction["type"] == "correction" and correction["data"]["of"] == old
        assert correction["data"]["event"]["data"]["value"] == 13
        assert follower.read() == []


@pytest.mark.parametrize("watermark", ["updated_at", "local"])
@pytest.mark.parametrize("later", ["9999-12-31T00:00:00+00:00", "2021-12-01T00:00:00+00:00"])
def test_a_watermark_that_is_still_to_come_is_taken_and_said_and_hides_nothing(
    cases: Cases, database: str, tmp_path: Path, watermark: str, later: str
) -> None:
    query = QUERY.replace("updated_at", watermark)
    with closing(Follower(database, tmp_path / "spool.sqlite", query=query, watermark=watermark)) as follower:
        cases.connection.execute("INSERT INTO cases VALUES (1, %s, NULL, '', %s, 0)", (START.format(0), later))
        assert said(follower.read()) == [("case.accepted", "W-1")]
        assert "a row has the watermark" in follower.tail.notes[0] and len(follower.tail.notes) == 1
        cases.connection.execute("INSERT INTO cases VALUES (2, %s, NULL, '', %s, 0)", (START.format(0), NOW))
        assert said(follower.read()) == [("case.accepted", "W-2")]
        assert follower.read() == [] and len(follower.tail.notes) == 1
    with closing(Follower(database, tmp_path / "spool.sqlite", query=query, watermark=watermark)) as follower:
        with follower.spool.writing() as store:
            written = {"time": later if watermark == "updated_at" else later[:19]}
            follower.spool.set_position_in(store, "tail query", orjson.dumps(written).decode())
        cases.connection.execute("INSERT INTO cases VALUES (3, %s, NULL, '', %s, 0)", (START.format(0), NOW))
        assert said(follower.read()) == [("case.accepted", "W-3")], "also where an earlier version has saved it"


def test_the_hour_that_local_clocks_repeat_in_autumn_hides_nothing(cases: Cases, database: str, tmp_path: Path) -> None:
    query = QUERY.replace("updated_at", "local")
    with closing(Follower(database, tmp_path / "spool.sqlite", query=query, watermark="local")) as follower:
        for number, at in enumerate(("2021-10-31T00:59:00+00:00", "2021-10-31T01:01:00+00:00")):
            cases.connection.execute(
                "INSERT INTO cases VALUES (%s, %s, NULL, '', %s, 0)", (number, START.format(0), at)
            )
            assert said(follower.read()) == [("case.accepted", f"W-{number}")]
        assert follower.tail.notes == []


def test_a_connection_that_breaks_is_opened_again(cases: Cases, database: str, tmp_path: Path) -> None:
    with closing(Follower(database, tmp_path / "spool.sqlite")) as follower:
        for number in range(450):
            cases.put(number, 10)
        assert follower.tail.step()
        cases.connection.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid <> pg_backend_pid() AND "
            "backend_type = 'client backend'"
        )
        with pytest.raises(DatabaseAway, match="the database does not answer"):
            while follower.tail.step():
                pass
        follower.read()
        with follower.spool.writing() as store:
            assert store.execute("SELECT count(*) FROM reported").fetchone()[0] == 450
    with (
        closing(Follower("postgresql://nobody@127.0.0.1:1/none", tmp_path / "other.sqlite")) as follower,
        pytest.raises(DatabaseAway),
    ):
        follower.tail.step()


def test_two_rows_of_one_identity_are_a_problem_and_not_a_correction_for_ever(
    cases: Cases, database: str, tmp_path: Path
) -> None:
    with closing(Follower(database, tmp_path / "spool.sqlite")) as follower:
        cases.put(1, 10, "5")
        cases.put(1, 11, "6")
        cases.put(2, 12)
        cases.put(2, 13)
        assert said(follower.read()) == [
            ("case.accepted", "W-1"), ("case.measured", "W-1"), ("case.accepted", "W-2"),
        ]  # fmt: skip
        assert follower.read() == []
        assert {each.refusal.detail for each in follower.spool.parked()} == {
            "another row of the query has the same identity and says something else: declare columns that differ"
        }


def test_a_row_that_cannot_be_read_is_parked_once_until_it_can(cases: Cases, database: str, tmp_path: Path) -> None:
    with closing(Follower(database, tmp_path / "spool.sqlite")) as follower:
        cases.put(1, 10, "NaN")
        cases.connection.execute(
            "INSERT INTO cases VALUES (NULL, %s, 5, '', %s, 0)", (START.format(0), START.format(9))
        )
        for twin in (11, 12):
            cases.put(2, twin, str(twin))
        follower.read()
        numbers = {each.refusal.path: each.number for each in follower.spool.parked()}
        assert sorted(numbers) == ["-", "fee", "number"]
        cases.put(3, 9)
        follower.read()
        assert {each.number for each in follower.spool.parked()} == {*numbers.values()}, "its place is another one now"
        for path in ("-", "number"):
            follower.spool.forget(numbers[path])
        assert follower.read() == []
        assert [each.number for each in follower.spool.parked()] == [numbers["fee"]]
        cases.change(1, 12, "5")
        assert said(follower.read()) == [("case.accepted", "W-1"), ("case.measured", "W-1")]
        assert follower.spool.parked() == []


def test_rows_that_a_wrong_mapping_could_not_read_are_read_again_with_another(
    cases: Cases, database: str, tmp_path: Path
) -> None:
    file = tmp_path / "spool.sqlite"
    with closing(Follower(database, file, rules=MAPPING.replace('as = "number"', 'as = "time"'))) as follower:
        cases.put(1, 1, "5")
        cases.put(2, 2)
        cases.put(3, 50)
        assert [case for _, case in said(follower.read())] == ["W-2", "W-3"]
    with closing(Follower(database, file)) as follower:
        assert follower.tail.step() and follower.spool.waiting == 2
        assert "the mapping has changed" in follower.tail.notes[0]
    with closing(Follower(database, file)) as follower:
        assert said(follower.read()) == [("case.accepted", "W-1"), ("case.measured", "W-1")]
        assert follower.spool.parked() == []
        cases.change(1, 3, "6")
        assert follower.read() == [], "before the overlap: the mapping is no other one any more"


@pytest.mark.parametrize(
    ("query", "watermark", "sentence"),
    [
        ("SELEC 1", "updated_at", "refuses the query.*syntax error"),
        (QUERY, "changed_at", "refuses the query.*changed_at"),
        (QUERY, "note", "the watermark is a str"),
        (QUERY.replace("fee, ", ""), "updated_at", "do not fit: the file has no column 'fee'"),
    ],
)
def test_what_is_wrong_with_a_query_is_said(
    cases: Cases, database: str, tmp_path: Path, query: str, watermark: str, sentence: str
) -> None:
    cases.put(1, 10)
    with (
        closing(Follower(database, tmp_path / "spool.sqlite", query=query, watermark=watermark)) as follower,
        pytest.raises(WrongQuery, match=sentence),
    ):
        follower.read()


def test_the_command_sends_what_the_query_gives(
    cases: Cases,
    database: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    gateway = Gateway()
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("KPIWATCH_KEY", gateway.key)
    (tmp_path / "map.toml").write_text(MAPPING)
    (tmp_path / "cases.sql").write_text(QUERY)
    cases.put(1, 10, "5.5")
    with served(gateway.app) as url:
        follow = ("tail", "--query", "cases.sql", "--watermark", "updated_at", "--mapping", "map.toml", "--once")
        monkeypatch.setenv("KPIWATCH_GATEWAY_URL", url)
        assert run(*follow) == 2 and "KPIWATCH_DATABASE" in capfd.readouterr().err
        monkeypatch.setenv("KPIWATCH_DATABASE", "nosql://u:s3cret@host/x")
        assert run(*follow) == 2 and "s3cret" not in capfd.readouterr().err
        monkeypatch.setenv("KPIWATCH_DATABASE", "postgresql+psycopg://u:s3cret@127.0.0.1:1/x")
        assert run(*follow) == 3
        said = capfd.readouterr().err
        assert "does not answer" in said and "s3cret" not in said
        monkeypatch.setenv("KPIWATCH_DATABASE", database.replace("postgresql://", "postgresql+psycopg://"))
        assert run(*follow) == 0
        assert capfd.readouterr().out == "2 events accepted\n"
    assert [orjson.loads(each.value)["type"] for each in gateway.log.records] == ["case.accepted", "case.measured"]
