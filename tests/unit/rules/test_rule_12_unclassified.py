"""rule 12: nobody escapes a promise by leaving a field empty."""

from collections import Counter
from collections.abc import Iterator, Sequence
from itertools import product
from typing import Any, cast

import pytest

from services.catalog.words.names import names_for
from services.domain.history.case import Case
from services.domain.intake.facts import Fact
from services.domain.judging.data_quality import signal_rows
from services.domain.judging.judge import Judge
from services.domain.judging.judgement import Judgement, Outcome
from services.domain.judging.kind import AnyKind
from services.domain.judging.selection import compile_knowledge, compile_population
from services.domain.plan.plan import ServiceItem
from services.domain.results.explain import explain
from services.domain.results.verdicts import verdicts_of
from services.explanation.phrases import contribution_of_case
from tests.unit.cases import (
    ITEMS,
    TITLE,
    WATER,
    accepted,
    at,
    card_list,
    completed,
    confirmed,
    correction,
    day,
    in_order,
    judge_of,
    judgements,
    measured,
    milestone,
    outcome,
    promise,
    reclassified,
    row,
    tallies_of,
    withdrawn,
)

SHORT = promise(id="S", select={"service_item": "water", "line": False})
LONG = promise(id="L", select={"service_item": "water", "line": True}, limit="7 working_days")
JUDGE = judge_of(SHORT, LONG)
EMPTY = accepted("2021-09-16T09:00")  # until the end of 09-23 without a line, of 09-27 with one
KNOWN = accepted("2021-09-16T09:00", attributes={"line": False})
ALL = [accepted("2021-09-16T09:00", attributes={"line": line}) for line in (False, True)]


def of(kpi: str, subjects: Sequence[Sequence[Fact]], as_of: str = "2021-10-20", judge: Judge = JUDGE) -> Any:
    return row(judge, subjects, as_of, kpi=kpi)


# ---- three values ----------------------------------------------------------------------------------------
def test_the_outcome_of_an_open_case_differs_from_every_wanted_one_and_is_not_known_yet() -> None:
    """No selection waits for it, since none is owed; and a share of cases whose outcome is known leaves it out."""
    granted, known = compile_population({"outcome": "granted"}, {}), compile_knowledge(("outcome",))
    states = {
        "open": Case(),
        "completed as granted": Case(completed_at=1, outcome="granted"),
        "completed without an outcome": Case(completed_at=1),
    }
    assert {name: granted(case) for name, case in states.items()} == {
        "open": False, "completed as granted": True, "completed without an outcome": None,
    }  # fmt: skip
    assert {name: known(case) for name, case in states.items()} == {
        "open": False, "completed as granted": True, "completed without an outcome": False,
    }  # fmt: skip


def test_a_stop_before_the_outcome_is_known_is_neither_in_nor_out_of_a_share_of_outcomes() -> None:
    judge = judge_of(
        promise(
            kind="case_share", where={"outcome": "granted"}, known=("outcome",), stop="milestone:decided",
            matures_at="stop", objective=">= 100 %",
        )
    )  # fmt: skip
    decided = [EMPTY, milestone("2021-09-17T09:00", "decided")]
    assert outcome(judge, decided, "2021-09-20") is None
    assert outcome(judge, [*decided, completed("2021-09-18T09:00", outcome="granted")], "2021-09-20") is Outcome.MET
    assert outcome(judge, [*decided, completed("2021-09-18T09:00", outcome="partly")], "2021-09-20") is Outcome.MISSED


def test_what_leaving_an_attribute_out_means_is_known() -> None:
    unset = {("water", "pledged"): False}
    case = Case(service_item="water")
    assert compile_knowledge(("pledged",), unset)(case) is True
    assert compile_knowledge(("pledged", "channel"), unset)(case) is False
    assert compile_knowledge(("pledged",))(case) is False


@pytest.mark.parametrize(
    ("name", "unknown", "known"),
    [
        ("channel", {}, {"channels": {"online"}}),
        ("applicant", {"applicant": "unknown"}, {"applicant": "enterprise"}),
        ("unit", {"unit": ""}, {"unit": "works"}),
        ("size", {}, {"attributes": {"size": "small"}}),
    ],
)
def test_what_is_unknown_to_a_selection_is_unknown_to_known(
    name: str, unknown: dict[str, Any], known: dict[str, Any]
) -> None:
    for given, is_known in ((unknown, False), (known, True)):
        case = Case(service_item="water", **given)
        assert compile_knowledge((name,))(case) is is_known
        assert (compile_population({name: "anything"}, {})(case) is not None) is is_known


