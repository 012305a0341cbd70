"""Whether an event lies in the partition of its case.

The key alone does not decide it: a producer chooses the partition. If a case's events lay in two partitions, two owners
would keep the case, and it would count twice.
"""

from typing import Final

from services.domain.intake.refusal import Reason, Refused
from services.messaging.topics import partition_of

_REMEMBERED: Final = 50_000
"""How many keys that lie right are remembered: to hash one costs 4 µs, and the events of a case come close together.
The memory they take is some 7 MB."""


class PartitionCheck:
    """Checks the partitions of the keys of one topic."""

    def __init__(self, partitions: int | None) -> None:
        """`partitions`: how many the topic has; None: any place is right."""
        self._partitions = partitions
        self._right: dict[bytes, int] = {}

    def check(self, key: bytes, partition: int) -> None:
        """The key is the case key. Refused where its record lies in another partition than murmur2 of the key gives."""
        if self._partitions is None or self._right.get(key) == partition:
            return
        right = partition_of(key, self._partitions)
        if right != partition:
            raise Refused(
                Reason.WRONG_KEY,
                "",
                f"it lies in partition {partition}, and murmur2 of its key gives partition {right} of "
                f"{self._partitions}: there its case is kept",
                "partition by murmur2 of the key, as Kafka's own clients do "
                f"(librdkafka: partitioner=murmur2_random), and send it again into partition {right}",
            )
        if len(self._right) >= _REMEMBERED:
            self._right.clear()
        self._right[key] = partition
