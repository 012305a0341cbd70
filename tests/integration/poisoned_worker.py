"""`python -m tests.integration.poisoned_worker`: a worker of the cases stage that cannot read poisoned cases.

For tests of the quarantine: the stage is the system's own, its judge is the one of `tests/unit/poison.py`.
"""

from streams.cases import __main__ as cases_main
from tests.unit.poison import PoisonedJudge


def main() -> None:
    """Run the real thing with a judge that raises."""
    vars(cases_main)["Judge"] = PoisonedJudge
    cases_main.main()


if __name__ == "__main__":
    main()
