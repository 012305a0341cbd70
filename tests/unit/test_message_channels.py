"""Each channel against a double of its provider: what is accepted, refused, tried again and uncertain."""

import base64
import ssl
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from services.local.message_doubles.faults import Fault, Mode
from services.local.message_doubles.mail import MailSink
from services.local.ports import free_ports
from services.notifier.channels import email
from services.notifier.channels.access_token import AccessTokens, TokenFields
from services.notifier.channels.account import MissingSecret
from services.notifier.channels.calls import Answer
from services.notifier.channels.codes import BLOCKED_SECONDS, Codes
from services.notifier.channels.message import (
    LONGEST_SEND_SECONDS,
    Accepted,
    Message,
    Outcome,
    Refused,
    Retry,
    Uncertain,
)
from services.notifier.channels.webhook import signature
from tests.unit.message_doubles import KINDS, WITH_KEYS, Clock, Doubles, certificate, running_doubles

MESSAGE = Message(
    12,
    "小型项目供水接入（K06-1）逾期",
    "贵单位承诺事项已超过办理时限，请于10月25日24时前办结并回告。",
    "The limit has passed.",
    "https://desk.example/notices/12",
    "liangjiang-water",
)
KEY = "kw-12-9f86d081884c"

every_kind = pytest.mark.parametrize("kind", KINDS)


@pytest.fixture(scope="module")
def servers() -> Iterator[Doubles]:
    with running_doubles() as doubles:
        yield doubles


@pytest.fixture
def doubles(servers: Doubles) -> Iterator[Doubles]:
    """The same servers, as on the first day."""
    servers.desk.arrivals.clear()
    servers.desk.faults.clear()
    servers.desk.tokens.clear()
    servers.clock.next_morning()
    yield servers


@every_kind
def test_a_message_is_accepted_and_shows_number_title_text_and_link(doubles: Doubles, kind: str) -> None:
    channel = doubles.channel(kind)
    assert isinstance(channel.send(channel.render(MESSAGE), KEY), Accepted)
    (text,) = doubles.texts(kind)
    for part in ("第12号", MESSAGE.title, MESSAGE.text_zh, MESSAGE.text_en, MESSAGE.link):
        assert part in text


@every_kind
def test_the_same_message_is_rendered_to_the_same_bytes(doubles: Doubles, kind: str) -> None:
    assert doubles.channel(kind).render(MESSAGE) == doubles.channel(kind).render(MESSAGE)


@pytest.mark.parametrize(("kind", "code"), [
    ("wecom_robot", 40058), ("wecom_app", 60111), ("dingtalk_robot", 430102), ("dingtalk_work", 1430002),
    ("feishu_robot", 19024), ("feishu_app", 230013), ("webhook", 422), ("email", 554),
])  # fmt: skip
def test_a_recipient_or_a_content_that_is_refused_is_never_taken(doubles: Doubles, kind: str, code: int) -> None:
    outcome = _answered(doubles, kind, code)
    assert isinstance(outcome, Refused)
    assert str(code) in outcome.reason
    assert doubles.texts(kind) == []


BLOCKED = [
    ("wecom_robot", 93000), ("wecom_app", 60020), ("wecom_app", 40001), ("wecom_app", 60011),
    ("dingtalk_robot", 310000), ("dingtalk_robot", 400102), ("dingtalk_robot", 400106), ("dingtalk_work", 40089),
    ("feishu_robot", 19002), ("feishu_robot", 19021), ("feishu_robot", 19022), ("feishu_app", 230006),
    ("feishu_app", 10014), ("webhook", 401),
    ("webhook", 403), ("webhook", 404), ("webhook", 410), ("email", 535), ("email", 530),
]  # fmt: skip


@pytest.mark.parametrize(("kind", "code"), BLOCKED)
def test_an_account_that_is_refused_rests_and_finishes_no_notice(doubles: Doubles, kind: str, code: int) -> None:
    outcome = _answered(doubles, kind, code)
    assert isinstance(outcome, Retry)
    assert outcome.after_seconds == BLOCKED_SECONDS
    assert outcome.of_account
    assert str(code) in outcome.reason
    assert doubles.texts(kind) == []


