"""The acting part of the desk: what its pages ask."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Self

from services.desk.acting.recording import Recording
from services.desk.acting.standing import Stands
from services.ledger.records import LedgerRecords
from services.ledger.texts import Texts
from services.ledger.writer import RequestSender, producer_of
from services.runtime.settings import Settings


@dataclass(frozen=True)
class Acting:
    """Nothing connects before it is asked."""

    records: LedgerRecords
    recording: Recording
    stands: Stands
    close: Callable[[], None] = lambda: None
    """Leaves the broker."""

    @classmethod
    def of(cls, settings: Settings, texts: Texts) -> Self:
        """Of the ledger and the broker that the settings name."""
        records = LedgerRecords.at(settings.ledger)
        sender = RequestSender(lambda: producer_of(settings.bootstrap))
        return cls(records, Recording(records, texts, sender), Stands(records), sender.close)
