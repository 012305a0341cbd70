"""What a plan lists (sources, units, service items, codes, attributes), and what each source may report."""

from collections.abc import Iterable, Mapping
from difflib import get_close_matches
from itertools import chain
from typing import Any, Final, NamedTuple

from services.domain.intake.attributes import Declared, declarations_of, expected, fits
from services.domain.intake.events import UNSTATED_REASON, Envelope
from services.domain.intake.refusal import Reason, Refused
from services.domain.intake.validation_messages import data_fields
from services.domain.plan.plan import CasePromise, Plan
from services.domain.time.zone import Instant


class SourceRights(NamedTuple):
    """What a source may report; None: everything."""

    units: frozenset[str] | None
    owners: frozenset[str] | None
    real_time: bool
    operations: bool


_ANY_SOURCE: Final = SourceRights(units=None, owners=None, real_time=True, operations=True)


class PlanReferences(NamedTuple):
    """The fields of an event's type that refer to lists of the plan."""

    codes: tuple[tuple[str, str], ...]
    """(field of data, name of the list that its code is in)."""
    is_entry: bool
    """Its attributes are those of a collection of the catalogue."""
    is_decision: bool
    """It asks the operations centre for a decision, or reports one."""

    @classmethod
    def of(cls, event_type: str, model: type[Envelope]) -> "PlanReferences":
        """The references of a type."""
        fields = data_fields(model)
        codes = tuple((field, name) for field, name in _LISTS if field in fields)
        return cls(
            # other reasons are free text; the quantity of a reported figure belongs to no case
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


class Entitlements:
    """What the plan lists, and what each source may report. Built once, asked once per event.

    An open plan (`open = true`) allows everything."""

    def __init__(self, plan: Plan) -> None:
        self._open = plan.head.open
        self._rights = {
            source.id: SourceRights(
                units=None if "*" in source.units else frozenset(source.units),
                owners=None if "*" in source.owners else frozenset(source.owners),
                real_time=source.real_time,
                operations=source.operations,
            )
            for source in plan.sources.values()
        }
        self._units = frozenset(plan.units)
        items = plan.service_items.values()
        self._item_attributes: Mapping[str, Declared] = {
            item.code: declarations_of([item.attributes]) for item in items
        }
        self._any_attributes = declarations_of(item.attributes for item in items)
        self._entry_attributes: Mapping[str, Declared] = {
            collection.id: declarations_of([collection.attributes]) for collection in plan.head.collections
        }
        self._codes = _codes(plan)
        self._ratios = _ratios(plan)

    def rights(self, source: str, owner: str, recorded: Instant | None) -> SourceRights:
        """What the source may report. Refused: it is not registered, may not report on the owner's cases, or sends no
        `recordedat` and is not real-time."""
        rights = self._rights.get(source)
        if rights is None:
            if self._open:
                return _ANY_SOURCE
            raise Refused(
                Reason.UNKNOWN_SOURCE,
                "source",
                "the source is not registered",
                "have it entered in the plan's sources.toml, or write the source as it is registered",
            )
        if owner != source and not self._open and rights.owners is not None and owner not in rights.owners:
            raise Refused(
                Reason.NOT_ENTITLED,
                "caseowner",
                "the source may not report on this owner's cases",
                "leave caseowner out for cases of your own, or have the owner entered in sources.toml",
            )
        if recorded is None and not rights.real_time:
            raise Refused(
                Reason.INVALID_VALUE,
                "recordedat",
                "it is missing, and the source is not registered as real-time",
                "write when the unit's own system recorded it, RFC 3339 with offset",
            )
        return rights

    def check(self, content: Mapping[str, Any], references: PlanReferences, rights: SourceRights, path: str) -> None:
        """Refuses what the plan does not list, and what the source may not report. `path` leads to the data."""
        self._check_ratio(content, path)
        if self._open:
            return
        if (unit := content.get("unit")) is not None:
            self._check_unit(unit, rights, path)
        if (item := content.get("service_item")) is not None:
            self._check_service_item(item, path)
        self._check_codes(content, references, path)
        if references.is_decision and not rights.operations and content["decision"] != "requested":
            raise Refused(
                Reason.NOT_ENTITLED,
                f"{path}.decision",
                "only the operations centre decides",
                'ask for it with case.justified and the decision "requested"',
            )
        if attributes := content.get("attributes"):
            _check_attributes(attributes, self._declared(content, references), path)

    def _check_ratio(self, content: Mapping[str, Any], path: str) -> None:
        if content.get("quantity") in self._ratios and content.get("numerator", 0) > content.get("denominator", 0):
            raise Refused(
                Reason.INVALID_VALUE,
                f"{path}.numerator",
                "the part is more than the whole, denominator",
                "count in the numerator only what the denominator counts, too",
            )

    def _check_unit(self, unit: str, rights: SourceRights, path: str) -> None:
        if unit not in self._units:
            raise Refused(
                Reason.UNKNOWN_UNIT,
                f"{path}.unit",
                "the plan has no such unit",
                f"write a unit's id as in the plan's units.toml{_near(unit, self._units)}",
            )
        if rights.units is not None and unit not in rights.units:
            raise Refused(
                Reason.NOT_ENTITLED,
                f"{path}.unit",
                "the source may not speak for this unit",
                "name one of the source's own units, or have the unit entered for it in sources.toml",
            )

    def _check_service_item(self, item: str, path: str) -> None:
        if item not in self._item_attributes:
            raise Refused(
                Reason.UNKNOWN_SERVICE_ITEM,
                f"{path}.service_item",
                "the plan has no such service item",
                f"write a code as in the plan's service_items.toml{_near(item, self._item_attributes)}",
            )

    def _check_codes(self, content: Mapping[str, Any], references: PlanReferences, path: str) -> None:
        for field, name in references.codes:
            code, known = content.get(field), self._codes[name]
            if code is not None and known is not None and code not in known:
                raise Refused(
                    Reason.INVALID_VALUE,
                    f"{path}.{field}",
                    f"the plan has no such {name}",
                    f"the plan has: {', '.join(sorted(known)) or 'none'}",
                )

    def _declared(self, content: Mapping[str, Any], references: PlanReferences) -> Declared:
        """The attributes that the plan declares for the service item or the collection, else for any item."""
        if (item := content.get("service_item")) is not None:
            return self._item_attributes[item]
        if references.is_entry:
            return self._entry_attributes[content["collection"]]
        return self._any_attributes


def _check_attributes(attributes: Mapping[str, Any], declared: Declared, path: str) -> None:
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
                f"write {' or '.join(expected(spec) for spec in specs)}",
            )


