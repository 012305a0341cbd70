"""The story of one case: what happens, when each thing is said, and which fate was decided before."""

from collections.abc import Mapping
from enum import StrEnum
from random import Random
from typing import Any, NamedTuple

from services.domain.time.zone import Instant
from services.simulator.district.profile import Lane, Variant

SECOND = 1_000_000
NEVER: Instant = 1 << 62
"""The arrival of what is never said."""


OPERATIONS = "/operations"
"""The source of the operations centre."""


class Passage(NamedTuple):
    """The passage of a case through a node; the end is None while it lasts."""

    node: str
    unit: str
    start: Instant
    end: Instant | None


class Pause(NamedTuple):
    """A suspension; the end is None while it lasts."""

    reason: str
    start: Instant
    end: Instant | None


class Fate(StrEnum):
    """What becomes of a case under one promise; some can be decided, the others follow from the as-of time."""

    MET = "met"
    MISSED = "missed"
    WITHDRAWN = "withdrawn"
    STUCK = "stuck"
    """Decided: it will never be closed. Seen from the as-of time: open or open_overdue."""
    LATE_ENTRY = "late_entry"
    """In time, but said only after the limit, and not confirmed."""
    JUSTIFIED = "justified"
    OPEN = "open"
    OPEN_OVERDUE = "open_overdue"
    COUNTED = "counted"
    """Measured for a mean or a duration."""
    UNMEASURED = "unmeasured"
    PENDING = "pending"
    """Owed by a date that has not come: in the denominator, and no miss."""
    REJECTED = "rejected"
    """Not a case: an event that must be turned away; the variant is the reason code."""


class Moment:
    """One thing that happens in a case and is said in one event."""

    __slots__ = ("data", "first_told", "id", "owner", "received", "recorded", "source", "time", "type")

    def __init__(
        self,
        type: str,
        time: Instant,
        recorded: Instant,
        received: Instant,
        source: str,
        data: Mapping[str, Any] | None,
    ) -> None:
        self.type = type
        self.time = time
        """What holds in the end: after a correction, the corrected time."""
        self.recorded = recorded
        self.received = received
        self.source = source
        self.data = data
        self.id = ""
        self.owner = ""
        """Of what it is about, where that is not a story: else its source."""
        self.first_told: Instant | None = None
        """The wrong time that the event itself gives, where a correction follows."""

    def known(self, end: Instant | None) -> bool:
        """Whether it has happened and been said by the as-of time; None is the end of all days."""
        return self.received != NEVER and (end is None or (self.time < end and self.received < end))


class Story:
    """A case as it is decided. Points are the moments that promises name: `applied`, `accepted`, `completed`,
    `milestone:NAME`."""

    __slots__ = (
        "attributes",
        "channel",
        "decided",
        "deemed",
        "applicant",
        "composed",
        "due",
        "extended",
        "fates",
        "lane",
        "moments",
        "outcome",
        "owner",
        "paused_days",
        "points",
        "reclassified",
        "rejected",
        "rng",
        "stuck",
        "subject",
        "supplement",
        "void",
        "_real_time",
    )

    def __init__(self, rng: Random, lane: Lane, variant: Variant, subject: str, real_time: bool) -> None:
        self.rng = rng
        self.lane = lane
        self.owner = lane.source
        self.subject = subject
        self.attributes: Mapping[str, Any] = variant.attributes
        self.applicant = lane.applicant
        self.channel = "online" if rng.random() < lane.online else "counter"
        self.moments: list[Moment] = []
        self.points: dict[str, Moment] = {}
        self.decided: tuple[str, Fate] | None = None
        """The promise that the case was made for (`Promise.key`), and its fate."""
        self.due: Instant | None = None
        """Of that promise."""
        self.fates: dict[str, Fate] = {}
        """Of every promise whose fate was decided, by `Promise.key`: what must come out in the end."""
        self.paused_days = 0
        """Working days on which a clock stood still from opening to close, for promises that allow the reason."""
        self.reclassified: tuple[Moment, Mapping[str, Any]] | None = None
        """From when it is known to be another kind of case, and its attributes then."""
        self.deemed = False
        """A permit: acceptance is deemed on the day of application."""
        self.supplement: Moment | None = None
        """A permit's request for a supplement: undoes the acceptance deemed on application."""
        self.void: tuple[Moment, Moment] | None = None
        """A first completion, and the reopening that made it void."""
        self.composed = False
        """Told by no scene, but composed of what the promises ask."""
        self.stuck = False
        """Nothing more comes of it."""
        self.extended = False
        """It is granted an extension."""
        self.outcome = "granted"
        self.rejected: list[tuple[str, Moment]] = []
        """Events of it that must be turned away, with the reason code."""
        self._real_time = real_time

    def tell(
        self, type: str, time: Instant, data: Mapping[str, Any] | None, *, source: str = "", point: str = ""
    ) -> Moment:
        """Something happens; it is said a little later, as its source usually does."""
        usual = 0 if self._real_time and not source else int(30 + self.rng.random() ** 3 * 3600) * SECOND
        recorded = time + usual
        moment = Moment(
            type, time, recorded, recorded + int(1 + self.rng.random() * 8) * SECOND, source or self.owner, data
        )
        self.moments.append(moment)
        if point:
            self.points[point] = moment
        return moment

    def write_in_order(self) -> None:
        """Each source writes down what happened first before what happened later: only a fault has it otherwise."""
        said: dict[str, tuple[Instant, Instant]] = {}
        for moment in sorted(self.moments, key=lambda moment: moment.time):
            recorded, received = said.get(moment.source, (moment.recorded, moment.received))
            moment.recorded, moment.received = max(moment.recorded, recorded), max(moment.received, received)
            said[moment.source] = moment.recorded, moment.received

    def milestone(
        self, name: str, time: Instant, *, source: str = "", unit: str = "", attributes: Mapping[str, Any] | None = None
    ) -> Moment:
        """A milestone with what becomes known at it, and the point of that name."""
        said: dict[str, Any] = {"name": name, "unit": unit or self.lane.unit}
        if attributes:
            said["attributes"] = attributes
        return self.tell("case.milestone", time, said, source=source, point=f"milestone:{name}")

    def node(self, name: str, start: Instant, end: Instant | None, unit: str = "") -> None:
        """The passage through a node, or its beginning."""
        place = {"node": name, "unit": unit or self.lane.unit}
        self.tell("case.node_started", start, place)
        if end is not None:
            self.tell("case.node_ended", end, place)

    def measure(self, quantity: str, value: int | float, time: Instant, *, source: str = "") -> Moment:
        """A quantity is reported."""
        return self.tell("case.measured", time, {"quantity": quantity, "value": value}, source=source)

    def filing(self, applicant: str = "", *, parent: str = "") -> dict[str, Any]:
        """What an application or acceptance says; of a kind of applicant, the lane's own unless said otherwise."""
        said: dict[str, Any] = {
            "service_item": self.lane.item,
            "unit": self.lane.unit,
            "channel": self.channel,
            "applicant": applicant or self.applicant,
        }
        if parent:
            said["parent"] = parent
        if self.attributes:
            said["attributes"] = self.attributes
        return said
