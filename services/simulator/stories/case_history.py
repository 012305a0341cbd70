"""The course of one case: what happens, when each thing is reported, and which result was intended."""

from collections.abc import Mapping
from random import Random
from typing import Any

from services.domain.time.zone import Instant
from services.simulator.district.profile import CaseFlow, Variant
from services.simulator.stories.event import SECOND, Data, SimulatedEvent
from services.simulator.stories.result import Result


class CaseHistory:
    """One case. Points are the events that promises name: `applied`, `accepted`, `completed`, `milestone:NAME`."""

    __slots__ = (
        "applicant", "attributes", "channel", "deemed_acceptance", "due", "events", "expected", "extended", "faults",
        "flow", "generic", "intended", "outcome", "owner", "paused_days", "points", "reclassified", "rejected", "rng",
        "stuck", "subject", "supplement", "voided_completion", "_real_time",
    )  # fmt: skip

    def __init__(self, rng: Random, flow: CaseFlow, variant: Variant, subject: str, real_time: bool) -> None:
        self.rng = rng
        self.flow = flow
        self.owner = flow.source
        self.subject = subject
        self.attributes: Mapping[str, Any] = variant.attributes
        self.applicant = flow.applicant
        self.channel = "online" if rng.random() < flow.online else "counter"
        self.events: list[SimulatedEvent] = []
        self.points: dict[str, SimulatedEvent] = {}
        self.intended: tuple[str, Result] | None = None
        """The promise that the case was made for (`Promise.key`), and its result."""
        self.due: Instant | None = None
        """The limit under that promise."""
        self.expected: dict[str, Result] = {}
        """`Promise.key` → the result that the truth must show, for every promise whose result was chosen."""
        self.paused_days = 0
        """Working days on which the clock is suspended from opening to closing, for promises that allow the reason."""
        self.reclassified: tuple[SimulatedEvent, Mapping[str, Any]] | None = None
        """The event that reports another kind of case, and the attributes from then on."""
        self.deemed_acceptance = False
        """A permit: acceptance is deemed on the day of application."""
        self.supplement: SimulatedEvent | None = None
        """A permit's request for a supplement: it revokes the deemed acceptance."""
        self.voided_completion: tuple[SimulatedEvent, SimulatedEvent] | None = None
        """A first completion, and the reopening that made it void."""
        self.generic = False
        """No scenario describes the service item: the case follows from the promises."""
        self.stuck = False
        """Nothing more happens in it."""
        self.extended = False
        """It is granted an extension."""
        self.outcome = "granted"
        self.faults: set[str] = set()
        """What goes wrong with its reports, as `--faults` names it. `undelivered`: its unit completes it as granted
        without a step that a promise waits for."""
        self.rejected: list[tuple[str, SimulatedEvent]] = []
        """Reason code and event, for events of the case that must be refused."""
        self._real_time = real_time

    @property
    def intended_result(self) -> Result | None:
        """The result under the promise that the case was made for."""
        return self.intended[1] if self.intended is not None else None

    def intend(self, promise: str, result: Result, due: Instant) -> None:
        """Choose the result under one promise (`Promise.key`)."""
        self.intended, self.due = (promise, result), due

    def emit(self, type: str, time: Instant, data: Data | None, *, source: str = "", point: str = "") -> SimulatedEvent:
        """Something happens. Its event is recorded and arrives with the usual delays of its source."""
        recording = 0 if self._real_time and not source else int(30 + self.rng.random() ** 3 * 3600) * SECOND
        transport = int(1 + self.rng.random() * 8) * SECOND
        event = SimulatedEvent(type, time, source or self.owner, data, delays=(recording, transport))
        self.events.append(event)
        if point:
            self.points[point] = event
        return event

    def record_in_order(self) -> None:
        """Each source records in the order in which things happened: only a fault changes that order."""
        last: dict[str, tuple[Instant, Instant]] = {}
        for event in sorted(self.events, key=lambda event: event.time):
            recorded, received = last.get(event.source, (event.recorded, event.received))
            event.recorded, event.received = max(event.recorded, recorded), max(event.received, received)
            last[event.source] = event.recorded, event.received

    def milestone(self, name: str, time: Instant, *, source: str = "", unit: str = "") -> SimulatedEvent:
        """A milestone, and the point of that name."""
        data = {"name": name, "unit": unit or self.flow.unit}
        return self.emit("case.milestone", time, data, source=source, point=f"milestone:{name}")

    def node(self, name: str, start: Instant, end: Instant | None, unit: str = "") -> None:
        """The passage through a node; without an end only its beginning."""
        data = {"node": name, "unit": unit or self.flow.unit}
        self.emit("case.node_started", start, data)
        if end is not None:
            self.emit("case.node_ended", end, data)

    def measure(self, quantity: str, value: int | float, time: Instant, *, source: str = "") -> SimulatedEvent:
        """A quantity is reported."""
        return self.emit("case.measured", time, {"quantity": quantity, "value": value}, source=source)

    def withdraw(self, time: Instant) -> None:
        """The applicant withdraws."""
        self.emit("case.withdrawn", time, {"reason": "applicant withdrew"}, point="withdrawn")

    def filing(self, applicant: str = "", *, parent: str = "") -> dict[str, Any]:
        """The data of an application or acceptance; `applicant` is the kind of applicant, else the flow's."""
        data: dict[str, Any] = {
            "service_item": self.flow.item,
            "unit": self.flow.unit,
            "channel": self.channel,
            "applicant": applicant or self.applicant,
        }
        if parent:
            data["parent"] = parent
        if self.attributes:
            data["attributes"] = self.attributes
        return data

    def has(self, points: tuple[str, ...]) -> bool:
        """Whether all of some points have happened."""
        return all(point in self.points for point in points)

    def start_of(self, points: tuple[str, ...]) -> Instant | None:
        """The latest of some points; None until all of them have happened."""
        return max(self.points[point].time for point in points) if self.has(points) else None
