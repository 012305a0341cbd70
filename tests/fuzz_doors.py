"""`make fuzz-doors`: mutated events by HTTP, by inbox and by file, all with the same verdict.

Each event is sent alone and, where it is JSON, in a batch; written to the inbox of its source; and read from a file
with the same arrival. Every answer has to be 202 or 422, with one reason for each refused event. The letters of the
inboxes and `kpiwatch validate` have to give the same reasons. Every good event is in `case.events`, and no refused one.
No topic but the inboxes may hold a personal number of the corpus, and no answer and no log.
"""

import argparse
import re
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import closing, redirect_stderr, redirect_stdout
from io import StringIO
from pathlib import Path
from typing import Any, Final, NamedTuple

import httpx
import msgspec
import orjson
from kafka import KafkaAdminClient, KafkaConsumer, KafkaProducer, TopicPartition

from services.domain.intake.events import text_of
from services.domain.intake.json_text import stamped
from services.domain.intake.refusal import Reason, Refused
from services.domain.time.zone import Instant
from services.gateway.admit import admit
from services.gateway.wire import BATCH, STRUCTURED, Sent
from services.messaging.codec import admission
from services.messaging.dead_letter_reader import read
from services.messaging.letter_budget import LETTERS_A_DAY
from services.messaging.topics import CASE_EVENTS
from tests import long_run
from tests.mutations import mutated
from tests.storm_gateway.ways import Ways, now
from tests.unit.commands import run

BY_ITS_CASE: Final = (Reason.ID_CONFLICT, Reason.BAD_CORRECTION)
"""Only the case knows them: a file is judged with its cases, a request is not."""
PERSONAL: Final = ("13800138000", "11010519491231002X", "4111111111111111")
"""The personal numbers that the corpus holds, without what is written between their digits."""
_BATCH: Final = 200
_WAIT_SECONDS: Final = 300.0

Verdict = tuple[str, str] | None
"""Reason and path; None: it is good."""


class Line(NamedTuple):
    """An event of the corpus, the source that sends it, and what admission says of it."""

    source: str
    event: bytes
    verdict: Verdict


class Found(NamedTuple):
    """What a run gave."""

    events: int
    reasons: Counter[str]
    by_file: int
    """Events that were compared with the file, too."""
    wrong: list[str]


class Corpus:
    """The mutated events, with those that are good between them."""

    def __init__(self, ways: Ways, number: int, seed: int) -> None:
        self.arrival: Instant = now()
        self._edge = admission(ways.plan)
        self._sources = list(ways.plan.sources)
        self.lines = [self._line(place, each.line) for place, each in enumerate(mutated(seed, number))]

    def _line(self, place: int, event: bytes) -> Line:
        content = _json(event)
        named = content.get("source") if isinstance(content, dict) else None
        source = str(named) if named in self._sources else self._sources[place % len(self._sources)]
        return Line(source, event, self.verdict(event, source))

    def verdict(self, event: bytes, source: str) -> Verdict:
        """What the one admission of all ways says."""
        try:
            admit(Sent(event), source, self.arrival, self._edge)
        except Refused as refused:
            return str(refused.code), refused.path
        return None

    def of(self, source: str) -> list[Line]:
        return [line for line in self.lines if line.source == source]


def _json(event: bytes) -> Any:
    try:
        return orjson.loads(event)
    except ValueError:
        return None


def fuzz(ways: Ways, number: int, seed: int) -> Found:
    """Mutate so many events and send them."""
    corpus = Corpus(ways, number, seed)
    before, log_before = values_of(ways, CASE_EVENTS), Counter(ways.logs().splitlines())
    wrong = [*by_http(ways, corpus)]
    good = Counter(line.event.strip() for line in corpus.lines if line.verdict is None)
    between = values_of(ways, CASE_EVENTS)
    wrong += _not_stored(good, between - before)
    wrong += by_inbox(ways, corpus)
    wrong += _not_stored(good, values_of(ways, CASE_EVENTS) - between)
    compared = [line for line in corpus.lines if b"receivedat" not in line.event]
    wrong += by_file(ways, corpus, compared)
    wrong += personal_numbers(ways)
    logged = Counter(ways.logs().splitlines()) - log_before
    wrong += [f"in a log: {line[:200]}" for line in logged if _is_bad_line(line)]
    reasons = Counter("good" if line.verdict is None else line.verdict[0] for line in corpus.lines)
    return Found(len(corpus.lines), reasons, len(compared), wrong)


def _is_bad_line(line: str) -> bool:
    return "Traceback" in line or "CRITICAL" in line or bool(_personal_in(line))


def _not_stored(good: Counter[bytes], found: Counter[bytes]) -> Iterator[str]:
    """`found`: what has come into case.events."""
    stored = {value.strip() for value in found}
    yield from (f"good and not in case.events: {event[:200]!r}" for event in good.keys() - stored)
    yield from (f"refused and in case.events: {event[:200]!r}" for event in stored - good.keys())


