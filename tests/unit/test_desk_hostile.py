"""What somebody tries who wants to see or do what is not theirs, or to bring a page down."""

import base64
import re
from datetime import date
from functools import cache
from pathlib import Path

import pytest

from services.desk.access import Role, Viewer
from services.desk.accounts.logbook import Deed, Entry
from services.desk.pages import centre
from services.desk.reading.case_seen import token_of
from services.desk.reading.cursor import BadCursor, key_of
from services.domain.intake.facts import case_key
from services.domain.judging.judge import Judge
from services.domain.plan.plan import SupervisionStep, Unit
from services.messaging.records.decisions import About, Decision, Matter
from tests.unit import acting_world
from tests.unit.acting_world import KEY, ActingWorld, hidden
from tests.unit.cases import CN, TITLE, plan, promise
from tests.unit.desk import client_of
from tests.unit.desk_reading import PROMISE, WATER_UNIT, published, reading_desk
from tests.unit.gateway_cases import event as case_event
from tests.unit.test_desk_acts import OTHER, START, WORKS, Browser
from tests.unit.test_desk_assignments import states
from tests.unit.test_desk_centre import step
from tests.unit.test_desk_reading import FIRST, PASSED_ON, SECOND

UNIT = Viewer("unit", Role.UNIT, WATER_UNIT)
CENTRE = Viewer("centre", Role.OPERATIONS)
NUMBERS = ("-1", "0", "1e309", "9223372036854775808", "1" * 5000, "%00", "%ED%A0%80", "٣", "true")
_LISTS = ("/notices?before=", "/orders?before=", "/logs?before=", "/notices/", "/circulars/", "/texts/")


def _cursor(written: str) -> str:
    return base64.urlsafe_b64encode(written.encode()).decode().rstrip("=")


_CURSORS = [_cursor(f'[{number},"x"]') for number in (2**63, 2**64 - 1, -(2**63) - 1, 2**200, "1e309", "true", "null")]


@pytest.mark.slow
def test_no_number_in_an_address_brings_a_page_down(tmp_path: Path) -> None:
    desk = reading_desk(tmp_path, [])
    for viewer in (UNIT, CENTRE):
        client = client_of(desk, viewer)
        addresses = [each + number for each in _LISTS for number in NUMBERS]
        addresses += [f"{each}?after={cursor}" for each in ("/cards", f"/promises/{PROMISE}") for cursor in _CURSORS]
        for address in addresses:
            assert client.get(address).status_code in (200, 403, 404, 422), address[:80]


@pytest.mark.parametrize("cursor", _CURSORS)
def test_a_cursor_has_no_number_that_a_database_does_not_take(cursor: str) -> None:
    with pytest.raises(BadCursor):
        key_of(cursor, int, str)


def test_a_length_of_thousands_of_digits_is_too_long(tmp_path: Path) -> None:
    client = client_of(reading_desk(tmp_path, []))
    assert client.post("/sign-in", content=b"x", headers={"Content-Length": "1" * 5000}).status_code == 413


MERGED = Unit(id="joined", title=TITLE, effective_from=date(2021, 9, 20), successor_of=("works",))


def _merged() -> Judge:
    made = plan(promise(), units=[Unit(id="bureau", title=TITLE), MERGED])
    return Judge(made.model_copy(update={"head": made.head.model_copy(update={"open": True})}), CN)


