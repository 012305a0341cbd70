"""Sends the events of a feed straight to a topic, as no source may: with the arrivals that the simulation gave them."""

from kafka import KafkaProducer
from kafka.errors import KafkaError

from services.messaging import topics
from services.messaging.reader import no_broker
from services.simulator.feed import FeedFailed
from services.simulator.simulation import Event


class KafkaSender:
    """A `feed.Sender` that writes to a topic."""

    def __init__(self, bootstrap: str, topic: str = topics.CASE_EVENTS) -> None:
        """FeedFailed if Kafka does not answer."""
        self._topic = topic
        self._failure: BaseException | None = None
        try:
            self._producer = KafkaProducer(
                bootstrap_servers=bootstrap.split(","),
                bootstrap_timeout_ms=topics.ANSWER_MS,
                acks="all",
                linger_ms=20,
                batch_size=256 * 1024,
                compression_type=None,
            )
        except KafkaError as error:
            raise FeedFailed(no_broker(bootstrap)) from error

    def send(self, event: Event) -> None:
        try:
            future = self._producer.send(self._topic, key=event.key.encode(), value=event.line)
        except KafkaError as error:
            raise _refused(error) from error
        future.add_errback(self._note)

    def push(self) -> None:
        """Nothing to do: the producer sends soon by itself."""

    def flush(self) -> None:
        try:
            self._producer.flush(timeout=60)
        except KafkaError as error:
            raise _refused(error) from error
        if self._failure is not None:
            raise _refused(self._failure) from self._failure

    @property
    def refused(self) -> int:
        """None: a topic takes everything."""
        return 0

    def close(self) -> None:
        self._producer.close(timeout=5)

    def _note(self, error: BaseException) -> None:
        self._failure = error


def _refused(error: BaseException) -> FeedFailed:
    return FeedFailed(
        f"Kafka: an event was not acknowledged ({type(error).__name__}). Start the feed again once the broker answers: "
        "it continues from its last position"
    )
