"""Every alert fires when its symptom is there and stays quiet when it is not: promtool runs the committed rules."""

import subprocess
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from ruamel.yaml import YAML

from services.domain.published import WORST_FIRST, State
from services.local.monitoring_tools import MonitoringTools

DEPLOY = Path(__file__).parents[2] / "deploy"
RULES = DEPLOY / "prometheus" / "rules.yml"

Labels = dict[str, str]

WATER = {"kpi": "K06-1", "unit": "liangjiang-water", "severity": "act", "level": "red", "strength": "hard"}
UNIT_MISSED = {**WATER, "scope": "unit"}
DISTRICT_MISSED = {**WATER, "unit": "district-urban-management", "scope": "district"}
OPERATIONS = {"unit": "operations", "level": "none"}
UP = 'up{job="kpiwatch-exporter"}'
CLOCK = "kpi_clock_timestamp_seconds"
WORKING = "kpi_working_hours"


@dataclass(frozen=True)
class Story:
    """Series as they come in, minute by minute, and which alerts of one name fire at which minute."""

    name: str
    alert: str
    series: dict[str, str]
    firing: dict[int, list[Labels]] = field(default_factory=dict)


def state(kpi: str, unit: str, state: str, window: str = "year", item: str = "-") -> str:
    labels = f'kpi="{kpi}",variant="official",unit="{unit}",item="{item}",window="{window}",state="{state}"'
    return f"kpi_state{{{labels}}}"


