"""Compares what a system at rest publishes with what a replay of the same events gives.

Each function returns the differences, one sentence each. An empty list is the right answer.
"""

import csv
import subprocess
import sys
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import orjson
from prometheus_client.utils import floatToGoString

from services.alert_rules.routes import SEVERITIES
from services.domain.history.fact_set import insert
from services.domain.intake.facts import Fact, FactType
from services.domain.intake.refusal import Refused
from services.domain.judging.judge import Judge
from services.domain.plan.plan import is_official
from services.domain.results.published import Card, ValueRow, Verdict
from services.domain.results.verdicts import verdicts_of, written_verdict
from services.domain.time.zone import Instant
from services.messaging.codec import admission
from services.messaging.records.values import figures_of
from services.messaging.topics import CASE_VERDICTS
from services.metric_names import metrics
from services.metric_names.samples import WrittenLabels, row_labels, row_samples
from tests.integration.system import ROOT
from tests.through_kafka import latest_values

CardId = tuple[str, str, str, str, str]
"""Promise, case, cycle, node, level."""


# ---- values and cards --------------------------------------------------------------------------------
def of_lines(what: str, actual: Path, expected: Path) -> list[str]:
    """Two files, line by line."""
    if actual.read_bytes() == expected.read_bytes():
        return []
    mine, theirs = set(actual.read_text().splitlines()), set(expected.read_text().splitlines())
    only = [f"{what}: only the system has  {line}" for line in sorted(mine - theirs)]
    only += [f"{what}: only the replay has  {line}" for line in sorted(theirs - mine)]
    return only or [f"{what}: the same lines in another order"]


# ---- the exporter ------------------------------------------------------------------------------------
_ROWS = {metric.name for metric in metrics.ROW_METRICS.values()} | {metrics.STATE.name}


_COUNTS = {metrics.CARDS_OPEN.name, metrics.VERDICTS.name}


def of_exporter(metrics_url: str, values: Path, cards: Path, verdicts: Iterable[Verdict]) -> list[str]:
    """The scraped samples of every value row with the rows of the replay; and the numbers of active cards and of
    verdicts, by promise and unit."""
    try:
        text = httpx.get(metrics_url, timeout=30, trust_env=False).raise_for_status().text
    except httpx.HTTPError as error:
        return [f"the exporter does not answer: {error}"]
    actual = {line for line in text.splitlines() if _is_compared(line)}
    with values.open(newline="") as source:
        expected = {line for row in csv.DictReader(source) for line in series_of(row)}
    expected.update(_counts(cards, verdicts))
    return [f"exporter: published is  {line}" for line in sorted(actual - expected)] + [
        f"exporter: the replay    {line}" for line in sorted(expected - actual)
    ]


def _is_compared(line: str) -> bool:
    """Whether a line of a scrape is a sample of a value row or a count. A count that has gone back to 0 is left out."""
    name = line.partition("{")[0]
    return name in _ROWS or (name in _COUNTS and not line.endswith(" 0.0"))


def _counts(cards: Path, verdicts: Iterable[Verdict]) -> Iterable[str]:
    """The lines of a scrape that count cards and verdicts. Other definitions of a promise are not counted,
    nor a reversal of what no promise selects any more: it has no unit."""
    with cards.open(newline="") as source:
        active = Counter(
            (metrics.CARDS_OPEN, row["kpi"], row["unit"], row["level"])
            for row in csv.DictReader(source)
            if not row["cleared_at"]
        )
    ruled = Counter(
        (metrics.VERDICTS, one.kpi, one.unit, one.verdict) for one in verdicts if one.unit and is_official(one.kpi)
    )
    for (metric, *values), count in (*active.items(), *ruled.items()):
        labels = WrittenLabels(dict(zip(metric.labels, values, strict=True)))
        yield f"{metric.name}{labels.text} {float(count)}"


