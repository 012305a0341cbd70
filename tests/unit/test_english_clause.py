"""The numbers of English clauses, which `kpiwatch plan check` compares with the entry."""

from decimal import Decimal

import pytest

from services.catalog.check.clause_check import printed_numbers


@pytest.mark.parametrize(
    ("clause", "amount", "counted", "relation"),
    [
        ("A permit is decided within 20 working days.", "20", "working_days", "<="),
        ("no more than five business days after receipt", "5", "working_days", "<="),
        ("decided in 8 weeks", "56", "calendar_days", ""),
        ("30 days or less", "30", "calendar_days", "<="),
        ("at most two months", "2", "months", "<="),
        ("answered within 1.5 hours", "90.0", "minutes", "<="),
        ("At least 80 % of applications arrive online", "0.80", "share", ">="),
        ("95 per cent or more are on time", "0.95", "share", ">="),
    ],
)
def test_an_english_clause_prints_its_number_and_its_direction(
    clause: str, amount: str, counted: str, relation: str
) -> None:
    (printed,) = printed_numbers(clause)
    assert (printed.amount, printed.counted, printed.relation) == (Decimal(amount), counted, relation)


@pytest.mark.parametrize("clause", ["section 5 of the act of 2021", "a 10 kV line", "someone days", "duration"])
def test_a_number_without_a_unit_of_thresholds_is_none(clause: str) -> None:
    assert printed_numbers(clause) == []


def test_a_chinese_clause_is_read_as_before() -> None:
    (printed,) = printed_numbers("供水接入时间不超过4个工作日")
    assert (printed.amount, printed.counted, printed.relation) == (Decimal(4), "working_days", "<=")
