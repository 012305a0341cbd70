"""The district's overview: how many promises stand where, which they are, what cards are open, how fresh it all is."""

from typing import Any

from services.domain.published import State
from services.messaging import metrics

Json = dict[str, Any]

UID = "kpiwatch-overview"

# from the rules of services/rules: the official window of each promise, one series per state
_STATE = 'unit:kpi_state:official{unit="ALL"}'
_VALUE = 'unit:kpi_value:official{unit="ALL"}'
_INFO_LABELS = ("measure", "title_zh", "title_en", "unit_of_measure_zh", "objective_text", "strength")

_COLOURS = {
    State.MISSED: "red",
    State.AT_RISK: "orange",
    State.MET: "green",
    State.PROVISIONAL: "light-green",
    State.STALE: "purple",
    State.UNMEASURED: "yellow",
    State.INSUFFICIENT: "light-blue",
    State.NO_DATA: "text",
    State.UNTARGETED: "blue",
}
"""Untargeted looks different from a target that is met, everywhere (DESIGN §4.9); grey and purple are not "fine"."""

_DATASOURCE = {"type": "prometheus", "uid": "${datasource}"}


def overview() -> Json:
    """The dashboard as Grafana's JSON model."""
    counted = [
        _stat(
            3 * place, 0, 3, f"{state.value}", f'sum(district:kpi_state:count{{state="{state}"}}) or vector(0)', colour
        )
        for place, (state, colour) in enumerate(
            [(State.MISSED, "red"), (State.AT_RISK, "orange"), (State.MET, "green"), (State.STALE, "purple")]
        )
    ]
    cards = [
        _stat(12 + 3 * place, 0, 3, title, f'sum(unit:kpi_cards_open:sum{{level="{level}"}}) or vector(0)', level)
        for place, (level, title) in enumerate([("yellow", "黄牌 yellow cards"), ("red", "红牌 red cards")])
    ]
    age = f"max({metrics.CLOCK.name}) - max({metrics.WATERMARK.name})"
    fresh = _stat(18, 0, 6, "数据时延 age of the figures", age, "text", unit="s")
    panels = [*counted, *cards, fresh, _promises()]
    return {
        "uid": UID,
        "title": "营商环境承诺 · District overview",
        "tags": ["kpiwatch"],
        "timezone": "browser",
        "editable": False,
        "refresh": "10s",
        "time": {"from": "now-6h", "to": "now"},
        "schemaVersion": 39,
        "templating": {"list": [{"name": "datasource", "type": "datasource", "query": "prometheus"}]},
        "panels": [{"id": number, **panel} for number, panel in enumerate(panels, start=1)],
    }


def _stat(x: int, y: int, width: int, title: str, expr: str, colour: str, unit: str = "none") -> Json:
    return {
        "type": "stat",
        "title": title,
        "datasource": _DATASOURCE,
        "gridPos": {"x": x, "y": y, "w": width, "h": 4},
        "fieldConfig": {"defaults": {"unit": unit, "color": {"mode": "fixed", "fixedColor": colour}}, "overrides": []},
        "options": {"reduceOptions": {"calcs": ["lastNotNull"]}, "colorMode": "value", "graphMode": "none"},
        "targets": [{"refId": "A", "expr": expr, "instant": True}],
    }


def _promises() -> Json:
    titles = ", ".join(_INFO_LABELS)
    info = f'max by (kpi, {titles}) ({metrics.PROMISE_INFO.name}{{variant="official"}})'
    states = {
        state.value: {"text": state.value, "color": colour, "index": index}
        for index, (state, colour) in enumerate(_COLOURS.items())
    }
    coloured = [
        {"id": "mappings", "value": [{"type": "value", "options": states}]},
        {"id": "custom.cellOptions", "value": {"type": "color-background"}},
    ]
    return {
        "type": "table",
        "title": "承诺 promises (official window)",
        "datasource": _DATASOURCE,
        "gridPos": {"x": 0, "y": 4, "w": 24, "h": 20},
        "fieldConfig": {
            "defaults": {},
            "overrides": [{"matcher": {"id": "byName", "options": "state"}, "properties": coloured}],
        },
        "options": {"sortBy": [{"displayName": "kpi"}]},
        "targets": [
            {
                "refId": "A",
                "expr": f"{_STATE} * on (kpi) group_left ({titles}) {info}",
                "format": "table",
                "instant": True,
            },
            {"refId": "B", "expr": _VALUE, "format": "table", "instant": True},
        ],
        "transformations": [
            {"id": "joinByField", "options": {"byField": "kpi", "mode": "outer"}},
            {
                "id": "organize",
                "options": {
                    "excludeByName": dict.fromkeys(
                        ("Time 1", "Time 2", "Value #A", "unit 1", "unit 2", "window 2", "__name__"), True
                    ),
                    "renameByName": {"Value #B": "value", "window 1": "window"},
                },
            },
        ],
    }
