"""From the record of a notice to the provider and back (docs/notices.md): with a ledger in memory and providers that
answer what a test wants."""

import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

import orjson
import pytest

from services.catalog.load.plan_folder import load_plan
from services.domain.plan.plan import Plan
from services.domain.results.published import Card
from services.domain.time.zone import Zone
from services.messaging.records.ledger import MOST_CLAIMS, Kind, LedgerRecord, Request
from services.notifier import courier, taking_over
from services.notifier.asked import REPEAT_SECONDS, Asked
from services.notifier.attempts import Pace
from services.notifier.channels.message import FOR_EVER, Accepted, Message, Outcome, Refused, Retry, Uncertain
from services.notifier.channels.rate_limit import Limit
from services.notifier.courier import Courier, Surroundings
from services.notifier.due_notices import Clocks, DueNotices, Ids
from services.notifier.due_notices import Pace as Collecting
from services.notifier.notice_state import End, NoticeState, state_of
from services.notifier.notice_subject import Alert, Numbering, card_id, of_alert, of_card
from services.notifier.notice_text import NoticeTexts, message_of
from services.notifier.recipients import LAST_WAY
from services.runtime.settings import Settings
from tests.unit.ledger_world import LedgerWorld
from tests.unit.test_notices import AtOnce

UNIT = "liangjiang-water"
NUMBERING = Numbering(b"key of the test")
RANDOM = random.Random(14)
RED = Card(
    "K06-1", f"/units/{UNIT} W-2021-000123", 1, "-", "red", UNIT,
    "2021-10-20T00:00:00+08:00", "2021-10-25T23:59:59.999999+08:00", "", "",
)  # fmt: skip
DONE = RED._replace(cleared_at="2021-10-26T10:00:00+08:00", reason="completed")
NOW = Zone("Asia/Shanghai").instant(datetime(2021, 10, 20, 9, 5))


@pytest.fixture(scope="module")
def plan() -> Plan:
    return load_plan(Settings().plan)


@dataclass
class Provider:
    """Answers in this order, and accepts when there is nothing left."""

    window_seconds: float = FOR_EVER
    answers: list[Outcome] = field(default_factory=list)
    known: bool | None = None
    sent: list[tuple[bytes, str]] = field(default_factory=list)
    limits: Sequence[Limit] = ()
    limits_of_recipient: Sequence[Limit] = ()

    def render(self, message: Message) -> bytes:
        return f"{message.number} {message.title}".encode()

    def send(self, rendered: bytes, key: str) -> Outcome:
        self.sent.append((rendered, key))
        return self.answers.pop(0) if self.answers else Accepted("p")

    def was_accepted(self, key: str) -> bool | None:
        return self.known


@dataclass(frozen=True)
class To:
    id: str
    channels: tuple[tuple[str, Provider], ...]
    quiet: tuple[datetime, ...] = ()


class Office:
    """One ledger, and notifiers that read it."""

    def __init__(self, resort: Provider | None = None, **channels: Provider) -> None:
        self.seconds = 0.0
        self.resort = resort
        self.world = LedgerWorld(lambda: int(self.seconds * 1e6))
        self.to = To(f"{UNIT}/duty", tuple(channels.items()))
        self.others: dict[str, To] = {}
        self.open, self.quiet = True, False
        self.notifiers = [Process(self, "notifier/a/1")]

    def recipient(self, id: str) -> To | None:
        """The recipient of an id, with the last way where the office has one."""
        found = self.to if id == self.to.id else self.others.get(id)
        if self.resort is None:
            return found
        channels = found.channels if found is not None else ()
        return To(id, (*channels, (LAST_WAY, self.resort)))

    def notify(self, *subjects: str, urgent: bool = False, to: str = "") -> int:
        """The number of a new notice about these subjects."""
        contents = [{"id": one, "family": one, "status": "raised"} for one in subjects]
        body = {"subjects": contents, "recipients": [to or self.to.id], "title": "T", "urgent": urgent}
        (record,) = self.world.record(Request(f"n{len(self.world.log)}", Kind.NOTICE, "x", unit=UNIT, body=body))
        return record.number

    def run(self, seconds: float = 0.0, times: int = 6) -> None:
        self.seconds += seconds
        for _ in range(times):
            for notifier in self.notifiers:
                notifier.step()

    def kinds(self) -> list[str]:
        return [one.request.kind.value for one in self.world.records() if one.request.kind is not Kind.NOTICE]


