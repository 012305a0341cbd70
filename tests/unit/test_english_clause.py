"""What `kpiwatch plan check` reads in clauses that are not Chinese, and compares with the entry."""

from datetime import date
from decimal import Decimal
from typing import Any

import pytest

from services.catalog.check.clause_check import contradictions
from services.catalog.check.languages.choice import language_of
from services.catalog.check.languages.english import ENGLISH
from services.catalog.check.plan_text import PlanText
from services.domain.time.limits import Limit, LimitUnit
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
        ("within 4 working hours", "240", "working_minutes", "<="),
        ("within 1 000 days", "1000", "calendar_days", "<="),
        ("within 2000 days", "2000", "calendar_days", "<="),
        ("twenty (20) days", "20", "calendar_days", ""),
        ("one thousand, two hundred and five days", "1205", "calendar_days", ""),
        ("a twenty-day period", "20", "calendar_days", ""),
        ("a one-hundred-and-twenty-day period", "120", "calendar_days", ""),
        ("reduced from 30 to 20 working days", "20", "working_days", ""),
        ("within 1/2 hour", "30", "minutes", "<="),
        ("within half an hour", "30", "minutes", "<="),
        ("three quarters of an hour or less", "45", "minutes", "<="),
        ("within two and a half hours", "150", "minutes", "<="),
        ("within 2½ hours", "150", "minutes", "<="),
        ("within an hour and a half", "90", "minutes", "<="),
        ("1 hour 30 minutes or less", "90", "minutes", "<="),
        ("within one year and six months", "18", "months", "<="),
        ("within 1 week, 2 days", "9", "calendar_days", "<="),
        ("99.999 % of them", "0.99999", "share", ""),
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
    "length",
    ["1 hour 30 minutes", "1 year 2 months 3 days", "two weeks, three days and four hours", "1 year, 6 months"],
)
def test_all_parts_of_a_length_of_time_are_its_words(length: str) -> None:
    (printed,) = ENGLISH.numbers(f"decided within {length} of 5 requests")
    assert printed.words == length


@pytest.mark.parametrize(
    "clause",
    [
        "section 5 of the act of 2021",
        "a 10 kV line",
        "someone days",
        "duration",
        "from 1 March 2011, by the end of 2012",
        "one office per town",
        "a hearing and a day",
        "within 2000",
    ],
)
def test_a_number_without_a_unit_of_thresholds_need_not_be_one(clause: str) -> None:
    assert ENGLISH.numbers(clause) == []


@pytest.mark.parametrize(
    "clause",
    [
        "within several hundred days",
        "within a million and five days",
        "within two score and ten days",
        "within 2 hundred days",
        "within 1.500 days",
        "within 1,5 hours",
        "within .5 hours",
        "within n/2 hours",
        "within 24/7 hours",
        "within 5-10 days",
        "within 5 x 20 days",
        "within one point five hours",
        "between 5 and 10 days",
        "twenty (21) days",
        "within a month and ten days",
        "within 1 working hour and 30 minutes",
    ],
)
def test_what_is_no_number_by_itself_is_not_read_until_a_choice_says_what_was_taken(clause: str) -> None:
    (printed,) = ENGLISH.numbers(clause)
    assert printed.amount is None
    for limit in ("10 calendar_days", "20 calendar_days", "5 minutes", "300 minutes", "1 month"):
        ((key, sentence),) = wrong(clause, limit=limit)
        assert key == "limit" and "which is not read as a number" in sentence and "`choices`" in sentence
        assert wrong(clause, limit=limit, choices=(taken(limit),)) == []
        assert wrong(clause, limit=limit, choices=(taken(f"1{limit}"),)) != []


def taken(words: str) -> dict[str, Any]:
    """A choice that an entry records."""
    return {"about": {"zh": "多久", "en": "how long"}, "taken": {"zh": words, "en": words}, "instead": ()}


@pytest.mark.parametrize(
    ("clause", "limit", "chosen", "is_right"),
    [
        ("within 8 working hours", "480 working_minutes", "", True),
        ("within 8 working hours", "480 minutes", "", False),
        ("within 8 working hours", "480 minutes", "480 minutes", False),
        ("within 8 opening hours", "480 minutes", "", False),
        ("within 8 hours", "480 minutes", "", True),
        ("within 8 hours", "480 working_minutes", "", False),
        ("within 8 hours", "480 working_minutes", "480 working_minutes: the hall's", True),
    ],
)
def test_hours_of_opening_time_are_not_hours_of_the_clock(
    clause: str, limit: str, chosen: str, *, is_right: bool
) -> None:
    found = wrong(clause, limit=limit, choices=(taken(chosen),) if chosen else ())
    assert [key for key, _ in found] == ([] if is_right else ["limit"])


