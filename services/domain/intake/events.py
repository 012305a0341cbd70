"""Events as they are written on the wire (docs/contract.md): one frozen model per type, chosen by `type`.

The models define the form of an event. What depends on a plan (units, service items, sources, declared attributes) and
on arrival is checked by `services.domain.intake.admission`.
"""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any, Literal, Self

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    PlainSerializer,
    PlainValidator,
    StringConstraints,
    TypeAdapter,
    WithJsonSchema,
    model_validator,
)
from pydantic_core import PydanticCustomError

from services.domain.time.limits import Limit
from services.domain.time.rfc3339 import instant_from
from services.domain.time.zone import Instant

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def text_of(instant: Instant) -> str:
    """The instant as RFC 3339 in UTC."""
    return f"{(_EPOCH + timedelta(microseconds=instant)).replace(tzinfo=None).isoformat()}Z"


Moment = Annotated[
    Instant,
    PlainValidator(instant_from),
    PlainSerializer(text_of, return_type=str),
    WithJsonSchema({"type": "string", "format": "date-time", "description": "RFC 3339 with offset"}),
]
"""An instant, written as RFC 3339 with an offset."""

LONGEST_NAME = 256

IGNORED = frozenset(
    (
        *("traceparent", "tracestate", "partitionkey", "sequence", "sequencetype", "dataschema", "dataref"),
        *("sampledrate", "expirytime", "recordedtime", "severitytext", "severitynumber", "correlationid"),
        *("causationid", "dataclassification", "dataregulation", "datacategory"),
    )
)
"""Attributes and documented extensions of CloudEvents that say nothing about a case: accepted with any value, not kept,
and no part of the payload hash. Not among them is who signed in (`authid`): that is a person."""

INVISIBLE = (
    r"\x00-\x1f\x7f-\x9f\u00ad\u061c\u180e\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb"
    r"\U000e0000-\U000e007f"
)
"""Control and format characters, line separators, marks of direction: with them two names look alike, or one of them
looks like something else."""

Name = Annotated[str, StringConstraints(min_length=1, max_length=LONGEST_NAME, pattern=rf"^[^{INVISIBLE}]+$")]
"""A code, an id or a short name: no control characters, none that cannot be seen and none that turns the direction."""

CaseKey = Annotated[
    str,
    StringConstraints(max_length=513, pattern=rf"^[^{INVISIBLE}]+\x1f[^{INVISIBLE}]+$"),
]
"""Owner + U+001F + subject."""

Text = Annotated[str, StringConstraints(min_length=1, max_length=2000)]

Period = Annotated[str, StringConstraints(pattern=r"^(190[1-9]|19[1-9][0-9]|2[01][0-9]{2})-(0[1-9]|1[0-2])$")]
"""A month of the years that times may have, 1901 to 2199: `2021-10`."""

LARGEST_NUMBER = (2**63 - 1) // 10**6
"""Amounts are kept in millionths, and those in 64 bits."""


def _number(value: object) -> int | float:
    """A whole number or one with a fraction, that fits."""
    if type(value) is not int and type(value) is not float:
        raise PydanticCustomError("number_form", "it is not a number")
    if not -LARGEST_NUMBER <= value <= LARGEST_NUMBER:
        raise PydanticCustomError("number_reach", "the number is out of reach")
    return value


def _count(value: object) -> int | float:
    """A number that is not negative."""
    if (number := _number(value)) < 0:
        raise PydanticCustomError("negative", "it is negative")
    return number


Number = Annotated[
    int | float,
    PlainValidator(_number),
    WithJsonSchema({"type": "number", "minimum": -LARGEST_NUMBER, "maximum": LARGEST_NUMBER}),
]
Counted = Annotated[
    int | float,
    PlainValidator(_count),
    WithJsonSchema({"type": "number", "minimum": 0, "maximum": LARGEST_NUMBER}),
]

UNSTATED_REASON = "unknown"
"""The reason of a suspension that gives none: no promise's clock stops for it."""

LONGEST_LIST = 20
LONGEST_CODE = 64
LONGEST_TEXT = 2000


def _attributes(value: object) -> Mapping[str, Any]:
    """Scalars or lists of at most 20 codes, by name. Which names a plan declares is for the admission to say."""
    if type(value) is not dict:
        raise PydanticCustomError("attributes_form", "attributes are an object of names and values")
    for name, content in value.items():
        if type(content) in (int, float) and not -LARGEST_NUMBER <= content <= LARGEST_NUMBER:
            raise PydanticCustomError("attribute_reach", "{name}", {"name": name})
        if not name or not _is_attribute(content):
            raise PydanticCustomError("attribute_value", "{name}", {"name": name})
    return value


def _is_attribute(content: object) -> bool:
    if type(content) is list:
        return len(content) <= LONGEST_LIST and all(type(c) is str and 0 < len(c) <= LONGEST_CODE for c in content)
    if type(content) is str:
        return len(content) <= LONGEST_TEXT
    return type(content) is not dict


