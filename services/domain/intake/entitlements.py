"""What a plan lists (sources, units, service items, codes, attributes), and whether an event keeps to it."""

from collections.abc import Iterable, Mapping
from difflib import get_close_matches
from typing import Any, Final, NamedTuple

from services.domain.intake.attributes import Declared, fits, together, wanted
from services.domain.intake.events import UNSTATED_REASON, Envelope
from services.domain.intake.refusal import Reason, Refused
from services.domain.intake.validation_messages import data_fields
from services.domain.plan.plan import CasePromise, Plan


class Speaker(NamedTuple):
    """What a source may speak about; None: anything."""

    units: frozenset[str] | None
    owners: frozenset[str] | None
    real_time: bool
    operations: bool


_ANYBODY: Final = Speaker(units=None, owners=None, real_time=True, operations=True)


class Said(NamedTuple):
    """What an event's type says about the plan."""

    codes: tuple[tuple[str, str], ...]
    """Fields of data whose codes the plan lists, each with the name of the list."""
    is_entry: bool
    """Its attributes are those of a collection."""
    is_decision: bool

    @classmethod
    def by(cls, event_type: str, model: type[Envelope]) -> "Said":
        """What events of the type say."""
        fields = data_fields(model)
        codes = tuple((field, name) for field, name in _LISTS if field in fields)
        return cls(
            # other reasons are texts; a figure is counted by its source, its quantity belongs to no case
            codes=tuple(
                (field, "figure" if (event_type, field) == _FIGURE else name)
                for field, name in codes
                if field != "reason" or event_type in _CODED_REASONS
            ),
            is_entry="collection" in fields,
            is_decision="decision" in fields,
        )


_LISTS: Final = (
    ("collection", "collection"),
    ("duty", "duty"),
    ("kpi", "promise"),
    ("name", "milestone"),
    ("node", "node"),
    ("quantity", "quantity"),
    ("reason", "reason"),
)
_FIGURE: Final = ("figure.reported", "quantity")
_CODED_REASONS: Final = ("case.suspended", "case.resumed", "case.extended", "case.justified")


