"""When applicants come: Mondays are heavier, lunch is quiet, halls open and close, the rest come online."""

from random import Random

from services.domain.time.calendar import WorkingCalendar, weekday
from services.domain.time.opening_hours import OpeningHours
from services.domain.time.zone import Instant, Zone

_WEEKDAYS = (1.3, 1.05, 1.0, 0.95, 0.85, 0.9, 0.9)
"""Share of a usual working day, Monday to Sunday (a weekend day counts where it is worked)."""

_OFF_DAYS = 0.12
"""Share of a usual working day that is filed online on a day off."""

_ONLINE_HOURS = (0, 0, 0, 0, 0, 0, 1, 2, 6, 14, 15, 11, 4, 6, 12, 12, 11, 8, 4, 4, 4, 3, 1, 0)
_BY_HOUR = [hour for hour, weight in enumerate(_ONLINE_HOURS) for _ in range(weight)]


def volume(rng: Random, mean: float, day: int, calendar: WorkingCalendar, *, on_days_off: bool) -> int:
    """How many come on a day, around `mean` on a usual working day."""
    if calendar.is_working(day):
        expected = mean * _WEEKDAYS[weekday(day)]
    elif on_days_off:
        expected = mean * _OFF_DAYS
    else:
        return 0
    return poisson(rng, expected)


def poisson(rng: Random, mean: float) -> int:
    """A Poisson number: exact for small means, rounded normal for large ones."""
    if mean <= 0:
        return 0
    if mean > 30:
        return max(0, round(rng.gauss(mean, mean**0.5)))
    left, count = rng.expovariate(1.0), 0
    while left < mean:
        count += 1
        left += rng.expovariate(1.0)
    return count


def online_instant(rng: Random, day: int, zone: Zone) -> Instant:
    """Some second of the day, with the day's rhythm; never in the last hour of the day."""
    hour = _BY_HOUR[int(rng.random() * len(_BY_HOUR))]
    return zone.at(day, hour * 60) + int(rng.random() * 3600) * 1_000_000


def hall_instant(rng: Random, day: int, zone: Zone, hours: OpeningHours) -> Instant:
    """Some second within the hall's opening hours; online filing's rhythm if the hall is closed."""
    spans = hours.spans(day)
    if not spans:
        return online_instant(rng, day, zone)
    left = int(rng.random() * sum(closes - opens for opens, closes in spans))
    for opens, closes in spans:
        if left < closes - opens:
            return opens + left // 1_000_000 * 1_000_000
        left -= closes - opens
    raise AssertionError("an opening time beyond the opening hours")
