"""docs/channels.md: its example is a file of contacts, and it names every kind, every field and every fault."""

import re
import tomllib
from pathlib import Path

from services.local.message_doubles.faults import Mode
from services.local.message_doubles.web import DOUBLES
from services.notifier.channels.account import AccountEntry
from services.notifier.contacts import ContactEntry, channel_kinds, read_contacts
from services.runtime.settings import Settings

PAGE = (Path(__file__).parents[2] / "docs" / "channels.md").read_text("utf-8")
ROWS = {row[0]: row[1] for row in re.findall(r"^\| `(\w+)` \|(.*)$", PAGE, re.MULTILINE)}


def test_the_example_is_a_file_of_contacts(tmp_path: Path) -> None:
    (example,) = re.findall(r"```toml\n(.*?)```", PAGE, re.DOTALL)
    assert tomllib.loads(example)
    (tmp_path / "contacts.toml").write_text(example, "utf-8")
    file = read_contacts(tmp_path / "contacts.toml", ["liangjiang-water"])
    assert [step.account for step in file.contacts[0].channels] == ["wecom", "mail"]


def test_every_kind_has_its_row_with_all_its_fields() -> None:
    for kind, module in channel_kinds().items():
        own = module.Account.model_fields.keys() - AccountEntry.model_fields.keys()
        assert {name for name in own if f"`{name}`" not in ROWS[kind]} == set(), kind


def test_every_field_of_a_contact_has_its_row() -> None:
    assert ContactEntry.model_fields.keys() <= ROWS.keys()


def test_every_fault_of_the_doubles_and_every_port_of_the_demo_is_named() -> None:
    assert [mode for mode in Mode if f"`{mode}`" not in PAGE] == []
    assert f":{Settings().doubles_port}/" in PAGE
    assert set(DOUBLES) | {"file"} == channel_kinds().keys()
