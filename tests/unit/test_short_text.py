"""A notice is cut to what a provider takes: at whole characters, and it says so; number, title and link stay."""

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.notifier.channels.message import Message
from services.notifier.channels.short_text import CUT, bytes_of, fitted, heading
from tests.unit.message_doubles import KINDS, Doubles, running_doubles

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
