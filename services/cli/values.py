"""`kpiwatch values`: the value rows (and cards) of the running system, the same bytes that a replay writes."""

from pathlib import Path
from typing import Annotated

import orjson
import typer

from services.catalog.calendars import load_calendar
from services.catalog.load import load_plan
from services.cli.arguments import AsOf, Wait, check_sinks
from services.cli.failure import NO_ANSWER, WRONG_USAGE, Failure
from services.cli.moments import moment
from services.cli.terminal import safe_console
from services.domain.judge import Judge
from services.domain.published import Card
from services.domain.values import Valuer
from services.messaging.reader import BrokerUnavailable, TopicReader
from services.messaging.tally_reader import NotThere, Passed, read_standing
from services.messaging.topics import ALERT_CARDS
from services.replay.writing import write_cards, write_values
from services.settings import Settings


def values(
    out: Annotated[Path, typer.Option("--out", help="Where the values go, as CSV.")],
    as_of: AsOf,
    cards: Annotated[Path | None, typer.Option("--cards", help="Where the cards go, as CSV.")] = None,
    wait: Wait = 60,
) -> None:
    """Write the values of the running system as of the time at which its clock and its progress stand."""
    settings = Settings.from_environment()
    plan = load_plan(settings.plan)
    judge = Judge(plan, load_calendar(plan.head.calendar))
    time = moment(as_of, judge.law.zone, "--as-of")
    check_sinks({"--out": out, "--cards": cards})
    try:
        standing = read_standing(settings.bootstrap, settings.partitions, time - 1, wait)
        held = _cards(settings.bootstrap) if cards is not None else []
    except BrokerUnavailable as error:
        raise Failure(f"values: {error}", NO_ANSWER) from None
    except NotThere as error:
        raise Failure(f"values: {error} (asked for {judge.law.zone.text(time)})", NO_ANSWER) from None
    except Passed as passed:
        raise Failure(
            f"values: the system is judged up to {judge.law.zone.text(passed.reached + 1)} already, later than "
            f"{judge.law.zone.text(time)}: values are exact only where its clock stands. Stop the clock and ask for "
            "the time that it shows, or use `kpiwatch replay` for times that have passed",
            WRONG_USAGE,
        ) from None
    rows = Valuer(judge).rows(standing.tallies, time, standing.last_events)
    written = write_values(out, rows)
    console = safe_console(stderr=True)
    console.print(f"{out}: {written} rows as of {judge.law.zone.text(time)}")
    if cards is not None:
        console.print(f"{cards}: {write_cards(cards, held)} cards")


def _cards(bootstrap: str) -> list[Card]:
    """Every card ever raised, as it stands now."""
    held: dict[bytes, Card] = {}
    with TopicReader(bootstrap, [ALERT_CARDS]) as reader:
        while not (reader.caught_up and reader.lag[ALERT_CARDS] == 0):
            for record in reader.poll(0.3):
                if record.value is None:
                    held.pop(record.key or b"", None)
                else:
                    held[record.key or b""] = Card(**orjson.loads(record.value))
    return sorted(held.values())
