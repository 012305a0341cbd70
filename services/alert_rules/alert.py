"""The frame of an alert: what every alerting rule has, and how long it waits."""

from collections.abc import Mapping
from typing import Any, NamedTuple

from services.alert_rules.durations import of_plan, text
from services.alert_rules.expressions import unit_name
from services.catalog.words.wording import SEVERITY_NAMES
from services.domain.plan.plan import Plan, Title
from services.metric_names.alert_pages import AlertPages

Rule = dict[str, Any]
"""A rule as Prometheus' file has it."""

OPERATIONS = "operations"
"""The unit of alerts about the machinery: the operations centre."""
CENTRE = Title(zh="运行中心", en="operations centre")


class Waits(NamedTuple):
    """How long a condition must be true before the alert fires, and how long the alert is kept after it. In seconds."""

    hold: float
    keep: float
    by_plan: bool
    """By the plan's clock, which may run faster; else by the real one."""

    def written(self, speed: float) -> dict[str, str]:
        """As Prometheus writes them."""

        def duration(seconds: float) -> str:
            return of_plan(seconds, speed) if self.by_plan else text(seconds)

        return {"for": duration(self.hold), "keep_firing_for": duration(self.keep)}


def plan_time(hold: float, keep: float) -> Waits:
    """For an alert about the plan."""
    return Waits(hold, keep, by_plan=True)


def real_time(hold: float, keep: float) -> Waits:
    """For an alert about the machinery."""
    return Waits(hold, keep, by_plan=False)


class Surroundings(NamedTuple):
    """What the rules of a plan depend on beside the alert."""

    plan: Plan
    speed: float
    """Of the plan's clock."""
    pages: AlertPages


class Alert(NamedTuple):
    """An alerting rule. Its runbook is `deploy/runbooks/NAME.md`."""

    name: str
    expr: str
    labels: dict[str, str]
    summary: Title
    """The sentence of the alert, in Chinese and English; a template of Prometheus."""
    waits: Waits | None
    """None: the alert is always active."""
    annotations: dict[str, str] = {}
    """Beside those that every alert has."""
    chosen: Mapping[str, str] = {}
    """What its dashboard is to show: variables, as they are written in an address; may be templates of Prometheus."""

    def rule(self, around: Surroundings) -> Rule:
        """As Prometheus' file has it."""
        who, asked = _addressee(self.labels.get("unit"), around.plan), SEVERITY_NAMES[self.labels["severity"]]
        return {
            "alert": self.name,
            "expr": self.expr,
            **(self.waits.written(around.speed) if self.waits else {}),
            "labels": self.labels,
            "annotations": {
                "summary_zh": self.summary.zh,
                "summary_en": self.summary.en,
                "unit_zh": who.zh,
                "unit_en": who.en,
                "action_zh": asked.zh,
                "action_en": asked.en,
                **self.annotations,
                **around.pages.annotations(self.name, self.chosen),
            },
        }


def _addressee(unit: str | None, plan: Plan) -> Title:
    """Who is to act, by name. `unit`: of a fixed label; None: the label comes with the series."""
    if unit is None:
        return Title(zh=unit_name("zh"), en=unit_name("en"))
    if unit == OPERATIONS:
        return CENTRE
    return plan.units[unit].title if unit in plan.units else Title(zh=unit, en=unit)


def to_operations(severity: str) -> dict[str, str]:
    """The labels of an alert for the operations centre."""
    return {"severity": severity, "level": "none", "unit": OPERATIONS}
