"""contacts.toml: who gets notices, by which channels; what is wrong is said with place, reason and remedy."""

from datetime import datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.catalog.load.plan_folder import load_plan
from services.local.message_doubles.contacts import write_demo_contacts
from services.notifier.channels.account import Tools
from services.notifier.channels.calls import Calls
from services.notifier.channels.file import NoticeFile
from services.notifier.contacts import (
    FILE,
    OPERATIONS,
    Contacts,
    InvalidContacts,
    QuietHours,
    channel_kinds,
    contacts_path,
    open_contacts,
    read_contacts,
)
from services.notifier.recipients import Role
from services.notifier.secrets import Secrets
from services.runtime.settings import Settings

UNITS = frozenset(("water", "gas"))
GOOD = """
[[account]]
id = "group"
kind = "wecom_robot"
address = "group-robot"

[[account]]
id = "app"
kind = "wecom_app"
corp_id = "ww1"
agent_id = 7
secret = "app"

[[contact]]
unit = "water"
quiet = ["21:00-07:30"]
channels = [{ account = "app", to = "zhangsan" }, { account = "group" }]

[[contact]]
unit = "water"
role = "leader"
name = "分管副局长"
channels = [{ account = "app", to = "lisi" }]

[[contact]]
unit = "operations"
role = "leader"
channels = [{ account = "app", to = "wangwu" }]
"""


def written(folder: Path, text: str) -> Path:
    path = folder / "contacts.toml"
    path.write_text(text, "utf-8")
    return path


def contacts_of(folder: Path, text: str, secrets: dict[str, str]) -> Contacts:
    file = read_contacts(written(folder, text), UNITS)
    return open_contacts(file, Tools(Secrets(None, secrets), Calls()), folder / "notices.jsonl")


ALL = {
    "KPIWATCH_SECRET_GROUP_ROBOT": "https://qyapi.weixin.qq.com/cgi-bin/webhook/send?key=k",
    "KPIWATCH_SECRET_APP": "s",
}


def names(contacts: Contacts, unit: str, role: Role = Role.DUTY) -> list[tuple[str, list[str]]]:
    return [(one.id, [name for name, _ in one.channels]) for one in contacts.recipients(unit, role)]


def test_a_contact_has_its_channels_in_the_order_of_the_file(tmp_path: Path) -> None:
    contacts = contacts_of(tmp_path, GOOD, ALL)
    assert names(contacts, "water") == [("water/duty", ["app", "group", FILE])]
    assert names(contacts, "water", Role.LEADER) == [("water/leader", ["app", FILE])]
    assert names(contacts, OPERATIONS, Role.LEADER) == [("operations/leader", ["app", FILE])]
    assert contacts.unusable == ()


def test_a_unit_without_contact_has_its_notices_in_the_file(tmp_path: Path) -> None:
    contacts = contacts_of(tmp_path, GOOD, ALL)
    (recipient,) = contacts.recipients("gas", Role.LEADER)
    assert (recipient.id, recipient.channels[0][0]) == ("gas/duty", FILE)
    assert isinstance(recipient.channel(FILE), NoticeFile)
    assert contacts.recipient("gas/duty") == recipient


def test_a_role_without_contact_is_that_of_those_on_duty(tmp_path: Path) -> None:
    text = GOOD.replace('role = "leader"\nname', 'role = "duty"\nid = "second"\nname')
    contacts = contacts_of(tmp_path, text, ALL)
    both = [("water/duty", ["app", "group", FILE]), ("water/duty/second", ["app", FILE])]
    assert names(contacts, "water", Role.LEADER) == names(contacts, "water") == both


def test_a_recipient_is_found_by_its_id_and_one_that_is_gone_is_another_one_of_its_unit(tmp_path: Path) -> None:
    contacts = contacts_of(tmp_path, GOOD, ALL)
    found = contacts.recipient("water/leader")
    assert found.channel("app") is not None
    assert found.channel("group") is None
    instead = {"water/duty/gone": "water/duty", "water/leader/gone": "water/leader", "water/nobody": "water/duty"}
    instead |= {"gas/leader/gone": "gas/duty", "operations/duty/gone": "operations/duty", "": "/duty"}
    assert {id: contacts.recipient(id).id for id in instead} == instead