class Process:
    """A notifier, as far as it delivers."""

    def __init__(self, office: Office, writer: str) -> None:
        self.office = office
        self.state = NoticeState()
        self.ledger = office.world.client()
        self.asked = Asked(self.ledger)
        around = Surroundings(
            recipient=office.recipient,
            message=lambda notice: message_of(notice, "https://desk.example"),
            is_open=lambda unit: office.open,
            is_quiet=lambda recipient: office.quiet,
            now=lambda: office.seconds,
        )
        self.courier = Courier(self.state, around, Ids(writer), Pace())

    def read(self) -> None:
        for record in self.ledger.poll():
            self.state.note(record)
            request = self.asked.take(record)
            if request is not None:
                self.courier.answered(request, record)

    def step(self) -> None:
        self.read()
        self.asked.send(self.courier.requests(), self.office.seconds)
        for request in self.asked.impossible():
            self.courier.impossible(request)
        self.read()


@pytest.fixture(autouse=True)
def _at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(courier, "ThreadPoolExecutor", AtOnce)


def test_a_provider_is_called_after_the_record_of_the_attempt_and_its_answer_is_recorded() -> None:
    app = Provider()
    office = Office(app=app)
    number = office.notify("card/1/red")
    office.world.keeper_works = False
    office.run()
    assert app.sent == []
    office.world.keeper_works = True
    office.run()
    assert office.kinds() == ["sending", "accepted"]
    sending, accepted = (one.request.body for one in office.world.records()[1:])
    assert app.sent == [(sending["rendered"].encode(), sending["key"])]
    assert sending["key"].startswith(f"kw-{number}-") and sending["rendered"] == f"{number} T"
    assert accepted["provider_id"] == "p"


def test_of_two_notifiers_one_calls_the_provider() -> None:
    app = Provider(window_seconds=0.0)
    office = Office(app=app)
    office.notifiers.append(Process(office, "notifier/b/1"))
    for subject in "abc":
        office.notify(subject)
    office.run(times=20)
    assert len(app.sent) == 3
    assert office.kinds().count("accepted") == 3


def test_two_notifiers_that_ask_at_once_leave_it_to_the_keeper() -> None:
    app = Provider()
    office = Office(app=app)
    office.notifiers.append(Process(office, "notifier/b/1"))
    office.notify("a")
    office.world.keeper_works = False
    office.run(times=1)
    office.world.keeper_works = True
    office.run()
    assert office.kinds() == ["sending", "not_recorded", "accepted"]
    assert len(app.sent) == 1


def test_an_error_is_repeated_with_the_same_bytes_and_key_and_a_channel_that_refuses_is_left() -> None:
    app, robot = Provider(answers=[Retry("busy"), Refused("no rights")]), Provider()
    office = Office(app=app, robot=robot)
    office.notify("a")
    office.run()
    office.run(10)
    assert office.kinds() == ["sending", "retry", "sending", "refused", "sending", "accepted"]
    assert len(set(app.sent)) == 1 and len(app.sent) == 2
    assert robot.sent == app.sent[:1]


def test_a_notice_that_nobody_takes_ends_and_says_so() -> None:
    office = Office(app=Provider(answers=[Refused("no rights")]))
    office.notify("a")
    office.run()
    assert office.kinds() == ["sending", "refused", "refused"]
    state = state_of(office.world.records())
    assert (state.under_way, state.ended[UNIT, End.REFUSED]) == ({}, 1)


@pytest.mark.parametrize(
    ("answer", "end"), [(Refused("no such member"), End.REFUSED), (Uncertain("no answer"), End.UNCERTAIN)]
)
def test_a_notice_that_no_channel_takes_is_in_the_file_and_says_so(answer: Outcome, end: End) -> None:
    file = Provider(answers=[Retry("the disk is full")])
    office = Office(file, app=Provider(0.0, answers=[answer]), robot=Provider(0.0, answers=[answer]))
    office.notify("a")
    office.run(times=20)
    office.run(60)
    assert len(file.sent) == 2
    state = state_of(office.world.records())
    assert (state.under_way, state.ended) == ({}, {(UNIT, end): 1})


