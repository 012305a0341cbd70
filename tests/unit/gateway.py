"""A gateway without a broker: keys, log and clock are the test's."""

from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any

import httpx
import orjson

from services.domain.intake.admission import Admission
from services.domain.time.rfc3339 import instant_from
from services.domain.time.zone import Instant
from services.gateway.event_log import EventRecord, NotAcknowledged
from services.gateway.handling import Handling, Parts
from services.gateway.key_reader import KeysUnknown
from services.gateway.key_ring import KeyLine, KeyRing
from services.gateway.rate import RateLimit
from services.gateway.web import gateway_app
from services.gateway.wire import BATCH, STRUCTURED
from services.messaging.codec import admission
from services.messaging.records.gateway_keys import NewKey, StoredKey, hash_of
from services.runtime.clock import Clock
from tests.asgi import request
from tests.mutations import shipped_plan

WATER = "/units/liangjiang-water"
NOW: Instant = instant_from("2021-10-01T08:00:00+08:00")
GOOD: dict[str, Any] = {
    "specversion": "1.0", "id": "a-1", "source": WATER, "type": "case.accepted", "subject": "W-1",
    "time": "2021-09-16T09:12:00+08:00", "recordedat": "2021-09-16T09:12:05+08:00",
    "data": {"service_item": "water.connection", "unit": "liangjiang-water"},
}  # fmt: skip
BAD: dict[str, Any] = {**GOOD, "id": "a-2", "data": {"service_item": "water.connection", "unit": "moon"}}
AS_STRUCTURED = {"Content-Type": STRUCTURED}
AS_BATCH = {"Content-Type": BATCH}


@cache
def edge() -> Admission:
    return admission(shipped_plan())


class Keys:
    """Keys that are known, or not."""

    def __init__(self) -> None:
        self.ring = KeyRing()
        self.now: Instant = NOW
        self.is_current = True
        self._offset = 0

    def add(self, source: str, **times: Instant) -> NewKey:
        made = NewKey.made()
        self.put(made.id, StoredKey(source, hash_of(made.whole), NOW, **times))
        return made

    def put(self, key_id: str, key: StoredKey) -> None:
        self.ring.take(self._offset, key_id, key)
        self._offset += 1

    def found(self, whole: str) -> KeyLine | None:
        if not self.is_current:
            raise KeysUnknown
        return self.ring.found(whole, self.now)


class Log:
    """Takes what it is given, or acknowledges nothing."""

    def __init__(self) -> None:
        self.records: list[EventRecord] = []
        self.acknowledges = True

    def write(self, records: list[EventRecord]) -> None:
        self.records += records
        if not self.acknowledges:
            raise NotAcknowledged

    @property
    def ids(self) -> list[str]:
        """Of the events, in their order."""
        return [orjson.loads(record.value)["id"] for record in self.records]


class Gateway:
    """An app with its parts."""

    def __init__(
        self, *, clock: Clock | None = None, queue: int = 32, rate: float = 1e6, questions: float = 1e6
    ) -> None:
        self.keys, self.log, self.seconds = Keys(), Log(), 0.0
        self.used: list[str] = []
        self.key = self.keys.add(WATER).whole
        limit = RateLimit(rate, lambda: self.seconds)
        real = Clock(None, lambda: NOW)
        parts = Parts(self.keys, edge(), self.log, clock or real, self.used.append, limit, queue)
        self.handling = Handling(parts, questions)
        self.app = gateway_app(self.handling, lambda: True, dict)

    def post(
        self, body: bytes, headers: Mapping[str, str] = AS_STRUCTURED, *, to: str = "/events", key: str | None = None
    ) -> httpx.Response:
        bearer = {"Authorization": f"Bearer {key or self.key}"}
        return request(self.app, "POST", to, content=body, headers={**bearer, **headers})

    def batch(self, events: Sequence[object], to: str = "/events") -> httpx.Response:
        return self.batch_as(events, self.key, to)

    def batch_as(self, events: Sequence[object], key: str, to: str = "/events") -> httpx.Response:
        return self.post(orjson.dumps(events), AS_BATCH, to=to, key=key)
