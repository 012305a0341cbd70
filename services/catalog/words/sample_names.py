"""What the samples of a promise are called, by the codes of `services.catalog.samples`."""

from collections.abc import Mapping

from services.domain.plan.plan import Title

SAMPLE_NAMES: Mapping[str, Title] = {
    "met": Title(zh="达标", en="met"),
    "missed": Title(zh="未达标", en="missed"),
    "missed_otherwise": Title(zh="未达标（另一情形）", en="missed in another way"),
    "counts": Title(zh="计入", en="counts"),
    "does_not_count": Title(zh="不计入", en="does not count"),
    "lower": Title(zh="较低值", en="the lower value"),
    "higher": Title(zh="较高值", en="the higher value"),
}
