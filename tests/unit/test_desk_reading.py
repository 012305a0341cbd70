"""What the desk reads: each viewer its own, in an order that does not change, each list by an SQL index."""

import random
import re
import time
from collections import Counter
from collections.abc import Iterable, Iterator
from datetime import date
from pathlib import Path

import pytest
from sqlalchemy import event

from services.casebook.case_filter import CaseFilter
from services.casebook.case_summary import CaseState
from services.casebook.casebook import ALL, Casebook, ListedCase
from services.casebook.database import open_engine
from services.casebook.marked_cases import MarkFilter
from services.desk.access import Role, Viewer
from services.desk.asking import Desk
from services.desk.pages.district import CHANGES
from services.desk.reading import card_lists, schema
from services.desk.reading.card_lists import CardWish, VerdictWish
from services.desk.reading.case_seen import key_of_token, token_of
from services.desk.reading.cursor import BadCursor
from services.desk.reading.kept import reading_engine
from services.desk.reading.reading import Reading, ReadingUnavailable
from services.desk.reading.scope import Scope
from services.domain.history.corrections import corrected
from services.domain.intake.facts import FactType, case_key
from services.domain.results.published import Level, State, ValueRow
from services.domain.time.rfc3339 import read
from services.messaging.reader import Record
from services.messaging.topics import ALERT_CARDS, CASE_VERDICTS, KPI_VALUES
from tests.unit.casebook_records import PARTITIONS, district
from tests.unit.desk import client_of, example_settings
from tests.unit.desk_reading import (
    LEAD,
    PROMISE,
    RED_CASE,
    WATER_UNIT,
    fill_reading,
    make_cards,
    open_reading_index,
    published,
    reading_desk,
    value_record,
    value_row,
)
from tests.unit.gateway import NOW, WATER
from tests.unit.gateway_cases import ACCEPTED
from tests.unit.gateway_cases import event as case_event
from tests.unit.test_desk_sheet import cells
from tests.verdicts import shipped

OPERATIONS = Viewer("ops", Role.OPERATIONS)
OTHER = Viewer("other", Role.UNIT, "jiangbei-gas")
WATER_VIEWER = Viewer("water", Role.UNIT, WATER_UNIT)
LEAD_VIEWER = Viewer("lead", Role.UNIT, LEAD)
FIRST, SECOND = "district-planning", "district-transport"
PASSED_KEY = case_key(WATER, "P-1")
_SPANS = (
    ("started", "2021-09-22T10:00:00+08:00", "planning_permit", FIRST),
    ("ended", "2021-09-23T10:00:00+08:00", "planning_permit", FIRST),
    ("started", "2021-09-24T10:00:00+08:00", "road_opening_permit", SECOND),
)
PASSED_ON = [
    case_event("p-1", "case.accepted", "2021-09-22T09:00:00+08:00", ACCEPTED["data"], subject="P-1"),
    *(
        case_event(f"p-{number}", f"case.node_{kind}", at, {"node": node, "unit": unit}, subject="P-1")
        for number, (kind, at, node, unit) in enumerate(_SPANS, start=2)
    ),
]
NOBODYS = [Viewer("auditor", Role.AUDITOR), Viewer("admin", Role.ADMIN), Viewer("broken", Role.UNIT)]


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Desk:
    rows = [
        value_record(0, value_row("ALL", State.MISSED, "0.5"), before=State.MET),
        value_record(1, value_row(WATER_UNIT, State.MISSED, "0.5")),
        value_record(2, value_row("jiangbei-gas", State.MET, "1", kpi="K06-2")),
    ]
    return reading_desk(tmp_path_factory.mktemp("desk"), [*published(), *rows])


