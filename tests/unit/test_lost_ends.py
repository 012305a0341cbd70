"""An alert that the Alertmanager no longer lists has ended; where it does not say what it has, nothing has."""

import contextlib
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx
import orjson
import pytest

from services.alert_rules.alerts import rule_groups
from services.catalog.load.plan_folder import load_plan
from services.notifier.alertmanager import Alertmanager
from services.notifier.due_notices import AlertmanagerAway
from services.notifier.inbox import AcceptedAlerts
from services.notifier.journal import Journal
from services.notifier.lost_ends import EXPORTER_DOWN, WATCHDOG, Asking, LostEnds
from services.notifier.notice_subject import Alert
from services.runtime.settings import Settings


def alert(name: str) -> Alert:
    return Alert(name.lower(), "firing", {"alertname": name, "unit": "liangjiang-water", "severity": "act"}, {})


AT_RISK, MISSED, ALWAYS, BLIND = alert("KpiAtRisk"), alert("KpiMissed"), alert(WATCHDOG), alert(EXPORTER_DOWN)
RESOLVED = replace(AT_RISK, status="resolved", unlisted=True)


class Desk:
    """Accepted alerts beside an Alertmanager and a clock in the test's hand."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.seconds = 1000.0
        self.listed: list[Alert] | None = [ALWAYS, AT_RISK]
        """None: no answer."""
        self.asked = 0
        self._start()

    def _start(self) -> None:
        self.journal = Journal(self.folder / "alerts.jsonl")
        self.accepted = AcceptedAlerts(self.journal)
        self.lost_ends = LostEnds(self._answer, lambda: self.seconds)

    def _answer(self) -> Mapping[str, Alert]:
        self.asked += 1
        if self.listed is None:
            raise AlertmanagerAway("no answer")
        return {one.fingerprint: one for one in self.listed}

    def restart(self) -> None:
        self.journal.close()
        self._start()
        list(self.accepted.take())

    def step(self) -> None:
        with contextlib.suppress(AlertmanagerAway):
            changes = self.lost_ends.changes(self.accepted.firing(), self.accepted.unlisted())
            self.accepted.accept(changes)

    def passes(self, seconds: float) -> list[Alert]:
        """What is reported meanwhile."""
        until = self.seconds + seconds
        while self.seconds < until:
            self.step()
            self.seconds += 1
        return list(self.accepted.take())


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    desk = Desk(tmp_path)
    desk.accepted.accept([AT_RISK])
    list(desk.accepted.take())
    yield desk
    desk.journal.close()


def test_what_ends_while_it_is_inhibited_ends_two_minutes_later(desk: Desk) -> None:
    desk.accepted.accept([MISSED])
    desk.listed = [ALWAYS, AT_RISK, MISSED]
    assert desk.passes(3600) == [MISSED]
    desk.listed = [ALWAYS, MISSED]
    assert desk.passes(119) == []
    assert desk.passes(40) == [RESOLVED]
    assert desk.passes(3600) == []


def test_it_is_asked_twice_a_minute(desk: Desk) -> None:
    desk.passes(600)
    assert desk.asked == 20


def test_an_alertmanager_that_was_just_started_and_lists_nothing_for_a_minute_ends_nothing(desk: Desk) -> None:
    desk.passes(60)
    desk.listed = []
    desk.passes(60)
    desk.listed = [ALWAYS]  # each alert is sent again in its own time
    assert desk.passes(59) == []
    desk.listed = [ALWAYS, AT_RISK]
    assert desk.passes(3600) == []


def test_what_ended_while_the_alertmanager_was_away_ends_two_minutes_after_it_is_back(desk: Desk) -> None:
    desk.listed = None
    assert desk.passes(1200) == []
    desk.listed = []
    assert desk.passes(60) == []
    desk.listed = [ALWAYS]
    assert desk.passes(119) == []
    assert desk.passes(40) == [RESOLVED]


@pytest.mark.parametrize("before", [0, 60, 119])
def test_no_answer_for_ten_minutes_ends_nothing_and_what_was_seen_before_counts_no_longer(
    desk: Desk, before: int
) -> None:
    desk.listed = [ALWAYS]
    desk.passes(before)
    desk.listed = None
    assert desk.passes(600) == []
    desk.listed = [ALWAYS]
    assert desk.passes(119) == []
    desk.listed = [ALWAYS, AT_RISK]
    assert desk.passes(600) == []


def test_one_missing_answer_begins_the_two_minutes_anew(desk: Desk) -> None:
    desk.listed = [ALWAYS]
    desk.passes(61)
    desk.listed = None
    desk.passes(30)
    desk.listed = [ALWAYS]
    assert desk.passes(119) == []
    assert desk.passes(40) == [RESOLVED]


def test_a_notifier_that_was_stopped_knows_nothing_of_the_time_between(desk: Desk) -> None:
    desk.listed = [ALWAYS]
    desk.passes(60)
    desk.seconds += 600
    assert desk.passes(60) == []


def test_an_alertmanager_to_which_nobody_sends_ends_nothing(desk: Desk) -> None:
    desk.listed = []
    assert desk.passes(3600) == []


def test_without_an_exporter_nothing_ends_until_what_it_knows_has_had_time_to_fire_again(desk: Desk) -> None:
    desk.listed = [ALWAYS, BLIND]
    assert desk.passes(7200) == []
    desk.listed = [ALWAYS]
    assert desk.passes(3600) == []
    assert desk.passes(600) == [RESOLVED]


def test_what_is_listed_after_its_end_is_firing_again_also_after_a_restart(desk: Desk) -> None:
    desk.listed = [ALWAYS]
    assert desk.passes(160) == [RESOLVED]
    desk.restart()
    assert desk.passes(3600) == []
    desk.listed = [ALWAYS, AT_RISK]
    assert desk.passes(60) == [AT_RISK]
    assert desk.passes(3600) == []


def test_what_a_webhook_ended_is_not_made_to_fire_by_an_answer_that_is_older(desk: Desk) -> None:
    desk.accepted.accept([replace(AT_RISK, status="resolved")])
    list(desk.accepted.take())
    assert desk.passes(600) == []


def test_an_end_that_cannot_be_written_is_found_again(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*records: Any) -> None:
        raise OSError("no space left")

    desk.listed = [ALWAYS]
    with monkeypatch.context() as patched:
        patched.setattr(desk.journal, "append", full)
        with pytest.raises(OSError, match="no space"):
            desk.passes(160)
    assert desk.passes(60) == [RESOLVED]


def test_what_was_notified_ends_also_where_the_journal_of_accepted_alerts_is_lost(tmp_path: Path) -> None:
    with contextlib.closing(Journal(tmp_path / "alerts.jsonl")) as journal:
        accepted = AcceptedAlerts(journal)
        accepted.know([AT_RISK, MISSED])
        assert list(accepted.take()) == []
        accepted.accept([AT_RISK, replace(MISSED, status="resolved")])
        assert [(one.fingerprint, one.status) for one in accepted.take()] == [("kpimissed", "resolved")]
        assert list(accepted.firing()) == ["kpiatrisk"]
    with contextlib.closing(Journal(tmp_path / "alerts.jsonl")) as journal:
        accepted = AcceptedAlerts(journal)
        accepted.know([MISSED])
        assert list(accepted.firing()) == []


# ---- what the Alertmanager answers ----------------------------------------------------------------------
def listed(**change: Any) -> dict[str, Any]:
    status = {"state": "suppressed", "silencedBy": [], "inhibitedBy": ["x"], "mutedBy": []}
    one = {"fingerprint": "f1", "labels": {"alertname": "A"}, "annotations": {"b": "c"}, "status": status}
    return {**one, "startsAt": "2026-01-01T00:00:00.000Z", "receivers": [{"name": "act"}], **change}


@pytest.fixture
def api() -> Iterator[Alertmanager]:
    api = Alertmanager("http://127.0.0.1:1")
    yield api
    api.close()


def answers(api: Alertmanager, monkeypatch: pytest.MonkeyPatch, status: int, content: bytes) -> list[Any]:
    asked: list[Any] = []

    def request(method: str, path: str, **what: Any) -> httpx.Response:
        asked.append((method, path, what["params"]))
        return httpx.Response(status, content=content, request=httpx.Request(method, "http://am"))

    monkeypatch.setattr(api._client, "request", request)
    return asked


def test_alerts_in_every_state_are_asked_for_and_mirrored_cards_are_not(
    api: Alertmanager, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = answers(api, monkeypatch, 200, orjson.dumps([listed()]))
    assert api.listed() == {"f1": Alert("f1", "firing", {"alertname": "A"}, {"b": "c"})}
    ((method, path, which),) = asked
    assert (method, path, which.pop("filter")) == ("GET", "/api/v2/alerts", 'alertname!="CardOpen"')
    assert which == {"active": "true", "silenced": "true", "inhibited": "true", "unprocessed": "true"}


@pytest.mark.parametrize(
    ("status", "content"),
    [
        (500, b"[]"), (503, b"starting"), (302, b""), (400, b'"bad filter"'),
        (200, b""), (200, b"null"), (200, b"<html>"), (200, b"{}"), (200, b'{"data":[]}'),
        (200, b"[1]"), (200, b"[{}]"),
        (200, orjson.dumps([listed(), listed(fingerprint=7)])), (200, orjson.dumps([listed(labels=[])])),
        (200, orjson.dumps([listed(labels={"a": 1})])), (200, orjson.dumps([listed()])[:-3]),
    ],
)  # fmt: skip
def test_an_error_or_something_odd_is_no_answer(
    api: Alertmanager, monkeypatch: pytest.MonkeyPatch, status: int, content: bytes
) -> None:
    answers(api, monkeypatch, status, content)
    with pytest.raises(AlertmanagerAway):
        api.listed()
    with pytest.raises(AlertmanagerAway):
        api.suppressions("liangjiang-water", ["alert/f1"])


# ---- the rules that this goes by ------------------------------------------------------------------------
def seconds(duration: str) -> int:
    return int(duration[:-1]) * {"s": 1, "m": 60, "h": 3600, "d": 86_400}[duration[-1]]


def test_the_alerts_by_which_an_answer_is_judged_are_there_and_no_other_holds_for_longer_than_is_waited() -> None:
    groups = rule_groups(load_plan(Settings().plan), 1)["groups"]
    rules = [rule for group in groups for rule in group["rules"] if "alert" in rule]
    (watchdog,) = (rule for rule in rules if rule["alert"] == WATCHDOG)
    assert "for" not in watchdog
    assert EXPORTER_DOWN in {rule["alert"] for rule in rules}
    slow = {rule["alert"] for rule in rules if seconds(rule.get("for", "0s")) > Asking().blind}
    assert slow == {"KpiUnmeasured"}
