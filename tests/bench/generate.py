"""`python -m tests.bench.generate --events N --seed S --out FOLDER`: the input of the benchmark's job.

Writes `events.jsonl`, one CloudEvent a line in the order of arrival, and `calendar.csv`, which days are working days.
The same numbers give the same bytes on every machine.

The job: some N / 2 cases of 30 units and 6 service items, accepted from 2021-08-20 to 2022-02-28, with limits of 1 to
28 working days. 2 % never complete, 1 % of the events are delivered twice, of 3 % the completion arrives first.
"""

import argparse
import json
import random
import uuid
from collections.abc import Iterator, Mapping, Sequence
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any, NamedTuple

import chinese_calendar  # type: ignore[import-untyped]  # the package has no stubs

START, END = datetime(2021, 8, 20), datetime(2022, 2, 28)
FIRST_DAY, LAST_DAY = date(2021, 8, 1), date(2022, 6, 30)
"""Of the calendar: every due day is between them."""

NEVER_COMPLETED = 0.02
DELIVERED_TWICE = 0.01
COMPLETED_FIRST = 0.03
SLOW = 0.15
"""The share of cases that are likely to miss their limit."""

ITEMS = {
    "water.small.no_external_line": 4,
    "water.small.external_line": 7,
    "gas.residential.new_supply": 5,
    "power.low_voltage.new_supply": 1,
    "construction.completion_acceptance": 13,
    "land.use.change": 28,
}
"""Service item → its limit in working days."""
DISTRICTS = (
    *("liangjiang", "yuzhong", "jiangbei", "nanan", "shapingba"),
    *("jiulongpo", "dadukou", "banan", "yubei", "beibei"),
)
UNITS = [f"{district}-{trade}" for district in DISTRICTS for trade in ("water", "gas", "power")]
CHANNELS = ["online"] * 6 + ["counter"] * 3 + ["phone"]
OUTCOMES = ("granted", "granted", "granted", "refused")


class Delivery(NamedTuple):
    """One event as it arrives. Deliveries sort by arrival; of one second, in the order in which they were made."""

    arrival: datetime
    number: int
    line: str


class Stream:
    """The deliveries so far, of cases that are made up one after the other."""

    def __init__(self, seed: int) -> None:
        self.deliveries: list[Delivery] = []
        self._chance = random.Random(seed)
        self._cases = 0

    def add_case(self) -> None:
        """A case more: one event, or two, and repeated deliveries."""
        chance = self._chance
        self._cases += 1
        unit, (item, limit) = chance.choice(UNITS), chance.choice(_ITEMS)
        channel = chance.choice(CHANNELS)
        subject = f"{unit[0].upper()}-2021-{self._cases:06d}"
        opened_on = chance.randrange((END - START).days + 1)
        accepted = self._time(opened_on)
        recorded = accepted + self._seconds(1, 30)
        closed = closed_recorded = None
        if chance.random() >= NEVER_COMPLETED:
            closed = max(self._time(opened_on + self._days(limit)), accepted + timedelta(minutes=5))
            closed_recorded = closed + self._seconds(1, 30)
            if chance.random() < COMPLETED_FIRST:
                recorded = closed_recorded + self._seconds(60, 2 * 86_400)
        self._deliver("case.accepted", (unit, subject), (accepted, recorded), _acceptance(unit, item, channel))
        if closed and closed_recorded:
            outcome = {"outcome": chance.choice(OUTCOMES)}
            self._deliver("case.completed", (unit, subject), (closed, closed_recorded), outcome)

    def _time(self, day: int) -> datetime:
        """A time in opening hours, so many days after the start."""
        return START + timedelta(days=day, seconds=self._chance.randint(8 * 3600 + 1800, 18 * 3600 - 1))

    def _seconds(self, least: int, most: int) -> timedelta:
        return timedelta(seconds=self._chance.randint(least, most))

    def _days(self, limit: int) -> int:
        """How many calendar days a case takes; 1.4 of them are a working day."""
        slow = self._chance.random() < SLOW
        return int(limit * 1.4 * (self._chance.uniform(1.0, 2.2) if slow else self._chance.uniform(0.0, 0.95)))

    def _deliver(self, kind: str, case: tuple[str, str], times: tuple[datetime, datetime], data: Any) -> None:
        (unit, subject), (time, recorded) = case, times
        event = {
            "specversion": "1.0",
            "id": str(uuid.UUID(int=self._chance.getrandbits(128), version=4)),
            "source": f"/units/{unit}",
            "type": kind,
            "subject": subject,
            "time": f"{time.isoformat()}+08:00",
            "recordedat": f"{recorded.isoformat()}+08:00",
            "datacontenttype": "application/json",
            "data": data,
        }
        line = json.dumps(event, separators=(",", ":"))
        self.deliveries.append(Delivery(recorded, len(self.deliveries), line))
        if self._chance.random() < DELIVERED_TWICE:
            again = recorded + self._seconds(60, 10 * 86_400)
            self.deliveries.append(Delivery(again, len(self.deliveries), line))


_ITEMS: Sequence[tuple[str, int]] = list(ITEMS.items())


def _acceptance(unit: str, item: str, channel: str) -> Mapping[str, Any]:
    return {
        "service_item": item,
        "unit": unit,
        "channel": channel,
        "committed_limit": {"amount": ITEMS[item], "unit": "working_days"},
        "attributes": {"needs_external_line": item.endswith(".external_line")},
    }


def lines(count: int, seed: int) -> Iterator[str]:
    """`count` events in the order of arrival."""
    stream = Stream(seed)
    while len(stream.deliveries) < count:
        stream.add_case()
    return (delivery.line for delivery in sorted(stream.deliveries)[:count])


def calendar() -> Iterator[str]:
    """The rows of `calendar.csv`: holidays and make-up weekends of the State Council's notices."""
    yield "date,workday"
    for ordinal in range(FIRST_DAY.toordinal(), LAST_DAY.toordinal() + 1):
        day = date.fromordinal(ordinal)
        yield f"{day},{int(chinese_calendar.is_workday(day))}"


def write(folder: Path, count: int, seed: int) -> None:
    """Both files, into a folder that is made."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, content in (("calendar.csv", calendar()), ("events.jsonl", lines(count, seed))):
        with (folder / name).open("w", encoding="utf-8", newline="") as file:
            file.writelines(f"{line}\n" for line in content)


def main() -> None:
    parser = argparse.ArgumentParser(
        prog="python -m tests.bench.generate", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--events", type=int, default=1_000_000)
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--out", type=Path, required=True, help="a folder")
    args = parser.parse_args()
    write(args.out, args.events, args.seed)


if __name__ == "__main__":
    main()
