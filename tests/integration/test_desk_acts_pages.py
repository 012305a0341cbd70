"""The forms of the desk in a real browser: a unit replies and asks, the operations centre decides, at both widths, with
and without JavaScript. Screenshots stay in build/desk."""

from pathlib import Path
from typing import Any

import pytest

from services.desk.access import Role, Viewer
from services.desk.app import desk_app
from services.desk.cookies import session_name
from services.domain.plan.plan import SupervisionStep
from services.local.ports import free_ports
from services.messaging.records.ledger import Kind
from tests.integration.browsers import WIDTHS, browser, check_access, sticking_out
from tests.integration.test_desk_pages import keep
from tests.served import served
from tests.unit.acting_world import ActingWorld
from tests.unit.desk import OpenSessions
from tests.unit.test_desk_acts import START
from tests.unit.test_desk_centre import step

__all__ = ["browser"]


@pytest.mark.slow
@pytest.mark.parametrize(("width", "scripts"), [*((width, True) for width in WIDTHS), (WIDTHS[0], False)])
def test_a_unit_asks_and_the_operations_centre_decides(browser: Any, tmp_path: Path, width: int, scripts: bool) -> None:
    port = free_ports(1)[0]
    world = ActingWorld(tmp_path, [START], port=port)
    step(world, SupervisionStep.CIRCULAR)
    with served(desk_app(world.desk), port) as url:

        def page_of(viewer: Viewer) -> Any:
            context = browser.new_context(viewport={"width": width, "height": 900}, java_script_enabled=scripts)
            assert isinstance(world.desk.sessions, OpenSessions)
            token = world.desk.sessions.begin(viewer)
            context.add_cookies([{"name": session_name(world.settings), "value": token, "url": url}])
            return context.new_page()

        def looked_at(page: Any, name: str) -> None:
            keep(page, f"{name}-{width}-{'js' if scripts else 'no-js'}")
            if scripts:
                assert sticking_out(page, width) == [], name
                check_access(page, name)

        unit = page_of(Viewer("works-01", Role.UNIT, "works"))
        unit.goto(url + world.act("reply").partition("/acts")[0])
        looked_at(unit, "case-with-acts")
        unit.click("a[href*='/acts/reply?promise=P']")
        unit.fill("#reply-text", "电话 13812345678")
        unit.click("main form button")
        assert "手机号码" in unit.inner_text(".wrong") and unit.input_value("#reply-text") == "电话 13812345678"
        looked_at(unit, "reply-refused")
        unit.fill("#reply-text", "已安排抢修")
        unit.click("main form button")
        assert "回告" in unit.inner_text(".said") and "已安排抢修" in unit.inner_text("main")
        unit.goto(url + world.act("reason", "S"))
        unit.select_option("#reason-reason", "weather")
        unit.click("main form button")

        centre = page_of(Viewer("centre-01", Role.OPERATIONS, "", "en"))
        centre.goto(f"{url}/waiting")
        looked_at(centre, "waiting")
        centre.click("main table a")
        looked_at(centre, "decide-reason")
        assert "OVERDUE" in centre.inner_text("main")
        centre.check("input[value=accept]")
        centre.click("main form button")
        assert "reason accepted" in centre.inner_text(".said")
        assert [each.request.kind for each in world.of_kind()] == [Kind.REPLIED, Kind.ASKED, Kind.DECIDED]
        for path in ("/circulars", "/texts/3/erase", "/waiting"):
            centre.goto(url + path)
            looked_at(centre, path.strip("/").replace("/", "-"))


@pytest.mark.slow
@pytest.mark.parametrize(("width", "scripts"), [*((width, True) for width in WIDTHS), (WIDTHS[0], False)])
def test_a_case_is_assigned_a_circular_issued_and_both_taken_back(
    browser: Any, tmp_path: Path, width: int, scripts: bool
) -> None:
    port = free_ports(1)[0]
    world = ActingWorld(tmp_path, [START], port=port)
    proposed = step(world, SupervisionStep.CIRCULAR)
    with served(desk_app(world.desk), port) as url:

        def page_of(viewer: Viewer) -> Any:
            context = browser.new_context(viewport={"width": width, "height": 900}, java_script_enabled=scripts)
            assert isinstance(world.desk.sessions, OpenSessions)
            token = world.desk.sessions.begin(viewer)
            context.add_cookies([{"name": session_name(world.settings), "value": token, "url": url}])
            return context.new_page()

        def looked_at(page: Any, name: str) -> None:
            keep(page, f"{name}-{width}-{'js' if scripts else 'no-js'}")
            if scripts:
                assert sticking_out(page, width) == [], name
                check_access(page, name)

        centre = page_of(Viewer("centre-01", Role.OPERATIONS))
        centre.goto(url + world.act("assign"))
        looked_at(centre, "assign")
        centre.select_option("#assign-to", "helpers")
        centre.select_option("#assign-why", "help")
        centre.fill("#assign-until", "2021-09-28")
        centre.fill("#assign-text", "请协助协调管线迁改")
        centre.click("main form button")
        assert "交办" in centre.inner_text(".said")

        helpers = page_of(Viewer("helpers-01", Role.UNIT, "helpers"))
        helpers.goto(f"{url}/district")
        assert "请协助协调管线迁改" in helpers.inner_text("main")
        helpers.click("nav a[href='/assignments']")
        looked_at(helpers, "assignments")
        helpers.click("main table a")
        helpers.click("a[href*='/acts/extension?promise=P']")
        helpers.fill("#extension-amount", "3")
        helpers.click("main form button")
        helpers.click("a[href*='/acts/withdraw-request']")
        looked_at(helpers, "withdraw-request")
        helpers.click("main form button")
        assert "撤回" in helpers.inner_text(".said")

        centre.goto(f"{url}/circulars/{proposed.number}")
        looked_at(centre, "circular-units")
        assert centre.is_checked("input[value=works]") and centre.is_checked("input[value=bureau]")
        centre.uncheck("input[value=bureau]")
        centre.click("main details summary")
        centre.check("input[value=helpers]")
        centre.check("input[value=issue]")
        centre.click("main form button")
        assert "通报" in centre.inner_text(".said")
        helpers.goto(f"{url}/circulars")
        helpers.click("main a[href$='/print']")
        assert "现予通报" in helpers.inner_text("body") and "发送单位" in helpers.inner_text("body")

        centre.goto(url + world.act("withdraw-decision"))
        looked_at(centre, "withdraw-decision")
        centre.click("main form button")
        assert "撤销" in centre.inner_text(".said")
        helpers.goto(f"{url}/assignments")
        assert "没有待回告的交办" in helpers.inner_text("main")
