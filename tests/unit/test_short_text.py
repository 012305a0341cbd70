"""A notice is cut to what a provider takes: at whole characters, and it says so; number, title and link stay."""

from dataclasses import replace

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.local.message_doubles.desk import Desk
from services.notifier.channels.message import Message
from services.notifier.channels.short_text import CUT, bytes_of, fitted, heading
from tests.unit.message_doubles import KINDS, Clock, Doubles, running_doubles

NOWHERE = Doubles("https://doubles.example", 1, Desk(), Clock())
"""Nothing is sent there."""
LINK = "https://desk.example/notices/12"


def message(zh: str, en: str = "", title: str = "供水接入逾期", *, urgent: bool = False) -> Message:
    return Message(12, title, zh, en, LINK, "water", urgent)


def test_a_short_notice_is_whole() -> None:
    text = fitted(message("请办结。", "Please complete.", urgent=True), 2048)
    assert text == f"【加急】【第12号通知】供水接入逾期\n请办结。\n\nPlease complete.\n办理链接 Link：{LINK}"


@given(st.text(), st.text(), st.integers(min_value=500, max_value=3_000))
def test_a_notice_is_never_longer_than_the_provider_takes_and_keeps_number_and_link(
    zh: str, en: str, most: int
) -> None:
    text = fitted(message(zh, en), most)
    assert bytes_of(text) <= most
    assert text.startswith("【第12号通知】供水接入逾期")
    assert text.endswith(LINK)


MESSAGES = st.builds(
    Message, number=st.integers(0, 10**9), title=st.text(), text_zh=st.text(), text_en=st.text(), link=st.text(),
    urgent=st.booleans(),
)  # fmt: skip


@settings(max_examples=60)
@given(MESSAGES, st.integers(1, 40), st.integers(0, 600))
def test_whatever_the_message_holds_it_is_never_longer_than_the_provider_takes(
    given: Message, times: int, most: int
) -> None:
    long = replace(given, title=given.title * times, link=given.link * times)
    text = fitted(long, most)
    assert bytes_of(text) <= most
    escaped = fitted(long, most, lambda part: len(orjson.dumps(part)))
    assert len(orjson.dumps(escaped)) <= max(most, 2)


def test_a_short_message_of_a_phone_keeps_number_and_link_and_a_part_of_the_title() -> None:
    given = Message(123_456, "供水接入逾期" * 20, "正文" * 50, "text" * 30, f"{LINK}3456", urgent=True)
    text = fitted(given, 200)
    assert text.startswith("【加急】【第123456号通知】供水接入逾期") and text.endswith(f"……\n办理链接 Link：{LINK}3456")
    assert 200 - 3 < bytes_of(text) <= 200


def test_a_webhook_shows_title_and_link_as_the_text_does() -> None:
    rendered = NOWHERE.channel("webhook", most_bytes=200).render(message("甲", title="乙\u202e" * 500))
    data = orjson.loads(rendered)["data"]
    assert len(data["title"]) < 700 and "\u202e" not in data["title"]
    assert bytes_of(data["text"]) <= 200


def test_the_english_text_is_cut_first_and_the_chinese_one_at_whole_characters() -> None:
    zh, en = "贵单位承诺事项已超期。" * 40, "The limit has passed. " * 60
    text = fitted(message(zh, en), 2048)
    assert zh in text
    assert CUT in text
    text = fitted(message(zh * 3, en), 2048)
    assert en not in text
    assert CUT in text
    body = text.split("\n")[1].removesuffix(CUT)
    assert zh.startswith(body[:11])
    assert bytes_of(text) > 2048 - 4


def test_a_character_and_its_marks_are_not_parted() -> None:
    for most in range(300, 320):
        body = fitted(message("e\u0301" * 2_000), most).split("\n")[1].removesuffix(CUT)
        assert len(body) % 2 == 0


def test_a_title_is_one_line_and_cut_where_it_is_too_long() -> None:
    assert heading(message("", title="甲\n乙\r丙")) == "【第12号通知】甲 乙 丙"
    assert len(heading(message("", title="甲" * 500))) < 140


def test_what_cannot_be_seen_is_shown_as_its_escape() -> None:
    assert "\u202e" not in fitted(message("甲\u202e乙\x1b[0m"), 2048)


@pytest.mark.parametrize("kind", KINDS)
def test_every_provider_takes_the_longest_notice(kind: str) -> None:
    with running_doubles() as doubles:
        _sent(doubles, kind, message('<at user_id="all">"甲\\乙\n' * 8_000, "y" * 9_000))


def _sent(doubles: Doubles, kind: str, long: Message) -> None:
    channel = doubles.channel(kind)
    rendered = channel.render(long)
    channel.send(rendered, "kw-12-a")
    (text,) = doubles.texts(kind)
    assert "第12号" in text
    assert LINK in text
    assert CUT in text
    if kind in ("feishu_robot", "feishu_app", "wecom_app"):
        assert "<at" not in orjson.loads(rendered).__repr__()


def test_a_work_notice_is_not_longer_than_dingtalk_takes_whatever_has_to_be_escaped() -> None:
    channel = NOWHERE.channel("dingtalk_work")
    for text in ('"\n' * 2_000, "甲\n" * 600, "\\" * 3_000):
        assert 1_900 < len(channel.render(message(text))) <= 2_048
