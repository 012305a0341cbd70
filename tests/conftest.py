"""What all tests share: the pace of hypothesis, of the garbage collector and of the brokers' Java."""

import gc
import os

import pytest
from hypothesis import settings

# Examples that a property looks at may take their time on a busy machine.
settings.register_profile("kpiwatch", deadline=None)
settings.load_profile("kpiwatch")

# A broker of the tests lives for seconds or minutes: with the quick compiler and the simple collector Java is up in
# half the time, for half of the processor seconds. What the broker does is the same.
os.environ.setdefault("JAVA_TOOL_OPTIONS", "-XX:TieredStopAtLevel=1 -XX:+UseSerialGC")


@pytest.fixture(scope="module", autouse=True)
def what_stays_is_not_looked_at_again() -> None:
    """Modules, tests, parameters and caches live until the end: no later collection walks through them.

    A replay in this process collects once per bucket; among some million such objects that took longer than to judge.
    """
    gc.collect()
    gc.freeze()
