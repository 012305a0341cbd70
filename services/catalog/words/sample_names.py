"""What the samples of a promise are called, by the codes of `services.catalog.samples`."""

from collections.abc import Mapping
from typing import Final

from services.domain.plan.plan import CasePromise, Promise, Title


def is_by_limit(promise: Promise) -> bool:
    """Whether a single case is 按期 or 超期. What is counted, bounded or a share is 符合 or 不符合. (达标 and 未达标
    are said of the figure of a promise only.)"""
    return isinstance(promise, CasePromise) and promise.clock.limit is not None


def sample_name(code: str, promise: Promise) -> Title:
    """The name of a sample of a promise."""
    return (is_by_limit(promise) and _OF_A_LIMIT.get(code)) or _NAMES[code]


_NAMES: Final[Mapping[str, Title]] = {
    "met": Title(zh="符合", en="met"),
    "missed": Title(zh="不符合", en="missed"),
    "missed_otherwise": Title(zh="不符合（另一情形）", en="missed in another way"),
    "counts": Title(zh="计入", en="counts"),
    "does_not_count": Title(zh="不计入", en="does not count"),
    "lower": Title(zh="较低值", en="the lower value"),
    "higher": Title(zh="较高值", en="the higher value"),
}
_OF_A_LIMIT: Final[Mapping[str, Title]] = {
    "met": Title(zh="按期", en="met"),
    "missed": Title(zh="超期", en="missed"),
    "missed_otherwise": Title(zh="超期（另一情形）", en="missed in another way"),
}
