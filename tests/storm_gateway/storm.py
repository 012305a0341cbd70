"""kill -9 of gateway, relay, broker and senders, one after another, while events are sent; then a comparison."""

import hashlib
import random
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Sequence, Set
from pathlib import Path
from typing import Any, Final, NamedTuple

from services.domain.history.fact_set import insert
from services.domain.intake.admission import Admission, Admitted
from services.domain.intake.events import text_of
from services.domain.intake.facts import Fact
from services.domain.intake.json_text import stamped
from services.domain.intake.refusal import Refused
from services.domain.results.published import ValueRow
from services.domain.time.zone import MINUTE_US, Instant
from services.messaging.codec import admission
from services.messaging.dead_letter_reader import read
from services.messaging.records.dead_letters import DeadLetter
from services.messaging.records.gateway_keys import hash_of
from services.replay.replay import Replayed, replay
from tests.storm_gateway.journal import lines_of
from tests.storm_gateway.senders import Job
from tests.storm_gateway.sent import BY_INBOX, Line, lines, requests
from tests.storm_gateway.ways import Ways, now
from tests.unit.commands import run

Identity = tuple[str, str, str, str]
"""Case, source, id, payload hash."""
SENDERS: Final = ("client-1", "client-2", "producer")
_STALLED_SECONDS: Final = 300.0
_RELAYED_SECONDS: Final = 120.0


class Plan(NamedTuple):
    """What is done."""

    events: int
    kills: int
    seed: int
    folder: Path
    gateways: int = 2
    size: int = 25
    """Events of one request."""
    seconds: float = 0.0
    """How long sending takes at least."""


class Kill(NamedTuple):
    """One kill -9."""

    part: str
    recovery: float
    """Seconds until the part did its work again."""


class Counts(NamedTuple):
    """Numbers of events."""

    sent: int
    good: int
    """And acknowledged."""
    refused: int
    records: int
    """Of `case.events`."""


