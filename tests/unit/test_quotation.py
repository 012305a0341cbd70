"""What numbers a clause prints, and when an entry contradicts them."""

from datetime import date
from decimal import Decimal
from typing import Any

import pytest

from services.catalog.check.clause_check import contradictions
from services.catalog.check.languages.chinese import by as printed_by
from services.catalog.check.languages.chinese import numbers as printed_numbers
from services.catalog.check.languages.chinese import since as printed_from
from services.catalog.check.plan_text import PlanText
from services.domain.plan.plan import Promise
from tests.unit.cases import promise


@pytest.mark.parametrize(
    ("clause", "printed"),
    [
        ("小型项目供水接入时间不超过4个工作日", [("4", "working_days", "<=")]),
        ("10千伏城镇用户全流程平均用时不超过28个工作日", [("28", "working_days", "<=")]),
        ("通知书发出之日起20日内和供应商签订合同", [("20", "calendar_days", "<=")]),
        ("平均减少80%以上", [("0.8", "share", ">=")]),
        ("平均跑动次数不超过0.3次", [("0.3", "number", "<=")]),
        ("2021年底前实现74项高频政务服务事项“跨省通办”", [("74", "number", "")]),
        ("不动产登记业务90分钟办结", [("90", "minutes", "")]),
        ("实现供排水一次性查勘、一次性接入", [("1", "number", ""), ("1", "number", "")]),
        ("力争达到300件以上", [("300", "number", ">=")]),
        ("确保2022年1月1日起实施的政府采购项目按规定进行意向公开", []),
        ("2021年10月底前实现互认", []),
        ("企业设立时免费发放电子营业执照和电子印章", []),
        ("在“023”不动产登记时限基础上", []),
    ],
)
def test_a_clause_prints_these_numbers(clause: str, printed: list[tuple[str, str, str]]) -> None:
    assert [(n.amount, n.counted, n.relation) for n in printed_numbers(clause)] == [
        (Decimal(amount), counted, relation) for amount, counted, relation in printed
    ]


def test_a_clause_prints_its_dates() -> None:
    assert printed_by("2021年底前实现74项") == date(2021, 12, 31)
    assert printed_by("2021年10月底前实现同一事项") == date(2021, 10, 31)
    assert printed_by("确保2022年1月1日起实施") is None
    assert printed_from("确保2022年1月1日起实施") == date(2022, 1, 1)


def test_a_quotation_may_run_over_a_line_break_but_not_leave_out_a_word() -> None:
    text = PlanText("企业设立时免费发放\n\t电子营业执照和电子印章。")
    assert text.quotes("免费发放电子营业执照")
    assert text.quotes("企业设立时免费")
    assert not text.quotes("企业设立免费")
    assert not text.quotes("免费发放 电子营业执照")


def test_a_misquotation_is_reported_where_it_departs() -> None:
    text = PlanText("小型项目供水接入时间不超过4个工作日")
    assert text.departure("小型项目供水接入用时") == "after “小型项目供水接入” the plan goes on “时间不超过4个工作日”"
    assert text.departure("甲乙丙") == "no part of it is there"


def test_both_ends_of_a_range_are_printed_numbers() -> None:
    found = [(each.amount, each.counted) for each in printed_numbers("今年内推荐AAA级和谐企业3-5家，培育协调员5名")]
    assert found == [(Decimal(each), "number") for each in (3, 5, 5)]


def choice(about: str, taken: str) -> dict[str, Any]:
    """A choice that an entry records."""
    return {"about": {"zh": about, "en": about}, "taken": {"zh": taken, "en": taken}, "instead": ()}


@pytest.mark.parametrize(
    ("taken", "reported"), [("2021-12-31, the end of the year of issue", []), ("some day", ["by"])]
)
def test_a_date_that_the_clause_does_not_print_is_a_choice_that_is_said(taken: str, reported: list[str]) -> None:
    entry = promise(
        clause="今年内推荐", kind="catalogue", statistic="count", collection="c", select={}, by="2021-12-31",
        strength="directional", choices=(choice("今年内", taken),),
    )  # fmt: skip
    assert [key for key, _ in contradictions(entry)] == reported


def by_year_end(**given: Any) -> Promise:
    """One milestone, to be reached by the end of 2021."""
    chosen = (choice("何时完成", "2021-12-31"),)
    entry = {"clause": "建立考核机制", "objective": ">= 1 milestones", "by": "2021-12-31", "choices": chosen} | given
    return promise(
        kind="catalogue", statistic="count", collection="c", select={}, windows=["now"], official_window="now", **entry
    )


