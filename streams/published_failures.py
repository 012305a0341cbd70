"""The topic `worker.failures`: how a worker dies again and again, or that it works once more."""

from kafka import KafkaProducer

from services.messaging.records.worker_failures import failure_record
from services.messaging.topics import ANSWER_MS, WORKER_FAILURES
from services.runtime.worker_failures import WorkerFailure


def publish_failure(bootstrap: str, worker: str, failure: WorkerFailure | None) -> None:
    """Publish how a worker dies; None: it works. Returns once the broker has acknowledged it.

    Raises:
        KafkaError: the broker does not answer.
    """
    producer = KafkaProducer(bootstrap_servers=bootstrap.split(","), bootstrap_timeout_ms=ANSWER_MS, acks="all")
    try:
        key, value = failure_record(worker, failure)
        producer.send(WORKER_FAILURES, key=key, value=value).get(timeout=ANSWER_MS / 1000)
    finally:
        producer.close(timeout=1)
