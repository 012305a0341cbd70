"""Numbers of Chinese clauses are read whole, or they are reported."""

from decimal import Decimal

import pytest

from services.catalog.check.clause_check import contradictions
from services.catalog.check.languages.chinese import CHINESE
from services.catalog.check.languages.clause_language import Counted
from services.domain.time.limits import Limit, LimitUnit
from tests.unit.cases import promise

UNITS: dict[str, tuple[Counted, float]] = {
    "个工作日": ("working_days", 1), "工作日": ("working_days", 1), "日": ("calendar_days", 1),
    "天": ("calendar_days", 1), "个月": ("months", 1), "分钟": ("minutes", 1), "小时": ("minutes", 60),
    "个小时": ("minutes", 60), "%": ("share", 0.01),
}  # fmt: skip


def spelled(number: int) -> str:
    """1205 → 一千二百零五; 15 → 十五."""
    text = ""
    for size, scale in ((1000, "千"), (100, "百"), (10, "十"), (1, "")):
        digit, number = divmod(number, size)
        if digit:
            text += "零一二三四五六七八九"[digit] + scale
        elif text and number and not text.endswith("零"):
            text += "零"
    return text.removeprefix("一") if text.startswith("一十") else text


def test_each_number_is_read_as_itself_however_it_is_written() -> None:
    units = list(UNITS.items())
    for number in range(1, 10_000):
        unit, (counted, factor) = units[number % len(units)]
        expected = Decimal(number) * Decimal(str(factor))
        words = f"在{spelled(number)}{unit}内"
        assert not CHINESE.numbers(words)
        assert CHINESE.also(words, counted) == {expected}, words
        separator = ("", ",", "，", "\u2009", " ")[number % 5]
        digits = f"{number:,}".replace(",", separator)
        (printed,) = CHINESE.numbers(f"不超过{digits}{unit}")
        assert (printed.amount, printed.counted, printed.relation) == (expected, counted, "<="), digits


@pytest.mark.parametrize("number", [2, 12, 21, 105, 120, 200, 315, 1000, 1005, 1020, 2010])
def test_exactly_the_number_of_the_clause_is_its_limit(number: int) -> None:
    tails = {number % size for size in (10, 100, 1000)} | {int(each) for each in str(number)}
    others = {number - 1, number + 1, number // 10, number * 10, *tails, 10, 100, 1000} - {number}
    entry = promise(limit="20 working_days")
    for way in (spelled(number), str(number), f"{number:,}", f"{number:,}".replace(",", " ")):
        for amount in (number, *others):
            limit = Limit(amount=amount, unit=LimitUnit.WORKING_DAYS)
            of_it = entry.model_copy(update={"clause": f"在{way}个工作日内办结", "limit": limit})
            found = [key for key, _ in contradictions(of_it, (), "zh")]
            assert found == ([] if amount == number else ["limit"]), (way, amount)


@pytest.mark.parametrize(
    ("clause", "minutes"),
    [
        ("半小时内", 30),
        ("1/2小时内", 30),
        ("2½小时内", 150),
        ("一个半小时内", 90),
        ("3个半小时内", 210),
        ("3小时半", 210),
        ("1小时30分钟内", 90),
        ("一小时三十分钟", 90),
    ],
)
def test_parts_of_hours_are_added(clause: str, minutes: int) -> None:
    for amount in (1, 2, 30, 60, 90, 120, 150, 180, 210):
        found = [key for key, _ in contradictions(promise(clause=clause, limit=f"{amount} minutes"), (), "zh")]
        assert found == ([] if amount == minutes else ["limit"]), amount
    assert not list(contradictions(promise(clause=clause, limit=f"{minutes} working_minutes"), (), "zh"))


@pytest.mark.parametrize(
    "clause", ["3-5个工作日", "5至7日", "120余件", "7×24小时", "n/2小时", "1个月10日", "2千3百日", "1/3小时"]
)
def test_what_is_no_number_by_itself_is_not_read_until_a_choice_says_what_was_taken(clause: str) -> None:
    (printed,) = CHINESE.numbers(clause)
    assert printed.amount is None
    ((key, sentence),) = contradictions(promise(clause=clause, limit="7 working_days"), (), "zh")
    assert key == "limit" and "which is not read as a number" in sentence
    taken = {"about": {"zh": "多久", "en": "how long"}, "taken": {"zh": "7", "en": "7 working_days"}, "instead": ()}
    assert not list(contradictions(promise(clause=clause, limit="7 working_days", choices=(taken,)), (), "zh"))


@pytest.mark.parametrize(
    "clause", ["二百五日", "一两个工作日", "三至五个工作日", "几十日", "十多个工作日", "一个月零十日"]
)
def test_what_is_left_open_in_words_is_no_number(clause: str) -> None:
    assert not CHINESE.numbers(clause)
    assert not any(CHINESE.also(clause, counted) for counted in ("working_days", "calendar_days", "months"))


@pytest.mark.parametrize(
    ("clause", "amount"),
    [("统一20日内", "20"), ("甲，300件", "300"), ("时限：20日", "20"), ("3万件以上", "30000"), ("“二十一件事”", "21")],
)
def test_what_is_before_a_number_and_no_part_of_it_does_not_change_it(clause: str, amount: str) -> None:
    (printed,) = CHINESE.numbers(clause)
    assert printed.amount == Decimal(amount)


def test_a_share_in_words_may_be_the_objective() -> None:
    assert CHINESE.also("百分之八十以上", "share") == {Decimal("0.8")}
