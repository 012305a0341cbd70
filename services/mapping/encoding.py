"""In which encoding a text is: what its bytes look like, and whether a declared encoding fits them."""

import codecs
import re
from collections.abc import Sequence
from typing import Final

from charset_normalizer import from_bytes

from services.mapping.mapping_file import DETECT, MappingError

_MARKS: Final = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF32_LE, "utf-32"),  # before UTF-16, whose mark its own begins with
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
_CHINESE: Final = re.compile(rb"[\xb0-\xd7][\xa1-\xfe]|[\xa1-\xa3][\xa1-\xfe]")
"""The frequent characters of GB 2312 and its punctuation: in Chinese text nearly every pair is one of them."""
_PAIRS: Final = re.compile(rb"[\x81-\xfe][\x30-\xfe]")
_MOSTLY: Final = 0.7
_OTHERS: Final = ("gb18030", "big5", "cp1252", "cp1250", "cp1251", "cp1253", "cp1254", "shift_jis", "euc_kr")
_EXAMINED: Final = 65_536
"""Bytes: the search among all encodings is slow."""


def detected(sample: bytes) -> str:
    """The encoding that the bytes look like: by its mark, as UTF-8, UTF-16 without a mark, GB 18030, or another.

    A short text fits several encodings: the answer is a guess unless the bytes have a mark or are UTF-8.
    """
    for mark, name in _MARKS:
        if sample.startswith(mark):
            return name
    if fits(sample, "utf-8") and b"\0" not in sample:
        return "utf-8"
    if b"\0" in sample:
        return "utf-16-le" if sample[1::2].count(0) >= sample[::2].count(0) else "utf-16-be"
    if fits(sample, "gb18030") and _is_mostly_chinese(sample):
        return "gb18030"
    best = from_bytes(sample[:_EXAMINED], cp_isolation=list(_OTHERS)).best()
    return "gb18030" if best is None else best.encoding


def _is_mostly_chinese(sample: bytes) -> bool:
    pairs = len(_PAIRS.findall(sample))
    return pairs > 0 and len(_CHINESE.findall(sample)) >= _MOSTLY * pairs


def fits(sample: bytes, encoding: str) -> bool:
    """Whether the bytes, which may end within a character, are text in the encoding."""
    try:
        text = codecs.getincrementaldecoder(encoding)("strict").decode(sample)
    except UnicodeError:
        return False
    return "\0" not in text


def chosen(declared: Sequence[str], sample: bytes) -> str:
    """The encoding of a text: the first declared one that fits, else the first one. UTF-8 may begin with a mark.

    Raises MappingError for a name that is no encoding.
    """
    names = [_known(name) for name in declared]
    looks = detected(sample)
    for name in names:
        if name == DETECT:
            return _readable(looks)
        if len(names) > 1 and fits(sample, name) and not (_is_wide(name) and not _is_wide(looks)):
            return _readable(name)
    return _readable(names[0])


def _is_wide(name: str) -> bool:
    """Nearly every even number of bytes is some text in UTF-16: it has to look like it."""
    return name.startswith(("utf-16", "utf-32"))


def _known(name: str) -> str:
    if name.lower() == DETECT:
        return DETECT
    try:
        return codecs.lookup(name).name
    except LookupError:
        raise MappingError(f"encoding: {name!r} is not known: write one such as utf-8 or gb18030, or detect") from None


def _readable(name: str) -> str:
    return "utf-8-sig" if name == "utf-8" else name
