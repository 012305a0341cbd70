"""The samples of each kind of promise, found by their files: `services/catalog/samples/case_limit.py`."""

from collections.abc import Iterator
from functools import cache
from importlib import import_module
from typing import Any, Protocol, cast

from services.catalog import samples
from services.catalog.samples.events import Scene
from services.domain.plan.plan import Promise
from services.domain.plan.statutory_time import Law


class Samples(Protocol):
    """What the module of a kind has; `Any` is the kind's own promise."""

    def scenes(self, promise: Any, law: Law) -> Iterator[Scene]:
        """First a sample that counts or is met, then those that do not count or are missed."""
        ...


@cache
def _samples(kind: str) -> Samples:
    return cast(Samples, import_module(f"{samples.__name__}.{kind}"))


def scenes_of(promise: Promise, law: Law) -> Iterator[Scene]:
    """The samples of a promise, before they are looked at."""
    return _samples(promise.kind).scenes(promise, law)
