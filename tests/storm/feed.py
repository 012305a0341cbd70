"""The feed of a storm as a process: `python -m tests.storm.feed SEED DAYS CASES_PER_DAY BACKLOG_DAYS`.

It is the simulator's feed, with every fault and an end. Exit code 0: all is sent.
"""

import logging
import signal
import sys
import threading

from services.runtime.clock import Clock
from services.runtime.settings import Settings
from services.simulator.feed import Feed, FeedFailed
from services.simulator.kafka_sender import KafkaSender
from tests.storm.district import District


def arguments_of(district: District) -> tuple[str, ...]:
    """What the process is started with."""
    return str(district.seed), str(district.days), str(district.cases_per_day), str(district.backlog_days)


def main() -> int:
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(name)s %(levelname)s %(message)s")
    logging.getLogger("kafka").setLevel(logging.WARNING)
    ending = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: ending.set())
    seed, days, cases_per_day, backlog_days = sys.argv[1:]
    district = District(int(seed), int(days), float(cases_per_day), int(backlog_days))
    settings = Settings.from_environment()
    try:
        feed = Feed(
            district.simulation(),
            f"storm {' '.join(arguments_of(district))}",
            Clock.from_settings(settings),
            sender=KafkaSender(settings.bootstrap),
            file=settings.state / "feed.json",
        )
        feed.run(ending)
    except FeedFailed as error:
        print(error, file=sys.stderr)
        return 3
    return 0


if __name__ == "__main__":
    sys.exit(main())
