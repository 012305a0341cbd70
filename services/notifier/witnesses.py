"""Units are witnesses of the ledger: a notice tells a unit the newest checkpoint, once a day at most.

Who holds it can show later, without this system, whether the ledger was changed or cut. It costs no message of its own:
a unit without notices gets none, and has the monthly report, which prints one, too.
"""

from typing import Final, NamedTuple

from services.domain.time.rfc3339 import read
from services.domain.time.zone import Instant, Zone
from services.ledger.checkpoints import Checkpoint
from services.messaging.records.fields import Unreadable
from services.messaging.records.ledger import Kind, LedgerRecord

TOLD: Final = "checkpoint"
"""The field of a notice's body: the checkpoint as `Checkpoint.written` has it."""


class _Told(NamedTuple):
    """What a unit was told last."""

    day: int
    written: str


class Witnesses:
    """Which checkpoint is newest, and who was told what. A function of the records of the ledger. Not thread-safe."""

    def __init__(self, zone: Zone) -> None:
        """`zone`: of the plan, whose days count."""
        self._zone = zone
        self._newest: Checkpoint | None = None
        self._told: dict[str, _Told] = {}

    def take(self, record: LedgerRecord) -> None:
        """The next record of the ledger."""
        request = record.request
        if request.kind is Kind.CHECKPOINT:
            try:
                self._newest = Checkpoint.of_record(record)
            except Unreadable:
                return  # the keeper complains about it
        elif request.kind is Kind.NOTICE and TOLD in request.body:
            self._told[request.unit] = _Told(self._zone.day(read(record.time)), str(request.body[TOLD]))

    def due(self, unit: str, now: Instant) -> dict[str, str]:
        """What the body of a notice to a unit has of the newest checkpoint: nothing where the unit was told one today,
        or has it. Of the operations centre nothing is due: it keeps the ledger. `now`: the plan's."""
        newest, last, day = self._newest, self._told.get(unit), self._zone.day(now)
        if not unit or newest is None or (last is not None and last.day >= day):
            return {}
        if (last is not None and last.written == newest.written) or not newest.is_signed:
            return {}
        self._told[unit] = _Told(day, newest.written)  # several notices are asked for before the first is recorded
        return {TOLD: newest.written}
