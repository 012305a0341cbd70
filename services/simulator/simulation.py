"""The events of a district in order of arrival, endless or up to a day. The same seed gives the same bytes.

The cases of a day are made when the day begins. Events that arrive later wait in a heap, so that memory holds what is
on its way and nothing of the past. Each case draws from a random generator of its own, and its faults from another one:
no case changes because of another.
"""

import heapq
from collections.abc import Callable, Iterator, Mapping
from dataclasses import KW_ONLY, dataclass
from datetime import date
from random import Random
from typing import NamedTuple

from services.domain.plan.statutory_time import Law
from services.domain.time.zone import Instant
from services.simulator.district.arrivals import hall_instant, online_instant, volume
from services.simulator.district.lanes import flows_of
from services.simulator.district.profile import CaseFlow, Profile, Variant
from services.simulator.faults.inject_faults import LARGEST_LEAD_US, Faults
from services.simulator.faults.rejected_events import Draft, reasons_of_day, rejected_event
from services.simulator.faults.silence import Silence
from services.simulator.serialize import Stamp, Subject, event_line
from services.simulator.stories.case_history import CaseHistory
from services.simulator.stories.event import NEVER, SECOND, SimulatedEvent
from services.simulator.stories.generic_scenario import add_rating, complete_history
from services.simulator.stories.intentions import choose_attributes
from services.simulator.stories.registers import Registers
from services.simulator.stories.scenarios import SCENARIOS
from services.simulator.stories.timing import HOUR_US, Timing
from services.simulator.truth.case_truth import CaseTruth
from services.simulator.truth.register_truth import RegisterTruth
from services.simulator.truth.row import Row
from services.simulator.truth.silence_truth import silent_rows

_HEARTBEAT_HOURS = range(9, 18)
GENERATION = 4
"""Raised with every change that gives the same seed other events: a feed does not go on with another generation."""


class Event(NamedTuple):
    """One event on its way: when it arrives, under which key, its bytes without line end, and who sends it."""

    received: Instant
    key: str
    line: bytes
    source: str


