"""Routes × roles × units, generated from the app: whatever is not one's own is denied, by address, form and file.

Each route has its line in `CASES`, written down here and not asked of `may`: who gets the thing of one unit, A. A route
without a line is a fault, and so is a line without a route. A new page adds its line, and what its thing needs to
`desk_with_things`.
"""

import io
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

import pytest
from httpx2 import Response
from starlette.testclient import TestClient

from services.desk.access import ABOUT_A_UNIT, About, Access, Role, Viewer, may
from services.desk.accounts.logbook import Deed, Entry
from services.desk.acting.acts import ACTS
from services.desk.app import FAMILIES
from services.desk.asking import Desk
from services.desk.reading.case_seen import token_of
from services.desk.routes import LISTED, Declared
from services.domain.plan.plan import SupervisionStep
from services.domain.results.published import State
from services.messaging.records.decisions import About as DecidedAbout
from services.messaging.records.decisions import Decision, Matter, Statement
from services.messaging.records.ledger import Kind, LedgerRecord, Request
from services.messaging.records.steps import CardKey, RecordedStep
from tests.unit.desk import client_of
from tests.unit.desk_reading import PROMISE, RED_CASE, published, reading_desk, value_record, value_row
from tests.unit.gateway import NOW, WATER
from tests.unit.ledger_world import LedgerWorld

A, B, LEAD = "liangjiang-water", "jiangbei-gas", "district-urban-management"
"""The unit whose the things of these tests are, another one, and the one that leads the promise behind them."""
VIEWERS: Mapping[str, Viewer | None] = {
    "nobody": None,
    "unit": Viewer("unit", Role.UNIT, A),
    "other": Viewer("other", Role.UNIT, B),
    "lead": Viewer("lead", Role.UNIT, LEAD),
    "operations": Viewer("operations", Role.OPERATIONS),
    "operations of A": Viewer("of-a", Role.OPERATIONS, A),
    "auditor": Viewer("auditor", Role.AUDITOR),
    "admin": Viewer("admin", Role.ADMIN),
}
EVERYBODY = frozenset(VIEWERS)
SIGNED_IN = EVERYBODY - {"nobody"}
OPERATIONS = frozenset(("operations", "operations of A"))
ADMIN = frozenset(("admin",))
CODE = "AAAAA-AAAAA-AAAAA-AAAAA"
"""A one-time code that is none."""


class Case(NamedTuple):
    """One route, with a thing of unit A."""

    gets: frozenset[str]
    """The viewers that get it; all others are denied, or see a list without it."""
    path: str = ""
    """With the parameters filled in; empty: the route has none."""
    form: Mapping[str, str] = {}
    """What is sent, such that it would be done."""
    shows: str = ""
    """A text in the answer that names the thing, and nothing else does. A list needs one."""
    refused_as: int = 0
    """The status of an answer to those who may ask, where what is sent is wrong on purpose."""


OWN = frozenset(("unit", *OPERATIONS))
SEES = OWN | {"lead"}
READS = SEES | {"other"}
CENTRE = frozenset(("operations",))
"""Nobody decides for a unit that their account belongs to."""
CASE_OF_A = f"/cases/{token_of(RED_CASE)}"

