"""Calendars as files: reads calendar/<name>.toml into a WorkingCalendar."""

from functools import lru_cache
from pathlib import Path

from pydantic import ValidationError

from services.domain.plan.calendar_file import CalendarFile
from services.domain.plan.plan import Plan
from services.domain.time.calendar import WorkingCalendar
from services.runtime.text_file import Unreadable, read_toml

FOLDER = Path(__file__).parents[1] / "calendar"


def calendar_of(plan: Plan) -> WorkingCalendar:
    """The calendar of a plan: its own, else the one of the catalogue that it names. ValueError as `load_calendar`."""
    return load_calendar(plan.head.calendar) if plan.calendar is None else plan.calendar.working_calendar()


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
        read = CalendarFile.model_validate(read_toml(path))
    except Unreadable as error:
        raise ValueError(f"{path}: {error}") from error
    except ValidationError as error:
        first = error.errors()[0]
        key = ".".join(str(part) for part in first["loc"])
        raise ValueError(f"{path}: {key}: {first['msg']}: compare with {FOLDER / 'cn.toml'}") from error
    try:
        return read.working_calendar()
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from error