# ---- whose ---------------------------------------------------------------------------------------------
def test_a_unit_sees_its_own_cases_and_their_cards_and_nobody_elses(desk: Desk) -> None:
    reading = desk.reading
    for viewer, sees in ((WATER_VIEWER, True), (OPERATIONS, True), (LEAD_VIEWER, True), (OTHER, False)):
        assert (reading.case(viewer, RED_CASE) is not None) is sees
    assert {line.case_key for line in reading.open_cards(WATER_VIEWER, CardWish()).lines} >= {RED_CASE}
    assert reading.open_cards(LEAD_VIEWER, CardWish()).lines == (), "it leads, and need not act"
    assert RED_CASE in {line.case_key for line in reading.led_cards(LEAD_VIEWER, CardWish()).lines}
    assert reading.open_cards(OTHER, CardWish(unit=WATER_UNIT)).lines == ()
    assert reading.counted(OTHER, WATER_UNIT) == {Level.RED: 0, Level.YELLOW: 0}
    assert reading.behind(OTHER, PROMISE).lines == () != reading.behind(WATER_VIEWER, PROMISE).lines
    assert [line.unit for line in reading.promise(OTHER, PROMISE)] == ["ALL"]
    assert {line.unit for line in reading.promise(LEAD_VIEWER, PROMISE)} == {"ALL", WATER_UNIT}


def test_a_number_of_verdicts_leads_to_exactly_these(desk: Desk) -> None:
    """The filters of an address of a dashboard: a unit, and what was decided."""
    every = desk.reading.behind(OPERATIONS, PROMISE).lines
    assert {line.verdict for line in every} >= {"missed"}
    for unit in ("", WATER_UNIT, "nobody"):
        for verdict in ("", "missed", "met_by_late_entry", "reversed"):
            found = desk.reading.behind(OPERATIONS, PROMISE, wish=VerdictWish(unit, verdict)).lines
            assert list(found) == [line for line in every if unit in ("", line.unit) and verdict in ("", line.verdict)]
    assert desk.reading.behind(OTHER, PROMISE, wish=VerdictWish(WATER_UNIT)).lines == (), (
        "no filter widens what one sees"
    )


@pytest.mark.parametrize("viewer", NOBODYS, ids=lambda viewer: viewer.account)
def test_who_sees_no_cases_reads_nothing(desk: Desk, viewer: Viewer) -> None:
    reading = desk.reading
    assert reading.case(viewer, RED_CASE) is None
    assert reading.open_cards(viewer, CardWish()).lines == reading.led_cards(viewer, CardWish()).lines == ()
    assert reading.behind(viewer, PROMISE).lines == () and reading.cases(viewer, ALL).cases == ()
    assert reading.sources(viewer) == [] and not any(reading.counted(viewer).values())
    if viewer.role is not Role.UNIT:
        assert reading.district(viewer).lines == () and reading.promise(viewer, PROMISE) == []


def test_what_a_unit_asks_for_cannot_widen_what_it_sees(desk: Desk) -> None:
    wishes = [CaseFilter(parties=(WATER_UNIT,)), CaseFilter(behind=(PROMISE,)), CaseFilter(unit=WATER_UNIT)]
    for wanted in (ALL, *wishes, CaseFilter(source=WATER), CaseFilter(owner=WATER), CaseFilter(prefix="W-")):
        assert all(each.case.owner != WATER for each in desk.reading.cases(OTHER, wanted).cases)


def test_the_lead_sees_verdict_and_days_of_its_promise_and_no_events(desk: Desk) -> None:
    seen, whole = desk.reading.case(LEAD_VIEWER, RED_CASE), desk.reading.case(WATER_VIEWER, RED_CASE)
    assert seen is not None and whole is not None and seen.explanation is not None and whole.explanation is not None
    assert seen.is_led and not whole.is_led
    led = {each.key for each in shipped().plan.promises if LEAD in each.lead}
    assert {each.judgement.kpi for cycle in seen.explanation.cycles for each in cycle.promises} <= led
    assert seen.explanation.history == () != whole.explanation.history


