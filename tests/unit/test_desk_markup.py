"""Names, titles and texts that people write stay texts on every page: none becomes an element, an attribute, a link."""

from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
from pydantic import BaseModel

from services.desk.asking import Desk
from services.desk.reading.case_seen import token_of
from services.desk.reading.reading import Reading
from services.domain.intake.facts import case_key
from services.domain.plan.plan import Title
from services.domain.plan.statutory_time import Law
from services.ledger.texts import Texts
from tests.unit.desk import client_of
from tests.unit.desk_reading import PROMISE, published, reading_desk
from tests.unit.gateway import WATER
from tests.unit.gateway_cases import ACCEPTED
from tests.unit.test_desk_routes import CASES, VIEWERS, desk_with_things

EVIL = "\"'></option></script><script>evil()</script><img src=x onerror=evil()><a href=javascript:evil()>"
TEMPLATES = Path(__file__).parents[2] / "services" / "desk" / "templates"


def poisoned(value: Any) -> Any:
    """A copy of a part of the plan in which each name has markup behind it."""
    if isinstance(value, Title):
        return Title(zh=value.zh + EVIL, en=value.en + EVIL)
    if isinstance(value, BaseModel):
        changed = {name: poisoned(getattr(value, name)) for name in type(value).model_fields}
        if isinstance(changed.get("clause"), str):
            changed["clause"] += EVIL
        return value.model_copy(update=changed)
    if isinstance(value, dict):
        return {key: poisoned(each) for key, each in value.items()}
    if isinstance(value, tuple) and not hasattr(value, "_fields"):
        return tuple(map(poisoned, value))
    return [*map(poisoned, value)] if isinstance(value, list) else value


@pytest.fixture
def desk(made: Desk, monkeypatch: pytest.MonkeyPatch) -> Desk:
    """A desk whose plan, and whose texts, somebody wrote markup into."""
    plan = poisoned(made.plan)
    law = Law(plan, made.reading.law.calendar)
    monkeypatch.setattr(Texts, "text", lambda *_: EVIL)
    monkeypatch.setattr(Reading, "law", law)
    return replace(made, plan=plan)


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Desk:
    return desk_with_things(tmp_path_factory.mktemp("desk"))


class Seen(HTMLParser):
    """What a browser makes of a page."""

    def __init__(self) -> None:
        super().__init__()
        self.wrong: list[str] = []
        self.text = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        links = [value or "" for name, value in attrs if name in ("href", "src", "action", "formaction")]
        strange = [name for name, _ in attrs if name.startswith("on") or name == "style"]
        strange += [link for link in links if not link.startswith(("/", "#", "?", "otpauth://totp/"))]
        if strange or tag == "img" or (tag == "script" and not links):
            self.wrong.append(f"{tag} {attrs}")

    def handle_data(self, data: str) -> None:
        self.text += data


@pytest.mark.parametrize("language", ["zh", "en"])
@pytest.mark.parametrize("name", ["unit", "lead", "operations", "admin"])
def test_no_name_of_a_plan_and_no_text_becomes_markup(desk: Desk, name: str, language: Any) -> None:
    viewer = VIEWERS[name]
    assert viewer is not None
    client, shown = client_of(desk, viewer._replace(language=language)), 0
    for (method, path), case in CASES.items():
        if method == "GET" and name in case.gets:
            answer = client.get(case.path or path)
            if answer.headers.get("content-type", "").startswith("text/html"):
                page = Seen()
                page.feed(answer.text)
                assert page.wrong == [], path
                shown += EVIL in page.text
    assert shown > {"admin": 2, "lead": 5}.get(name, 8), "the names are there"


def test_what_somebody_writes_into_an_address_or_a_form_stays_a_text(desk: Desk) -> None:
    client, page = client_of(desk, VIEWERS["operations"]), Seen()
    reads = (
        "/cases?number=",
        "/cards?unit=",
        "/cards?promise=",
        "/sign-in?next=",
        "/recording/x?back=",
        "/cases?after=",
    )
    for path in reads:
        for written in (EVIL, "javascript:evil()", "//elsewhere.example/", "data:text/html,x", "/\\elsewhere.example"):
            page.feed(client.get(path, params={path.partition("?")[2][:-1]: written}).text)
    for form in ({"account": EVIL, "secret": EVIL, "next": "javascript:evil()"}, {"account": "x"}):
        page.feed(client.post("/sign-in", data=form).text)
    admin = client_of(desk, VIEWERS["admin"])
    page.feed(admin.post("/accounts", data={"name": EVIL[:90], "role": "auditor"}).text)
    assert page.wrong == []


def test_the_number_of_a_case_stays_a_text(tmp_path: Path) -> None:
    number = "W-\"'><script>evil()</script>"
    key = case_key(WATER, number)
    desk = reading_desk(tmp_path, published([{**ACCEPTED, "subject": number}]))
    client, page = client_of(desk, VIEWERS["unit"]), Seen()
    for path in ("/district", "/cards", "/cases", f"/promises/{PROMISE}", f"/cases/{token_of(key)}"):
        answer = client.get(path)
        assert answer.status_code == 200 and "evil()" in answer.text, path
        page.feed(answer.text)
    assert page.wrong == []


def test_no_template_leaves_the_escaping_out() -> None:
    for file in TEMPLATES.rglob("*.html"):
        text = file.read_text("utf-8")
        assert "|safe" not in text.replace(" ", "") and "autoescape" not in text, file