@every_kind
def test_an_error_that_nobody_knows_finishes_no_notice_and_shows_its_code(doubles: Doubles, kind: str) -> None:
    code = {"webhook": 418, "email": 599}.get(kind, 987_654)
    outcome = _answered(doubles, kind, code)
    assert isinstance(outcome, Retry)
    assert outcome.after_seconds == BLOCKED_SECONDS
    assert str(code) in outcome.reason


def _answered(doubles: Doubles, kind: str, code: int) -> Outcome:
    """The outcome of a message that a provider answers so."""
    doubles.desk.faults.switch(kind, Fault(Mode.ERROR, code=code))
    channel = doubles.channel(kind)
    return channel.send(channel.render(MESSAGE), KEY)


@every_kind
@pytest.mark.parametrize("mode", [Mode.LIMITED, Mode.DOWN])
def test_a_limit_and_a_server_that_is_down_are_tried_again_later(doubles: Doubles, kind: str, mode: Mode) -> None:
    doubles.desk.faults.switch(kind, Fault(mode, times=1))
    channel = doubles.channel(kind)
    rendered = channel.render(MESSAGE)
    outcome = channel.send(rendered, KEY)
    assert isinstance(outcome, Retry)
    assert outcome.closes == (1 <= outcome.after_seconds <= 3_600 and kind != "email")
    assert outcome.closes == (mode is Mode.LIMITED and kind != "email")
    doubles.clock.pause(outcome.after_seconds + 1)
    assert isinstance(channel.send(rendered, KEY), Accepted)
    assert len(doubles.texts(kind)) == 1


@every_kind
@pytest.mark.parametrize("mode", [Mode.LOST, Mode.BROKEN])
def test_a_lost_answer_is_uncertain_whether_or_not_the_message_was_taken(
    doubles: Doubles, kind: str, mode: Mode
) -> None:
    doubles.desk.faults.switch(kind, Fault(mode, times=1))
    channel = doubles.channel(kind)
    rendered = channel.render(MESSAGE)
    assert isinstance(channel.send(rendered, KEY), Uncertain)
    assert len(doubles.texts(kind)) == (mode is Mode.LOST)
    assert channel.was_accepted(KEY) is None


@pytest.mark.parametrize("kind", WITH_KEYS)
@pytest.mark.parametrize("mode", [Mode.LOST, Mode.BROKEN, pytest.param(Mode.SLOW, marks=pytest.mark.slow)])
def test_inside_the_window_the_same_bytes_under_the_same_key_are_shown_once(
    doubles: Doubles, kind: str, mode: Mode
) -> None:
    doubles.desk.faults.switch(kind, Fault(mode, times=1, seconds=6))
    rendered = doubles.channel(kind).render(MESSAGE)
    began = doubles.clock.now
    assert isinstance(doubles.channel(kind).send(rendered, KEY), Uncertain)
    doubles.clock.pause(doubles.channel(kind).window_seconds - 60)
    later = doubles.channel(kind)  # of a process that was started again
    assert doubles.clock.now - began < later.window_seconds
    assert isinstance(later.send(rendered, KEY), Accepted)
    assert len(doubles.texts(kind)) == 1


@pytest.mark.parametrize("kind", sorted(set(KINDS) - set(WITH_KEYS)))
def test_a_channel_without_keys_has_no_window(doubles: Doubles, kind: str) -> None:
    assert doubles.channel(kind).window_seconds == 0


def test_the_window_of_a_work_notice_ends_at_midnight_in_shanghai(doubles: Doubles) -> None:
    channel = doubles.channel("dingtalk_work")
    midnight = 1_634_054_400.0  # 2021-10-13, 00:00
    for hours, window in ((-1, 22.0 + 5 / 6), (0.1, 0.0), (1, 5 / 6), (23.99, 0.0)):
        doubles.clock.now = midnight + hours * 3_600
        assert channel.window_seconds == pytest.approx(window * 3_600, abs=1)


