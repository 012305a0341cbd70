"""`python -m services.alert_rules [FOLDER]`: writes the generated files under FOLDER, by default deploy/.

They are for the speed of the plan's clock: 1 unless the settings name a simulated one."""

import argparse
import sys
from dataclasses import replace
from pathlib import Path

from services.alert_rules.write import DOCKER, write_rules
from services.catalog.load.plan_folder import load_plan
from services.metric_names.alert_pages import AlertPages
from services.runtime.clock import Clock
from services.runtime.logs import complain
from services.runtime.settings import Settings, SettingsError


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m services.alert_rules", description=__doc__)
    parser.add_argument("folder", nargs="?", type=Path, default=Path("deploy"))
    parser.add_argument("--plan", type=Path, help="folder of the plan (default: the one of the settings)")
    parser.add_argument(
        "--speed", type=float, help="plan seconds per real second (default: of the clock of the settings)"
    )
    given = parser.parse_args()
    try:
        settings = Settings.from_environment()
        plan = load_plan(given.plan or settings.plan)
        speed = Clock.from_settings(settings).speed if given.speed is None else given.speed
    except (SettingsError, ValueError) as error:
        complain(error)
        return 1
    except FileNotFoundError as error:
        complain(f"{error.filename}: the clock is not set: `kpiwatch up` or `kpiwatch clock` sets it")
        return 3
    if speed <= 0:
        parser.error("the clock is stopped: give the speed that it will have, --speed above 0")
    at = replace(DOCKER, pages=AlertPages.of(settings, plan))
    for path in write_rules(plan, speed, given.folder, at):
        print(path)
    return 0


if __name__ == "__main__":
    sys.exit(main())