def test_a_unit_that_passed_a_case_on_sees_it_as_of_its_last_day_there(tmp_path: Path) -> None:
    reading = reading_desk(tmp_path, published(PASSED_ON)).reading
    before, holder = (reading.case(Viewer("unit", Role.UNIT, unit), PASSED_KEY) for unit in (FIRST, SECOND))
    accepted = reading.case(WATER_VIEWER, PASSED_KEY)
    assert before is not None and holder is not None and accepted is not None
    assert before.last_day == date(2021, 9, 23) and holder.last_day is accepted.last_day is None
    assert before.explanation is not None and accepted.explanation is not None
    happened = [each.fact.time for each in before.explanation.history]
    assert max(happened) < read("2021-09-24T00:00:00+08:00") <= max(e.fact.time for e in accepted.explanation.history)
    assert reading.case(OTHER, PASSED_KEY) is None
    held = MarkFilter("~holding_days")
    assert [each.marked.unit for each in reading.cases_counted(WATER_VIEWER, held).marks] == [FIRST]
    assert not reading.cases_counted(Viewer("unit", Role.UNIT, FIRST), held).marks  # it sees no more of the case
    assert not reading.cases_counted(OTHER, held).marks


@pytest.mark.slow
def test_exactly_those_who_accepted_held_or_lead_see_a_case_in_the_list_and_by_its_address(tmp_path: Path) -> None:
    records = district().records
    now = max(each.timestamp for each in records) * 1_000 + 1
    reading = reading_desk(tmp_path, records, now=now).reading
    owners, behind = parties(records), promises_behind(records)
    units = sorted(Counter(unit for named in owners.values() for unit in named))[::4] + [LEAD]
    for unit in units:
        viewer = Viewer("unit", Role.UNIT, unit)
        led = {each.key for each in shipped().plan.promises if unit in each.lead}
        mine = {key for key, named in owners.items() if unit in named or led & behind.get(key, set())}
        listed = {each.case.case_key for each in every_case(reading, viewer)}
        assert listed == mine, unit
        rng = random.Random(unit)
        for key in [*rng.sample(sorted(mine), min(3, len(mine))), *rng.sample(sorted(set(owners) - mine), 3)]:
            assert (reading.case(viewer, key) is not None) is (key in mine), (unit, key)


def every_case(reading: Reading, viewer: Viewer) -> Iterator[ListedCase]:
    after: str | None = None
    while True:
        page = reading.cases(viewer, ALL, after, 500)
        yield from page.cases
        after = page.next
        if after is None:
            return


def parties(records: Iterable[Record]) -> dict[str, set[str]]:
    """Case → units that accepted it or held a node of it, read out of its facts by another hand than the casebook's."""
    found: dict[str, set[str]] = {}
    for key, facts in district().rows.items():
        if not any(FactType(each.type).event_type.startswith("case.") for each in facts):
            continue
        of_case = [
            each for each in corrected(facts) if each.type in (FactType.CASE_ACCEPTED, FactType.CASE_NODE_STARTED)
        ]
        accepted = [str(each.data.get("unit", "")) for each in of_case if each.type == FactType.CASE_ACCEPTED][:1]
        held = [str(each.data.get("unit", "")) for each in of_case if each.type == FactType.CASE_NODE_STARTED]
        found[key] = {unit for unit in [*accepted, *held] if unit}
    return found


def promises_behind(records: Iterable[Record]) -> dict[str, set[str]]:
    """Case → promises of which it has a card or a verdict that was not retracted."""
    latest = {(each.topic, each.key): each.value for each in records if each.topic in (ALERT_CARDS, CASE_VERDICTS)}
    found: dict[str, set[str]] = {}
    for (_, key), value in latest.items():
        if value is not None:
            kpi, case, *_ = (key or b"").decode().split("|")
            found.setdefault(case, set()).add(kpi)
    return found


