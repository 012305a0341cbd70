"""The topics: what each holds and how long it is kept. Their keys are in `records`. They are made by `kpiwatch topics`
and never by a worker; a worker that finds another number of partitions does not start.
"""

import struct
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any, Final, NamedTuple

from kafka import KafkaConsumer, TopicPartition
from kafka.admin import ConfigResource, ConfigResourceType, KafkaAdminClient

CASE_EVENTS: Final = "case.events"
DEAD_LETTER: Final = "case.events.dead-letter"
KPI_TALLIES: Final = "kpi.tallies"
KPI_VALUES: Final = "kpi.values"
ALERT_CARDS: Final = "alert.cards"
CASE_VERDICTS: Final = "case.verdicts"
CASE_QUARANTINE: Final = "case.quarantine"
WORKER_FAILURES: Final = "worker.failures"
GATEWAY_KEYS: Final = "gateway.keys"
GATEWAY_KEY_USES: Final = "gateway.key-uses"
INBOX_STATES: Final = "inbox.states"
LEDGER_REQUESTS: Final = "ledger.requests"
LEDGER: Final = "ledger"
INBOX_PREFIX: Final = "inbox."
"""Of the topic of a source's inbox."""

CASES_APP: Final = "kpiwatch-cases"
"""Name of the stream application that keeps the cases."""
KPIS_APP: Final = "kpiwatch-kpis"
"""Name of the stream application that makes values of the tallies."""
CASES_TABLE: Final = "rows"
CASES_CHANGELOG: Final = f"{CASES_APP}-{CASES_TABLE}-changelog"

_DAY_MS: Final = 86_400_000
ANSWER_MS: Final = 10_000
"""How long a broker may take to answer the first question."""


@dataclass(frozen=True, slots=True)
class Topic:
    """One topic as it must be."""

    name: str
    partitions: int
    settings: Mapping[str, str] = field(default_factory=dict)
    """Kafka's own settings of the topic; what is not named is the broker's."""


LARGEST_BATCH: Final = 512 << 10
"""Bytes of the largest batch of records that a worker writes. A record that is larger is in one of its own, compressed:
the row of a large case."""
LARGEST_RECORD: Final = 2_000_000
"""Bytes that such a record has at most, compressed: what the facts of a full case have at most."""
_TAKES: Final = "max.message.bytes"
_TAKES_ROWS: Final = {_TAKES: str(2 << 20)}
_TAKES_BATCHES: Final = {_TAKES: str(1 << 20)}
"""At least. Of `case.events` it is the broker's: a record that is too large for it is for the source to correct."""

_COMPACTED: Final = {"cleanup.policy": "compact"}
_FOR_EVER: Final = {"cleanup.policy": "delete", "retention.ms": "-1", "retention.bytes": "-1"}


_GATEWAY: Final = (
    # Who may send: only administrators may write it. A revoked key is a record, never a tombstone.
    Topic(GATEWAY_KEYS, 1, _COMPACTED),
    # When each key was last used, written by the gateways.
    Topic(GATEWAY_KEY_USES, 1, _COMPACTED),
    # What the relay took and refused of each inbox, and until when it pauses it.
    Topic(INBOX_STATES, 1, _COMPACTED),
)
_LEDGER: Final = (
    # What is to be recorded: for the keeper, which has long read what is a month old.
    Topic(
        LEDGER_REQUESTS,
        1,
        {"cleanup.policy": "delete", "retention.ms": str(30 * _DAY_MS), "retention.bytes": "-1"} | _TAKES_BATCHES,
    ),
    # The record itself: one log, in one order, for ever.
    Topic(LEDGER, 1, _FOR_EVER | _TAKES_BATCHES),
)


def topics(partitions: int) -> tuple[Topic, ...]:
    """Every topic, where cases are spread over so many partitions.

    Topics keyed by case and the changelog of the cases share that number. `kpi.tallies` is one ordered log, and so is
    what is made of it.
    """
    return (
        # The record of what was said, in order of arrival: never compacted, kept until the operator says otherwise.
        # What comes compressed the broker writes anew: snappy, lz4 and zstd are beyond the clients here, and none can
        # pass over such a batch.
        Topic(
            CASE_EVENTS,
            partitions,
            _FOR_EVER | {"message.timestamp.type": "LogAppendTime", "compression.type": "uncompressed"},
        ),
        Topic(
            DEAD_LETTER,
            1,
            {
                "cleanup.policy": "delete",
                "retention.ms": str(30 * _DAY_MS),
                "retention.bytes": "-1",
                "message.timestamp.type": "LogAppendTime",
                # a segment goes only once it is closed: else a quiet topic would keep what may be personal for longer
                "segment.ms": str(_DAY_MS),
            }
            | _TAKES_BATCHES,
        ),
        # Young rows stay whole: a worker that was frozen may write an old row after its successor's, and the successor
        # must find both.
        Topic(
            CASES_CHANGELOG,
            partitions,
            _COMPACTED | _TAKES_ROWS | {"min.compaction.lag.ms": str(_DAY_MS)},
        ),
        Topic(
            KPI_TALLIES,
            1,
            _COMPACTED | _TAKES_BATCHES | {"segment.bytes": str(64 * 1024 * 1024)},
        ),
        Topic(
            KPI_VALUES,
            1,
            _COMPACTED | _TAKES_BATCHES | {"segment.bytes": str(16 * 1024 * 1024)},
        ),
        Topic(ALERT_CARDS, partitions, _COMPACTED | _TAKES_BATCHES),
        Topic(CASE_VERDICTS, partitions, _COMPACTED | _TAKES_BATCHES),
        Topic(CASE_QUARANTINE, partitions, _COMPACTED | _TAKES_BATCHES),
        # Workers that die again and again of one cause; null once one has worked well.
        Topic(WORKER_FAILURES, 1, _COMPACTED | _TAKES_BATCHES),
        *_GATEWAY,
        *_LEDGER,
    )


