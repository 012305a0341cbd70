"""The page `/try` in a real browser, narrow and wide, in both languages. `make browser` installs what this needs."""

from collections.abc import Iterator
from typing import Any

import orjson
import pytest

from services.domain.plan.statutory_time import Law
from services.gateway import case_questions
from services.gateway.try_page.routes import add_try_page
from tests.integration.browsers import browser, check_page
from tests.mutations import shipped_plan
from tests.served import served
from tests.unit.gateway import BAD
from tests.unit.gateway_cases import COMPLETED, CONNECTED, STORED, CaseWorld, book_of
from tests.verdicts import shipped

__all__ = ["browser"]


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[CaseWorld, str]]:
    """A gateway with a casebook on a port."""
    made = CaseWorld(tmp_path_factory.mktemp("try"))
    made.store(*STORED)
    add_try_page(made.gateway.app, Law(shipped_plan(), shipped().law.calendar))
    with pytest.MonkeyPatch.context() as patch, served(made.gateway.app) as url:
        patch.setattr(case_questions, "book_of", book_of)  # the plan is read once for all tests
        yield made, url


@pytest.fixture
def page(browser: Any, world: tuple[CaseWorld, str]) -> Iterator[Any]:
    """The page in Chinese; what the browser complains of fails the test, but answers that are problems."""
    context = browser.new_context(locale="zh-CN", viewport={"width": 1440, "height": 900})
    opened, complaints = context.new_page(), list[str]()
    opened.on("pageerror", lambda error: complaints.append(str(error)))
    opened.on(
        "console",
        lambda said: (
            complaints.append(said.text)
            if said.type == "error" and "Failed to load resource" not in said.text
            else None
        ),
    )
    opened.goto(f"{world[1]}/try")
    opened.wait_for_selector("#promises details")
    yield opened
    context.close()
    assert complaints == []


def fill(page: Any, world: CaseWorld, *events: object) -> None:
    page.fill("#key", world.gateway.key)
    page.fill("#events", "\n".join(orjson.dumps(event).decode() for event in events))


def result(page: Any, button: str) -> str:
    page.click(button)
    page.wait_for_selector("#result-section[aria-busy=false]")
    return str(page.inner_text("#result-section"))


def test_events_are_validated_and_tried_day_by_day(page: Any, world: tuple[CaseWorld, str]) -> None:
    made, _ = world
    fill(page, made, CONNECTED, BAD, COMPLETED)
    refused = result(page, "#validate")
    for text in ("可接收2条", "将拒收1条", "data.unit", "单位未登记", "unknown_unit"):
        assert text in refused
    assert page.inner_text("#result td.number") == "2"
    tried = result(page, "#what-if")
    for text in ("涉及办件1件", "办件 W-1", "超期未办结", "超期", "有变化", "红牌", "未解除", "逐日计时", "24:00"):
        assert text in tried
    page.click("#result summary:has-text('K06-1')")
    days = page.inner_text("#result details[open]")
    assert "无需建设外线管道的小型项目供水接入时间不超过4个工作日" in days and "2021-09-17" in days and "工作日" in days
    assert page.evaluate("document.querySelector('#result details[open] blockquote').lang") == "zh"
    of_english_plan = "language => { words.language = language; return [quoted('In 5 days').lang, quoted('5日').lang] }"
    assert page.evaluate(of_english_plan, "en") == ["en", "en"]
    assert page.evaluate(of_english_plan, "") == ["en", "zh"], "without one it is read out of the clause"
    check_page(page, "tried")
    assert made.gateway.log.records == []


def test_a_case_is_looked_up_and_the_language_changes(page: Any, world: tuple[CaseWorld, str]) -> None:
    page.fill("#key", world[0].gateway.key)
    page.fill("#case", "W-1")
    assert "数据截至" in result(page, "#look-up")
    page.click("#language")
    english = page.inner_text("#result-section")
    assert "day by day" in english and "OVERDUE" in english and "逐日" not in english
    assert page.evaluate("document.documentElement.lang") == "en" and page.title() == "Try your events"
    page.click("#contract-title ~ details:nth-of-type(3) summary")
    assert "case.accepted" in page.inner_text("#types")
    check_page(page, "english")
    page.fill("#case", "W-2 of another")
    missing = result(page, "#look-up")
    assert "there is no such case" in missing


def test_a_sample_of_a_promise_is_put_into_the_field(page: Any, world: tuple[CaseWorld, str]) -> None:
    page.fill("#search", "k06-1 供水")
    assert "共" in page.inner_text("#found")
    page.click("#promises details:not([hidden]) summary")
    page.wait_for_selector("#promises details[open] pre")
    check_page(page, "samples")
    page.click("#promises details[open] button:has-text('填入事件内容栏')")
    sent = orjson.loads(page.input_value("#events"))
    page.fill("#key", world[0].gateway.keys.add(sent[0]["source"]).whole)
    assert f"可接收{len(sent)}条，将拒收0条" in result(page, "#validate")


def test_what_goes_wrong_is_said_and_no_key_is_kept(page: Any, world: tuple[CaseWorld, str]) -> None:
    assert "请先填写接口密钥" in result(page, "#validate")
    page.fill("#key", "kw_unknown")
    page.fill("#events", "<img src=x onerror=alert(1)>")
    assert "密钥无效" in result(page, "#validate")
    fill(page, world[0], {**BAD, "id": "<img src=x onerror=alert(1)>", "data": {**BAD["data"], "<b>": 1}})
    assert "<b>" in result(page, "#validate") and page.query_selector("#result img, #result b") is None
    page.fill("#events", "no events")
    assert "请求内容无法识别" in result(page, "#validate")
    kept = page.evaluate("[localStorage.length, sessionStorage.length, document.cookie, location.href]")
    assert kept[:3] == [0, 0, ""] and world[0].gateway.key not in kept[3]
    page.reload()
    assert page.input_value("#key") == ""