def test_a_notice_of_a_recipient_who_has_no_channel_is_in_the_file() -> None:
    office = Office(Provider())
    office.notify("a")
    office.run()
    assert state_of(office.world.records()).ended == {(UNIT, End.FILE): 1}


def test_a_channel_that_is_down_is_waited_for_and_the_file_is_not_used() -> None:
    app = Provider(answers=[Retry("down")] * 8)
    file = Provider()
    office = Office(file, app=app)
    office.notify("a")
    for _ in range(20):
        office.run(900)
    assert len(app.sent) == 9 and file.sent == [] and office.notifiers[0].state.under_way == {}


def test_a_notice_to_somebody_who_is_gone_is_in_the_file() -> None:
    file = Provider()
    office = Office(file, app=Provider())
    office.notify("a")
    office.to = To("other", ())
    office.run()
    assert len(file.sent) == 1 and office.kinds() == ["sending", "accepted"]


def test_the_end_of_a_card_is_sent_after_its_beginning_and_other_cards_do_not_wait() -> None:
    app = Provider(answers=[Retry("busy", after_seconds=60)])
    office = Office(app=app)
    for subjects in (("card/1/red",), ("card/1/red", "card/2/red"), ("card/3/red",)):
        office.notify(*subjects)
    office.run(times=20)
    assert [int(rendered.split()[0]) for rendered, _ in app.sent] == [1, 3]
    office.run(61, times=20)
    assert [int(rendered.split()[0]) for rendered, _ in app.sent] == [1, 3, 1, 2]


@pytest.mark.parametrize(("window", "kinds"), [(FOR_EVER, ["sending", "sending", "accepted"]),
                                               (0.0, ["sending", "uncertain", "sending", "accepted"])])  # fmt: skip
def test_a_crash_after_the_call_repeats_with_the_key_or_is_marked(window: float, kinds: list[str]) -> None:
    app = Provider(window_seconds=window)
    office = Office(app=app)
    office.notify("a")
    office.run(times=1)  # `sending` is recorded, the provider called, and its outcome asked for by nobody
    office.notifiers = [Process(office, "notifier/a/2")]
    office.run()
    assert office.kinds() == kinds
    assert len(set(app.sent)) == 1 and len(app.sent) == 2


def test_a_channel_without_keys_is_called_one_at_a_time() -> None:
    robot = Provider(window_seconds=0.0)
    office = Office(robot=robot)
    for subject in "abcdefgh":
        office.notify(subject)
    for _ in range(40):
        office.run(times=1)
        records = office.world.records()
        begun = sum(one.request.kind is Kind.SENDING for one in records)
        assert begun - sum(one.request.kind is Kind.ACCEPTED for one in records) <= 1
    assert len(robot.sent) == 8


class Dead(Provider):
    """It takes 20 seconds, and cannot be reached."""

    office: "Office"

    def send(self, rendered: bytes, key: str) -> Outcome:
        self.office.seconds += 20
        self.sent.append((rendered, key))
        return Retry("it cannot be reached")


@pytest.mark.parametrize("window", [0.0, FOR_EVER])
def test_an_account_that_is_down_keeps_no_other_back(window: float) -> None:
    mail, robot = Dead(window), Provider(0.0)
    office = mail.office = Office(mail=mail)
    for number in range(60):
        office.notify(f"m{number}")
    office.others["r/duty"] = To("r/duty", (("robot", robot),))
    office.notify("r", to="r/duty")
    office.run(times=2)
    office.run(10)
    assert len(robot.sent) == 1
    begun = len(mail.sent)
    office.run(1, times=20)
    assert len(mail.sent) == begun <= 16  # it rests
    office.run(900, times=20)
    assert len(mail.sent) == begun + 2  # one trial, and another: one alone may have failed by itself


