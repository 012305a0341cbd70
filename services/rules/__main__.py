"""`python -m services.rules [FOLDER]`: writes the generated files under FOLDER, by default deploy/ at speed 1."""

import argparse
import sys
from pathlib import Path

from services.catalog.load import load_plan
from services.rules.write import write_rules
from services.settings import Settings, SettingsError


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m services.rules", description=__doc__)
    parser.add_argument("folder", nargs="?", type=Path, default=Path("deploy"))
    parser.add_argument("--plan", type=Path, help="folder of the plan (default: the one of the settings)")
    parser.add_argument("--speed", type=float, default=1.0, help="plan seconds per real second")
    given = parser.parse_args()
    if given.speed <= 0:
        parser.error("--speed must be above 0")
    try:
        plan = load_plan(given.plan or Settings.from_environment().plan)
    except (SettingsError, ValueError) as error:
        print(error, file=sys.stderr)
        return 1
    for path in write_rules(plan, given.speed, given.folder):
        print(path)
    return 0


if __name__ == "__main__":
    sys.exit(main())
