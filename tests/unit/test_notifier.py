"""A unit is notified of each change once, in working hours, unless a silence holds it back."""

import contextlib
import errno
import logging
import os
from base64 import b64encode
from collections.abc import AsyncIterator, Collection, Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import orjson
import pytest
from fastapi import FastAPI

import services.catalog
from services.catalog.load.plan_folder import load_plan
from services.domain.plan.plan import Plan, Terms, Title
from services.domain.results.cards import BY_NEW_RULES
from services.domain.results.published import Card
from services.ledger.writer import LedgerAway
from services.messaging.reader import Record
from services.messaging.records.ledger import Kind, LedgerRecord, Request
from services.notifier import asked
from services.notifier import journal as journal_module
from services.notifier.alertmanager import Alertmanager, Mirror
from services.notifier.asked import Asked, is_impossible
from services.notifier.card_sentence import CardSentences, due_words
from services.notifier.due_notices import AlertmanagerAway, Clocks, DueNotices, Ids, Pace
from services.notifier.inbox import AcceptedAlerts, Cards
from services.notifier.journal import Journal, JournalInUse
from services.notifier.notice_state import NoticeState, claim_of
from services.notifier.notice_subject import Alert, Numbering, mirrored_card, of_alert, of_card
from services.notifier.webhook import MOST_BYTES, notifier_app
from tests.asgi import get, request
from tests.unit.ledger_world import LedgerWorld

JIANGBEI = Path(services.catalog.__file__).parent / "jiangbei-2021"
NUMBERING = Numbering(b"key of the test")

YELLOW = Card(
    kpi="K06-1",
    case="/units/liangjiang-water W-2021-000123",
    cycle=1,
    node="-",
    level="yellow",
    unit="liangjiang-water",
    raised_at="2021-10-11T09:00:00+08:00",
    due_at="2021-10-12T23:59:59.999999+08:00",
    cleared_at="",
    reason="",
)
RED = YELLOW._replace(level="red", raised_at="2021-10-13T00:00:00+08:00")
SUPERSEDED = YELLOW._replace(cleared_at="2021-10-13T00:00:00+08:00", reason="superseded")
COMPLETED = RED._replace(cleared_at="2021-10-13T15:00:00+08:00", reason="completed")

MISSED = Alert(
    "f1", "firing", {"alertname": "KpiMissed", "kpi": "K06-1", "unit": "liangjiang-water", "severity": "act"}, {}
)
RESOLVED = Alert("f1", "resolved", MISSED.labels, {})


class Desk:
    """What is due, with a ledger, a clock, hours and an Alertmanager in the test's hand."""

    def __init__(self, pace: Pace | None = None) -> None:
        self.pace = pace or Pace()
        self.seconds = 0.0
        self.open = True
        self.held: dict[str, list[str]] = {}
        self.away = False
        self.asked = 0
        self.starts = 0
        self.world = LedgerWorld()
        self.restart()

    def restart(self) -> None:
        self.starts += 1
        self.state = NoticeState()
        self.ledger = self.world.client()
        self.on_their_way = Asked(self.ledger)
        self.due = DueNotices(
            self.state,
            self.suppressions,
            lambda unit, subjects, now: {"recipients": [f"{unit}/duty"]},
            Clocks(
                lambda: 0, lambda unit, now: self.open, lambda now: "2021-10-11T09:00:00+08:00", lambda: self.seconds
            ),
            Ids(f"notifier/test/{self.starts}"),
            self.pace,
        )
        self.read()

    def suppressions(self, unit: str, ids: Collection[str]) -> Mapping[str, list[str]]:
        self.asked += 1
        if self.away:
            raise AlertmanagerAway("no answer")
        return {id: self.held[id] for id in ids if id in self.held}

    def card(self, *cards: Card) -> None:
        for card in cards:
            self.due.report(of_card(card, NUMBERING.of(card)))

    def alert(self, *alerts: Alert) -> None:
        for alert in alerts:
            self.due.report(of_alert(alert))

    def read(self) -> None:
        for record in self.ledger.poll():
            self.state.note(record)
            request = self.on_their_way.take(record)
            if request is not None and is_impossible(record):
                self.due.impossible(request.id)
            elif request is not None:
                self.due.answered(request.id, recorded=record.request.id == request.id)

    def wait(self, seconds: float = 1) -> None:
        self.seconds += seconds
        with contextlib.suppress(LedgerAway):
            self.on_their_way.send(self.due.requests(), self.seconds)
        for refused in self.on_their_way.impossible():
            self.due.impossible(refused.id)
        self.read()

    def notices(self) -> list[dict[str, Any]]:
        outcomes = {Kind.NOTICE: "delivered", Kind.SUPPRESSED: "suppressed"}
        return [
            {**one.request.body, "unit": one.request.unit, "outcome": outcomes[one.request.kind]}
            for one in self.world.records()
            if one.request.kind in outcomes
        ]

    def notified(self) -> list[list[tuple[str, str]]]:
        """Of each notice: (level or alert, status) of its subjects."""
        return [
            sorted((one.get("level") or one["alertname"], one["status"]) for one in notice["subjects"])
            for notice in self.notices()
            if notice["outcome"] == "delivered"
        ]


@pytest.fixture
def desk() -> Desk:
    return Desk()


def test_yellow_then_red_then_done_are_three_notices(desk: Desk) -> None:
    desk.card(YELLOW)
    desk.wait()
    desk.card(SUPERSEDED, RED)
    desk.wait()
    desk.card(COMPLETED)
    desk.wait()
    assert desk.notified() == [[("yellow", "raised")], [("red", "raised"), ("yellow", "ended")], [("red", "ended")]]


def test_the_same_card_again_notifies_nobody(desk: Desk) -> None:
    for _ in range(3):
        desk.card(YELLOW)
        desk.wait()
    assert desk.notified() == [[("yellow", "raised")]]