def test_an_account_that_is_down_for_long_is_left_for_the_next_one_by_all_notices() -> None:
    mail, robot = Dead(0.0), Provider(0.0)
    office = mail.office = Office(mail=mail, robot=robot)
    for number in range(20):
        office.notify(f"m{number}")
    office.run(times=3)
    assert robot.sent == []
    for _ in range(8):
        office.run(100, times=60)
    assert len(robot.sent) == 20 and len(mail.sent) < 10


def test_an_account_that_refuses_as_a_whole_rests_and_a_channel_that_cannot_say_is_uncertain() -> None:
    class Broken(Provider):
        def was_accepted(self, key: str) -> bool | None:
            raise KeyError("SECRET")

    app = Broken(0.0, answers=[*[Retry("wrong secret", 600, of_account=True)] * 2, Uncertain("no answer")])
    office = Office(app=app)
    for number in range(5):
        office.notify(f"m{number}")
    office.run(times=20)
    assert len(app.sent) == 2
    office.run(601, times=60)
    assert len(app.sent) == 5 + 2 and not office.notifiers[0].state.under_way


def test_a_notice_that_its_provider_cannot_stand_keeps_no_other_back() -> None:
    """A receiver that answers one notice, and no other, as if the account were refused."""

    class Odd(Provider):
        def send(self, rendered: bytes, key: str) -> Outcome:
            self.sent.append((rendered, key))
            return Retry("HTTP 403", 600, of_account=True) if rendered.startswith(b"1 ") else Accepted()

    hook = Odd()
    office = Office(Provider(), hook=hook)
    for number in range(100):
        office.notify(f"m{number}")
    office.run(times=40)
    assert len({rendered for rendered, _ in hook.sent}) == 100
    for _ in range(20):
        office.run(601)
    assert len(hook.sent) > 110
    assert state_of(office.world.records()).used[f"{UNIT}/duty", "hook"].failure == "HTTP 403"


def test_a_provider_of_which_every_second_call_fails_is_used_all_the_same() -> None:
    class Half(Provider):
        def send(self, rendered: bytes, key: str) -> Outcome:
            self.sent.append((rendered, key))
            return Retry("HTTP 503", of_account=True) if RANDOM.random() < 0.5 else Accepted()

    for window in (0.0, FOR_EVER):
        office = Office(hook=Half(window))
        for number in range(60):
            office.notify(f"m{number}")
        for _ in range(2_000):
            office.run(0.3, times=1)
            if not office.notifiers[0].state.under_way:
                break
        assert not office.notifiers[0].state.under_way


def test_the_limits_of_a_provider_are_kept_before_an_attempt_begins_and_after_a_start() -> None:
    robot = Provider(0.0, limits=(Limit(3, 60.0),))
    office = Office(robot=robot)
    for number in range(9):
        office.notify(f"m{number}")
    times: list[float] = []
    for start in range(1, 200):
        office.run(1)
        assert len(robot.sent) == office.kinds().count("sending") == office.kinds().count("accepted")
        times += [office.seconds] * (len(robot.sent) - len(times))
        if start % 7 == 0:
            office.notifiers = [Process(office, f"notifier/a/{start}")]
    assert len(times) == 9
    assert all(later - earlier >= 60 for earlier, later in zip(times, times[3:], strict=False))


def test_a_provider_that_closes_an_account_is_not_called_before_the_time_by_a_later_start_either() -> None:
    app = Provider(answers=[Retry("too many", 600, of_account=True, closes=True)])
    office = Office(app=app)
    office.notify("a")
    office.run()
    office.notifiers = [Process(office, "notifier/a/2")]
    office.notify("b")
    office.run(598, times=60)
    assert len(app.sent) == 1 and office.kinds() == ["sending", "retry"]
    office.run(3)
    office.run(20)
    assert len(app.sent) == 3


def test_one_recipient_who_has_had_enough_keeps_no_other_back() -> None:
    app = Provider(limits_of_recipient=(Limit(2, 60.0),))
    office = Office(app=app)
    for number in range(40):
        office.notify(f"m{number}")
    office.others["r/duty"] = To("r/duty", (("app", app),))
    office.notify("r", to="r/duty")
    office.run(times=20)
    assert len(app.sent) == 3 and app.sent[-1][0].startswith(b"41 ")


