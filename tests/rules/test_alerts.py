"""Every alert fires when its symptom is there and stays quiet when it is not: promtool runs the committed rules."""

import json
import re
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

from dashboards.build import dashboards
from dashboards.codes import by_name
from dashboards.page import Language
from services.catalog.load.plan_folder import load_plan
from services.catalog.words.wording import SEVERITY_NAMES
from services.domain.results.as_read import as_read
from services.domain.results.published import WORST_FIRST, State, ValueRow
from services.local.monitoring_tools import MonitoringTools
from services.metric_names.recording_rules import ASPIRED, RANKS, UNIT_RANK
from services.runtime.settings import Settings

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
    """Series as they come in, and which alerts of one name fire at which minute."""

    name: str
    alert: str
    series: dict[str, str]
    firing: dict[int, list[Labels]] = field(default_factory=dict)
    step: int = 1
    """Minutes from one sample, and evaluation, to the next."""


def state(kpi: str, unit: str, state: str, window: str = "year", item: str = "-") -> str:
    labels = f'kpi="{kpi}",variant="official",unit="{unit}",item="{item}",window="{window}",state="{state}"'
    return f"kpi_state{{{labels}}}"


BACKDATED = {"source": "/units/liangjiang-water", "severity": "review", **OPERATIONS}


def backdated(source: str, cases: str, of: str) -> dict[str, str]:
    labels = f'{{signal="backdated",unit="{source}",item="-"}}'
    return {f"kpi_signal_cases{labels}": cases, f"kpi_signal_of_cases{labels}": of}


