"""Each link from a number of a dashboard leads to a list of the desk with exactly as many lines as the number says."""

import json
import re
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import NamedTuple
from urllib.parse import parse_qsl, urlsplit

import pytest
from starlette.testclient import TestClient

from dashboards.build import dashboards
from services.casebook.casebook import Casebook
from services.casebook.database import open_engine
from services.casebook.index import Index
from services.casebook.marked_cases import MarkFilter
from services.casebook.marks import SIGNALS, Mark
from services.catalog.load.calendars import calendar_of
from services.desk.access import Role, Viewer
from services.desk.asking import Desk
from services.domain.intake.facts import FactType
from services.domain.judging.judge import Judge
from services.domain.judging.kinds.case_limit import CaseLimitJudge
from services.domain.judging.quarantine import QUARANTINED
from services.domain.results.budget import counted_of, short_window
from services.domain.results.published import ValueRow
from services.domain.results.safe_judge import SafeJudge
from services.messaging.records import cards as card_records
from services.messaging.records import verdicts as verdict_records
from services.messaging.topics import ALERT_CARDS, CASE_EVENTS, CASE_VERDICTS
from services.replay.replay import replay
from tests.unit.casebook_records import IDS, NOW, PARTITIONS, district, filled
from tests.unit.desk import client_of
from tests.unit.desk_reading import reading_desk
from tests.verdicts import shipped
from tests.whole.test_counted_cases import COLUMNS, PLAN, SHARES

DESK = "https://desk.example"
Numbers = Callable[[Mapping[str, str]], int | None]
"""What a number says for the choices of an address; None: it is a share, or says how many are left."""


class Shape(NamedTuple):
    """An address of the desk without its choices."""

    path: str
    asks: tuple[str, ...]
    """The parameters that a choice fills in."""
    fixed: tuple[tuple[str, str], ...]


def shapes() -> set[Shape]:
    """Of every number on every dashboard."""
    found = set()
    for one in (one for of_language in dashboards(shipped().plan, DESK).values() for one in of_language):
        for url in re.findall(rf'"url": "({DESK}[^"]*)"', json.dumps(one["panels"]).replace('\\"', "")):
            parts = urlsplit(url)
            given = parse_qsl(parts.query.replace("${__data.fields[", "$(").replace("]}", ")"))
            asks = tuple(name for name, value in given if "$" in value)
            path = re.sub(r"\$.*", "$kpi", parts.path.replace("${__data.fields[kpi]}", "$kpi"))
            found.add(Shape(path, asks, tuple(each for each in given if "$" not in each[1])))
    return found


class Published(NamedTuple):
    """What the exporter would say of the same records."""

    cards: Counter[tuple[str, str, str]]
    """(promise, unit, level) → active cards."""
    verdicts: Counter[tuple[str, str, str]]
    """(promise, unit, verdict) → how many."""
    rows: dict[tuple[str, str, str], ValueRow]
    """(promise, unit, window) → the row over all items."""
    signals: Counter[tuple[str, str, str]]
    """(signal, unit, item) → cases."""


@pytest.fixture(scope="module")
def published(tmp_path_factory: pytest.TempPathFactory) -> Published:
    latest = {(each.topic, each.key): each for each in district().records if each.topic != CASE_EVENTS}
    values = [each for each in latest.values() if each.value is not None]
    cards = [card_records.decode(each.value or b"") for each in values if each.topic == ALERT_CARDS]
    verdicts = [verdict_records.decode(each.value or b"") for each in values if each.topic == CASE_VERDICTS]
    file = tmp_path_factory.mktemp("events") / "events.jsonl"
    file.write_bytes(b"".join((each.value or b"") + b"\n" for each in district().records if each.topic == CASE_EVENTS))
    found = replay([str(file)], PLAN, [NOW], with_side_results=True, processes=1)
    return Published(
        Counter((each.kpi, each.unit, each.level) for each in cards if not each.cleared_at),
        Counter((each.kpi, each.unit, each.verdict) for each in verdicts),
        {
            (row.kpi, row.unit, row.window): row
            for row in found.rows
            if row.variant == "official" and row.item == "-"
        },
        Counter(
            {(f"~{each.signal}", each.unit, each.item): int(each.n) for each in found.side_results[0].signals if each.n}
        ),
    )  # fmt: skip


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Desk:
    return reading_desk(tmp_path_factory.mktemp("desk"), district().records, now=NOW)


@pytest.fixture(scope="module")
def client(desk: Desk) -> TestClient:
    return client_of(desk, Viewer("ops", Role.OPERATIONS))


def lines(client: TestClient, address: str) -> int:
    """How many lines the list has, page after page."""
    count = 0
    while address:
        answer = client.get(address)
        assert answer.status_code == 200, address
        page = answer.text
        section = page.partition('id="behind"')[2] or page
        count += section.count('<tr>\n<th scope="row">')
        after = re.search(r'href="([^"]*[?&](?:amp;)?after=[^"#]*)', section)
        address = after[1].replace("&amp;", "&") if after else ""
    return count


def of(counter: Counter[tuple[str, str, str]], one: str, unit: str, other: str) -> int:
    """Empty or `ALL`: of all."""
    return sum(
        count
        for key, count in counter.items()
        if all(wanted in ("", "ALL", given) for wanted, given in zip((one, unit, other), key, strict=True))
    )