def test_what_is_urgent_goes_before_what_waits_for_the_same_account() -> None:
    robot = Provider(0.0, limits=(Limit(1, 60.0),))
    office = Office(robot=robot)
    for number in range(20):
        office.notify(f"m{number}")
    office.run()
    office.notify("fire", urgent=True)
    office.run(1)
    office.run(60)
    assert [int(rendered.split()[0]) for rendered, _ in robot.sent] == [1, 23]


def test_a_file_that_knows_the_notices_of_another_ledger_has_those_of_the_new_one_too() -> None:
    keys: set[str] = set()
    for ledger in range(2):
        app = Provider()
        office = Office(app=app)
        office.seconds = ledger
        office.notify("a")
        office.run()
        keys.update(key for _, key in app.sent)
    assert len(keys) == 2 and all(key.startswith("kw-1-") for key in keys)


def test_an_attempt_whose_record_comes_late_calls_nobody() -> None:
    app = Provider()
    office = Office(app=app)
    office.notify("a")
    office.world.keeper_works = False
    office.run(times=1)
    office.seconds += Pace().abandoned
    office.world.keeper_works = True
    office.run(times=2)
    assert app.sent == [] and office.kinds()[:2] == ["sending", "retry"]
    office.run(10)
    assert len(app.sent) == 1


def test_quiet_hours_hold_back_what_is_not_urgent_and_closed_hours_a_repeat() -> None:
    app = Provider(answers=[Retry("busy"), Retry("busy")])
    office = Office(app=app)
    office.quiet = True
    office.notify("a")
    office.run()
    assert app.sent == []
    office.quiet, office.open = False, False
    office.run(1)
    assert len(app.sent) == 1  # it was due in opening hours
    office.run(60)
    assert len(app.sent) == 1
    office.notify("b", urgent=True)
    office.quiet = True
    office.run(60)
    office.run(60)
    assert [rendered.split()[0] for rendered, _ in app.sent] == [b"1", b"4", b"4"]


def test_a_channel_that_fails_with_an_exception_is_uncertain_and_shows_nothing(
    caplog: pytest.LogCaptureFixture,
) -> None:
    class Broken(Provider):
        def send(self, rendered: bytes, key: str) -> Outcome:
            raise KeyError("SECRET")

    office = Office(app=Broken(window_seconds=0.0), file=Provider())
    office.notify("a")
    office.run()
    assert office.kinds() == ["sending", "uncertain", "uncertain", "sending", "accepted"]
    assert "SECRET" not in caplog.text + str(office.world.log)


def test_a_message_that_the_ledger_cannot_take_goes_by_another_channel() -> None:
    class Wide(Provider):
        def render(self, message: Message) -> bytes:
            return b"x" * 950_000

    robot, file = Wide(), Provider()
    office = Office(robot=robot, file=file)
    office.notify("a")
    office.run()
    assert robot.sent == [] and len(file.sent) == 1
    assert office.kinds() == ["sending", "accepted"]


def test_what_no_keeper_can_record_is_not_sent_and_holds_up_nothing_behind_it() -> None:
    world = LedgerWorld()
    asked = Asked(world.client())
    bodies: list[dict[str, Any]] = [{"x": "x" * 1_100_000}, {"x": object()}, {"x": 1e400}, {"x": "\ud800"}]
    wrong = [Request(f"wrong-{n}", Kind.NOTICE, "n", body=body) for n, body in enumerate(bodies)]
    wrong.append(Request("wrong-claim", Kind.NOTICE, "n", claims=("c" * 500,)))
    asked.send([*wrong, Request("fine", Kind.NOTICE, "n")], 0.0)
    assert asked.impossible() == wrong and asked.impossible() == []
    asked.send([], 2 * REPEAT_SECONDS)
    assert {one.request.id for one in world.keep()} == {"fine"} and not any(one.id in asked for one in wrong)


def test_a_message_that_a_channel_cannot_render_goes_by_another_one(caplog: pytest.LogCaptureFixture) -> None:
    class Broken(Provider):
        def render(self, message: Message) -> bytes:
            raise KeyError("SECRET")

    file = Provider()
    office = Office(file, robot=Broken())
    office.notify("a")
    office.run()
    assert len(file.sent) == 1 and office.kinds() == ["sending", "accepted"]
    assert "SECRET" not in caplog.text


