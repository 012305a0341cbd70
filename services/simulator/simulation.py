"""The events of a district in order of arrival, endless or up to a day. Same seed, same bytes.

A day's cases are decided and told when the day begins; what is said later waits in a heap, so that memory holds what is
on its way and nothing of the past. Each case draws from its own randomness and its faults from another:
neither disturbs any other case.
"""

import heapq
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from datetime import date
from random import Random
from typing import NamedTuple

from services.domain.intake.facts import case_key
from services.domain.plan.plan import Plan
from services.domain.plan.statutory_time import Law
from services.domain.time.zone import Instant
from services.simulator.district.arrivals import hall_instant, online_instant, volume
from services.simulator.district.profile import Lane, Profile, Quality, Variant
from services.simulator.faults.inject_faults import LARGEST_LEAD_US, Faults, bad_event, due_reasons
from services.simulator.serialize import Stamp, line
from services.simulator.stories.case_history import NEVER, SECOND, Fate, Moment, Story
from services.simulator.stories.generic_scenario import characterise, rate, tell_the_rest
from services.simulator.stories.registers import Registers
from services.simulator.stories.scenarios import SCENES
from services.simulator.stories.timing import HOUR_US, Placement
from services.simulator.truth.case_truth import Row, Truth

_HEARTBEAT_HOURS = range(9, 18)
TELLING = 2
"""Raised with every change by which the same seed tells another history: a feed does not go on with another one."""


class Event(NamedTuple):
    """One event on its way: when it arrives, under which key, and its bytes without line end."""

    received: Instant
    key: str
    line: bytes


class History:
    """The simulated past of a plan's district, from the start of a day on."""

    def __init__(
        self,
        law: Law,
        profile: Profile,
        seed: int,
        start: date,
        days: int | None = None,
        *,
        faults: Mapping[str, float] | None = None,
        truth: Callable[[Row], None] | None = None,
    ) -> None:
        """`days` None is endless. `truth` gets each row as it is decided; it needs an end. ValueError if the plan has
        nothing that can be fed."""
        plan = law.plan
        self.zone = law.zone
        self.first_day = start.toordinal()
        self.last_day = self.first_day + days if days is not None else None
        self.end = self.zone.midnight(self.last_day) if self.last_day is not None else None
        self._law = law
        self._seed = seed
        self._profile = profile
        self._place = Placement(law)
        silent = {source: self.zone.midnight(day.toordinal()) for source, day in profile.falls_silent.items()}
        rates = dict(profile.faults if faults is None else faults)
        self._faults = Faults(rates, seed, self._place, silent, self.end)
        self._registers = Registers(plan, self._place, profile, seed)
        self._lanes = lanes_of(plan, profile)
        if not self._lanes:
            raise ValueError(
                "no source of the plan feeds any of its service items: enter sources with `feeds` in sources.toml"
            )
        self._truth = Truth(self._place, self.end)
        self._say = truth
        self._stamp = Stamp(law.zone)
        self._heap: list[tuple[Instant, int, str, bytes]] = []
        self._count = 0

    @property
    def tells_bad_events(self) -> bool:
        """Whether some of its events are there to be refused."""
        return bool(self._faults.rates.get("bad"))

    def events(self) -> Iterator[Event]:
        """Every event, in order of arrival; those that would arrive at the end or later never come."""
        heap, day, end = self._heap, self.first_day, self.end
        while self.last_day is None or day < self.last_day:
            self._tell_day(day)
            day += 1
            # what the next day says may come early by as much as a clock may be ahead
            horizon = self.zone.midnight(day) - LARGEST_LEAD_US - SECOND
            while heap and heap[0][0] < horizon:
                received, _, key, text = heapq.heappop(heap)
                yield Event(received, key, text)
        while heap and (end is None or heap[0][0] < end):
            received, _, key, text = heapq.heappop(heap)
            yield Event(received, key, text)
        if self._say is not None and end is not None:
            for row in self._registers.rows(end, self.zone.midnight(self.first_day)):
                self._say(row)

    def _tell_day(self, day: int) -> None:
        whole = sum(lane.share for lane in self._lanes)
        for index, lane in enumerate(self._lanes):
            rng = Random(f"{self._seed}/{index}/{lane.item}/{day}")
            mean = self._profile.cases_per_day * lane.share / whole
            calendar = self._law.calendar
            count = volume(rng, mean, day, calendar, on_days_off=lane.online > 0 and lane.scene != "realty")
            # a number of its own per unit and lane, and no run of digits that could be mistaken for a person's
            stem = f"{lane.prefix}{date.fromordinal(day):%Y%m%d}"
            for n in range(count):
                self._tell_case(lane, day, f"{stem}{chr(97 + index // 26)}{chr(97 + index % 26)}{n:04}")
        self._tell_registers(day)
        self._tell_heartbeats(day)
        if self._faults.rates.get("bad"):
            self._tell_bad(day)

    def _tell_case(self, lane: Lane, day: int, subject: str) -> None:
        rng = Random(f"{self._seed}/{subject}")
        variant = _chosen(rng, lane.variants)
        story = Story(rng, lane, variant, subject, self._law.plan.sources[lane.source].real_time)
        if lane.scene == "realty" or (story.channel != "online" and self._law.calendar.is_working(day)):
            at = hall_instant(rng, day, self.zone, self._law.hours(lane.unit, lane.item))
        else:
            at = online_instant(rng, day, self.zone)
            story.channel = "online" if lane.online else story.channel
        quality = variant.quality or lane.quality
        characterise(story, self._place)
        SCENES[lane.scene](story, at, self._place, quality, self._faults.rates)
        tell_the_rest(story, self._place, quality)
        rate(story, self._place)
        story.write_in_order()
        self._faults.afflict(story)
        self._send(story)

    def _send(self, story: Story) -> None:
        key = case_key(story.owner, story.subject)
        duplicates = self._faults.rates.get("duplicates", 0)
        rng = story.rng
        refused = {moment.id for _, moment in story.rejected}
        for moment in story.moments:
            self._push(moment, key, story.owner, story.subject)
            if moment.id in refused:  # a second time it would be turned away a second time
                continue
            if duplicates and moment.received != NEVER and rng.random() < duplicates:
                again = moment.received + int(60 + rng.random() * 2 * 86_400) * SECOND
                self._push(moment, key, story.owner, story.subject, again)
        if self._say is not None:
            for row in self._truth.rows(story):
                self._say(row)

    def _push(self, moment: Moment, key: str, owner: str, subject: str, received: Instant | None = None) -> None:
        received = moment.received if received is None else received
        if received == NEVER or (self.end is not None and received >= self.end):
            return
        data = moment.data
        if moment.type == "correction" and data is not None and isinstance(data["event"], Moment):
            data = {"of": data["of"], "event": self._replacement(data["event"], owner, subject)}
        text = line(
            self._stamp,
            id=moment.id,
            source=moment.source,
            type=moment.type,
            subject=subject,
            time=moment.time if moment.first_told is None else moment.first_told,
            recorded=moment.recorded,
            received=received,
            data=data,
            owner=owner,
        )
        self._count += 1
        heapq.heappush(self._heap, (received, self._count, key, text))

    def _replacement(self, moment: Moment, owner: str, subject: str) -> dict[str, object]:
        event: dict[str, object] = {
            "specversion": "1.0",
            "id": moment.id,
            "source": moment.source,
            "type": moment.type,
            "subject": subject,
            "time": self._stamp(moment.time),
            "recordedat": self._stamp(moment.recorded),
            "datacontenttype": "application/json",
            "data": moment.data,
        }
        if owner != moment.source:
            event["caseowner"] = owner
        return event

    def _tell_registers(self, day: int) -> None:
        for subject, moment in self._registers.on(day, first=day == self.first_day):
            owner = moment.owner or moment.source
            moment.id = f"{subject}-{day}{'' if owner == moment.source else 'c'}"
            moment.received = self._faults.heard(moment)
            self._push(moment, case_key(owner, subject), owner, subject)

    def _tell_heartbeats(self, day: int) -> None:
        if not self._law.calendar.is_working(day):
            return
        for index, source in enumerate(self._law.plan.sources.values()):
            if source.usual_delay is None:
                continue
            for hour in _HEARTBEAT_HOURS:
                at = self.zone.at(day, hour * 60) + (index * 97 % 3600) * SECOND
                moment = Moment("source.heartbeat", at, at, at + SECOND, source.id, None)
                moment.id = f"h{day}-{hour}"
                moment.received = self._faults.heard(moment)
                self._push(moment, case_key(source.id, ""), source.id, "")

    def _tell_bad(self, day: int) -> None:
        rng = Random(f"{self._seed}/bad/{day}")
        rate = self._faults.rates["bad"]
        lane = next((lane for lane in self._lanes if "*" in self._law.plan.sources[lane.source].units), self._lanes[0])
        first = day == self.first_day
        for n, reason in enumerate(due_reasons(rate, rng, first=first)):
            at = self.zone.at(day, 9 * 60) + int(n * 2400 + rng.random() * 2400) * SECOND
            if self.end is not None and at >= self.end:
                continue
            ident = f"bad{day}{chr(97 + n)}"
            text = bad_event(
                reason, ident, lane.source, lane.item, lane.unit, self._stamp(at), self._stamp(at + HOUR_US)
            )
            self._count += 1
            heapq.heappush(self._heap, (at, self._count, case_key(lane.source, f"X{ident}"), text))
            if self._say is not None:
                self._say(Row("-", reason, "-", "-", f"{lane.source} X{ident} {ident}", Fate.REJECTED))