# ---- HTTP --------------------------------------------------------------------------------------------------------
def by_http(ways: Ways, corpus: Corpus) -> Iterator[str]:
    """What is wrong with the answers."""
    sources = sorted({line.source for line in corpus.lines})
    with httpx.Client(base_url=ways.url(), timeout=60, trust_env=False) as client:
        for source, key in ways.keys(sources).items():
            bearer = {"Authorization": f"Bearer {key}"}
            _wait_for_key(client, bearer)
            mine = corpus.of(source)
            for line in mine:
                answer = client.post("/events", content=line.event, headers={**bearer, "Content-Type": STRUCTURED})
                yield from _wrong_answer(answer, [line.verdict])
            whole = [line.event.strip() for line in mine if _may_be_in_a_batch(line.event)]
            for begin in range(0, len(whole), _BATCH):
                some = whole[begin : begin + _BATCH]
                content, headers = b"[" + b",".join(some) + b"]", {**bearer, "Content-Type": BATCH}
                answer = client.post("/events", content=content, headers=headers)
                yield from _wrong_answer(answer, [corpus.verdict(event, source) for event in some])


def _wait_for_key(client: httpx.Client, bearer: dict[str, str]) -> None:
    until = time.monotonic() + 30
    while client.post("/validate", content=b"[]", headers={**bearer, "Content-Type": BATCH}).status_code != 200:
        assert time.monotonic() < until
        time.sleep(0.02)


def _may_be_in_a_batch(event: bytes) -> bool:
    """By the reader that cuts batches."""
    try:
        msgspec.json.decode(event)
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError):
        return False
    return True


def _wrong_answer(answer: httpx.Response, expected: Sequence[Verdict]) -> Iterator[str]:
    if answer.status_code not in (202, 422):
        yield f"HTTP answered {answer.status_code}: {answer.text[:300]}"
        return
    problems = answer.json().get("problems", [])
    named = {one["index"]: (one["title"], one["path"]) for one in problems}
    if len(named) != len(problems) or any(not (one["detail"] and one["remedy"]) for one in problems):
        yield f"not one reason each, with a remedy: {answer.text[:300]}"
    for place, verdict in enumerate(expected):
        if named.get(place) != verdict:
            yield f"by HTTP {named.get(place)}, by admission {verdict}"
    if _personal_in(answer.text):
        yield f"an answer holds a personal number: {answer.text[:300]}"


# ---- inboxes -----------------------------------------------------------------------------------------------------
def by_inbox(ways: Ways, corpus: Corpus) -> Iterator[str]:
    """What is wrong with the letters, once the relay has read all inboxes to their ends."""
    sent: dict[tuple[str, int], Line] = {}
    with closing(KafkaProducer(bootstrap_servers=ways.settings.bootstrap, max_request_size=4 << 20)) as producer:
        made = [
            (line, producer.send(ways.plan.sources[line.source].inbox, line.event, partition=0))
            for line in corpus.lines
        ]
        for line, future in made:
            placed = future.get(60)
            sent[placed.topic, placed.offset] = line
    letters: dict[tuple[str, int], tuple[str, str]] = {}
    refused = Counter(line.source for line in corpus.lines if line.verdict is not None)
    wanted = sum(min(count, LETTERS_A_DAY) for count in refused.values())
    until = time.monotonic() + _WAIT_SECONDS
    while len(letters) < wanted and time.monotonic() < until:
        time.sleep(1)
        found = [filed.letter for filed in read(ways.settings.bootstrap)]
        letters = {
            (each.topic, each.offset): (str(each.reason), each.path)
            for each in found
            if each.topic and each.offset is not None and (each.topic, each.offset) in sent
        }
    if len(letters) != wanted:
        yield f"{len(letters)} letters of {wanted}"
    for place, said in letters.items():
        if said != sent[place].verdict:
            yield f"by inbox {said}, by admission {sent[place].verdict}"
    yield from _wait_for_relay(ways, Counter(topic for topic, _ in sent))


def _wait_for_relay(ways: Ways, inboxes: Iterable[str]) -> Iterator[str]:
    """Until its position is the end of each inbox."""
    until = time.monotonic() + _WAIT_SECONDS
    places = [TopicPartition(topic, 0) for topic in inboxes]
    with closing(
        KafkaConsumer(bootstrap_servers=ways.settings.bootstrap, group_id="kpiwatch-relay", enable_auto_commit=False)
    ) as consumer:
        ends = consumer.end_offsets(places)
        while any((consumer.committed(place) or 0) < ends[place] for place in places):
            if time.monotonic() > until:
                yield "the relay has not read the inboxes to their ends"
                return
            time.sleep(0.2)


