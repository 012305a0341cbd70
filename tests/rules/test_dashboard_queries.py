"""Queries of the committed dashboards, asked of promtool: rows that must not appear, and units of measure."""

import json
import re
import subprocess
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML

from dashboards.page import Language, Page
from dashboards.queries import measured
from dashboards.write import GENERATED
from services.domain.results.published import State
from services.local.monitoring_tools import MonitoringTools
from services.metric_names import metrics
from services.metric_names.recording_rules import RANKS, UNIT_RANK, UNIT_STATE_AT_MIDNIGHT
from services.metric_names.samples import plan_samples
from tests.verdicts import shipped

Json = dict[str, Any]
PLAN = shipped().plan
MADE = {path.stem: json.loads(path.read_text("utf-8")) for path in GENERATED.rglob("*.json")}
CHOSEN = {"kpi": "K06-2", "window": "year", "unit": "ALL", "item": ".*"}


def ask(tools: MonitoringTools, folder: Path, series: dict[str, float], expected: dict[str, Json]) -> None:
    """Each expression gives exactly these samples: labels → value."""
    test = {
        "interval": "1m",
        "input_series": [{"series": name, "values": f"{value}x9"} for name, value in series.items()],
        "promql_expr_test": [
            {
                "expr": expr,
                "eval_time": "5m",
                "exp_samples": [{"labels": labels, "value": value} for labels, value in samples.items()],
            }
            for expr, samples in expected.items()
        ],
    }
    file = folder / "test.yml"
    with file.open("w", encoding="utf-8") as out:
        YAML(typ="safe").dump({"rule_files": [], "tests": [test]}, out)
    done = subprocess.run(
        [str(tools.promtool), "test", "rules", str(file)], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr


def queries(dashboard: str, title: str) -> list[str]:
    """Of a panel, with what a reader has chosen."""
    (panel,) = (one for one in MADE[dashboard]["panels"] if one["title"].startswith(title))
    return [
        re.sub(r"\$(kpi|window|unit|item)\b", lambda found: CHOSEN[found[1]], target["expr"])
        for target in panel["targets"]
    ]


def row(name: str, unit: str, kpi: str = "K06-2") -> str:
    return f'{name}{{kpi="{kpi}",variant="official",unit="{unit}",item="-",window="year"}}'


def info(kpi: str = "K06-2", unit_of_measure: str = "share") -> str:
    counted = f'unit_of_measure="{unit_of_measure}",unit_of_measure_zh="百分比"'
    return f'kpi_promise_info{{kpi="{kpi}",variant="official",title_zh="供水",{counted}}}'


def test_a_unit_with_cards_and_no_figure_adds_no_row_to_the_league(tools: MonitoringTools, tmp_path: Path) -> None:
    _, *others = queries("kpiwatch-promise", "各单位排名")
    series = {
        row("kpi_state", "water").replace("}", ',state="met"}'): 1,
        row("kpi_value_shown", "water"): 94.01,
        row("kpi_n", "water"): 3,
        row("kpi_open_overdue_cases", "water"): 0,
        'kpi_cards_open{kpi="K06-2",unit="transport",level="red"}': 3,
        info(): 1,
    }
    answers: list[Json] = [{'{unit="water"}': value} for value in (94.01, 3, 0, 0)]  # no red card: 0, not empty
    ask(tools, tmp_path, series, dict(zip(others, answers, strict=True)))


def changed(before: State, now: State) -> dict[str, float]:
    labels = 'kpi="K06-2",unit="ALL",window="year"'
    return {
        f"{UNIT_RANK}{{{labels}}}": RANKS[now],
        f'{UNIT_STATE_AT_MIDNIGHT}{{{labels},state="{before}"}}': 1,
        info(): 1,
        "kpi_watermark_timestamp_seconds": 5,
    }


def test_what_is_back_where_it_was_has_not_changed_and_one_row_says_so(tools: MonitoringTools, tmp_path: Path) -> None:
    now, midnight = queries("kpiwatch-overview", "今日变化")
    nothing = '{kpi="-",promise="今日零时以来没有变化"}'
    ask(tools, tmp_path, changed(State.MET, State.MET), {now: {nothing: 0}, midnight: {}})


def test_what_changed_stands_there_with_its_state_at_midnight(tools: MonitoringTools, tmp_path: Path) -> None:
    now, midnight = queries("kpiwatch-overview", "今日变化")
    said = '{kpi="K06-2",measured="%",promise="K06-2 供水",window="year"}'
    ask(
        tools,
        tmp_path,
        changed(State.MET, State.MISSED),
        {now: {said: RANKS[State.MISSED]}, midnight: {'{kpi="K06-2"}': RANKS[State.MET]}},
    )


def test_where_nothing_is_known_nothing_has_changed_is_not_said(tools: MonitoringTools, tmp_path: Path) -> None:
    ask(tools, tmp_path, {"up": 1}, {queries("kpiwatch-overview", "今日变化")[0]: {}})


def test_each_definition_of_each_promise_is_counted_in_its_own_unit_of_measure(
    tools: MonitoringTools, tmp_path: Path
) -> None:
    """A definition in minutes beside an official one in per cent was shown as 10957 %."""
    (infos,) = (found for metric, found in plan_samples(PLAN) if metric is metrics.PROMISE_INFO)
    page = Page(Language.ZH, PLAN)
    series = {f"kpi_promise_info{one.labels.text}": 1.0 for one in infos}
    expected = {}
    for one in infos:
        kpi, variant, share = one.labels["kpi"], one.labels["variant"], one.labels["unit_of_measure"] == "share"
        unit = "%" if share else one.labels["unit_of_measure_zh"]
        expected[f'{{kpi="{kpi}",measured="{unit}",variant="{variant}"}}'] = 1
    ask(tools, tmp_path, series, {measured(page, variant=""): expected})
    assert " * on (kpi, variant) group_left (measured) " in queries("kpiwatch-promise", "各口径")[0]
    several = {one.id for one in PLAN.promises if not one.is_official}
    assert len({(one.id, one.figure_unit == "share") for one in PLAN.promises if one.id in several}) > len(several)
