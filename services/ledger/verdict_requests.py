"""What the keeper records of `case.verdicts`: each miss, each late entry that would undo one, each reversal.

A verdict is published again with every change of its case. It is recorded where something changed that a unit answers
for: what it is, whose it is, and when it was due. A verdict that was retracted undoes a recorded miss.
"""

import hashlib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Final, NamedTuple

from services.domain.intake.facts import KEY_SEPARATOR
from services.domain.results.published import Verdict
from services.ledger.recording import Known
from services.messaging.reader import Record
from services.messaging.records.fields import Unreadable, number_of
from services.messaging.records.ledger import KEEPERS_ID, Kind, Request, is_short_text, subject_of_case
from services.messaging.records.verdicts import decode

_KINDS: Final = {"missed": Kind.MISSED, "met_by_late_entry": Kind.MET_LATE, "reversed": Kind.REVERSED}
_SHOWN: Final = ("kpi", "case", "cycle", "item", "started_at", "due_at", "stopped_at", "judged_at", "clause")
RETRACTED: Final = "retracted"
"""Of a reversal: the verdict was published, and by the facts that are known now never was."""


class Source(NamedTuple):
    """Where a verdict was read."""

    topic_id: str
    partition: int
    offset: int

    def __str__(self) -> str:
        return f"{self.topic_id}/{self.partition}/{self.offset}"

    def is_after(self, recorded: str) -> bool:
        """Whether it is newer than what was recorded. Of another topic, it is."""
        topic_id, partition, offset = recorded.rsplit("/", 2) if recorded.count("/") >= 2 else ("", "", "")
        number = number_of(offset)
        if (topic_id, partition) != (self.topic_id, str(self.partition)) or number is None:
            return True
        return self.offset > number


@dataclass(frozen=True, slots=True)
class Published:
    """A record of `case.verdicts`."""

    subject: str
    source: Source
    verdict: Verdict | None
    """None: it was retracted."""

    @classmethod
    def of(cls, record: Record, topic_id: str) -> "Published":
        """Raises Unreadable."""
        verdict = None if record.value is None else decode(record.value)
        subject = subject_of_key(record.key or b"")
        if not is_short_text(subject) or (verdict is not None and not is_short_text(verdict.unit)):
            raise Unreadable("its key or its unit is too long, or holds NUL")
        if verdict is not None and verdict.verdict not in _KINDS:
            raise Unreadable("its verdict is none that is known")
        return cls(subject, Source(topic_id, record.partition, record.offset), verdict)


def subject_of_key(key: bytes) -> str:
    """The subject of a record of `case.verdicts`, by its key. Raises Unreadable."""
    kpi, _, rest = key.decode(errors="replace").partition("|")
    case, _, cycle = rest.rpartition("|")
    number = number_of(cycle)
    if not kpi or not case or number is None:
        raise Unreadable("its key is none of a verdict")
    return subject_of_case(kpi, case.replace(KEY_SEPARATOR, " ", 1), number)


def verdict_requests(known: Known, published: Iterable[Published], keeper: str) -> Iterator[Request]:
    """What is to be recorded of verdicts. `known` is asked for each when its turn comes."""
    for one in published:
        request = _request(known, one, keeper)
        if request is not None:
            yield request


def missing_requests(known: Known, subjects: Iterable[str], keeper: str) -> Iterator[Request]:
    """The reversals of recorded misses that the topic, read to its end, does not have any more."""
    for subject in subjects:
        last = known.verdicts.get(subject)
        if last is not None and last.kind is not Kind.REVERSED:
            yield _made(known, subject, Kind.REVERSED, last.unit, {"reason": RETRACTED, "source": last.source}, keeper)


def _request(known: Known, published: Published, keeper: str) -> Request | None:
    last, verdict = known.verdicts.get(published.subject), published.verdict
    if last is not None and not published.source.is_after(last.source):
        return None
    source = {"source": str(published.source)}
    if verdict is None:
        if last is None or last.kind is Kind.REVERSED:
            return None
        body: Mapping[str, object] = {"reason": RETRACTED, **source}
        return _made(known, published.subject, Kind.REVERSED, last.unit, body, keeper)
    kind = _KINDS[verdict.verdict]
    if last is not None and (kind, verdict.unit, verdict.due_at) == (last.kind, last.unit, last.due_at):
        return None
    body = {name: value for name, value in verdict._asdict().items() if name in _SHOWN} | source
    return _made(known, published.subject, kind, verdict.unit, body, keeper)


def _made(
    known: Known, subject: str, kind: Kind, unit: str, body: Mapping[str, object], keeper: str
) -> Request:  # fmt: skip
    last = known.verdicts.get(subject)
    name = hashlib.sha256(subject.encode()).hexdigest()
    # one for each predecessor: made again after a crash, it is the same
    id = f"{KEEPERS_ID}verdict/{name}/{last.number if last else 0}"
    return Request(id=id, kind=kind, writer=keeper, subject=subject, unit=unit, body=body)
