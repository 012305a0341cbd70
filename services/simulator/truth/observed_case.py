"""What is known of a story at an instant: what has happened and been said by then, and nothing else.

A story says when each thing really happened and when it was said; here the one is read as far as the other lets it be
known. No promise is known here and nothing is judged.
"""

from collections.abc import Mapping, Sequence
from fractions import Fraction
from typing import Any

from services.domain.intake.facts import RANK_OF
from services.domain.time.zone import Instant
from services.simulator.stories.case_history import OPERATIONS, Moment, Passage, Pause, Story


class Known:
    """A story as known at an instant; None is the end of all days."""

    def __init__(
        self,
        story: Story,
        at: Instant | None,
        first_words: frozenset[str] = frozenset(),
        grantors: frozenset[str] = frozenset(),
    ) -> None:
        """What was said before `at` is known. `first_words`: the attributes of which the first word stands. `grantors`:
        who may extend a limit, beside the operations centre."""
        self.story = story
        self._grantors = grantors | {OPERATIONS}
        self._first_words = first_words
        self.attributes: dict[str, Any] = {}
        self.applicant = "unknown"
        self.channels: set[str] = set()
        self.outcome: str | None = None
        self.applied_at: Instant | None = None
        self.accepted_at: Instant | None = None
        self.completed_at: Instant | None = None
        self.withdrawn_at: Instant | None = None
        self.milestones: dict[str, list[Instant]] = {}
        self.measured: list[tuple[Instant, str, Fraction]] = []
        self.passages: list[Passage] = []
        self.pauses: list[Pause] = []
        self.rating: int | None = None
        self.extended = False
        self.excused: set[str] = set()
        self.confirmed: set[str] = set()
        self._read([moment for moment in story.moments if moment.known(at)])

    # ---- reading -----------------------------------------------------------------------------------
    def _read(self, moments: Sequence[Moment]) -> None:
        put_right = {moment.data["of"] for moment in moments if moment.type == "correction" and moment.data is not None}
        struck_out = {
            moment.data["of"]
            for moment in moments
            if moment.type == "correction" and moment.data is not None and moment.data["event"] is None
        }
        completions: list[tuple[Instant, Mapping[str, Any]]] = []
        acceptances: list[Instant] = []
        asked: Instant | None = None
        reclassified: dict[str, Any] = {}
        told = [moment for moment in moments if moment.type != "correction" and moment.id not in struck_out]
        told.sort(key=lambda each: (_told_time(each, put_right), RANK_OF[each.type], each.source, each.id))
        for moment in told:
            time, data = _told_time(moment, put_right), moment.data or {}
            match moment.type:
                case "case.applied" | "case.accepted":
                    self._file(data)
                    if moment.type == "case.accepted":
                        acceptances.append(time)
                    elif self.applied_at is None:
                        self.applied_at = time
                case "case.supplement_requested":
                    asked = time
                case "case.reclassified":
                    reclassified |= data["attributes"]
                case "case.milestone":
                    self.milestones.setdefault(data["name"], []).append(time)
                    self._hear(data)
                case "case.node_started":
                    self.passages.append(Passage(data["node"], data["unit"], time, None))
                case "case.node_ended":
                    self._leave(data["node"], data["unit"], time)
                case "case.suspended":
                    self.pauses.append(Pause(data["reason"], time, None))
                case "case.resumed":
                    self._resume(data["reason"], time)
                case "case.measured":
                    self.measured.append((time, data["quantity"], Fraction(str(data["value"]))))
                case "case.completed":
                    completions.append((time, data))
                case "case.reopened":
                    completions.clear()
                case "case.withdrawn":
                    self.withdrawn_at = time if self.withdrawn_at is None else self.withdrawn_at
                case "case.rated":
                    self.rating = data["score"] if data.get("rated_by") != "default" else self.rating
                case "case.extended":
                    self.extended |= moment.source in self._grantors
                case "case.justified" | "case.confirmed":
                    if data["decision"] == "accepted":
                        (self.excused if moment.type == "case.justified" else self.confirmed).add(data["kpi"])
        self._accept(acceptances, asked)
        self._complete(completions)
        self.attributes |= reclassified

    def _file(self, data: Mapping[str, Any]) -> None:
        self.applicant = data["applicant"]
        self.channels.add(data["channel"])
        self._hear(data)

    def _hear(self, data: Mapping[str, Any]) -> None:
        """The last word stands, or the first one where the service item says so."""
        for name, value in data.get("attributes", {}).items():
            if name not in self._first_words or name not in self.attributes:
                self.attributes[name] = value

    def _leave(self, node: str, unit: str, time: Instant) -> None:
        for index, passage in enumerate(self.passages):
            if passage.node == node and passage.unit == unit and passage.end is None:
                self.passages[index] = passage._replace(end=time)
                return

    def _resume(self, reason: str, time: Instant) -> None:
        for index, pause in enumerate(self.pauses):
            if pause.reason == reason and pause.end is None:
                self.pauses[index] = pause._replace(end=time)
                return

    def _accept(self, acceptances: Sequence[Instant], asked: Instant | None) -> None:
        """A permit's acceptance is deemed on application; a supplement undoes that, and the next one starts."""
        if self.story.deemed and self.applied_at is not None:
            if asked is None:
                self.accepted_at = self.applied_at
            else:
                self.accepted_at = next((time for time in acceptances if time >= asked), None)
        elif acceptances:
            self.accepted_at = acceptances[0]

    def _complete(self, completions: Sequence[tuple[Instant, Mapping[str, Any]]]) -> None:
        start = self.accepted_at if self.accepted_at is not None else self.applied_at
        for time, data in completions:
            if start is not None and time >= start:
                self.completed_at = time
                self.outcome = data["outcome"]
                if "channel" in data:
                    self.channels.add(data["channel"])
                self._hear(data)
                return

    # ---- what promises ask ---------------------------------------------------------------------------
    def start(self, names: Sequence[str]) -> Instant | None:
        """The latest of the points at which a clock starts, once all are known."""
        found = [self._start(name) for name in names]
        return None if None in found else max(time for time in found if time is not None)

    def _start(self, name: str) -> Instant | None:
        match name:
            case "applied":
                # it was applied for when it was accepted, at the latest
                return self.applied_at if self.applied_at is not None else self.accepted_at
            case "accepted":
                return self.accepted_at
            case "completed":
                return self.completed_at
        return next(iter(self.milestones.get(name.removeprefix("milestone:"), ())), None)

    def stop(self, names: Sequence[str], start: Instant) -> Instant | None:
        """The latest of the points at which a clock stops, once all are known; what is dated before it is void."""
        found = [self._stop(name, start) for name in names]
        return None if None in found else max(time for time in found if time is not None)

    def _stop(self, name: str, start: Instant) -> Instant | None:
        if name == "completed":
            return self.completed_at
        times = self.milestones.get(name.removeprefix("milestone:"), ())
        return next((time for time in times if time >= start), None)

    def reached(self, name: str, by: Instant) -> bool:
        """Whether a milestone was reached by an instant."""
        return any(time <= by for time in self.milestones.get(name, ()))

    def sum(self, quantity: str, by: Instant | None = None) -> Fraction | None:
        """How much was measured by an instant; None if it was never measured at all."""
        if all(name != quantity for _, name, _ in self.measured):
            return None
        return sum(
            (amount for time, name, amount in self.measured if name == quantity and (by is None or time <= by)),
            Fraction(),
        )

    @property
    def is_filed(self) -> bool:
        """Whether its application or acceptance is known: before that nobody knows what it is about."""
        return bool(self.channels)

    @property
    def online(self) -> bool:
        """Whether every channel was online and no visit was made."""
        return self.channels == {"online"} and not self.sum("visits")

    def holds(self, wanted: Mapping[str, Any]) -> bool:
        """Whether it is known to have each of the wanted values."""
        return all(self._has(name, value) for name, value in wanted.items())

    def _has(self, name: str, value: Any) -> bool:
        values = value if isinstance(value, tuple) else (value,)
        match name:
            case "service_item":
                return self.story.lane.item in values
            case "unit":
                return self.story.lane.unit in values
            case "applicant":
                return self.applicant in values
            case "outcome":
                return self.outcome in values
            case "channel":
                return not self.channels.isdisjoint(values)
            case "online":
                return bool(self.channels) and self.online in values
            case "extended":
                return self.extended in values
        given = self.attributes.get(name)
        return given in values if not isinstance(given, list) else any(each in values for each in given)

    def is_known(self, name: str) -> bool:
        """Whether anything is known of an attribute or field."""
        return bool(self.channels) if name == "channel" else name in self.attributes


def _told_time(moment: Moment, put_right: set[str]) -> Instant:
    """When it happened, as far as one has been told."""
    return moment.time if moment.first_told is None or moment.id in put_right else moment.first_told
