"""A reader of whole topics outlives whatever its client raises while the broker is away."""

from collections.abc import Iterable
from typing import Any

import pytest
from kafka import TopicPartition
from kafka.errors import KafkaError, KafkaTimeoutError

from services.messaging import reader
from services.messaging.reader import TopicReader


class Client:
    """kafka-python's consumer over one topic of one partition; `end_offsets` raises what it is given."""

    raises: BaseException | None = None

    def __init__(self, **settings: object) -> None:
        self._assigned: set[TopicPartition] = set()

    def partitions_for_topic(self, topic: str) -> set[int]:
        return {0}

    def end_offsets(self, partitions: Iterable[TopicPartition]) -> dict[TopicPartition, int]:
        if self.raises is not None:
            raise self.raises
        return dict.fromkeys(partitions, 0)

    def assignment(self) -> set[TopicPartition]:
        return self._assigned

    def assign(self, partitions: Iterable[TopicPartition]) -> None:
        self._assigned = set(partitions)

    def poll(self, timeout_ms: int) -> dict[TopicPartition, list[Any]]:
        return {}

    def close(self) -> None:
        pass


@pytest.mark.parametrize("error", [KafkaTimeoutError(), KafkaError(), KeyError(TopicPartition("kpi.values", 0))])
def test_a_broker_that_is_coming_back_does_not_end_the_reader(
    error: BaseException, monkeypatch: pytest.MonkeyPatch
) -> None:
    """KeyError is what kafka-python raises where a partition has no leader yet: it ended the exporter's reader."""
    monkeypatch.setattr(reader, "KafkaConsumer", Client)
    monkeypatch.setattr(reader, "_LOOK_AGAIN_SECONDS", 0)
    monkeypatch.setattr(Client, "raises", error)
    with TopicReader("127.0.0.1:1", ["kpi.values"]) as one:
        assert one.poll(0) == []
        assert not one.caught_up
        monkeypatch.setattr(Client, "raises", None)
        assert one.poll(0) == []
        assert one.caught_up


@pytest.mark.parametrize("end", [7, 12])
def test_a_reader_begins_where_it_is_told(end: int, monkeypatch: pytest.MonkeyPatch) -> None:
    sought: list[tuple[TopicPartition, int]] = []
    monkeypatch.setattr(reader, "KafkaConsumer", Client)
    monkeypatch.setattr(Client, "end_offsets", lambda self, partitions: dict.fromkeys(partitions, end))
    monkeypatch.setattr(Client, "seek", lambda self, place, offset: sought.append((place, offset)), raising=False)
    monkeypatch.setattr(Client, "position", lambda self, place, timeout_ms: 7, raising=False)
    start = {("kpi.values", 0): 7, ("another", 0): 3}
    with TopicReader("127.0.0.1:1", ["kpi.values"], start=start) as one:
        assert not one.caught_up
        one.poll(0)
        assert sought == [(TopicPartition("kpi.values", 0), 7)]
        assert one.lag == {"kpi.values": max(0, end - 7)}
        assert one.caught_up is (end <= 7)
        assert one.ends_at > 0
