"""`kpiwatch status`: what stands beside a figure."""

from services.cli.status import Standing, forecast, target
from services.domain.plan import Promise
from tests.unit.cases import promise

COUNT: Promise = promise(
    kind="catalogue", statistic="count", select={}, collection="catalogue", objective="3..5 enterprises",
    by="2021-12-31", windows=("now",), official_window="now",
)  # fmt: skip


def standing(*foretold: str) -> Standing:
    names = ("forecast", "forecast_lower", "forecast_upper")
    return Standing([], {(name, "ALL", "P"): each for name, each in zip(names, foretold, strict=False)}, [], "", "")


def test_a_forecast_stands_on_a_line_of_its_own_with_its_interval() -> None:
    assert forecast(standing("3.5", "2", "6"), "ALL", COUNT) == "\n[dim]→ 3.50 (2.00–6.00)[/]"
    assert forecast(standing("3.5", "2", "6"), "works", COUNT) == ""
    assert forecast(standing("3.5"), "ALL", COUNT) == ""


def test_a_forecast_share_is_in_per_cent_and_never_rounded_up_to_the_whole() -> None:
    share = COUNT.model_copy(update={"statistic": "share", "objective": None})
    assert forecast(standing("0.99999", "0.5", "1"), "ALL", share) == "\n[dim]→ 99.99 % (50 %–100 %)[/]"


def test_a_range_is_shown_with_both_ends() -> None:
    assert target(COUNT) == "3–5 enterprises"