class Outcome(NamedTuple):
    """What a storm was and what came of it."""

    counts: Counts
    kills: Sequence[Kill]
    wrong: Sequence[str]
    """A sentence for each thing that is not as it must be."""
    rows: Sequence[ValueRow]
    """Of the events that were sent, each with its first arrival."""
    as_of: Instant
    seconds: float

    def lines(self) -> Iterator[str]:
        """For a person to read."""
        sent, good, refused, records = self.counts
        yield (
            f"{sent:,} events sent in {self.seconds:,.0f} s: {good:,} good and acknowledged, {refused:,} refused; "
            f"{records:,} records in case.events, {records - good:,} of them written again"
        )
        by_part: dict[str, list[float]] = defaultdict(list)
        for kill in self.kills:
            by_part[_kind(kill.part)].append(kill.recovery)
        for part, took in sorted(by_part.items()):
            took.sort()
            middle = took[len(took) // 2]
            yield f"{part:9} {len(took):>4} kills, recovery {middle:.1f} s (median), {took[-1]:.1f} s (longest)"
        yield from self.wrong or ["nothing is lost, nothing counts twice, the values are those of the sent file"]


def _kind(part: str) -> str:
    return part.partition("-")[0]


def storm(plan: Plan, ways: Ways, say: Callable[[str], None] = lambda line: None) -> Outcome:
    """Send everything under kills, and compare."""
    events = lines(ways.plan, plan.events, plan.seed)
    sender_jobs = _jobs(plan, ways, events)
    began = time.monotonic()
    for name, job in sender_jobs.items():
        way = "inbox" if name == "producer" else "http"
        file, journal = plan.folder / f"{name}.json", plan.folder / f"{name}.journal"
        job.write(file)
        ways.process(
            name, ["tests.storm_gateway.senders", way, str(file), str(journal)], _Progress(journal).has_gone_on
        )
    kills = _Killing(plan, ways, sum(len(job.requests) for job in sender_jobs.values()), say).run()
    _wait_for_all(ways)
    seconds = time.monotonic() - began
    return _compared(plan, ways, _answered(plan, ways, sender_jobs), kills, seconds)


# ---- sending -----------------------------------------------------------------------------------------------------
def _jobs(plan: Plan, ways: Ways, events: Sequence[Line]) -> dict[str, Job]:
    """What each sender sends."""
    found: dict[str, list[tuple[str, list[str]]]] = {name: [] for name in SENDERS}
    keys = ways.keys(sorted({line.source for line in events}))
    for source, batch in requests(events, plan.size):
        if source in BY_INBOX:
            found["producer"].append((ways.plan.sources[source].inbox, batch))
        else:
            found[SENDERS[hash_of(source).encode()[0] % 2]].append((keys[source], batch))
    urls = [ways.url(number) for number in range(plan.gateways)]
    turned = {"client-1": urls, "client-2": urls[::-1], "producer": [ways.settings.bootstrap]}
    return {name: Job(turned[name], plan.seconds / max(1, len(mine)), mine) for name, mine in found.items() if mine}


class _Progress:
    """Whether a sender has had anything answered since it was started."""

    def __init__(self, journal: Path) -> None:
        self._journal = journal
        self._before: dict[int, int] = {}

    def has_gone_on(self, running: Any) -> bool:
        count = sum(1 for _ in lines_of(self._journal))
        return count > self._before.setdefault(running.pid, count)


class _Killing:
    """The kills, spread over the answers."""

    def __init__(self, plan: Plan, ways: Ways, requests: int, say: Callable[[str], None]) -> None:
        self._plan = plan
        self._ways = ways
        self._requests = requests
        self._say = say
        self._rng = random.Random(plan.seed)

    def run(self) -> list[Kill]:
        """Each waits for its share of the answers, and for the one before it to be over."""
        done = []
        for number, kind in enumerate(self._kinds(), 1):
            self._wait_for(self._requests * number // (self._plan.kills + 1))
            there = [one for one in self._ways.parts.values() if _kind(one.name) == kind and not one.is_done]
            part = self._rng.choice(there) if there else None
            if part is None or not part.kill():
                continue  # it has sent everything, or is being started
            took = part.wait_ready()
            if kind == "broker":
                took += max(each.wait_ready() for each in self._ways.parts.values())
            done.append(Kill(part.name, took))
            self._say(f"kill {number} of {self._plan.kills}: {part.name}, back after {took:.1f} s")
        return done

    def _kinds(self) -> list[str]:
        """Each as often as the others, in an order of the seed."""
        kinds = ("gateway", "relay", "broker", "client", "producer")[: max(4, min(5, self._plan.kills))]
        chosen: list[str] = []
        while len(chosen) < self._plan.kills:
            chosen += self._rng.sample(kinds, len(kinds))
        return chosen[: self._plan.kills]

    def _wait_for(self, answers: int) -> None:
        last, since = -1, time.monotonic()
        while (count := _answers(self._plan.folder)) < answers:
            if count != last:
                last, since = count, time.monotonic()
            assert time.monotonic() - since < _STALLED_SECONDS, f"nothing was answered for {_STALLED_SECONDS:.0f} s"
            time.sleep(0.02)


def _answers(folder: Path) -> int:
    """How many requests were answered."""
    return sum(sum(1 for _ in lines_of(folder / f"{name}.journal")) for name in SENDERS)


def _wait_for_all(ways: Ways) -> None:
    until = time.monotonic() + 3_600
    senders = [ways.parts[name] for name in SENDERS if name in ways.parts]
    while not all(sender.is_done for sender in senders):
        ends = {sender.name: sender.ends for sender in senders}
        assert time.monotonic() < until, f"not all was sent: {ends}"
        assert not any(code == 1 for sender in senders for code in sender.ends), f"{ends}\n{ways.logs()[-3000:]}"
        time.sleep(0.05)


# ---- comparing ---------------------------------------------------------------------------------------------------
class Answered(NamedTuple):
    """The events of a storm by what was answered: of an inbox, which is not answered, by what admission says."""

    good: list[str]
    refused: list[str]
    letters: set[str]
    """Hashes of the events of which there must be a dead letter."""


def _answered(plan: Plan, ways: Ways, jobs: dict[str, Job]) -> Answered:
    found = Answered([], [], set())
    edge = admission(ways.plan)
    for name, job in jobs.items():
        for (_, batch), said in zip(job.requests, lines_of(plan.folder / f"{name}.journal"), strict=True):
            bad = {int(place) for place in said.split()[1:]}
            if name == "producer":
                bad = {place for place, text in enumerate(batch) if not _is_admitted(edge, text)}
                found.letters.update(_hash(batch[place].encode()) for place in bad)
            for place, text in enumerate(batch):
                (found.refused if place in bad else found.good).append(text)
    return found


def _is_admitted(edge: Admission, text: str) -> bool:
    try:
        edge.admit(text.encode(), received=now())
    except Refused:
        return False
    return True


def _hash(event: bytes) -> str:
    return hashlib.sha256(event).hexdigest()


def _compared(plan: Plan, ways: Ways, answered: Answered, kills: Sequence[Kill], seconds: float) -> Outcome:
    edge = admission(ways.plan, trust_receivedat=True)
    wanted = {_identity(edge.admit(text.encode(), received=now())): text for text in answered.good}
    topic = _topic(plan, ways, wanted.keys())
    wrong = [f"acknowledged and not in case.events: {one[:3]}" for one in wanted.keys() - topic.facts.keys()]
    wrong += [f"in case.events and never acknowledged as good: {one[:3]}" for one in topic.facts.keys() - wanted.keys()]
    kept = {_hash_of_letter(filed.letter) for filed in read(ways.settings.bootstrap)}
    wrong += [f"refused from an inbox, without a letter: {one}" for one in answered.letters - kept]
    wrong += [f"a letter of what was not refused from an inbox: {one}" for one in kept - answered.letters]
    wrong += _twice(topic.facts)
    expected = plan.folder / "sent.jsonl"
    with expected.open("wb") as sink:
        for identity, text in wanted.items():
            arrival = min((fact.received for fact in topic.facts.get(identity, ())), default=now())
            sink.write(stamped(text.encode(), text_of(arrival)) + b"\n")
    as_of = now() + MINUTE_US
    replayed = _replayed(expected, ways, as_of)
    wrong += _differences(replayed, _replayed(topic.archive, ways, as_of))
    counts = Counts(plan.events, len(answered.good), len(answered.refused), topic.records)
    return Outcome(counts, kills, wrong[:20], list(replayed.rows), as_of, seconds)


def _identity(found: Admitted) -> Identity:
    return found.key, found.fact.source, found.fact.id, found.fact.digest


def _hash_of_letter(letter: DeadLetter) -> str:
    return _hash(letter.original) if letter.whole is None else letter.whole.sha256


class Topic(NamedTuple):
    """What `case.events` holds."""

    archive: Path
    facts: dict[Identity, list[Fact]]
    """One for each record."""
    records: int


def _topic(plan: Plan, ways: Ways, wanted: Set[Identity]) -> Topic:
    """What is there once the relay has relayed all that is wanted, or does not get there."""
    until = time.monotonic() + _RELAYED_SECONDS
    archive = plan.folder / "archive.jsonl"
    while True:
        assert run("archive", "--out", archive, "--bootstrap", ways.settings.bootstrap) == 0
        edge = admission(ways.plan, trust_receivedat=True)
        facts: dict[Identity, list[Fact]] = defaultdict(list)
        for line in archive.read_bytes().splitlines():
            found = edge.admit(line)
            facts[_identity(found)].append(found.fact)
        if wanted <= facts.keys() or time.monotonic() > until:
            return Topic(archive, facts, sum(map(len, facts.values())))
        time.sleep(1)


def _twice(facts: dict[Identity, list[Fact]]) -> list[str]:
    """Cases that hold an event twice, with all records in their order and once more in the other one."""
    held: dict[str, list[Fact]] = defaultdict(list)
    for (case, *_), records in facts.items():
        for fact in (*records, *records[::-1]):
            held[case] = insert(held[case], fact).facts
    unique = {case: len({(fact.source, fact.id) for fact in found}) for case, found in held.items()}
    return [f"the case {case!r} counts an event twice" for case, found in held.items() if len(found) != unique[case]]


def _replayed(file: Path, ways: Ways, as_of: Instant) -> Replayed:
    return replay([str(file)], ways.settings.plan, [as_of], with_cards=True, processes=1)


def _differences(expected: Replayed, actual: Replayed) -> list[str]:
    found = []
    for what in ("rows", "cards"):
        mine, theirs = Counter(getattr(actual, what)), Counter(getattr(expected, what))
        found += [f"{what}: only of the topic {one}" for one in mine - theirs]
        found += [f"{what}: only of the sent file {one}" for one in theirs - mine]
    return found
