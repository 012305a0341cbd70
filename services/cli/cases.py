"""`kpiwatch cases`: the cases of the running system: all, one, and those that cannot be judged."""

import sys
import time
from collections import Counter
from typing import Annotated, NamedTuple

import typer
from rich.table import Table

from services.catalog.load.plan_folder import load_plan
from services.cli.counted_cases import counted_cases
from services.cli.failure import INPUT_HAS_ERRORS, NO_ANSWER, Failure
from services.cli.indexed_cases import list_cases, show_case
from services.cli.terminal import safe_console, say
from services.domain.plan.plan import Plan
from services.domain.results.cards import case_name
from services.messaging.reader import BrokerUnavailable, TopicReader
from services.messaging.records.quarantine import QuarantinedCase, decode
from services.messaging.tally_reader import OlderWorker, judged_again
from services.messaging.topics import CASE_QUARANTINE
from services.runtime.settings import Settings

app = typer.Typer(help="The cases of the running system.", no_args_is_help=True)

_THERE_WITHIN_SECONDS = 15


class Place(NamedTuple):
    """The partition and the key of a case."""

    partition: int
    key: bytes

    @property
    def name(self) -> str:
        name = case_name(self.key.decode(errors="replace"))
        return "".join(each if each.isprintable() else "\N{REPLACEMENT CHARACTER}" for each in name)


Quarantined = dict[Place, QuarantinedCase]


app.command("list")(list_cases)
app.command("show")(show_case)
app.command("counted")(counted_cases)


@app.command()
def quarantined(
    retry: Annotated[
        bool,
        typer.Option("--retry", help="Wait until the workers have judged each of them again, then list what is left."),
    ] = False,
    wait: Annotated[float, typer.Option("--wait", help="Seconds to wait for that.")] = 60,
    bootstrap: Annotated[str | None, typer.Option(help="Kafka's address; else KPIWATCH_BOOTSTRAP.")] = None,
) -> None:
    """List the cases that cannot be judged, the oldest first.

    The workers try each of them again about once a second, and at each start. A case that can be judged is released at
    once. Exit code 1 if there are any."""
    address = bootstrap or Settings.from_environment().bootstrap
    try:
        held = read_quarantined(address)
        if retry and held:
            held = _retried(address, held, wait)
    except BrokerUnavailable as error:
        raise Failure(f"cases: {error}", NO_ANSWER) from None
    if held:
        _print(held, load_plan(Settings.from_environment().plan))
    say(f"{len(held):,} quarantined case{'' if len(held) == 1 else 's'}")
    if held:
        raise typer.Exit(INPUT_HAS_ERRORS)


def read_quarantined(bootstrap: str) -> Quarantined:
    """The latest record of each key of `case.quarantine`. Raises BrokerUnavailable; Failure if there is no topic."""
    held: Quarantined = {}
    until = time.monotonic() + _THERE_WITHIN_SECONDS
    with TopicReader(bootstrap, [CASE_QUARANTINE]) as reader:
        while not (reader.caught_up and reader.lag[CASE_QUARANTINE] == 0):
            for record in reader.poll(0.3):
                place = Place(record.partition, record.key or b"")
                held.pop(place, None)
                if record.value is not None:
                    try:
                        held[place] = decode(record.value)
                    except ValueError:
                        held[place] = QuarantinedCase("a record that this version cannot read", "", (), ())
            if not reader.appended(CASE_QUARANTINE) and not reader.caught_up and time.monotonic() > until:
                raise Failure(
                    f"cases: {bootstrap} has no topic {CASE_QUARANTINE}: `kpiwatch topics` makes it", NO_ANSWER
                )
    return held


def _retried(address: str, held: Quarantined, wait: float) -> Quarantined:
    """What is left after another attempt; the released cases are listed."""
    left = _after_another_try(address, held, wait)
    released = sorted(place.name for place in held if place not in left)
    for name in released:
        say(f"released: {name}")
    say(f"{len(held):,} judged again, {len(released):,} released")
    return left


def _after_another_try(address: str, held: Quarantined, wait: float) -> Quarantined:
    """What is still quarantined when the workers have judged all of these again."""
    try:
        missing = judged_again(address, Counter(place.partition for place in held), wait)
    except OlderWorker as error:
        raise Failure(
            f"cases: the worker of partition {error} is of an older version, which cannot say what it has judged "
            "again: start the workers of this version, or list the cases without --retry",
            NO_ANSWER,
        ) from None
    if missing:
        raise Failure(
            f"cases: in {wait:g} s no worker has judged again the cases of partitions {missing}: do the workers run, "
            "and have they caught up? `kpiwatch status`, or wait longer with --wait",
            NO_ANSWER,
        )
    return read_quarantined(address)


def _print(held: Quarantined, plan: Plan) -> None:
    table = Table("办件 case", "单位 unit", "承诺 promises", "隔离时间 since", "原因 cause", box=None)
    for place, each in sorted(held.items(), key=lambda item: (item[1].since, item[0])):
        table.add_row(place.name, _units(each.units, plan), _promises(each.kpis), each.since, each.cause)
    safe_console(width=None if sys.stdout.isatty() else 240).print(table)


def _units(ids: tuple[str, ...], plan: Plan) -> str:
    return "、".join(plan.units[unit].title.zh if unit in plan.units else unit for unit in ids) or "-"


def _promises(kpis: tuple[str, ...]) -> str:
    return ", ".join(kpis[:5]) + (f" and {len(kpis) - 5} more" if len(kpis) > 5 else "") or "-"
