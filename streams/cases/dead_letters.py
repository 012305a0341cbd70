"""The dead letters of the cases stage: how they are written, which are sent, and when there are too many."""

from collections.abc import Sequence

import orjson
from faust.types import TP

from services.domain.history.capacity import FULL_CASE
from services.domain.intake.admission import Admitted
from services.domain.intake.refusal import Reason, Refused
from services.domain.intake.serialize import serialize
from services.domain.results.case_partition import RejectedFact
from services.messaging.records.dead_letters import Arrived, DeadLetter
from services.messaging.records.fields import KeyValue
from streams.cases.dead_letter_limit import DeadLetterLimit
from streams.cases.sent_dead_letters import SentDeadLetters
from streams.cases.stage_settings import StageSettings
from streams.delivery.bulk import BulkDelivery
from streams.delivery.faust_driver import Record as Event


class DeadLetters:
    """Writes a letter for each event that is refused, by admission or by its case."""

    def __init__(self, delivery: BulkDelivery, settings: StageSettings) -> None:
        self._delivery = delivery
        self._settings = settings
        self._limit = DeadLetterLimit(settings.dead_letter_ratio)
        self._sent = SentDeadLetters(delivery, settings.events, settings.dead_letters)

    def on_assigned(self) -> None:
        """What follows may be delivered again."""
        self._sent.forget()

    def begin(self, partition: int, records: Sequence[Event]) -> None:
        """A chunk of a partition begins."""
        self._sent.begin(partition, records[0].offset, records[0].timestamp)

    def note_good(self, count: int) -> None:
        """So many events were admitted."""
        self._limit.note_good(count)

    def refuse(
        self, refused: Refused, tp: TP, record: Event, dead_letters: list[KeyValue], *, digest: str | None = None
    ) -> None:
        """Add the letter of a record. Raises TooManyDeadLetters, with the letter added."""
        received = record.timestamp * 1000
        event = Arrived(self._settings.events, tp.partition, record.offset, received, record.value, record.headers)
        letter = DeadLetter.of(refused, event, digest)
        dead_letters.append(letter.record())
        self._limit.refused(letter.reason)

    def reject(
        self, away: RejectedFact, admitted: Admitted, tp: TP, record: Event, dead_letters: list[KeyValue]
    ) -> None:
        """Add the letter of a fact that its case does not count: the one in hand, or one that the case had kept until
        now. Raises TooManyDeadLetters."""
        if away.fact is admitted.fact:
            self.refuse(_refused_by_case(away.reason, kept=False), tp, record, dead_letters, digest=away.fact.digest)
            return
        original = orjson.dumps(serialize(admitted.key, away.fact))
        event = Arrived(self._settings.events, tp.partition, None, away.fact.received, original)
        letter = DeadLetter.of(_refused_by_case(away.reason, kept=True), event, away.fact.digest)
        dead_letters.append(letter.record())  # the limit is on events that come in

    async def send(self, partition: int, dead_letters: list[KeyValue]) -> None:
        """Wait until all dead letters are in their topic; those that an earlier owner has sent are not sent again."""
        unsent = await self._sent.without_sent(partition, dead_letters)
        await self._delivery.send_many(self._settings.dead_letters, 0, unsent)
        await self._delivery.flush()


def _refused_by_case(reason: str, *, kept: bool) -> Refused:
    """Why the case refuses an event. `kept`: it had kept the event, until another one came that showed the conflict."""
    came_before = "; it came before, its record is not known any more, and this is what was kept of it" if kept else ""
    if reason == Reason.ID_CONFLICT:
        return Refused(
            Reason.ID_CONFLICT,
            "id",
            "another event of this case has the same source and id, and the smaller payload hash, so that one stands"
            + came_before,
            "give every event an id of its own; send the same event again unchanged",
        )
    if reason == Reason.TOO_LARGE:
        return Refused(Reason.TOO_LARGE, "", FULL_CASE[0] + came_before, FULL_CASE[1])
    return Refused(
        Reason.BAD_CORRECTION,
        "data.of",
        "it corrects a correction" + came_before,
        "correct the event itself: the later correction of the same event wins",
    )