CASES: dict[tuple[str, str], Case] = {
    ("GET", "/static/{name}"): Case(EVERYBODY, "/static/desk.css"),
    ("GET", "/"): Case(SIGNED_IN),
    ("POST", "/language"): Case(EVERYBODY, form={"language": "zh", "path": "/"}),
    ("GET", "/district"): Case(frozenset(("unit",)), shows=f'href="{CASE_OF_A}"'),
    ("GET", "/changes"): Case(READS, shows="K06-1"),
    ("GET", "/promises"): Case(SEES, shows="K06-1"),
    ("GET", "/promises.xlsx"): Case(SEES, shows="K06-1"),
    ("GET", "/promises/{kpi}"): Case(READS, "/promises/K06-1"),
    ("GET", "/cards"): Case(OWN, shows=f'href="{CASE_OF_A}"'),
    ("GET", "/cards.xlsx"): Case(OWN, shows="W-1"),
    ("GET", "/cases"): Case(SEES, shows=f'href="{CASE_OF_A}"'),
    ("GET", "/cases.xlsx"): Case(SEES, shows="W-1"),
    ("GET", "/counted"): Case(SEES, "/counted?mark=overdue&promise=K06-1", shows=f'href="{CASE_OF_A}"'),
    ("GET", "/counted.xlsx"): Case(SEES, "/counted.xlsx?mark=overdue&promise=K06-1", shows="W-1"),
    ("GET", "/cases/{token}"): Case(SEES, CASE_OF_A, shows="W-1"),
    ("GET", "/sources"): Case(SEES, shows=WATER),
    ("GET", "/assignments"): Case(OWN, shows=f'href="{CASE_OF_A}"'),
    ("GET", "/orders"): Case(OWN, shows="〔2021〕1号"),
    ("GET", "/notices"): Case(OWN, shows='href="/notices/1"'),
    ("GET", "/notices/{number}"): Case(OWN, "/notices/1", shows="红牌1项"),
    ("GET", "/sign-in"): Case(EVERYBODY),
    ("POST", "/sign-in"): Case(EVERYBODY, form={"account": "of-a", "secret": CODE}, refused_as=401),
    ("POST", "/sign-out"): Case(SIGNED_IN),
    ("GET", "/account"): Case(SIGNED_IN),
    ("GET", "/account/password"): Case(SIGNED_IN),
    ("POST", "/account/password"): Case(SIGNED_IN, form={"new": "x", "again": "y"}, refused_as=422),
    ("GET", "/account/factor"): Case(SIGNED_IN),
    ("POST", "/account/factor"): Case(SIGNED_IN, form={"secret": "x", "code": "0"}, refused_as=422),
    ("POST", "/account/sessions/{id}/end"): Case(SIGNED_IN, "/account/sessions/none/end"),
    ("GET", "/accounts"): Case(ADMIN, shows='href="/accounts/of-a"'),
    ("POST", "/accounts"): Case(ADMIN, form={"name": "fresh", "role": "auditor"}, shows="fresh"),
    ("GET", "/accounts/{name}"): Case(ADMIN, "/accounts/of-a", shows="of-a"),
    ("POST", "/accounts/{name}/reset"): Case(ADMIN, "/accounts/of-a/reset", shows="of-a"),
    ("POST", "/accounts/{name}/disable"): Case(ADMIN, "/accounts/of-a/disable"),
    ("POST", "/accounts/{name}/enable"): Case(ADMIN, "/accounts/of-a/enable"),
    ("POST", "/accounts/{name}/end-sessions"): Case(ADMIN, "/accounts/of-a/end-sessions"),
    ("GET", "/logs"): Case(OPERATIONS | {"auditor"}),
    ("GET", "/waiting"): Case(OPERATIONS),
    ("GET", "/circulars"): Case(SEES, shows="W-1"),
    ("GET", "/circulars/{number}"): Case(CENTRE, "/circulars/3"),
    ("POST", "/circulars/{number}"): Case(CENTRE, "/circulars/3", refused_as=400),
    ("GET", "/circulars/{number}/print"): Case(SEES, "/circulars/3/print", shows="通报"),
    ("GET", "/orders/{number}/print"): Case(OWN, "/orders/2021-1/print", shows="督办"),
    ("GET", "/texts/{number}/erase"): Case(CENTRE, "/texts/5/erase"),
    ("POST", "/texts/{number}/erase"): Case(CENTRE, "/texts/5/erase", refused_as=400),
    ("GET", "/recording/{id}"): Case(SIGNED_IN, "/recording/none"),
    ("GET", "/print.css"): Case(EVERYBODY),
    ("GET", "/runbooks"): Case(EVERYBODY, shows="什么是告警"),
    ("GET", "/runbooks/{alert}"): Case(EVERYBODY, "/runbooks/KpiMissed", shows="含义"),
}
for act in ACTS:
    who = CENTRE if act.decides else frozenset(("unit",))
    at = f"{CASE_OF_A}/acts/{act.name}?promise={PROMISE}&cycle=1"
    CASES["GET", f"/cases/{{token}}/acts/{act.name}"] = Case(who, at)
    CASES["POST", f"/cases/{{token}}/acts/{act.name}"] = Case(who, at, refused_as=400)