class Counting:
    """A kind of promise that notes at which moments it is asked."""

    def __init__(self, kind: Any, asked: Counter[tuple[str, int]]) -> None:
        self.promise, self._kind, self._asked = kind.promise, kind, asked

    def judge(self, case: Case, now: int, found: list[Judgement]) -> None:
        self._asked[self.promise.key, now] += 1
        self._kind.judge(case, now, found)


def test_the_arrivals_of_a_case_ask_each_alternative_once() -> None:
    asked: Counter[tuple[str, int]] = Counter()
    judge = JUDGE.wrapped(lambda kind: cast(AnyKind, Counting(kind, asked)))
    line = reclassified("2021-09-27T09:00", attributes={"line": True})
    facts = in_order([EMPTY, completed("2021-09-26T09:00"), line])
    judge.before(facts, judge.cases(facts))
    assert set(asked.values()) == {2}  # as what it is, and as if it were selected


def test_a_selection_is_unknown_if_a_value_is_and_no_known_one_differs() -> None:
    accepts = compile_population({"service_item": "water", "line": False, "size": "small"}, {"exempted": True})
    for line, size, exempted in product((None, False, True), (None, "small", "large"), (None, False, True)):
        given = {"line": line, "size": size, "exempted": exempted}
        case = Case(attributes={name: value for name, value in given.items() if value is not None})
        unknown = None if line is None or size is None else True
        expected = False if exempted or line or size == "large" else unknown
        assert accepts(case) is expected


@pytest.mark.parametrize(
    ("wanted", "unknown", "wrong"),
    [
        ({"applicant": "small_micro"}, Case(), Case(applicant="public")),
        ({"unit": "works"}, Case(), Case(unit="seals")),
        ({"channel": "online"}, Case(), Case(channels={"counter"})),
        ({"outcome": "granted"}, Case(completed_at=1), Case(outcome="refused", completed_at=1)),
    ],
)
def test_a_field_that_is_no_attribute_may_be_unknown_too(wanted: dict[str, str], unknown: Case, wrong: Case) -> None:
    accepts = compile_population(wanted, {})
    assert (accepts(unknown), accepts(wrong)) == (None, False)


# ---- when they count -------------------------------------------------------------------------------------
def test_a_case_counts_as_unclassified_from_when_it_would_have_matured() -> None:
    assert [each.outcome for each in judgements(JUDGE, [EMPTY], "2021-09-20", "S")] == [Outcome.UNCLASSIFIED]
    assert of("S", [[EMPTY]], "2021-09-24").unclassified_n == "0"  # as of its last instant it is open
    assert of("S", [[EMPTY]], "2021-09-24T00:00:00.000002").unclassified_n == "1"
    assert of("L", [[EMPTY]], "2021-09-25").unclassified_n == "0"
    assert of("L", [[EMPTY]], "2021-09-29").unclassified_n == "1"
    done = [EMPTY, completed("2021-09-17T09:00")]
    found = of("S", [done], "2021-09-18")
    assert (found.n, found.value, found.unclassified_n) == ("0", "", "1")
    assert of("S", [[EMPTY, withdrawn("2021-09-17T09:00")]]).unclassified_n == "0"


def test_the_judge_asks_for_the_instant_at_which_it_would_mature() -> None:
    assert JUDGE.judge([EMPTY], at("2021-09-20")).next_at is not None
    assert JUDGE.judge([EMPTY], at("2021-09-23T10:00")).next_at == at("2021-09-24")


def test_nobody_gets_a_card_or_a_verdict_for_it() -> None:
    assert card_list(JUDGE, [EMPTY], "2021-12-01") == []
    assert verdicts_of(JUDGE.judge([EMPTY], at("2021-12-01"))) == []


def test_what_a_known_value_excludes_is_not_unclassified() -> None:
    judge = judge_of(promise(select={"service_item": "water", "line": False, "size": "small"}))
    large = accepted("2021-09-16T09:00", attributes={"size": "large"})
    assert judgements(judge, [large], "2021-12-01") == []
    small = accepted("2021-09-16T09:00", attributes={"size": "small"})
    assert outcome(judge, [small], "2021-12-01") is Outcome.UNCLASSIFIED


