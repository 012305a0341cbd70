"""A notice about a unit that has ended goes to the unit that continues its work (rule 17)."""

from collections.abc import Collection, Iterator, Mapping
from datetime import date, datetime
from pathlib import Path
from typing import Any, cast

import pytest

from services.catalog.working_time import WorkingTime
from services.domain.plan.plan import Unit
from services.domain.time.zone import Zone
from services.messaging.reader import Record, TopicReader
from services.messaging.records.ledger import Kind
from services.notifier import __main__ as process
from services.notifier.channels.file import NoticeFile
from services.notifier.contacts import Contacts
from services.notifier.notice_subject import Alert
from services.runtime.clock import Clock
from services.runtime.settings import Settings
from tests.unit.cases import TITLE, plan, promise
from tests.unit.ledger_world import LedgerWorld

ZONE = Zone("Asia/Shanghai")
LABELS = {"alertname": "KpiMissed", "kpi": "P", "unit": "works", "severity": "page"}
FIRING = Alert("f1", "firing", LABELS, {})
RESOLVED = Alert("f1", "resolved", LABELS, {})


class Office:
    """What surrounds the notifier: a clock, an Alertmanager that holds nothing back, and a topic without cards."""

    caught_up = True

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.time = ZONE.instant(datetime(2021, 10, 29, 9))
        self.seconds = 0.0
        self.asked: list[str] = []
        self.ledger = LedgerWorld()

    def now(self) -> int:
        return self.time

    def poll(self, timeout_seconds: float) -> list[Record]:
        return []

    def post(self, alerts: list[dict[str, Any]]) -> None:
        pass

    def suppressions(self, unit: str, ids: Collection[str]) -> Mapping[str, list[str]]:
        self.asked.append(unit)
        return {}

    def listed(self) -> Mapping[str, Alert]:
        return {"f1": FIRING}

    def is_open(self, now: int, unit: str) -> bool:
        return True

    def text(self, now: int) -> str:
        return ZONE.text(now)

    def notices(self) -> list[tuple[str, str]]:
        """(unit, status) of each notice."""
        notices = [one.request for one in self.ledger.records() if one.request.kind is Kind.NOTICE]
        return [(one.unit, one.body["subjects"][0]["status"]) for one in notices]


@pytest.fixture
def office(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Office:
    found = Office(tmp_path)
    monkeypatch.setattr(process, "Alertmanager", lambda url: found)
    monkeypatch.setattr(WorkingTime, "of", lambda plan: found)
    return found


@pytest.fixture
def notifier(office: Office) -> Iterator[process.Notifier]:
    merged = Unit(id="north", title=TITLE, effective_from=date(2021, 11, 1), successor_of=("works", "seals"))
    made = process.Notifier(
        Settings(outbox=office.folder / "outbox.jsonl"),
        plan(promise(), units=[merged]),
        cast(Clock, office),
        process.Logs(cast(TopicReader, office), office.ledger.client()),
        Contacts({}, NoticeFile(office.folder / "outbox.jsonl")),
        process.RealTime(lambda: office.seconds),
    )
    yield made
    made.accepted.close()


def pass_time(office: Office, notifier: process.Notifier, until: str = "") -> None:
    if until:
        office.time = ZONE.instant(datetime.fromisoformat(until))
    for _ in range(4):
        office.seconds += 1
        notifier.step()


def test_an_alert_about_a_unit_that_has_ended_goes_to_its_successor(office: Office, notifier: process.Notifier) -> None:
    pass_time(office, notifier, "2021-11-01T00:00")
    notifier.accepted.accept([FIRING])
    pass_time(office, notifier)
    notifier.accepted.accept([RESOLVED])
    pass_time(office, notifier)
    assert office.notices() == [("north", "raised"), ("north", "ended")]


def test_whether_it_is_silenced_is_asked_under_the_name_that_the_alert_has(
    office: Office, notifier: process.Notifier
) -> None:
    pass_time(office, notifier, "2021-11-01T00:00")
    notifier.accepted.accept([FIRING])
    pass_time(office, notifier)
    assert set(office.asked) == {"works"}


def test_an_alert_that_is_active_while_its_unit_ends_is_passed_on_once(
    office: Office, notifier: process.Notifier
) -> None:
    notifier.accepted.accept([FIRING])
    pass_time(office, notifier)
    assert office.notices() == [("works", "raised")]
    pass_time(office, notifier, "2021-10-31T23:59:59")
    assert office.notices() == [("works", "raised")]
    pass_time(office, notifier, "2021-11-01T00:00")
    pass_time(office, notifier, "2021-11-02T09:00")
    assert office.notices() == [("works", "raised"), ("north", "raised")]
    notifier.accepted.accept([RESOLVED])
    pass_time(office, notifier)
    assert office.notices()[2:] == [("north", "ended")]
