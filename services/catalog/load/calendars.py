"""Calendars as files: reads calendar/<name>.toml into a WorkingCalendar."""

from collections.abc import Sequence
from datetime import date, timedelta
from functools import lru_cache
from pathlib import Path

from pydantic import BaseModel, ConfigDict, ValidationError

from services.domain.time.calendar import Notices, WorkingCalendar
from services.runtime.text_file import Unreadable, read_toml

FOLDER = Path(__file__).parents[1] / "calendar"


class _Holiday(BaseModel):
    """Consecutive free days under one name, the last one included."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str
    name_en: str
    first: date
    last: date


class _CalendarFile(BaseModel):
    """What a calendar file says; weekdays are 0 (Monday) to 6 (Sunday)."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str
    version: str
    published_from: date
    published_through: date
    working_weekdays: tuple[int, ...]
    make_up_days: tuple[date, ...]
    holiday: tuple[_Holiday, ...]


def _days(holidays: Sequence[_Holiday]) -> dict[date, str]:
    """Each day of the holidays, with the name of its holiday."""
    days: dict[date, str] = {}
    for holiday in holidays:
        if holiday.last < holiday.first:
            raise ValueError(f"{holiday.name} ends {holiday.last}, before it begins {holiday.first}: swap them")
        for past in range((holiday.last - holiday.first).days + 1):
            days[holiday.first + timedelta(days=past)] = holiday.name
    return days


def load_calendar(name: str, folder: Path | None = None) -> WorkingCalendar:
    """The calendar of that name, from the folder given or the ones that come with the catalogue.

    ValueError, naming the file and the remedy, if there is no such file or it does not say what a calendar says.
    """
    return _shipped(name) if folder is None else _read(name, folder)


@lru_cache(maxsize=8)
def _shipped(name: str) -> WorkingCalendar:
    """A calendar of the catalogue. Such a file changes with the program only: it is read once."""
    return _read(name, FOLDER)


def _read(name: str, place: Path) -> WorkingCalendar:
    known = sorted(path.stem for path in place.glob("*.toml"))
    if name not in known:
        raise ValueError(f"no calendar {name!r} in {place}: name one of {', '.join(known) or 'none there'}")
    path = place / f"{name}.toml"
    try:
        read = _CalendarFile.model_validate(read_toml(path))
    except Unreadable as error:
        raise ValueError(f"{path}: {error}") from error
    except ValidationError as error:
        first = error.errors()[0]
        key = ".".join(str(part) for part in first["loc"])
        raise ValueError(f"{path}: {key}: {first['msg']}: compare with {FOLDER / 'cn.toml'}") from error
    try:
        return WorkingCalendar(
            name=read.name,
            version=read.version,
            notices=Notices(_days(read.holiday), read.make_up_days, read.published_from, read.published_through),
            working_weekdays=read.working_weekdays,
        )
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from error
