"""The real parts that integration tests run against: started once per run, on free loopback ports, ended by pid."""

from collections.abc import Iterator

import pytest

from services.local import monitoring_tools
from services.local.kafka import Broker
from services.local.monitoring_tools import MonitoringTools
from services.runtime.settings import Settings
from tests import quick_java
from tests.postgresql import NotInstalled, postgresql


@pytest.fixture(scope="session", autouse=True)
def brokers_start_quickly() -> None:
    """Also those that a test starts by itself."""
    quick_java.prepare(Settings.from_environment().cache)


@pytest.fixture(scope="session")
def kafka(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Broker]:
    """A broker for the whole run; `.bootstrap` is where it answers. Topics are yours to create, with names of your own.

    A test that stops or kills a broker starts one of its own with `Broker.start(tmp_path)`.
    """
    broker = Broker.start(tmp_path_factory.mktemp("kafka"), cache=Settings.from_environment().cache)
    yield broker
    broker.stop()


@pytest.fixture(scope="session")
def prometheus_tools() -> MonitoringTools:
    """Paths of prometheus, promtool, alertmanager and amtool; fetched if this machine has none.

    Start them with `services.local.prometheus.start` and `services.local.alertmanager.start`.
    """
    return monitoring_tools.find(Settings.from_environment().cache)


@pytest.fixture(scope="session")
def database() -> Iterator[str]:
    """The address of an empty PostgreSQL database for the whole run; skips where it is not installed."""
    try:
        with postgresql() as address:
            yield address
    except NotInstalled as reason:
        pytest.skip(str(reason))
