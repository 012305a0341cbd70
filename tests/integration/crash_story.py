"""A small district for crash tests: one day after the other, with all that makes a case hard to count only once.

Every day brings acceptances, suspensions, completions (some reported days after they happened), corrections, events
delivered again, conflicts, and something that is no event. Cards are raised and cleared every day.
"""

import random
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

import orjson

from services.catalog.load.calendars import calendar_of
from services.catalog.load.plan_folder import load_plan
from services.domain.history.fact_set import insert
from services.domain.intake.facts import Fact
from services.domain.intake.refusal import Refused
from services.domain.judging.judge import Judge
from services.domain.results.cards import cards, case_name, written_card
from services.domain.results.published import Card, ValueRow, Verdict
from services.domain.results.verdicts import verdicts_of, written_verdict
from services.domain.time.zone import Instant
from services.messaging.codec import admission
from services.replay.replay import replay

BEGIN = datetime.fromisoformat("2021-09-06T00:00:00+08:00")
UNITS = ("north", "south", "east")

_HEAD = """\
id = "crash"
title = { zh = "崩溃试验", en = "Crash trial" }
issued = 2021-01-01
timezone = "Asia/Shanghai"
calendar = "monday-friday"
text = "text.txt"
version = "1"
open = true
"""
_PROMISES = """\
[[promise]]
id = "WITHIN"
item = 1
tier = "H"
clause = "within 3 working days"
title = { zh = "三个工作日办结", en = "Within three working days" }
kind = "case_limit"
strength = "hard"
limit = "3 working_days"
clock_stops = ["hearing"]
minimum_n = 0
windows = ["7d", "all"]
official_window = "all"
effective_from = 2021-01-01

# falls due at weekends, too
[[promise]]
id = "ELAPSED"
item = 1
tier = "H"
clause = "within 4320 minutes"
title = { zh = "三日办结", en = "Within three days" }
kind = "case_limit"
strength = "hard"
limit = "4320 minutes"
minimum_n = 0
windows = ["7d", "all"]
official_window = "all"
effective_from = 2021-01-01

[[promise]]
id = "MEAN"
item = 1
tier = "H"
clause = "on average within 3 working days"
title = { zh = "平均用时", en = "Mean duration" }
kind = "case_mean"
strength = "hard"
measure = "working_days"
objective = "<= 3 working_days"
clock_stops = ["hearing"]
minimum_n = 0
windows = ["7d", "all"]
official_window = "all"
effective_from = 2021-01-01
"""


def write_plan(folder: Path) -> Path:
    """A plan of three promises; its folder."""
    (folder / "kpis").mkdir(parents=True)
    (folder / "plan.toml").write_text(_HEAD)
    (folder / "text.txt").write_text("within 3 working days. within 4320 minutes. on average within 3 working days.\n")
    (folder / "kpis" / "all.toml").write_text(_PROMISES)
    return folder


