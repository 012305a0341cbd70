"""Writes cn.toml: `python -m services.catalog.calendar.generate` (extra `calendar`).

The days are those of the chinesecalendar package, which follows the notices of the General Office of the State Council
(国务院办公厅关于部分节假日安排的通知). The file is committed, and nothing imports the package at run time.
"""

from collections.abc import Iterable
from datetime import date, timedelta
from hashlib import sha256
from pathlib import Path

import tomli_w
from chinese_calendar import Holiday, constants  # type: ignore[import-untyped]  # the package has no stubs

FIRST_YEAR = 2004
TARGET = Path(__file__).with_name("cn.toml")

# As the notices write them, and as the package calls them.
NAMES = {
    "元旦": Holiday.new_years_day,
    "春节": Holiday.spring_festival,
    "清明节": Holiday.tomb_sweeping_day,
    "劳动节": Holiday.labour_day,
    "端午节": Holiday.dragon_boat_festival,
    "中秋节": Holiday.mid_autumn_festival,
    "国庆节": Holiday.national_day,
    "抗战胜利70周年纪念日": Holiday.anti_fascist_70th_day,
}

# Weekend days that the notices name as free (6月4日至6日, 6月22日至24日) and the package leaves out: from general
# knowledge.
LEFT_OUT = {
    date(2011, 6, 5): Holiday.dragon_boat_festival,
    date(2012, 6, 23): Holiday.dragon_boat_festival,
}
# Worked for 2006-01-03; the package leaves it out, and without it the years 2005 to 2007 have a working day too few.
MAKE_UP_LEFT_OUT = (date(2005, 12, 31),)

HEADING = """\
# Public holidays and the weekends worked in exchange (调休) in mainland China, from the yearly notices of the General
# Office of the State Council (国务院办公厅关于部分节假日安排的通知).
# From 2004 on, the first year of the package chinesecalendar, from which the days are taken. Three days that it leaves
# out are added from general knowledge of the notices: 2005-12-31 (worked), 2011-06-05 and 2012-06-23 (free). Nobody
# compared the years before 2021 with the printed notices; a test adds up the days that each exchange must balance.
# Days before `published_from` and after `published_through` are provisional: Monday to Friday.
# Written by `python -m services.catalog.calendar.generate`; do not edit.

"""


def _stretches(days: Iterable[date]) -> list[tuple[date, date]]:
    """Days in order as runs of consecutive ones: first and last of each."""
    runs: list[tuple[date, date]] = []
    for day in days:
        if runs and day - runs[-1][1] == timedelta(days=1):
            runs[-1] = (runs[-1][0], day)
        else:
            runs.append((day, day))
    return runs


def generated() -> str:
    """The text of cn.toml. A holiday whose Chinese name is not known here is a KeyError: add it to NAMES."""
    make_up_days = sorted([*MAKE_UP_LEFT_OUT, *(day for day in constants.workdays if day.year >= FIRST_YEAR)])
    days_toml = tomli_w.dumps({"make_up_days": make_up_days, "holiday": _holidays()})
    last_year = max(day.year for day in constants.holidays)
    head_toml = tomli_w.dumps(
        {
            "name": "cn",
            # Changes with the days and with nothing else.
            "version": f"{FIRST_YEAR}-{last_year}-{sha256(days_toml.encode()).hexdigest()[:8]}",
            "published_from": date(FIRST_YEAR, 1, 1),
            "published_through": date(last_year, 12, 31),
            "working_weekdays": [0, 1, 2, 3, 4],
        }
    )
    return HEADING + head_toml + days_toml


def _holidays() -> list[dict[str, object]]:
    """The stretches of days off, in order: names, first and last day."""
    chinese = {english.value: name for name, english in NAMES.items()}
    named: dict[str, list[date]] = {}
    for day, english in sorted([*constants.holidays.items(), *((day, name.value) for day, name in LEFT_OUT.items())]):
        if day.year >= FIRST_YEAR:
            named.setdefault(english, []).append(day)
    stretches = [(first, last, english) for english, days in named.items() for first, last in _stretches(days)]
    return [
        {"name": chinese[english], "name_en": english, "first": first, "last": last}
        for first, last, english in sorted(stretches)
    ]


def main() -> None:
    TARGET.write_text(generated(), encoding="utf-8")
    print(f"{TARGET.name}: written")


if __name__ == "__main__":
    main()
