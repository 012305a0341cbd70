"""The worked examples of CONTRIBUTING.md, followed: each works with the files that it names, and no others."""

import re
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import orjson
import pytest
from prometheus_client import CollectorRegistry

from services.catalog.load.plan_folder import load_plan
from services.domain.plan.plan import Plan
from services.domain.results.published import Card
from services.exporter import collector
from services.exporter.collector import Counts, PlanCollector
from services.exporter.label_sets import LabelSets
from services.exporter.snapshot import Snapshot
from services.messaging import topics
from services.metric_names import metrics
from services.notifier.channels.account import Tools
from services.notifier.channels.calls import Calls
from services.notifier.channels.message import Accepted, Message
from services.notifier.contacts import open_contacts, read_contacts
from services.notifier.secrets import Secrets
from services.runtime.settings import Settings

ROOT = Path(__file__).parents[2]
EXAMPLES = dict(
    re.findall(
        r"<!-- worked example: (\S+) -->\n```python\n(.*?)```", (ROOT / "CONTRIBUTING.md").read_text("utf-8"), re.DOTALL
    )
)
T = "2021-10-12T09:59:00+08:00"


@pytest.fixture(scope="module")
def plan() -> Plan:
    return load_plan(Settings().plan)


def follow(module: ModuleType) -> None:
    """Add the example to a module, as if it were written there."""
    file = Path(module.__file__ or "").relative_to(ROOT)
    exec(compile(EXAMPLES[str(file)], str(file), "exec"), module.__dict__)


@pytest.fixture
def red_cards() -> Iterator[None]:
    before = dict(collector.EXPORTED)
    follow(metrics)
    follow(collector)
    yield
    collector.EXPORTED.clear()
    collector.EXPORTED.update(before)
    del metrics.__dict__["CARDS_RED"], collector.__dict__["_cards_red"]


@pytest.mark.usefixtures("red_cards")
def test_a_metric_is_a_line_of_the_names_and_a_function_of_the_collector(plan: Plan) -> None:
    snapshot, registry = Snapshot(LabelSets.of(plan)), CollectorRegistry(auto_describe=False)
    registry.register(PlanCollector(plan, snapshot, lambda: 1_634_000_000_000_000, lambda: Counts({}, 0, 0)))
    for case, level in (("W-1", "red"), ("W-2", "red"), ("W-3", "yellow")):
        card = Card("K06-1", f"/units/x {case}", 1, "-", level, "liangjiang-water", T, T, "", "")
        snapshot.take(topics.ALERT_CARDS, case.encode(), orjson.dumps(card._asdict()))
    assert registry.get_sample_value("kpi_cards_red", {"unit": "liangjiang-water"}) == 2


def test_a_channel_is_one_file_that_an_account_chooses(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (name,) = [name for name in EXAMPLES if name.startswith("services/notifier/channels/")]
    folder = tmp_path / "channels"
    folder.mkdir()
    (folder / Path(name).name).write_text(EXAMPLES[name], "utf-8")
    package = sys.modules["services.notifier.channels"]
    monkeypatch.setattr(package, "__path__", [*package.__path__, str(folder)])
    toml = f'''
        account = [{{ id = "spool", kind = "spool", folder = "{tmp_path}/spool" }}]
        contact = [{{ unit = "liangjiang-water", channels = [{{ account = "spool" }}] }}]
    '''
    (tmp_path / "contacts.toml").write_text(toml)
    file = read_contacts(tmp_path / "contacts.toml", {"liangjiang-water"})
    contacts = open_contacts(file, Tools(Secrets(None, {}), Calls()), tmp_path / "notices.jsonl")
    (recipient,) = contacts.recipients("liangjiang-water")
    (_, channel), _ = recipient.channels
    rendered = channel.render(Message(12, "供水接入逾期", "请办结。"))
    assert channel.send(rendered, "kw-12-a") == channel.send(rendered, "kw-12-a") == Accepted("kw-12-a")
    (written,) = (tmp_path / "spool").iterdir()
    assert written.read_text().startswith("12\n供水接入逾期")
    sys.modules.pop("services.notifier.channels.spool")
