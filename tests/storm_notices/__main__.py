"""`python -m tests.storm_notices --cards N --kills K --seed S`: kill -9 over the notices, and what is lost or doubled.

A broker, the keeper of the ledger, a notifier and doubles of messengers of which half of the messages meet a fault: an
error in an answer with 200, 503, a lost answer. Cards come; notifier and keeper are killed, by seed; once both lose all
that they have on the disk and read everything again. In the end every card that is active is notified to its unit,
every end of one, and each notice was seen once. By the channel without keys there were no more repeats than crashes of
the notifier, and those notices are marked. Exit code 0: so it is. Else the folder stays.
"""

import argparse
import shutil
import sys
import time
from pathlib import Path

from tests import long_run
from tests.storm_notices.storm import Plan, storm


def main() -> int:
    parser = argparse.ArgumentParser(
        prog="python -m tests.storm_notices", description=(__doc__ or "").partition("\n")[0]
    )
    parser.add_argument("--cards", type=int, default=5_000)
    parser.add_argument("--kills", type=int, default=30)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--seconds", type=float, default=270, help="how long the cards take to come (270)")
    parser.add_argument("--keep", action="store_true", help="keep the folder also where nothing is wrong")
    given = parser.parse_args()
    long_run.begin()
    folder = Path("build/storm-notices").absolute() / f"{given.seed}-{time.strftime('%m%d-%H%M%S')}"
    folder.mkdir(parents=True)
    plan = Plan(given.cards, given.kills, given.seed, folder, given.seconds)
    outcome = storm(plan, lambda line: print(line, flush=True))
    print(f"\nseed {plan.seed}, {plan.cards} cards, {plan.kills} kills")
    for line in outcome.lines():
        print(line)
    if outcome.wrong or given.keep:
        print(f"kept: {folder}")
    else:
        shutil.rmtree(folder)
    return 1 if outcome.wrong else 0


if __name__ == "__main__":
    sys.exit(main())
