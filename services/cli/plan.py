"""`kpiwatch plan`: check a plan, show its promises, compare two plans, print the schemas of its files."""

import dataclasses
import json
from collections.abc import Iterator, Sequence
from datetime import UTC, date, datetime
from difflib import get_close_matches
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

from services.catalog.check.difference import Change, changes
from services.catalog.check.languages.choice import is_known
from services.catalog.check.plan_check import problems_of
from services.catalog.load.calendars import calendar_of
from services.catalog.load.lock import LOCK, write_lock
from services.catalog.load.plan_folder import InvalidPlan, Problem, Reading, load_plan, plan_of, read_plan
from services.catalog.load.schema import schemas
from services.catalog.samples.events import Sample
from services.catalog.samples.promise_samples import samples_of
from services.catalog.samples.required_data import needs_of, sources_for
from services.catalog.words.names import NameBook, names_for
from services.catalog.words.phrases import maturity_words
from services.catalog.words.promise_text import STRENGTHS, in_words, tier_counts
from services.catalog.words.wording import window_names
from services.cli.arguments import PlanFolder, chosen_plan
from services.cli.judging_plan import today_of
from services.cli.terminal import safe_console, say
from services.domain.intake.visible_text import visible
from services.domain.plan.plan import CasePromise, Plan, Promise, Title
from services.domain.plan.statutory_time import Law
from services.domain.sums.statistic import written

app = typer.Typer(help="Check a plan, show its promises, compare two plans.", no_args_is_help=True)


@app.command()
def check(
    folder: Annotated[Path, typer.Argument(metavar="DIR", exists=True, file_okay=False, help="The plan folder.")],
    lock: Annotated[
        bool,
        typer.Option("--write-lock", help=f"Write {LOCK} if the plan is right: versions in force stay as they are."),
    ] = False,
    today: Annotated[
        datetime | None, typer.Option(formats=["%Y-%m-%d"], help="As of which day versions are in force.")
    ] = None,
) -> None:
    """Say everything that is wrong with a plan, by file and line."""
    reading = read_plan(folder)
    day = today.date() if today else _today(reading)
    problems = [each for each in problems_of(reading, day) if not (lock and _is_fixed_by_write_lock(each))]
    out = _console()
    if problems:
        _print_problems(problems, out)
        raise typer.Exit(1)
    for line in _summary(folder, plan_of(reading)):
        out.print(line, soft_wrap=True)
    if lock:
        kept = write_lock(folder, reading.promises)
        out.print(f"{folder / LOCK}: {_many(kept, 'version')} locked", soft_wrap=True)


@app.command()
def show(
    kpi: Annotated[str | None, typer.Argument(help="A promise, e.g. K06-1, or K06; without one, all.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Machine-readable.")] = False,
    plan: PlanFolder = None,
) -> None:
    """Show promises in words: the limit, the units, since when, and the clause of the plan."""
    folder = chosen_plan(plan)
    read = _loaded(folder)
    chosen = read.promises if kpi is None else _named(kpi, read, folder)
    if as_json:
        law = Law(read, calendar_of(read))
        say(json.dumps([_described(promise, read, law) for promise in chosen], ensure_ascii=False, indent=2))
    elif kpi is None:
        _console().print(_overview(read))
    else:
        for promise in chosen:
            _console().print(_details(promise, read))


@app.command()
def diff(
    before: Annotated[Path, typer.Argument(metavar="A", exists=True, file_okay=False, help="A plan folder.")],
    after: Annotated[Path, typer.Argument(metavar="B", exists=True, file_okay=False, help="Another.")],
) -> None:
    """Show what changes from plan A to plan B."""
    old, new = _loaded(before), _loaded(after)
    out = _console()
    found = list(changes(old, new))
    for change in found:
        out.print(_change(change), soft_wrap=True)
    same = old.fingerprint == new.fingerprint
    verdicts = "no verdict changes" if same else "every case is judged again"
    out.print(f"{_many(len(found), 'difference')}; {verdicts}", style="bold", soft_wrap=True)


@app.command()
def schema(
    kind: Annotated[
        str | None,
        typer.Argument(help="plan, calendar, names, kpis, units, service_items, sources or opening_hours; else all."),
    ] = None,
) -> None:
    """Print the JSON Schema of a plan's files, for editors and programs that write them."""
    known = schemas()
    if kind is not None and kind not in known:
        raise typer.BadParameter(f"no such kind of file: one of {', '.join(known)}", param_hint="KIND")
    say(json.dumps(known if kind is None else known[kind], ensure_ascii=False, indent=2))


