"""A process as small as the supervisor's rules allow: `python -m tests.integration.small_part worker|feed|web NAME`."""

import sys
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from kafka import KafkaProducer

from services.messaging import topics
from services.runtime.readiness import Readiness
from services.runtime.settings import Settings


class Yes(BaseHTTPRequestHandler):
    """Ready, with nothing to show."""

    def do_GET(self) -> None:
        self.send_response(200)
        self.end_headers()

    do_POST = do_GET

    def log_message(self, format: str, *args: object) -> None:
        pass


def main(kind: str, port_setting: str) -> None:
    settings = Settings.from_environment()
    if kind == "web":
        ThreadingHTTPServer(("127.0.0.1", getattr(settings, port_setting)), Yes).serve_forever()
    if kind == "feed":
        producer = KafkaProducer(bootstrap_servers=settings.bootstrap, acks="all")
        producer.send(topics.CASE_EVENTS, key=b"k", value=b"v").get(timeout=120)
    while True:
        Readiness.of_this_process(settings.worker, partitions=1, rebalancing=False).write(settings.state)
        time.sleep(0.5)


if __name__ == "__main__":
    main(*sys.argv[1:])
