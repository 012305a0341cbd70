"""No search, no file and no page tells more of a case than its viewer sees: nothing of what came after the last day of
a unit there, and nothing of a promise that a lead does not lead.
"""

import itertools
from collections.abc import Iterable, Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.casebook.case_filter import CaseFilter
from services.casebook.case_summary import CaseState
from services.casebook.casebook import ListedCase
from services.desk.access import Role, Viewer
from services.desk.asking import Desk
from services.desk.reading.case_seen import token_of
from services.domain.plan.plan import Title, Unit
from services.domain.results.published import Level
from services.domain.time.rfc3339 import read
from tests.unit.acting_world import ActingWorld
from tests.unit.cases import node_ended, node_started
from tests.unit.desk import client_of
from tests.unit.desk_reading import LEAD, PROMISE, published, reading_desk
from tests.unit.gateway_cases import ACCEPTED, STORED
from tests.unit.gateway_cases import event as case_event
from tests.unit.test_desk_acts import CENTRE, OTHER, START, Browser
from tests.unit.test_desk_assignments import TASK
from tests.unit.test_desk_reading import FIRST, PASSED_KEY, PASSED_ON, SECOND
from tests.unit.test_desk_sheet import cells

BEFORE = Viewer("before", Role.UNIT, FIRST)
LAST_DAY_ENDS = read("2021-09-24T00:00:00+08:00")


def later(name: str, type: str, time: str, data: Mapping[str, Any]) -> dict[str, Any]:
    """An event of the case that FIRST passed on, after its last day there."""
    return case_event(name, type, f"2021-09-{time}+08:00", dict(data), subject="P-1")


GAS = {**ACCEPTED["data"], "service_item": "gas.connection", "attributes": {"external_line": False}}
WITHDRAWN = later("l-1", "case.withdrawn", "24T11:00:00", {"reason": "applicant"})
LATER = (
    WITHDRAWN,
    later("l-2", "case.completed", "26T09:00:00", {}),
    later("l-3", "case.node_ended", "25T09:00:00", {"node": "road_opening_permit", "unit": SECOND}),
    later("l-4", "case.suspended", "25T10:00:00", {"reason": "weather", "unit": SECOND}),
    later("l-5", "case.reopened", "27T09:00:00", {"reason": "new_request"}),
    later("l-6", "case.accepted", "27T10:00:00", ACCEPTED["data"]),
    later("l-7", "correction", "28T10:00:00", {
        "of": "p-1", "event": {**PASSED_ON[0], "data": GAS},
    }),
    later("l-8", "case.completed", "29T09:00:00", {}),
)  # fmt: skip
DAYS = [read(f"2021-09-{day}T00:00:00+08:00") for day in ("22", "23", "24", "27", "30")]
PROMISES = (None, PROMISE, "K06-3")


def filters() -> Iterator[CaseFilter]:
    """Every filter of the page, with every other."""
    spans = [(None, None), *itertools.pairwise(DAYS)]
    states = (None, CaseState.OPEN, CaseState.CLOSED)
    for promise, state, level, (first, end) in itertools.product(PROMISES, states, (None, *Level), spans):
        yield CaseFilter(promise=promise, state=state, level=level, filed_from=first, filed_before=end)


def found(desk: Desk, viewer: Viewer) -> list[tuple[ListedCase, ...]]:
    """What each search of a viewer finds."""
    return [desk.reading.cases(viewer, wanted).cases for wanted in filters()]


def read_pages(desk: Desk, viewer: Viewer, key: str) -> list[object]:
    """The list, its file and the page of the case."""
    client = client_of(desk, viewer)
    file = cells(client.get("/cases.xlsx").content)
    return [client.get("/cases").text, file, client.get("/cards").text, client.get(f"/cases/{token_of(key)}").text]


@cache
def _before(folder: Path) -> tuple[list[tuple[ListedCase, ...]], list[object]]:
    desk = reading_desk(folder / "before", published([*PASSED_ON, WITHDRAWN]))
    return found(desk, BEFORE), read_pages(desk, BEFORE, PASSED_KEY)


