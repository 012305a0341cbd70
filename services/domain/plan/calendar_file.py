"""What a calendar file says: those that come with the catalogue, and the one that a plan may bring itself."""

from collections.abc import Iterator
from datetime import date, timedelta

from pydantic import BaseModel, ConfigDict

from services.domain.time.calendar import Notices, WorkingCalendar


class Holiday(BaseModel):
    """Consecutive free days under one name, the last one included."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)

    name: str
    """In the language of the plan, as the notice gives it: 春节."""
    name_en: str
    first: date
    last: date

    def days(self) -> Iterator[date]:
        """Each of its days."""
        for past in range((self.last - self.first).days + 1):
            yield self.first + timedelta(days=past)


class CalendarFile(BaseModel):
    """`calendar.toml`: the published free days of a place, and the weekends that are worked in exchange."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)

    name: str
    version: str
    """Another one after each notice: an official sees by which notices a case was judged."""
    published_from: date
    """The first day that a notice covers."""
    published_through: date
    """The last one. What lies before or after is provisional: working weekdays, without holidays."""
    working_weekdays: tuple[int, ...] = (0, 1, 2, 3, 4)
    """0 (Monday) to 6 (Sunday)."""
    make_up_days: tuple[date, ...] = ()
    """Days off by the week that are worked in exchange."""
    holiday: tuple[Holiday, ...] = ()

    def publishes(self, day: date) -> bool:
        """Whether a notice covers the day."""
        return self.published_from <= day <= self.published_through

    def working_calendar(self) -> WorkingCalendar:
        """The calendar. ValueError, with a remedy, if the file contradicts itself."""
        for holiday in self.holiday:
            if holiday.last < holiday.first:
                raise ValueError(f"{holiday.name} ends {holiday.last}, before it begins {holiday.first}: swap them")
        if self.published_through < self.published_from:
            raise ValueError(
                f"published_through {self.published_through} is before published_from {self.published_from}: swap them"
            )
        days = {day: holiday.name for holiday in self.holiday for day in holiday.days()}
        return WorkingCalendar(
            name=self.name,
            version=self.version,
            notices=Notices(days, self.make_up_days, self.published_from, self.published_through),
            working_weekdays=self.working_weekdays,
        )