STORIES = [
    Story(
        "a hard promise missed by a unit and so by the district, after five minutes",
        "KpiMissed",
        {state("K06-1", "ALL", "missed"): "1x60", state("K06-1", "liangjiang-water", "missed"): "1x60"},
        {4: [], 6: [DISTRICT_MISSED, UNIT_MISSED]},
    ),
    Story(
        "a soft promise asks for a review",
        "KpiMissed",
        {state("K15-1", "ALL", "missed"): "1x60"},
        {
            6: [
                {
                    "kpi": "K15-1",
                    "unit": "district-finance",
                    "severity": "review",
                    "level": "yellow",
                    "strength": "soft",
                    "scope": "district",
                }
            ]
        },
    ),
    Story(
        "an aspirational promise is never red",
        "KpiMissed",
        {state("K37-2", "ALL", "missed"): "1x60"},
        {
            6: [
                {
                    "kpi": "K37-2",
                    "unit": "district-justice",
                    "severity": "inform",
                    "level": "none",
                    "strength": "aspirational",
                    "scope": "district",
                }
            ]
        },
    ),
    Story(
        "other states, windows, items and untargeted promises are no miss",
        "KpiMissed",
        {
            state("K06-1", "ALL", "met"): "1x60",
            state("K06-2", "ALL", "missed", window="30d"): "1x60",
            state("K24-1", "ALL", "missed", item="water.connection"): "1x60",
            state("K26-3", "ALL", "missed"): "1x60",
        },
        {30: []},
    ),
    Story(
        "a miss that comes and goes is one alert",
        "KpiMissed",
        {state("K06-1", "liangjiang-water", "missed"): "1x10 _x5 1x5 _x60"},
        {10: [UNIT_MISSED], 14: [UNIT_MISSED], 20: [UNIT_MISSED], 60: []},
    ),
    Story(
        "at risk for half an hour",
        "KpiAtRisk",
        {state("K06-1", "liangjiang-water", "at_risk"): "1x60", state("K06-2", "ALL", "met"): "1x60"},
        {20: [], 31: [{**UNIT_MISSED, "severity": "review", "level": "yellow"}]},
    ),
    Story(
        "stale begins in working hours and does not end with them",
        "KpiStale",
        {state("K06-1", "ALL", "stale"): "1x200 _x100", WORKING: "0x30 1x30 0x240"},
        {
            30: [],
            50: [{"kpi": "K06-1", "severity": "review", "strength": "hard", "scope": "district", **OPERATIONS}],
            180: [{"kpi": "K06-1", "severity": "review", "strength": "hard", "scope": "district", **OPERATIONS}],
            240: [],
        },
    ),
    Story("stale at night only", "KpiStale", {state("K06-1", "ALL", "stale"): "1x60", WORKING: "0x60"}, {60: []}),
    Story(
        "a silent source",
        "SourceSilent",
        {
            'kpi_source_silent{source="/units/a",unit="a"}': "1x200",
            'kpi_source_silent{source="/units/b",unit="b"}': "0x200",
            WORKING: "0x30 1x30 0x200",
        },
        {
            30: [],
            50: [{"source": "/units/a", "unit": "a", "severity": "act", "level": "yellow"}],
            120: [{"source": "/units/a", "unit": "a", "severity": "act", "level": "yellow"}],
        },
    ),
    Story(
        "red cards that stand",
        "CardRed",
        {
            'kpi_cards_open{kpi="K06-1",unit="liangjiang-water",level="red"}': "0x5 2x5 _x30",
            'kpi_cards_open{kpi="K06-1",unit="sino-french-water",level="yellow"}': "3x40",
        },
        {4: [], 7: [{"kpi": "K06-1", "unit": "liangjiang-water", "severity": "inform", "level": "red"}], 40: []},
    ),
    Story(
        "the calendar ends within 30 days of the plan's clock",
        "CalendarEnding",
        {
            CLOCK: "1630000000+60x200",
            "kpi_calendar_published_through_timestamp_seconds": f"{1630000000 + 29 * 86400}x200",
        },
        {30: [], 70: [{"severity": "review", **OPERATIONS}]},
    ),
    Story(
        "the calendar ends later than that",
        "CalendarEnding",
        {
            CLOCK: "1630000000+60x200",
            "kpi_calendar_published_through_timestamp_seconds": f"{1630000000 + 31 * 86400}x200",
        },
        {120: []},
    ),
    Story("an exporter that does not answer", "ExporterDown", {UP: "1x5 0x30"}, {5: [], 10: [{"severity": "page"}]}),
    Story("an exporter that is not there", "ExporterDown", {}, {10: [{"severity": "page"}]}),
    Story("an exporter that answers", "ExporterDown", {UP: "1x60"}, {30: []}),
    Story(
        "no partition moves",
        "PipelineDown",
        {UP: "1x60", CLOCK: "0+60x60", 'kpi_sweep_timestamp_seconds{partition="0"}': "0x60"},
        {9: [], 14: [{"severity": "page"}]},
    ),
    Story("nobody ever swept", "PipelineDown", {UP: "1x60"}, {10: [{"severity": "page"}]}),
    Story(
        "one partition moves",
        "PipelineDown",
        {
            UP: "1x60",
            CLOCK: "0+60x60",
            'kpi_sweep_timestamp_seconds{partition="0"}': "0x60",
            'kpi_sweep_timestamp_seconds{partition="1"}': "0+60x60",
        },
        {30: []},
    ),
    Story(
        "one partition of two is not looked at",
        "SweepOld",
        {
            CLOCK: "0+60x60",
            'kpi_sweep_timestamp_seconds{partition="0"}': "0x60",
            'kpi_sweep_timestamp_seconds{partition="1"}': "0+60x60",
        },
        {6: [], 10: [{"partition": "0", "severity": "page"}]},
    ),
    Story(
        "a worker that is behind",
        "StreamLagHigh",
        {
            'kpi_stream_lag_records{partition="0"}': "10001x60",
            'kpi_stream_lag_records{partition="1"}': "10000x60",
        },
        {4: [], 6: [{"partition": "0", "severity": "act"}]},
    ),
    Story(
        "one event in ten is refused",
        "DeadLetterRatioHigh",
        {"kpi_events_total": "0+100x60", 'kpi_dead_letters_total{reason="naive_time"}': "0+10x60"},
        {4: [], 12: [{"severity": "act"}]},
    ),
    Story(
        "one event in a hundred is refused",
        "DeadLetterRatioHigh",
        {"kpi_events_total": "0+100x60", 'kpi_dead_letters_total{reason="naive_time"}': "0+1x60"},
        {30: []},
    ),
    Story(
        "rows that nobody sees",
        "RowsHidden",
        {'kpi_rows_hidden{reason="over_budget"}': "5x60", 'kpi_rows_hidden{reason="outside_plan"}': "0x60"},
        {10: [], 20: [{"reason": "over_budget", "severity": "review"}]},
    ),
    Story("the watchdog always barks", "Watchdog", {}, {0: [{"severity": "none"}]}),
]


def test_every_alert_has_a_story_that_fires_and_one_that_does_not() -> None:
    rules = [rule for group in YAML(typ="safe").load(RULES)["groups"] for rule in group["rules"]]
    fires = {story.alert for story in STORIES if any(story.firing.values())}
    quiet = {story.alert for story in STORIES if not all(story.firing.values())}
    alerts = {rule["alert"] for rule in rules if "alert" in rule}
    assert fires == alerts
    assert quiet == alerts - {"Watchdog"}  # which has no symptom to lack


@pytest.mark.parametrize("story", STORIES, ids=lambda story: f"{story.alert}: {story.name}")
def test_alert(story: Story, tools: MonitoringTools, tmp_path: Path) -> None:
    def firing(labels: Labels) -> dict[str, object]:
        whole = {"alertname": story.alert, "alertstate": "firing", **labels}
        if story.alert in OF_THE_MACHINERY:
            whole = {**OPERATIONS, **whole}
        written = ",".join(f'{name}="{value}"' for name, value in sorted(whole.items()))
        return {"labels": f"ALERTS{{{written}}}", "value": 1}

    test = {
        "interval": "1m",
        "input_series": [{"series": series, "values": values} for series, values in story.series.items()],
        "promql_expr_test": [
            {
                "expr": f'ALERTS{{alertname="{story.alert}",alertstate="firing"}}',
                "eval_time": f"{minute}m",
                "exp_samples": [firing(labels) for labels in expected],
            }
            for minute, expected in story.firing.items()
        ],
    }
    run_promtool(tools, tmp_path, test)