def test_an_item_says_what_an_attribute_that_is_left_out_means() -> None:
    flag = {"line": {"type": "bool", "unset": False}}
    water = ServiceItem.model_validate({"code": "water", "title": TITLE, "attributes": flag})
    judge = judge_of(SHORT, LONG, items={**ITEMS, "water": water})
    assert outcome(judge, [EMPTY], "2021-10-01", "S") is Outcome.OVERDUE
    assert judgements(judge, [EMPTY], "2021-10-01", "L") == []


# ---- what they forbid ------------------------------------------------------------------------------------
def hits(amount: int, line: bool = False) -> list[list[Fact]]:
    return [[ALL[line], completed("2021-09-17T09:00")]] * amount


@pytest.mark.parametrize(("known", "state"), [(19, "met"), (18, "unmeasured")])
def test_more_than_5_percent_unclassified_is_not_met(known: int, state: str) -> None:
    assert of("S", [*hits(known), [EMPTY, completed("2021-09-17T09:00")]]).state == state


def test_one_that_is_a_miss_wherever_it_belongs_is_too_many() -> None:
    late, between = completed("2021-09-29T09:00"), completed("2021-09-26T09:00")
    for kpi, line in (("S", False), ("L", True)):
        assert of(kpi, [*hits(100, line), [EMPTY, between]]).state == "met"  # with a line it would be in time
        found = of(kpi, [*hits(100, line), [EMPTY, late]])
        assert (found.unclassified_n, found.state) == ("1", "unmeasured")
        assert of(kpi, [*hits(100, line), [EMPTY]]).state == "unmeasured"


def test_promises_that_select_by_other_fields_do_not_hide_it() -> None:
    free = promise(
        id="F", kind="case_bound", counts=("quantity:fee",), bound="<= 0 CNY", matures_at="completion",
        select={"service_item": "water", "urban": True},
    )  # fmt: skip
    judge = judge_of(SHORT, LONG, free)
    facts = [EMPTY, measured("2021-09-17T09:00", "fee", 0), completed("2021-09-29T09:00")]
    for kpi in ("S", "L"):
        assert of(kpi, [*hits(100, kpi == "L"), facts], judge=judge).state == "unmeasured"


def test_a_proven_miss_outranks_the_unclassified() -> None:
    miss = [KNOWN, completed("2021-09-29T09:00")]
    assert of("S", [miss, *[[EMPTY, completed("2021-09-17T09:00")]] * 9]).state == "missed"


# ---- late classification ---------------------------------------------------------------------------------
def told(time: str, line: bool) -> Fact:
    return reclassified(time, attributes={"line": line})


def test_a_case_that_is_classified_after_the_shortest_limit_is_a_late_entry() -> None:
    done = completed("2021-09-26T09:00")
    for classified in (
        told("2021-09-27T09:00", True),
        milestone("2021-09-25T09:00", "survey", attributes={"line": True}),
    ):
        facts = [EMPTY, classified, done]
        assert outcome(JUDGE, facts, "2021-10-20", "L") is Outcome.LATE_ENTRY
        assert judgements(JUDGE, facts, "2021-10-20", "S") == []
        found = of("L", [facts])
        assert (found.n, found.numerator, found.late_entry_n) == ("1", "0", "1")
        facts.append(confirmed("2021-10-08T09:00", kpi="L"))
        assert outcome(JUDGE, facts, "2021-10-20", "L") is Outcome.MET


def test_a_completion_that_brings_the_field_after_the_shortest_limit_is_a_late_entry() -> None:
    facts = [EMPTY, completed("2021-09-26T09:00", attributes={"line": True})]
    assert outcome(JUDGE, facts, "2021-10-20", "L") is Outcome.LATE_ENTRY
    in_time = [EMPTY, completed("2021-09-22T09:00", attributes={"line": True})]
    assert outcome(JUDGE, in_time, "2021-10-20", "L") is Outcome.MET


def test_a_case_that_is_classified_in_time_is_judged_as_if_it_always_had_been() -> None:
    facts = [EMPTY, told("2021-09-22T09:00", True), completed("2021-09-26T09:00")]
    assert outcome(JUDGE, facts, "2021-10-20", "L") is Outcome.MET


