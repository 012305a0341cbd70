"""`keeps = "first"`: of several facts that say an attribute the first counts, in whatever order they arrive."""

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from services.domain.intake.facts import Fact
from services.domain.plan.plan import ServiceItem
from tests.unit.cases import (
    TITLE,
    accepted,
    applied,
    completed,
    correction,
    folded,
    in_order,
    judge_of,
    milestone,
    promise,
    reclassified,
    reopened,
)

ITEM = ServiceItem.model_validate(
    {
        "code": "start",
        "title": TITLE,
        "permit": False,
        "attributes": {"channel_of_tax": {"type": "code", "keeps": "first"}, "size": {"type": "code"}},
    }
)
JUDGE = judge_of(promise(select={"service_item": "start"}), items={"start": ITEM, "other": ServiceItem.model_validate(
    {"code": "other", "title": TITLE, "attributes": {"channel_of_tax": {"type": "code"}}}
)})  # fmt: skip


def said(*facts: Fact, name: str = "channel_of_tax") -> Any:
    return folded(JUDGE, *facts)[-1].attributes.get(name)


def start(item: str = "start", **attributes: str) -> Fact:
    return accepted("2021-09-16T09:00", item=item, attributes=attributes)


def step(time: str, **attributes: str) -> Fact:
    return milestone(time, "tax", attributes=attributes)


def test_the_first_word_counts_and_of_other_attributes_the_last() -> None:
    first, second = step("2021-09-17", channel_of_tax="a", size="s"), step("2021-09-18", channel_of_tax="b", size="l")
    assert said(start(), first, second) == "a"
    assert said(start(), first, second, name="size") == "l"
    assert said(start("other"), first, second) == "b"


def test_a_step_before_the_acceptance_was_the_first_to_say_it() -> None:
    assert said(start(channel_of_tax="b"), step("2021-09-15", channel_of_tax="a")) == "a"
    by_application = applied("2021-09-15T10:00", item="start", attributes={"channel_of_tax": "a"})
    assert said(by_application, start(channel_of_tax="b")) == "a"


def test_a_completion_speaks_in_its_turn_and_a_void_one_not_at_all() -> None:
    end = completed("2021-09-18", attributes={"channel_of_tax": "b"})
    assert said(start(), end, step("2021-09-19", channel_of_tax="a")) == "b"
    assert said(start(), end, step("2021-09-17", channel_of_tax="a")) == "a"
    void = completed("2021-09-15", attributes={"channel_of_tax": "c"})
    assert said(start(), void, step("2021-09-17", channel_of_tax="a")) == "a"


def test_a_reclassification_and_a_correction_go_before_the_first_word() -> None:
    first, second = step("2021-09-17", channel_of_tax="a"), step("2021-09-18", channel_of_tax="b")
    assert said(start(), first, reclassified("2021-09-19", attributes={"channel_of_tax": "c"})) == "c"
    assert said(start(), first, second, correction("2021-09-19", first, None)) == "b"


def test_a_new_cycle_has_a_first_word_of_its_own() -> None:
    again = reopened("2021-09-20", "new_request")
    facts = [start(), step("2021-09-17", channel_of_tax="a"), completed("2021-09-18"), again]
    assert said(*facts, step("2021-09-21", channel_of_tax="b"), step("2021-09-22", channel_of_tax="c")) == "b"
    assert said(*facts) == "a"


words = st.lists(st.tuples(st.integers(1, 28), st.sampled_from("abc")), min_size=1, max_size=5)


@given(words, st.randoms(use_true_random=False))
def test_any_order_of_arrival_gives_the_same_word(given_words: list[tuple[int, str]], rng: Any) -> None:
    facts = [start()] + [
        milestone(f"2021-10-{day:02}", "tax", id=str(number), attributes={"channel_of_tax": word})
        for number, (day, word) in enumerate(given_words)
    ]
    shuffled = list(facts)
    rng.shuffle(shuffled)
    assert said(*in_order(shuffled)) == said(*in_order(facts)) == min(
        (day, str(number), word) for number, (day, word) in enumerate(given_words)
    )[2]  # fmt: skip