def test_who_continues_a_unit_has_its_circulars_orders_and_texts_and_decides_on_none(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(acting_world, "judge", cache(_merged))
    world = ActingWorld(tmp_path, [START])
    order, proposed = step(world, SupervisionStep.ORDER), step(world, SupervisionStep.CIRCULAR)
    joined, decider = Viewer("j", Role.UNIT, "joined"), Viewer("d", Role.OPERATIONS, "joined")
    path, print_of_order = f"/circulars/{proposed.number}", f"/orders/{order.time[:4]}-1/print"
    assert world.client(joined).get(print_of_order).status_code == 200
    assert world.client(OTHER).get(print_of_order).status_code == 404
    assert world.client(decider).get(path).status_code == 404  # nobody decides for their own unit
    assert world.client(decider).post(path, data={"decision": "issue"}).status_code == 404
    form = hidden(world.client(CENTRE).get(path))
    assert world.client(CENTRE).post(path, data=form | {"decision": "issue", "units": ["works"]}).status_code == 303
    assert world.client(joined).get(f"{path}/print").status_code == 200
    assert f'href="{path}/print' in world.client(joined).get("/circulars").text
    assert world.client(OTHER).get(f"{path}/print").status_code == 404


def test_who_continues_a_unit_has_what_was_assigned_to_it_and_answers(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(acting_world, "judge", cache(_helpers_merged))
    world = ActingWorld(tmp_path, [START])
    joined = Viewer("j", Role.UNIT, "joined")
    task = Decision(
        Matter("P", KEY, 1), About.ASSIGNMENT, "assigned", "c", to="helpers", why="help", until="2021-09-28"
    )
    world.record(task.request("task", "desk", 0))
    assert states(world, joined) == ["待签收"] and states(world, OTHER) == []
    Browser(world, joined).send("reply", text="已协调")
    assert states(world, joined) == ["已回告"]


def _helpers_merged() -> Judge:
    after = Unit(id="joined", title=TITLE, effective_from=date(2021, 9, 20), successor_of=("helpers",))
    made = plan(promise(), units=[Unit(id="bureau", title=TITLE), Unit(id="helpers", title=TITLE), after])
    return Judge(made.model_copy(update={"head": made.head.model_copy(update={"open": True})}), CN)


def test_the_log_names_the_case_of_a_path(tmp_path: Path) -> None:
    desk = reading_desk(tmp_path, [])
    token = token_of(case_key("/units/water", "W-1\u202e<b>"))
    for subject in (f"/cases/{token}/acts/reply?promise=P", "/cases/AAAA", "/cases?number=W-1"):
        desk.accounts.note(Deed(Entry.VIEWED, "somebody", subject))
    page = client_of(desk, Viewer("auditor", Role.AUDITOR)).get("/logs").text
    assert "/cases/[/units/water W-1" in page and "&lt;b&gt;]/acts/reply?promise=P" in page
    assert "\u202e" not in page and token not in page
    assert "/cases/AAAA<" in page and "/cases?number=W-1<" in page


def test_what_waits_has_a_next_page(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(centre, "_MOST", 1)
    world = ActingWorld(tmp_path, [START])
    Browser(world, WORKS).send("extension", amount="3", unit="working_days")
    Browser(world, WORKS).send("reason", "S", reason="weather")
    client, row = world.client(CENTRE), '<th scope="row">'
    first = client.get("/waiting").text
    following = re.findall(r'href="(/waiting\?after=[0-9]+)"', first)
    second = client.get(following[0]).text
    assert first.count(row) == second.count(row) == 1 and "申请延期</a>" in first and "说明理由</a>" in second
    assert "/waiting?after" not in second and "（2）" in second


def test_who_passed_a_case_on_finds_nothing_in_lists_of_what_came_after(tmp_path: Path) -> None:
    withdrawn = case_event("p-9", "case.withdrawn", "2021-09-25T09:00:00+08:00", {"reason": "applicant"}, subject="P-1")
    desk = reading_desk(tmp_path, published([*PASSED_ON, withdrawn]))
    before, holder = (client_of(desk, Viewer(unit, Role.UNIT, unit)) for unit in (FIRST, SECOND))
    listed = before.get("/cases").text
    assert ">P-1</a>" in listed and "已移交" in listed
    assert "区交通局" not in listed and "2021年9月25日" not in listed
    assert "区交通局" in holder.get("/cases").text and "2021年9月25日" in holder.get("/cases").text
    assert ">P-1</a>" in holder.get("/cases?state=closed").text
    assert ">P-1</a>" not in before.get("/cases?state=closed").text
