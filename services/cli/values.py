"""`kpiwatch values`: the value rows (and cards) of the running system, the same bytes that a replay writes."""

import logging
from datetime import datetime
from pathlib import Path
from typing import Annotated, NamedTuple

import typer

from services.catalog.load.calendars import calendar_of
from services.catalog.load.plan_folder import load_plan
from services.cli.arguments import AsOf, ForExcel, Wait, check_sinks
from services.cli.failure import INPUT_HAS_ERRORS, NO_ANSWER, WRONG_USAGE, Failure
from services.cli.terminal import safe_console
from services.cli.time_arguments import moment
from services.domain.judging.judge import Judge
from services.domain.results.published import Card
from services.domain.results.value_rows import Valuer
from services.domain.time.zone import Instant, Zone, instant_of
from services.messaging.reader import BrokerUnavailable, Record, TopicReader
from services.messaging.records import cards as card_records
from services.messaging.records.fields import Unreadable, log_unreadable
from services.messaging.tally_reader import NotThere, Passed, read_tallies
from services.messaging.topics import ALERT_CARDS
from services.replay.csv_files import write_cards, write_values
from services.runtime.settings import Settings

_log = logging.getLogger(__name__)


def values(
    out: Annotated[Path, typer.Option("--out", help="Where the values go, as CSV.")],
    as_of: AsOf,
    cards: Annotated[Path | None, typer.Option("--cards", help="Where the cards go, as CSV.")] = None,
    wait: Wait = 60,
    for_excel: ForExcel = False,
) -> None:
    """Write the values of the running system as of the time that its clock and its progress have reached."""
    settings = Settings.from_environment()
    plan = load_plan(settings.plan)
    judge = Judge(plan, calendar_of(plan))
    time = moment(as_of, judge.law.zone, "--as-of")
    check_sinks({"--out": out, "--cards": cards})
    try:
        published = read_tallies(settings.bootstrap, settings.partitions, time - 1, wait)
        held = _cards(settings.bootstrap, time - 1) if cards is not None else Cards({}, set())
    except BrokerUnavailable as error:
        raise Failure(f"values: {error}", NO_ANSWER) from None
    except NotThere as error:
        raise Failure(f"values: {error} (asked for {judge.law.zone.text(time)})", NO_ANSWER) from None
    except Passed as passed:
        raise Failure(f"values: {_passed(passed.judged_to, time, judge.law.zone)}", WRONG_USAGE) from None
    rows = Valuer(judge).rows(published.tallies, time, published.last_events)
    written = write_values(out, rows, for_excel=for_excel)
    console = safe_console(stderr=True)
    console.print(f"{out}: {written} rows as of {judge.law.zone.text(time)}")
    if cards is not None:
        console.print(f"{cards}: {write_cards(cards, sorted(held.cards.values()), for_excel=for_excel)} cards")
    if held.unreadable:
        raise Failure(
            f"values: {len(held.unreadable)} records of {ALERT_CARDS} cannot be read (above is where they are), and "
            f"their cards are missing in {cards}: see deploy/runbooks/RecordsUnreadable.md",
            INPUT_HAS_ERRORS,
        )


def _passed(judged_to: Instant, time: Instant, zone: Zone) -> str:
    """Up to when the system is judged, and what to do. Nothing in the log tells a clock that runs from one set back."""
    latest = zone.text(judged_to + 1)
    return (
        f"the system is judged up to {latest} already, later than {zone.text(time)}: values are exact only at the time "
        "of its clock. Stop the clock and ask for the time that it shows, or use `kpiwatch replay` for times that have "
        f"passed. If the clock was set back, wait until it shows {latest}, or start the cases workers again (a clock "
        "that is more than a minute behind has them judge every case again)"
    )


class Cards(NamedTuple):
    """The cards of a system by the key of their record."""

    cards: dict[bytes, Card]
    unreadable: set[bytes]
    """Keys of which the last record cannot be read."""

    def take(self, record: Record) -> None:
        """The next record of alert.cards."""
        key = record.key or b""
        self.unreadable.discard(key)
        if record.value is None:
            self.cards.pop(key, None)
            return
        try:
            self.cards[key] = card_records.decode(record.value)
        except Unreadable as wrong:
            self.unreadable.add(key)
            log_unreadable(_log, record.topic, record.partition, record.offset, wrong)


def _cards(bootstrap: str, reached: Instant) -> Cards:
    """Every card ever raised, in its present state. Raises Passed if one was raised or cleared after `reached`."""
    held = Cards({}, set())
    with TopicReader(bootstrap, [ALERT_CARDS]) as reader:
        while not (reader.caught_up and reader.lag[ALERT_CARDS] == 0):
            for record in reader.poll(0.3):
                held.take(record)
    latest = max((latest_change(card) for card in held.cards.values()), default=0)
    if latest > reached:
        raise Passed(latest)
    return held


def latest_change(card: Card) -> Instant:
    """When it was raised, or cleared."""
    return max(instant_of(datetime.fromisoformat(text)) for text in (card.raised_at, card.cleared_at) if text)
