"""What only its case refuses is refused in the same words by the worker's letter, by `validate` and by `/what-if`."""

from types import SimpleNamespace
from typing import Any, cast

import pytest
from faust.types import TP

from services.casebook.what_if import WhatIf
from services.domain.history.capacity import LARGEST_CASE
from services.domain.history.case_refusals import refused_by_case
from services.domain.intake.facts import Fact, case_key
from services.domain.results.case_partition import CasePartition
from services.messaging.letter_budget import Letter
from services.messaging.records.dead_letters import DeadLetter
from services.messaging.records.rows import dump_row, load_row
from services.replay.case_facts import facts_of
from services.replay.spill_files import Rejected
from streams.cases.dead_letters import DeadLetters
from tests.unit.cases import WATER, accepted, at, correction, in_order, judge_of, milestone, promise

KEY = case_key(WATER, "W-1")
NOW = at("2021-10-20")
JUDGE = judge_of(promise())
ACCEPTED, OTHER = sorted(
    (accepted("2021-09-16T09:00", id="a"), accepted("2021-09-18T09:00", id="a")), key=lambda fact: fact.digest
)
CORRECTION = correction("2021-09-28T10:00", of=ACCEPTED, to=None, id="c")
FULL = [milestone("2021-09-20T10:00", f"step-{number}") for number in range(LARGEST_CASE // 4)]
CASES: dict[str, tuple[list[Fact], Fact]] = {
    "id_conflict": ([ACCEPTED], OTHER),
    "bad_correction": ([ACCEPTED, CORRECTION], correction("2021-09-29T10:00", of=CORRECTION, to=None, id="d")),
    "too_large": (FULL, milestone("2021-09-21T10:00", "last")),
}


def by_what_if(stored: list[Fact], sent: Fact) -> tuple[str, ...]:
    ((_, refused),) = WhatIf(JUDGE, WATER, NOW).case(KEY, in_order(stored), [(0, sent)]).refused
    return refused.code, refused.path, refused.sentence, refused.remedy


def by_replay(stored: list[Fact], sent: Fact) -> tuple[str, ...]:
    rejected: list[Rejected] = []
    facts_of([(KEY, "file", line, *fact) for line, fact in enumerate((*stored, sent))], rejected)
    ((_, line, *words),) = rejected
    assert line == len(stored)
    return tuple(words)


def by_letter(stored: list[Fact], sent: Fact) -> tuple[str, ...]:
    partition = CasePartition(JUDGE, dict[bytes, bytes](), loads=load_row, dumps=dump_row)
    for fact in stored:
        partition.take(KEY.encode(), fact, NOW)
    effects = partition.take(KEY.encode(), sent, NOW)
    assert effects is not None
    (away,) = effects.rejected
    settings: Any = SimpleNamespace(dead_letter_ratio=0.5, events="case.events", dead_letters="letters")
    letters: list[Letter] = []
    admitted: Any = SimpleNamespace(fact=sent, key=KEY)
    record: Any = SimpleNamespace(timestamp=0, offset=7, value=b"{}", headers=())
    DeadLetters(cast(Any, None), settings, JUDGE.plan).reject(away, admitted, TP("case.events", 0), record, letters)
    value = letters[0].record[1]
    assert value is not None
    letter = DeadLetter.decode(value)
    return letter.reason, letter.path, letter.sentence, letter.remedy


@pytest.mark.parametrize("reason", CASES)
def test_one_refusal_has_one_wording(reason: str) -> None:
    stored, sent = CASES[reason]
    wanted = refused_by_case(reason)
    words = (wanted.code, wanted.path, wanted.sentence, wanted.remedy)
    assert by_what_if(stored, sent) == by_replay(stored, sent) == by_letter(stored, sent) == words


def test_another_reason_is_none_of_a_case() -> None:
    with pytest.raises(ValueError, match="no case refuses an event as malformed"):
        refused_by_case("malformed")
