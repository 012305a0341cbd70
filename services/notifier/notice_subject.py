"""What a notice can be about: a card, or an alert of the Alertmanager. Each is active or has ended."""

import hashlib
import hmac
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Final, Self

from services.domain.plan.plan import Title
from services.domain.results.cards import RETRACTED
from services.domain.results.published import Card, Level

Content = dict[str, str | int]
"""What a notice says about a subject."""


@dataclass(frozen=True, slots=True)
class Subject:
    """The present state of something that notices are about."""

    id: str
    """What it is known by in the ledger, whatever key this notifier has."""
    family: str
    """What belongs to one card, whatever its level, is notified in one order."""
    mirrored_as: str
    """What it is known by at the Alertmanager; opaque for a card."""
    group: tuple[str, ...]
    """Subjects of one group and unit that change at about the same time go into one notice."""
    unit: str
    """Who holds it now; empty for a card of which only the key is known."""
    active: bool
    content: Content
    replaced_by: str = ""
    """Of a yellow card that turned red: the red one. Its end belongs into the notice of that one."""
    replaces: str = ""
    """Of a red card: the yellow one before it."""
    urgent: bool = False
    """Somebody is to be woken: it waits for no opening hours."""


class Numbering:
    """Opaque numbers of cards: keyed, so that the case cannot be found by trying cases."""

    def __init__(self, key: bytes) -> None:
        self._key = key

    def of(self, card: Card) -> str:
        """The number of a card, the same for its yellow and its red level: 16 hex digits."""
        identity = "\x1f".join((card.kpi, card.case, str(card.cycle), card.node))
        return hmac.new(self._key, identity.encode(), hashlib.sha256).hexdigest()[:16]


def mirrored_card(number: str, level: str) -> str:
    """What a card is known by at the Alertmanager. `number`: by `Numbering`."""
    return f"card/{number}/{level}"


def family_of_card(card: Card) -> str:
    """What a card is known by in the ledger, whatever its level. Claims have a longest length, a case number has none
    that is known here: so it is a digest. The record names the case beside it."""
    identity = "\x1f".join((card.kpi, card.case, str(card.cycle), card.node))
    return f"card/{hashlib.sha256(identity.encode()).hexdigest()[:32]}"


def card_id(card: Card, level: str = "") -> str:
    """What a card of a level, by default its own, is known by in the ledger."""
    return f"{family_of_card(card)}/{level or card.level}"


def alert_id(fingerprint: str) -> str:
    return f"alert/{fingerprint}"


def is_active(card: Card) -> bool:
    """Whether a card is neither cleared nor retracted."""
    return not card.cleared_at and card.reason != RETRACTED


def retracted(card: Card) -> Card:
    """A card that, by the facts known now, was never raised."""
    return card._replace(cleared_at=card.raised_at, reason=RETRACTED)


def of_card(card: Card, number: str, sentence: Title | None = None) -> Subject:
    """A record of alert.cards, and what it says in a sentence. Several promises of one case go into one notice."""
    said = {"summary_zh": sentence.zh, "summary_en": sentence.en} if sentence is not None else {}
    return Subject(
        id=card_id(card),
        family=family_of_card(card),
        mirrored_as=mirrored_card(number, card.level),
        group=("card", card.case, str(card.cycle)),
        unit=card.unit,
        active=is_active(card),
        content={**said, "card": number, **{name: value for name, value in card._asdict().items() if value != ""}},
        replaced_by=card_id(card, Level.RED) if card.reason == "superseded" else "",
        replaces=card_id(card, Level.YELLOW) if card.level == Level.RED else "",
    )


ALERT_STATES = ("firing", "resolved")
MOST_TEXTS: Final = 40
"""Labels of an alert, and annotations of it."""
LONGEST_LABEL: Final = 200
"""Characters of a label, or of a name. The unit of an alert is in a claim, which has a longest length."""
LONGEST_TEXT: Final = 1_000
"""Characters of an annotation."""
_FIRST: Final = ("unit", "severity", "alertname", "kpi", "summary_zh", "summary_en")
"""Which labels and annotations are kept, if there are too many."""


@dataclass(frozen=True, slots=True)
class Alert:
    """One alert of a webhook of the Alertmanager."""

    fingerprint: str
    status: str
    """One of ALERT_STATES."""
    labels: Mapping[str, str]
    annotations: Mapping[str, str]
    unlisted: bool = False
    """Resolved because the Alertmanager no longer lists it; no webhook reported that."""

    @classmethod
    def read(cls, raw: Mapping[str, Any]) -> Self:
        """From the journal of accepted alerts. Raises KeyError, TypeError or ValueError if it is no alert."""
        labels, annotations = dict(raw["labels"]), dict(raw.get("annotations") or {})
        alert = cls(raw["fingerprint"], raw["status"], labels, annotations, unlisted=raw.get("unlisted") is True)
        texts = [alert.fingerprint, *alert.labels, *alert.labels.values()]
        texts += [*alert.annotations, *alert.annotations.values()]
        if alert.status not in ALERT_STATES or not all(isinstance(text, str) for text in texts):
            raise ValueError("no alert")
        return alert

    def cut(self) -> Self:
        """The same alert with as many labels and annotations, and as much of each, as the ledger takes."""
        return replace(self, labels=_cut(self.labels, LONGEST_LABEL), annotations=_cut(self.annotations, LONGEST_TEXT))

    def written(self) -> dict[str, Any]:
        return {
            "fingerprint": self.fingerprint,
            "status": self.status,
            "labels": dict(self.labels),
            "annotations": dict(self.annotations),
            **({"unlisted": True} if self.unlisted else {}),
        }


def _cut(texts: Mapping[str, str], longest: int) -> dict[str, str]:
    kept = sorted(texts, key=lambda name: _FIRST.index(name) if name in _FIRST else len(_FIRST))[:MOST_TEXTS]
    return {_shortened(name, LONGEST_LABEL): _shortened(texts[name], longest) for name in texts if name in kept}


def _shortened(text: str, longest: int) -> str:
    text = text.replace("\0", "")  # the ledger takes none
    return text if len(text) <= longest else f"{text[: longest - 1]}…"


def alert_of(id: str, content: Mapping[str, Any]) -> Alert | None:
    """The alert, firing, that a notice describes; None if it is of something else. A notice does not say what of it are
    labels: all of it is."""
    kind, _, fingerprint = id.partition("/")
    if kind != "alert":
        return None
    return Alert(fingerprint, "firing", {name: str(text) for name, text in content.items()}, {})


def of_alert(alert: Alert) -> Subject:
    """An alert about a promise or the machinery; those of one unit go into one notice, as the Alertmanager groups."""
    alert = alert.cut()
    unit = alert.labels.get("unit", "")
    id = alert_id(alert.fingerprint)
    return Subject(
        id=id,
        family=id,
        mirrored_as=id,
        group=("alert", alert.labels.get("severity", "")),
        unit=unit,
        active=alert.status == "firing",
        content={**alert.labels, **alert.annotations},
        urgent=alert.labels.get("severity") == "page",
    )