def test_a_card_repeated_faster_than_notices_are_collected_is_notified_all_the_same(desk: Desk) -> None:
    for _ in range(4):
        desk.card(YELLOW)
        desk.wait(0.2)
    assert desk.notified() == [[("yellow", "raised")]]


def test_after_a_restart_nothing_is_notified_again_and_nothing_is_forgotten(desk: Desk) -> None:
    desk.card(YELLOW)
    desk.wait()
    desk.restart()
    desk.card(YELLOW)
    desk.wait()
    desk.card(SUPERSEDED, RED)  # not notified before the crash
    desk.restart()
    desk.card(SUPERSEDED, RED)
    desk.wait()
    assert desk.notified() == [[("yellow", "raised")], [("red", "raised"), ("yellow", "ended")]]


def test_a_card_raised_again_after_it_was_cleared_is_news(desk: Desk) -> None:
    desk.card(RED)
    desk.wait()
    desk.card(COMPLETED._replace(reason="rejudged"))
    desk.wait()
    desk.card(RED._replace(raised_at="2021-10-14T00:00:00+08:00"))
    desk.wait()
    assert desk.notified() == [[("red", "raised")], [("red", "ended")], [("red", "raised")]]


MOVED = RED._replace(unit="sino-french-water")


def units_notified(desk: Desk) -> list[tuple[str, list[tuple[str, str]]]]:
    """Of each notice: to whom, and level and status of its subjects."""
    units = [notice["unit"] for notice in desk.notices() if notice["outcome"] == "delivered"]
    return list(zip(units, desk.notified(), strict=True))


def test_a_card_that_moves_to_another_unit_is_notified_to_that_one_and_its_end_to_whoever_holds_it(desk: Desk) -> None:
    desk.card(RED)
    desk.wait()
    for _ in range(2):
        desk.card(MOVED)
        desk.wait()
    desk.card(COMPLETED._replace(unit=MOVED.unit))
    desk.wait()
    assert units_notified(desk) == [
        ("liangjiang-water", [("red", "raised")]),
        ("sino-french-water", [("red", "raised")]),
        ("sino-french-water", [("red", "ended")]),
    ]


def test_after_a_restart_a_card_that_moved_is_not_notified_again_and_the_move_is_not_forgotten(desk: Desk) -> None:
    desk.card(RED)
    desk.wait()
    desk.restart()
    desk.card(MOVED)
    desk.wait()
    for card in (MOVED, RED, MOVED):  # it comes back: the first unit knows of it
        desk.restart()
        desk.card(card)
        desk.wait()
    assert [unit for unit, _ in units_notified(desk)] == ["liangjiang-water", "sino-french-water"]


def test_a_card_that_moves_before_anybody_was_notified_is_notified_to_its_new_unit_only(desk: Desk) -> None:
    desk.card(RED, MOVED)
    desk.wait()
    assert units_notified(desk) == [("sino-french-water", [("red", "raised")])]


def test_a_card_raised_again_is_news_to_every_unit_that_knew_of_it(desk: Desk) -> None:
    for card in (RED, MOVED, COMPLETED._replace(unit=MOVED.unit), MOVED, RED):
        desk.card(card)
        desk.wait()
    assert [(unit, notified[0][1]) for unit, notified in units_notified(desk)][2:] == [
        ("sino-french-water", "ended"),
        ("sino-french-water", "raised"),
        ("liangjiang-water", "raised"),
    ]


def test_a_card_that_moves_under_a_silence_is_noted_for_each_unit_and_its_end_is_notified_all_the_same(
    desk: Desk,
) -> None:
    desk.card(RED)
    desk.wait()
    desk.held = {mirrored_card(NUMBERING.of(RED), "red"): ["silence-1"]}
    for _ in range(2):
        desk.card(MOVED)
        desk.wait(60)
    assert [(notice["outcome"], notice["unit"]) for notice in desk.notices()] == [
        ("delivered", "liangjiang-water"),
        ("suppressed", "sino-french-water"),
    ]
    desk.card(RED, COMPLETED)
    desk.wait(60)
    assert units_notified(desk)[1:] == [("liangjiang-water", [("red", "ended")])]


def test_the_time_at_which_a_card_was_first_notified_stays_when_it_moves(desk: Desk) -> None:
    desk.card(RED)
    desk.wait()
    first = dict(desk.state.raised_at)
    desk.card(MOVED)
    desk.wait()
    desk.restart()
    assert desk.state.raised_at == first != {}


def test_what_came_and_went_before_anybody_was_notified_is_no_news(desk: Desk) -> None:
    desk.card(RED, COMPLETED)
    desk.wait()
    assert desk.notices() == []


def test_a_yellow_card_that_turned_red_says_nothing_without_the_red_one(desk: Desk) -> None:
    desk.card(YELLOW)
    desk.wait()
    desk.card(SUPERSEDED)
    desk.wait(5)
    assert desk.notified() == [[("yellow", "raised")]]
    desk.card(RED)
    desk.wait()
    assert desk.notified()[1:] == [[("red", "raised"), ("yellow", "ended")]]


def test_a_red_card_that_came_and_went_while_closed_is_no_notice_and_the_end_of_its_yellow_one_says_so(
    desk: Desk,
) -> None:
    desk.card(YELLOW)
    desk.wait()
    desk.open = False
    desk.card(SUPERSEDED, RED)
    desk.wait(5)
    desk.card(COMPLETED)
    desk.wait(5)
    assert len(desk.notices()) == 1
    desk.open = True
    desk.wait()
    assert desk.notified()[1:] == [[("yellow", "ended")]]
    (ended,) = desk.notices()[1]["subjects"]
    assert ended["reason"] == "superseded"
    assert {name: text for name, text in ended.items() if name.startswith("red_")} == {
        "red_raised_at": RED.raised_at,
        "red_cleared_at": COMPLETED.cleared_at,
        "red_reason": "completed",
    }
    desk.restart()
    desk.card(SUPERSEDED, COMPLETED)
    desk.wait(100)
    assert len(desk.notices()) == 2


