"""How much one case holds: the same whatever the order, live and in a replay, and never more than a record takes."""

import random
from collections.abc import Sequence
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.domain.history import capacity
from services.domain.history.capacity import LARGEST_CASE, free_units_in, take_out_overflow, weight
from services.domain.intake.facts import Fact, FactType, digest_of
from services.domain.results.case_row import Row
from services.messaging.topics import LARGEST_RECORD
from services.replay import case_facts
from services.replay.case_facts import facts_of

SMALL = 40
"""Units of a case in tests."""


def fact(number: int, received: int, rank: FactType = FactType.CASE_RATED, **data: Any) -> Fact:
    body = orjson.dumps([number, data])
    return Fact(1_600_000_000_000_000 + number, int(rank), "/units/a", f"e{number}", received, digest_of(body), data)


@pytest.fixture
def small_case(monkeypatch: pytest.MonkeyPatch) -> None:
    for module in (capacity, case_facts):
        monkeypatch.setattr(module, "LARGEST_CASE", SMALL)


def kept_one_by_one(facts: Sequence[Fact]) -> tuple[set[str], set[str]]:
    kept: list[Fact] = []
    taken: set[str] = set()
    for each in facts:
        kept.append(each)
        taken |= {one.id for one in take_out_overflow(kept)}
    return {each.id for each in kept}, taken


@given(seed=st.integers(0, 2**32))
def test_which_facts_are_kept_does_not_depend_on_the_order_and_is_the_same_in_a_replay(seed: int) -> None:
    with pytest.MonkeyPatch.context() as patch:
        for module in (capacity, case_facts):
            patch.setattr(module, "LARGEST_CASE", SMALL)
        rng = random.Random(seed)
        facts = [
            fact(
                number,
                rng.randrange(60),
                rng.choice([FactType.CASE_RATED, FactType.CASE_RATED, FactType.CASE_REOPENED]),
                reason="x" * rng.choice([0, 10, 300, 2000]),
            )
            for number in range(rng.randrange(120))
        ]
        kept, taken = kept_one_by_one(facts)
        rng.shuffle(facts)
        assert kept_one_by_one(facts) == (kept, taken)
        rejected: list[Any] = []
        records = [("key", "a.jsonl", line, *each) for line, each in enumerate(facts)]
        replayed = facts_of(records, rejected)
        assert {each.id for each in replayed} == kept
        assert {facts[one.line].id for one in rejected} == taken
        assert {one.reason for one in rejected} <= {"too_large"}
        assert sum(map(weight, replayed)) < SMALL + 300


def test_a_case_that_is_not_full_keeps_all() -> None:
    for rank, most in ((FactType.FIGURE_REPORTED, 1000), (FactType.CASE_RATED, 250)):
        facts = [fact(number, number, rank) for number in range(most)]
        assert take_out_overflow(facts) == []
        facts.append(fact(most, 5, rank))
        assert [each.id for each in take_out_overflow(facts)] == [f"e{most - 1}"], "the one that arrived last"


@given(
    rank=st.sampled_from([FactType.CASE_RATED, FactType.CASE_REOPENED, FactType.CORRECTION]),
    text=st.text(st.characters(exclude_categories=["Cs"]), max_size=1000),
    count=st.integers(1, 20),
)
def test_a_packed_row_never_has_fewer_bytes_than_its_units_need(rank: FactType, text: str, count: int) -> None:
    """So that a case is weighed only where it may be full."""
    row = Row()
    row.facts = [Fact(1, int(rank), "s", "i", 1, "0" * 32, {"a": text, "b": {"c": [text]}}) for _ in range(count)]
    assert free_units_in(orjson.dumps(row.packed())) <= LARGEST_CASE - sum(map(weight, row.facts))


@pytest.mark.parametrize("text", ["很" * 255, "很" * 2000, "x" * 255, "\x01" * 255])
def test_the_facts_of_a_full_case_fit_into_a_record(text: str) -> None:
    """With room for what they bring forth."""
    facts = [fact(number, number, FactType.ITEM_UPSERTED, reason=text) for number in range(LARGEST_CASE + 500)]
    take_out_overflow(facts)
    row = Row()
    row.facts = facts
    assert len(orjson.dumps(row.packed())) < LARGEST_RECORD * 9 // 10


def test_nor_do_long_ids_and_sources_make_a_row_that_no_record_holds() -> None:
    """Of an open plan, where a source may be any name; characters of four bytes, which nothing makes shorter."""
    rng = random.Random(1)

    def name(length: int) -> str:
        return "".join(chr(rng.randrange(0x20000, 0x30000)) for _ in range(length))

    facts = [
        fact(number, number, FactType.ITEM_UPSERTED, reason=name(200))._replace(id=name(256), source=name(256))
        for number in range(LARGEST_CASE)
    ]
    assert take_out_overflow(facts)
    row = Row()
    row.facts = facts
    assert len(orjson.dumps(row.packed())) < LARGEST_RECORD * 9 // 10
