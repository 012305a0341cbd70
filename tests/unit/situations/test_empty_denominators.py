"""Nothing to divide by, a value exactly on its objective, and a mean that nobody lets close."""

from services.domain.intake.facts import Fact
from services.domain.results.published import ValueRow
from tests.unit.cases import accepted, completed, judge_of, measured, promise, row

SHARE = judge_of(promise(kind="case_share", where={"online": True}, matures_at="completion", objective=">= 80 %"))
MEAN = judge_of(promise(kind="case_mean", measure="working_days", objective="<= 5 working_days"))
RATIO = judge_of(promise(kind="case_mean", measure="ratio:paid/owed", objective=">= 30 %", minimum_n=0))
LIMIT = judge_of(promise())
OPEN = [accepted("2021-11-01T10:00")]
TWO_DAYS = [*OPEN, completed("2021-11-03T10:00")]


def share(online: int, of: int) -> ValueRow:
    channels = ["online"] * online + ["counter"] * (of - online)
    cases = [[accepted("2021-11-01T10:00", channel=each), completed("2021-11-02T10:00")] for each in channels]
    return row(SHARE, cases, "2021-12-01")


def test_a_share_exactly_on_its_objective_is_met() -> None:
    assert (share(8, 10).value, share(8, 10).state) == ("0.8", "met")
    assert (share(799, 1000).value, share(799, 1000).state) == ("0.799", "missed")
    assert (share(4, 5).value, share(4, 5).state) == ("0.8", "insufficient")


def test_a_mean_is_not_met_while_open_cases_would_break_it() -> None:
    """Ten of two days, two open for 21 working days (11-02 to 11-30): 2 now, (20 + 42) ÷ 12 = 5.17 with them."""
    found = row(MEAN, [TWO_DAYS] * 10 + [OPEN] * 2, "2021-12-01")
    assert (found.value, found.n, found.state) == ("2", "10", "at_risk")
    assert row(MEAN, [TWO_DAYS] * 10, "2021-12-01").state == "met"


def test_a_mean_that_nobody_lets_close_has_no_value() -> None:
    found = row(MEAN, [OPEN] * 12, "2021-12-01")
    assert (found.value, found.n, found.state) == ("", "0", "no_data")


def test_nothing_of_nothing_is_no_value() -> None:
    def paid(part: float, whole: float) -> list[Fact]:
        amounts = [measured("2021-11-02T10:00", "paid", part), measured("2021-11-02T10:00", "owed", whole)]
        return [accepted("2021-11-01T10:00"), *amounts, completed("2021-11-03T10:00")]

    found = row(RATIO, [paid(0, 0)], "2021-12-01")
    assert (found.value, found.state) == ("", "no_data")
    assert row(RATIO, [paid(0, 0), paid(3, 10)], "2021-12-01").value == "0.3"


def test_percentiles_of_few_cases_lie_on_the_line_between_them() -> None:
    """1 and 4 days: the middle is 2.5; 95 % of the way is 1 + 0.95 × 3 = 3.85."""
    one = [accepted("2021-11-08T10:00"), completed("2021-11-09T10:00")]
    four = [accepted("2021-11-08T10:00"), completed("2021-11-12T10:00")]
    assert (row(LIMIT, [one, four], "2021-12-01").p50, row(LIMIT, [one, four], "2021-12-01").p95) == ("2.5", "3.85")
    assert (row(LIMIT, [four], "2021-12-01").p50, row(LIMIT, [four], "2021-12-01").p95) == ("4", "4")
    assert (row(LIMIT, [], "2021-12-01").value, row(LIMIT, [], "2021-12-01").state) == ("", "no_data")