def test_after_a_restart_a_red_card_that_came_and_went_ends_its_yellow_one_in_whatever_order_they_are_read() -> None:
    for order in ((SUPERSEDED, COMPLETED), (COMPLETED, SUPERSEDED)):
        desk = Desk()
        desk.card(YELLOW)
        desk.wait()
        desk.restart()
        desk.card(*order)
        desk.wait()
        assert desk.notified()[1:] == [[("yellow", "ended")]]


def test_the_end_of_a_yellow_card_waits_for_its_red_one_and_not_for_ever(desk: Desk) -> None:
    desk.card(YELLOW)
    desk.wait()
    desk.card(SUPERSEDED)
    desk.wait(desk.pace.replacement - 1)
    assert len(desk.notices()) == 1
    desk.card(SUPERSEDED)  # again: it does not begin to wait anew
    desk.wait()
    assert desk.notified()[1:] == [[("yellow", "ended")]]


def test_a_red_card_of_an_earlier_time_is_not_what_a_yellow_one_turned_into(desk: Desk) -> None:
    desk.card(YELLOW)
    desk.wait()
    desk.card(COMPLETED._replace(raised_at="2021-10-12T00:00:00+08:00", cleared_at="2021-10-12T01:00:00+08:00"))
    desk.card(SUPERSEDED)
    desk.wait()
    assert len(desk.notices()) == 1
    desk.card(RED)
    desk.wait()
    assert desk.notified()[1:] == [[("red", "raised"), ("yellow", "ended")]]


def test_a_yellow_card_under_a_silence_of_its_red_one_ends_with_it(desk: Desk) -> None:
    desk.card(YELLOW)
    desk.wait()
    desk.held = {mirrored_card(NUMBERING.of(RED), "red"): ["silence-1"]}
    desk.card(SUPERSEDED, RED)
    desk.wait(100)
    assert len(desk.notified()) == 1
    desk.card(COMPLETED)  # still silenced
    desk.wait(100)
    assert desk.notified()[1:] == [[("yellow", "ended")]]


def test_the_end_of_a_card_that_moved_unnoticed_goes_to_the_unit_that_got_the_notice(desk: Desk) -> None:
    desk.card(RED)
    desk.wait()
    desk.card(MOVED, COMPLETED._replace(unit=MOVED.unit))
    desk.wait()
    assert units_notified(desk) == [("liangjiang-water", [("red", "raised")]), ("liangjiang-water", [("red", "ended")])]
    assert desk.notices()[-1]["subjects"][0]["unit"] == MOVED.unit


def test_a_card_of_which_only_the_key_is_left_ends_with_what_its_notice_said(desk: Desk) -> None:
    desk.card(YELLOW)
    desk.wait()
    live = Cards()
    (gone,) = live.take([record(YELLOW)._replace(value=None)], caught_up=True)
    desk.card(gone)
    desk.wait()
    (ended,) = desk.notices()[-1]["subjects"]
    assert (ended["status"], ended["reason"], ended["unit"]) == ("ended", "retracted", YELLOW.unit)
    assert (ended["case"], ended["due_at"]) == (YELLOW.case, YELLOW.due_at)


def test_labels_of_an_alert_do_not_say_what_a_notice_says(desk: Desk) -> None:
    desk.alert(Alert("f1", "firing", {**MISSED.labels, "id": "card/1/red", "status": "ended"}, {}))
    desk.wait()
    (notified,) = desk.notices()[0]["subjects"]
    assert (notified["id"], notified["status"]) == ("alert/f1", "raised")


def test_several_promises_of_one_case_are_one_notice_and_another_case_is_another(desk: Desk) -> None:
    desk.card(RED, RED._replace(kpi="K27-2"), RED._replace(case="/units/liangjiang-water W-2"))
    desk.wait()
    assert sorted(len(notice["subjects"]) for notice in desk.notices()) == [1, 2]


def test_a_notice_says_which_case_which_promise_and_until_when(desk: Desk) -> None:
    desk.card(YELLOW)
    desk.wait()
    (notice,) = desk.notices()
    (notified,) = notice["subjects"]
    assert (notice["unit"], notice["plan_time"]) == ("liangjiang-water", "2021-10-11T09:00:00+08:00")
    assert (notified["case"], notified["kpi"], notified["due_at"]) == (YELLOW.case, "K06-1", YELLOW.due_at)


def test_outside_working_hours_a_notice_waits(desk: Desk) -> None:
    desk.open = False
    desk.card(RED)
    desk.alert(MISSED)
    desk.wait(3_600)
    assert desk.notices() == []
    desk.open = True
    desk.wait()
    assert sorted(desk.notified()) == [[("KpiMissed", "raised")], [("red", "raised")]]


def test_a_page_waits_for_no_opening_hours(desk: Desk) -> None:
    desk.open = False
    labels = {"alertname": "PipelineDown", "unit": "operations", "severity": "page"}
    desk.alert(MISSED, Alert("f2", "firing", labels, {}))
    desk.wait()
    desk.alert(Alert("f2", "resolved", labels, {}))
    desk.wait()
    assert desk.notified() == [[("PipelineDown", "raised")], [("PipelineDown", "ended")]]


def test_an_alert_is_notified_when_it_fires_and_when_it_ends_and_not_when_it_is_repeated(desk: Desk) -> None:
    for alert in (MISSED, MISSED, RESOLVED, RESOLVED, MISSED):
        desk.alert(alert)
        desk.wait()
    statuses = [notified[0][1] for notified in desk.notified()]
    assert statuses == ["raised", "ended", "raised"]


def test_a_silenced_card_is_noted_and_notified_when_the_silence_ends(desk: Desk) -> None:
    id = mirrored_card(NUMBERING.of(RED), "red")
    desk.held = {id: ["silence-1"]}
    desk.card(RED)
    desk.wait()
    desk.wait(60)
    assert [(notice["outcome"], notice.get("by")) for notice in desk.notices()] == [("suppressed", ["silence-1"])]
    desk.held = {}
    desk.wait(60)
    assert desk.notified() == [[("red", "raised")]]


