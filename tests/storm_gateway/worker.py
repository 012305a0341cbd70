"""What a cases worker makes of a topic after a storm."""

from collections import Counter
from collections.abc import Sequence

from services.catalog.load.calendars import calendar_of
from services.domain.judging.judge import Judge
from services.domain.results.value_rows import Valuer
from services.messaging.tally_reader import read_tallies
from tests.integration.system import System
from tests.storm_gateway.storm import Outcome
from tests.storm_gateway.ways import Ways

_READ_SECONDS = 1_800


def differences_of_worker(outcome: Outcome, ways: Ways) -> Sequence[str]:
    """Rows of the worker that the replay of the sent file does not have, and those that it lacks."""
    folder = ways.folder / "worker"
    folder.mkdir()
    system = System(
        ways.settings.bootstrap, ways.settings.plan, folder, now=outcome.as_of, partitions=ways.partitions, session=30
    )
    try:
        system.start("cases-1", KPIWATCH_DEAD_LETTER_RATIO="1")
        found = read_tallies(ways.settings.bootstrap, ways.partitions, outcome.as_of - 1, timeout_seconds=_READ_SECONDS)
    finally:
        system.stop()
    judge = Judge(ways.plan, calendar_of(ways.plan))
    mine = Counter(Valuer(judge).rows(found.tallies, outcome.as_of, found.last_events))
    theirs = Counter(outcome.rows)
    return [
        *(f"worker: only of the topic {one}" for one in mine - theirs),
        *(f"worker: only of the sent file {one}" for one in theirs - mine),
    ]
