"""The words of each kind of promise, found by their files: `services/catalog/words/case_limit.py`."""

from functools import cache
from importlib import import_module
from typing import Any, Protocol, cast

from services.catalog import words
from services.domain.plan.plan import Plan, Promise, Title


class Words(Protocol):
    """What the module of a kind says of its promises; `Any` is the kind's own promise."""

    def population(self, promise: Any, plan: Plan) -> Title:
        """Whose cases, entries, duties or figures."""
        ...

    def statement(self, promise: Any, plan: Plan) -> Title:
        """What is promised of them."""
        ...

    def objective(self, promise: Any) -> str:
        """What is promised, in short and for people who read metrics: `≤ 28 working days`; empty if untargeted."""
        ...

    def formula(self, promise: Any) -> Title:
        """How the figure is computed: what is divided by what, and what is left out of both."""
        ...


@cache
def _words(kind: str) -> Words:
    return cast(Words, import_module(f"{words.__name__}.{kind}"))


def words_of(promise: Promise) -> Words:
    """The words of a promise's kind."""
    return _words(promise.kind)
