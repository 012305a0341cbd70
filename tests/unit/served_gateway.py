"""Fixtures: a gateway without a broker behind a real socket, one for all tests of a module."""

from collections.abc import Iterator

import pytest

from tests.served import served
from tests.unit.gateway import Gateway


@pytest.fixture(scope="module")
def gateway() -> Gateway:
    return Gateway()


@pytest.fixture(scope="module")
def url(gateway: Gateway) -> Iterator[str]:
    with served(gateway.app) as address:
        yield address