def test_a_card_cleared_under_a_silence_is_never_notified(desk: Desk) -> None:
    desk.held = {mirrored_card(NUMBERING.of(RED), "red"): ["silence-1"]}
    desk.card(RED)
    desk.wait()
    desk.card(COMPLETED)
    desk.held = {}
    desk.wait(60)
    desk.restart()
    desk.card(COMPLETED)
    desk.wait(60)
    assert [notice["outcome"] for notice in desk.notices()] == ["suppressed"]


def test_a_silence_is_asked_for_now_and_then_only(desk: Desk) -> None:
    desk.held = {mirrored_card(NUMBERING.of(RED), "red"): ["silence-1"]}
    desk.card(RED)
    for _ in range(100):
        desk.wait(0.5)
    assert desk.asked <= 6


def test_an_alertmanager_that_does_not_answer_delays_a_notice_but_does_not_lose_it(desk: Desk) -> None:
    desk.away = True
    desk.card(RED)
    desk.wait()
    desk.wait(5)
    assert desk.notices() == []
    desk.wait(10)
    (notice,) = desk.notices()
    assert (notice["outcome"], notice["silences"]) == ("delivered", "not asked")


def test_a_notice_that_the_keeper_refuses_again_and_again_does_not_fill_the_ledger(desk: Desk) -> None:
    claim = claim_of(of_card(RED, NUMBERING.of(RED)), RED.unit, 0)
    desk.world.record(Request("r", Kind.NOTICE, "x", claims=(claim,), body={"subjects": 3}))  # nobody can read it
    desk.card(RED)
    for _ in range(100):
        desk.wait(0.5)
    refused = [one for one in desk.world.records() if one.request.kind is Kind.NOT_RECORDED]
    assert 3 <= len(refused) <= 6


LONG = {"x": "值" * 950_000, "summary_zh": "长" * 950_000, **{f"n{n}": "v" * 900 for n in range(900)}}


def test_an_alert_with_long_texts_and_labels_is_cut_and_notified_once_with_those_beside_it(desk: Desk) -> None:
    labels = {**MISSED.labels, **LONG, "unit": "u" * 500 + "\0", "\0": "\0"}
    alerts = [Alert(f"f{n}", "firing", labels | {"severity": "act"}, LONG) for n in range(9)]
    desk.alert(*alerts, Alert("g", "firing", MISSED.labels, {}))
    for _ in range(50):
        desk.wait(0.5)
    assert {one.request.kind for one in desk.world.records()} == {Kind.NOTICE}
    assert sorted(one["id"] for notice in desk.notices() for one in notice["subjects"]) == sorted(
        ["alert/g", *(f"alert/f{n}" for n in range(9))]
    )
    desk.alert(*(Alert(one.fingerprint, "resolved", one.labels, one.annotations) for one in alerts))
    desk.wait()
    ended = [one for notice in desk.notices() for one in notice["subjects"] if one["status"] == "ended"]
    assert len(ended) == 9 and all(one["alertname"] == "KpiMissed" for one in ended)


@pytest.mark.parametrize("change", [{"node": "x" * 950_000}, {"unit": "w" * 500}, {"node": "x" * 1_500_000}])
def test_what_the_ledger_cannot_take_is_asked_for_once_and_keeps_nothing_back(
    desk: Desk, change: dict[str, Any], caplog: pytest.LogCaptureFixture
) -> None:
    desk.card(RED._replace(**change), RED._replace(kpi="K27-2"))
    for _ in range(100):
        desk.wait(0.5)
    assert desk.notified() == [[("red", "raised")]]
    assert len([one for one in desk.world.records() if one.request.kind is Kind.NOT_RECORDED]) <= 2
    assert caplog.text.count("nobody gets it") == 1


def test_a_notice_that_the_keeper_finds_too_large_is_asked_for_in_parts(desk: Desk) -> None:
    desk.card(RED, RED._replace(kpi="K27-2"))
    desk.wait(0.1)
    desk.seconds += 1
    (request,) = desk.due.requests()
    desk.due.impossible(request.id)
    desk.wait()
    assert desk.notified() == [[("red", "raised")]] * 2
    assert asked.is_impossible(refusal("size")) and not asked.is_impossible(refusal("claimed"))


def refusal(reason: str) -> LedgerRecord:
    (record,) = LedgerWorld().record(Request("r", Kind.NOT_RECORDED, "k", body={"request": "q", "reason": reason}))
    return record


def test_what_is_left_of_a_notice_of_which_another_notifier_was_faster_is_notified(desk: Desk) -> None:
    other = Desk()
    other.world = desk.world
    other.restart()
    other.due._ids = Ids("notifier/other/1")
    second = RED._replace(kpi="K27-2")
    other.card(RED)
    other.on_their_way.send([], 0)
    other.seconds = 1
    asked = other.due.requests()
    desk.card(RED, second)
    desk.seconds = 1
    mine = desk.due.requests()
    other.on_their_way.send(asked, 1)
    desk.on_their_way.send(mine, 1)
    desk.read()
    desk.wait(20)
    assert sorted(len(notice["subjects"]) for notice in desk.notices()) == [1, 1]


def test_the_number_of_a_card_hides_the_case_and_is_the_same_for_both_levels() -> None:
    assert NUMBERING.of(YELLOW) == NUMBERING.of(RED)
    assert NUMBERING.of(RED) != NUMBERING.of(RED._replace(case="/units/liangjiang-water W-2021-000124"))
    assert NUMBERING.of(RED) != Numbering(b"another key").of(RED)
    assert "W-2021" not in NUMBERING.of(RED)


def contents(path: Path) -> tuple[dict[str, Any], ...]:
    with contextlib.closing(Journal(path)) as journal:
        return journal.read


