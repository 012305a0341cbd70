"""The Alertmanager's API v2: asks what it holds back, and mirrors cards to it so that they can be seen and silenced."""

import logging
from collections.abc import Collection, Mapping
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any

import httpx
from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

from services.catalog.words.wording import SEVERITY_NAMES
from services.domain.plan.plan import Plan, Strength, Title
from services.domain.results.published import Card, Level
from services.metric_names.alert_pages import NO_ADDRESSES, AlertPages, in_address
from services.notifier.card_sentence import CardSentences, moment_words
from services.notifier.due_notices import AlertmanagerAway
from services.notifier.notice_subject import Alert, alert_id, is_active, mirrored_card

log = logging.getLogger(__name__)

CARD_ALERT = "CardOpen"
"""alertname of a mirrored card; routed to the operations view only, for its notice comes from alert.cards."""

RESEND_SECONDS = 60.0
"""Mirrored cards are sent again long before they would end by themselves."""
_ENDS_AFTER = timedelta(seconds=5 * RESEND_SECONDS)
_BATCH = 500

PostedAlert = dict[str, Any]


class _Status(BaseModel):
    model_config = ConfigDict(frozen=True, strict=True, extra="ignore")

    silencedBy: tuple[str, ...]
    inhibitedBy: tuple[str, ...]


class _Listed(BaseModel):
    """An alert as the API lists it; what is not needed here may be there."""

    model_config = ConfigDict(frozen=True, strict=True, extra="ignore")

    fingerprint: Annotated[str, Field(pattern=r"^[0-9A-Za-z]{1,64}$")]
    labels: dict[str, str]
    annotations: dict[str, str] = {}
    status: _Status


_LISTING = TypeAdapter(list[_Listed])


class AlertmanagerRefused(AlertmanagerAway):
    """The Alertmanager answers that what it was sent is wrong; to send it again is of no use."""


class Alertmanager:
    """One Alertmanager. Every call raises AlertmanagerAway if it does not answer, or answers with something else."""

    def __init__(self, url: str) -> None:
        """`url`: where it answers; user and password in it are sent, and are in no log and no sentence."""
        given = httpx.URL(url)
        auth = (given.username, given.password) if given.userinfo else None
        self._client = httpx.Client(
            base_url=given.copy_with(username=None, password=None), auth=auth, timeout=5, trust_env=False
        )
        self._place = given.netloc.decode("ascii")

    def post(self, alerts: list[PostedAlert]) -> None:
        """Makes alerts known, or known to have ended. One that it refuses stops no other."""
        for start in range(0, len(alerts), _BATCH):
            try:
                self._asked("POST", "/api/v2/alerts", json=alerts[start : start + _BATCH])
            except AlertmanagerRefused as refusal:
                log.warning("%s; it has taken the others that came with it", refusal)

    def suppressions(self, unit: str, ids: Collection[str]) -> Mapping[str, list[str]]:
        """Which of a unit's cards and alerts a silence or an inhibition holds back now, and which ones do."""
        if not ids:
            return {}
        quoted = unit.replace("\\", "\\\\").replace('"', '\\"')
        held: dict[str, list[str]] = {}
        for alert in self._list({"filter": f'unit="{quoted}"', "active": "false"}):
            by = [*alert.status.silencedBy, *alert.status.inhibitedBy]
            if by:
                labels = alert.labels
                held[alert_id(alert.fingerprint)] = by
                if labels.get("alertname") == CARD_ALERT:
                    held[mirrored_card(labels.get("card", ""), labels.get("level", ""))] = by
        return {id: held[id] for id in ids if id in held}

    def listed(self) -> dict[str, Alert]:
        """Fingerprint → alert that has not ended, whether or not something holds it back; without mirrored cards."""
        whatever = dict.fromkeys(("active", "silenced", "inhibited", "unprocessed"), "true")
        found = self._list({"filter": f'alertname!="{CARD_ALERT}"', **whatever})
        return {one.fingerprint: Alert(one.fingerprint, "firing", one.labels, one.annotations) for one in found}

    def _list(self, which: dict[str, str]) -> list[_Listed]:
        answer = self._asked("GET", "/api/v2/alerts", params=which)
        try:
            return _LISTING.validate_json(answer.content)
        except ValidationError:
            raise AlertmanagerAway(f"the Alertmanager at {self._place} answers with no list of alerts") from None

    def _asked(self, method: str, path: str, **what: Any) -> httpx.Response:
        try:
            answer = self._client.request(method, path, **what)
            if answer.status_code == httpx.codes.BAD_REQUEST:
                raise AlertmanagerRefused(f"the Alertmanager at {self._place} refuses what it was sent")
            if not answer.is_success:
                raise AlertmanagerAway(f"the Alertmanager at {self._place} answers with {answer.status_code}")
            return answer
        except httpx.HTTPError as error:
            raise AlertmanagerAway(f"the Alertmanager at {self._place} does not answer: {error}") from error

    def close(self) -> None:
        self._client.close()