def test_a_lost_answer_of_the_ledger_is_asked_for_again_and_recorded_once() -> None:
    app = Provider()
    office = Office(app=app)
    office.notify("a")
    office.world.kafka_works, office.world.takes_all_the_same = False, True
    with pytest.raises(Exception, match="Kafka"):
        office.run(times=1)
    office.world.kafka_works = True
    office.run(REPEAT_SECONDS + 1)
    assert office.kinds() == ["sending", "accepted"] and len(app.sent) == 1


# ---- what a notice is about, and says ------------------------------------------------------------------------
class Desk:
    """What is due, with a ledger in memory."""

    def __init__(self, plan: Plan, state: NoticeState | None = None, start: int = 1) -> None:
        self.seconds = 0.0
        self.world = LedgerWorld()
        self.state = state or NoticeState()
        texts = NoticeTexts(plan)
        zone = Zone(plan.head.timezone)
        self.due = DueNotices(
            self.state,
            lambda unit, ids: {},
            lambda unit, subjects, now: {"recipients": [f"{unit}/duty"], **texts.of(unit, subjects, now)},
            Clocks(lambda: NOW, lambda unit, now: True, zone.text, lambda: self.seconds),
            Ids(f"notifier/a/{start}"),
            Collecting(),
        )

    def report(self, *cards: Card) -> None:
        for card in cards:
            self.due.report(of_card(card, NUMBERING.of(card)))

    def notices(self) -> Iterator[LedgerRecord]:
        self.seconds += 1
        asked = self.due.requests()
        for record in self.world.record(*asked):
            self.state.note(record)
            yield record
        for request in asked:
            self.due.answered(request.id)


def test_the_text_of_a_card_names_unit_and_promise_and_the_due_time_as_an_official_does(plan: Plan) -> None:
    desk = Desk(plan)
    desk.report(RED)
    (notice,) = desk.notices()
    message = message_of(notice, "https://desk.example/")
    assert message.title == "红牌：小型项目供水接入（无外线）（K06-1），应于10月25日24时前完成"
    assert message.text_zh == f"{plan.units[UNIT].title.zh}：\n{message.title}"
    assert "due 2021-10-25 24:00" in message.text_en
    assert (message.number, message.link) == (1, "https://desk.example/notices/1")
    assert "W-2021" not in str(message)
    assert message_of(notice, "").link == ""


def test_a_due_time_of_another_year_has_its_year(plan: Plan) -> None:
    desk = Desk(plan)
    desk.report(RED._replace(due_at="2022-01-06T23:59:59.999999+08:00"))
    (notice,) = desk.notices()
    assert "应于2022年1月6日24时前完成" in message_of(notice, "").title


def test_several_promises_of_a_case_are_one_notice_and_many_cases_a_digest(plan: Plan) -> None:
    desk = Desk(plan)
    desk.report(RED, RED._replace(kpi="K27-2"))
    (notice,) = desk.notices()
    assert message_of(notice, "").title == "红牌2项"
    desk.report(*(RED._replace(case=f"/units/{UNIT} W-{n}") for n in range(4)), DONE)
    assert len(list(desk.notices())) == 5
    desk.report(*(RED._replace(case=f"/units/{UNIT} X-{n}", level="yellow") for n in range(30)))
    (digest,) = desk.notices()
    said = message_of(digest, "")
    assert said.title == "黄牌30项"
    assert said.text_zh.splitlines()[1].startswith("1. 黄牌：") and said.text_zh.endswith(
        "另有10项，请登录督办台查看。"
    )
    assert len(digest.request.claims) == 30 <= MOST_CLAIMS


def test_a_digest_of_thousands_of_cards_is_a_few_notices_that_the_ledger_takes(plan: Plan) -> None:
    desk = Desk(plan)
    desk.report(*(RED._replace(case=f"/units/{UNIT} W-{n}") for n in range(1_000)))
    notices = list(desk.notices())
    assert {one.request.kind for one in notices} == {Kind.NOTICE}
    assert sum(len(one.request.claims) for one in notices) == 1_000 and len(notices) == 20


