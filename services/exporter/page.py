"""The page of a scrape: the text of what the topics say, written once when it changes and kept in memory, and behind it
what is of the moment of the scrape.

The reader's thread writes, a scrape only puts parts together: it waits for no lock, and many scrapers cost little more
than one. The kept part is also kept compressed. Both parts are of one copy of the records, so that the watermark is
never later than the values beside it.
"""

import struct
import time
import zlib
from collections.abc import Collection, Iterable, Sequence
from typing import Final, NamedTuple

from prometheus_client.metrics_core import Metric as Family

from services.exporter.collector import PlanCollector
from services.exporter.exposition import exposition
from services.exporter.snapshot import Scrape, Snapshot

WRITTEN_EVERY_SECONDS: Final = 1.0
"""The values of a page are at most so much older than what has been read, and as long as they take to write."""
WHILE_CATCHING_UP_SECONDS: Final = 5.0
"""The same while the topics are read from their beginning: most of what is written then is replaced at once."""

_LEVEL: Final = 1  # 6 MB of text become 0.4; a higher level gains little
_GZIP_HEADER: Final = b"\x1f\x8b\x08\x00\x00\x00\x00\x00\x04\xff"  # RFC 1952: deflate, no name, no time


class Piece(NamedTuple):
    """The text of one family."""

    name: str
    text: bytes
    packed: bytes
    """The text as raw deflate blocks (RFC 1951), of which none is the last one."""

    @classmethod
    def of(cls, family: Family, before: "Piece | None") -> "Piece":
        """`before`: the piece of the same family, which is taken again where nothing has changed."""
        text = exposition([family])
        if before is not None and before.text == text:
            return before
        pack = zlib.compressobj(_LEVEL, zlib.DEFLATED, -zlib.MAX_WBITS)
        return cls(family.name, text, pack.compress(text) + pack.flush(zlib.Z_FULL_FLUSH))


class Page(NamedTuple):
    """What one scrape gets."""

    kept: Sequence[Piece]
    crc: int
    """The CRC-32 of the text of all kept pieces."""
    moment: Sequence[Family]
    """What is of the moment of the scrape."""

    def text(self, names: Collection[str] = ()) -> bytes:
        """All families, or those of the given names, in the text format 0.0.4."""
        kept = [one.text for one in self.kept if not names or _is_named(one.name, names)]
        return b"".join((*kept, _text_of(self.moment, names)))

    def gzipped(self, names: Collection[str] = ()) -> bytes:
        """The same as one member of gzip (RFC 1952)."""
        moment = _text_of(self.moment, names)
        kept = [one for one in self.kept if not names or _is_named(one.name, names)]
        crc = self.crc if not names else _crc(kept)
        pack = zlib.compressobj(_LEVEL, zlib.DEFLATED, -zlib.MAX_WBITS)
        length = sum(len(one.text) for one in kept) + len(moment)
        end = struct.pack("<II", zlib.crc32(moment, crc), length & 0xFFFFFFFF)
        return b"".join((_GZIP_HEADER, *(one.packed for one in kept), pack.compress(moment), pack.flush(), end))


class _Kept(NamedTuple):
    """What was written last, and of which copy of the records."""

    scrape: Scrape
    pieces: Sequence[Piece]
    crc: int


class Pages:
    """Keeps what is written, and puts pages together. One thread calls `write`; any may call `page`."""

    def __init__(self, collector: PlanCollector, snapshot: Snapshot) -> None:
        self._collector = collector
        self._snapshot = snapshot
        self._written_at, self._written_of = 0.0, 0
        self._catches_up = False
        self._kept = self._written()

    def write(self, *, caught_up: bool = True) -> None:
        """Write what has changed, unless that was done just now. The first time after catching up it is written."""
        if self._snapshot.taken == self._written_of:
            return
        every = WRITTEN_EVERY_SECONDS if caught_up else WHILE_CATCHING_UP_SECONDS
        every, self._catches_up = 0.0 if caught_up and self._catches_up else every, not caught_up
        if time.monotonic() - self._written_at >= every:
            self._kept = self._written(self._kept.pieces)

    def _written(self, kept: Sequence[Piece] = ()) -> "_Kept":
        self._written_of = self._snapshot.taken
        scrape, before = self._snapshot.scrape(), {piece.name: piece for piece in kept}
        pieces = [Piece.of(family, before.get(family.name)) for family in self._collector.of_records(scrape)]
        self._written_at = time.monotonic()
        scrape.waited = self._snapshot.note_written()
        return _Kept(scrape, pieces, _crc(pieces))

    def page(self) -> Page:
        """The page of now."""
        scrape, pieces, crc = self._kept
        return Page(pieces, crc, list(self._collector.of_the_moment(scrape)))


def _crc(pieces: Iterable[Piece]) -> int:
    crc = 0
    for piece in pieces:
        crc = zlib.crc32(piece.text, crc)
    return crc


def _text_of(families: Iterable[Family], names: Collection[str]) -> bytes:
    return exposition(one for one in families if not names or _is_named(one.name, names))


def _is_named(name: str, names: Collection[str]) -> bool:
    """Whether a family is asked for; a counter's has the name without `_total`."""
    return name in names or f"{name}_total" in names
