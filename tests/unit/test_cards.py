"""Cards: when each was raised and cleared, as a function of the facts and the moment alone."""

from datetime import date

from hypothesis import given
from hypothesis import strategies as st

from services.domain.intake.facts import Fact, case_key
from services.domain.judging.judge import Judge
from services.domain.judging.judgement import Outcome
from services.domain.plan.plan import HoursEntry
from services.domain.results.cards import CardState, card_periods, cards, written_card
from services.domain.results.verdicts import verdicts_of
from tests.unit import histories
from tests.unit.cases import (
    CN,
    WATER,
    ZONE,
    accepted,
    at,
    card_list,
    completed,
    correction,
    end_of,
    extended,
    judge_of,
    judgement,
    justified,
    node_ended,
    node_started,
    plan,
    promise,
    reclassified,
    reopened,
    resumed,
    standing,
    suspended,
    tallies_of,
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


def test_a_red_card_that_is_cleared_by_a_withdrawal_says_so() -> None:
    """Withdrawn is not completed, also where the case stays late."""
    assert history(START, withdrawn("2021-09-27T10:00"))[0] == ("red", "09-24T00:00", "09-27T10:00", "withdrawn")
    terminated = completed("2021-09-28T10:00", outcome="terminated")
    assert history(START, withdrawn("2021-09-27T10:00"), terminated)[0][3] == "withdrawn"


def test_past_cards_keep_the_version_that_held_then() -> None:
    """Two limits, by the date of the end: 4 days until 2021-12-31, then 20."""
    old = promise(applies_by="stop", effective_to=date(2021, 12, 31))
    new = promise(applies_by="stop", effective_from=date(2022, 1, 1), limit="20 working_days")
    judge = judge_of(old, new)
    late = accepted("2021-12-20T09:00")  # until 12-24; by the new version until 2022-01-18
    before = card_list(judge, [late], "2021-12-31T12:00")
    red, yellow = card_list(judge, [late], "2022-01-10")
    assert (before[0].level, before[0].cleared_at, before[1]) == ("red", None, yellow)
    assert (red.raised_at, red.cleared_at, red.reason) == (before[0].raised_at, at("2022-01-01"), "rejudged")
    assert [card.level for card in card_list(judge, [late], "2022-02-01") if card.cleared_at is None] == ["red"]


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


def test_a_card_is_active_from_the_arrival_of_what_raises_it() -> None:
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


def test_why_a_card_was_cleared_does_not_change_when_the_limit_passes() -> None:
    soft = judge_of(promise(strength="soft"))
    facts = [START, justified("2021-09-23T10:00", "accepted")]
    for now in ("2021-09-23T12:00", "2021-12-01"):
        assert [(card.level, card.reason) for card in card_list(soft, facts, now)] == [("yellow", "justified")]


def test_each_promise_and_each_cycle_has_its_own_cards() -> None:
    judge = judge_of(promise(id="A"), promise(id="B", limit="1 working_days"))
    assert standing(judge, [START], "2021-09-23") == [("A", "yellow"), ("B", "red")]
    again = [START, completed("2021-09-16T10:00"), reopened("2021-10-08T09:00", "new_request")]
    assert [(card.kpi, card.cycle) for card in card_list(judge, again, "2021-10-09") if card.level == "yellow"] == [
        ("B", 2)
    ]


# ---- nodes -----------------------------------------------------------------------------------------------
ROOMY = judge_of(promise(limit="20 working_days", clock_stops=("hearing",)))
TWO_DAYS = {"amount": 2, "unit": "working_days"}
SURVEY = node_started("2021-09-16T10:00", "survey", "seals", limit=TWO_DAYS)  # yellow from 09-18, due at the end of it


def of_nodes(*facts: Fact, now: str = "2021-12-01", judge: Judge = ROOMY) -> list[tuple[str, str, str, str, str]]:
    """Node, level, raised, cleared, reason of the cards of nodes."""
    return [
        (
            card.node,
            card.level,
            ZONE.text(card.raised_at)[5:16],
            ZONE.text(card.cleared_at)[5:16] if card.cleared_at is not None else "",
            card.reason,
        )
        for card in card_list(judge, facts, now)
        if card.node != "-"
    ]


def test_a_node_over_its_own_limit_has_cards_inside_a_case_on_time_for_the_unit_that_holds_it() -> None:
    assert of_nodes(START, SURVEY, now="2021-09-17T23:59") == []
    assert of_nodes(START, SURVEY, now="2021-09-18") == [("survey", "yellow", "09-18T00:00", "", "")]
    yellow, red = sorted(card_list(ROOMY, [START, SURVEY], "2021-09-20"), key=lambda card: card.raised_at)
    assert (yellow.node, yellow.cleared_at, yellow.reason) == ("survey", at("2021-09-19"), "superseded")
    assert (red.node, red.level, red.unit, red.due_at) == ("survey", "red", "seals", end_of("2021-09-18"))
    assert judgement(ROOMY, [START, SURVEY], "2021-09-20").outcome is Outcome.OPEN


def test_the_card_of_a_node_is_cleared_when_the_node_ends_and_when_the_clock_of_the_case_stops() -> None:
    over = [START, SURVEY, node_ended("2021-09-22T10:00", "survey", "seals")]
    assert of_nodes(*over)[0] == ("survey", "red", "09-19T00:00", "09-22T10:00", "completed")
    assert of_nodes(START, SURVEY, completed("2021-09-22T10:00"))[0][3:] == ("09-22T10:00", "completed")
    assert of_nodes(START, SURVEY, withdrawn("2021-09-22T10:00"))[0][3:] == ("09-22T10:00", "withdrawn")
    assert of_nodes(START, SURVEY, correction("2021-09-22T10:00", SURVEY, None))[0][3:] == ("09-22T10:00", "rejudged")
    in_time = [START, SURVEY, node_ended("2021-09-17T10:00", "survey", "seals")]
    assert of_nodes(*in_time) == []


def test_a_node_has_a_card_only_while_the_clock_of_a_promise_runs() -> None:
    assert of_nodes(SURVEY) == []
    assert of_nodes(SURVEY, accepted("2021-09-24T09:00")) == [("survey", "red", "09-24T09:00", "", "")]
    assert of_nodes(START, completed("2021-09-16T09:30"), SURVEY) == []
    assert of_nodes(START, node_started("2021-09-16T10:00", "survey", "seals")) == []


def test_each_limit_on_a_case_that_runs_has_a_card_of_the_node_and_other_kinds_have_none() -> None:
    judge = judge_of(
        promise(id="A", limit="20 working_days"),
        promise(id="B", limit="20 working_days", strength="aspirational"),
        promise(id="C", limit="20 working_days", strength="soft"),
        promise(id="D", kind="case_mean", measure="working_days"),
        promise(id="E", limit="20 working_days", select={"service_item": "power"}),
    )
    assert standing(judge, [START, SURVEY], "2021-09-19") == [("A", "red"), ("B", "yellow"), ("C", "yellow")]
    assert standing(judge, [START, SURVEY], "2021-09-23") == [("A", "red"), ("B", "yellow"), ("C", "red")]


def test_the_limit_of_a_node_is_counted_like_any_other() -> None:
    held = [suspended("2021-09-17T08:00"), resumed("2021-09-23T08:00")]  # 09-17, 09-18 and 09-22
    (card, _) = card_list(ROOMY, [START, SURVEY, *held], "2021-10-01")
    assert (card.node, card.due_at) == ("survey", end_of("2021-09-24"))
    weather = [suspended("2021-09-17T08:00", "weather"), resumed("2021-09-23T08:00", "weather")]
    assert of_nodes(START, SURVEY, *weather)[0][2] == "09-19T00:00"
    minutes = {"amount": 60, "unit": "working_minutes"}  # yellow when 15 are left
    late = node_started("2021-09-16T17:00", "survey", "seals", limit=minutes)
    assert [each[:3] for each in of_nodes(START, late)] == [
        ("survey", "red", "09-17T09:30"),
        ("survey", "yellow", "09-17T09:15"),
    ]


def test_minutes_of_a_node_run_in_the_hours_of_the_unit_that_holds_it() -> None:
    early = HoursEntry(id="early", effective_from=date(2021, 1, 1), weekly={"mon_fri": ("06:00-18:00",)})
    of_both = plan(promise(limit="20 working_days"), hours=(early,))
    units = {**of_both.units, "seals": of_both.units["seals"].model_copy(update={"opening_hours": "early"})}
    judge = Judge(of_both.model_copy(update={"units": units}), CN)
    late = node_started("2021-09-16T17:30", "survey", "seals", limit={"amount": 60, "unit": "working_minutes"})
    assert of_nodes(START, late, judge=judge)[0][:3] == ("survey", "red", "09-17T06:30")


def test_of_several_passages_through_a_node_the_latest_open_one_counts() -> None:
    again = node_started("2021-09-22T10:00", "survey", "seals", limit=TWO_DAYS)  # due at the end of 09-24
    assert of_nodes(START, SURVEY, again, now="2021-09-22T12:00")[0] == (
        "survey", "red", "09-19T00:00", "09-22T10:00", "rejudged",
    )  # fmt: skip
    assert of_nodes(START, SURVEY, again)[0] == ("survey", "red", "09-25T00:00", "", "")
    unlimited = node_started("2021-09-22T10:00", "survey", "seals")
    assert of_nodes(START, SURVEY, unlimited)[0][3:] == ("09-22T10:00", "rejudged")


def test_a_node_touches_no_figure_and_no_verdict() -> None:
    quick = judge_of(promise())
    other = node_started("2021-09-16T10:00", "survey", "seals")
    now = at("2021-09-24T12:00")
    assert tallies_of(quick, [[START, SURVEY]], now) == tallies_of(quick, [[START, other]], now)
    assert verdicts_of(ROOMY.judge([START, SURVEY], now)) == []


def test_time_comes_back_to_a_case_at_the_yellow_and_red_instants_of_its_nodes() -> None:
    facts = [START, SURVEY]
    assert ROOMY.judge(facts, at("2021-09-16T11:00")).next_at == at("2021-09-18")
    assert ROOMY.judge(facts, at("2021-09-18")).next_at == at("2021-09-19")
    assert ROOMY.judge(facts, at("2021-09-17")).nothing_to_publish
    assert not ROOMY.judge(facts, at("2021-09-18")).nothing_to_publish
    ended = [*facts, node_ended("2021-09-17T10:00", "survey", "seals")]
    assert ROOMY.judge(ended, at("2021-09-20")).nothing_to_publish
    heard_late = [*facts, node_ended("2021-09-17T10:00", "survey", "seals", received="2021-09-18T10:00")]
    assert not ROOMY.judge(heard_late, at("2021-09-20")).nothing_to_publish
    assert of_nodes(*heard_late) == [("survey", "yellow", "09-18T00:00", "09-18T10:00", "completed")]


def test_the_cards_of_a_node_follow_justification_as_those_of_the_case_do() -> None:
    soft = judge_of(promise(strength="soft", limit="20 working_days"))
    facts = [START, SURVEY, justified("2021-09-23T10:00", "accepted")]
    for now in ("2021-09-24", "2021-12-01"):
        red = ("survey", "red", "09-23T00:00", "09-23T10:00", "justified")
        assert of_nodes(*facts, now=now, judge=soft)[0] == red


# ---- who must act ----------------------------------------------------------------------------------------
def test_an_active_card_follows_the_unit_that_holds_the_case() -> None:
    def holder(*more: Fact, now: str = "2021-12-01") -> list[tuple[str, str]]:
        return [(card.level, card.unit) for card in card_list(JUDGE, [START, *more], now)]

    moved = node_started("2021-09-23T12:00", "survey", "seals")
    assert holder(now="2021-09-23T11:00") == [("yellow", "works")]
    assert holder(moved, now="2021-09-23T12:00") == [("yellow", "seals")]
    assert holder(moved) == [("red", "seals"), ("yellow", "seals")]
    later = node_started("2021-09-27T12:00", "survey", "seals")
    assert holder(later) == [("red", "seals"), ("yellow", "works")]
    back = node_ended("2021-09-28T12:00", "survey", "seals")
    assert holder(later, back) == [("red", "works"), ("yellow", "works")]
    assert holder(later, completed("2021-09-27T13:00"), node_started("2021-09-28T09:00", "works")) == [
        ("red", "seals"),
        ("yellow", "works"),
    ]


def test_an_active_card_says_until_when_there_is_time_now() -> None:
    half = judge_of(promise(extension_moves_limit=True, yellow_share=0.5))  # yellow with the last two days
    granted = extended("2021-09-23T10:00", 1)
    (card,) = card_list(half, [START, granted], "2021-09-24T10:00")
    assert (card.level, card.raised_at, card.due_at) == ("yellow", at("2021-09-22"), end_of("2021-09-24"))


def test_an_extension_clears_a_yellow_card_until_the_last_days_come_again() -> None:
    granted = extended("2021-09-23T10:00", 5)  # until 2021-09-29
    assert history(START, granted, now="2021-09-28") == [("yellow", "09-23T00:00", "09-23T10:00", "rejudged")]
    assert history(START, granted, now="2021-09-29") == [("yellow", "09-29T00:00", "", "")]


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
def test_of_one_promise_and_cycle_one_card_is_active_at_a_time(facts: list[Fact], now: int) -> None:
    held = [card[:3] for card in cards(EVERY_KIND, facts, now) if card.cleared_at is None]
    assert len(held) == len(set(held))


@given(histories.facts(), st.integers(histories.BEGIN, histories.END))
def test_a_quiet_opinion_has_no_cards(facts: list[Fact], now: int) -> None:
    """What is never asked for its cards has none: the replay relies on it."""
    if EVERY_KIND.judge(facts, now).nothing_to_publish:
        assert cards(EVERY_KIND, facts, now) == []


@given(histories.facts(), st.integers(histories.BEGIN, histories.END), st.integers(histories.BEGIN, histories.END))
def test_who_looks_back_counts_the_cards_active_then(facts: list[Fact], then: int, now: int) -> None:
    """What a backfill counts for a day is what the exporter would have counted on it."""
    then, now = sorted((then, now))
    stood_then = sorted((card.kpi, card.unit, card.level) for card in cards(EVERY_KIND, facts, then) if kept(card))
    looked_back = sorted(
        (card.kpi, card.unit, str(card.level))
        for card in card_periods(EVERY_KIND, facts, now)
        if card.since <= then and (card.until is None or then < card.until)
    )
    assert looked_back == stood_then


def kept(card: CardState) -> bool:
    return card.cleared_at is None


def test_another_definition_of_a_promise_has_no_card_of_its_own() -> None:
    judge = judge_of(promise(), promise(variant="by_another_clock", limit="1 working_days"))
    late = cards(judge, [accepted("2021-09-16T09:00")], at("2021-10-16"))
    assert {card.kpi for card in late} == {"P"}
