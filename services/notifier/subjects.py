"""What a notice can be about: a card, or an alert of the Alertmanager. Each stands or has ended."""

import hashlib
import hmac
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self

from services.domain.published import Card

Told = dict[str, str | int]


@dataclass(frozen=True, slots=True)
class Subject:
    """The present state of something that people are told about."""

    id: str
    """What it is known by in the outbox and at the Alertmanager; opaque for a card."""
    group: tuple[str, ...]
    """Subjects of one group that change at about the same time are told in one notice."""
    unit: str
    stands: bool
    quiet: bool
    """Its end says nothing by itself: a yellow card that turned red is told with the red one."""
    told: Told
    """What a notice says about it."""
    urgent: bool = False
    """Somebody is to be woken: it waits for no opening hours."""


class Numbering:
    """Opaque numbers of cards: keyed, so that nobody can find the case by trying cases."""

    def __init__(self, key: bytes) -> None:
        self._key = key

    def of(self, card: Card) -> str:
        """The number of a card, the same for its yellow and its red level: 16 hex digits."""
        identity = "\x1f".join((card.kpi, card.case, str(card.cycle), card.node))
        return hmac.new(self._key, identity.encode(), hashlib.sha256).hexdigest()[:16]


def card_id(number: str, level: str) -> str:
    return f"card/{number}/{level}"


def alert_id(fingerprint: str) -> str:
    return f"alert/{fingerprint}"


def of_card(card: Card, number: str) -> Subject:
    """A record of alert.cards. Several promises of one case go into one notice."""
    return Subject(
        id=card_id(number, card.level),
        group=("card", card.unit, card.case, str(card.cycle)),
        unit=card.unit,
        stands=not card.cleared_at,
        quiet=card.reason == "superseded",
        told={"card": number, **{name: value for name, value in card._asdict().items() if value != ""}},
    )


@dataclass(frozen=True, slots=True)
class Alert:
    """One alert of a webhook of the Alertmanager."""

    fingerprint: str
    status: str
    """`firing` or `resolved`."""
    labels: Mapping[str, str]
    annotations: Mapping[str, str]

    @classmethod
    def read(cls, raw: Mapping[str, Any]) -> Self:
        """From a webhook's JSON, or from the journal of accepted alerts."""
        return cls(raw["fingerprint"], raw["status"], dict(raw["labels"]), dict(raw.get("annotations", {})))

    def written(self) -> dict[str, Any]:
        return {
            "fingerprint": self.fingerprint,
            "status": self.status,
            "labels": dict(self.labels),
            "annotations": dict(self.annotations),
        }


def of_alert(alert: Alert) -> Subject:
    """An alert about a promise or the machinery; those of one unit go into one notice, as the Alertmanager groups."""
    unit = alert.labels.get("unit", "")
    told: Told = {**alert.labels, **alert.annotations}
    return Subject(
        id=alert_id(alert.fingerprint),
        group=("alert", unit, alert.labels.get("severity", "")),
        unit=unit,
        stands=alert.status == "firing",
        quiet=False,
        told=told,
        urgent=alert.labels.get("severity") == "page",
    )