# ---- files -------------------------------------------------------------------------------------------------------
def by_file(ways: Ways, corpus: Corpus, lines: Sequence[Line]) -> Iterator[str]:
    """What is wrong with the verdicts of `kpiwatch validate` on a file whose events have the same arrival."""
    file = ways.folder / "mutated.jsonl"
    arrival = text_of(corpus.arrival)
    file.write_bytes(b"".join(_with_arrival(line.event, arrival) + b"\n" for line in lines))
    with redirect_stdout(StringIO()) as output, redirect_stderr(StringIO()) as errors:
        code = run("validate", file, "--json")
    if code not in (0, 1) or not output.getvalue() or _is_bad_line(errors.getvalue()):
        yield f"kpiwatch validate ended with {code}: {errors.getvalue()[:300]}"
        return
    rejected = orjson.loads(output.getvalue())["rejected"]
    said = {one["line"]: (one["reason"], one["path"]) for one in rejected}
    for number, line in enumerate(lines, 1):
        found = said.get(number)
        if found != line.verdict and not (line.verdict is None and found is not None and found[0] in BY_ITS_CASE):
            yield f"by file {found}, by admission {line.verdict}: {line.event[:200]!r}"
    if _personal_in(output.getvalue()):
        yield "kpiwatch validate shows a personal number"


def _with_arrival(event: bytes, arrival: str) -> bytes:
    return stamped(event, arrival) if isinstance(_json(event), dict) else event


# ---- topics ------------------------------------------------------------------------------------------------------
def values_of(ways: Ways, topic: str) -> Counter[bytes]:
    """The values of all its records."""
    return Counter(value for _, value in _records(ways, topic) if value is not None)


def _records(ways: Ways, topic: str) -> Iterator[tuple[bytes | None, bytes | None]]:
    with closing(
        KafkaConsumer(bootstrap_servers=ways.settings.bootstrap, group_id=None, auto_offset_reset="earliest")
    ) as consumer:
        places = [TopicPartition(topic, number) for number in consumer.partitions_for_topic(topic) or ()]
        consumer.assign(places)
        ends = consumer.end_offsets(places)
        while any(consumer.position(place) < ends[place] for place in places):
            for batch in consumer.poll(timeout_ms=500).values():
                yield from ((record.key, record.value) for record in batch)


def personal_numbers(ways: Ways) -> Iterator[str]:
    """Topics that hold one, in a key, a value or, in a letter, what is packed as base64."""
    with closing(KafkaAdminClient(bootstrap_servers=ways.settings.bootstrap)) as admin:
        names = sorted(admin.list_topics())
    inboxes = {source.inbox for source in ways.plan.sources.values()}
    for name in (each for each in names if each not in inboxes and not each.startswith("__")):
        for key, value in _records(ways, name):
            for number in _personal_in(f"{_text(key)} {_text(value)}"):
                yield f"{name} holds {number}"
    for filed in read(ways.settings.bootstrap):
        packed = [filed.letter.original, *(value or b"" for _, value in filed.letter.headers)]
        for number in {one for part in packed for one in _personal_in(_text(part))}:
            yield f"a letter ({filed.letter.reason}) holds {number}: {filed.letter.place}"


def _text(content: bytes | None) -> str:
    return (content or b"").decode(errors="replace")


_ESCAPED: Final = re.compile(r"\\u([0-9a-fA-F]{4})")
_BETWEEN: Final = re.compile(r"[\s\-.·_()]+")


def _personal_in(text: str) -> set[str]:
    """Without the library that admission finds them with."""
    plain = _BETWEEN.sub("", _ESCAPED.sub(lambda found: chr(int(found[1], 16)), text))
    return {number for number in PERSONAL if number in plain}


# ---- the run -----------------------------------------------------------------------------------------------------
def lines_of(found: Found) -> Iterator[str]:
    """For a person to read."""
    good, counts = found.reasons["good"], found.reasons.most_common()
    yield (
        f"{found.events:,} events by HTTP (alone and in batches) and by inbox, {found.by_file:,} of them by file: "
        f"{good:,} good, {found.events - good:,} refused, {len(found.wrong)} differences"
    )
    yield ", ".join(f"{reason} {count:,}" for reason, count in counts if reason != "good")
    yield from found.wrong[:20]


def main(say: Callable[[str], None] = print) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--events", type=int, default=10_000, help="how many are mutated (10000)")
    parser.add_argument("--seed", type=int, default=1)
    given = parser.parse_args()
    long_run.begin()
    with tempfile.TemporaryDirectory() as folder, Ways(Path(folder)).running() as ways:
        found = fuzz(ways, given.events, given.seed)
    for line in lines_of(found):
        say(line)
    return 1 if found.wrong else 0


if __name__ == "__main__":
    sys.exit(main())