Attributes = Annotated[
    Mapping[str, Any],
    PlainValidator(_attributes),
    WithJsonSchema(
        {
            "type": "object",
            "additionalProperties": {
                "anyOf": [
                    {"type": ["boolean", "null"]},
                    {"type": "number", "minimum": -LARGEST_NUMBER, "maximum": LARGEST_NUMBER},
                    {"type": "string", "maxLength": LONGEST_TEXT},
                    {
                        "type": "array",
                        "maxItems": LONGEST_LIST,
                        "items": {
                            "type": "string",
                            "minLength": 1,
                            "maxLength": LONGEST_CODE,
                        },
                    },
                ]
            },
        }
    ),
]
"""Declared per service item or collection: a scalar or a list of at most 20 codes each."""

Channel = Literal["online", "counter", "phone", "post", "unknown"]
Applicant = Literal["enterprise", "small_micro", "individual", "public", "unknown"]
Outcome = Literal["granted", "refused", "partly", "terminated"]


class Wire(BaseModel):
    """One object of the wire: frozen, nothing is converted, and an unknown field is an error."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)


class Filing(Wire):
    """The data of `case.applied` and `case.accepted`."""

    service_item: Name
    unit: Name
    channel: Channel = "unknown"
    applicant: Applicant = "unknown"
    statutory_limit: Limit | None = None
    committed_limit: Limit | None = None
    due_at: Moment | None = None
    """The unit's own due date."""
    parent: CaseKey | None = None
    """Package → its cases, contract → its invoices."""
    attributes: Attributes = {}


class SupplementRound(Wire):
    """A supplement asked for or a refusal to accept: which round it is, and why."""

    round: Annotated[int, Field(ge=1)] | None = None
    reason: Text | None = None


class Reclassification(Wire):
    """What the case is from its start on; only what is given changes."""

    service_item: Name | None = None
    applicant: Applicant | None = None
    statutory_limit: Limit | None = None
    committed_limit: Limit | None = None
    attributes: Attributes = {}

    @model_validator(mode="after")
    def _changes_something(self) -> Self:
        if not (self.attributes or self.model_fields_set - {"attributes"}):
            raise PydanticCustomError("empty_reclassification", "a reclassification changes nothing")
        return self


class Milestone(Wire):
    """A named point of the case was reached."""

    name: Name
    unit: Name
    attributes: Attributes = {}


class NodePoint(Wire):
    """A node of the process began or ended at a unit; paired by node, unit and order."""

    node: Name
    unit: Name
    limit: Limit | None = None


class ClockChange(Wire):
    """The case was suspended or resumed. Which reasons stop a clock is said by each promise."""

    unit: Name
    reason: Name = UNSTATED_REASON


class Extension(Wire):
    """More time: the increment. A request, unless it comes from the operations centre."""

    limit: Limit
    authority: Text | None = None
    reason: Name | None = None


class Measurement(Wire):
    """A quantity of the case. Repeated ones add up, a refund is negative."""

    quantity: Name
    value: Number
    unit_of_measure: Name | None = None
    attributes: Attributes = {}


class Completion(Wire):
    """The case is completed (办结)."""

    outcome: Outcome | None = None
    channel: Channel = "unknown"
    attributes: Attributes = {}


class Withdrawal(Wire):
    """The applicant took the case back."""

    reason: Text | None = None


class Reopening(Wire):
    """`completion_void`: the clock goes on as if never completed; `new_request`: a new cycle."""

    reason: Literal["completion_void", "new_request"]


class Rating(Wire):
    """好差评: how the applicant rated the service, or by default."""

    score: Annotated[int, Field(ge=1, le=5)]
    rated_by: Literal["applicant", "default"] | None = None


class Deciding(Wire):
    """What a decision is about, and what was known to those who made it."""

    kpi: Name
    cycle: Annotated[int, Field(ge=1)] | None = None
    """Of a case: which request within it, from 1 on; a catalogue entry has the cycle 1."""
    unit: Name | None = None
    """Of a duty or a figure: whose."""
    period: Period | None = None
    """Of a duty or a figure: of which month."""
    through: Moment | None = None
    """The last arrival (`receivedat`) that the deciders had seen: what arrives later needs a decision of its own."""

    @model_validator(mode="after")
    def _is_about_one_thing(self) -> Self:
        if (self.unit is None) != (self.period is None):
            raise PydanticCustomError("half_a_period", "unit and period go together")
        if self.cycle is not None and self.period is not None:
            raise PydanticCustomError("two_subjects", "a cycle is of a case, unit and period are of a duty or figure")
        return self


class Justification(Deciding):
    """A reason for missing a promise. Accepting or rejecting it is the operations centre's."""

    reason: Name | None = None
    decision: Literal["requested", "accepted", "rejected"]


class Confirmation(Deciding):
    """The operations centre on a late entry (rule 14)."""

    decision: Literal["accepted", "rejected"]