def series_of(row: Mapping[str, str]) -> Iterable[str]:
    """The lines of a scrape that a value row is."""
    cells = ValueRow(**row)
    for one in row_samples(cells, figures_of(cells), row_labels(cells)):
        number = floatToGoString(one.value)  # type: ignore[no-untyped-call]  # the client has no types there
        yield f"{one.metric.name}{one.labels.text} {number}"


# ---- verdicts ----------------------------------------------------------------------------------------
def of_verdicts(bootstrap: str, expected: Mapping[str, Verdict]) -> list[str]:
    """The last record of each key of case.verdicts with the verdicts by the facts of each case (`final_verdicts`)."""
    published = {
        key.decode(): _timeless(Verdict(**orjson.loads(value)))
        for key, value in latest_values(bootstrap, CASE_VERDICTS).items()
    }
    return [
        f"verdict of {key}: published is {published.get(key)}, by the facts it is {expected.get(key)}"
        for key in sorted(published.keys() | expected.keys())
        if published.get(key) != expected.get(key)
    ]


def final_verdicts(archive: Path, judge: Judge, now: Instant) -> dict[str, Verdict]:
    """Key → verdict, as of `now`."""
    found: dict[str, Verdict] = {}
    for key, facts in facts_of(archive, judge).items():
        for verdict in verdicts_of(judge.judge(facts, now)):
            found[f"{verdict.kpi}|{key}|{verdict.cycle}"] = _timeless(written_verdict(verdict, key, judge, now))
    return found


def facts_of(archive: Path, judge: Judge) -> dict[str, list[Fact]]:
    """Case key → its facts, heartbeats left out."""
    admit = admission(judge.plan, trust_receivedat=True).admit
    cases: dict[str, list[Fact]] = defaultdict(list)
    with archive.open("rb") as lines:
        for line in lines:
            try:
                admitted = admit(line.rstrip(b"\n"))
            except Refused:
                continue
            if admitted.fact.type != FactType.SOURCE_HEARTBEAT:
                insert(cases[admitted.key], admitted.fact)
    return cases


def _timeless(verdict: Verdict) -> Verdict:
    """Without what depends on the moment of judging."""
    return verdict._replace(judged_at="", clause=verdict.clause if verdict.started_at else "")


# ---- notices -----------------------------------------------------------------------------------------
@dataclass
class Notices:
    """What the notices have reported about cards and alerts, subject by subject."""

    active: dict[str, set[str]] = field(default_factory=dict)
    """Subject → the units that were informed that it is active."""
    held: set[str] = field(default_factory=set)
    """Subjects whose last notice was suppressed by a silence or an inhibition."""
    cards: dict[str, CardId] = field(default_factory=dict)
    """Subject → the card that it is."""
    raised: int = 0
    ended: int = 0
    wrong: list[str] = field(default_factory=list)
    """What was reported twice, or ended without having been reported."""

    def wrong_about(self, *words: str) -> list[str]:
        """What is wrong and names one of these words."""
        return [one for one in self.wrong if any(word in one for word in words)]

    @classmethod
    def of(cls, recorded: Iterable[Mapping[str, Any]]) -> "Notices":
        """Of the notices of the ledger, as `tests/recorded_notices.py` gives them."""
        notices = cls()
        for notice in recorded:
            for subject in notice["subjects"]:
                notices._take(notice, subject, f"notice {notice['number']}: {subject['id']}")
        return notices

    def has_informed(self, unit: str, id: str) -> bool:
        """Whether a unit knows that a subject is active, or its notice is suppressed."""
        return unit in self.active.get(id, ()) or id in self.held

    def of_kind(self, kind: str) -> dict[str, set[str]]:
        """The active subjects of a kind (`card`, `alert`), with the units that were informed."""
        return {id: units for id, units in self.active.items() if id.startswith(f"{kind}/")}

    def _take(self, notice: Mapping[str, Any], subject: Mapping[str, Any], where: str) -> None:
        id, unit = subject["id"], notice["unit"]
        if id.startswith("card/"):
            self.cards[id] = _card_id(subject)
        if notice["outcome"] == "suppressed":
            self.held.add(id)
            return
        self.held.discard(id)
        if subject["status"] == "raised":
            self.raised += 1
            if unit in self.active.setdefault(id, set()):
                self.wrong.append(f"{where}: reported twice to {unit}")
            self.active[id].add(unit)
        else:
            self.ended += 1
            if not self.active.pop(id, None):
                self.wrong.append(f"{where}: an end of what was not active")


