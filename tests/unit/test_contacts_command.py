"""`kpiwatch contacts`: who gets notices, what is missing, and whether a test message arrives."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from services.local.message_doubles.desk import SECRET
from services.local.message_doubles.faults import Fault, Mode
from tests.unit.commands import run
from tests.unit.message_doubles import CANARY, Doubles, running_doubles

FILE = """
[[account]]
id = "group"
kind = "wecom_robot"
address = "group"

[[account]]
id = "mail"
kind = "email"
host = "127.0.0.1"
port = {mail}
security = "none"
sender = "kpi@district.example"

[[contact]]
unit = "liangjiang-water"
name = "值班室"
quiet = ["21:00-07:30"]
channels = [{{ account = "group" }}, {{ account = "mail", to = "duty@water.example" }}]
"""


@pytest.fixture(scope="module")
def servers() -> Iterator[Doubles]:
    with running_doubles() as doubles:
        yield doubles


@pytest.fixture
def doubles(servers: Doubles, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Doubles:
    servers.desk.arrivals.clear()
    servers.desk.faults.clear()
    (tmp_path / "contacts.toml").write_text(FILE.format(mail=servers.mail_port), "utf-8")
    monkeypatch.setenv("KPIWATCH_CONTACTS", str(tmp_path / "contacts.toml"))
    monkeypatch.setenv("KPIWATCH_OUTBOX", str(tmp_path / "outbox.jsonl"))
    monkeypatch.setenv("KPIWATCH_SECRET_GROUP", f"{servers.url}/cgi-bin/webhook/send?key={CANARY}")
    return servers


def test_a_test_message_goes_by_each_channel_of_a_unit(doubles: Doubles, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("contacts", "try", "liangjiang-water") == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines == ["liangjiang-water/duty  group  已接收 accepted", "liangjiang-water/duty  mail  已接收 accepted"]
    assert all("测试消息" in text for kind in ("wecom_robot", "email") for text in doubles.texts(kind))
    assert len(doubles.texts("wecom_robot")) == len(doubles.texts("email")) == 1


@pytest.mark.parametrize(
    ("fault", "exit_code", "said"),
    [
        (Fault(Mode.ERROR, code=40058), 1, "拒收 refused"),
        (Fault(Mode.ERROR, code=93000), 3, "暂不接收"),
        (Fault(Mode.LIMITED), 3, "暂不接收"),
        (Fault(Mode.LOST), 3, "不确定"),
    ],
)
def test_what_fails_is_said_without_a_secret_and_the_other_channels_are_tried(
    doubles: Doubles, capsys: pytest.CaptureFixture[str], fault: Fault, exit_code: int, said: str
) -> None:
    doubles.desk.faults.switch("wecom_robot", fault)
    assert run("contacts", "try", "liangjiang-water") == exit_code
    written = capsys.readouterr()
    assert said in written.out
    assert CANARY not in written.out + written.err
    assert len(doubles.texts("email")) == 1


def test_the_list_shows_units_channels_and_quiet_hours_and_no_secret(
    doubles: Doubles, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run("contacts", "check") == 0
    shown = capsys.readouterr().out
    for part in ("两江水务", "值班室", "21:00-07:30", "group → mail duty@water.example", "1 contacts, 2 accounts"):
        assert part in shown
    assert CANARY not in shown
    assert SECRET not in shown


def test_a_missing_secret_is_named_with_its_remedy(
    doubles: Doubles, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("KPIWATCH_SECRET_GROUP")
    assert run("contacts", "check") == 1
    assert "account group: secret group: is not there; set KPIWATCH_SECRET_GROUP" in capsys.readouterr().err


def test_a_wrong_file_is_said_by_line_and_a_wrong_unit_by_name(
    doubles: Doubles, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    assert run("contacts", "try", "watre") == 1
    assert "watre: no unit of the plan" in capsys.readouterr().err
    file = tmp_path / "contacts.toml"
    file.write_text(file.read_text("utf-8").replace("liangjiang-water", "watre"), "utf-8")
    assert run("contacts", "check") == 1
    assert "contacts.toml:16: contact[1].unit: watre is no unit of the plan" in capsys.readouterr().err


def test_the_shipped_plan_sends_nothing(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("KPIWATCH_CONTACTS", raising=False)
    assert run("contacts", "check") == 0
    assert "48 of 48 units have their notices in" in capsys.readouterr().out