@pytest.mark.parametrize(
    ("entry", "sentences", "reported"),
    [
        (by_year_end(local=True), (), []),
        (by_year_end(), (), ["objective", "by"]),
        (by_year_end(clause="培育协调员1名", objective=">= 1 persons"), ("今年内推荐企业3家，培育协调员1名",), []),
        (by_year_end(clause="培育协调员1名", objective=">= 1 persons"), ("培育协调员1名",), ["by"]),
        (by_year_end(clause="培育协调员2名", local=True), (), ["objective"]),
        (
            promise(kind="duty", duty="d", period="month", owed_by=("u",), clause="按月报送", objective=">= 100 %"),
            (),
            ["period"],
        ),
    ],
)
def test_what_the_plan_does_not_print_is_local_and_what_it_prints_holds_all_the_same(
    entry: Promise, sentences: tuple[str, ...], reported: list[str]
) -> None:
    assert [key for key, _ in contradictions(entry, sentences)] == reported


@pytest.mark.parametrize(
    ("clause", "strength", "is_right"),
    [
        ("基本实现网上可办", "hard", False),
        ("基本实现网上可办", "soft", True),
        ("推动实现占比达到80%", "hard", False),
        ("加快实现网上推送", "soft", False),
        ("推行告知承诺制", "aspirational", True),
        ("今年内推荐企业", "hard", True),
    ],
)
def test_a_word_that_asks_for_an_effort_makes_no_hard_promise(clause: str, strength: str, is_right: bool) -> None:
    found = contradictions(promise(clause=clause, strength=strength, local=True))
    assert ("strength" not in [key for key, _ in found]) is is_right


def test_a_quotation_that_is_cut_behind_the_word_that_softens_it_says_how_far_that_word_reaches() -> None:
    sentence = "推动关系转移接续，申领审核即办即结，申领不超过4个工作日"
    cut = promise(clause="申领审核即办即结", local=True)
    assert [key for key, _ in contradictions(cut, [sentence])] == ["strength"]
    assert not list(contradictions(cut.model_copy(update={"strength": "aspirational"}), [sentence]))
    chosen = (choice("“推动”：及于何处", "to 即办即结"),)
    assert not list(contradictions(promise(clause="申领不超过4个工作日", choices=chosen), [sentence]))
    result = "探索新模式，实现申领不超过4个工作日"
    assert not list(contradictions(promise(clause="申领不超过4个工作日"), [result])), "a result is asked for in between"


@pytest.mark.parametrize(
    ("tier", "strength", "is_right"), [("Q", "directional", True), ("C", "directional", False), ("Q", "hard", False)]
)
def test_tier_q_is_what_is_not_judged(tier: str, strength: str, is_right: bool) -> None:
    found = contradictions(promise(tier=tier, strength=strength, local=True))
    assert ("tier" not in [key for key, _ in found]) is is_right


def test_the_sentence_of_a_clause_ends_at_a_full_stop_a_semicolon_or_a_cell() -> None:
    text = PlanText("一、推动甲；乙办结，丙办结。丁。\n\t推行乙办结")
    assert text.sentences("乙办结") == ["乙办结，丙办结", "推行乙办结"]


def test_a_number_that_is_part_of_a_name_may_be_a_threshold_and_need_not_be_one() -> None:
    packages = promise(
        kind="catalogue", clause="推出更多“一件事一次办”套餐，力争达到300件以上", objective=">= 300 packages",
        strength="aspirational", collection="packages", statistic="count", windows=["now"], official_window="now",
    )  # fmt: skip
    assert not list(contradictions(packages))
    one_visit = promise(
        kind="case_bound", clause="实现不动产登记“最多跑一次”", counts=["quantity:visits"], bound="<= 1 visits",
        matures_at="completion", limit=None,
    )  # fmt: skip
    assert not list(contradictions(one_visit))
    two_visits = promise(
        kind="case_bound", clause="实现不动产登记“最多跑一次”", counts=["quantity:visits"], bound="<= 2 visits",
        matures_at="completion", limit=None,
    )  # fmt: skip
    assert [key for key, _ in contradictions(two_visits)] == ["bound"]


def test_that_steps_are_in_order_is_no_printed_number() -> None:
    reviewed_first = promise(
        kind="case_bound", clause="重大行政执法决定法制审核全覆盖", counts=["order:legal_reviewed<decided"],
        bound="<= 0 count", matures_at="completion", limit=None,
    )  # fmt: skip
    assert not list(contradictions(reviewed_first))