def desk_with_things(folder: Path, *more: Request) -> Desk:
    """A desk with what the lines of `CASES` name. `more`: records of the ledger behind those."""
    rows = [
        value_record(number, value_row(unit, State.MISSED, "0.5"), State.MET) for number, unit in enumerate(("ALL", A))
    ]
    desk = reading_desk(folder, [*published(), *rows], ledger_of_a(*more))
    for viewer in filter(None, VIEWERS.values()):
        desk.accounts.add(viewer.account, viewer.role, viewer.unit, Deed(Entry.ACCOUNT, "", "added"))
    return desk


@pytest.mark.slow
def test_who_is_assigned_a_case_has_what_its_unit_has_and_nobody_else_does(tmp_path: Path) -> None:
    """Routes × roles × units once more, on a desk where the case of A is assigned to B: of the routes of the case B has
    those of A, the decider of B has none, and everybody else has what they had."""
    task = Decision(Matter(PROMISE, RED_CASE, 1), DecidedAbout.ASSIGNMENT, "assigned", "centre", to=B, why="help",
                    until="2021-10-29").request("g", "w", 9)  # fmt: skip
    desk = desk_with_things(tmp_path, task)
    viewers = {**VIEWERS, "operations of B": Viewer("of-b", Role.OPERATIONS, B)}
    clients = {name: client_of(desk, viewer) for name, viewer in viewers.items()}
    for (method, path), case in CASES.items():
        if not path.startswith("/cases/{token}"):
            continue
        gets = case.gets | ({"other"} if "unit" in case.gets else set())
        gets |= {"operations of B"} if "operations of A" in case.gets else set()
        for name, client in clients.items():
            answer = client.request(method, case.path, data=case.form or None)
            assert is_denied(answer) is (name not in gets), f"{method} {path}: {name}: {answer.status_code}"
    listed = {name: f'href="{CASE_OF_A}"' in client.get("/assignments").text for name, client in clients.items()}
    assert {name for name, is_listed in listed.items() if is_listed} == OWN | {"other", "operations of B"}


def ledger_of_a(*more: Request) -> list[LedgerRecord]:
    """A notice to A, a written order to it, a 通报 about it that is issued to the lead, too, its reply, and what it is
    assigned, about its case; then what else there is."""
    key = CardKey(PROMISE, f"{WATER} W-1", 1, "-")
    late = "2021-09-23T00:00:00+08:00"
    order = RecordedStep(key, SupervisionStep.ORDER, "2021-09-30T00:00:00+08:00", A, late, late, 5).request("b", "w", 0)
    said = {"title": "红牌1项", "text_zh": "红牌1项", "text_en": "red cards: 1", "subjects": []}
    notice = Request("a", Kind.NOTICE, "w", unit=A, body=said)
    red = RecordedStep(key, SupervisionStep.CIRCULAR, "2021-10-08T00:00:00+08:00", A, late, late, 10)
    matter = Matter(PROMISE, RED_CASE, 1)
    issued = Decision(matter, DecidedAbout.CIRCULAR, "issued", "centre", step=3, units=(A, LEAD)).request("d", "w", 9)
    task = Decision(matter, DecidedAbout.ASSIGNMENT, "assigned", "centre", to=A, why="late", until="2021-10-29")
    reply = Statement(Kind.REPLIED, matter, A, "a", texts={"text": "0" * 64}).request("e", "w")
    asked = Statement(Kind.ASKED, matter, A, "a", {"about": "extension"}).request("h", "w")
    records = (notice, order, red.request("c", "w", 9), issued, reply, task.request("f", "w", 9), asked, *more)
    return LedgerWorld(lambda: NOW - 1_000_000).record(*records)


DECLARED = [each for family in FAMILIES for each in family.declared]


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Desk:
    return desk_with_things(tmp_path_factory.mktemp("desk"))


@pytest.fixture(scope="module")
def clients(desk: Desk) -> dict[str, TestClient]:
    return {name: client_of(desk, viewer) for name, viewer in VIEWERS.items()}


def test_each_route_has_its_line_and_each_line_its_route() -> None:
    assert {(each.route.method, each.route.path) for each in DECLARED} == set(CASES)


