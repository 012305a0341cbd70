"""`python -m tests.storm --faults N --seed S --days D`: faults over a whole system, and what is different afterwards.

A simulated district with every fault of the simulator; the plan's clock moves; real Kafka, Prometheus, Alertmanager,
four cases workers and one more now and then, two kpis workers, exporter, notifier, ledger and feed. Moment and kind of
every fault come from the seed. In the end the system is compared with a replay of the archive of its events: values,
cards, the series of the exporter, verdicts and notices. Exit code 0: no difference, and work was done under faults. On
any difference the folder with logs, topics, notices and tables stays.
"""

import argparse
import shutil
import sys
import time
from pathlib import Path

from tests import long_run
from tests.storm import report
from tests.storm.storm import Plan, storm


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.storm", description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--faults", type=int, default=200)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--days", type=int, default=20, help="of the plan's clock, while the faults come")
    parser.add_argument("--cases-per-day", type=float, default=Plan.cases_per_day)
    parser.add_argument("--backlog-days", type=int, default=Plan.backlog_days, help="days that have passed before")
    parser.add_argument("--poison", action=argparse.BooleanOptionalAction, default=True)
    parser.add_argument("--folder", type=Path, help="where everything is kept; else below build/storm")
    parser.add_argument("--keep", action="store_true", help="keep the folder also where nothing is different")
    given = parser.parse_args()
    long_run.begin()
    folder = given.folder or Path("build/storm") / f"{given.seed}-{time.strftime('%m%d-%H%M%S')}"
    plan = Plan(given.faults, given.seed, given.days, folder, given.poison, given.cases_per_day, given.backlog_days)
    outcome = storm(plan, lambda line: print(line, flush=True))
    print(f"\nseed {plan.seed}, {plan.faults} faults, {plan.days} days, {'with' if plan.poison else 'no'} poison")
    for line in report.lines(outcome):
        print(line)
    if report.passed(outcome) and not given.keep:
        shutil.rmtree(folder, ignore_errors=True)
    else:
        print(f"kept: {folder}")
    return 0 if report.passed(outcome) else 1


if __name__ == "__main__":
    sys.exit(main())
