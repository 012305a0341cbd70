"""`python -m services.handbook [FOLDER]`: writes the handbook under FOLDER, by default docs/.

With `--runbooks FOLDER` it writes the pages of runbooks, which the desk shows, too."""

import argparse
import sys
from pathlib import Path

from services.handbook.runbook_pages import write_pages
from services.handbook.write import write_handbook
from services.runtime.logs import complain
from services.runtime.settings import Settings, SettingsError


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m services.handbook", description=__doc__)
    parser.add_argument("folder", nargs="?", type=Path, default=Path("docs"))
    parser.add_argument("--plan", type=Path, help="folder of the plan (default: the one of the settings)")
    parser.add_argument("--runbooks", type=Path, help="folder of the runbooks (deploy/runbooks)")
    given = parser.parse_args()
    try:
        written = write_handbook(given.plan or Settings.from_environment().plan, given.folder)
        if given.runbooks is not None:
            written += write_pages(given.runbooks)
    except (SettingsError, ValueError) as error:
        complain(error)
        return 1
    for path in written:
        print(path)
    return 0


if __name__ == "__main__":
    sys.exit(main())