@pytest.mark.parametrize("declared", DECLARED, ids=lambda each: f"{each.route.method} {each.route.path}")
def test_a_thing_of_a_unit_is_had_by_those_whose_it_is_and_by_nobody_else(
    declared: Declared, clients: Mapping[str, TestClient]
) -> None:
    case = CASES[declared.route.method, declared.route.path]
    assert declared.route.about != LISTED or case.shows, "a list says by which text the thing is known"
    for name in sorted(VIEWERS, key=lambda each: each in case.gets):  # those that are denied first: nothing is done
        answer = clients[name].request(declared.route.method, case.path or declared.route.path, data=case.form or None)
        said = f"{name}: {answer.status_code} {answer.headers.get('location', '')}"
        if name in case.gets:
            assert not is_denied(answer) and (answer.status_code < 400 or answer.status_code == case.refused_as), said
            assert case.shows in text_of(answer), said
        elif declared.route.about == LISTED and not is_denied(answer):
            assert case.shows not in text_of(answer), said
        else:
            assert is_denied(answer), said


@pytest.mark.parametrize("declared", DECLARED, ids=lambda each: f"{each.route.method} {each.route.path}")
def test_a_form_from_elsewhere_does_nothing(declared: Declared, clients: Mapping[str, TestClient]) -> None:
    if declared.route.method == "POST":
        case = CASES[declared.route.method, declared.route.path]
        for client in clients.values():
            headers = {"Origin": "https://elsewhere.example", "Sec-Fetch-Site": "cross-site"}
            answer = client.post(case.path or declared.route.path, data=dict(case.form), headers=headers)
            assert answer.status_code == 403


def test_what_is_not_there_looks_like_what_is_somebody_elses(clients: Mapping[str, TestClient]) -> None:
    for declared in DECLARED:
        case = CASES[declared.route.method, declared.route.path]
        is_of_one = callable(declared.route.about) and "{" in declared.route.path and "other" not in case.gets
        if declared.route.method == "GET" and is_of_one and may(VIEWERS["other"], declared.route.access):
            theirs = clients["other"].get(case.path)
            none = clients["other"].get(f"{case.path.rsplit('/', 1)[0]}/999999999")
            assert (theirs.status_code, none.status_code) == (404, 404)
            assert theirs.text.replace(theirs.request.url.path, "") == none.text.replace(none.request.url.path, "")


@pytest.mark.parametrize("access", sorted(ABOUT_A_UNIT))
def test_a_role_without_a_unit_is_never_a_unit(access: Access) -> None:
    """An account whose unit is empty owns nothing, and a thing of nobody is nobody's."""
    nobodys = frozenset(("",))
    for about in (About(), About(owners=frozenset((A,))), About(owners=nobodys, leads=nobodys)):
        assert not may(Viewer("broken", Role.UNIT), access, about)
    assert may(VIEWERS["operations"], Access.DECIDE, About(owners=nobodys))


def test_a_lead_reads_without_texts_and_does_nothing() -> None:
    about = About(owners=frozenset((A,)), leads=frozenset((LEAD,)))
    may_do = {name: {each for each in ABOUT_A_UNIT if may(viewer, each, about)} for name, viewer in VIEWERS.items()}
    assert may_do == {
        "nobody": set(),
        "unit": {Access.READ, Access.READ_TEXTS, Access.ACT},
        "other": set(),
        "lead": {Access.READ},
        "operations": {Access.READ, Access.READ_TEXTS, Access.DECIDE},
        "operations of A": {Access.READ, Access.READ_TEXTS},
        "auditor": set(),
        "admin": set(),
    }


def test_nobody_decides_for_a_unit_of_their_own() -> None:
    about = About(owners=frozenset((A,)), leads=frozenset((LEAD,)))
    assert may(VIEWERS["operations"], Access.DECIDE, about)
    for unit in (A, LEAD):
        assert not may(Viewer("of-unit", Role.OPERATIONS, unit), Access.DECIDE, about)


def is_denied(answer: Response) -> bool:
    """Whether it is a refusal, or the way to sign in."""
    signs_in = answer.status_code == 303 and answer.headers["location"].startswith("/sign-in")
    return signs_in or answer.status_code in (403, 404)


def text_of(answer: Response) -> str:
    """What a person reads in it; of a spreadsheet all its cells."""
    if answer.content[:2] == b"PK":
        with zipfile.ZipFile(io.BytesIO(answer.content)) as archive:
            return "\n".join(archive.read(name).decode(errors="replace") for name in archive.namelist())
    return answer.text
