"""Cards: when each was raised and cleared, as a function of the facts and the moment alone (DESIGN §5)."""

from hypothesis import given
from hypothesis import strategies as st

from services.domain.cards import CardState, cards, written_card
from services.domain.facts import Fact, case_key
from tests.unit import histories
from tests.unit.cases import (
    WATER,
    ZONE,
    accepted,
    at,
    card_list,
    completed,
    correction,
    extended,
    judge_of,
    justified,
    promise,
    reclassified,
    reopened,
    standing,
    withdrawn,
)
from tests.unit.test_partition import EVERY_KIND

JUDGE = judge_of(promise(extension_moves_limit=True, select={"service_item": "water"}))
START = accepted("2021-09-16T09:00")  # yellow from 2021-09-23, due at its end


def history(*facts: Fact, now: str = "2021-12-01") -> list[tuple[str, str, str, str]]:
    """Level, raised, cleared, reason; times without their date's year."""
    return [
        (
            card.level,
            ZONE.text(card.raised_at)[5:16],
            ZONE.text(card.cleared_at)[5:16] if card.cleared_at is not None else "",
            card.reason,
        )
        for card in card_list(JUDGE, facts, now)
    ]


def test_yellow_turns_red_and_red_is_cleared_by_completion() -> None:
    assert history(START, now="2021-09-22T23:59") == []
    assert history(START, now="2021-09-23") == [("yellow", "09-23T00:00", "", "")]
    both = [("red", "09-24T00:00", "", ""), ("yellow", "09-23T00:00", "09-24T00:00", "superseded")]
    assert history(START) == both
    assert history(START, completed("2021-09-27T10:00"))[0] == ("red", "09-24T00:00", "09-27T10:00", "completed")


def test_a_case_completed_before_it_was_near_has_no_card() -> None:
    assert history(START, completed("2021-09-22T10:00")) == []


def test_yellow_is_cleared_by_completion_and_by_withdrawal() -> None:
    done, gone = completed("2021-09-23T10:00"), withdrawn("2021-09-23T10:00")
    assert history(START, done) == [("yellow", "09-23T00:00", "09-23T10:00", "completed")]
    assert history(START, gone) == [("yellow", "09-23T00:00", "09-23T10:00", "withdrawn")]


def test_a_refusal_clears_the_card_of_what_is_not_delivered_any_more() -> None:
    judge = judge_of(promise(stop="milestone:connected"))
    facts = [START, completed("2021-09-23T10:00", outcome="refused")]
    (card,) = card_list(judge, facts, "2021-12-01")
    assert (card.level, card.cleared_at, card.reason) == ("yellow", at("2021-09-23T10:00"), "completed")


def test_a_level_falls_only_by_re_judgement() -> None:
    granted = extended("2021-09-22T10:00", 5, received="2021-09-25T10:00")  # until 2021-09-29
    assert history(START, granted, now="2021-09-26")[0] == ("red", "09-24T00:00", "09-25T10:00", "rejudged")
    later = history(START, granted, now="2021-12-01")
    assert later[0] == ("red", "09-30T00:00", "", "")


def test_reclassified_out_of_the_promise_its_card_goes() -> None:
    assert history(START, reclassified("2021-09-27T10:00", service_item="power"))[0] == (
        "red",
        "09-24T00:00",
        "09-27T10:00",
        "rejudged",
    )


def test_a_card_stands_from_the_arrival_of_what_raises_it() -> None:
    late = accepted("2021-09-16T09:00", received="2021-10-08T10:00")
    assert history(late) == [("red", "10-08T10:00", "", "")]


def test_what_arrives_as_the_limit_passes_is_red_at_once() -> None:
    assert history(accepted("2021-09-16T09:00", received="2021-09-24")) == [("red", "09-24T00:00", "", "")]


def test_a_void_completion_raises_the_card_again() -> None:
    facts = [START, completed("2021-09-23T10:00"), reopened("2021-09-26T10:00")]
    assert history(*facts) == [
        ("red", "09-26T10:00", "", ""),
        ("yellow", "09-23T00:00", "09-23T10:00", "completed"),
    ]


def test_struck_out_by_a_correction_the_card_resolves() -> None:
    assert history(START, correction("2021-09-27T10:00", START, None))[0][2:] == ("09-27T10:00", "rejudged")


def test_an_accepted_reason_clears_a_card() -> None:
    soft = judge_of(promise(strength="soft"))
    facts = [START, justified("2021-09-27T10:00", "accepted")]
    assert [(card.level, card.reason) for card in card_list(soft, facts, "2021-12-01")] == [
        ("red", "justified"),
        ("yellow", "superseded"),
    ]


def test_each_promise_and_each_cycle_has_its_own_cards() -> None:
    judge = judge_of(promise(id="A"), promise(id="B", limit="1 working_days"))
    assert standing(judge, [START], "2021-09-23") == [("A", "yellow"), ("B", "red")]
    again = [START, completed("2021-09-16T10:00"), reopened("2021-10-08T09:00", "new_request")]
    assert [(card.kpi, card.cycle) for card in card_list(judge, again, "2021-10-09") if card.level == "yellow"] == [
        ("B", 2)
    ]


def test_a_card_as_it_is_published() -> None:
    (red, _) = card_list(JUDGE, [START], "2021-12-01")
    card = written_card(red, case_key(WATER, "W-1"), ZONE)
    assert card == (
        "P", "/units/water W-1", 1, "-", "red", "works", "2021-09-24T00:00:00+08:00",
        "2021-09-23T23:59:59.999999+08:00", "", "",
    )  # fmt: skip


@given(histories.facts(), st.lists(st.integers(histories.BEGIN, histories.END), min_size=2, max_size=6))
def test_a_card_once_raised_never_vanishes_and_its_past_does_not_change(facts: list[Fact], moments: list[int]) -> None:
    before: dict[tuple[object, ...], CardState] = {}
    for now in sorted(moments):
        found: dict[tuple[object, ...], CardState] = {
            (*card[:4], card.raised_at): card for card in cards(EVERY_KIND, facts, now)
        }
        latest = {identity[:4] for identity in found}
        for identity, card in before.items():
            assert identity[:4] in latest
            if identity in found and card.cleared_at is not None:
                assert found[identity] == card
        before = found
        for card in found.values():
            assert card.raised_at <= now
            assert card.cleared_at is None or card.raised_at <= card.cleared_at <= now


@given(histories.facts(), st.integers(histories.BEGIN, histories.END))
def test_of_one_promise_and_cycle_one_card_stands_at_a_time(facts: list[Fact], now: int) -> None:
    held = [card[:3] for card in cards(EVERY_KIND, facts, now) if card.cleared_at is None]
    assert len(held) == len(set(held))


@given(histories.facts(), st.integers(histories.BEGIN, histories.END))
def test_a_quiet_opinion_has_no_cards(facts: list[Fact], now: int) -> None:
    """What is never asked for its cards has none: the replay relies on it."""
    if EVERY_KIND.judge(facts, now).quiet:
        assert cards(EVERY_KIND, facts, now) == []