class Registry:
    """The lists of a plan, made ready to be asked once per event. An open plan knows everything."""

    def __init__(self, plan: Plan) -> None:
        self._open = plan.head.open
        self._speakers = {
            source.id: Speaker(
                units=None if "*" in source.units else frozenset(source.units),
                owners=None if "*" in source.owners else frozenset(source.owners),
                real_time=source.real_time,
                operations=source.operations,
            )
            for source in plan.sources.values()
        }
        self._units = frozenset(plan.units)
        items = plan.service_items.values()
        self._item_attributes: Mapping[str, Declared] = {item.code: together([item.attributes]) for item in items}
        self._any_attributes = together(item.attributes for item in items)
        self._entry_attributes: Mapping[str, Declared] = {
            collection.id: together([collection.attributes]) for collection in plan.head.collections
        }
        self._codes = _codes(plan)
        self._parts = _parts(plan)
        """The quantities of which one report says the part and the whole."""

    def speaker(self, source: str, owner: str) -> Speaker:
        """What the source may speak about. Refused: it is not registered, or may not report on the owner's cases."""
        speaker = self._speakers.get(source)
        if speaker is None:
            if self._open:
                return _ANYBODY
            raise Refused(
                Reason.UNKNOWN_SOURCE,
                "source",
                "the source is not registered",
                "have it entered in the plan's sources.toml, or write the source as it is registered",
            )
        if owner != source and not self._open and speaker.owners is not None and owner not in speaker.owners:
            raise Refused(
                Reason.NOT_ENTITLED,
                "caseowner",
                "the source may not report on this owner's cases",
                "leave caseowner out for cases of your own, or have the owner entered in sources.toml",
            )
        return speaker

    def judge(self, content: Mapping[str, Any], said: Said, speaker: Speaker, path: str) -> None:
        """Refuses what the plan's registries do not know, and what the source may not say. `path` leads to the data."""
        if content.get("quantity") in self._parts and content.get("numerator", 0) > content.get("denominator", 0):
            raise Refused(
                Reason.INVALID_VALUE,
                f"{path}.numerator",
                "the part is more than the whole, denominator",
                "count in the numerator only what the denominator counts, too",
            )
        if self._open:
            return
        unit = content.get("unit")
        if unit is not None:
            if unit not in self._units:
                raise Refused(
                    Reason.UNKNOWN_UNIT,
                    f"{path}.unit",
                    "the plan has no such unit",
                    f"write a unit's id as in the plan's units.toml{_near(unit, self._units)}",
                )
            if speaker.units is not None and unit not in speaker.units:
                raise Refused(
                    Reason.NOT_ENTITLED,
                    f"{path}.unit",
                    "the source may not speak for this unit",
                    "name one of the source's own units, or have the unit entered for it in sources.toml",
                )
        item = content.get("service_item")
        if item is not None and item not in self._item_attributes:
            raise Refused(
                Reason.UNKNOWN_SERVICE_ITEM,
                f"{path}.service_item",
                "the plan has no such service item",
                f"write a code as in the plan's service_items.toml{_near(item, self._item_attributes)}",
            )
        for field, name in said.codes:
            code = content.get(field)
            if code is not None and (known := self._codes[name]) is not None and code not in known:
                raise Refused(
                    Reason.INVALID_VALUE,
                    f"{path}.{field}",
                    f"the plan has no such {name}",
                    f"the plan has: {', '.join(sorted(known)) or 'none'}",
                )
        if said.is_decision and not speaker.operations and content["decision"] != "requested":
            raise Refused(
                Reason.NOT_ENTITLED,
                f"{path}.decision",
                "only the operations centre decides",
                'ask for it with case.justified and the decision "requested"',
            )
        attributes = content.get("attributes")
        if attributes:
            declared: Declared
            if item is not None:
                declared = self._item_attributes[item]
            elif said.is_entry:
                declared = self._entry_attributes[content["collection"]]
            else:
                declared = self._any_attributes
            for name, value in attributes.items():
                specs = declared.get(name)
                if specs is None:
                    raise Refused(
                        Reason.UNKNOWN_FIELD,
                        f"{path}.attributes.{name}",
                        "no such attribute is declared for it in the plan",
                        f"declared are: {', '.join(sorted(declared)) or 'none'}",
                    )
                if value is not None and not any(fits(spec, value) for spec in specs):
                    raise Refused(
                        Reason.INVALID_VALUE,
                        f"{path}.attributes.{name}",
                        "the value is not what the plan declares",
                        f"write {' or '.join(wanted(spec) for spec in specs)}",
                    )


def _parts(plan: Plan) -> frozenset[str]:
    """A report says the part and its whole where a promise divides the two and its objective, if it has one, is a
    share: of minutes per visit, or of this year's amount by last year's, the first number may be the greater."""
    both = [each for each in plan.promises if each.in_one_report]
    others = {each.in_one_report for each in both if each.objective is not None and each.objective.unit != "share"}
    return frozenset(each.in_one_report for each in both) - others


def _near(name: str, known: Iterable[str]) -> str:
    near = get_close_matches(name, known, n=1)
    return f": perhaps {near[0]}" if near else ""


def _codes(plan: Plan) -> dict[str, frozenset[str] | None]:
    """The codes that the plan lists, by what they are codes of. None: it lists none and any will do."""
    items = plan.service_items.values()
    reasons = {*plan.head.reasons, *(r for p in plan.promises if isinstance(p, CasePromise) for r in p.clock_stops)}
    reasons |= {reason for item in items for reason in item.suspension_maximum}
    return {
        "collection": frozenset(collection.id for collection in plan.head.collections),
        "duty": frozenset(plan.head.duties),
        "figure": frozenset(plan.head.figures) or None,
        "promise": frozenset(promise.id for promise in plan.promises),
        "milestone": frozenset(name for item in items for name in item.milestones) or None,
        "node": frozenset(node for item in items for node in item.nodes) or None,
        "quantity": frozenset(quantity for item in items for quantity in item.quantities) or None,
        "reason": frozenset(reasons | {UNSTATED_REASON}) if reasons else None,
    }
