"""What a system says when it is at rest, beside what a replay of the same events says.

Each function gives the differences, one in words each; an empty list is what must come.
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

from services.domain.history.fold import insert
from services.domain.intake.facts import Fact, Rank
from services.domain.intake.refusal import Refused
from services.domain.judging.judge import Judge
from services.domain.results.cards import VARIANT
from services.domain.results.published import Card, ValueRow, Verdict
from services.domain.results.verdicts import rulings_of, written_verdict
from services.domain.time.zone import Instant
from services.messaging.codec import admission
from services.messaging.reader import TopicReader
from services.messaging.records.values import figures_of
from services.messaging.topics import CASE_VERDICTS
from services.names import metrics
from services.names.samples import WrittenLabels, row_labels, row_samples
from services.rules.routes import SEVERITIES
from tests.integration.system import ROOT

CardId = tuple[str, str, str, str, str]
"""Promise, case, cycle, node, level."""


# ---- values and cards --------------------------------------------------------------------------------
def of_lines(what: str, said: Path, true: Path) -> list[str]:
    """Two files, line by line."""
    if said.read_bytes() == true.read_bytes():
        return []
    mine, theirs = said.read_text().splitlines(), true.read_text().splitlines()
    only = [f"{what}: the system says   {line}" for line in sorted(set(mine) - set(theirs))]
    only += [f"{what}: the replay says   {line}" for line in sorted(set(theirs) - set(mine))]
    return only or [f"{what}: the same lines in another order"]


# ---- the exporter ------------------------------------------------------------------------------------
_ROWS = {metric.name for metric in metrics.ROW_METRICS.values()} | {metrics.STATE.name}


_COUNTS = {metrics.CARDS_OPEN.name, metrics.VERDICTS.name}


def of_exporter(metrics_url: str, values: Path, cards: Path, verdicts: Iterable[Verdict]) -> list[str]:
    """Every series of a value row as it is scraped, beside the rows of the replay; and how many cards are active, and
    how many verdicts there are, by promise and unit."""
    try:
        text = httpx.get(metrics_url, timeout=30, trust_env=False).raise_for_status().text
    except httpx.HTTPError as error:
        return [f"the exporter does not answer: {error}"]
    shown = {line for line in text.splitlines() if line.partition("{")[0] in _ROWS}
    shown |= {
        line for line in text.splitlines() if line.partition("{")[0] in _COUNTS and not line.endswith(" 0.0")
    }  # what was once and is none any more is shown as 0
    with values.open(newline="") as source:
        true = {line for row in csv.DictReader(source) for line in series_of(row)}
    true.update(_counts(cards, verdicts))
    return [f"exporter: shown is    {line}" for line in sorted(shown - true)] + [
        f"exporter: the replay  {line}" for line in sorted(true - shown)
    ]


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
        (metrics.VERDICTS, one.kpi, one.unit, one.verdict) for one in verdicts if one.unit and VARIANT not in one.kpi
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
def of_verdicts(bootstrap: str, true: Mapping[str, Verdict]) -> list[str]:
    """The last record of each key of case.verdicts, beside what the facts of each case give (`verdicts_of`)."""
    said: dict[str, Verdict] = {}
    with TopicReader(bootstrap, [CASE_VERDICTS]) as reader:
        while not (reader.caught_up and reader.lag[CASE_VERDICTS] == 0):
            for record in reader.poll(0.3):
                key = (record.key or b"").decode()
                if record.value is None:
                    said.pop(key, None)
                else:
                    said[key] = _timeless(Verdict(**orjson.loads(record.value)))
    return [
        f"verdict of {key}: published is {said.get(key)}, by the facts it is {true.get(key)}"
        for key in sorted(said.keys() | true.keys())
        if said.get(key) != true.get(key)
    ]


def verdicts_of(archive: Path, judge: Judge, now: Instant) -> dict[str, Verdict]:
    """Key → verdict, as of `now`."""
    found: dict[str, Verdict] = {}
    for key, facts in facts_of(archive, judge).items():
        for ruling in rulings_of(judge.judge(facts, now)):
            found[f"{ruling.kpi}|{key}|{ruling.cycle}"] = _timeless(written_verdict(ruling, key, judge, now))
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
            if admitted.fact.rank != Rank.SOURCE_HEARTBEAT:
                insert(cases[admitted.key], admitted.fact)
    return cases


def _timeless(verdict: Verdict) -> Verdict:
    """Without what depends on the moment of judging."""
    return verdict._replace(judged_at="", clause=verdict.clause if verdict.started_at else "")


# ---- notices -----------------------------------------------------------------------------------------
@dataclass
class Notices:
    """What the outbox of the notifier says of cards and alerts, subject by subject."""

    active: dict[str, set[str]] = field(default_factory=dict)
    """Subject → the units that know that it is active."""
    held: set[str] = field(default_factory=set)
    """Subjects of which the last word is that a silence or an inhibition holds them back."""
    cards: dict[str, CardId] = field(default_factory=dict)
    """Subject → the card that it is."""
    raised: int = 0
    ended: int = 0
    wrong: list[str] = field(default_factory=list)
    """What was reported twice, or ended without having been reported."""

    @classmethod
    def read(cls, outbox: Path) -> "Notices":
        notices = cls()
        for number, line in enumerate(outbox.read_bytes().splitlines() if outbox.exists() else [], 1):
            try:
                notice = orjson.loads(line)
            except ValueError:
                notices.wrong.append(f"{outbox.name}, line {number} is not JSON")
                continue
            for subject in notice["subjects"]:
                notices._take(notice, subject, f"line {number}: {subject['id']}")
        return notices

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


def of_cards(outbox: Path, cards: Path) -> list[str]:
    """Notices about cards, beside the cards of the replay."""
    notices = Notices.read(outbox)
    standing: dict[CardId, str] = {}
    with cards.open(newline="") as source:
        for row in csv.DictReader(source):
            if not row["cleared_at"]:
                standing[_card_id(row)] = row["unit"]
    wrong = [one for one in notices.wrong if "card/" in one or "not JSON" in one]
    known = {card: id for id, card in notices.cards.items()}
    for id, units in notices.active.items():
        if id in notices.cards and notices.cards[id] not in standing:
            wrong.append(f"{id}: active for {sorted(units)}, and the card has ended: {notices.cards[id]}")
    for card, unit in standing.items():
        id = known.get(card, "")
        if unit not in notices.active.get(id, ()) and id not in notices.held:
            wrong.append(f"{id or 'no notice'}: the card is active and {unit} was not informed: {card}")
    return wrong


def of_alerts(outbox: Path, alertmanager: str) -> list[str]:
    """Notices about alerts, beside what is active at the Alertmanager and goes to the notifier."""
    notices = Notices.read(outbox)
    try:
        found = httpx.get(f"{alertmanager}/api/v2/alerts", timeout=10, trust_env=False).raise_for_status().json()
    except httpx.HTTPError as error:
        return [f"the Alertmanager does not answer: {error}"]
    told = [alert for alert in found if {one["name"] for one in alert["receivers"]} & set(SEVERITIES)]
    held = {f"alert/{alert['fingerprint']}" for alert in told if alert["status"]["state"] != "active"}
    active = {f"alert/{alert['fingerprint']}": alert["labels"] for alert in told}
    wrong = [one for one in notices.wrong if "alert/" in one]
    for id, units in notices.active.items():
        if id.startswith("alert/") and id not in active:
            wrong.append(f"{id}: active for {sorted(units)}, and not at the Alertmanager")
    for id, labels in active.items():
        if id not in held and labels.get("unit", "") not in notices.active.get(id, ()):
            wrong.append(f"{id}: active at the Alertmanager and not reported: {labels}")
    return wrong


# ---- commands ----------------------------------------------------------------------------------------
def kpiwatch(environment: Mapping[str, str], *arguments: str | Path, good: tuple[int, ...] = (0,)) -> str:
    """Run the command line; what it says if it fails, else an empty text."""
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
