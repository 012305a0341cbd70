"""The notices that are in a ledger, for tests that compare them with what should have been notified."""

from collections.abc import Iterable
from typing import Any

from services.ledger.reader import LedgerReader
from services.messaging.records.ledger import Kind, LedgerRecord

OUTCOMES = {Kind.NOTICE: "delivered", Kind.SUPPRESSED: "suppressed"}


def notices_of(records: Iterable[LedgerRecord]) -> list[dict[str, Any]]:
    """Of each notice its body, with `number`, `unit` and `outcome`: `suppressed` where it was held back."""
    return [
        {**one.request.body, "number": one.number, "unit": one.request.unit, "outcome": OUTCOMES[one.request.kind]}
        for one in records
        if one.request.kind in OUTCOMES
    ]


def records_of(bootstrap: str) -> list[LedgerRecord]:
    """The ledger of a broker, as far as it is by now."""
    with LedgerReader(bootstrap) as reader:
        found: list[LedgerRecord] = []
        while not reader.caught_up:
            found += reader.poll(0.2)
        return found


def recorded_notices(bootstrap: str) -> list[dict[str, Any]]:
    """Those of the ledger of a broker."""
    return notices_of(records_of(bootstrap))