def lanes_of(plan: Plan, profile: Profile) -> tuple[Lane, ...]:
    """The profile's lanes that the plan has, and a plain one for each item that nobody feeds."""
    lanes = [found for lane in profile.lanes if (found := _placed(lane, plan)) is not None]
    fed = {lane.item for lane in lanes}
    quality = Quality(pace=0.5, late=0.05, stuck=0.02, breach=0.03, unmeasured=0.02)
    for n, code in enumerate(plan.service_items):
        if code not in fed:
            plain = Lane("composed", code, "", "", 2.0, f"P{chr(97 + n % 26)}", 0.5, quality)
            found = _placed(plain, plan)
            lanes += [found] if found is not None else []
    return tuple(lanes)


def _placed(lane: Lane, plan: Plan) -> Lane | None:
    """A lane with its source and unit, looked up where it names none; None if the plan does not have them."""
    source = lane.source or next((each.id for each in plan.sources.values() if lane.item in each.feeds), "")
    if lane.item not in plan.service_items or source not in plan.sources:
        return None
    named = plan.sources[source].units
    unit = lane.unit or next((unit for unit in named if unit in plan.units), next(iter(plan.units), ""))
    if unit not in plan.units:
        return None
    tellers = {name: teller for name, teller in lane.tellers.items() if teller in plan.sources}
    return replace(lane, source=source, unit=unit, tellers=tellers)


def _chosen(rng: Random, variants: tuple[Variant, ...]) -> Variant:
    if len(variants) == 1:
        return variants[0]
    draw = rng.random() * sum(variant.share for variant in variants)
    for variant in variants:
        draw -= variant.share
        if draw < 0:
            return variant
    return variants[-1]