def _today(reading: Reading) -> date:
    """Today in the plan's zone; in UTC, where the plan cannot be read and is refused anyway."""
    if reading.problems or reading.head is None:
        return datetime.now(UTC).date()
    return today_of(reading.head)


def _is_fixed_by_write_lock(problem: Problem) -> bool:
    return problem.sentence.endswith("run with --write-lock")


def _print_problems(problems: Sequence[Problem], out: Console) -> None:
    for problem in problems:
        out.print(_line(problem), soft_wrap=True)
    files = len({problem.file for problem in problems})
    out.print(f"{_many(len(problems), 'error')} in {_many(files, 'file')}", style="bold red", soft_wrap=True)


def _summary(folder: Path, plan: Plan) -> Iterator[str]:
    """What a plan without errors holds."""
    names = {promise.id for promise in plan.promises}
    yield f"{folder}: {_many(len(names), 'promise')} in {_many(len(plan.promises), 'entry')}, no errors"
    if tiers := tier_counts(plan.promises):
        yield "by tier: " + ", ".join(f"{tier} {count}" for tier, count in tiers.items())
    if not is_known(plan.head.language):
        yield (
            f"language {plan.head.language}: of the clauses only the numbers in digits were compared with the entries. "
            "Check units, dates and words such as “as a rule” yourself"
        )
    yield from _placeholders(plan)


def _placeholders(plan: Plan) -> Iterator[str]:
    """Each list that is still a placeholder, and the promises that are unmeasured until it is replaced."""
    for name in plan.placeholders:
        waiting = [promise.key for promise in plan.promises if plan.rests_on(name, promise)]
        unmeasured = f": {', '.join(waiting)} unmeasured until it is replaced" if waiting else ""
        yield f"placeholder lists/{name}.txt{unmeasured}"


def _named(name: str, plan: Plan, folder: Path) -> list[Promise]:
    """The promises of a name: an id, the key of one version, or the part of an id before the dash."""
    named = [each for each in plan.promises if name in (each.id, each.key) or each.id.startswith(f"{name}-")]
    if not named:
        near = get_close_matches(name, [promise.key for promise in plan.promises], n=1)
        hint = f": did you mean {near[0]}?" if near else ": `kpiwatch plan show` lists them"
        raise typer.BadParameter(f"no promise {name} in {folder}{hint}", param_hint="KPI")
    return named


def _console() -> Console:
    return safe_console()


def _loaded(folder: Path) -> Plan:
    try:
        return load_plan(folder)
    except InvalidPlan as error:
        err = safe_console(stderr=True)
        for problem in error.problems:
            err.print(_line(problem), soft_wrap=True)
        err.print(f"kpiwatch plan check {folder} says where to look", soft_wrap=True)
        raise typer.Exit(1) from None


def _many(n: int, what: str) -> str:
    plural = what if n == 1 else f"{what[:-1]}ies" if what.endswith("y") else f"{what}s"
    return f"{n} {plural}"


def _line(problem: Problem) -> Text:
    """`file:line: key: sentence`, as editors understand it."""
    where = visible(f"{problem.file}:{problem.line}" if problem.line else str(problem.file))
    keys = visible(problem.key)
    parts: list[tuple[str, str]] = [(f"{where}: ", "bold"), (visible(problem.sentence), "red")]
    if keys:
        parts.insert(1, (f"{keys}: ", "cyan"))
    return Text.assemble(*parts)


def _described(promise: Promise, plan: Plan, law: Law) -> dict[str, Any]:
    """One promise as JSON: its entry, its sentence, what sources must send, and its sample events."""
    needs = dataclasses.asdict(needs_of(promise, plan))
    needs["attributes"] = {name: spec.model_dump(mode="json") for name, spec in needs_of(promise, plan).attributes}
    needs["sources"] = [source.id for source in sources_for(promise, plan)]
    return {
        "key": promise.key,
        "words": in_words(promise, plan).model_dump(),
        "needs": needs,
        "samples": [_sampled(sample, law) for sample in samples_of(promise, law)],
        **promise.model_dump(mode="json"),
    }


