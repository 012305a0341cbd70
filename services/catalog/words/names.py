"""What people read instead of the codes of a plan: the names of `names.toml`, and those of the fields of every case."""

from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple, TypeVar

from services.domain.plan.plan import CasePromise, EntryPromise, Name, Plan, Promise, ServiceItem, Title, Unit, as_tuple

T = TypeVar("T", bound=Title)

_FIELDS = {
    "unit": Name(zh="受理单位", en="unit"),
    "applicant": Name(zh="申请人", en="applicant"),
    "channel": Name(zh="办理渠道", en="channel"),
    "outcome": Name(zh="办理结果", en="outcome"),
    "service_item": Name(zh="事项", en="service item"),
    "reached": Name(zh="已达到", en="reached"),
}
"""Fields of every case (docs/contract.md)."""
_VALUES: Mapping[str, Mapping[str, Title]] = {
    "applicant": {
        "enterprise": Title(zh="企业", en="enterprise"),
        "small_micro": Title(zh="小微企业", en="small or micro enterprise"),
        "individual": Title(zh="个人", en="individual"),
        "public": Title(zh="机关、事业单位", en="public body"),
        "unknown": Title(zh="未知", en="unknown"),
    },
    "channel": {
        "online": Title(zh="网上", en="online"),
        "counter": Title(zh="窗口", en="counter"),
        "phone": Title(zh="电话", en="phone"),
        "post": Title(zh="邮寄", en="post"),
        "unknown": Title(zh="未知", en="unknown"),
    },
    "outcome": {
        "granted": Title(zh="准予", en="granted"),
        "refused": Title(zh="不予", en="refused"),
        "partly": Title(zh="部分准予", en="partly granted"),
        "terminated": Title(zh="终止办理", en="terminated"),
    },
}
_FLAGS = {
    "online": Name(zh="全程网上办理", en="handled online", no=Title(zh="未全程网上办理", en="not handled online")),
    "extended": Name(zh="已获延期", en="an extension", no=Title(zh="未获延期", en="no extension")),
    "parent": Name(zh="有上级办件", en="a parent case", no=Title(zh="无上级办件", en="no parent case")),
    "stopped": Name(zh="按期完成", en="the stop in time", no=Title(zh="未按期完成", en="no stop in time")),
}


class NameBook(NamedTuple):
    """The names of a plan's codes, as they are read of certain service items or of a collection. A code without a name
    stands for itself."""

    plan: Plan
    subjects: tuple[str, ...] = ()
    of_case: bool = True
    """Whether the fields of every case may be meant; an entry of a catalogue has attributes only."""

    def attribute(self, code: str) -> Name:
        """Of an attribute or a field of every case."""
        found = self._found(self.plan.names.attributes, code)
        if found is not None or not self.of_case:
            return found or Name(zh=code, en=code)
        return _FIELDS.get(code) or _FLAGS.get(code) or Name(zh=code, en=code)

    def value(self, attribute: str, value: Any) -> Title:
        """Of one value of an attribute or a field; an id of a unit or a service item by its title."""
        code = str(value)
        if isinstance(value, bool):
            return Title(zh="是", en="yes") if value else Title(zh="否", en="no")
        if attribute == "reached" and self.of_case:
            return self.milestone(code)
        plan = self.plan
        known = _VALUES.get(attribute, {}) if self.of_case else {}
        named = plan.names.values.get(attribute, known).get(code)
        titled: Unit | ServiceItem | None = plan.units.get(code) or plan.service_items.get(code)
        return named or (titled.title if titled is not None else Title(zh=code, en=code))

    def milestone(self, code: str) -> Name:
        return self._found(self.plan.names.milestones, code) or Name(zh=f"“{code}”", en=code)

    def node(self, code: str) -> Title:
        return self._found(self.plan.names.nodes, code) or Title(zh=code, en=code)

    def quantity(self, code: str) -> Name:
        """Of a quantity of cases, or of one that a source counts itself."""
        title = self.plan.head.figures.get(code) or Title(zh=code, en=code)
        return self._found(self.plan.names.quantities, code) or Name(zh=title.zh, en=title.en)

    def collection(self, code: str) -> Title:
        found = (each.title for each in self.plan.head.collections if each.id == code)
        return next(found, Title(zh=code, en=code))

    def duty(self, code: str) -> Title:
        return self.plan.head.duties.get(code) or Title(zh=code, en=code)

    def reason(self, code: str) -> Title:
        return self.plan.names.reasons.get(code) or Title(zh=code, en=code)

    def clause(self, attribute: str, value: Any) -> Title:
        """One condition: `无需建设外线管道`, `电压等级为低压`."""
        named = self.attribute(attribute)
        if isinstance(value, bool):
            return self._flag(attribute, named, value)
        values = [self.value(attribute, each) for each in as_tuple(value)]
        zh, en = one_of([each.zh for each in values], "或"), " or ".join(each.en for each in values)
        return Title(zh=f"{named.zh}为{zh}", en=f"{named.en} = {en}")

    def _flag(self, code: str, named: Name, value: bool) -> Title:
        if value and (named.no is not None or named.zh != code):
            return Title(zh=named.zh, en=named.en)
        if not value and named.no is not None:
            return named.no
        return Title(zh=f"{code}为{'是' if value else '否'}", en=f"{code} {'yes' if value else 'no'}")

    def _found(self, table: Mapping[str, T], code: str) -> T | None:
        """What a code is called within the subjects, where all of them say the same; else its general name."""
        general = table.get(code)
        within = [table.get(f"{subject}/{code}", general) for subject in self.subjects]
        first = within[0] if within else general
        return first if all(each == first for each in within) else general


def names_for(promise: Promise, plan: Plan) -> NameBook:
    """The names as a promise uses them."""
    if isinstance(promise, CasePromise):
        return NameBook(plan, tuple(map(str, as_tuple(promise.select.get("service_item", ())))))
    if isinstance(promise, EntryPromise):
        return NameBook(plan, (promise.collection,), of_case=False)
    return NameBook(plan)


def one_of(words: Iterable[str], last: str) -> str:
    """`甲、乙或丙`."""
    *before, final = words
    return f"{'、'.join(before)}{last}{final}" if before else final
