"""All rules of a plan for Prometheus: recording rules, the alerts of each promise, of figures and of the pipeline.

An alert is a symptom. Prometheus compares and never computes working time; "now" is kpi_clock_timestamp_seconds, never
time(). An alert about the plan waits by the plan's clock: its times are divided by the speed of that clock. An alert
about the machinery waits in real time.
"""

from services.alert_rules.alert import Rule, Surroundings
from services.alert_rules.briefing_alerts import briefing_alerts
from services.alert_rules.desk_alerts import desk_alerts
from services.alert_rules.figure_alerts import figure_alerts
from services.alert_rules.intake_alerts import intake_alerts
from services.alert_rules.ledger_alerts import ledger_alerts
from services.alert_rules.notice_alerts import notice_alerts
from services.alert_rules.pipeline_alerts import pipeline_alerts
from services.alert_rules.promise_alerts import promise_alerts
from services.alert_rules.recording import recording_rules
from services.domain.plan.plan import Plan, Promise
from services.metric_names.alert_pages import NO_ADDRESSES, AlertPages


def rule_groups(plan: Plan, speed: float, pages: AlertPages = NO_ADDRESSES) -> Rule:
    """The rules file. `speed`: of the plan's clock; `pages`: where dashboards and runbooks are."""
    around = Surroundings(plan, speed, pages)
    promises = _official(plan)
    groups = {
        "promises": [alert for promise in promises for alert in promise_alerts(promise, plan)],
        "figures": figure_alerts(plan),
        "pipeline": pipeline_alerts(speed, plan),
        "intake": intake_alerts(plan),
        "ledger": ledger_alerts(),
        "notices": notice_alerts(),
        "desk": desk_alerts(),
        "briefings": briefing_alerts(),
    }
    return {
        "groups": [
            {"name": "kpiwatch.records", "rules": list(recording_rules(promises))},
            *(
                {"name": f"kpiwatch.{name}", "rules": [alert.rule(around) for alert in alerts]}
                for name, alerts in groups.items()
            ),
        ]
    }


def _official(plan: Plan) -> list[Promise]:
    """One entry per promise; of several versions the last names it."""
    return list({promise.id: promise for promise in plan.promises if promise.is_official}.values())