@given(st.text())
def test_whoever_is_named_as_recipient_is_found_by_the_id_again(unit: str) -> None:
    contacts = Contacts({}, NoticeFile(Path("notices")))
    for role in Role:
        (recipient,) = contacts.recipients(unit, role)
        assert contacts.recipient(recipient.id) == recipient


def test_a_contact_keeps_its_id_while_its_account_cannot_be_used(tmp_path: Path) -> None:
    text = GOOD.replace('role = "leader"\nname', 'role = "duty"\nid = "second"\nname')
    contacts = contacts_of(tmp_path, text, {"KPIWATCH_SECRET_GROUP_ROBOT": ALL["KPIWATCH_SECRET_GROUP_ROBOT"]})
    assert names(contacts, "water") == [("water/duty", ["group", FILE]), ("water/duty/second", [FILE])]
    assert contacts.recipient("water/duty/second").channels[0][0] == FILE
    assert names(contacts, OPERATIONS, Role.LEADER) == [("operations/leader", [FILE])]


def test_an_account_without_its_secret_is_passed_over_and_named_with_the_remedy(tmp_path: Path) -> None:
    contacts = contacts_of(tmp_path, GOOD, {"KPIWATCH_SECRET_GROUP_ROBOT": ALL["KPIWATCH_SECRET_GROUP_ROBOT"]})
    assert names(contacts, "water") == [("water/duty", ["group", FILE])]
    assert names(contacts, "water", Role.LEADER) == [("water/duty", ["group", FILE])]
    assert contacts.recipient("water/leader").id == "water/leader"
    assert names(contacts, OPERATIONS) == [("operations/duty", [FILE])]
    (sentence,) = contacts.unusable
    assert sentence.startswith(
        "account app: secret app: is not there; set KPIWATCH_SECRET_APP, or write it to the file"
    )


def test_a_placeholder_sends_nothing(tmp_path: Path) -> None:
    contacts = contacts_of(tmp_path, GOOD.replace('id = "app"', 'id = "app"\nplaceholder = true'), ALL)
    assert names(contacts, "water") == [("water/duty", ["group", FILE])]
    assert names(contacts, "water", Role.LEADER) == [("water/duty", ["group", FILE])]
    assert contacts.recipient("water/leader").id == "water/duty"


def test_a_secret_of_the_folder_is_read_and_one_of_the_environment_goes_before_it(tmp_path: Path) -> None:
    (tmp_path / "group-robot").write_text("of the file\n")
    assert Secrets(tmp_path, {})("group-robot") == "of the file"
    assert (
        Secrets(tmp_path, {"KPIWATCH_SECRET_GROUP_ROBOT": "of the environment"})("group-robot") == "of the environment"
    )


def test_quiet_hours_go_on_after_midnight() -> None:
    quiet = QuietHours.of(["21:00-07:30", "12:00-13:30"])
    times = {"20:59": False, "21:00": True, "00:00": True, "07:29": True, "07:30": False, "12:00": True, "13:30": False}
    assert {time: datetime.fromisoformat(f"2021-10-12T{time}:00") in quiet for time in times} == times


WRONG = {
    'unit = "water"\nquiet': ('unit = "watre"\nquiet', "contact[1].unit: watre is no unit of the plan: write an id"),
    'account = "group" }]': ('account = "grup" }]', "contact[1].channels[2].account: grup is no account of this file"),
    ', { account = "group" }]': (', { account = "app", to = "x" }]', "channels[2]: account app is there twice"),
    '{ account = "group" }]': ('{ account = "group", to = "x" }]', "to: has no recipient of its own in wecom_robot"),
    'to = "zhangsan"': ('to = "张三"', "channels[1].to: is no recipient of wecom_app: write the member's userid"),
    '"21:00-07:30"': ('"21:00-24:30"', 'contact[1].quiet[1]: is no span of a day: write it as "21:00-07:30"'),
    'kind = "wecom_robot"': ('kind = "weixin"', "account[1].kind: is none of the kinds: write one of dingtalk_robot"),
    'agent_id = 7': ("", "account[2].agent_id: is missing"),
    'corp_id = "ww1"': ('corp = "ww1"', "account[2].corp: is not a key of this table: look for a slip"),
    'id = "group"': ('id = "file"', "account[1].id: file is the last way of every contact: choose another id"),
    'id = "app"': ('id = "group"', "account[2].id: group is the id of another account"),
    '"leader"\nname': ('"duty"\nname', "contact[2]: water/duty is there twice: give each an id of its own"),
    'role = "leader"\nname': ('role = "boss"\nname', "contact[2].role: "),
    "[[contact]]\nunit = \"operations\"": ("[contacts]\nunit = \"operations\"", "contacts: only [[account]] and"),
}  # fmt: skip