def test_the_address_of_a_case_is_its_key_and_no_other_text_is_one() -> None:
    for key in (RED_CASE, case_key("/units/甲", "号/1 #?%"), case_key("/a", "")):
        assert key_of_token(token_of(key)) == key
    for wrong in ("", "W-1", "%", "999999999", token_of("no separator"), token_of(RED_CASE + "\0")):
        assert key_of_token(wrong) is None


# ---- figures -------------------------------------------------------------------------------------------
def test_the_district_says_what_changed_and_what_is_worst(desk: Desk) -> None:
    found = desk.reading.district(OTHER)
    assert [(line.promise.id, line.before, line.state) for line in found.changed] == [
        (PROMISE, State.MET, State.MISSED)
    ]
    assert found.states == {State.MISSED: 1} and found.worst == found.lines
    assert {count.unit: count.red for count in found.cards}[WATER_UNIT] >= 1
    order = list(shipped().plan.units)
    assert [count.unit for count in found.cards] == sorted((count.unit for count in found.cards), key=order.index)


def test_what_is_long_is_limited_and_leads_to_the_whole(tmp_path: Path) -> None:
    """A phone shows a screen at a time: a day on which every promise changes does not push the rest out of sight."""
    official = [each for each in shipped().plan.promises if each.is_official]
    rows = [
        value_record(number, value_row("ALL", state, "0.5", kpi=each.id), State.MET if number % 2 else State.AT_RISK)
        for number, each in enumerate(official)
        for state in [State.MISSED if number % 2 else State.MET]
    ]
    client = client_of(reading_desk(tmp_path, rows), OPERATIONS)
    links = {each.id for each in official}

    def shown(path: str) -> set[str]:
        return {each for each in re.findall(r'href="/promises/([^"]+)"', client.get(path).text) if each in links}

    first = client.get("/district").text
    assert first.count(" → <span") == CHANGES and f'href="/changes">查看全部（{len(official)}）' in first
    assert shown("/changes") == links
    pages = [
        shown("/promises"),
        shown("/promises?after=50"),
        shown("/promises?after=100"),
        shown("/promises?after=150"),
    ]
    assert [len(each) for each in pages[:3]] == [50, 50, 50] and set().union(*pages) == links
    assert 'href="/promises?state=&amp;after=50"' in client.get("/promises").text
    missed = {each.id for each in official[1::2]}
    assert shown("/promises?state=missed") | shown("/promises?state=missed&after=50") == missed
    assert len(cells(client.get("/promises.xlsx?state=missed").content)) == len(missed) + 1
    for wrong in ("state=x", "after=-1", f"after={2**64}"):
        assert client.get(f"/promises?{wrong}").status_code == 422
    assert shown(f"/promises?after={2**61}") == set()


def counted(unit: str, met: int, n: int, kpi: str = PROMISE, state: State = State.MISSED) -> ValueRow:
    """A row of a share of so many cases."""
    counts = {"numerator": str(met), "denominator": str(n), "n": str(n), "lower": "0", "objective": ">= 1"}
    return value_row(unit, state, f"{met / n:.6f}", kpi=kpi, **counts)


def test_the_worst_are_first_by_the_distance_that_is_exported_and_say_how_many_misses_are_left(tmp_path: Path) -> None:
    rows = [counted("ALL", 9, 10), counted(WATER_UNIT, 3, 3, state=State.MET), counted("ALL", 4, 8, kpi="K06-2")]
    desk = reading_desk(tmp_path, [value_record(number, row) for number, row in enumerate(rows)])
    assert [(line.promise.id, line.gap) for line in desk.reading.district(OTHER).worst] == [
        ("K06-2", 0.5),
        (PROMISE, pytest.approx(0.1)),
    ]
    zh, en = (client_of(desk, OPERATIONS._replace(language=language)) for language in ("zh", "en"))
    page = zh.get("/district").text
    assert page.index("超出4件") < page.index("超出1件") and "剩余允许数" in page
    assert "超期件数比允许数多1件" in zh.get(f"/promises/{PROMISE}").text
    assert "0件" in zh.get(f"/promises/{PROMISE}").text  # of the unit
    assert "late cases above what is allowed: 1" in en.get(f"/promises/{PROMISE}").text