def _sampled(sample: Sample, law: Law) -> dict[str, Any]:
    expected = dataclasses.asdict(sample.expected) | {"value": written(sample.expected.value)}
    as_of = law.zone.text(sample.as_of)
    return {"name": sample.name, "as_of": as_of, "expected": expected, "events": list(sample.events)}


def _overview(plan: Plan) -> Table:
    table = Table(
        title=f"{plan.head.title.zh}\n{plan.head.title.en}", title_justify="left", box=None, padding=(0, 2, 1, 0)
    )
    table.add_column("KPI", no_wrap=True, style="bold")
    table.add_column("promise", ratio=1, overflow="fold")
    for promise in plan.promises:
        words = in_words(promise, plan)
        sentence = Text(f"{words.zh}\n{words.en}\n")
        sentence.append(f"{_both(STRENGTHS[promise.strength])} · {_units(promise.lead, plan)}", style="dim")
        table.add_row(promise.key, sentence)
    return table


def _units(ids: tuple[str, ...], plan: Plan) -> str:
    return "、".join(plan.units[unit].title.zh if unit in plan.units else unit for unit in ids)


def _details(promise: Promise, plan: Plan) -> Table:
    table = Table(title=Text(promise.key, style="bold"), show_header=False, title_justify="left", box=None)
    table.add_column(style="cyan", no_wrap=True)
    table.add_column(ratio=1, overflow="fold")
    words, names = in_words(promise, plan), names_for(promise, plan)
    named = window_names(plan.head)
    windows = ", ".join(
        f"{_both(named[window])}{' (正式 official)' * (window == promise.official_window)}"
        for window in promise.windows
    )
    rows = [
        ("名称 title", f"{promise.title.zh}\n{promise.title.en}"),
        ("条款 clause", f"“{promise.clause}” ({promise.item})"),
        ("承诺 promise", f"{words.zh}\n{words.en}"),
        ("约束力 strength", f"{STRENGTHS[promise.strength].zh}\n{STRENGTHS[promise.strength].en}"),
        ("目标值依据 threshold", "非方案指标 set by us, not printed in the plan" if promise.local else ""),
        *(_of_each_case(promise, names) if isinstance(promise, CasePromise) else ()),
        ("统计期 windows", windows),
        ("施行 in force", _in_force(promise)),
        ("牵头单位 lead", _units(promise.lead, plan)),
        ("责任单位 responsible", _units(promise.responsible, plan)),
        ("说明 notes", _lines(promise.notes)),
    ]
    for name, value in rows:
        if value:
            table.add_row(name, Text(value))
    table.add_row("", "")
    return table


def _in_force(promise: Promise) -> str:
    until = (
        Title(zh=f"至{promise.effective_to}止", en=f" to {promise.effective_to}") if promise.effective_to else _NOTHING
    )
    by = _BY[promise.applies_by] if isinstance(promise, CasePromise) else _NOTHING
    return f"自{promise.effective_from}起{until.zh}{by.zh}\nfrom {promise.effective_from}{until.en}{by.en}"


_NOTHING = Title(zh="", en="")
_BY = {
    "start": Title(zh="，以办件起算日为准", en=", by the start of a case"),
    "stop": Title(zh="，以计时终止日为准", en=", by the stop of a case"),
}


def _of_each_case(promise: CasePromise, names: NameBook) -> Iterator[tuple[str, str]]:
    """When the clock of a case runs, and when it counts."""
    yield "暂停计时 clock stops for", "、".join(_both(names.reason(code)) for code in promise.clock.clock_stops)
    yield "计时环节 clock runs in", "、".join(_both(names.node(code)) for code in promise.clock.runs_in)
    yield "到期时点 matures", _both(maturity_words(promise.maturity)).strip()


def _both(title: Title) -> str:
    return f"{title.zh} {title.en}"


def _lines(title: Title | None) -> str:
    return f"{title.zh}\n{title.en}" if title is not None else ""


def _change(change: Change) -> Text:
    name = f"{change.what} {change.name}"
    if not change.field and change.before is None:
        return Text(f"+ {name}", style="green")
    if not change.field and change.after is None:
        return Text(f"- {name}", style="red")
    key = f".{change.field}" if change.field else ""
    return Text(f"~ {name}{key}: {_value(change.before)} → {_value(change.after)}", style="yellow")


def _value(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False)
