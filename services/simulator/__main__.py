"""The feed as a process: `python -m services.simulator`."""

import signal
import sys
import threading
from functools import partial
from types import FrameType

from services.catalog.load.calendars import calendar_of
from services.catalog.load.plan_folder import InvalidPlan, load_plan
from services.domain.plan.statutory_time import Law
from services.ledger.writer import LedgerClient
from services.runtime.clock import Clock
from services.runtime.logs import complain, start_logging
from services.runtime.settings import Settings, SettingsError, variable
from services.runtime.shutdown import end_soon
from services.simulator.answering import Answering, answer
from services.simulator.answers import Answers
from services.simulator.district.profile import profile
from services.simulator.feed import Feed, FeedFailed, Sender
from services.simulator.gateway_sender import GatewaySender
from services.simulator.kafka_sender import KafkaSender
from services.simulator.simulation import GENERATION, Simulation

PROFILE = "demo"


def main() -> int:
    start_logging()
    ending = threading.Event()

    def end(number: int, frame: FrameType | None) -> None:
        ending.set()
        end_soon(number)  # it may wait for a broker that is away

    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, end)
    try:
        settings = Settings.from_environment()
        clock = Clock.from_settings(settings)
        if not clock.is_simulated:
            raise SettingsError(
                f"{variable('clock')}: the feed invents a past, so it needs a simulated clock: name its file"
            )
        clock.now()
        plan = load_plan(settings.plan)
        district = profile(PROFILE).at_volume(settings.demo_cases_per_day)
        simulation = Simulation(Law(plan, calendar_of(plan)), district, settings.demo_seed, plan.head.issued)
        # the text is kept in the position file of running systems: keep its words
        name = (
            f"plan {plan.head.id}, profile {PROFILE}, seed {settings.demo_seed}, start {plan.head.issued}, "
            f"telling {GENERATION}"
        )
        if district != profile(PROFILE):
            name += f", cases a day {settings.demo_cases_per_day:g}"
        feed = Feed(simulation, name, clock, sender=_sender(settings), file=settings.state / "feed.json")
        units = Answering(Answers(simulation.law.calendar, simulation.zone, settings.demo_seed), clock)
        opened = partial(LedgerClient.open, settings.bootstrap)
        threading.Thread(target=answer, args=(units, opened, ending), name="answers", daemon=True).start()
        feed.run(ending)
    except SettingsError as error:
        complain(error)
        return 2
    except FileNotFoundError as error:
        complain(f"{error.filename}: the clock is not set: `kpiwatch up` or `kpiwatch clock` sets it")
        return 3
    except FeedFailed as error:
        complain(error)
        return 3
    except (InvalidPlan, ValueError) as error:
        complain(error)
        return 1
    return 0


def _sender(settings: Settings) -> Sender:
    if settings.feed_keys is None:
        return KafkaSender(settings.bootstrap)
    return GatewaySender(settings.gateway_url, settings.feed_keys)


if __name__ == "__main__":
    sys.exit(main())
