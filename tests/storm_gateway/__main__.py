"""`python -m tests.storm_gateway --events N --kills K --seed S`: kill -9 over the ways in, and what is lost or doubled.

Two gateways, a relay, a broker, two programs with `services.client` and one with inboxes send an invented district. One
after another is killed, by seed, all over the sending. Afterwards every acknowledged event has to be in `case.events`,
no case may count one twice, each refused event of an inbox has its letter, and the values of the topic, by a replay and
by a worker, have to be those of the file that was sent. Exit code 0: so it is. Else the folder stays.
"""

import argparse
import shutil
import sys
import time
from pathlib import Path

from tests import long_run
from tests.storm_gateway.storm import Plan, storm
from tests.storm_gateway.ways import Ways
from tests.storm_gateway.worker import differences_of_worker


def main() -> int:
    parser = argparse.ArgumentParser(
        prog="python -m tests.storm_gateway", description=(__doc__ or "").partition("\n")[0]
    )
    parser.add_argument("--events", type=int, default=100_000)
    parser.add_argument("--kills", type=int, default=40)
    parser.add_argument("--size", type=int, default=100, help="events of one request (100)")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--seconds", type=float, default=240, help="how long sending takes at least (240)")
    parser.add_argument("--keep", action="store_true", help="keep the folder also where nothing is wrong")
    given = parser.parse_args()
    long_run.begin()
    folder = Path("build/storm-gateway").absolute() / f"{given.seed}-{time.strftime('%m%d-%H%M%S')}"
    folder.mkdir(parents=True)
    plan = Plan(given.events, given.kills, given.seed, folder, size=given.size, seconds=given.seconds)
    with Ways(plan.folder, plan.gateways).running() as ways:
        outcome = storm(plan, ways, lambda line: print(line, flush=True))
        wrong = [*outcome.wrong, *differences_of_worker(outcome, ways)]
    print(f"\nseed {plan.seed}, {plan.kills} kills")
    for line in outcome._replace(wrong=wrong).lines():
        print(line)
    if wrong or given.keep:
        print(f"kept: {folder}")
    else:
        shutil.rmtree(folder)
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