@pytest.mark.slow
@every_kind
def test_a_time_out_is_uncertain(doubles: Doubles, kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("services.notifier.channels.email._CONFIRMATION_SECONDS", 2.0)
    doubles.desk.faults.switch(kind, Fault(Mode.SLOW, seconds=6))
    channel = doubles.channel(kind)
    assert isinstance(channel.send(channel.render(MESSAGE), KEY), Uncertain)


@pytest.mark.parametrize("kind", [one for one in KINDS if one != "email"])
def test_a_page_in_the_place_of_an_answer_is_no_success(doubles: Doubles, kind: str) -> None:
    doubles.desk.faults.switch(kind, Fault(Mode.GARBLED))
    channel = doubles.channel(kind)
    outcome = channel.send(channel.render(MESSAGE), KEY)
    assert isinstance(outcome, Accepted if kind == "webhook" else Uncertain)  # of a webhook 2xx is all there is


@every_kind
def test_what_cannot_be_reached_is_tried_again(doubles: Doubles, kind: str) -> None:
    (port,) = free_ports(1)
    nowhere = Doubles(f"http://127.0.0.1:{port}", port, doubles.desk, doubles.clock, doubles.calls)
    channel = nowhere.channel(kind)
    assert isinstance(channel.send(channel.render(MESSAGE), KEY), Retry)


@pytest.mark.parametrize("kind", ["wecom_app", "dingtalk_work", "feishu_app"])
def test_an_access_token_is_asked_for_once_and_again_when_it_has_ended(doubles: Doubles, kind: str) -> None:
    channel = doubles.channel(kind)
    rendered = channel.render(MESSAGE)
    assert isinstance(channel.send(rendered, "kw-1-a"), Accepted)
    assert isinstance(channel.send(channel.render(_numbered(13)), "kw-2-a"), Accepted)
    assert len(doubles.desk.tokens[kind]) == 1
    doubles.desk.tokens.clear()  # the provider has ended it early
    assert isinstance(channel.send(channel.render(_numbered(14)), "kw-3-a"), Accepted)
    (second,) = doubles.desk.tokens[kind]
    doubles.clock.pause(7_200)
    assert isinstance(channel.send(channel.render(_numbered(15)), "kw-4-a"), Accepted)
    assert doubles.desk.tokens[kind] > {second}
    assert len(doubles.texts(kind)) == 4


def test_a_token_that_is_given_again_shortly_before_its_end_is_not_asked_for_by_each_message() -> None:
    asked: list[float] = []
    clock = Clock(passed=0.0)

    def ask() -> Answer:
        """The same token for two hours, as WeCom, DingTalk and Feishu give it."""
        asked.append(clock.passed)
        end = (clock.passed // 7_200 + 1) * 7_200
        return Answer(200, {}, {"errcode": 0, "token": f"t{end:.0f}", "lifetime": int(end - clock.passed)})

    tokens = AccessTokens(ask, Codes("errcode"), TokenFields("token", "lifetime"), lambda: clock.passed)
    while clock.passed < 14_400:
        used: list[str] = []
        tokens.use(lambda token, used=used: used.append(token) or Answer(200, {}, {"errcode": 0}))  # type: ignore[misc]
        assert used == [f"t{(clock.passed // 7_200 + 1) * 7_200:.0f}"]
        clock.pause(1.0)
    assert len(asked) < 30


@pytest.mark.parametrize("kind", ["wecom_app", "dingtalk_work", "feishu_app"])
def test_a_token_that_is_always_refused_blocks_the_account(doubles: Doubles, kind: str) -> None:
    doubles.desk.faults.switch(kind, Fault(Mode.EXPIRED))
    channel = doubles.channel(kind)
    outcome = channel.send(channel.render(MESSAGE), KEY)
    assert isinstance(outcome, Retry)
    assert outcome.of_account
    assert sum(doubles.desk.faults.drawn[kind, mode] for mode in (Mode.EXPIRED,)) >= 2


@pytest.mark.parametrize("kind", ["wecom_app", "dingtalk_work", "feishu_app"])
def test_a_wrong_secret_of_an_application_blocks_it_and_is_not_used_by_every_message(
    doubles: Doubles, kind: str
) -> None:
    channel = doubles.channel(kind, tools=doubles.tools({"KPIWATCH_SECRET_DOUBLE": "wrong"}))
    outcome = channel.send(channel.render(MESSAGE), KEY)
    assert isinstance(outcome, Retry)
    assert (outcome.after_seconds, outcome.of_account) == (BLOCKED_SECONDS, True)
    assert "secret" in outcome.reason


@pytest.mark.parametrize("kind", ["dingtalk_robot", "feishu_robot"])
def test_a_robot_signs_with_its_secret(doubles: Doubles, kind: str) -> None:
    channel = doubles.channel(kind, tools=doubles.tools({"KPIWATCH_SECRET_DOUBLE": "wrong"}))
    outcome = channel.send(channel.render(MESSAGE), KEY)
    assert isinstance(outcome, Retry)
    assert "signature" in outcome.reason


def test_a_webhook_is_signed_with_its_secret(doubles: Doubles) -> None:
    other = "whsec_" + "QUFB" * 10
    channel = doubles.channel("webhook", tools=doubles.tools({"KPIWATCH_SECRET_WHSEC": other}))
    assert isinstance(channel.send(channel.render(MESSAGE), KEY), Retry)


def test_a_webhook_has_the_signature_of_the_published_example() -> None:
    """Standard Webhooks 1.0: the example of its specification and reference libraries."""
    secret = base64.b64decode("MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")
    content = b'{"test": 2432232314}'
    found = signature(secret, "msg_p5jXN8AQM9LWM0D4loKWxJek", "1614265330", content)
    assert found == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="


PUBLISHED = {
    "wecom_robot": ({(20, 60.0)}, set()),
    "wecom_app": ({(200, 60.0)}, {(30, 60.0), (1_000, 3_600.0)}),
    "dingtalk_robot": ({(20, 60.0)}, set()),
    "dingtalk_work": ({(20, 1.0), (1_000, 60.0)}, set()),
    "feishu_robot": ({(5, 1.0), (100, 60.0)}, set()),
    "feishu_app": ({(5, 1.0), (100, 60.0)}, set()),
    "webhook": (set(), set()),
    "email": (set(), set()),
}


@every_kind
def test_a_channel_names_the_limits_of_its_provider(doubles: Doubles, kind: str) -> None:
    channel = doubles.channel(kind)
    found = [{(one.count, one.seconds) for one in limits} for limits in (channel.limits, channel.limits_of_recipient)]
    assert tuple(found) == PUBLISHED[kind]


def test_a_robot_that_dingtalk_has_blocked_is_left_alone_for_ten_minutes(doubles: Doubles) -> None:
    doubles.desk.faults.switch("dingtalk_robot", Fault(Mode.LIMITED, times=1))
    channel = doubles.channel("dingtalk_robot")
    outcome = channel.send(channel.render(MESSAGE), KEY)
    assert isinstance(outcome, Retry)
    assert (outcome.after_seconds, outcome.closes) == (600, True)


def test_feishu_says_how_long_to_wait(doubles: Doubles) -> None:
    doubles.desk.faults.switch("feishu_app", Fault(Mode.LIMITED))
    channel = doubles.channel("feishu_app")
    outcome = channel.send(channel.render(MESSAGE), KEY)
    assert isinstance(outcome, Retry)
    assert outcome.after_seconds == 52


@pytest.mark.parametrize(
    ("kind", "to"),
    [
        ("wecom_app", "nobody"),
        ("dingtalk_work", "nobody"),
        ("feishu_app", "ou_nobody"),
        ("email", "nobody@water.example"),
    ],
)
def test_somebody_whom_the_provider_does_not_know_is_a_refusal_with_the_remedy(
    doubles: Doubles, kind: str, to: str
) -> None:
    channel = doubles.channel(kind, to=to)
    outcome = channel.send(channel.render(MESSAGE), KEY)
    assert isinstance(outcome, Refused)
    assert "correct `to`" in outcome.reason or "users" in outcome.reason or "among those" in outcome.reason


@pytest.mark.parametrize(
    ("kind", "to"), [("wecom_app", "unlicensed"), ("dingtalk_work", "unreachable"), ("dingtalk_work", "full")]
)
def test_a_provider_that_says_yes_and_delivers_nothing_has_not_accepted(doubles: Doubles, kind: str, to: str) -> None:
    channel = doubles.channel(kind, to=to)
    assert isinstance(channel.send(channel.render(MESSAGE), KEY), Refused)
    assert doubles.texts(kind) == []


@pytest.mark.parametrize("security", ["tls", "starttls"])
@pytest.mark.parametrize("trusted", [True, False])
def test_mail_goes_by_tls_to_a_server_whose_certificate_is_trusted(
    doubles: Doubles, tmp_path: Path, security: str, trusted: bool
) -> None:
    certificate_file, key_file = certificate(tmp_path)
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(certificate_file, key_file)
    (port,) = free_ports(1)
    sink = MailSink(doubles.desk, port, tls=context, starttls=security == "starttls")
    sink.start()
    try:
        trust = str(certificate_file) if trusted else ""
        channel = doubles.channel("email", security=security, port=port, certificates=trust)
        outcome = channel.send(channel.render(MESSAGE), KEY)
    finally:
        sink.stop()
    assert isinstance(outcome, Accepted if trusted else Retry)
    assert isinstance(outcome, Accepted) or "certificate" in outcome.reason


def test_a_mail_server_without_tls_gets_no_mail(doubles: Doubles) -> None:
    channel = doubles.channel("email", security="starttls")
    outcome = channel.send(channel.render(MESSAGE), KEY)
    assert isinstance(outcome, Retry)
    assert "TLS" in outcome.reason


@pytest.mark.slow
def test_a_mail_server_may_look_for_viruses_before_it_confirms(
    doubles: Doubles, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("services.notifier.channels.email._TIMEOUT_SECONDS", 0.5)
    doubles.desk.faults.switch("email", Fault(Mode.SLOW, seconds=1.5))
    channel = doubles.channel("email")
    assert isinstance(channel.send(channel.render(MESSAGE), KEY), Accepted)
    assert 10 * email._TIMEOUT_SECONDS + 3 * email._CONFIRMATION_SECONDS < LONGEST_SEND_SECONDS


@pytest.mark.parametrize("words", ["用户", "a\x00b", "a b"])
def test_a_login_that_no_mail_server_takes_is_a_fault_of_the_contacts(doubles: Doubles, words: str) -> None:
    with pytest.raises(ValidationError, match="user"):
        doubles.account("email", user=words, password="double")


@pytest.mark.parametrize("kind", ["wecom_app", "email"])
@pytest.mark.parametrize("error", [UnicodeEncodeError("ascii", "用", 0, 1, ""), ValueError(), OSError()])
def test_whatever_goes_wrong_is_an_outcome_and_no_exception(
    doubles: Doubles, kind: str, error: Exception, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*given: object) -> None:
        raise error

    login: dict[str, Any] = {"user": "kpi", "password": "double"} if kind == "email" else {}
    channel = doubles.channel(kind, **login)
    for name in ("smtplib.SMTP.login", "httpx2.HTTPTransport.handle_request"):
        monkeypatch.setattr(name, fail)
    assert isinstance(channel.send(channel.render(MESSAGE), KEY), Retry | Uncertain)


def test_a_mail_has_its_own_message_id_and_shows_who_sent_it(doubles: Doubles) -> None:
    channel = doubles.channel("email")
    channel.send(channel.render(MESSAGE), KEY)
    (arrival,) = doubles.desk.arrivals.all("email")
    assert arrival.key == f"<{KEY}@district.example>"


@pytest.mark.parametrize("wrong", ["key=k", "http://qyapi.weixin.qq.com/x", "https://a b", "ftp://127.0.0.1/x"])
def test_a_secret_that_is_no_address_is_refused_and_not_repeated(doubles: Doubles, wrong: str) -> None:
    with pytest.raises(MissingSecret, match="write the whole https") as missing:
        doubles.channel("wecom_robot", tools=doubles.tools({"KPIWATCH_SECRET_WECOM_ROBOT": wrong}))
    assert wrong not in str(missing.value)


def _numbered(number: int) -> Message:
    return Message(number, "标题", "正文", "", "https://desk.example")
