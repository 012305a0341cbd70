"""A gateway with a small casebook: what is asked is worked on at once, in this process."""

from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import httpx
import orjson

from services.casebook.casebook import Casebook
from services.casebook.database import open_engine
from services.casebook.index import Index
from services.gateway.case_routes import CaseAsking, add_cases
from services.gateway.what_if_routes import add_what_if
from services.runtime.settings import Settings
from tests.asgi import request
from tests.unit.casebook_records import PARTITIONS, Log, filled, open_index
from tests.unit.gateway import NOW, WATER, Gateway
from tests.verdicts import shipped

T = TypeVar("T")

MARKET = "/units/district-market-regulation"
SEALS = "/units/district-public-security"
GAS = "/units/jiangbei-gas"


def event(name: str, type: str, time: str, data: dict[str, Any], **more: str) -> dict[str, Any]:
    """An event of the water company about W-1, unless `more` says otherwise."""
    head = {"specversion": "1.0", "id": name, "source": WATER, "type": type, "subject": "W-1", **more}
    return {**head, "time": time, "recordedat": time, "data": data}


ATTRIBUTES = {"project_size": "small", "external_line": False}
ACCEPTED = event("w-1", "case.accepted", "2021-09-16T09:12:00+08:00", {
    "service_item": "water.connection", "unit": "liangjiang-water", "channel": "online", "applicant": "enterprise",
    "attributes": ATTRIBUTES,
})  # fmt: skip
OTHERS = [
    event(f"w-{day}", "case.accepted", f"2021-09-{day}T09:00:00+08:00", ACCEPTED["data"], subject=subject)
    for subject, day in (("W-2", 22), ("W-3", 29))
]
FOUNDED = event("m-1", "case.accepted", "2021-09-22T09:00:00+08:00", {
    "service_item": "enterprise.establishment", "unit": "district-market-regulation", "channel": "online",
    "attributes": {"entrance": "web"},
}, source=MARKET, subject="E-1")  # fmt: skip
REGISTERED = event(
    "m-2", "case.milestone", "2021-09-22T10:00:00+08:00", {"name": "registered", "unit": "district-market-regulation"},
    source=MARKET, subject="E-1",
)  # fmt: skip
SEALED = event(
    "s-1", "case.milestone", "2021-09-22T11:00:00+08:00", {"name": "eseal_issued", "unit": "district-public-security"},
    source=SEALS, subject="E-1", caseowner=MARKET,
)  # fmt: skip
STORED = (ACCEPTED, *OTHERS, FOUNDED, REGISTERED, SEALED)


def book_of(settings: Settings) -> Casebook:
    """The casebook as the gateway opens it, with the plan and the time of the tests."""
    return Casebook(open_engine(settings.casebook, writes=False), shipped, settings.partitions, lambda: NOW)


class AtOnce:
    """Does the work where it is asked for."""

    async def run(self, function: Callable[..., T], *args: Any) -> T:
        return function(*args)


class CaseWorld:
    """A gateway that asks a casebook."""

    def __init__(self, folder: Path) -> None:
        self.gateway = Gateway()
        self.settings = Settings(casebook=str(folder / "casebook.sqlite"), partitions=PARTITIONS)
        self.keys = {WATER: self.gateway.key}
        asking = CaseAsking(AtOnce(), self.settings)
        add_cases(self.gateway.app, self.gateway.handling, asking)
        add_what_if(self.gateway.app, self.gateway.handling, asking)

    def index(self) -> Index:
        """The casebook, not filled."""
        return open_index(self.settings.casebook)

    def store(self, *events: dict[str, Any], into: Index | None = None) -> Index:
        """Put the events into the casebook, as they came."""
        log, index = Log(), into or self.index()
        for each in events:
            log.event(orjson.dumps(each), 0)
        return filled(index, log.records)

    def ask(self, path: str, source: str = WATER, **query: str | int) -> httpx.Response:
        return self.send("GET", path, source, params=query)

    def send(self, method: str, path: str, source: str = WATER, **what: Any) -> httpx.Response:
        if source not in self.keys:
            self.keys[source] = self.gateway.keys.add(source).whole
        headers = {"Authorization": f"Bearer {self.keys[source]}", **what.pop("headers", {})}
        return request(self.gateway.app, method, path, headers=headers, **what)


COMPLETED = event("w-9", "case.completed", "2021-09-30T10:00:00+08:00", {})
CONNECTED = event(
    "w-8", "case.milestone", "2021-09-30T09:00:00+08:00", {"name": "connected", "unit": "liangjiang-water"}
)