def partition_of(key: bytes, partitions: int) -> int:
    """The partition of a key, as Kafka's own partitioner has it: murmur2."""
    return (_murmur2(key) & 0x7FFFFFFF) % partitions


# The libraries' murmur2 goes byte by byte in Python and takes 15 µs a key: half of what all else about an event costs.
# This one takes whole words, and remembers what comes of the owner, with which the keys of all its cases begin.
_M: Final = 0x5BD1E995
_BITS: Final = 0xFFFFFFFF


def _murmur2(key: bytes) -> int:
    length = len(key)
    words, cut = length & ~3, max(key.rfind(b"\x1f"), 0) & ~3
    mixed = _mix(_seeded(length, key[:cut]), key[cut:words])
    if length != words:
        mixed = (mixed ^ int.from_bytes(key[words:], "little")) * _M & _BITS
    mixed = (mixed ^ mixed >> 13) * _M & _BITS
    return mixed ^ mixed >> 15


@lru_cache(maxsize=4096)
def _seeded(length: int, begin: bytes) -> int:
    return _mix(0x9747B28C ^ length, begin)


def _mix(mixed: int, words: bytes) -> int:
    for (word,) in _WORD.iter_unpack(words):
        word = word * _M & _BITS
        mixed = (mixed * _M & _BITS) ^ ((word ^ word >> 24) * _M & _BITS)
    return mixed


_WORD: Final = struct.Struct("<I")


_IN_SYNC: Final = "min.insync.replicas"


def _in_sync(copies: int) -> dict[str, str]:
    """How many copies must have a record before it is acknowledged: all but one, so that one broker may be away."""
    return {_IN_SYNC: str(max(1, copies - 1))}


