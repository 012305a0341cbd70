"""The dead letters of the cases stage: how they are written, which are sent, and when there are too many."""

from collections import Counter
from collections.abc import Mapping, Sequence

import orjson
from faust.types import TP

from services.domain.history.case_refusals import refused_by_case
from services.domain.intake.admission import Admitted
from services.domain.intake.personal_data import personal_number
from services.domain.intake.refusal import Refused
from services.domain.intake.serialize import serialize
from services.domain.plan.plan import Plan
from services.domain.results.case_partition import RejectedFact
from services.messaging.letter_budget import Letter
from services.messaging.records.dead_letters import Arrived, DeadLetter, source_named
from streams.cases.dead_letter_limit import SystemLimit
from streams.cases.sent_dead_letters import SentDeadLetters
from streams.cases.stage_settings import StageSettings
from streams.delivery.bulk import BulkDelivery
from streams.delivery.faust_driver import Record as Event

_CAME_BEFORE = "; it came before, its record is not known any more, and this is what was kept of it"


class DeadLetters:
    """Writes a letter for each event that is refused, by admission or by its case."""

    def __init__(self, delivery: BulkDelivery, settings: StageSettings, plan: Plan) -> None:
        self._delivery = delivery
        self._settings = settings
        self._plan = plan
        self._limit = SystemLimit(settings.dead_letter_ratio, 0 if plan.head.open else len(plan.sources))
        self._sent = SentDeadLetters(delivery, settings.events, settings.dead_letters)
        self._counts: dict[int, Counter[str]] = {}
        self._left_out: dict[int, Counter[str]] = {}

    def on_assigned(self) -> None:
        """What follows may be delivered again."""
        self._sent.forget()
        self._counts.clear()
        self._left_out.clear()

    def refused_of(self, partition: int) -> Mapping[str, int]:
        """Source → how many of its events were refused since the assignment; empty: it is not known which."""
        return self._counts.get(partition, {})

    def left_out_of(self, partition: int) -> Mapping[str, int]:
        """Source → how many of them have no letter, since there were too many."""
        return self._left_out.get(partition, {})

    def begin(self, partition: int, records: Sequence[Event]) -> None:
        """A chunk of a partition begins."""
        self._sent.begin(partition, records[0].offset, records[0].timestamp)

    def note_good(self, admitted: Mapping[str, int]) -> None:
        """So many events of each source were admitted."""
        for source, count in admitted.items():
            self._limit.note_good(source, count)

    def refuse(self, refused: Refused, tp: TP, record: Event, letters: list[Letter]) -> None:
        """Add the letter of a record that admission refused. Raises MostSourcesRefused, with the letter added."""
        sender = self._sender(source_named(record.value or b"", tuple(record.headers)))
        self._add(DeadLetter.of(refused, self._arrived(tp, record), sender=sender), tp, letters)
        self._limit.refused(sender, refused.code)

    def reject(self, away: RejectedFact, admitted: Admitted, tp: TP, record: Event, letters: list[Letter]) -> None:
        """Add the letter of a fact that its case does not count: the one in hand, or one that the case had kept until
        now."""
        kept = away.fact is not admitted.fact
        event = self._arrived(tp, record)
        if kept:
            original = orjson.dumps(serialize(admitted.key, away.fact))
            event = Arrived(self._settings.events, tp.partition, None, away.fact.received, original)
        refused = refused_by_case(away.reason, _CAME_BEFORE if kept else "")
        sender = self._sender(away.fact.source)
        self._add(DeadLetter.of(refused, event, away.fact.digest, sender=sender), tp, letters)

    async def send(self, partition: int, letters: list[Letter]) -> None:
        """Wait until all dead letters are in their topic; those that an earlier owner has sent are not sent again, and
        those that a sender has too many are counted only."""
        chosen = await self._sent.chosen(partition, letters)
        for sender, count in chosen.left_out.items():
            self._left_out.setdefault(partition, Counter())[sender or ""] += count
        await self._delivery.send_many(self._settings.dead_letters, 0, chosen.records)
        await self._delivery.flush()

    def _arrived(self, tp: TP, record: Event) -> Arrived:
        received = record.timestamp * 1000
        return Arrived(self._settings.events, tp.partition, record.offset, received, record.value, record.headers)

    def _sender(self, source: str | None) -> str | None:
        """The source that an event names, if there is one such: anything else must not become a name in a metric."""
        is_known = source in self._plan.sources or (self._plan.head.open and not personal_number(source or ""))
        return source if is_known else None

    def _add(self, letter: DeadLetter, tp: TP, letters: list[Letter]) -> None:
        letters.append(Letter(letter.record(), letter.sender))
        self._counts.setdefault(tp.partition, Counter())[letter.sender or ""] += 1
