"""The district that a storm passes over: which days, how many cases, and who sends them."""

import itertools
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from functools import cached_property
from pathlib import Path

from services.catalog.load.calendars import calendar_of
from services.catalog.load.plan_folder import load_plan
from services.domain.judging.judge import Judge
from services.domain.plan.plan import Plan
from services.domain.time.zone import Instant
from services.runtime.settings import Settings
from services.simulator.district.profile import parse_faults, profile
from services.simulator.simulation import Event, Simulation

END_MINUTE = 10 * 60 + 30
"""Of the last day: every unit is open, so every notice can be delivered."""


@dataclass(frozen=True)
class District:
    """A simulated district with every fault of the simulator, from the plan's date of issue on."""

    seed: int
    days: int
    """Days that pass while the storm lasts."""
    cases_per_day: float
    backlog_days: int
    """Days that have passed when it begins: their events come first, as fast as they can be sent."""
    plan_folder: Path = Settings().plan

    @cached_property
    def plan(self) -> Plan:
        return load_plan(self.plan_folder)

    @cached_property
    def judge(self) -> Judge:
        return Judge(self.plan, calendar_of(self.plan))

    @cached_property
    def last_day(self) -> date:
        """A working day, `days` or a few more after the backlog."""
        calendar = self.judge.law.calendar
        day = self.plan.head.issued + timedelta(days=self.backlog_days + self.days)
        while not calendar.is_working(day.toordinal()):
            day += timedelta(days=1)
        return day

    @cached_property
    def begin(self) -> Instant:
        """What the plan's clock shows when the storm begins."""
        first = self.plan.head.issued + timedelta(days=self.backlog_days)
        return self.judge.law.zone.midnight(first.toordinal())

    @cached_property
    def end(self) -> Instant:
        """Where the plan's clock stops. Nothing arrives at that instant or later."""
        return self.judge.law.zone.at(self.last_day.toordinal(), END_MINUTE)

    @property
    def as_of(self) -> str:
        return self.judge.law.zone.text(self.end)

    def simulation(self) -> "EndingSimulation":
        """The events, the same for the same seed."""
        district = profile("district").at_volume(self.cases_per_day)
        rates = parse_faults("all")
        return EndingSimulation(
            self.judge.law, district, self.seed, self.plan.head.issued, faults=rates, until=self.end
        )


@dataclass
class EndingSimulation(Simulation):
    """A simulation that ends at an instant instead of a midnight."""

    until: Instant = 0

    def events(self) -> Iterator[Event]:
        """Every event that arrives before the end, in order of arrival."""
        return itertools.takewhile(lambda event: event.received < self.until, super().events())