def _card_id(content: Mapping[str, Any]) -> CardId:
    return content["kpi"], content["case"], str(content["cycle"]), content["node"], content["level"]


def of_cards(recorded: Iterable[Mapping[str, Any]], cards: Path) -> list[str]:
    """The notices about cards with the active cards of the replay."""
    notices = Notices.of(recorded)
    active = _active_cards(cards)
    wrong = notices.wrong_about("card/")
    for id, units in notices.of_kind("card").items():
        if notices.cards[id] not in active:
            wrong.append(f"{id}: active for {sorted(units)}, and the card has ended: {notices.cards[id]}")
    subjects = {card: id for id, card in notices.cards.items()}
    for card, unit in active.items():
        id = subjects.get(card, "")
        if not notices.has_informed(unit, id):
            wrong.append(f"{id or 'no notice'}: the card is active and {unit} was not informed: {card}")
    return wrong


def _active_cards(cards: Path) -> dict[CardId, str]:
    """Active card → its unit."""
    with cards.open(newline="") as source:
        return {_card_id(row): row["unit"] for row in csv.DictReader(source) if not row["cleared_at"]}


def of_alerts(recorded: Iterable[Mapping[str, Any]], alertmanager: str) -> list[str]:
    """The notices about alerts with the alerts that the Alertmanager sends to the notifier."""
    notices = Notices.of(recorded)
    try:
        found = httpx.get(f"{alertmanager}/api/v2/alerts", timeout=10, trust_env=False).raise_for_status().json()
    except httpx.HTTPError as error:
        return [f"the Alertmanager does not answer: {error}"]
    alerts = {f"alert/{alert['fingerprint']}": alert for alert in found if _goes_to_notifier(alert)}
    wrong = notices.wrong_about("alert/")
    for id, units in notices.of_kind("alert").items():
        if id not in alerts:
            wrong.append(f"{id}: active for {sorted(units)}, and not at the Alertmanager")
    for id, alert in alerts.items():
        labels, is_active = alert["labels"], alert["status"]["state"] == "active"
        if is_active and labels.get("unit", "") not in notices.active.get(id, ()):
            wrong.append(f"{id}: active at the Alertmanager and not reported: {labels}")
    return wrong


def _goes_to_notifier(alert: Mapping[str, Any]) -> bool:
    return not {one["name"] for one in alert["receivers"]}.isdisjoint(SEVERITIES)


# ---- commands ----------------------------------------------------------------------------------------
def kpiwatch(environment: Mapping[str, str], *arguments: str | Path, good: tuple[int, ...] = (0,)) -> str:
    """Run the command line. Returns its message if it fails, else an empty text."""
    done = subprocess.run(
        [sys.executable, "-m", "services.cli", *map(str, arguments)],
        cwd=ROOT, env=dict(environment), capture_output=True, text=True,
    )  # fmt: skip
    if done.returncode in good:
        return ""
    return f"kpiwatch {arguments[0]}: code {done.returncode}: {(done.stderr or done.stdout).strip()[-500:]}"


def card_count(cards: Path) -> tuple[int, int]:
    """How many cards there were, and how many are active."""
    with cards.open(newline="") as source:
        rows = [Card(**row) for row in csv.DictReader(source)]  # type: ignore[arg-type]  # all cells are texts
    return len(rows), sum(not row.cleared_at for row in rows)