def test_a_trend_has_the_last_value_of_each_day_and_outlives_a_new_index(tmp_path: Path) -> None:
    settings = example_settings(tmp_path)
    rows = [
        value_record(number, value_row("ALL", State.MET, value, window_end=at), watermark=at)
        for number, (at, value) in enumerate([
            ("2021-09-29T10:00:00+08:00", "0.1"), ("2021-09-30T00:00:00+08:00", "0.2"),  # the end of the 29th
            ("2021-09-30T12:00:00+08:00", "0.3"), ("2021-10-01T08:00:00+08:00", "0.4"),
        ])
    ]  # fmt: skip
    desk = reading_desk(tmp_path, rows)
    assert [day.value for day in desk.reading.promise(OTHER, PROMISE)[0].trend] == [0.2, 0.3, 0.4]
    index = open_reading_index(settings)
    index.open(0, {KPI_VALUES: "another topic"})
    index.note(ready=True, complete_at=1)
    index.close()
    assert desk.reading.promise(OTHER, PROMISE) == []
    fill_reading(settings, rows[-1:])
    assert [day.value for day in desk.reading.promise(OTHER, PROMISE)[0].trend] == [0.2, 0.3, 0.4]


def test_an_index_that_has_not_caught_up_says_so(tmp_path: Path) -> None:
    desk = reading_desk(tmp_path, [])
    open_reading_index(example_settings(tmp_path)).close()
    with pytest.raises(ReadingUnavailable, match="not caught up"):
        desk.reading.promises(WATER_VIEWER)


# ---- records -------------------------------------------------------------------------------------------
def content(settings_folder: Path) -> dict[str, list[tuple[object, ...]]]:
    with reading_engine(example_settings(settings_folder), writes=False).connect() as connection:
        tables = (schema.rows, schema.history, schema.cards, schema.verdicts)
        return {table.name: sorted(map(tuple, connection.execute(table.select())), key=repr) for table in tables}


def test_records_that_come_twice_and_in_other_batches_make_the_same_index(tmp_path: Path) -> None:
    records = [each for each in district().records if each.topic == ALERT_CARDS] + [
        value_record(number, value_row("ALL", State.MET, f"0.{number}")) for number in range(5)
    ]
    fill_reading(example_settings(tmp_path / "once"), records)
    for first in range(0, len(records), 3):
        fill_reading(example_settings(tmp_path / "often"), records[max(0, first - 2) : first + 3])
    assert content(tmp_path / "once") == content(tmp_path / "often")


def test_what_cannot_be_read_is_counted_and_passed_over(tmp_path: Path) -> None:
    index = open_reading_index(example_settings(tmp_path))
    index.take([Record(ALERT_CARDS, 0, 0, b"K|a\x1fb|1|-|red", b"{}"), Record(ALERT_CARDS, 0, 1, None, b"x")])
    assert index.unreadable == {ALERT_CARDS: 2}
    index.close()


# ---- lists ---------------------------------------------------------------------------------------------
def pages(desk: Desk, viewer: Viewer, wish: CardWish) -> Iterator[card_lists.CardLine]:
    after = ""
    while True:
        page = desk.reading.open_cards(viewer, wish, after)
        yield from page.lines
        after = page.next
        if not after:
            return


def test_pages_together_are_the_list_in_the_order_of_time_left(tmp_path: Path) -> None:
    desk = reading_desk(tmp_path, [])
    make_cards(tmp_path, 600)
    for viewer, wish in ((OPERATIONS, CardWish()), (OPERATIONS, CardWish(level=Level.RED)), (WATER_VIEWER, CardWish())):
        lines = list(pages(desk, viewer, wish))
        keys = [(line.due_at, line.name) for line in lines]
        assert keys == sorted(set(keys))
        counted = desk.reading.counted(viewer)
        assert len(lines) == (counted[Level.RED] if wish.level else sum(counted.values()))


