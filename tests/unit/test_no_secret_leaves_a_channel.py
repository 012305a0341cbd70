"""A canary: no address of a robot, secret, access token or address of a person leaves a channel, whatever fails.

The doubles repeat the whole request in their errors, secrets included, which is the worst that a provider could do.
What a channel renders goes into the ledger; so does the reason of an outcome. Both, and what is logged at any level by
any library, are searched.
"""

import logging
import traceback
from collections.abc import Iterator
from pathlib import Path

import httpx2
import pytest

from services.local.message_doubles.desk import SECRET, WEBHOOK_SECRET
from services.local.message_doubles.faults import Fault, Mode
from services.local.ports import free_ports
from services.notifier.channels.account import MissingSecret
from services.notifier.channels.message import Accepted, Message, Outcome
from tests.unit.message_doubles import CANARY, KINDS, Doubles, running_doubles

MESSAGE = Message(
    12, "供水接入逾期", "请于10月25日24时前办结。", "Overdue.", "https://desk.example/notices/12", "water", True
)
NEVER = (CANARY, CANARY.replace("-", ""), SECRET, WEBHOOK_SECRET.removeprefix("whsec_"), "-token-")
OF_THE_DOUBLES = ("mail.", "uvicorn", "asyncio")
"""Loggers of the servers that these tests start."""


@pytest.fixture(scope="module")
def servers() -> Iterator[Doubles]:
    with running_doubles() as doubles:
        yield doubles


@pytest.fixture
def doubles(servers: Doubles, caplog: pytest.LogCaptureFixture) -> Iterator[Doubles]:
    servers.desk.arrivals.clear()
    servers.desk.faults.clear()
    servers.clock.next_morning()
    with caplog.at_level(logging.DEBUG):
        yield servers


def found_in(*texts: str) -> list[str]:
    return [canary for canary in NEVER for text in texts if canary in text]


def logged(caplog: pytest.LogCaptureFixture) -> str:
    return "\n".join(
        f"{one.name} {one.getMessage()} {one.exc_text or ''}"
        for one in caplog.records
        if not one.name.startswith(OF_THE_DOUBLES)
    )


def shown(outcome: Outcome) -> str:
    return f"{outcome!r}"


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("mode", [None, *Mode])
def test_no_secret_is_in_an_outcome_a_rendered_message_or_a_log(
    doubles: Doubles, kind: str, mode: Mode | None, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("services.notifier.channels.email._TIMEOUT_SECONDS", 0.1)
    doubles.desk.faults.switch(kind, None if mode is None else Fault(mode, seconds=0.2))
    channel = doubles.channel(kind)
    rendered = channel.render(MESSAGE)
    outcome = channel.send(rendered, "kw-12-a")
    texts = [rendered.decode(), shown(outcome), repr(channel), str(vars(type(channel))), logged(caplog)]
    assert found_in(*texts) == []
    assert mode is not None or isinstance(outcome, Accepted)


@pytest.mark.parametrize("kind", KINDS)
def test_no_secret_is_said_when_nothing_answers(doubles: Doubles, kind: str, caplog: pytest.LogCaptureFixture) -> None:
    (port,) = free_ports(1)
    channel = Doubles(f"http://127.0.0.1:{port}", port, doubles.desk, doubles.clock, doubles.calls).channel(kind)
    assert found_in(shown(channel.send(channel.render(MESSAGE), "kw-12-a")), logged(caplog)) == []


@pytest.mark.parametrize("kind", ["wecom_app", "dingtalk_work", "feishu_app"])
def test_no_secret_is_said_when_it_is_wrong(doubles: Doubles, kind: str, caplog: pytest.LogCaptureFixture) -> None:
    tools = doubles.tools({"KPIWATCH_SECRET_DOUBLE": CANARY})
    channel = doubles.channel(kind, tools=tools)
    outcome = channel.send(channel.render(MESSAGE), "kw-12-a")
    assert not isinstance(outcome, Accepted)
    assert found_in(shown(outcome), logged(caplog)) == []


def test_a_password_of_the_mail_server_is_said_nowhere(
    doubles: Doubles, caplog: pytest.LogCaptureFixture, tmp_path: Path
) -> None:
    tools = doubles.tools({"KPIWATCH_SECRET_MAIL": CANARY})
    channel = doubles.channel("email", tools=tools, user="kpi", password="mail")
    outcome = channel.send(channel.render(MESSAGE), "kw-12-a")  # the double offers no login
    assert not isinstance(outcome, Accepted)
    assert found_in(shown(outcome), logged(caplog)) == []


@pytest.mark.parametrize("kind", ["wecom_robot", "dingtalk_robot", "feishu_robot", "webhook"])
def test_an_address_that_cannot_be_used_is_not_repeated(doubles: Doubles, kind: str) -> None:
    wrong = {f"KPIWATCH_SECRET_{kind.upper()}": f"ftp://{CANARY}"}
    with pytest.raises(MissingSecret) as missing:
        doubles.channel(kind, tools=doubles.tools(wrong))
    assert found_in("".join(traceback.format_exception(missing.value))) == []


@pytest.mark.parametrize("kind", sorted(set(KINDS) - {"email"}))
def test_an_address_beyond_all_ports_is_an_outcome_without_it(
    doubles: Doubles, kind: str, caplog: pytest.LogCaptureFixture
) -> None:
    broken = Doubles(f"http://127.0.0.1:99999/{CANARY}", 1, doubles.desk, doubles.clock, doubles.calls)
    try:
        channel = broken.channel(kind)
    except ValueError as error:
        assert found_in(str(error)) == []
        return
    assert found_in(shown(channel.send(channel.render(MESSAGE), "kw-12-a")), logged(caplog)) == []


def test_the_page_of_the_doubles_names_the_group_of_a_robot_and_not_its_address(doubles: Doubles) -> None:
    for kind in ("wecom_robot", "dingtalk_robot", "feishu_robot"):
        channel = doubles.channel(kind)
        assert isinstance(channel.send(channel.render(MESSAGE), "kw-12-a"), Accepted)
    for path in ("/", "/_messages"):
        page = httpx2.get(f"{doubles.url}{path}", trust_env=False).text
        assert page.count("【第12号通知】") == 3
        assert CANARY not in page
