"""`kpiwatch explain`: why a case is judged as it is."""

from collections.abc import Sequence
from typing import Annotated

import orjson
import typer

from services.catalog.load.calendars import calendar_of
from services.catalog.load.plan_folder import load_plan
from services.cli.arguments import AsOf, EventFiles, PlanFolder, chosen_plan
from services.cli.failure import INPUT_HAS_ERRORS, WRONG_USAGE, Failure
from services.cli.rejected import line_of, report
from services.cli.terminal import safe_console, say
from services.cli.time_arguments import moment
from services.domain.intake.facts import Fact
from services.domain.judging.judge import Judge
from services.domain.results.cards import case_name
from services.domain.results.explain import Explanation
from services.domain.results.explain import explain as explained
from services.domain.results.safe_judge import SafeJudge
from services.domain.time.zone import Instant
from services.explanation.document import machine_readable
from services.explanation.page import Page
from services.replay.find_case import Found, find_case

WIDEST = 100
"""Columns; 80 are enough."""
EveryDay = Annotated[bool, typer.Option("--every-day", help="Long runs of like days are not folded.")]


def explain(
    case: Annotated[
        str,
        typer.Argument(metavar="CASE", help="Its subject, or 'source subject' where several sources have such a case."),
    ],
    events: EventFiles,
    as_of: AsOf,
    plan: PlanFolder = None,
    as_json: Annotated[bool, typer.Option("--json", help="Machine-readable.")] = False,
    every_day: EveryDay = False,
) -> None:
    """Show a case day by day: which days count, its limits, the verdict of each promise and the clause of the plan.
    Exit code 1 if an event about the case was rejected, or there is none."""
    read = load_plan(chosen_plan(plan))
    judge = Judge(read, calendar_of(read))
    now = moment(as_of, judge.law.zone, "--as-of") - 1
    found = find_case(events, read, case)
    key = _the_one(found, case, events)
    _check_judged(judge, key, found.cases[key], now)
    explanation = explained(judge, key, found.cases[key], now)
    if as_json:
        content = machine_readable(explanation, judge, [each._asdict() for each in found.rejected])
        say(orjson.dumps(content, option=orjson.OPT_INDENT_2).decode())
    else:
        print_explanation(explanation, judge, [line_of(each) for each in found.rejected], every_day=every_day)
    if found.rejected:
        raise typer.Exit(INPUT_HAS_ERRORS)


def print_explanation(
    explanation: Explanation, judge: Judge, rejected: Sequence[str], *, every_day: bool = False
) -> None:
    """An explanation as a page. `rejected`: a line for each event about the case that was refused."""
    console = safe_console()
    console.width = min(console.width, WIDEST)
    for part in Page(explanation, judge, rejected, every_day=every_day).parts():
        console.print(part)


def _check_judged(judge: Judge, key: str, facts: list[Fact], now: Instant) -> None:
    """Raises Failure where the case cannot be judged: there is no verdict that could be explained."""
    quarantine = SafeJudge(judge).judge(facts, now).quarantine
    if quarantine is not None:
        about = ", ".join(quarantine.kpis) or "none"
        raise Failure(
            f"{case_name(key)!r} is quarantined, it cannot be judged: {quarantine.cause}; promises that it may be "
            f"about: {about}. This is an error of kpiwatch, not of the case: report the cause; the next version judges "
            "it again by itself",
            INPUT_HAS_ERRORS,
        )


def _the_one(found: Found, case: str, events: list[str]) -> str:
    """The key of the one case of that name."""
    if len(found.cases) == 1:
        return next(iter(found.cases))
    if not found.cases:
        for rejected in found.rejected:
            report(rejected)
        why = "all events about it were rejected" if found.rejected else "look for a slip in its name"
        raise Failure(
            f"no case {case!r} in {', '.join(events)} ({found.lines:,} lines looked at): {why}", INPUT_HAS_ERRORS
        )
    names = "\n".join(f"  {case_name(key)!r}" for key in found.cases)
    raise Failure(f"several sources have a case {case!r}: write one of\n{names}", WRONG_USAGE)
