"""The frame of an alert: what every alerting rule has, and how long it waits."""

from typing import Any, NamedTuple

from services.alert_rules.durations import of_plan, text
from services.domain.plan.plan import Title

Rule = dict[str, Any]
"""A rule as Prometheus' file has it."""

OPERATIONS = "operations"
"""The unit of alerts about the machinery: the operations centre."""


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
    """Beside the summary and the link to the runbook."""

    def rule(self, speed: float, runbooks: str) -> Rule:
        """As Prometheus' file has it. `speed`: of the plan's clock; `runbooks`: what a runbook's link begins with."""
        return {
            "alert": self.name,
            "expr": self.expr,
            **(self.waits.written(speed) if self.waits else {}),
            "labels": self.labels,
            "annotations": {
                "summary_zh": self.summary.zh,
                "summary_en": self.summary.en,
                **self.annotations,
                "runbook_url": f"{runbooks}{self.name}.md",
            },
        }


def to_operations(severity: str) -> dict[str, str]:
    """The labels of an alert for the operations centre."""
    return {"severity": severity, "level": "none", "unit": OPERATIONS}