def test_minutes_of_a_mean_over_opening_time_are_minutes_of_opening_time() -> None:
    for clause, measure, keys in (
        ("on average 8 working hours", "working_minutes", []),
        ("on average 8 hours", "working_minutes", ["objective"]),
        ("on average 8 working hours", "minutes", ["objective"]),
    ):
        entry = promise(clause=clause, kind="case_mean", measure=measure, objective="<= 480 minutes")
        assert [key for key, _ in contradictions(entry, (), "en")] == keys


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


# ---- each number and no other ---------------------------------------------------------------------------------
_SMALL = (
    "zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve",
    "thirteen", "fourteen", "fifteen", "sixteen", "seventeen", "eighteen", "nineteen",
)  # fmt: skip
_ROUND = ("twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety")
UNITS = {
    "days": ("calendar_days", 1), "calendar days": ("calendar_days", 1), "working days": ("working_days", 1),
    "business-days": ("working_days", 1), "weeks": ("calendar_days", 7), "months": ("months", 1),
    "years": ("months", 12), "minutes": ("minutes", 1), "hours": ("minutes", 60),
    "working minutes": ("working_minutes", 1), "opening hours": ("working_minutes", 60), "%": ("share", 0.01),
    "per cent": ("share", 0.01),
}  # fmt: skip


def spelled(number: int, link: str = " and ") -> str:
    """1234 → one thousand two hundred and thirty-four."""
    if number < 20:
        return _SMALL[number]
    if number < 100:
        return _ROUND[number // 10 - 2] + (f"-{_SMALL[number % 10]}" if number % 10 else "")
    size, word = (100, "hundred") if number < 1000 else (1000, "thousand")
    head, tail = divmod(number, size)
    joined = (link if tail < 100 else " ") + spelled(tail, link) if tail else ""
    return f"{spelled(head, link)} {word}{joined}"


def ways(number: int) -> tuple[str, ...]:
    """Each way in which a number is written."""
    british = spelled(number)
    with_article = british.replace("one ", "a ", 1) if british.startswith(("one hundred", "one thousand")) else british
    grouped = (f"{number:,}".replace(",", each) for each in (",", "\u2009", "\u202f", "\u00a0", " "))
    return (british, spelled(number, " "), with_article, british.replace(" ", "\n"), str(number), *grouped)


@pytest.mark.slow
def test_each_number_is_read_as_itself_however_it_is_written() -> None:
    units = list(UNITS.items())
    for number in range(1, 10_000):
        first, *others = ways(number)
        few = number in (1, 2, 20, 21, 99, 100, 101, 120, 999, 1000, 1001, 1100, 2021, 9999)
        for place, way in enumerate((first, *others) if few else (first, others[number % len(others)])):
            for unit, (counted, factor) in units if few else (units[(number * 3 + place) % len(units)],):
                (printed,) = ENGLISH.numbers(f"within {way} {unit}.")
                expected = Decimal(number) * Decimal(str(factor)), counted, "<="
                assert (printed.amount, printed.counted, printed.relation) == expected, (way, unit)


@pytest.mark.parametrize("number", [2, 12, 21, 105, 120, 200, 315, 1000, 1020, 2010])
def test_exactly_the_number_of_the_clause_is_its_limit(number: int) -> None:
    tails = {number % size for size in (10, 100, 1000)} | {int(each) for each in str(number)}
    others = {number - 1, number + 1, number // 10, number * 10, number // 100, *tails, 100, 1000} - {number}
    entry = promise(limit="20 working_days")
    for way in ways(number)[::2]:
        for amount in (number, *others):
            limit = Limit(amount=amount, unit=LimitUnit.WORKING_DAYS)
            of_it = entry.model_copy(update={"clause": f"It is done within {way} working days.", "limit": limit})
            found = [key for key, _ in contradictions(of_it, (), "en")]
            assert found == ([] if amount == number else ["limit"]), (way, amount)


def test_of_a_number_of_things_no_part_is_the_number() -> None:
    for clause, amounts in (
        ("One hundred and twenty services are online", {120}),
        ("at least 2000 services", {2000}),
        ("1 200 services", {1200}),
        ("twenty-five % of services", set()),
        ("1,200 % of services", set()),
        ("several hundred services", set()),
    ):
        assert ENGLISH.also(clause, "number") == {Decimal(each) for each in amounts}


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
        ("binnen 1 500 minuten", {"limit": "1500 minutes"}, []),
        ("binnen 1 500 minuten", {"limit": "500 minutes"}, ["limit"]),
        ("binnen 1\u2009000 minuten", {"limit": "1 minute"}, ["limit"]),
        ("binnen 1/2 uur", {"limit": "120 minutes"}, ["limit"]),
        ("binnen 3 1/2 uur", {"limit": "180 minutes"}, ["limit"]),
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
