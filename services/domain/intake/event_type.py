"""What admission needs to know of each event type, worked out once from the models of `events`."""

from collections.abc import Callable, Mapping
from typing import Any, Final, NamedTuple

from pydantic import TypeAdapter, ValidationError

from services.domain.intake.entitlements import PlanReferences
from services.domain.intake.events import MODELS, Envelope
from services.domain.intake.facts import DECISIONS, FACT_TYPE_OF, FactType
from services.domain.intake.refusal import Reason, Refused
from services.domain.intake.validation_messages import data_fields, data_validator, refusal_of, unknown_type


class EventType(NamedTuple):
    """What admission needs to know of one event type; built once per type."""

    name: str
    rank: int
    validate: Callable[[Any], Envelope]
    validate_data: Callable[[Any], object]
    references: PlanReferences
    defaults: Mapping[str, Any]
    """Values that mean the same as a field that is left out."""
    has_due_at: bool
    always: Mapping[str, Any]
    """Data that a fact has even where the event leaves it out."""
    is_checked_whole: bool
    """Its envelope and its data depend on each other, so they are validated together."""
    is_decision: bool
    """It may say what its deciders had seen."""

    @classmethod
    def of(cls, name: str, model: type[Envelope]) -> "EventType":
        fields = data_fields(model)
        changes_clock = name in ("case.suspended", "case.resumed")
        return cls(
            name=name,
            rank=int(FACT_TYPE_OF[name]),
            validate=TypeAdapter(model).validator.validate_python,
            validate_data=data_validator(model),
            references=PlanReferences.of(name, model),
            defaults={name: field.default for name, field in fields.items() if field.default is not None},
            has_due_at="due_at" in fields,
            always={"reason": fields["reason"].default} if changes_clock else {},
            is_checked_whole=FACT_TYPE_OF[name] in _CHECKED_WHOLE,
            is_decision=FACT_TYPE_OF[name] in DECISIONS,
        )

    def has_good_data(self, data: object) -> bool:
        """Whether there is data, and it is valid for the type."""
        try:
            self.validate_data(data)
        except ValidationError:
            return False
        return True

    def validated(self, event: dict[str, Any]) -> Envelope:
        """The whole event, validated. Refused says what is wrong with it."""
        try:
            return self.validate(_with_whole_replacement(event) if self.rank == FactType.CORRECTION else event)
        except ValidationError as error:
            raise refusal_of(error, self.name) from None


def _with_whole_replacement(event: dict[str, Any]) -> dict[str, Any]:
    """The correction with the envelope of its replacement completed from its own. The replacement has the id of the
    corrected event."""
    data = event.get("data")
    replacement = data.get("event") if type(data) is dict else None
    if type(data) is not dict or type(replacement) is not dict:
        return event
    kind = replacement.get("type")
    if kind == FactType.CORRECTION.event_type:
        raise bad_correction(
            "data.event.type",
            "a correction is not corrected",
            "send another correction of the first event: the one with the greatest time and id holds",
        )
    if type(kind) is str and kind not in MODELS:
        raise unknown_type("data.event.type")
    inherited = {name: event[name] for name in _INHERITED if name in event}
    return {
        **event,
        "data": {**data, "event": {**inherited, "id": data.get("of"), **replacement}},
    }


_CHECKED_WHOLE: Final = frozenset((int(FactType.CORRECTION), int(FactType.SOURCE_HEARTBEAT))) | DECISIONS
_INHERITED: Final = ("specversion", "source", "subject", "caseowner", "recordedat")


def bad_correction(path: str, sentence: str, remedy: str) -> Refused:
    """The refusal of a correction that corrects nothing that may be corrected."""
    return Refused(Reason.BAD_CORRECTION, path, sentence, remedy)
