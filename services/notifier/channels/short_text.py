"""A notice as plain text that is not longer than a provider takes."""

import unicodedata
from bisect import bisect_right
from collections.abc import Callable

from services.domain.intake.visible_text import visible
from services.notifier.channels.message import Message

CUT = "……（内容过长，以下从略 / text cut）"
_MORE = "……"
_LONGEST_TITLE = 120
"""Characters."""
_PART = 4
"""A checkpoint needs at most this part of what the provider takes: the notice comes first."""


def heading(message: Message) -> str:
    """The line that begins every notice: its urgency, its number and its title."""
    return _number(message) + title(message)


def title(message: Message) -> str:
    """The title, on one line and not longer than anybody reads."""
    whole = _one_line(message.title)
    return whole if len(whole) <= _LONGEST_TITLE else f"{_cut(whole, _LONGEST_TITLE)}{_MORE}"


def bytes_of(text: str) -> int:
    """The length of a text as WeCom and DingTalk count it: bytes of UTF-8."""
    return len(text.encode("utf-8", "replace"))


def fitted(message: Message, most: int, size: Callable[[str], int] = bytes_of) -> str:
    """Heading, Chinese text, English text, link and checkpoint. If it is too long, the texts are cut from their end,
    at whole characters, which the notice says. Where no text has room the title is cut, then the link is left out.

    Args:
        most: how much the provider takes; the notice never needs more.
        size: how much of that a text needs; a longer text never needs less.
    """
    body = "\n\n".join(visible(text, keep="\n").strip() for text in (message.text_zh, message.text_en) if text)
    head, link = heading(message), _link(message)
    witness = _witness(message)
    if size(witness) * _PART <= most:
        link = _lines(link, witness)
    whole = _lines(head, body, link)
    if size(whole) <= most:
        return whole
    ways: tuple[tuple[str, _Assembled], ...] = (
        (body, lambda part: _lines(head, part + CUT, link)),
        (title(message), lambda part: _lines(f"{_number(message)}{part}{_MORE}", link)),
        (head, lambda part: part),
    )
    short = (_shortened(text, assembled, most, size) for text, assembled in ways)
    return next((text for text in short if text is not None), "")


_Assembled = Callable[[str], str]


def _shortened(text: str, assembled: _Assembled, most: int, size: Callable[[str], int]) -> str | None:
    """What is assembled of the longest beginning of a text that has room; None: of none has it room."""
    lengths = range(len(text) + 1)
    longest = bisect_right(lengths, most, key=lambda length: size(assembled(text[:length]))) - 1
    return assembled(_cut(text, longest)) if longest >= 0 else None


def without_markup(text: str) -> str:
    """For providers that read tags in plain texts, as in `<at user_id="all">`: nothing begins one."""
    return text.replace("<", "＜")


def _number(message: Message) -> str:
    number = f"【第{message.number}号通知】" if message.number else "【测试】"
    return f"{'【加急】' if message.urgent else ''}{number}"


def _link(message: Message) -> str:
    link = _one_line(message.link)
    return f"办理链接 Link：{link}" if link else ""


def _witness(message: Message) -> str:
    written = _one_line(message.checkpoint)
    if not written:
        return ""
    return (
        f"台账快照，请留存 Checkpoint of the ledger, keep it：{written}\n"
        "核对 Verify：kpiwatch ledger verify --checkpoint 加上述文字 and the text above"
    )


def _lines(*parts: str) -> str:
    return "\n".join(part for part in parts if part)


def _one_line(text: str) -> str:
    return visible(" ".join(text.split()))


def _cut(text: str, most: int) -> str:
    """The first characters of a text, not between a character and the marks that belong to it."""
    end = min(most, len(text))
    while 0 < end < len(text) and unicodedata.category(text[end]).startswith("M"):
        end -= 1
    return text[:end]