class Mirror:
    """The active cards, as alerts of the Alertmanager: real start times, the plan's times in words, no case."""

    def __init__(self, alertmanager: Alertmanager, plan: Plan, pages: AlertPages = NO_ADDRESSES) -> None:
        self._alertmanager = alertmanager
        self._units = plan.units
        self._pages = pages
        self._promises = {promise.id: promise for promise in plan.promises}
        self._sentences = CardSentences(plan)
        self._active: dict[str, PostedAlert] = {}
        self._news: dict[str, PostedAlert] = {}
        """To be sent at once; kept until it was."""
        self._sent_at = float("-inf")

    def take(self, card: Card, number: str, since: datetime, *, was_there: bool = False) -> None:
        """A card's present state. `since`: real time from which it is active, as far as is known; `was_there`: the
        Alertmanager may have it from an earlier run."""
        id = mirrored_card(number, card.level)
        if not is_active(card):
            ended = self._active.pop(id, None)
            if ended is None and was_there and card.unit:
                ended = self._alert(card, number, since.isoformat())
            if ended is not None:
                self._news[id] = ended
        else:
            # what changes (the due time after an extension, the unit) is sent, the start stays
            before = self._active.get(id)
            starts_at = before["startsAt"] if before is not None else since.isoformat()
            alert = self._active[id] = self._news[id] = self._alert(card, number, starts_at)
            self._news.pop(f"{id}/{card.unit}", None)  # back before its end there was sent
            if before is not None and before["labels"] != alert["labels"]:
                self._news[f"{id}/{before['labels']['unit']}"] = before  # to the Alertmanager it is another: it ends

    def send(self, now: datetime, seconds: float) -> None:
        """Sends what is new, and everything once a minute. Raises AlertmanagerAway; nothing is forgotten then."""
        again = seconds - self._sent_at >= RESEND_SECONDS
        due = {**self._active, **self._news} if again else self._news
        if not due:
            return
        self._alertmanager.post([self._with_end(id, alert, now) for id, alert in due.items()])
        self._news = {}
        if again:
            self._sent_at = seconds

    def _with_end(self, id: str, alert: PostedAlert, now: datetime) -> PostedAlert:
        end = now + _ENDS_AFTER if id in self._active else now
        # a clock that was set back must not make an alert that ends before it starts: the Alertmanager refuses it
        return {**alert, "endsAt": max(end, datetime.fromisoformat(alert["startsAt"])).isoformat()}

    def _alert(self, card: Card, number: str, starts_at: str) -> PostedAlert:
        promise = self._promises.get(card.kpi)
        strength = promise.strength if promise else Strength.HARD
        severity = "act" if card.level == Level.RED else "review"
        return {
            "labels": {
                "alertname": CARD_ALERT,
                "card": number,
                "kpi": card.kpi,
                "unit": card.unit,
                "level": card.level,
                "strength": strength.value,
                "severity": severity,
            },
            "annotations": {
                **self._words(card, severity),
                **self._pages.annotations(CARD_ALERT, {"unit": in_address(card.unit)}),
            },
            "startsAt": starts_at,
        }

    def _words(self, card: Card, severity: str) -> dict[str, str]:
        """Who must do what until when, in both languages. Times are the plan's: the alert's own start is real time."""
        known, sentence = self._units.get(card.unit), self._sentences.of(card)
        unit = known.title if known is not None else Title(zh=card.unit, en=card.unit)
        said = {
            "summary": Title(zh=f"{unit.zh}的{sentence.zh}", en=f"{unit.en}, {sentence.en}"),
            "unit": unit,
            "action": SEVERITY_NAMES[severity],
            "due": self._sentences.due(card),
            "raised": moment_words(card.raised_at),
        }
        return {
            f"{name}_{language}": text for name, both in said.items() for language, text in both.model_dump().items()
        }


def real_now() -> datetime:
    """The Alertmanager lives in real time, whatever the plan's clock shows."""
    return datetime.now(UTC)
