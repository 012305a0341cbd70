"""The outbox from before there was a ledger: who was notified of what goes into the ledger once, as `taken_over`.

A notice in it has `outcome` (`delivered`, or `suppressed` where a silence held it back), `unit`, `written_at` and
`subjects`; a subject has what the notice said about it, its `id` and its `status`. Lines of the channel `file`, which
writes the same file today, are no such notices.
"""

import hashlib
import logging
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final

import orjson

from services.messaging.records.cards import card_for_notice
from services.messaging.records.fields import Unreadable
from services.messaging.records.ledger import Kind, Request
from services.notifier.due_notices import Ids
from services.notifier.notice_state import TAKING_OVER, NoticeState, NoticeStatus
from services.notifier.notice_subject import card_id, family_of_card

log = logging.getLogger(__name__)

PORTION: Final = 200
"""Subjects of one record."""
PORTION_BYTES: Final = 300_000
"""Of the subjects of one record: about a third of what the ledger takes."""


def requests_of(outbox: Path, state: NoticeState, ids: Ids) -> list[Request]:
    """What a start of the notifier asks for first: what is to be recorded of the outbox and is not, and a record
    without subjects, whose answer comes after those to everything that an earlier start asked for.

    The same outbox makes the same requests, each with a claim: so a crash on the way takes nothing over twice. One that
    was answered is not asked for again: there would be no second answer to wait for.
    """
    active = [] if state.outbox_is_taken_over or not outbox.exists() else list(_active(outbox))
    digest = hashlib.sha256(orjson.dumps(active)).hexdigest()[:16]
    portions = list(_portions(active))
    found = [
        Request(
            id=_id(digest, place, len(portions)),
            kind=Kind.TAKEN_OVER,
            writer=ids.writer,
            claims=(f"taken-over/{place}",),
            body={"subjects": portion, "portion": place, "complete": place == len(portions)},
        )
        for place, portion in enumerate(portions, start=1)
        if place not in state.taken_over and _id(digest, place, len(portions)) not in state.answered
    ]
    return [*found, Request(ids.next(), Kind.TAKEN_OVER, ids.writer, body={"subjects": []})]


def _id(digest: str, place: int, portions: int) -> str:
    return f"{TAKING_OVER}{digest}/{place}-{portions}"


def _portions(entries: list[dict[str, Any]]) -> Iterator[list[dict[str, Any]]]:
    portion: list[dict[str, Any]] = []
    size = 0
    for one in entries:
        own = len(orjson.dumps(one))
        if portion and (len(portion) >= PORTION or size + own > PORTION_BYTES):
            yield portion
            portion, size = [], 0
        portion.append(one)
        size += own
    if portion:
        yield portion


def _active(outbox: Path) -> Iterator[dict[str, Any]]:
    """What is active by the notices, in their order."""
    found: dict[str, list[dict[str, Any]]] = {}
    ids: dict[str, str] = {}
    for number, line in enumerate(outbox.read_bytes().splitlines(), start=1):
        try:
            notice = orjson.loads(line)
            if not isinstance(notice, dict) or "outcome" not in notice:
                continue
            for entry in _entries(notice, ids):
                if entry["status"] == NoticeStatus.ENDED:
                    found.pop(entry["id"], None)
                else:
                    found.setdefault(entry["id"], []).append(entry)
        except (KeyError, TypeError, ValueError, AttributeError):
            log.warning("line %d of the outbox is no notice: passed over", number)
    for entries in found.values():
        yield from entries


def _entries(notice: Mapping[str, Any], ids: dict[str, str]) -> list[dict[str, Any]]:
    """What a notice says of each subject. `ids`: those of the outbox → those of the ledger, as far as they are known.
    Raises KeyError, TypeError or ValueError where it is no notice."""
    unit, written_at, outcome = notice["unit"], notice["written_at"], notice["outcome"]
    entries = []
    for content in notice["subjects"]:
        old, status = content["id"], NoticeStatus(content["status"])
        if not all(isinstance(one, str) for one in (unit, written_at, old)):
            raise TypeError("no notice")
        known = _known_as(old, unit, content, ids)
        if known is not None:
            id, family = known
            own = {"id": id, "family": family, "status": status.value}
            entries.append({**content, **own, "to": unit, "outcome": _outcome(outcome), "written_at": written_at})
    return entries


def _outcome(written: object) -> str:
    return "suppressed" if written == "suppressed" else "delivered"


def _known_as(old: str, unit: str, content: Mapping[str, Any], ids: dict[str, str]) -> tuple[str, str] | None:
    """Id and family in the ledger; None where nobody can say which card it is."""
    if not old.startswith("card/"):
        return old, old
    try:
        card = card_for_notice({"unit": unit, **content})
    except Unreadable:
        id = ids.get(old)
        return None if id is None else (id, id.rpartition("/")[0])
    ids[old] = card_id(card)
    return ids[old], family_of_card(card)