def test_a_line_cut_off_by_a_crash_is_removed_and_the_rest_kept(tmp_path: Path) -> None:
    path = tmp_path / "outbox.jsonl"
    path.write_bytes(b'{"a": 1}\n{"b": 2}\n{"c": ')
    journal = Journal(path)
    assert journal.read == ({"a": 1}, {"b": 2})
    journal.append({"d": 4})
    journal.close()
    assert path.read_bytes() == b'{"a": 1}\n{"b": 2}\n{"d":4}\n'


def test_what_could_not_be_written_is_not_there_and_is_written_once_there_is_room(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "outbox.jsonl"
    whole = journal_module._write_all

    def half(file: Any, content: bytes) -> None:
        whole(file, content[: len(content) // 2])
        raise OSError(errno.ENOSPC, "No space left on device")

    with contextlib.closing(Journal(path)) as journal:
        journal.append({"a": 1})
        with monkeypatch.context() as patched:
            patched.setattr(journal_module, "_write_all", half)
            with pytest.raises(OSError, match="No space left"):
                journal.append({"b": 2}, {"c": 3})
        assert path.read_bytes() == b'{"a":1}\n'
        journal.append({"b": 2}, {"c": 3})
    assert contents(path) == ({"a": 1}, {"b": 2}, {"c": 3})


def test_nobody_else_reads_a_journal_also_where_it_was_there_with_wider_rights(tmp_path: Path) -> None:
    before = os.umask(0)
    try:
        new, old = tmp_path / "new" / "outbox.jsonl", tmp_path / "outbox.jsonl"
        old.write_bytes(b'{"a": 1}\n')
        old.chmod(0o666)
        assert (contents(new), contents(old)) == ((), ({"a": 1},))
    finally:
        os.umask(before)
    assert [path.stat().st_mode & 0o777 for path in (new, old, new.parent)] == [0o600, 0o600, 0o700]


def test_two_notifiers_do_not_share_an_outbox(tmp_path: Path) -> None:
    journal = Journal(tmp_path / "outbox.jsonl")
    with pytest.raises(JournalInUse, match="KPIWATCH_OUTBOX"):
        Journal(tmp_path / "outbox.jsonl")
    journal.close()


def record(card: Card, offset: int = 0) -> Record:
    key = "|".join((card.kpi, card.case, str(card.cycle), card.node, card.level)).encode()
    return Record("alert.cards", 0, offset, key, orjson.dumps(card._asdict()))


def test_history_is_not_news_only_the_last_record_of_a_card_counts_at_the_start() -> None:
    cards = Cards()
    assert list(cards.take([record(YELLOW), record(RED)], caught_up=False)) == []
    assert list(cards.take([record(SUPERSEDED)], caught_up=True)) == [SUPERSEDED, RED]
    assert list(cards.take([record(COMPLETED)], caught_up=True)) == [COMPLETED]


def test_a_card_that_new_rules_raised_for_the_past_is_no_news() -> None:
    marked = RED._replace(reason=BY_NEW_RULES)
    for start in ([], [YELLOW._replace(reason=BY_NEW_RULES)]):
        cards = Cards()
        assert list(cards.take([record(card) for card in start], caught_up=True)) == []
        assert list(cards.take([record(marked)], caught_up=True)) == []
        assert list(cards.take([record(COMPLETED)], caught_up=True)) == [COMPLETED]


def test_a_card_that_never_was_is_ended_when_its_record_is_removed() -> None:
    gone = record(RED)._replace(value=None)
    ended = RED._replace(cleared_at=RED.raised_at, reason="retracted")
    live = Cards()
    assert list(live.take([record(RED)], caught_up=True)) == [RED]
    assert list(live.take([gone], caught_up=True)) == [ended]
    after_a_restart = Cards()
    assert list(after_a_restart.take([record(RED), gone], caught_up=False)) == []
    assert list(after_a_restart.take([], caught_up=True)) == [ended]


def test_a_card_that_is_no_longer_in_the_topic_was_retracted() -> None:
    cards = Cards()
    cards.know([YELLOW, RED])
    assert list(cards.take([record(RED)], caught_up=False)) == []
    gone = YELLOW._replace(cleared_at=YELLOW.raised_at, reason="retracted")
    assert list(cards.take([], caught_up=True)) == [RED, gone]
    assert list(cards.take([], caught_up=True)) == []


def test_a_card_whose_record_nobody_can_read_is_not_taken_for_retracted() -> None:
    cards = Cards()
    cards.know([YELLOW])
    assert list(cards.take([record(YELLOW)._replace(value=b"{}")], caught_up=True)) == []


def test_of_an_empty_topic_nothing_is_concluded(caplog: pytest.LogCaptureFixture) -> None:
    cards = Cards()
    cards.know([YELLOW])
    assert list(cards.take([], caught_up=True)) == []
    assert "alert.cards is empty, and 1 cards" in caplog.text


@pytest.mark.parametrize(
    "change",
    [{"level": "purple"}, {"level": 3}, {"cycle": "1"}, {"unit": None}, {"case": ["x"]}, {"kpi": 6}, {"node": 7},
     {"raised_at": 3}, {"cleared_at": {}}],
)  # fmt: skip
def test_a_record_with_a_field_of_another_kind_is_no_card(change: dict[str, Any]) -> None:
    cards = Cards()
    content = orjson.dumps({**YELLOW._asdict(), **change})
    assert list(cards.take([record(YELLOW)._replace(value=content)], caught_up=True)) == []
    assert cards.unreadable == 1


def test_a_record_of_an_older_or_a_later_version_is_a_card() -> None:
    old = {name: value for name, value in YELLOW._asdict().items() if name not in ("node", "due_at", "reason")}
    later = {**YELLOW._asdict(), "later": 1, "due_at": None}
    for content in (old, later):
        (card,) = Cards().take([record(YELLOW)._replace(value=orjson.dumps(content))], caught_up=True)
        assert card == YELLOW._replace(due_at="")


def test_a_key_names_the_card_also_where_its_case_has_a_bar_in_it() -> None:
    key = b"K06-1|/units/liangjiang-water\x1fW|1|2|site_survey|red"
    (card,) = Cards().take([Record("alert.cards", 0, 0, key, None)], caught_up=True)
    assert (card.case, card.cycle, card.node, card.level) == ("/units/liangjiang-water W|1", 2, "site_survey", "red")


@pytest.mark.parametrize("key", [b"", b"K06-1", b"\xff|a|1|-|red", b"K06-1|case|x|-|red", b"K06-1|case|1|-|blue"])
def test_a_removed_record_with_another_key_is_passed_over(key: bytes) -> None:
    found = list(Cards().take([Record("alert.cards", 0, 0, key, None)], caught_up=True))
    assert [card.kpi for card in found] == (["\ufffd"] if key.startswith(b"\xff") else [])


def test_a_record_that_is_no_card_is_passed_over_without_showing_it(caplog: pytest.LogCaptureFixture) -> None:
    cards = Cards()
    broken = Record("alert.cards", 3, 7, b"K06-1|SECRET", b'{"case": "SECRET"}')
    removed = Record("alert.cards", 3, 8, b"K06-1|SECRET", None)
    assert list(cards.take([broken, removed, record(RED)], caught_up=True)) == [RED]
    assert cards.unreadable == 1
    assert "offset 7" in caplog.text
    assert "SECRET" not in caplog.text


def webhook(*alerts: Alert) -> dict[str, Any]:
    return {
        "version": "4",
        "groupKey": '{}:{unit="liangjiang-water"}',
        "status": "firing",
        "receiver": "act",
        "alerts": [{**alert.written(), "startsAt": "2026-01-01T00:00:00Z", "generatorURL": ""} for alert in alerts],
    }


TOKEN = "0123456789abcdef" * 4
BEARER = {"Authorization": f"Bearer {TOKEN}"}


def posted(app: FastAPI, content: dict[str, Any]) -> httpx.Response:
    return request(app, "POST", "/alerts", json=content, headers=BEARER)


def test_an_accepted_alert_survives_a_restart_and_a_repeated_one_is_written_once(tmp_path: Path) -> None:
    path = tmp_path / "alerts.jsonl"
    journal = Journal(path)
    accepted = AcceptedAlerts(journal)
    app = notifier_app(accepted.accept, alive=lambda: True, ready=lambda: True, token=TOKEN)
    for _ in range(3):
        assert posted(app, webhook(MISSED)).status_code == 200
    assert list(accepted.take()) == [MISSED]
    journal.close()
    assert len(path.read_bytes().splitlines()) == 1
    with contextlib.closing(Journal(path)) as journal:
        assert list(AcceptedAlerts(journal).take()) == [MISSED]


def test_a_webhook_that_cannot_be_written_down_is_not_acknowledged(tmp_path: Path) -> None:
    journal = Journal(tmp_path / "alerts.jsonl")
    journal.close()
    app = notifier_app(AcceptedAlerts(journal).accept, alive=lambda: True, ready=lambda: True, token=TOKEN)
    with pytest.raises(ValueError, match="closed file"):  # a 500 for the Alertmanager, which then sends again
        posted(app, webhook(MISSED))


@pytest.mark.parametrize(
    ("content", "fault"),
    [
        ({}, "alerts: Field required"),
        ({"alerts": 3}, "alerts: Input should be a valid array"),
        ({"alerts": [{}]}, "alerts.0.fingerprint: Field required"),
        ({"alerts": [{**MISSED.written(), "status": "SECRET"}]}, "alerts.0.status: Input should be 'firing' or 'res"),
        ({"alerts": [{**MISSED.written(), "labels": {"kpi": 7}}]}, "alerts.0.labels: Input should be a valid string"),
        ({"alerts": [{**MISSED.written(), "fingerprint": "../SECRET"}]}, "alerts.0.fingerprint: String should match"),
        ({"alerts": [{}] * 1_000}, "and 2995 more"),
    ],
)
def test_what_is_no_webhook_is_refused_with_a_sentence_that_shows_nothing_of_it(
    content: dict[str, Any], fault: str
) -> None:
    accepted: list[Alert] = []
    app = notifier_app(accepted.extend, alive=lambda: True, ready=lambda: True, token=TOKEN)
    answer = posted(app, content)
    assert answer.status_code == 422
    assert fault in answer.text
    assert len(answer.text) < 1_000
    assert "SECRET" not in answer.text
    assert accepted == []


@pytest.mark.parametrize("body", [b"", b"{", b"\xff\xfe", b"[" * 100_000, b'{"alerts": ["\\ud800"]}', b"NaN"])
def test_bytes_that_are_no_json_are_refused(body: bytes) -> None:
    app = notifier_app(lambda alerts: None, alive=lambda: True, ready=lambda: True, token=TOKEN)
    assert request(app, "POST", "/alerts", content=body, headers=BEARER).status_code == 422


def test_fields_of_later_versions_are_neither_stored_nor_passed_on(tmp_path: Path) -> None:
    path = tmp_path / "alerts.jsonl"
    with contextlib.closing(Journal(path)) as journal:
        accepted = AcceptedAlerts(journal)
        app = notifier_app(accepted.accept, alive=lambda: True, ready=lambda: True, token=TOKEN)
        content = webhook(MISSED) | {"later": "SECRET"}
        content["alerts"][0]["later"] = "SECRET"
        assert posted(app, content).status_code == 200
        assert list(accepted.take()) == [MISSED]
    assert "SECRET" not in path.read_text()


@pytest.mark.parametrize(
    "headers",
    [{}, {"Authorization": ""}, {"Authorization": "Bearer "}, {"Authorization": "Bearer TOKEN"},
     {"Authorization": f"Basic {TOKEN}"}, {"Authorization": TOKEN}, {"Authorization": f"Bearer {TOKEN}x"}],
)  # fmt: skip
def test_without_the_token_nothing_is_read_or_accepted(headers: dict[str, str]) -> None:
    accepted: list[Alert] = []
    app = notifier_app(accepted.extend, alive=lambda: True, ready=lambda: True, token=TOKEN)
    answer = request(app, "POST", "/alerts", json=webhook(MISSED), headers=headers)
    assert (answer.status_code, answer.headers["WWW-Authenticate"]) == (401, "Bearer")
    assert "KPIWATCH_WEBHOOK_TOKEN_FILE" in answer.text
    assert accepted == []
    assert request(app, "POST", "/alerts", content=b"{", headers=headers).status_code == 401


def test_a_body_that_is_too_large_is_refused_whether_or_not_it_says_how_large_it_is() -> None:
    accepted: list[Alert] = []
    app = notifier_app(accepted.extend, alive=lambda: True, ready=lambda: True, token=TOKEN)
    sent = 0

    async def endless() -> AsyncIterator[bytes]:
        nonlocal sent
        while True:
            sent += 2**16
            yield b" " * 2**16

    assert request(app, "POST", "/alerts", content=b" " * (MOST_BYTES + 1), headers=BEARER).status_code == 413
    with contextlib.suppress(BrokenPipeError):
        assert request(app, "POST", "/alerts", content=endless(), headers=BEARER).status_code == 413
    assert sent <= MOST_BYTES + 2**17
    fits = orjson.dumps(webhook(MISSED))
    fits += b" " * (MOST_BYTES - len(fits))
    assert request(app, "POST", "/alerts", content=fits, headers=BEARER).status_code == 200
    assert accepted == [MISSED]


def test_health_and_readiness() -> None:
    app = notifier_app(lambda alerts: None, alive=lambda: True, ready=lambda: False, token=TOKEN)
    assert (get(app, "/-/healthy").status_code, get(app, "/-/ready").status_code) == (200, 503)


class Double:
    """An Alertmanager that keeps what it was sent."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.posted: list[list[dict[str, Any]]] = []
        self.away = False
        monkeypatch.setattr(Alertmanager, "_asked", self._asked)

    def _asked(self, method: str, path: str, **what: Any) -> httpx.Response:
        if self.away:
            raise AlertmanagerAway("no answer")
        self.posted.append(what["json"])
        return httpx.Response(200)


@pytest.fixture
def double(monkeypatch: pytest.MonkeyPatch) -> Double:
    return Double(monkeypatch)


@pytest.fixture(scope="module")
def plan() -> Plan:
    return load_plan(JIANGBEI)


@pytest.fixture
def alertmanager() -> Iterator[Alertmanager]:
    client = Alertmanager("http://127.0.0.1:1")
    yield client
    client.close()


def test_a_card_is_mirrored_at_once_again_before_it_ends_and_ended_when_cleared(
    double: Double, alertmanager: Alertmanager, plan: Plan
) -> None:
    mirror = Mirror(alertmanager, plan)
    began, number = datetime(2026, 1, 1, 10, tzinfo=UTC), NUMBERING.of(RED)
    mirror.take(RED, number, began)
    mirror.send(began, 0)
    mirror.send(began, 30)
    mirror.send(began, 61)
    mirror.take(COMPLETED, number, began)
    mirror.send(began, 62)
    mirror.send(began, 200)
    first, again, end = (batch[0] for batch in double.posted)
    assert first["startsAt"] == again["startsAt"] == "2026-01-01T10:00:00+00:00"
    assert (first["endsAt"], end["endsAt"]) == ("2026-01-01T10:05:00+00:00", "2026-01-01T10:00:00+00:00")
    said = first["annotations"]
    assert said["summary_zh"].startswith("两江水务的红牌：小型项目供水接入（无外线）（K06-1），应于")
    assert (said["unit_zh"], said["action_zh"]) == ("两江水务", "当日处理")
    assert (said["due_zh"], said["due_en"]) == ("应于2021年10月12日24时前完成", "due 2021-10-12 24:00")
    assert (said["raised_zh"], said["raised_en"]) == ("2021年10月13日0时", "2021-10-13 00:00")
    assert said["dashboard"] == "d/kpiwatch-unit?var-unit=liangjiang-water"
    assert (said["runbook"], "runbook_url" in said) == ("deploy/runbooks/CardOpen.md", False)
    assert "W-2021" not in str(double.posted)


def test_a_card_that_moves_ends_at_the_alertmanager_for_the_unit_that_held_it(
    double: Double, alertmanager: Alertmanager, plan: Plan
) -> None:
    mirror, number = Mirror(alertmanager, plan), NUMBERING.of(RED)
    now = datetime(2026, 1, 1, 10, tzinfo=UTC)
    mirror.take(RED, number, now)
    mirror.send(now, 0)
    for card in (MOVED, RED, MOVED):
        mirror.take(card, number, now)
    mirror.send(now, 1)
    mirror.send(now, 62)
    ends = sorted((alert["labels"]["unit"], alert["endsAt"][11:16]) for alert in double.posted[1])
    assert ends == [("liangjiang-water", "10:00"), ("sino-french-water", "10:05")]
    assert [alert["labels"]["unit"] for alert in double.posted[2]] == ["sino-french-water"]


def test_a_card_that_ended_while_no_notifier_ran_is_ended_at_the_alertmanager_if_it_may_be_there(
    double: Double, alertmanager: Alertmanager, plan: Plan
) -> None:
    now, number = datetime(2026, 1, 1, 10, tzinfo=UTC), NUMBERING.of(RED)
    before, after = Mirror(alertmanager, plan), Mirror(alertmanager, plan)
    before.take(RED, number, now)
    before.send(now, 0)
    after.take(COMPLETED, number, now)
    after.send(now, 0)
    assert len(double.posted) == 1
    after.take(COMPLETED, number, now, was_there=True)
    after.send(now, 1)
    (first,), (end,) = double.posted
    assert end["labels"] == first["labels"]
    assert end["endsAt"] == now.isoformat()


def test_the_mirrored_card_of_a_node_names_it(double: Double, alertmanager: Alertmanager, plan: Plan) -> None:
    mirror, card = Mirror(alertmanager, plan), RED._replace(node="site_survey")
    mirror.take(card, NUMBERING.of(card), datetime(2026, 1, 1, tzinfo=UTC))
    mirror.send(datetime(2026, 1, 1, tzinfo=UTC), 0)
    said = double.posted[0][0]["annotations"]
    assert "node site survey" in said["summary_en"]
    assert said["summary_zh"].startswith("两江水务的红牌：小型项目供水接入（无外线），现场查勘环节（K06-1），应于")


@pytest.mark.parametrize(
    ("written", "zh"),
    [
        ("2021-10-25T23:59:59.999999+08:00", "应于2021年10月25日24时前完成"),
        ("2021-11-08T09:50:00+08:00", "应于2021年11月8日9时50分前完成"),
        ("", "暂停计时，期限未定"),
        ("soon", "期限soon"),
    ],
)
def test_a_due_time_is_written_as_an_official_writes_it(written: str, zh: str) -> None:
    assert due_words(written).zh == zh


def test_what_a_card_is_called_is_the_plans_to_say(plan: Plan) -> None:
    terms = Terms(yellow_card=Title(zh="预警", en="warning"))
    district = plan.model_copy(update={"names": plan.names.model_copy(update={"terms": terms})})
    said = CardSentences(district).of(YELLOW)
    assert said.zh.startswith("预警：") and said.en.startswith("warning: ")
    assert YELLOW.case not in said.zh + said.en


def test_a_card_of_a_broken_rule_names_the_rule_and_a_cleared_one_says_why(plan: Plan) -> None:
    broken = YELLOW._replace(kpi="K27-1", level="red", due_at="")
    assert CardSentences(plan).of(broken).zh.endswith("（K27-1），不符合要求：免办建设用地规划许可证，取消放验线手续")
    cleared = YELLOW._replace(cleared_at="2021-10-25T10:00:00+08:00", reason="completed")
    assert CardSentences(plan).of(cleared).zh.startswith("黄牌已解除（已完成）：")


def test_an_alert_that_the_alertmanager_refuses_holds_up_no_other(
    alertmanager: Alertmanager, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    sent: list[Any] = []

    def answer(method: str, path: str, **what: Any) -> httpx.Response:
        sent.append(what["json"])
        return httpx.Response(400 if len(sent) == 1 else 200, request=httpx.Request(method, "http://am"))

    monkeypatch.setattr(alertmanager._client, "request", answer)
    alertmanager.post([{"n": number} for number in range(501)])
    assert [len(batch) for batch in sent] == [500, 1]
    assert "refuses" in caplog.text


def test_a_mirrored_card_never_ends_before_it_starts(double: Double, alertmanager: Alertmanager, plan: Plan) -> None:
    mirror, now, number = Mirror(alertmanager, plan), datetime(2026, 1, 1, tzinfo=UTC), NUMBERING.of(RED)
    mirror.take(RED, number, now)
    mirror.send(now, 0)
    mirror.take(COMPLETED, number, now)
    mirror.send(datetime(2025, 12, 31, tzinfo=UTC), 1)  # the clock was set back
    assert double.posted[1][0]["endsAt"] == double.posted[1][0]["startsAt"]


def test_accepted_alerts_of_another_form_are_passed_over(tmp_path: Path) -> None:
    path = tmp_path / "alerts.jsonl"
    good = orjson.dumps(MISSED.written())
    others = [{}, {**MISSED.written(), "status": "later"}, {**MISSED.written(), "labels": "x"},
              {**MISSED.written(), "labels": {"a": 1}}, {**MISSED.written(), "fingerprint": 3}]  # fmt: skip
    path.write_bytes(b"\n".join([*map(orjson.dumps, others), good, b"torn"]))
    with contextlib.closing(Journal(path)) as journal:
        assert list(AcceptedAlerts(journal).take()) == [MISSED]


def test_what_the_alertmanager_missed_is_sent_when_it_is_back(
    double: Double, alertmanager: Alertmanager, plan: Plan
) -> None:
    mirror, now, number = Mirror(alertmanager, plan), datetime(2026, 1, 1, tzinfo=UTC), NUMBERING.of(RED)
    double.away = True
    mirror.take(RED, number, now)
    with pytest.raises(AlertmanagerAway):
        mirror.send(now, 0)
    mirror.take(COMPLETED, number, now)
    double.away = False
    mirror.send(now, 1)
    assert [alert["endsAt"] for alert in double.posted[0]] == ["2026-01-01T00:00:00+00:00"]


@pytest.mark.parametrize("answer", [200, 302, 400, 401, 500, None])
def test_user_and_password_of_the_alertmanager_are_sent_and_in_no_sentence_and_no_log(
    answer: int | None, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    sent: list[str] = []

    def handle(self: httpx.HTTPTransport, request: httpx.Request) -> httpx.Response:
        sent.append(request.headers["authorization"])
        if answer is None:
            raise httpx.ConnectError("refused", request=request)
        return httpx.Response(answer, text="{}", request=request)

    monkeypatch.setattr(httpx.HTTPTransport, "handle_request", handle)
    caplog.set_level(logging.DEBUG)
    with contextlib.closing(Alertmanager("http://user:s3cret@127.0.0.1:19093/am")) as client:
        with pytest.raises(AlertmanagerAway) as refusal:
            client.listed()
        with contextlib.suppress(AlertmanagerAway):
            client.post([{"labels": {}}])
    assert sent == ["Basic " + b64encode(b"user:s3cret").decode()] * 2
    assert "127.0.0.1:19093" in str(refusal.value)
    assert "s3cret" not in str(refusal.value) + caplog.text and "user" not in str(refusal.value) + caplog.text
