"""What all tests share: the order of files; the pace of hypothesis, the garbage collector and the brokers' Java."""

import gc
import os
import sys

import pytest
from hypothesis import settings

from tests import quick_java

# Examples that a property looks at may take their time on a busy machine. Each run draws others: half of the usual
# hundred keeps a run short, and many runs look at many.
settings.register_profile("kpiwatch", deadline=None, max_examples=50)
settings.register_profile("quick", deadline=None, max_examples=10)  # make check
settings.register_profile("thorough", deadline=None, max_examples=1_000)
settings.load_profile("kpiwatch")

# Tests start hundreds of processes: each compiles the project anew where the environment forbids to keep the bytecode.
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
sys.dont_write_bytecode = False

quick_java.choose()

LONGEST_FIRST = (
    "tests/integration/test_storm.py",
    "tests/integration/test_demo.py",
    "tests/integration/test_streams_failpoints.py",
    "tests/integration/test_delivery_storm.py",
    "tests/integration/test_backfill.py",
    "tests/integration/test_oracle.py",
    "tests/integration/test_streams.py",
    "tests/integration/test_storm_gateway.py",
    "tests/integration/test_up.py",
    "tests/integration/test_bad_events.py",
    "tests/integration/test_ending.py",
    "tests/integration/test_truth.py",
    "tests/whole/test_simulator.py",
    "tests/whole/test_replay.py",
)
"""Files that take long, in the order in which they begin: the end of a run is not one file alone. The others follow
by name: those with real parts, which wait much, before those that only compute."""


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--thorough", action="store_true", help="more mutated events and more examples of each property")


def pytest_configure(config: pytest.Config) -> None:
    if config.getoption("--thorough"):
        settings.load_profile("thorough")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    places = {file: place for place, file in enumerate(LONGEST_FIRST)}
    items.sort(key=lambda item: places.get(item.nodeid.partition("::")[0], len(places)))


@pytest.fixture(scope="session")
def thorough(pytestconfig: pytest.Config) -> bool:
    """Whether a test may take much longer than usual to look at more."""
    return bool(pytestconfig.getoption("--thorough"))


@pytest.fixture(scope="module", autouse=True)
def what_stays_is_not_looked_at_again() -> None:
    """Modules, tests, parameters and caches live until the end: no later collection walks through them.

    A replay in this process collects once per bucket; among some million such objects that took longer than to judge.
    """
    gc.collect()
    gc.freeze()