def inbox(name: str) -> Topic:
    """The topic of a source's inbox. The broker stamps the arrival, so that an outage of ours makes nobody late."""
    return Topic(
        name,
        1,
        {
            "cleanup.policy": "delete",
            "retention.ms": str(3 * _DAY_MS),
            "segment.ms": str(_DAY_MS // 24),
            "message.timestamp.type": "LogAppendTime",
            "compression.type": "uncompressed",
        },
    )


def create(bootstrap: str, partitions: int, copies: int = 1) -> list[str]:
    """Make our topics that are not there, as `create_all` does."""
    return create_all(bootstrap, topics(partitions), copies)


def create_all(bootstrap: str, wanted: Sequence[Topic], copies: int) -> list[str]:
    """Make the topics that are not there, on so many brokers; their names. Those that are there stay as they are:
    `check` says how.

    Raises KafkaError if the broker does not answer, or if there are fewer brokers than copies.
    """
    with _admin(bootstrap) as admin:
        existing = set(admin.list_topics())
        missing = [topic for topic in wanted if topic.name not in existing]
        if missing:
            admin.create_topics(
                {
                    topic.name: {
                        "num_partitions": topic.partitions,
                        "replication_factor": copies,
                        "configs": {**topic.settings, **_in_sync(copies)},
                    }
                    for topic in missing
                },
                wait_for_metadata=True,
            )
    return [topic.name for topic in missing]


def check(bootstrap: str, partitions: int | None = None, copies: int = 1) -> list[str]:
    """What is wrong with the topics, a sentence each with the remedy.

    Without a number of partitions that of `case.events` is right. More copies than asked for are right, too. Raises
    KafkaError if the broker does not answer.
    """
    with _admin(bootstrap) as admin:
        found = _found(admin, topics(1))
    if partitions is None and CASE_EVENTS not in found:
        return [f"there is no topic {CASE_EVENTS}: make the topics with `kpiwatch topics`"]
    wanted = topics(found[CASE_EVENTS].partitions if partitions is None else partitions)
    return [problem for topic in wanted for problem in _problems(topic, found.get(topic.name), copies)]


def check_all(bootstrap: str, wanted: Sequence[Topic], copies: int) -> list[str]:
    """What is wrong with the topics, a sentence each with the remedy. Raises KafkaError."""
    with _admin(bootstrap) as admin:
        found = _found(admin, wanted)
    return [problem for topic in wanted for problem in _problems(topic, found.get(topic.name), copies)]


def unsafe(bootstrap: str, names: Sequence[str], copies: int) -> list[str]:
    """Which of these topics are not there, or would lose what was acknowledged with a broker: a sentence each with the
    remedy. Raises KafkaError if the broker does not answer."""
    wanted = [topic for topic in topics(1) if topic.name in names]
    with _admin(bootstrap) as admin:
        found = _found(admin, wanted)
    missing = [_missing(topic.name) for topic in wanted if topic.name not in found]
    return missing + [problem for name, there in found.items() for problem in _too_few_copies(name, there, copies)]


class _Found(NamedTuple):
    """A topic as it is."""

    partitions: int
    copies: int
    """Of the partition that has the fewest."""
    settings: Mapping[str, str]


def _found(admin: KafkaAdminClient, wanted: Iterable[Topic]) -> dict[str, _Found]:
    """Those of the topics that are there, by name."""
    described = _described(admin, (topic.name for topic in wanted))
    settings = _settings(admin, list(described)) if described else {}
    return {
        name: _Found(
            len(one["partitions"]), min(len(each["replica_nodes"]) for each in one["partitions"]), settings[name]
        )
        for name, one in described.items()
    }


def _described(admin: KafkaAdminClient, names: Iterable[str]) -> dict[str, dict[str, Any]]:
    """What the broker says of each of the topics that is there, by name."""
    existing = sorted(set(names) & set(admin.list_topics()))
    return {one["name"]: one for one in admin.describe_topics(existing)} if existing else {}


def topic_ids(bootstrap: str, names: Iterable[str]) -> dict[str, str]:
    """Topic → its id, of each that is there: another one once the topic was deleted and made anew, or in another Kafka.

    Raises KafkaError if the broker does not answer.
    """
    with _admin(bootstrap) as admin:
        return {name: str(one["topic_id"]) for name, one in _described(admin, names).items()}


def partitions_of(bootstrap: str, topic: str) -> int | None:
    """How many partitions a topic has; None if there is no such topic. Raises KafkaError."""
    with _admin(bootstrap) as admin:
        found = _described(admin, [topic]).get(topic)
    return None if found is None else len(found["partitions"])


def end_of(bootstrap: str, topic: str) -> int:
    """The offset behind the last record of a topic with one partition; 0 if it is not there. Raises KafkaError."""
    place = TopicPartition(topic, 0)
    with closing(KafkaConsumer(bootstrap_servers=bootstrap.split(","), bootstrap_timeout_ms=ANSWER_MS)) as consumer:
        if 0 not in (consumer.partitions_for_topic(topic) or ()):
            return 0
        return int(consumer.end_offsets([place])[place])


def _problems(topic: Topic, found: _Found | None, copies: int) -> Iterator[str]:
    """What is wrong with one topic. `found`: None if there is no such topic."""
    name = topic.name
    if found is None:
        yield _missing(name)
        return
    if found.partitions != topic.partitions:
        yield (
            f"{name} has {found.partitions} partitions and must have {topic.partitions}: "
            "another number is a migration, since every key would move: see docs/partitions.md"
        )
    yield from _too_few_copies(name, found, copies)
    yield from _other_settings(name, found, topic.settings)


def _missing(name: str) -> str:
    return f"there is no topic {name}: make it with `kpiwatch {_command(name)}`"


def _too_few_copies(name: str, found: _Found, copies: int) -> Iterator[str]:
    if found.copies < copies:
        yield (
            f"{name} is on {found.copies} brokers and must be on {copies}, so that nothing is lost with one: move "
            f"it with kafka-reassign-partitions. If that is on purpose, set KPIWATCH_REPLICATION={found.copies}"
        )
    yield from _other_settings(name, found, _in_sync(copies))


def _other_settings(name: str, found: _Found, wanted: Mapping[str, str]) -> Iterator[str]:
    for setting, value in wanted.items():
        if not _is_met(setting, found.settings.get(setting), value):
            yield (
                f"{name} has {setting} = {found.settings.get(setting)} and must have {value}: "
                f"set it with kafka-configs --alter --topic {name} --add-config {setting}={value}"
            )


def _command(name: str) -> str:
    """The command that makes the topic."""
    return "topics" if name in {topic.name for topic in topics(1)} else "inboxes"


def _is_met(name: str, there: str | None, wanted: str) -> bool:
    """Whether a setting is as it must be; the size of records and the copies in sync may be more."""
    if name in (_TAKES, _IN_SYNC) and there is not None:
        return int(there) >= int(wanted)
    return there == wanted


def _settings(admin: KafkaAdminClient, names: Sequence[str]) -> dict[str, dict[str, str]]:
    asked = [ConfigResource(ConfigResourceType.TOPIC, name) for name in names]
    answer = admin.describe_configs(asked, config_filter="all")
    return {
        name: {setting: described["value"] for setting, described in found.items()}
        for resources in answer.values()
        for name, found in resources.items()
    }


def _admin(bootstrap: str) -> KafkaAdminClient:
    return KafkaAdminClient(bootstrap_servers=bootstrap.split(","), bootstrap_timeout_ms=ANSWER_MS)