def days(seed: int, count: int, cases_a_day: int = 16) -> list[list[bytes]]:
    """The events that arrive on each day, in order of arrival."""
    rng = random.Random(seed)
    arrivals: list[tuple[datetime, bytes]] = []

    def report(
        case: str, unit: str, name: str, kind: str, time: datetime, reported: datetime, body: object = None
    ) -> None:
        event = {
            "specversion": "1.0",
            "id": f"{case}-{name}",
            "source": f"/units/{unit}",
            "type": kind,
            "subject": case,
            "time": time.isoformat(),
            "recordedat": time.isoformat(),
            "receivedat": reported.isoformat(),
            "data": body or {},
        }
        arrivals.append((reported, orjson.dumps(event)))
        if rng.random() < 0.06:  # delivered again
            again = reported + timedelta(hours=rng.randrange(1, 40))
            arrivals.append((again, orjson.dumps(event | {"receivedat": again.isoformat()})))

    for number in range(count * cases_a_day):
        case, unit = f"C{number}", rng.choice(UNITS)
        start = BEGIN + timedelta(days=number // cases_a_day, minutes=rng.randrange(60, 1_200))
        report(case, unit, "a", "case.accepted", start, start, {"service_item": "permit", "unit": unit})
        if rng.random() < 0.3:
            stop = start + timedelta(hours=rng.randrange(1, 30))
            report(case, unit, "s", "case.suspended", stop, stop, {"reason": "hearing", "unit": unit})
            if rng.random() < 0.8:
                go_on = stop + timedelta(hours=rng.randrange(1, 100))
                report(case, unit, "r", "case.resumed", go_on, go_on, {"reason": "hearing", "unit": unit})
        if rng.random() < 0.9:
            end = start + timedelta(hours=rng.randrange(2, 220))
            reported = end + (timedelta(hours=rng.randrange(1, 120)) if rng.random() < 0.25 else timedelta())
            report(case, unit, "c", "case.completed", end, reported)
            if rng.random() < 0.1:
                mended = {"type": "case.completed", "time": (end - timedelta(hours=1)).isoformat(), "data": {}}
                event = rng.choice((None, mended | {"recordedat": end.isoformat()}))
                later = reported + timedelta(hours=rng.randrange(1, 60))
                report(case, unit, "x", "correction", later, later, {"of": f"{case}-c", "event": event})
            if rng.random() < 0.03:
                report(case, unit, "c", "case.completed", end, reported + timedelta(hours=2), {"outcome": "granted"})
        if number % cases_a_day == 0:
            arrivals.append((start, f"no event {number}".encode()))
    found: list[list[bytes]] = [[] for _ in range(count)]
    for reported, line in sorted(arrivals):
        if (day := (reported - BEGIN).days) < count:
            found[day].append(line)
    return found


def day_end(day: int) -> Instant:
    """The instant at which a day (counted from 0) is over."""
    return round((BEGIN + timedelta(days=day + 1)).timestamp()) * 1_000_000


@dataclass(frozen=True)
class Standing:
    """What must be published at an instant; cards and verdicts by what identifies them, all that ever was published."""

    values: list[ValueRow]
    cards: dict[tuple[str, str, int, str, str], Card]
    verdicts: dict[tuple[str, str, int], Verdict]
    """Without the moment of judging."""


class Truth:
    """What a replay says of the days, and of cards and verdicts the domain itself."""

    def __init__(self, plan: Path, days: Sequence[Sequence[bytes]], file: Path) -> None:
        file.write_bytes(b"".join(line + b"\n" for day in days for line in day))
        read = load_plan(plan)
        self.judge = Judge(read, calendar_of(read))
        times = [day_end(day) for day in range(len(days))]
        self._values: dict[str, list[ValueRow]] = {}
        for row in replay([str(file)], plan, times, processes=1).rows:
            self._values.setdefault(row.window_end, []).append(row)
        self._facts: dict[str, list[Fact]] = {}
        admit = admission(read, trust_receivedat=True).admit
        for day in days:
            for line in day:
                try:
                    admitted = admit(line)
                except Refused:
                    continue
                facts = self._facts.setdefault(admitted.key, [])
                facts[:] = insert(facts, admitted.fact).facts

    def at(self, as_of: Instant) -> Standing:
        """What holds as of an instant, the end of a day."""
        zone, found_cards, verdicts = self.judge.law.zone, {}, {}
        for key, facts in self._facts.items():
            for state in cards(self.judge, facts, as_of - 1):
                card = written_card(state, key, zone)
                found_cards[card[:5]] = card
            for ruled in verdicts_of(self.judge.judge(facts, as_of - 1)):
                verdict = written_verdict(ruled, key, self.judge, as_of - 1)._replace(judged_at="")
                verdicts[verdict.kpi, case_name(key), verdict.cycle] = verdict
        return Standing(self._values[zone.text(as_of)], found_cards, verdicts)