@pytest.mark.parametrize("cursor", ["x", "W10", "WyJhIiwiYiJd", "bnVsbA", "é"])
def test_a_cursor_that_no_page_gave_is_refused(desk: Desk, cursor: str) -> None:
    with pytest.raises(BadCursor):
        desk.reading.open_cards(OPERATIONS, CardWish(), cursor)


def test_no_list_sorts_or_reads_a_whole_table(tmp_path: Path) -> None:
    """SQLite says how it answers: what scans a table would slow with its size."""
    make_cards(tmp_path, 200)
    engine, asked = reading_engine(example_settings(tmp_path), writes=False), list[tuple[str, object]]()
    event.listen(engine, "before_cursor_execute", lambda *all: asked.append((all[2], all[3])))
    one, several = Scope(False, (WATER_UNIT,), (PROMISE,)), Scope(False, ("a", "b"), ("K01-1", PROMISE))
    with engine.connect() as connection:
        for scope in (one, several, Scope(True)):
            for wish in (CardWish(), CardWish(level=Level.RED), CardWish(promise=PROMISE)):
                page = card_lists.open_cards(connection, scope, wish, limit=2)
                card_lists.open_cards(connection, scope, wish, page.next, limit=2)
            card_lists.led_cards(connection, scope, CardWish())
            card_lists.verdicts_of_promise(connection, scope, PROMISE)
            card_lists.verdicts_of_promise(connection, scope, PROMISE, wish=VerdictWish("a", "missed"))
            card_lists.counted(connection, scope)
        for statement, given in list(asked):
            if "desk_" not in statement or "EXPLAIN" in statement:
                continue
            plan = [row[3] for row in connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}", given)]  # type: ignore[arg-type]  # what the driver was given
            scans = [line for line in plan if line.startswith("SCAN desk_") and "INDEX" not in line]
            assert scans == [], (statement, plan)


def test_the_cards_of_a_page_of_cases_are_looked_up_by_their_cases(tmp_path: Path) -> None:
    """By what else is asked of them SQLite would read all that are open."""
    asked = list[tuple[str, object]]()
    make_cards(tmp_path, 200)
    engine = open_engine(example_settings(tmp_path).casebook, writes=False)
    event.listen(engine, "before_cursor_execute", lambda *all: asked.append((all[2], all[3])))
    book = Casebook(engine, shipped, PARTITIONS, lambda: NOW)
    wanted = CaseFilter(parties=(WATER_UNIT,), behind=(PROMISE,))
    for each in (ALL, CaseFilter(state=CaseState.OPEN), wanted):
        assert book.cases(each, limit=10).cases
    book.cases(wanted._replace(promise=PROMISE))
    with engine.connect() as connection:
        for statement, given in [each for each in asked if "FROM casebook_cards" in each[0]]:
            plan = [row[3] for row in connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}", given)]  # type: ignore[arg-type]  # what the driver was given
            assert not any("cards_active" in line or line.startswith("SCAN casebook_cards") for line in plan), plan


@pytest.mark.slow
def test_a_page_of_100_000_cards_takes_some_milliseconds(tmp_path: Path) -> None:
    desk = reading_desk(tmp_path, [])
    make_cards(tmp_path, 100_000)
    took = []
    for viewer, wish in (
        (OPERATIONS, CardWish()), (OPERATIONS, CardWish(level=Level.RED)), (OPERATIONS, CardWish(promise=PROMISE)),
        (WATER_VIEWER, CardWish()), (LEAD_VIEWER, CardWish()),
    ):  # fmt: skip
        page = desk.reading.open_cards(viewer, wish)
        began = time.process_time()
        for _ in range(10):
            desk.reading.open_cards(viewer, wish, page.next)
            desk.reading.led_cards(viewer, wish)
        took.append((time.process_time() - began) / 20)
    assert max(took) < 0.05, took
