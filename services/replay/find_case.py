"""One case out of many files: its facts, without judging any other."""

from collections.abc import Sequence
from dataclasses import dataclass, field

import orjson

from services.domain.intake.facts import Fact
from services.domain.intake.refusal import Refused
from services.domain.plan.plan import Plan
from services.domain.results.cards import case_name
from services.messaging.codec import admission
from services.replay.case_facts import facts_of
from services.replay.file_chunks import FileChunk, file_chunks
from services.replay.spill_files import Rejected, SpilledFact


@dataclass
class Found:
    """What the files say of a case."""

    cases: dict[str, list[Fact]] = field(default_factory=dict)
    """By case key; more than one if several owners have a case of that name."""
    rejected: list[Rejected] = field(default_factory=list)
    """Events about it that were refused."""
    lines: int = 0
    """How many lines were looked at."""


def find_case(files: Sequence[str], plan: Plan, name: str) -> Found:
    """The facts of the case of that name: its subject, or owner and subject with a blank between them."""
    search = _Search(plan, name)
    for chunk in file_chunks(files):
        search.look(chunk)
    return search.found()


class _Search:
    def __init__(self, plan: Plan, name: str) -> None:
        self._name = name
        owner, blank, subject = name.partition(" ")
        self._subjects = {name, subject} if blank else {name}
        self._needle = (subject if blank else owner).encode(errors="surrogatepass")
        self._admission = admission(plan, trust_receivedat=True)
        self._records: dict[str, list[SpilledFact]] = {}
        self._found = Found()

    def look(self, chunk: FileChunk) -> None:
        """Keep what a chunk says of the case."""
        self._found.lines += chunk.lines.count(b"\n")
        # an escaped character may stand for one of the name
        if self._needle not in chunk.lines and b"\\" not in chunk.lines:
            return
        for number, line in enumerate(chunk.lines.split(b"\n"), chunk.first_line):
            if (self._needle in line or b"\\" in line) and self._is_about_it(line):
                self._keep(chunk.file, number, line)

    def _is_about_it(self, line: bytes) -> bool:
        try:
            event = orjson.loads(line)
        except ValueError:
            return False
        subject = event.get("subject") if isinstance(event, dict) else None
        return isinstance(subject, str) and subject in self._subjects

    def _keep(self, file: str, number: int, line: bytes) -> None:
        try:
            admitted = self._admission.admit(line)
        except Refused as refused:
            self._found.rejected.append(Rejected.of(refused, file, number))
            return
        self._records.setdefault(admitted.key, []).append((admitted.key, file, number, *admitted.fact))

    def found(self) -> Found:
        keys = [key for key in self._records if case_name(key) == self._name]
        # a subject with a blank in it may read like an owner and another subject: then the owner is meant
        keys = keys or [key for key in self._records if key.partition("\x1f")[2] == self._name]
        for key in sorted(keys):
            if facts := facts_of(self._records[key], self._found.rejected):
                self._found.cases[key] = facts
        return self._found
