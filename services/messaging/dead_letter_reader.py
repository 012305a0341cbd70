"""Dead letters of a running system, and the originals of large ones, read from the broker."""

import hashlib
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any, Final, NamedTuple

from kafka import KafkaConsumer, TopicPartition

from services.messaging.header_names import read_any_header_name
from services.messaging.letter_budget import Written
from services.messaging.records.dead_letters import DeadLetter, Headers, sender_of
from services.messaging.topics import ANSWER_MS, DEAD_LETTER

read_any_header_name()

_LETTERS: Final = TopicPartition(DEAD_LETTER, 0)


class Filed(NamedTuple):
    """A dead letter with its number: its offset in the topic of dead letters."""

    number: int
    letter: DeadLetter


def read(bootstrap: str, start: int = 0, unreadable: Callable[[int], None] = lambda number: None) -> Iterator[Filed]:
    """The dead letters that are kept, from a number on to the last one there is now, oldest first. `unreadable` is
    called with the number of each record that is no dead letter.

    Raises KafkaError if the broker does not answer.
    """
    with closing(_consumer(bootstrap)) as consumer:
        consumer.assign([_LETTERS])
        for record in _records(consumer, max(start, consumer.beginning_offsets([_LETTERS])[_LETTERS])):
            try:
                letter = DeadLetter.decode(record.value or b"")
            except ValueError:
                unreadable(record.offset)
                continue
            yield Filed(record.offset, letter)


def written_of(bootstrap: str, inbox: str, since_ms: int) -> list[Written]:
    """The letters of an inbox that were appended since a time of the broker's. KafkaError if the broker does not
    answer."""
    begin = f"{inbox}|".encode()
    with closing(_consumer(bootstrap)) as consumer:
        consumer.assign([_LETTERS])
        first = consumer.offsets_for_times({_LETTERS: max(0, since_ms)})[_LETTERS]
        return [
            Written(record.key, sender_of(record.value), record.timestamp)
            for record in ([] if first is None else _records(consumer, first.offset))
            if (record.key or b"").startswith(begin)
        ]


def _records(consumer: KafkaConsumer, start: int) -> Iterator[Any]:
    """The records of dead letters from an offset on to the last one there is now."""
    end = consumer.end_offsets([_LETTERS])[_LETTERS]
    consumer.seek(_LETTERS, start)
    while consumer.position(_LETTERS) < end:
        for record in consumer.poll(timeout_ms=ANSWER_MS).get(_LETTERS, ()):
            if record.offset < end:
                yield record


class OriginalGone(Exception):
    """The whole original of a letter cannot be had; the sentence says why."""


def original_of(letter: DeadLetter, bootstrap: str) -> tuple[bytes, Headers]:
    """Value and headers of the event as it came: from the letter, or from where it lies.

    Raises OriginalGone, and KafkaError if the broker does not answer.
    """
    if letter.whole is None:
        return letter.original, letter.headers
    if letter.topic is not None:
        value, headers = _record_at(letter, bootstrap)
    else:
        value, headers = _line_at(letter), ()
    if hashlib.sha256(value).hexdigest() != letter.whole.sha256:
        raise OriginalGone(f"at {letter.place} there is something else now: its SHA-256 is not the one of the letter")
    return value, headers


def _record_at(letter: DeadLetter, bootstrap: str) -> tuple[bytes, Headers]:
    if letter.topic is None or letter.partition is None or letter.offset is None:
        raise OriginalGone("its record is not known any more, only the head of it was kept")
    place = TopicPartition(letter.topic, letter.partition)
    with closing(_consumer(bootstrap)) as consumer:
        if letter.partition not in (consumer.partitions_for_topic(letter.topic) or ()):
            raise OriginalGone(f"there is no partition {letter.topic}/{letter.partition} on this broker")
        consumer.assign([place])
        first, end = consumer.beginning_offsets([place])[place], consumer.end_offsets([place])[place]
        if not first <= letter.offset < end:
            raise OriginalGone(f"{letter.topic}/{letter.partition} has only the offsets {first} to {end - 1}")
        consumer.seek(place, letter.offset)
        for record in consumer.poll(timeout_ms=ANSWER_MS, max_records=1).get(place, ()):
            if record.offset == letter.offset:
                return record.value or b"", tuple(record.headers)
    raise OriginalGone(f"the broker did not send the record at {letter.place} within {ANSWER_MS // 1000} s: try again")


def _line_at(letter: DeadLetter) -> bytes:
    file, wanted = Path(letter.file or ""), letter.line or 0
    try:
        with file.open("rb") as lines:
            for number, line in enumerate(lines, 1):
                if number == wanted:
                    return line.rstrip(b"\r\n")
    except OSError as error:
        raise OriginalGone(f"{file} cannot be read: {error.strerror}") from None
    raise OriginalGone(f"{file} has no line {wanted} any more")


def _consumer(bootstrap: str) -> KafkaConsumer:
    return KafkaConsumer(
        bootstrap_servers=bootstrap.split(","),
        bootstrap_timeout_ms=ANSWER_MS,
        group_id=None,
        enable_auto_commit=False,
        auto_offset_reset="earliest",
    )
