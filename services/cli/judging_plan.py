"""The plan by which a command judges: which one it is, and whether `kpiwatch plan check` finds it right."""

from datetime import date, datetime
from pathlib import Path
from zoneinfo import ZoneInfo

from services.catalog.check.plan_check import problems_of
from services.catalog.load.plan_folder import plan_of, read_plan
from services.cli.failure import INPUT_HAS_ERRORS, Failure
from services.cli.terminal import say
from services.domain.plan.plan import Plan, PlanHead


def today_of(head: PlanHead) -> date:
    """The day of the real clock in the zone of a plan: which of its versions are in force."""
    return datetime.now(ZoneInfo(head.timezone)).date()


def say_plan(plan: Plan, folder: Path) -> None:
    """Name the plan on standard error."""
    head = plan.head
    say(f"plan: {head.title.en} ({head.id}, version {head.version}, {folder})", err=True)


def checked_plan(folder: Path) -> Plan:
    """The plan of a folder, once named. Failure, with the sentences of `kpiwatch plan check`, if it is not right;
    InvalidPlan if it is none."""
    reading = read_plan(folder)
    plan = plan_of(reading)
    problems = problems_of(reading, today_of(plan.head))
    if problems:
        lines = "\n".join(f"  {problem}" for problem in problems)
        count = "an error" if len(problems) == 1 else f"{len(problems)} errors"
        raise Failure(
            f"{folder}: `kpiwatch plan check` finds {count}, so nothing is judged:\n{lines}", INPUT_HAS_ERRORS
        )
    say_plan(plan, folder)
    return plan