def number_of(given: Mapping[str, str], published: Published) -> int | None:
    """The number from which an address with `mark` leads."""
    mark, unit = given["mark"], given.get("unit", "") or "ALL"
    if mark in SIGNALS:
        return of(published.signals, mark, unit, given.get("item", ""))
    promise = next(one for one in shipped().plan.promises if one.is_official and one.id == given["promise"])
    window = given.get("window", "") or str(promise.official_window)
    if window == "short":
        window = str(short_window(promise) or promise.official_window)
    row = published.rows.get((promise.id, unit, window))
    if row is None or mark in SHARES or promise.about != "case":
        return None  # reports that never came and entries of a catalogue are no cases: the page says so
    if mark == Mark.MISSED:
        counted = counted_of(row, promise)
        return counted.misses if counted is not None else None
    return int(getattr(row, COLUMNS[Mark(mark)]))


def choices(shape: Shape, published: Published) -> Iterator[dict[str, str]]:
    """What a reader can choose for an address: everything that has a number, and some that have none."""
    fixed = dict(shape.fixed)
    if shape.path == "/counted" and ("mark" in shape.asks or fixed.get("mark") in SIGNALS):
        signals = [key for key, count in published.signals.items() if count and key[0] in SIGNALS]
        for signal, unit, item in signals:
            if signal == fixed.get("mark", signal):
                chosen = {"mark": signal, "unit": unit, "item": item}
                yield {name: chosen[name] for name in shape.asks}
        if not signals or not shape.asks:
            yield {}
        return
    keys = published.rows if shape.path == "/counted" else {**published.cards, **published.verdicts}
    seen = set()
    for kpi, unit, window in sorted(keys)[:: 1 if len(keys) < 80 else 23]:
        chosen = {"promise": kpi, "unit": unit, "window": window if shape.path == "/counted" else "", "kpi": kpi}
        taken = {name: chosen[name] for name in (*shape.asks, *(["kpi"] if "$kpi" in shape.path else []))}
        if tuple(taken.items()) not in seen:
            seen.add(tuple(taken.items()))
            yield taken


EVERY = sorted(shapes())


def test_every_kind_of_number_has_links() -> None:
    marks = {value for shape in EVERY for name, value in shape.fixed if name == "mark"}
    assert {mark for mark in marks if mark not in SIGNALS} == set(Mark)
    assert marks | {signal for signal in SIGNALS if any("mark" in shape.asks for shape in EVERY)} >= set(SIGNALS)
    paths = {shape.path for shape in EVERY}
    assert paths == {"/cards", "/promises/$kpi", "/counted"}


@pytest.mark.parametrize("shape", EVERY, ids=lambda shape: f"{shape.path} {shape.asks} {dict(shape.fixed)}")
def test_a_list_has_as_many_lines_as_the_number_says(shape: Shape, published: Published, client: TestClient) -> None:
    asked = 0
    for chosen in choices(shape, published):
        given = {**dict(shape.fixed), **chosen}
        kpi = given.pop("kpi", "")
        if shape.path == "/cards":
            says = of(published.cards, given.get("promise", ""), given.get("unit", ""), given["level"])
        elif shape.path == "/counted":
            found = number_of(given, published)
            if found is None:
                continue
            says = found
        else:
            says = of(published.verdicts, kpi, given.get("unit", ""), given["verdict"])
        query = "&".join(f"{name}={value}" for name, value in given.items())
        assert lines(client, f"{shape.path.replace('$kpi', kpi)}?{query}") == says, given
        asked += 1
    assert asked or shape.asks == () or dict(shape.fixed).get("mark") in (*SHARES, *SIGNALS)


def test_cases_that_cannot_be_judged_are_listed_by_the_first_unit_that_they_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    plan, whole = shipped().plan, CaseLimitJudge.judge

    def fails(self: CaseLimitJudge, case, now, found) -> None:  # type: ignore[no-untyped-def]  # as the one it replaces
        if case.unit == "liangjiang-water":
            raise ZeroDivisionError
        whole(self, case, now, found)

    monkeypatch.setattr(CaseLimitJudge, "judge", fails)
    judge, place = Judge(plan, calendar_of(plan)), str(tmp_path / "casebook.sqlite")
    index = Index(open_engine(place, writes=True), judge, PARTITIONS, lambda: NOW)
    index.open(0, IDS)
    filled(index, [each for each in district().records if each.topic == CASE_EVENTS])
    book = Casebook(open_engine(place, writes=False), lambda: judge, PARTITIONS, lambda: NOW)
    of_unit = {
        key for key, facts in district().rows.items()
        if any(fact.type == FactType.CASE_ACCEPTED and fact.data["unit"] == "liangjiang-water" for fact in facts)
    }  # fmt: skip
    listed = book.marked(MarkFilter(QUARANTINED), limit=1_000).marks
    safe = SafeJudge(judge)
    expected = Counter(
        quarantine.units[0]
        for facts in district().rows.values()
        if (quarantine := safe.judge(facts, NOW - 1).quarantine) is not None
    )
    assert Counter(each.marked.unit for each in listed) == expected
    assert expected and {each.case_key for each in listed} <= of_unit
