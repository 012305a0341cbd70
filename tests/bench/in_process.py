"""The hot path of a worker in one process: admission, the case's row, judging, tallies. No broker, rows in a dict."""

from collections.abc import Iterable, Mapping, MutableMapping, Sequence
from itertools import islice
from typing import Any

from services.catalog.load.calendars import calendar_of
from services.domain.intake.refusal import Refused
from services.domain.judging.judge import Judge
from services.domain.plan.plan import Plan
from services.domain.results.case_partition import CasePartition
from services.domain.sums.tally import Tally, TallyKey
from services.domain.time.zone import Instant
from services.messaging.codec import admission
from services.messaging.records.rows import dump_row, load_row

CHUNK = 1_000
"""Events that are judged together: about what a worker has in hand in a backlog."""


Packed = Mapping[TallyKey, list[Any]]
"""Tallies, so that they can be compared."""


def packed(tallies: Mapping[TallyKey, Tally]) -> Packed:
    """Those that count something."""
    return {key: tally.packed() for key, tally in tallies.items() if not tally.empty}


class HotPath:
    """One partition of a worker that reads a backlog. Events are admitted by the rule for files."""

    def __init__(self, plan: Plan, now: Instant, rows: MutableMapping[bytes, bytes] | None = None) -> None:
        judge = Judge(plan, calendar_of(plan))
        self._admission = admission(plan, trust_receivedat=True)
        self._now = now
        self.rows = {} if rows is None else rows
        self.partition = CasePartition(judge, self.rows, loads=load_row, dumps=dump_row)
        self.partition.catching_up = True
        self.refused = 0

    def take(self, lines: Iterable[bytes]) -> None:
        """One chunk, as `streams.cases` takes it."""
        admit, add, now = self._admission.admit, self.partition.add, self._now
        for line in lines:
            try:
                admitted = admit(line, now=now)
            except Refused:
                self.refused += 1
                continue
            add(admitted.key.encode(), admitted.fact, now)
        self.partition.judge_added(now)

    def settle(self) -> Packed:
        """Sweep what is due; the tallies."""
        self.partition.catching_up = False
        for _ in self.partition.sweep(self._now):
            pass
        return packed(self.partition.tallies)


def chunks(lines: Iterable[bytes], size: int = CHUNK) -> Iterable[Sequence[bytes]]:
    """The lines, so many at a time."""
    waiting = iter(lines)
    while chunk := list(islice(waiting, size)):
        yield chunk
