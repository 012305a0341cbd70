"""The kinds of promise: every module of `kinds/` is one, and its class is named after it.

A kind is found by its file, so that no list has to be kept: the class of `kinds/a_b.py` is `ABPromise`. The other
files of a kind have the same name: in `services/domain/judging/kinds/`, `services/catalog/words/` and
`services/catalog/samples/`.
"""

from collections.abc import Mapping
from functools import reduce
from importlib import import_module
from operator import or_
from pkgutil import iter_modules
from typing import Annotated, Any

from pydantic import Field, TypeAdapter

from services.domain.plan import kinds
from services.domain.plan.plan import Promise


def class_name(kind: str) -> str:
    """With what the names of a kind's classes begin: `case_limit` → `CaseLimit`."""
    return "".join(word.capitalize() for word in kind.split("_"))


def _specification(kind: str) -> type[Promise]:
    found: type[Promise] = getattr(import_module(f"{kinds.__name__}.{kind}"), f"{class_name(kind)}Promise")
    return found


SPECIFICATIONS: Mapping[str, type[Promise]] = {
    module.name: _specification(module.name) for module in iter_modules(kinds.__path__)
}
"""Kind → what an entry of it is."""

ANY_PROMISE: TypeAdapter[Promise] = TypeAdapter(
    Annotated[reduce(or_, SPECIFICATIONS.values()), Field(discriminator="kind")]  # type: ignore[arg-type]  # a union
)
"""An entry of any kind, by its `kind`."""

KIND_FIELDS = frozenset(name for each in SPECIFICATIONS.values() for name in each.model_fields) - set(
    Promise.model_fields
)
"""The fields that only some kinds have."""


def promise_of(entry: Mapping[str, Any]) -> Promise:
    """The promise that an entry describes; ValidationError if it is none."""
    return ANY_PROMISE.validate_python(entry)
