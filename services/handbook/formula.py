"""The formula of a promise, in words of arithmetic: what is divided by what, and what is left out of both."""

from services.domain.plan.plan import Kind, Promise, Title

_OF_CASES = Title(
    zh="按期件数 ÷（按期件数＋逾期办结件数＋已逾期未结件数）",
    en="cases on time ÷ (cases on time + closed late + open and overdue)",
)
_OF_SHARES = Title(
    zh="符合条件的到期件数 ÷ 全部到期件数（已逾期未结的计入分母）",
    en="matured cases that fulfil the condition ÷ all matured cases (open and overdue ones are in the denominator)",
)
_OF_BOUNDS = Title(
    zh="未越界的件数 ÷ 已有数据的到期件数（已越界未结的计入分母；来源未报告的为“未计量”）",
    en="cases within the bound ÷ matured cases that were reported (open ones in breach are in the denominator; "
    "what a source did not report is unmeasured)",
)
_OF_DURATIONS = Title(
    zh="已办结件用时合计 ÷ 件数；另列把未结件按现有用时计入的平均值",
    en="sum of the durations of closed cases ÷ their number; beside it the mean with open cases at their present age",
)
_OF_AMOUNTS = Title(zh="数量合计 ÷ 件数", en="sum of the amounts ÷ number of cases")
_OF_SUMS = Title(zh="全部办件的分子数量合计 ÷ 分母数量合计", en="sum of one quantity over all cases ÷ sum of the other")
_OF_COUNTS = Title(zh="计时终点在窗口内的件数", en="number of cases whose clock stopped within the window")
_OF_NODES = Title(
    zh="通过某环节的用时合计 ÷ 通过次数，逐环节公布",
    en="sum of the time spent in a node ÷ number of passages, for each node",
)
_OF_DUTIES = Title(
    zh="按时报送的份数 ÷ 应报份数（单位数 × 已届满期数）",
    en="reports done in time ÷ reports owed (units × periods that have ended)",
)
_OF_REDUCTIONS = {
    "cases": Title(
        zh="各办件〔1 − 实际净用时 ÷ 法定时限〕的平均", en="mean over cases of 1 − net time ÷ statutory limit"
    ),
    "ratio_of_sums": Title(zh="1 − 实际净用时合计 ÷ 法定时限合计", en="1 − sum of net times ÷ sum of statutory limits"),
}
_OF_REDUCED_ITEMS = Title(
    zh="先求各事项〔1 − 实际净用时 ÷ 法定时限〕的平均，再对事项求平均",
    en="mean over service items of each item's mean of 1 − net time ÷ statutory limit",
)
_OF_ENTRIES = {
    "share": Title(zh="符合条件的条目数 ÷ 全部条目数", en="entries that fulfil the condition ÷ all entries"),
    "count": Title(zh="符合条件的条目数", en="number of entries that fulfil the condition"),
    "mean": Title(zh="条目数值合计 ÷ 条目数", en="sum of the entries' amounts ÷ number of entries"),
    "sum": Title(zh="条目数值合计", en="sum of the entries' amounts"),
    "in_sync": Title(
        zh="与主目录版本一致的副本条目数 ÷（主目录条目数 × 副本平台数）",
        en="copies that have an entry in the master's version ÷ (entries of the master × platforms that copy it)",
    ),
}
_OF_LISTS = Title(
    zh="清单中符合条件的项数 ÷ 清单总项数（清单未报的项计入分母）",
    en="codes on the list that fulfil the condition ÷ all codes on the list, told of or not",
)
_OF_FIGURES = Title(zh="各期分子合计 ÷ 各期分母合计", en="sum of the periods' numerators ÷ sum of their denominators")
_OF_STOCKS = Title(
    zh="各单位最近一期：分子合计 ÷ 分母合计", en="each unit's last period: sum of numerators ÷ sum of denominators"
)


def formula(promise: Promise) -> Title:
    """The formula of a promise's figure."""
    match promise.kind:
        case Kind.CASE_LIMIT:
            return _OF_CASES
        case Kind.CASE_SHARE:
            return _OF_SHARES
        case Kind.CASE_BOUND:
            return _OF_BOUNDS
        case Kind.MEAN_REDUCTION:
            return _OF_REDUCTIONS.get(promise.variant, _OF_REDUCED_ITEMS)
        case Kind.NODE_DURATION:
            return _OF_NODES
        case Kind.DUTY:
            return _OF_DUTIES
        case Kind.FIGURE:
            return _OF_STOCKS if promise.statistic == "stock" else _OF_FIGURES
        case Kind.CATALOGUE:
            listed = bool(promise.listed) and promise.statistic == "share"
            return _OF_LISTS if listed else _OF_ENTRIES[promise.statistic or "count"]
    return _measured(promise.measure or "")


def _measured(measure: str) -> Title:
    """Of a mean or a trend."""
    match measure.partition(":")[0]:
        case "share":
            return _OF_SHARES
        case "count":
            return _OF_COUNTS
        case "ratio":
            return _OF_SUMS
        case "quantity" | "milestone" | "rating":
            return _OF_AMOUNTS
    return _OF_DURATIONS