OF_THE_MACHINERY = {
    "ExporterDown",
    "PipelineDown",
    "SweepOld",
    "StreamLagHigh",
    "DeadLetterRatioHigh",
    "RowsHidden",
    "Watchdog",
}


def test_an_alert_says_what_where_and_how_far_in_both_languages(tools: MonitoringTools, tmp_path: Path) -> None:
    value = state("K06-1", "liangjiang-water", "met").replace("kpi_state", "kpi_value").replace(',state="met"', "")
    test = {
        "interval": "1m",
        "input_series": [
            {"series": state("K06-1", "liangjiang-water", "missed"), "values": "1x60"},
            {"series": value, "values": "0.999996x60"},
        ],
        "alert_rule_test": [
            {
                "alertname": "KpiMissed",
                "eval_time": "10m",
                "exp_alerts": [
                    {
                        "exp_labels": UNIT_MISSED,
                        "exp_annotations": {
                            "summary_zh": "liangjiang-water：小型项目供水接入（无外线）（K06-1）未达标：0.999996 占比",
                            "summary_en": "Water connection, small project, no external line (K06-1) is missed"
                            " for liangjiang-water: 0.999996 share",
                            "clause": "无需建设外线管道的小型项目供水接入时间不超过4个工作日",
                            "objective": "100 % within 4 working_days",
                            "runbook_url": "deploy/runbooks/KpiMissed.md",
                        },
                    }
                ],
            }
        ],
    }
    run_promtool(tools, tmp_path, test)


def test_the_district_has_a_count_of_promises_by_state(tools: MonitoringTools, tmp_path: Path) -> None:
    test = {
        "interval": "1m",
        "input_series": [
            {"series": state("K06-1", "ALL", "missed"), "values": "1x9"},
            {"series": state("K06-2", "ALL", "met"), "values": "1x9"},
            {"series": state("K25-1", "ALL", "met", window="now"), "values": "1x9"},
            {"series": state("K06-1", "liangjiang-water", "missed"), "values": "1x9"},
            {"series": state("K06-2", "ALL", "missed", window="30d"), "values": "1x9"},
        ],
        "promql_expr_test": [
            {
                "expr": "district:kpi_state:count",
                "eval_time": "5m",
                "exp_samples": [
                    {"labels": 'district:kpi_state:count{state="met"}', "value": 2},
                    {"labels": 'district:kpi_state:count{state="missed"}', "value": 1},
                ],
            }
        ],
    }
    run_promtool(tools, tmp_path, test)


def test_a_state_has_its_rank_and_the_state_at_midnight_only_of_the_official_window(
    tools: MonitoringTools, tmp_path: Path
) -> None:
    at_midnight = state("K06-1", "ALL", "met").replace("kpi_state", "kpi_state_at_midnight")
    official = 'kpi="K06-1",state="met",unit="ALL",window="year"'
    test = {
        "interval": "1m",
        "input_series": [
            {"series": state("K06-1", "ALL", "missed"), "values": "1x3 stale"},
            {"series": state("K06-1", "ALL", "met"), "values": "_x4 1x9"},
            {"series": state("K06-1", "ALL", "at_risk", window="30d"), "values": "1x9"},
            {"series": at_midnight, "values": "1x9"},
            {"series": at_midnight.replace("year", "30d"), "values": "1x9"},
        ],
        "promql_expr_test": [
            {
                "expr": "unit:kpi_state:rank",
                "eval_time": f"{minute}m",
                "exp_samples": [{"labels": 'unit:kpi_state:rank{kpi="K06-1",unit="ALL",window="year"}', "value": rank}],
            }
            for minute, rank in ((2, WORST_FIRST.index(State.MISSED) + 1), (8, WORST_FIRST.index(State.MET) + 1))
        ]
        + [
            {
                "expr": "unit:kpi_state_at_midnight:official",
                "eval_time": "5m",
                "exp_samples": [{"labels": f"unit:kpi_state_at_midnight:official{{{official}}}", "value": 1}],
            }
        ],
    }
    run_promtool(tools, tmp_path, test)


def run_promtool(tools: MonitoringTools, folder: Path, test: Mapping[str, object]) -> None:
    path = folder / "rules.test.yml"
    with path.open("w", encoding="utf-8") as file:
        YAML().dump({"rule_files": [str(RULES)], "evaluation_interval": "1m", "tests": [test]}, file)
    done = subprocess.run([tools.promtool, "test", "rules", path], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