STORIES = [
    Story(
        "a hard promise missed by a unit and so by the district, after five minutes",
        "KpiMissed",
        {state("K06-1", "ALL", "missed"): "1x60", state("K06-1", "liangjiang-water", "missed"): "1x60"},
        {4: [], 6: [DISTRICT_MISSED, UNIT_MISSED]},
    ),
    Story(
        "a promise that is missed in ten minutes of each twenty has one alert, which ends 15 minutes after the last",
        "KpiMissed",
        {
            state("K06-1", "ALL", "missed"): "1x9 stale _x9 1x9 stale _x9 1x9 stale _x60",
            state("K06-1", "ALL", "met"): "_x10 1x9 stale _x9 1x9 stale _x9 1x60",
        },
        {4: [], **{minute: [DISTRICT_MISSED] for minute in (6, 12, 19, 25, 35, 45, 55, 64)}, 68: []},
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
            50: [{"kpi": "K06-1", "severity": "review", "scope": "district", **OPERATIONS}],
            180: [{"kpi": "K06-1", "severity": "review", "scope": "district", **OPERATIONS}],
            240: [],
        },
    ),
    Story(
        "an active miss does not end because its source has fallen silent, and ends once it is known to be over",
        "KpiMissed",
        {
            state("K06-1", "liangjiang-water", "missed"): "1x10 _x110",
            state("K06-1", "liangjiang-water", "stale"): "_x11 1x60 _x60",
            state("K06-1", "sino-french-water", "stale"): "1x120",
            state("K06-1", "ALL", "stale"): "1x120",
        },
        {10: [UNIT_MISSED], 60: [UNIT_MISSED], 100: []},
    ),
    Story(
        "a district that is missed stays so while it is stale",
        "KpiMissed",
        {state("K06-1", "ALL", "missed"): "1x10 _x110", state("K06-1", "ALL", "stale"): "_x11 1x60 _x60"},
        {10: [DISTRICT_MISSED], 60: [DISTRICT_MISSED], 100: []},
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
        "closed cases lack the fact; what is only not reported yet is no news",
        "KpiUnmeasured",
        {
            state("K03-2", "ALL", "unmeasured"): "1x150 _x50",
            state("K03-2", "district-market-regulation", "unmeasured"): "1x150 _x50",
            state("K06-2", "ALL", "unmeasured"): "1x100 _x100",
        },
        {
            110 * 60: [],
            121 * 60: [{"kpi": "K03-2", "severity": "review", "scope": "district", **OPERATIONS}],
            170 * 60: [{"kpi": "K03-2", "severity": "review", "scope": "district", **OPERATIONS}],
            180 * 60: [],
        },
        step=60,
    ),
    Story(
        "more than the range of the plan",
        "KpiOverQuota",
        {
            'kpi_signal_cases{signal="over_quota",unit="ALL",item="K29-2"}': "2x200",
            'kpi_signal_cases{signal="over_quota",unit="ALL",item="K29-2/other"}': "2x200",
            'kpi_signal_cases{signal="over_quota",unit="district-finance",item="K29-3"}': "1x200",
        },
        {59: [], 70: [{"kpi": "K29-2", "severity": "inform", "scope": "district", **OPERATIONS}]},
    ),
    Story(
        "one case in ten entered in one breath long after the fact",
        "BackdatedEntry",
        {
            **backdated("/units/liangjiang-water", "10x70 0x1730", "100x1800"),
            **backdated("/units/sino-french-water", "5x1800", "100x1800"),  # one in twenty is the limit
            **backdated("/units/kaiyuan-gas", "4x1800", "10x1800"),  # too few to say
            WORKING: "1x100 0x1700",
        },
        {59: [], 65: [BACKDATED], 1_500: [BACKDATED], 1_600: []},
    ),
    Story(
        "what is entered late at night is notified in the morning",
        "BackdatedEntry",
        {**backdated("/units/liangjiang-water", "10x600", "100x600"), WORKING: "0x300 1x300"},
        {300: [], 365: [BACKDATED]},
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
    Story(
        "the calendar has ended",
        "CalendarProvisional",
        {CLOCK: "1630000000+60x200", "kpi_calendar_published_through_timestamp_seconds": "1630003000x200"},
        {100: [], 112: [{"severity": "act", **OPERATIONS}]},
    ),
    Story("an exporter that does not answer", "ExporterDown", {UP: "1x5 0x30"}, {5: [], 10: [{"severity": "page"}]}),
    Story("an exporter that is not there", "ExporterDown", {}, {10: [{"severity": "page"}]}),
    Story("an exporter that answers", "ExporterDown", {UP: "1x60"}, {30: []}),
    *(
        story
        for alert, job, severity in (
            ("GatewayDown", "kpiwatch-gateway", "page"),
            ("RelayDown", "kpiwatch-relay", "page"),
            ("CasebookDown", "kpiwatch-casebook", "act"),
            ("LedgerDown", "kpiwatch-ledger", "page"),
            ("DeskDown", "kpiwatch-desk", "act"),
        )
        for up, labels in [(f'up{{job="{job}",instance="%s"}}', [{"severity": severity, **OPERATIONS}])]
        for story in (
            Story("it never answers", alert, {up % "a": "0x30"}, {2: [], 4: labels}),
            Story("it answers no more", alert, {up % "a": "1x5 0x30 1x30"}, {8: [], 10: labels, 40: labels, 45: []}),
            Story("one of two answers", alert, {up % "a": "0x60", up % "b": "1x60"}, {30: []}),
            Story("its name is gone", alert, {up % "a": "1x5 stale _x1600"}, {8: [], 10: labels, 1500: []}),
            Story("it is not scraped", alert, {UP: "1x60"}, {30: []}),
        )
    ),
    Story(
        "a few events of one source are refused by a worker, and of another fewer",
        "SourceRefused",
        {
            'kpi_refused_events_total{source="/units/a",partition="0",instance="x"}': "0x10 3x500",
            'kpi_refused_events_total{source="/units/a",partition="0",instance="y"}': "0x10 3x500",
            'kpi_refused_events_total{source="/units/a",partition="1",instance="x"}': "0x10 3x500",
            'kpi_refused_events_total{source="/units/b",partition="0",instance="x"}': "0x10 3x500",
            'kpi_relay_events_total{source="/units/b",outcome="accepted"}': "0+100x500",
        },
        {9: [], 20: [{"source": "/units/a", "severity": "act", **OPERATIONS}], 400: []},
    ),
    Story(
        "all that a source sends by inbox and by HTTP is refused, a little every hour",
        "SourceRefused",
        {
            'kpi_relay_events_total{source="/units/a",outcome="refused"}': "0x60 1x60 2x60 3x60 4x200",
            'kpi_gateway_events_total{source="/units/a",outcome="malformed"}': "0x60 1x60 2x60 3x60 4x200",
            'kpi_gateway_events_total{source="/units/a",outcome="uncertain"}': "0+9x400",
        },
        {100: [], 190: [{"source": "/units/a", "severity": "act"}]},
    ),
    Story(
        "somebody tries passwords, and waits in between",
        "DeskSignInsFailing",
        {
            'kpi_desk_sign_ins_total{outcome="failed"}': "0x5 0+3x60 180x100",
            'kpi_desk_sign_ins_total{outcome="wait"}': "0x5 0+3x60 180x100",
        },
        {5: [], 20: [{"severity": "act", **OPERATIONS}], 60: [{"severity": "act", **OPERATIONS}], 120: []},
    ),
    Story(
        "a morning on which many units sign in, some with slips",
        "DeskSignInsFailing",
        {
            'kpi_desk_sign_ins_total{outcome="ok"}': "0+40x120",
            'kpi_desk_sign_ins_total{outcome="failed"}': "0+3x120",
        },
        {15: [], 60: [], 110: []},
    ),
    Story(
        "the index of one of two desks does not move for a quarter of an hour",
        "DeskIndexBehind",
        {
            'kpi_desk_index_age_seconds{instance="a"}': "1x5 60+60x15 1x60",
            'kpi_desk_index_age_seconds{instance="b"}': "1x100",
        },
        {9: [], 17: [{"severity": "act", **OPERATIONS}], 40: []},
    ),
    Story(
        "a desk that reads a backlog for some minutes at its start",
        "DeskIndexBehind",
        {"kpi_desk_index_age_seconds": "0+60x8 1x60"},
        {6: [], 9: [], 20: []},
    ),
    Story(
        "what the desk cannot read, and the exporter does not know of",
        "RecordsUnreadable",
        {'kpi_desk_index_unreadable_records_total{topic="alert.cards"}': "0x5 1x60"},
        {18: [], 25: [{"topic": "alert.cards", "severity": "review", **OPERATIONS}]},
    ),
    Story(
        "requests wait for the ledger",
        "LedgerWaiting",
        {
            'kpi_ledger_lag_records{topic="ledger.requests"}': "0x5 3x20 0x20",
            'kpi_ledger_lag_records{topic="case.verdicts"}': "9x50",
        },
        {9: [], 12: [{"severity": "act"}], 29: [{"severity": "act"}], 32: []},
    ),
    Story(
        "a keeper that does not catch up",
        "LedgerWaiting",
        {"kpi_ledger_ready": "0x20"},
        {4: [], 6: [{"severity": "act"}]},
    ),
    Story(
        "a ledger that does not have what was recorded",
        "LedgerCut",
        {"kpi_ledger_cut": "0x5 1x20 0x40"},
        {4: [], 7: [{"severity": "page"}], 60: []},
    ),
    Story(
        "records that are not of the ledger",
        "LedgerVoid",
        {"kpi_ledger_void_records_total": "0x5 2x200"},
        {4: [], 7: [{"severity": "act"}], 90: []},
    ),
    Story(
        "a notice that a unit's channels refuse, and one that its channels take",
        "NoticeNotTaken",
        {
            'kpi_notice_deliveries_total{addressee="liangjiang-water",outcome="refused"}': "0x5 1x2000",
            'kpi_notice_deliveries_total{addressee="liangjiang-water",outcome="accepted"}': "0+1x2000",
            'kpi_notice_deliveries_total{addressee="sino-french-water",outcome="accepted"}': "0+1x2000",
            'kpi_notice_deliveries_total{addressee="sino-french-water",outcome="uncertain"}': "3x2000",
        },
        {4: [], 8: [{"addressee": "liangjiang-water", "severity": "act", **OPERATIONS}], 1500: []},
    ),
    Story(
        "a contact for whom no channel works",
        "RecipientUnreached",
        {
            'kpi_recipients_unreached{addressee="liangjiang-water"}': "0x5 1x20 0x40",
            'kpi_recipients_unreached{addressee="sino-french-water"}': "0x60",
        },
        {9: [], 12: [{"addressee": "liangjiang-water", "severity": "act", **OPERATIONS}], 50: []},
    ),
    Story(
        "a notice that is not taken for half an hour",
        "RecipientUnreached",
        {'kpi_notice_waiting_seconds{addressee="liangjiang-water"}': "0x5 0+60x60"},
        {35: [], 43: [{"addressee": "liangjiang-water", "severity": "act", **OPERATIONS}]},
    ),
    Story(
        "a ledger without a checkpoint for two days",
        "LedgerCheckpointOld",
        {
            CLOCK: "1630000000+600x400",
            "kpi_ledger_checkpoint_timestamp_seconds": "1630000000x400",
            "kpi_ledger_uncovered_records": "1x400",
        },
        {288: [], 310: [{"severity": "act"}]},
    ),  # fmt: skip
    Story(
        "a ledger in which nothing is new for two days",
        "LedgerCheckpointOld",
        {
            CLOCK: "1630000000+600x400",
            "kpi_ledger_checkpoint_timestamp_seconds": "1630000000x400",
            "kpi_ledger_uncovered_records": "0x400",
        },
        {310: []},
    ),  # fmt: skip
    Story(
        "many records without a checkpoint",
        "LedgerCheckpointOld",
        {
            CLOCK: "1630000000+60x60",
            "kpi_ledger_checkpoint_timestamp_seconds": "1630000000x60",
            "kpi_ledger_uncovered_records": "2000x10 2001x50",
        },
        {15: [], 25: [{"severity": "act"}]},
    ),  # fmt: skip
    Story(
        "a decision waits to be in force",
        "DecisionNotInForce",
        {"kpi_ledger_decision_waiting_seconds": "0x5 60+60x30", "kpi_ledger_decisions_refused": "0x40"},
        {14: [], 20: [{"severity": "act"}]},
    ),
    Story(
        "a decision is refused by the gateway",
        "DecisionNotInForce",
        {"kpi_ledger_decision_waiting_seconds": "0x500", "kpi_ledger_decisions_refused": "1x5 2x500"},
        {4: [], 9: [{"severity": "act"}], 400: []},
    ),
    Story(
        "a gateway reads no dead letters any more",
        "FeedbackStopped",
        {
            'kpi_gateway_feedback_current{instance="a"}': "1x60",
            'kpi_gateway_feedback_current{instance="b"}': "1x5 0x20 1x30",
        },
        {8: [], 10: [{"severity": "act"}], 34: []},
    ),
    Story(
        "no partition moves",
        "PipelineDown",
        {UP: "1x60", CLOCK: "0+60x60", 'kpi_sweep_timestamp_seconds{partition="0"}': "0x60"},
        {6: [], 9: [{"severity": "page"}]},
    ),
    Story(
        "an archive is being read, until it is stopped, too",
        "PipelineDown",
        {
            UP: "1x90",
            CLOCK: "0+60x90",
            'kpi_sweep_timestamp_seconds{partition="0"}': "0x90",
            'kpi_stream_lag_records{partition="0"}': "900000-10000x30 600000x60",
        },
        {30: [], 45: [{"severity": "page"}]},
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
        {11: [], 14: [{"partition": "0", "severity": "page"}]},
    ),
    Story(
        "of two partitions that are not looked at one works off its backlog",
        "SweepOld",
        {
            CLOCK: "0+60x60",
            'kpi_sweep_timestamp_seconds{partition="0"}': "0x60",
            'kpi_sweep_timestamp_seconds{partition="1"}': "0x60",
            'kpi_stream_lag_records{partition="0"}': "900000-10000x60",
            'kpi_stream_lag_records{partition="1"}': "9000-100x60",  # few records are no reason to wait
        },
        {30: [{"partition": "1", "severity": "page"}]},
    ),
    Story(
        "partitions are looked at, and no figure follows",
        "FiguresOld",
        {
            'kpi_sweep_timestamp_seconds{partition="0"}': "0+60x60",
            'kpi_sweep_timestamp_seconds{partition="1"}': "0+60x60",
            "kpi_watermark_timestamp_seconds": "0+60x20 1200x40",
        },
        {26: [], 30: [{"severity": "page"}]},
    ),
    Story(
        "partitions are looked at, and there was never a figure",
        "FiguresOld",
        {'kpi_sweep_timestamp_seconds{partition="0"}': "0+60x60"},
        {1: [], 4: [{"severity": "page"}]},
    ),
    Story(
        "one partition is stopped, and with it the figures",
        "FiguresOld",
        {
            'kpi_sweep_timestamp_seconds{partition="0"}': "0x60",
            'kpi_sweep_timestamp_seconds{partition="1"}': "0+60x60",
            "kpi_watermark_timestamp_seconds": "0x60",
        },
        {30: []},
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
        {"kpi_events_total": "0+100x60", "kpi_dead_letter_records_total": "0+10x60"},
        {4: [], 12: [{"severity": "act"}]},
    ),
    Story(
        "one event in a hundred is refused",
        "DeadLetterRatioHigh",
        {"kpi_events_total": "0+100x60", "kpi_dead_letter_records_total": "0+1x60"},
        {30: []},
    ),
    Story(
        "the only event of a quiet night is refused",
        "DeadLetterRatioHigh",
        {"kpi_events_total": "500x10 501x50", "kpi_dead_letter_records_total": "20x10 21x50"},
        {20: []},
    ),
    Story(
        "an exporter starts anew and finds fewer letters than were ever written",
        "DeadLetterRatioHigh",
        {
            "kpi_events_total": "5000x20 _x2 5000x40",
            "kpi_dead_letter_records_total": "300x20 _x2 300x40",
            'kpi_dead_letters_total{reason="naive_time"}': "300x20 _x2 100x40",
        },
        {30: [], 40: []},
    ),
    Story(
        "cases that cannot be judged",
        "CaseQuarantined",
        {
            'kpi_quarantined_cases{unit="-"}': "0x60",
            'kpi_quarantined_cases{unit="liangjiang-water"}': "0x5 2x10 0x45",
        },
        {5: [], 6: [], 9: [{"severity": "act"}], 25: []},
    ),
    Story(
        "every case can be judged",
        "CaseQuarantined",
        {'kpi_quarantined_cases{unit="-"}': "0x60"},
        {30: []},
    ),
    Story(
        "rows that nobody sees",
        "RowsHidden",
        {'kpi_rows_hidden{reason="over_budget"}': "5x60", 'kpi_rows_hidden{reason="outside_plan"}': "0x60"},
        {10: [], 20: [{"reason": "over_budget", "severity": "review"}]},
    ),
    Story(
        "a worker that dies again and again of one cause, until it works",
        "WorkerFailing",
        {'kpi_worker_failures{stage="kpis",worker="kpis-1"}': "_ _ _ 3x6 stale"},
        {
            3: [],
            5: [{"stage": "kpis", "worker": "kpis-1", "severity": "page", **OPERATIONS}],
            12: [{"stage": "kpis", "worker": "kpis-1", "severity": "page", **OPERATIONS}],
            20: [],
        },
    ),
    Story(
        "a worker that died twice",
        "WorkerFailing",
        {'kpi_worker_failures{stage="kpis",worker="kpis-1"}': "2x60"},
        {30: []},
    ),
    Story(
        "records that nobody understands",
        "RecordsUnreadable",
        {
            'kpi_exporter_unreadable_records_total{topic="kpi.values"}': "0x10 3x60",
            'kpi_exporter_unreadable_records_total{topic="alert.cards"}': "0x70",
        },
        {20: [], 30: [{"topic": "kpi.values", "severity": "review"}]},
    ),
    Story(
        "no process sends briefings any more",
        "BriefingsDown",
        {'up{job="kpiwatch-briefings",instance="a"}': "1x5 0x30 1x30"},
        {15: [], 17: [{"severity": "act"}], 40: [{"severity": "act"}], 45: []},
    ),
    Story("nobody has briefings sent", "BriefingsDown", {UP: "1x60"}, {30: []}),
    Story(
        "a mailbox refuses the weekly briefing; the daily one is sent within half an hour",
        "BriefingNotSent",
        {
            'kpi_briefings_waiting{period="week",instance="a"}': "0x10 1x300 0x30",
            'kpi_briefings_waiting{period="day",instance="a"}': "0x10 1x30 0x300",
        },
        {69: [], 71: [{"severity": "act", "period": "week"}], 320: []},
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
        "interval": f"{story.step}m",
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
    run_promtool(tools, tmp_path, (story.alert,), test, story.step)


OF_THE_STORIES = set(re.findall(r"K\d\d-\d+", repr(STORIES)))


OF_THE_MACHINERY = {
    "ExporterDown",
    "GatewayDown",
    "RelayDown",
    "SourceRefused",
    "FeedbackStopped",
    "CasebookDown",
    "LedgerDown",
    "LedgerWaiting",
    "LedgerCut",
    "LedgerVoid",
    "LedgerCheckpointOld",
    "DecisionNotInForce",
    "NoticeNotTaken",
    "RecipientUnreached",
    "DeskDown",
    "DeskIndexBehind",
    "DeskSignInsFailing",
    "BriefingsDown",
    "BriefingNotSent",
    "PipelineDown",
    "SweepOld",
    "StreamLagHigh",
    "DeadLetterRatioHigh",
    "RowsHidden",
    "RecordsUnreadable",
    "CaseQuarantined",
    "FiguresOld",
    "Watchdog",
}


TOO_MANY, PACE = (
    ("，超期件数比允许数多2件", "; late cases above what is allowed: 2"),
    (
        "，近30天已有超期，目标不允许",
        "; late cases in the last 30 days, none allowed",
    ),
)


@pytest.mark.parametrize(
    ("value", "shown", "left", "pace", "budget"),
    [
        ("0.96875", "96.88", "-2", "0", TOO_MANY),
        ("0.96875", "96.88", "-2", "+Inf", (TOO_MANY[0] + PACE[0], TOO_MANY[1] + PACE[1])),
        ("0.999996", "99.99", "_", "_", ("", "")),
        # missed by what is not in the figure
        ("1", "100", "0", "0", ("，再有1件超期，全年即未达标", "; late cases until the year is missed: 1")),
        ("1", "100", "2", "_", ("，再有3件超期，全年即未达标", "; late cases until the year is missed: 3")),
    ],
)
def test_an_alert_says_what_where_and_how_far_in_both_languages(
    tools: MonitoringTools, tmp_path: Path, value: str, shown: str, left: str, pace: str, budget: tuple[str, str]
) -> None:
    promise = next(one for one in load_plan(Settings().plan).promises if one.id == "K06-1" and one.is_official)
    row = ValueRow(**dict.fromkeys(ValueRow._fields, "") | {"value": value, "objective": "= 1"})
    series = state("K06-1", "liangjiang-water", "met").replace("kpi_state", "kpi_value").replace(',state="met"', "")
    of_month = series.replace("kpi_value", "kpi_misses_pace_ratio").replace("year", "30d")
    test = {
        "interval": "1m",
        "input_series": [
            {"series": state("K06-1", "liangjiang-water", "missed"), "values": "1x60"},
            {"series": series.replace("kpi_value", "kpi_value_shown"), "values": f"{as_read(row, promise)}x60"},
            {"series": series.replace("kpi_value", "kpi_misses_left"), "values": f"{left}x60"},
            {"series": of_month, "values": f"{pace}x60".replace("+Infx60", " ".join(["Inf"] * 60))},
            # of the district, and of another promise
            {
                "series": series.replace("kpi_value", "kpi_misses_left").replace("liangjiang-water", "ALL"),
                "values": "-9x60",
            },
            {"series": series.replace("kpi_value", "kpi_misses_left").replace("K06-1", "K06-2"), "values": "-8x60"},
        ],
        "alert_rule_test": [
            {
                "alertname": "KpiMissed",
                "eval_time": "10m",
                "exp_alerts": [
                    {
                        "exp_labels": UNIT_MISSED,
                        "exp_annotations": {
                            "summary_zh": "liangjiang-water：小型项目供水接入（无外线）（K06-1）"
                            f"按期率{shown}%，未达目标100%{budget[0]}",
                            "summary_en": "Water connection, small project, no external line (K06-1) is missed"
                            f" for liangjiang-water: {shown} %, target 100%{budget[1]}",
                            "clause": "无需建设外线管道的小型项目供水接入时间不超过4个工作日",
                            "objective_zh": "从受理到通水，每件不超过4个工作日",
                            "objective_en": "100 % within 4 working days",
                            "unit_zh": "liangjiang-water",
                            "unit_en": "liangjiang-water",
                            "action_zh": "当日处理",
                            "action_en": "act today",
                            "dashboard": "d/kpiwatch-promise?var-kpi=K06-1&var-window=year&var-unit=liangjiang-water",
                            "runbook": "deploy/runbooks/KpiMissed.md",
                        },
                    }
                ],
            }
        ],
    }
    run_promtool(tools, tmp_path, ("KpiMissed",), test)


@pytest.mark.parametrize(
    ("entered", "of", "said"),
    [("50004", "1000000", "5.01"), ("51239", "1000000", "5.12"), ("999999", "1000000", "99.99"), ("10", "10", "100")],
)
def test_a_share_above_its_limit_never_reads_as_the_limit_nor_as_all(
    tools: MonitoringTools, tmp_path: Path, entered: str, of: str, said: str
) -> None:
    source = "/units/liangjiang-water"
    found = backdated(source, f"{entered}x200", f"{of}x200")
    test = {
        "interval": "1m",
        "input_series": [
            *({"series": series, "values": values} for series, values in found.items()),
            {"series": WORKING, "values": "1x200"},
        ],
        "alert_rule_test": [
            {
                "alertname": "BackdatedEntry",
                "eval_time": "150m",
                "exp_alerts": [
                    {
                        "exp_labels": {"source": source, "severity": "review", **OPERATIONS},
                        "exp_annotations": {
                            "summary_zh": f"两江水务数据源近30天办结的办件中，{said}%疑似先办后录",
                            "summary_en": f"the source Liangjiang Water entered {said} % of the cases completed in 30"
                            " days within minutes, long after the fact",
                            "unit_zh": "运行中心",
                            "unit_en": "operations centre",
                            "action_zh": SEVERITY_NAMES["review"].zh,
                            "action_en": SEVERITY_NAMES["review"].en,
                            "dashboard": "d/kpiwatch-sources",
                            "runbook": "deploy/runbooks/BackdatedEntry.md",
                        },
                    }
                ],
            }
        ],
    }
    run_promtool(tools, tmp_path, ("BackdatedEntry",), test)


def test_every_percentage_of_an_alert_is_rounded_by_the_rule() -> None:
    """Prometheus' own functions round 5.0004 % to 5 %: a figure comes as it is read, or through `percentage`."""
    rules = [rule for group in YAML(typ="safe").load(RULES)["groups"] for rule in group["rules"]]
    texts = [text for rule in rules for text in rule.get("annotations", {}).values()]
    assert not [text for text in texts if "humanize" in text]
    asked = [
        text[text.rindex("{{ with query", 0, found.start()) : found.start()]
        for text in texts
        for found in re.finditer(r"\}\} ?%", text)
    ]
    assert len(asked) > 100
    assert all("unit:kpi_value_shown:official{" in one or "clamp_min(round(10000 * " in one for one in asked)


@pytest.mark.parametrize(
    ("source", "zh", "en"),
    [
        ("/units/liangjiang-water", "两江水务数据源", "the source Liangjiang Water"),
        ("/platforms/account-reservation", "银行账户预约系统数据源", "the source reservation of bank accounts"),
        ("/units/unknown", "/units/unknown数据源", "the source /units/unknown"),
        ("-", "未登记的数据源", "no registered source"),
    ],
)
def test_a_source_is_named_as_the_plan_names_it(
    tools: MonitoringTools, tmp_path: Path, source: str, zh: str, en: str
) -> None:
    refused = f'kpi_relay_events_total{{source="{source}",outcome="refused"}}'
    test = {
        "interval": "1m",
        "input_series": [
            {"series": refused, "values": "0x10 20x90"},
        ],
        "alert_rule_test": [
            {
                "alertname": "SourceRefused",
                "eval_time": "60m",
                "exp_alerts": [
                    {
                        "exp_labels": {"source": source, "severity": "act", **OPERATIONS},
                        "exp_annotations": {
                            "summary_zh": f"近6小时内，{zh}报送的事件被拒收20条",
                            "summary_en": f"20 events of {en} were refused within six hours",
                            "unit_zh": "运行中心",
                            "unit_en": "operations centre",
                            "action_zh": "当日处理",
                            "action_en": "act today",
                            "dashboard": "d/kpiwatch-sources",
                            "runbook": "deploy/runbooks/SourceRefused.md",
                        },
                    }
                ],
            }
        ],
    }
    run_promtool(tools, tmp_path, ("SourceRefused",), test)


def test_a_missed_effort_has_a_rank_between_a_miss_and_other_states(tools: MonitoringTools, tmp_path: Path) -> None:
    info = 'kpi_promise_info{{kpi="{}",variant="official",strength="{}"}}'
    ranks = {"K06-1": RANKS[State.MISSED], "K44-2": ASPIRED, "K06-2": RANKS[State.MET]}
    test = {
        "interval": "1m",
        "input_series": [
            {"series": state("K06-1", "ALL", "missed"), "values": "1x9"},
            {"series": state("K44-2", "ALL", "missed"), "values": "1x9"},
            {"series": state("K06-2", "ALL", "met"), "values": "1x9"},
            {"series": info.format("K44-2", "aspirational"), "values": "1x9"},
            {"series": info.format("K06-1", "hard"), "values": "1x9"},
        ],
        "promql_expr_test": [
            {
                "expr": UNIT_RANK,
                "eval_time": "5m",
                "exp_samples": [
                    {"labels": f'{UNIT_RANK}{{kpi="{kpi}",unit="ALL",window="year"}}', "value": rank}
                    for kpi, rank in ranks.items()
                ],
            }
        ],
    }
    run_promtool(tools, tmp_path, (UNIT_RANK,), test)


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
    run_promtool(tools, tmp_path, ("district:kpi_state:count",), test)


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
    run_promtool(tools, tmp_path, ("unit:kpi_state:rank", "unit:kpi_state_at_midnight:official"), test)


def test_a_name_on_a_dashboard_is_shown_as_the_plan_writes_it(tools: MonitoringTools, tmp_path: Path) -> None:
    name = r'"one" window\$1'
    test = {
        "interval": "1m",
        "input_series": [{"series": 'kpi_value{item="filing"}', "values": "1x3"}],
        "promql_expr_test": [
            {
                "expr": by_name("kpi_value", "item", {"filing": name}),
                "eval_time": "1m",
                "exp_samples": [{"labels": f'kpi_value{{item="filing",shown={json.dumps(name)}}}', "value": 1}],
            }
        ],
    }
    run_promtool(tools, tmp_path, (), test)


@cache
def rules_of_the_stories() -> dict[str, Any]:
    """The committed rules without those of promises that no story is about."""
    content: dict[str, Any] = YAML(typ="safe").load(RULES)
    for group in content["groups"]:
        group["rules"] = [
            rule for rule in group["rules"] if rule.get("labels", {}).get("kpi", "K06-1") in OF_THE_STORIES
        ]
    return content


@cache
def rules_behind(names: tuple[str, ...]) -> tuple[str, list[str]]:
    """The rules of these alerts or recorded series with all the recorded series that they read, as a file; and the
    order of their groups. Each minute of a story evaluates all rules of the file: others would only take time."""
    groups = rules_of_the_stories()["groups"]
    rules = [rule for group in groups for rule in group["rules"]]
    needed, more = set[str](), set(names)
    while more:
        needed |= more
        asked = " ".join(repr(rule) for rule in rules if name_of(rule) in more)  # an annotation asks questions, too
        more = {name_of(rule) for rule in rules if "record" in rule and name_of(rule) in asked} - needed
    kept = [{**group, "rules": [rule for rule in group["rules"] if name_of(rule) in needed]} for group in groups]
    kept = [group for group in kept if group["rules"]]
    written = StringIO()
    writer = YAML(typ="safe")
    writer.default_flow_style = False  # a brace in an address ends a value of the other style
    writer.dump({"groups": kept}, written)
    return written.getvalue(), [group["name"] for group in kept]


def name_of(rule: Mapping[str, str]) -> str:
    return rule.get("alert") or rule["record"]


def run_promtool(
    tools: MonitoringTools, folder: Path, names: tuple[str, ...], test: Mapping[str, object], step: int = 1
) -> None:
    """Tests the rules of these names and those that they read."""
    path, rules = folder / "rules.test.yml", folder / "rules.yml"
    content, groups = rules_behind(names)
    rules.write_text(content, encoding="utf-8")
    whole = {
        "rule_files": [str(rules)],
        "evaluation_interval": f"{step}m",
        "group_eval_order": groups,
        "tests": [test],
    }
    with path.open("w", encoding="utf-8") as file:
        YAML().dump(whole, file)
    done = subprocess.run([tools.promtool, "test", "rules", path], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_dashboard_of_alerts_shows_whose_they_are_since_when_and_what_they_are_about(
    tools: MonitoringTools, tmp_path: Path
) -> None:
    made = dashboards(load_plan(Settings().plan))[Language.ZH]
    (shown,) = (one["panels"] for one in made if one["uid"] == "kpiwatch-alerts")
    by_unit, of_promises, others = (
        [one["expr"] for one in panel["targets"]] for panel in shown if panel["type"] == "table"
    )
    missed = 'kpi="K06-1",severity="act",level="red",strength="hard",alertname="KpiMissed",window="year"'
    named = 'promise="K06-1 小型项目供水接入",measured="%"'
    lead, unit = 'unit="district-urban-management"', 'unit="liangjiang-water"'
    silent = f'{unit},source="/units/liangjiang-water"'
    of_machinery = 'level="none",unit="operations"'
    expected: dict[str, dict[str, float]] = {
        by_unit[0]: {f"{{{lead}}}": 1, f"{{{unit}}}": 2},
        by_unit[1]: {f"{{{lead}}}": 0, f"{{{unit}}}": 0},
        by_unit[2]: {f"{{{lead}}}": 0, f"{{{unit}}}": 0},
        of_promises[0]: {
            f'{{{missed},{named},scope="district",{lead},whose="ALL"}}': 0,
            f'{{{missed},{named},scope="unit",{unit},whose="liangjiang-water"}}': 0,
        },
        others[0]: {
            f'{{alertname="Watchdog",severity="none",{of_machinery},shown="–"}}': 0,
            f'{{alertname="SourceSilent",severity="act",level="yellow",{silent},shown="/units/liangjiang-water"}}': 0,
            f'{{alertname="StreamLagHigh",severity="act",{of_machinery},partition="3",shown="分区 3"}}': 0,
        },
    }
    info = 'kpi="K06-1",variant="official",unit_of_measure="share",unit_of_measure_zh="百分比"'
    test = {
        "interval": "1m",
        "input_series": [
            {"series": state("K06-1", "ALL", "missed"), "values": "1x60"},
            {"series": state("K06-1", "liangjiang-water", "missed"), "values": "1x60"},
            {"series": f'kpi_promise_info{{{info},title_zh="小型项目供水接入"}}', "values": "1x60"},
            {"series": f'kpi_source_silent{{source="/units/liangjiang-water",{unit}}}', "values": "1x60"},
            {"series": WORKING, "values": "1x60"},
            {"series": 'kpi_stream_lag_records{partition="3"}', "values": "20000x60"},
        ],
        "promql_expr_test": [
            {
                "expr": expr,
                "eval_time": "40m",
                "exp_samples": [{"labels": labels, "value": value} for labels, value in samples.items()],
            }
            for expr, samples in expected.items()
        ],
    }
    run_promtool(tools, tmp_path, ("KpiMissed", "SourceSilent", "StreamLagHigh", "Watchdog", UNIT_RANK), test)