class CatalogueEntry(Wire):
    """The whole state of a catalogue entry."""

    collection: Name
    unit: Name
    attributes: Attributes = {}


class DutyPeriod(Wire):
    """A recurring duty was done for a period."""

    duty: Name
    unit: Name
    period: Period


class ReportedFigure(Wire):
    """A count of a period, where a source can only count."""

    quantity: Name
    unit: Name
    period: Period
    numerator: Counted
    denominator: Counted


class NoData(Wire):
    """No data."""


class Envelope(Wire):
    """The CloudEvents attributes that every type has."""

    specversion: Literal["1.0"]
    id: Name
    source: Name
    subject: Name
    time: Moment
    recordedat: Moment | None = None
    receivedat: Moment | None = None
    caseowner: Name | None = None
    datacontenttype: Annotated[str, StringConstraints(pattern=r"^application/([A-Za-z0-9.-]+\+)?json *(;.*)?$")] = (
        "application/json"
    )


class Head(Envelope):
    """Any event whose data is read later."""

    type: str
    data: Any = None


class CaseApplied(Envelope):
    type: Literal["case.applied"]
    data: Filing


class CaseAccepted(Envelope):
    type: Literal["case.accepted"]
    data: Filing


class CaseSupplementRequested(Envelope):
    type: Literal["case.supplement_requested"]
    data: SupplementRound = SupplementRound()


class CaseRefused(Envelope):
    type: Literal["case.refused"]
    data: SupplementRound = SupplementRound()


class CaseReclassified(Envelope):
    type: Literal["case.reclassified"]
    data: Reclassification


class CaseMilestone(Envelope):
    type: Literal["case.milestone"]
    data: Milestone


class CaseNodeStarted(Envelope):
    type: Literal["case.node_started"]
    data: NodePoint


class CaseNodeEnded(Envelope):
    type: Literal["case.node_ended"]
    data: NodePoint


class CaseSuspended(Envelope):
    type: Literal["case.suspended"]
    data: ClockChange


class CaseResumed(Envelope):
    type: Literal["case.resumed"]
    data: ClockChange


class CaseExtended(Envelope):
    type: Literal["case.extended"]
    data: Extension


class CaseMeasured(Envelope):
    type: Literal["case.measured"]
    data: Measurement


class CaseCompleted(Envelope):
    type: Literal["case.completed"]
    data: Completion = Completion()


class CaseWithdrawn(Envelope):
    type: Literal["case.withdrawn"]
    data: Withdrawal = Withdrawal()


class CaseReopened(Envelope):
    type: Literal["case.reopened"]
    data: Reopening


class CaseRated(Envelope):
    type: Literal["case.rated"]
    data: Rating


class CaseJustified(Envelope):
    type: Literal["case.justified"]
    data: Justification


class CaseConfirmed(Envelope):
    type: Literal["case.confirmed"]
    data: Confirmation


class ItemUpserted(Envelope):
    type: Literal["item.upserted"]
    data: CatalogueEntry


class ItemRetired(Envelope):
    type: Literal["item.retired"]
    data: CatalogueEntry


class DutyFulfilled(Envelope):
    type: Literal["duty.fulfilled"]
    data: DutyPeriod


class FigureReported(Envelope):
    type: Literal["figure.reported"]
    data: ReportedFigure


class SourceHeartbeat(Envelope):
    """The source is alive. It is about no case, so it may leave its subject out."""

    type: Literal["source.heartbeat"]
    subject: Name | None = None  # type: ignore[assignment]  # the one type that is about no case
    data: NoData | None = None


Replacement = Annotated[
    CaseApplied
    | CaseAccepted
    | CaseSupplementRequested
    | CaseRefused
    | CaseReclassified
    | CaseMilestone
    | CaseNodeStarted
    | CaseNodeEnded
    | CaseSuspended
    | CaseResumed
    | CaseExtended
    | CaseMeasured
    | CaseCompleted
    | CaseWithdrawn
    | CaseReopened
    | CaseRated
    | CaseJustified
    | CaseConfirmed
    | ItemUpserted
    | ItemRetired
    | DutyFulfilled
    | FigureReported
    | SourceHeartbeat,
    Field(discriminator="type"),
]
"""Any event but a correction."""


class CorrectionOf(Wire):
    """Which earlier event of the same source and case is replaced, and by what; null strikes it out."""

    of: Name
    event: Replacement | None


class Correction(Envelope):
    type: Literal["correction"]
    data: CorrectionOf


Event = Annotated[Replacement | Correction, Field(discriminator="type")]
"""Any event of the contract."""

EVENT: TypeAdapter[Event] = TypeAdapter(Event)

MODELS: Mapping[str, type[Envelope]] = {
    model.model_fields["type"].annotation.__args__[0]: model  # type: ignore[union-attr]  # a Literal of one word
    for model in Envelope.__subclasses__()
    if model is not Head
}
"""The model of each type, by its `type` attribute."""
