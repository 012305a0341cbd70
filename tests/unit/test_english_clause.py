"""What `kpiwatch plan check` reads in clauses that are not Chinese, and compares with the entry."""

from datetime import date
from decimal import Decimal
from typing import Any

import pytest

from services.catalog.check.clause_check import contradictions
from services.catalog.check.languages.choice import language_of
from services.catalog.check.languages.english import ENGLISH
from services.catalog.check.plan_text import PlanText
from tests.unit.cases import promise


@pytest.mark.parametrize(
    ("clause", "amount", "counted", "relation"),
    [
        ("A permit is decided within 20 working days.", "20", "working_days", "<="),
        ("no more than five business days after receipt", "5", "working_days", "<="),
        ("may not exceed twenty-one working days", "21", "working_days", "<="),
        ("decided in 8 weeks", "56", "calendar_days", ""),
        ("an answer within a week", "7", "calendar_days", "<="),
        ("30 days or less", "30", "calendar_days", "<="),
        ("at most two months", "2", "months", "<="),
        ("within one year of the request", "12", "months", "<="),
        ("answered within 1.5 hours", "90.0", "minutes", "<="),
        ("within 4 working hours", "240", "minutes", "<="),
        ("At least 80 % of applications arrive online", "0.80", "share", ">="),
        ("at least ninety per cent are on time", "0.9", "share", ">="),
        ("95 percent or more are on time", "0.95", "share", ">="),
    ],
)
def test_an_english_clause_prints_its_number_and_its_direction(
    clause: str, amount: str, counted: str, relation: str
) -> None:
    (printed,) = ENGLISH.numbers(clause)
    assert (printed.amount, printed.counted, printed.relation) == (Decimal(amount), counted, relation)


@pytest.mark.parametrize(
    "clause",
    [
        "section 5 of the act of 2021",
        "a 10 kV line",
        "someone days",
        "duration",
        "from 1 March 2011, by the end of 2012",
        "one office per town",
    ],
)
def test_a_number_without_a_unit_of_thresholds_need_not_be_one(clause: str) -> None:
    assert ENGLISH.numbers(clause) == []


@pytest.mark.parametrize(
    ("clause", "by", "since"),
    [
        ("is online by 31 December 2021", "2021-12-31", None),
        ("is online by December 31st, 2021", "2021-12-31", None),
        ("is online before 1 January 2022", "2021-12-31", None),
        ("is online by the end of February 2012", "2012-02-29", None),
        ("is online by the end of the year 2021", "2021-12-31", None),
        ("is published within 2021", "2021-12-31", None),
        ("binds from 1 March 2011", None, "2011-03-01"),
        ("binds as of July 2011", None, "2011-07-01"),
        ("the charter of 20 September 2010", None, None),
        ("no later than 5 working days", None, None),
    ],
)
def test_an_english_clause_prints_its_dates(clause: str, by: str | None, since: str | None) -> None:
    found = ENGLISH.by(clause), ENGLISH.since(clause)
    assert found == (by and date.fromisoformat(by), since and date.fromisoformat(since))


# ---- against the entry ---------------------------------------------------------------------------------------
def wrong(clause: str, sentences: tuple[str, ...] = (), declared: str = "en", **given: Any) -> list[tuple[str, str]]:
    entry = promise(clause=clause, **{"limit": "20 working_days", **given})
    return list(contradictions(entry, sentences, declared))


TWENTY = "Permits are decided within 20 working days"


def test_an_entry_that_says_what_its_clause_says_is_right() -> None:
    assert wrong(TWENTY) == []


@pytest.mark.parametrize(
    ("clause", "given", "key", "sentence"),
    [
        (TWENTY, {"limit": "25 working_days"}, "limit", "the clause prints 20 working days, the entry 25 working_days"),
        (TWENTY, {"limit": "20 calendar_days"}, "limit", "the clause prints 20 working days"),
        ("Permits are decided in time", {}, "limit", "the clause does not print this number"),
        (f"{TWENTY} as a rule", {}, "strength", "the clause says as a rule: soft, not hard"),
        (f"The town aims to see that {TWENTY}", {}, "strength", "the clause says aims: aspirational, not hard"),
        (f"{TWENTY} from 1 March 2011", {}, "effective_from", "the clause binds from 2011-03-01"),
    ],
)
def test_an_entry_that_contradicts_an_english_clause_is_reported(
    clause: str, given: dict[str, Any], key: str, sentence: str
) -> None:
    (found,) = wrong(clause, **given)
    assert found[0] == key and sentence in found[1]


def test_a_quotation_that_was_cut_behind_its_word_of_effort_is_reported() -> None:
    text = PlanText(
        "The hall is open. The town aims to\nkeep its word: permits are decided within 20\nworking days. End."
    )
    clause = "permits are decided within 20 working days"
    assert text.quotes(clause)
    ((key, sentence),) = wrong(clause, tuple(text.sentences(clause)))
    assert (key, sentence.partition(":")[0]) == ("strength", "the sentence begins with aims")
    assert text.sentences("The hall is open") == ["The hall is open."]


def test_what_an_english_plan_counts_needs_no_known_unit() -> None:
    for clause, keys in (("At least seventy-four services are online", []), ("70 services are online", ["objective"])):
        entry = promise(
            clause=clause, kind="catalogue", statistic="count", collection="c", select={}, objective=">= 74 services"
        )
        assert [key for key, _ in contradictions(entry, (), "en")] == keys


# ---- languages that the checks do not know -------------------------------------------------------------------
@pytest.mark.parametrize(
    ("clause", "given", "keys"),
    [
        ("binnen 8 weken na ontvangst", {"limit": "56 calendar_days"}, []),
        ("binnen 20 werkdagen", {}, []),
        ("binnen 20 werkdagen", {"limit": "25 working_days"}, ["limit"]),
        ("binnen twintig werkdagen", {}, ["limit"]),
        ("ten minste 97,5 % op tijd", {"limit": "due_at", "objective": ">= 97.5 %"}, []),
        ("binnen 1.500 minuten", {"limit": "1500 minutes"}, []),
    ],
)
def test_of_an_unknown_language_the_digits_are_compared(clause: str, given: dict[str, Any], keys: list[str]) -> None:
    assert [key for key, _ in wrong(clause, declared="nl", **given)] == keys


def test_a_plan_without_a_language_is_told_how_to_declare_one() -> None:
    ((_, sentence),) = wrong("binnen twintig werkdagen", declared="")
    assert sentence.endswith("if the plan is not in English, write its `language` in plan.toml")


def test_a_clause_is_chinese_where_it_has_chinese_characters() -> None:
    (printed,) = language_of("", "4个").numbers("供水接入时间不超过4个工作日")
    assert (printed.amount, printed.counted, printed.relation) == (Decimal(4), "working_days", "<=")
    assert language_of("", "within 4 days") is language_of("en-GB", "") is ENGLISH


def test_a_line_break_of_an_english_text_is_a_space_and_nothing_else() -> None:
    text = PlanText("Permits are decided\n  within 20 working days.", "en")
    assert text.quotes("decided within 20") and text.quotes("decided  within")
    assert not text.quotes("decidedwithin 20")
    assert text.departure("Permits are decided in 20") == "after “are decided ” the plan goes on “within 20 wo”"
