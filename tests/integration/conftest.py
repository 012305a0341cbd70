"""The real parts that integration tests run against: started once per run, on free loopback ports, ended by pid."""

from collections.abc import Iterator

import pytest

from services.local.kafka import Broker


@pytest.fixture(scope="session")
def kafka(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Broker]:
    """A broker for the whole run; `.bootstrap` is where it answers. Topics are yours to create, with names of your own.

    A test that stops or kills a broker starts one of its own with `Broker.start(tmp_path)`.
    """
    broker = Broker.start(tmp_path_factory.mktemp("kafka"))
    yield broker
    broker.stop()