def test_an_alert_is_notified_by_its_summary_and_its_end_as_recovered(plan: Plan) -> None:
    labels = {"alertname": "KpiMissed", "kpi": "K06-1", "unit": UNIT, "severity": "act"}
    alert = Alert("f1", "firing", labels, {"summary_zh": "按期率93.25%，未达目标100%", "summary_en": "93.25 %"})
    texts = NoticeTexts(plan)
    assert texts.of(UNIT, [of_alert(alert)], NOW)["title"] == "按期率93.25%，未达目标100%"
    ended = Alert("f1", "resolved", labels, alert.annotations)
    assert texts.of(UNIT, [of_alert(ended)], NOW)["title"] == "以下告警已解除：按期率93.25%，未达目标100%"


def test_a_text_has_names_and_no_words_of_the_machine(plan: Plan) -> None:
    texts = NoticeTexts(plan)
    bare = Alert("f1", "firing", {"alertname": "LedgerDown", "unit": "operations", "severity": "page"}, {})
    assert texts.of("operations", [of_alert(bare)], NOW)["text_zh"] == "运行中心：\n台账进程中断"
    odd = of_card(DONE._replace(reason="some_reason"), NUMBERING.of(DONE))
    assert "已解除（其他原因）" in texts.of(UNIT, [odd], NOW)["text_zh"]


def test_a_transition_is_claimed_so_that_a_second_notifier_notifies_nobody_again(plan: Plan) -> None:
    first, second = Desk(plan), Desk(plan, start=2)
    second.world = first.world
    for desk in (first, second):
        desk.report(RED)
    assert [one.request.kind for desk in (first, second) for one in desk.notices()] == [Kind.NOTICE, Kind.NOT_RECORDED]
    second.state.note(first.world.records()[0])
    second.report(RED)
    assert list(second.notices()) == []


# ---- what was notified before there was a ledger -------------------------------------------------------------
def outbox(folder: Path, *notices: dict[str, Any]) -> Path:
    path = folder / "outbox.jsonl"
    path.write_bytes(b"".join(orjson.dumps(one) + b"\n" for one in notices))
    return path


def old(card: Card, status: str = "raised", unit: str = UNIT, outcome: str = "delivered") -> dict[str, Any]:
    content = {name: value for name, value in card._asdict().items() if value != ""}
    subject = {**content, "card": NUMBERING.of(card), "id": f"card/{NUMBERING.of(card)}/{card.level}", "status": status}
    return {"outcome": outcome, "unit": unit, "written_at": "2021-10-20T01:05:00+00:00", "subjects": [subject]}


def taken_over(path: Path, world: LedgerWorld, state: NoticeState, start: int = 1) -> NoticeState:
    world.record(*taking_over.requests_of(path, state, Ids(f"notifier/a/{start}")))
    return state_of(world.records())


def test_the_old_outbox_is_taken_over_once_and_nobody_is_notified_again(plan: Plan, tmp_path: Path) -> None:
    gone = RED._replace(case=f"/units/{UNIT} W-9")
    alert = {"id": "alert/f1", "status": "raised", "alertname": "KpiMissed"}
    path = outbox(
        tmp_path,
        old(RED),
        old(gone),
        {"outcome": "delivered", "unit": UNIT, "written_at": "2021-10-20T01:06:00+00:00", "subjects": [alert]},
        old(gone._replace(cleared_at="2021-10-21T00:00:00+08:00"), "ended"),
        old(RED._replace(unit="sino-french-water"), unit="sino-french-water"),
        {"number": 7, "key": "kw-7-a"},
        {"outcome": "delivered", "unit": 3, "subjects": []},
    )
    world = LedgerWorld()
    state = taken_over(path, world, NoticeState())
    assert state.outbox_is_taken_over
    assert {id: list(one.units) for id, one in state.notified.items()} == {
        card_id(RED): [UNIT, "sino-french-water"],
        "alert/f1": [UNIT],
    }
    assert state.raised_at[card_id(RED)] == "2021-10-20T01:05:00+00:00"
    assert [card.case for card in state.cards()] == [RED.case]
    assert [one.fingerprint for one in state.alerts()] == ["f1"]
    recorded = len(world.log)
    again = taken_over(path, world, state, 2)
    assert len(world.log) == recorded + 1  # the record of the start
    desk = Desk(plan, again)
    desk.report(RED)
    assert list(desk.notices()) == []
    desk.report(DONE)
    assert [one.request.body["subjects"][0]["status"] for one in desk.notices()] == ["ended"]


