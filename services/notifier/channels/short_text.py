"""A notice as plain text that is not longer than a provider takes."""

import unicodedata
from bisect import bisect_right
from collections.abc import Callable

from services.domain.intake.visible_text import visible
from services.notifier.channels.message import Message

CUT = "……（内容过长，以下从略 / text cut）"
_LONGEST_TITLE = 120
"""Characters."""


def heading(message: Message) -> str:
    """The line that begins every notice: its urgency, its number and its title."""
    number = f"【第{message.number}号通知】" if message.number else "【测试】"
    title = _one_line(message.title)
    if len(title) > _LONGEST_TITLE:
        title = f"{_cut(title, _LONGEST_TITLE)}……"
    return f"{'【加急】' if message.urgent else ''}{number}{title}"


def bytes_of(text: str) -> int:
    """The length of a text as WeCom and DingTalk count it: bytes of UTF-8."""
    return len(text.encode("utf-8", "replace"))


def fitted(message: Message, most: int, size: Callable[[str], int] = bytes_of) -> str:
    """Heading, Chinese text, English text and link. If it is too long, the texts are cut from their end, at whole
    characters, which the notice says.

    Args:
        most: how much the provider takes.
        size: how much of that a text needs; a longer text never needs less.
    """
    body = "\n\n".join(visible(text, keep="\n").strip() for text in (message.text_zh, message.text_en) if text)
    whole = _assembled(message, body)
    if size(whole) <= most:
        return whole
    longest = bisect_right(range(len(body) + 1), most, key=lambda n: size(_assembled(message, body[:n] + CUT))) - 1
    return _assembled(message, _cut(body, max(longest, 0)) + CUT)


def without_markup(text: str) -> str:
    """For providers that read tags in plain texts, as in `<at user_id="all">`: nothing begins one."""
    return text.replace("<", "＜")


def _assembled(message: Message, body: str) -> str:
    link = _one_line(message.link)
    return "\n".join(part for part in (heading(message), body, f"办理链接 Link：{link}" if link else "") if part)


def _one_line(text: str) -> str:
    return visible(" ".join(text.split()))


def _cut(text: str, most: int) -> str:
    """The first characters of a text, not between a character and the marks that belong to it."""
    end = min(most, len(text))
    while 0 < end < len(text) and unicodedata.category(text[end]).startswith("M"):
        end -= 1
    return text[:end]