@settings(max_examples=10, deadline=None)
@given(st.lists(st.sampled_from(LATER), unique_by=lambda each: each["id"]))
@pytest.mark.slow
def test_who_passed_a_case_on_finds_the_same_whatever_comes_after_its_last_day(
    tmp_path_factory: pytest.TempPathFactory, events: Iterable[Mapping[str, Any]]
) -> None:
    searches, pages = _before(tmp_path_factory.getbasetemp())
    desk = reading_desk(tmp_path_factory.mktemp("after"), published([*PASSED_ON, *events]))
    for wanted, one, other in zip(filters(), searches, found(desk, BEFORE), strict=True):
        assert one == other, wanted
    assert read_pages(desk, BEFORE, PASSED_KEY) == pages
    assert any(searches)


@pytest.mark.slow
def test_what_comes_after_is_found_by_who_holds_the_case(tmp_path: Path) -> None:
    """Else the test above would find nothing in nothing."""
    refiled = [event for event in LATER if event["id"] in ("l-1", "l-5", "l-6")]
    searches = []
    for name, events in (("one", [WITHDRAWN]), ("other", refiled), ("third", [])):
        desk = reading_desk(tmp_path / name, published([*PASSED_ON, *events]))
        searches.append(found(desk, Viewer("now", Role.UNIT, SECOND)))
    assert searches[0] != searches[1] != searches[2] != searches[0]


def test_who_passed_a_case_on_finds_it_by_the_day_on_which_it_was_filed_then(tmp_path: Path) -> None:
    desk = reading_desk(tmp_path, published([*PASSED_ON, *(each for each in LATER if each["id"] != "l-7")]))
    (known,) = desk.reading.cases(BEFORE, CaseFilter(filed_from=DAYS[0], filed_before=DAYS[1])).cases
    assert known.is_passed_on and known.case.filed_at == read("2021-09-22T09:00:00+08:00")
    assert known.case.service_item == "water.connection" and known.case.holder == ""
    assert desk.reading.cases(BEFORE, CaseFilter(filed_from=DAYS[2])).cases == ()


def test_a_lead_finds_a_case_by_its_own_promises_only(tmp_path: Path) -> None:
    """The card of another promise on the same case is not in its list, and not found by it."""
    desk, lead = reading_desk(tmp_path, published(STORED)), Viewer("lead", Role.UNIT, LEAD)
    others = [each.case for each in desk.reading.cases(lead, CaseFilter()).cases]
    assert others
    scope = desk.reading.scope(lead)
    everything = Viewer("all", Role.OPERATIONS)
    for kpi in {each.key for each in desk.plan.promises if each.about == "case"}:
        by_lead = {each.case.case_key for each in desk.reading.cases(lead, CaseFilter(promise=kpi)).cases}
        whole = {each.case.case_key for each in desk.reading.cases(everything, CaseFilter(promise=kpi)).cases}
        assert by_lead == (whole if kpi in scope.leads else set()), kpi


def test_the_form_of_an_act_does_not_say_who_has_a_case_now_to_who_has_passed_it_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nor to which units the operations centre has assigned it since."""
    facts = [
        START,
        node_started("2021-09-17T09:00", "survey", "seals"),
        node_ended("2021-09-18T09:00", "survey", "seals"),
        node_started("2021-09-22T09:00", "works", "planning"),
    ]
    world = ActingWorld(tmp_path, facts)
    planning = Unit(id="planning", title=Title(zh="规划局", en="planning bureau"))
    monkeypatch.setitem(world.desk.plan.units, "planning", planning)
    Browser(world, CENTRE).send("assign", **TASK)
    for act in ("acknowledge", "reply", "extension", "withdraw-request"):
        page = world.client(OTHER).get(world.act(act))
        assert page.status_code == 403 and "规划局" not in page.text and "可以回告" not in page.text