def _ratios(plan: Plan) -> frozenset[str]:
    """The quantities whose numerator is a part of the denominator: a promise divides the two, and its objective, if it
    has one, is a share. Of other ratios (minutes per visit, this year's amount by last year's) the numerator may be the
    greater."""
    ratios = [promise for promise in plan.promises if promise.in_one_report]
    not_shares = {
        promise.in_one_report
        for promise in ratios
        if promise.objective is not None and promise.objective.unit != "share"
    }
    return frozenset(promise.in_one_report for promise in ratios) - not_shares


def _near(name: str, known: Iterable[str]) -> str:
    near = get_close_matches(name, known, n=1)
    return f": perhaps {near[0]}" if near else ""


def _codes(plan: Plan) -> dict[str, frozenset[str] | None]:
    """The codes that the plan lists, by the name of the list. None: the plan lists none, and any code will do."""
    items = plan.service_items.values()
    return {
        "collection": frozenset(collection.id for collection in plan.head.collections),
        "duty": frozenset(plan.head.duties),
        "figure": frozenset(plan.head.figures) or None,
        "promise": frozenset(promise.id for promise in plan.promises),
        "milestone": _all(item.milestones for item in items) or None,
        "node": _all(item.nodes for item in items) or None,
        "quantity": _all(item.quantities for item in items) or None,
        "reason": _reasons(plan),
    }


def _all(lists: Iterable[Iterable[str]]) -> frozenset[str]:
    return frozenset(chain.from_iterable(lists))


def _reasons(plan: Plan) -> frozenset[str] | None:
    reasons = {
        *plan.head.reasons,
        *_all(promise.clock_stops for promise in plan.promises if isinstance(promise, CasePromise)),
    }
    reasons |= _all(item.suspension_maximum for item in plan.service_items.values())
    return frozenset(reasons | {UNSTATED_REASON}) if reasons else None