def test_a_case_that_was_in_time_by_every_limit_may_be_classified_later() -> None:
    facts = [EMPTY, completed("2021-09-17T09:00"), told("2021-10-08T09:00", True)]
    assert outcome(JUDGE, facts, "2021-10-20", "L") is Outcome.MET


def test_a_case_that_is_classified_late_out_of_every_promise_is_a_late_entry_where_it_was_missed() -> None:
    judge = judge_of(
        promise(id="S", select={"service_item": "water", "line": "none"}),
        promise(id="L", select={"service_item": "water", "line": "own"}, limit="7 working_days"),
    )
    other = reclassified("2021-09-27T09:00", attributes={"line": "other"})
    facts = [EMPTY, completed("2021-09-26T09:00"), other]
    assert outcome(judge, facts, "2021-10-20", "S") is Outcome.LATE_ENTRY
    assert judgements(judge, facts, "2021-10-20", "L") == []  # by that limit it was in time


def test_a_miss_that_loses_its_field_is_a_late_entry() -> None:
    facts = [KNOWN, completed("2021-09-29T09:00"), correction("2021-10-08T09:00", KNOWN, EMPTY)]
    found = of("S", [facts])
    assert (found.n, found.numerator, found.late_entry_n, found.unclassified_n) == ("1", "0", "1", "0")


def test_what_is_still_unclassified_was_never_missed() -> None:
    facts = [EMPTY, reclassified("2021-10-08T09:00", attributes={"area": "urban"})]
    assert outcome(JUDGE, facts, "2021-10-20", "S") is Outcome.UNCLASSIFIED
    assert verdicts_of(JUDGE.judge(facts, at("2021-10-20"))) == []


# ---- that it does not pay --------------------------------------------------------------------------------
def histories() -> Iterator[tuple[bool, list[Fact], list[Fact]]]:
    """A case as it was, honestly reported, and reported without its field, or with it at any later time."""
    days = ("2021-09-17", "2021-09-22", "2021-09-24", "2021-09-26", "2021-09-29")
    for line, end, told_on in product((False, True), (*days, None), (*days, None)):
        done = [] if end is None else [completed(f"{end}T09:00")]
        late = [] if told_on is None else [told(f"{told_on}T10:00", line)]
        yield line, [ALL[line], *done], in_order([EMPTY, *done, *late])


def test_to_leave_a_field_empty_or_to_fill_it_later_never_pays() -> None:
    """A case that is a miss as it was makes no row look met, however it is reported: at worst more than 5 % of such
    cases are needed to be seen."""
    for line, honest, reported in histories():
        kpi = "L" if line else "S"
        if of(kpi, [*hits(10, line), honest]).state == "missed":
            assert of(kpi, [*hits(10, line), reported]).state in ("missed", "unmeasured"), reported


# ---- shown and signalled ---------------------------------------------------------------------------------
def test_it_is_signalled_by_promise_and_source() -> None:
    tallies = tallies_of(JUDGE, [[EMPTY, completed("2021-09-29T09:00")]] * 2, at("2021-10-01"))
    found = {
        (each.item, each.unit): each.n
        for each in signal_rows(tallies, day("2021-10-01"))
        if each.signal == "unclassified"
    }
    assert found == {("S", WATER): "2", ("L", WATER): "2"}


def test_an_explanation_names_the_field_that_is_missing() -> None:
    shown = explain(JUDGE, f"{WATER}\x1fa", [EMPTY], at("2021-10-01"))
    missing = {each.promise.id: each.missing for each in shown.cycles[0].promises}
    assert missing == {"S": ("line",), "L": ("line",)}
    names = names_for(SHORT, JUDGE.plan)
    assert contribution_of_case(shown.cycles[0].promises[0], names) == "未填报 not reported: line line"


def test_the_card_of_a_case_whose_field_is_emptied_is_not_cleared_as_justified() -> None:
    """It was yellow on its last day; nobody gave a reason for anything."""
    emptied = correction("2021-09-23T12:00", KNOWN, EMPTY)
    [card] = card_list(JUDGE, [KNOWN, emptied], "2021-09-23T18:00")
    assert (card.kpi, card.level, card.reason) == ("S", "yellow", "rejudged")
    assert card.cleared_at == at("2021-09-23T12:00")
