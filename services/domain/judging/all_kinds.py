"""The kinds of promise, found by their files: the class of `kinds/a_b.py` is `ABJudge`."""

from functools import cache
from importlib import import_module
from typing import Any

from services.domain.judging import kinds
from services.domain.judging.kind import AnyKind
from services.domain.plan.all_kinds import class_name
from services.domain.plan.plan import Promise
from services.domain.plan.statutory_time import Law


@cache
def _judge_class(kind: str) -> Any:
    return getattr(import_module(f"{kinds.__name__}.{kind}"), f"{class_name(kind)}Judge")


def judge_of(promise: Promise, law: Law) -> AnyKind:
    """What judges by a promise."""
    judge: AnyKind = _judge_class(promise.kind)(promise, law)
    return judge