@dataclass
class Simulation:
    """The simulated past of a plan's district, from the start of a day on."""

    law: Law
    profile: Profile
    seed: int
    start: date
    days: int | None = None
    """None: endless."""
    _: KW_ONLY
    faults: Mapping[str, float] | None = None
    """Rates; None: those of the profile."""
    truth: Callable[[Row], None] | None = None
    """Gets each row of the truth. It needs an end."""

    def __post_init__(self) -> None:
        """ValueError if the plan has nothing that can be fed."""
        self.zone = self.law.zone
        self.first_day = self.start.toordinal()
        self.last_day = self.first_day + self.days if self.days is not None else None
        self.end = self.zone.midnight(self.last_day) if self.last_day is not None else None
        self._flows = flows_of(self.law.plan, self.profile)
        if not self._flows:
            raise ValueError(
                "no source of the plan feeds any of its service items: enter sources with `feeds` in sources.toml"
            )
        self._timing = Timing(self.law)
        self._faults = self._planned_faults()
        self._registers = Registers(self.law.plan, self._timing, self.profile, self.seed)
        self._case_truth = CaseTruth(self._timing, self.end)
        self._stamp = Stamp(self.zone)
        self._heap: list[tuple[Instant, int, str, bytes, str]] = []
        self._count = 0
        self._last_arrivals: dict[str, Instant] = {}
        """Source → when its last event arrived."""

    def _planned_faults(self) -> Faults:
        rates = dict(self.profile.faults if self.faults is None else self.faults)
        ends = {source: self.zone.midnight(day.toordinal()) for source, day in self.profile.falls_silent.items()}
        silence = Silence(rates.get("silence", 0), self.seed, ends)
        return Faults(rates, self.seed, self._timing, silence, self.end)

    @property
    def has_rejected_events(self) -> bool:
        """Whether some of its events must be refused."""
        return bool(self._faults.rates.get("bad"))

    def events(self) -> Iterator[Event]:
        """Every event, in order of arrival. Events that would arrive at the end or later are left out."""
        day = self.first_day
        while self.last_day is None or day < self.last_day:
            self._make_day(day)
            day += 1
            # an event of the next day may arrive early by as much as a clock may be ahead
            yield from self._arrived(self.zone.midnight(day) - LARGEST_LEAD_US - SECOND)
        yield from self._arrived(NEVER if self.end is None else self.end)
        if self.truth is not None and self.end is not None:
            for row in RegisterTruth(self._registers, self._timing, self.end).rows():
                self.truth(row)
            for row in silent_rows(self._timing, self._last_arrivals, self.end):
                self.truth(row)

    def _arrived(self, before: Instant) -> Iterator[Event]:
        heap = self._heap
        while heap and heap[0][0] < before:
            received, _, key, text, source = heapq.heappop(heap)
            yield Event(received, key, text, source)

    def _push(self, received: Instant, key: str, line: bytes, source: str) -> None:
        self._count += 1
        heapq.heappush(self._heap, (received, self._count, key, line, source))

    def _send(self, event: SimulatedEvent, subject: Subject, received: Instant | None = None) -> None:
        """Send an event, at another time than its own for a duplicate."""
        received = event.received if received is None else received
        if received != NEVER and (self.end is None or received < self.end):
            self._last_arrivals[event.source] = max(received, self._last_arrivals.get(event.source, received))
            self._push(received, subject.key, event_line(self._stamp, event, subject, received), event.source)

    # ---- one day -------------------------------------------------------------------------------------
    def _make_day(self, day: int) -> None:
        whole = sum(flow.share for flow in self._flows)
        for index, flow in enumerate(self._flows):
            rng = Random(f"{self.seed}/{index}/{flow.item}/{day}")
            mean = self.profile.cases_per_day * flow.share / whole
            open_on_days_off = flow.online > 0 and flow.scenario != "realty"
            count = volume(rng, mean, day, self.law.calendar, on_days_off=open_on_days_off)
            # a number of its own per unit and flow, and no run of digits that could be mistaken for a person's
            stem = f"{flow.prefix}{date.fromordinal(day):%Y%m%d}"
            for n in range(count):
                self._make_case(flow, day, f"{stem}{chr(97 + index // 26)}{chr(97 + index % 26)}{n:04}")
        self._send_registers(day)
        self._send_heartbeats(day)
        if self.has_rejected_events:
            self._send_rejected(day)

    def _make_case(self, flow: CaseFlow, day: int, subject: str) -> None:
        rng = Random(f"{self.seed}/{subject}")
        variant = _draw_variant(rng, flow.variants)
        case = CaseHistory(rng, flow, variant, subject, self.law.plan.sources[flow.source].real_time)
        at = self._first_instant(case, day)
        quality = variant.quality or flow.quality
        choose_attributes(case, self._timing)
        SCENARIOS[flow.scenario](case, at, self._timing, quality, self._faults.rates)
        complete_history(case, self._timing, quality, self._faults.rates)
        add_rating(case, self._timing)
        case.record_in_order()
        self._faults.inject(case)
        self._send_case(case)

    def _first_instant(self, case: CaseHistory, day: int) -> Instant:
        """When the applicant comes: to the hall while it is open, else online."""
        flow = case.flow
        if flow.scenario == "realty" or (case.channel != "online" and self.law.calendar.is_working(day)):
            return hall_instant(case.rng, day, self.zone, self.law.hours(flow.unit, flow.item))
        case.channel = "online" if flow.online else case.channel
        return online_instant(case.rng, day, self.zone)

    def _send_case(self, case: CaseHistory) -> None:
        subject = Subject(case.owner, case.subject)
        duplicates = self._faults.rates.get("duplicates", 0)
        rejected = {event.id for _, event in case.rejected}
        for event in case.events:
            self._send(event, subject)
            if event.id in rejected:  # a second time it would be refused a second time
                continue
            if duplicates and event.received != NEVER and case.rng.random() < duplicates:
                self._send(event, subject, event.received + int(60 + case.rng.random() * 2 * 86_400) * SECOND)
        if self.truth is not None:
            for row in (*self._case_truth.rows(case), *self._case_truth.cards(case)):
                self.truth(row)

    def _send_registers(self, day: int) -> None:
        for name, event in self._registers.events(day, first=day == self.first_day):
            event.id = f"{name}-{day}{'' if event.owner == event.source else 'c'}"
            event.received = self._faults.silence.arrival(event)
            self._send(event, Subject(event.owner, name))

    def _send_heartbeats(self, day: int) -> None:
        if not self.law.calendar.is_working(day):
            return
        for index, source in enumerate(self.law.plan.sources.values()):
            if source.usual_delay is None:
                continue
            for hour in _HEARTBEAT_HOURS:
                at = self.zone.at(day, hour * 60) + (index * 97 % 3600) * SECOND
                event = SimulatedEvent("source.heartbeat", at, source.id, None, delays=(0, SECOND))
                event.id = f"h{day}-{hour}"
                event.received = self._faults.silence.arrival(event)
                self._send(event, Subject(source.id, ""))

    def _send_rejected(self, day: int) -> None:
        """Events that are wrong by themselves."""
        rng = Random(f"{self.seed}/bad/{day}")
        sources = self.law.plan.sources
        flow = next((flow for flow in self._flows if "*" in sources[flow.source].units), self._flows[0])
        reasons = reasons_of_day(self._faults.rates["bad"], rng, first=day == self.first_day)
        for n, reason in enumerate(reasons):
            at = self.zone.at(day, 9 * 60) + int(n * 2400 + rng.random() * 2400) * SECOND
            if self.end is not None and at >= self.end:
                continue
            id = f"bad{day}{chr(97 + n)}"
            draft = Draft(id, flow.source, flow.item, flow.unit, self._stamp(at), self._stamp(at + HOUR_US))
            self._push(at, Subject(flow.source, f"X{id}").key, rejected_event(reason, draft), flow.source)
            if self.truth is not None:
                self.truth(Row.rejected(reason, f"{flow.source} X{id} {id}"))


def _draw_variant(rng: Random, variants: tuple[Variant, ...]) -> Variant:
    if len(variants) == 1:
        return variants[0]
    draw = rng.random() * sum(variant.share for variant in variants)
    for variant in variants:
        draw -= variant.share
        if draw < 0:
            return variant
    return variants[-1]