def test_a_crash_while_the_outbox_is_taken_over_takes_nothing_over_twice(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(taking_over, "PORTION", 2)
    cards = [RED._replace(case=f"/units/{UNIT} W-{n}") for n in range(5)]
    path, world = outbox(tmp_path, *map(old, cards)), LedgerWorld()
    requests = taking_over.requests_of(path, NoticeState(), Ids("notifier/a/1"))
    world.record(requests[0])
    state = state_of(world.records())
    assert not state.outbox_is_taken_over
    world.record(*taking_over.requests_of(path, state, Ids("notifier/a/2")), *requests[1:])
    state = state_of(world.records())
    assert state.outbox_is_taken_over and state.notified.keys() == {card_id(card) for card in cards}
    assert [one.request.kind for one in world.records()].count(Kind.TAKEN_OVER) == 5  # three portions, two starts


def test_a_start_does_not_wait_for_a_second_answer_to_what_an_earlier_one_asked(tmp_path: Path) -> None:
    path, world = outbox(tmp_path, old(RED)), LedgerWorld()
    (first, _) = taking_over.requests_of(path, NoticeState(), Ids("notifier/a/1"))
    world.record(Request("x", Kind.TAKEN_OVER, "x", claims=first.claims, body={"subjects": 3}), first)
    assert world.records()[-1].request.kind is Kind.NOT_RECORDED
    asked, state = Asked(ledger := world.client()), state_of(world.records())
    again = taking_over.requests_of(path, state, Ids("notifier/a/2"))
    ledger.poll()
    asked.send(again, 0)
    for record in ledger.poll():
        asked.take(record)
    assert len(again) == 1 and not len(asked)


def test_an_outbox_of_long_texts_is_taken_over_in_portions_that_the_ledger_takes(tmp_path: Path) -> None:
    long = [{"id": f"alert/{n}", "status": "raised", "d": "x" * 5_000} for n in range(200)]
    notice = {"outcome": "delivered", "unit": UNIT, "written_at": "2021-10-20T01:06:00+00:00", "subjects": long}
    state = taken_over(outbox(tmp_path, notice), LedgerWorld(), NoticeState())
    assert state.outbox_is_taken_over and len(state.notified) == 200


def test_a_held_back_notice_of_the_old_outbox_is_still_held_back(tmp_path: Path) -> None:
    state = taken_over(outbox(tmp_path, old(RED, outcome="suppressed")), LedgerWorld(), NoticeState())
    assert state.notified == {} and state.held == {card_id(RED): {UNIT}}


def test_a_record_of_another_form_is_passed_over(caplog: pytest.LogCaptureFixture) -> None:
    world = LedgerWorld()
    forms: list[tuple[Kind, dict[str, Any]]] = [
        (Kind.NOTICE, {"subjects": 3}),
        (Kind.SENDING, {}),
        (Kind.ACCEPTED, {"notice": 1, "recipient": "SECRET"}),
        (Kind.NOTICE, {"subjects": [{"id": "SECRET", "status": "later"}], "recipients": []}),
    ]
    for number, (kind, body) in enumerate(forms):
        world.record(Request(f"r{number}", kind, "x", unit=UNIT, body=body))
    state = state_of(world.records())
    assert state.notified == {} and len(caplog.messages) == 3
    assert "SECRET" not in caplog.text


def test_the_state_of_a_lost_answer_is_uncertain() -> None:
    office = Office(robot=Provider(window_seconds=0.0, answers=[Uncertain("no answer")]))
    office.notify("a")
    office.run()
    assert office.kinds() == ["sending", "uncertain", "uncertain", "uncertain"]
    assert state_of(office.world.records()).ended[UNIT, End.UNCERTAIN] == 1