@pytest.mark.parametrize("right", WRONG)
def test_what_is_wrong_is_said_with_line_place_reason_and_remedy(tmp_path: Path, right: str) -> None:
    wrong, sentence = WRONG[right]
    assert right in GOOD
    path = written(tmp_path, GOOD.replace(right, wrong, 1))
    with pytest.raises(InvalidContacts) as refusal:
        read_contacts(path, UNITS)
    text = str(refusal.value)
    assert sentence in text
    assert all(problem.line for problem in refusal.value.problems)


def test_a_secret_in_the_file_is_refused_and_not_repeated(tmp_path: Path) -> None:
    secret = "https://qyapi.weixin.qq.com/cgi-bin/webhook/send?key=canary"
    path = written(
        tmp_path, GOOD.replace('"group-robot"', f'"{secret}"').replace('secret = "app"', 'secret = ["canary"]')
    )
    with pytest.raises(InvalidContacts) as refusal:
        read_contacts(path, UNITS)
    assert "canary" not in str(refusal.value)
    assert "account[1].address: is no name of a secret" in str(refusal.value)
    assert len(refusal.value.problems) >= 2


@pytest.mark.parametrize("text", ["[[account]", "a = 1\na = 2", 'account = "x"', "account = [1]"])
def test_what_is_no_file_of_contacts_is_said(tmp_path: Path, text: str) -> None:
    with pytest.raises(InvalidContacts, match="kpiwatch contacts check"):
        read_contacts(written(tmp_path, text), UNITS)


def test_a_file_that_is_not_there_has_no_contacts_unless_somebody_named_it(tmp_path: Path) -> None:
    assert read_contacts(tmp_path / "contacts.toml", UNITS).contacts == ()
    with pytest.raises(InvalidContacts, match="cannot be read"):
        read_contacts(tmp_path / "contacts.toml", UNITS, needed=True)


def test_every_kind_of_channel_is_found_by_its_file() -> None:
    kinds = {
        "dingtalk_robot", "dingtalk_work", "email", "feishu_app", "feishu_robot", "file", "webhook", "wecom_app",
        "wecom_robot",
    }  # fmt: skip
    assert set(channel_kinds()) == kinds


def test_the_demo_reaches_every_unit_by_doubles_and_each_kind_of_channel_is_somebodys_first(tmp_path: Path) -> None:
    settings = Settings(contacts=tmp_path / "contacts.toml", secrets=tmp_path / "secrets")
    units = load_plan(settings.plan).units
    write_demo_contacts(units, settings)
    file = read_contacts(tmp_path / "contacts.toml", units)
    contacts = open_contacts(file, Tools(Secrets(tmp_path / "secrets", {}), Calls()), tmp_path / "n.jsonl")
    assert contacts.unusable == ()
    assert {unit for unit, _ in contacts.of_role} == {*units, OPERATIONS}
    firsts = {file.accounts[one.channels[0].account].kind for one in file.contacts}
    assert firsts == set(channel_kinds()) - {FILE}
    assert all((tmp_path / "secrets" / name).stat().st_mode & 0o077 == 0 for name in ("application", "sms-secret"))


def test_the_shipped_contacts_are_placeholders_of_every_unit_and_every_kind() -> None:
    settings = Settings()
    units = load_plan(settings.plan).units
    file = read_contacts(contacts_path(None, settings.plan), units, needed=True)
    assert {contact.unit for contact in file.contacts} == {*units, OPERATIONS}
    assert {account.kind for account in file.accounts.values()} == set(channel_kinds()) - {FILE}
    assert all(account.placeholder for account in file.accounts.values())
    contacts = open_contacts(file, Tools(Secrets(None, {}), Calls()), settings.outbox)
    assert contacts.of_role == {}
