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
from services.notifier.channels import port
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


def test_a_channel_is_one_file_that_a_contact_chooses(
    plan: Plan, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (name,) = [name for name in EXAMPLES if name.startswith("services/notifier/channels/")]
    folder = tmp_path / "channels"
    folder.mkdir()
    (folder / Path(name).name).write_text(EXAMPLES[name], "utf-8")
    package = sys.modules["services.notifier.channels"]
    monkeypatch.setattr(package, "__path__", [*package.__path__, str(folder)])
    unit = plan.units["liangjiang-water"].model_copy(update={"contact": f"spool://{tmp_path}/spool"})
    channel = port.channels_of([unit, plan.units["sino-french-water"]])
    assert list(channel) == ["liangjiang-water"]
    channel["liangjiang-water"].deliver([{"unit": "liangjiang-water", "written_at": T, "subjects": []}])
    (written,) = (tmp_path / "spool").iterdir()
    assert orjson.loads(written.read_bytes())["unit"] == "liangjiang-water"
    sys.modules.pop("services.notifier.channels.spool")
