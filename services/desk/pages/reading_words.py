"""The words of the pages that show figures, cards and cases, in both languages."""

from collections.abc import Mapping
from typing import Final

from services.desk.acting.assigned import AssignmentState
from services.domain.plan.plan import Title
from services.messaging.records.ledger import Kind


def _t(zh: str, en: str) -> Title:
    return Title(zh=zh, en=en)


DISTRICT: Final = _t("全区概况", "The district at a glance")
OWN: Final = _t("本单位", "This unit")
JUDGED_UP_TO: Final = _t("数据截至", "Judged up to")
NOTHING_PUBLISHED: Final = _t(
    "暂无数据。系统开始处理数据后，刷新本页即可查看。", "Nothing is published yet. Figures appear once the workers run."
)
PROMISES_BY_STATE: Final = _t("承诺状态", "Promises by state")
WORST: Final = _t("须优先处理的承诺", "Promises that need attention first")
WORST_ORDER: Final = _t(
    "由差到好，先按状态，再按与目标的差距（占比为相差的百分点，其他为超出或不足目标值的百分比）",
    "By state, then by the distance to the target: of shares in points, of other figures in per cent of the target",
)
NONE_WORST: Final = _t("没有未达标或有风险的承诺", "No promise is missed or at risk")
CHANGED: Final = _t("今日变化", "Changed today")
NONE_CHANGED: Final = _t("今日没有状态变化的承诺", "No promise has changed its state today")
FROM_TO: Final = _t("今日零时 → 当前", "When the day began → now")
CARDS_BY_UNIT: Final = _t("各单位未解除的红黄牌", "Open cards by unit")
PLAN_ORDER: Final = _t("按方案中的单位顺序", "In the order of the plan")
NO_CARDS: Final = _t("没有未解除的红黄牌", "No card is open")
OPEN_CARDS: Final = _t("未解除的红黄牌", "Open cards")
BY_TIME_LEFT: Final = _t("按剩余时间排列，最急的在前", "By time left, the most urgent first")
LED_CARDS: Final = _t("本单位牵头承诺的红黄牌", "Cards of the promises that this unit leads")
ALL_CARDS: Final = _t("全部", "All")
OWN_PROMISES: Final = _t("本单位的承诺", "Promises of this unit")
SEE_ALL: Final = _t("查看全部", "See all")
PROMISES: Final = _t("承诺", "Promises")
PROMISE: Final = _t("承诺", "Promise")
STATE: Final = _t("状态", "State")
VALUE: Final = _t("完成值", "Value")
TARGET: Final = _t("目标", "Target")
CASES_COUNTED: Final = _t("样本量", "Cases")
MISSES_LEFT: Final = _t("剩余允许数", "Misses left")
PACE: Final = _t("本月件数÷允许数", "Misses of the month")
TREND: Final = _t("近90日趋势", "Trend, 90 days")
LATE_OPEN: Final = _t("%s未办结", "Overdue, open")
LATE_OPEN_OF_ANY: Final = _t("超期或不符合未办结", "Overdue, open")
UNCONFIRMED: Final = _t("逾期补录待认定", "Late entries to confirm")
EXCUSED: Final = _t("理由成立，不计入", "Left out, reason accepted")
NO_TREND: Final = _t("天数不足", "too few days")
WINDOW: Final = _t("统计期", "Period")
UNIT: Final = _t("单位", "Unit")
WHOLE_DISTRICT: Final = _t("全区", "District")
ITEM: Final = _t("分项", "Item")
LEVEL: Final = _t("牌色", "Card")
CASE: Final = _t("办件", "Case")
CASE_NUMBER: Final = _t("办件编号", "Case number")
DUE: Final = _t("期限", "Due")
TIME_LEFT: Final = _t("剩余时间", "Time left")
RAISED: Final = _t("亮牌时间", "Raised")
CLEARED: Final = _t("解除时间", "Cleared")
NOT_CLEARED: Final = _t("未解除", "open")
NODE: Final = _t("环节", "Node")
WHO_ACTS: Final = _t("承办单位", "Who must act")
DUE_UNKNOWN: Final = _t("暂停计时，期限未定", "clock stopped, not known")
OVERDUE_BY: Final = _t("已超期", "over by ")
LEFT: Final = _t("还剩", "")
FILTER: Final = _t("筛选", "Filter")
ANY: Final = _t("不限", "any")
SHOW: Final = _t("查询", "Show")
NEXT: Final = _t("下一页", "Next page")
FIRST_PAGE: Final = _t("回到第一页", "Back to the first page")
EXPORT: Final = _t("导出Excel", "Export to Excel")
NOTHING_FOUND: Final = _t("没有符合条件的记录", "Nothing fits")
BEHIND: Final = _t("所计办件", "The cases behind the number")
BEHIND_HINT: Final = _t(
    "%s、逾期补录，以及更正后不再计为%s的办件，最近判定的在前",
    "Misses, late entries, and what was a miss and is none any more, the latest first",
)
"""With the word for a miss of the promise, as NO_BEHIND and LATE_OPEN."""
NO_BEHIND: Final = _t("没有%s或逾期补录的办件", "No case was missed, or met by late entry")
COUNTED_CASES: Final = _t("所计办件", "Cases behind a number")
COUNTED_HINT: Final = _t(
    "所列即看板上该数所计的办件；按环节计的，一件可列多次。",
    "Exactly what the number on the dashboard counts; where nodes are counted, a case may stand here several times.",
)
COUNTED_OTHERS: Final = _t(
    "该承诺不按办件计，而按应报送的期数、填报的数据或目录条目计：未报送的没有记录，下列不是全部。",
    "This promise counts no cases but reports that are owed, figures, or entries of a catalogue: what was never "
    "reported has no record, so that the list is not all of it.",
)
COUNTED_ON: Final = _t("计入日期", "Counts on")
COUNTED_AS: Final = _t("情形", "What is counted")
FILTERS_COUNTED: Final = _t("选择情形", "Choose what is listed")
AT_PRESENT: Final = _t("当前", "now")
SIGNAL: Final = _t("数据疑点：", "Signal: ")
WHICH_PROMISE: Final = _t("请选择方案中的一项承诺", "Choose a promise of the plan")
BY_UNIT: Final = _t("各单位", "By unit")
MEANING: Final = _t("含义", "What it means")
CLAUSE: Final = _t("方案条款", "Clause of the plan")
MEASURE: Final = _t("任务", "measure")
LEADS: Final = _t("牵头单位", "Lead")
RESPONSIBLE: Final = _t("责任单位", "Responsible")
JUDGED_AT: Final = _t("判定时间", "Judged")
VERDICT: Final = _t("判定", "Verdict")
ONLY: Final = _t("只列：", "Only: ")
CASES: Final = _t("办件查询", "Cases")
SEARCH_HINT: Final = _t("编号可只写开头", "The beginning of the number is enough")
CASE_STATE: Final = _t("办理状态", "State of the case")
HANDED_ON: Final = Title(zh="已移交", en="passed on")
CASE_STATES: Final[Mapping[str, Title]] = {
    "open": _t("办理中", "open"),
    "closed": _t("已办结", "closed"),
    "unreadable": _t("无法判定，已隔离", "quarantined"),
}
FILED_FROM: Final = _t("受理日期自", "Filed from")
FILED_TO: Final = _t("受理日期至", "to")
FILED: Final = _t("受理时间", "Filed")
CLOSED: Final = _t("办结时间", "Closed")
ACCEPTED_BY: Final = _t("受理单位", "Accepted by")
HELD_BY: Final = _t("当前承办单位", "Held by")
SERVICE_ITEM: Final = _t("事项", "Service item")
OWNER: Final = _t("数据源", "Source")
CARD_NOW: Final = _t("红黄牌", "Card")
AS_OF: Final = _t("截至", "As of")
AS_OF_LAST_DAY: Final = _t(
    "该办件已移交其他单位。本页为本单位最后承办日的情况，最后承办日：",
    "This unit has passed the case on. The page shows it as of its last day there: ",
)
LED_ONLY: Final = _t(
    "本单位牵头下列承诺，可查看判定和逐日计时；办理经过和文字内容仅承办单位可以查看。",
    "This unit leads the promises below: it sees verdicts and days. Events and texts are those of the unit that acts.",
)
QUARANTINED: Final = _t("该办件无法判定，已隔离。原因：", "This case cannot be judged and is quarantined. Cause: ")
VERDICTS_NOW: Final = _t("判定和逐日计时", "Verdicts, day by day")
NO_PROMISE: Final = _t("没有适用于该办件的承诺", "No promise judges this case")
TIME_USED: Final = _t("用时", "Time used")
LIMIT: Final = _t("时限", "Limit")
START: Final = _t("起算", "Start")
EXTENSION: Final = _t("延期", "Extension")
REPORT_BY: Final = _t("报送期限", "Report by")
DAY_BY_DAY: Final = _t("逐日计时", "Day by day")
DAY: Final = _t("日期", "Day")
COUNTED: Final = _t("计入", "Count")
SUM: Final = _t("累计", "Sum")
WHY: Final = _t("说明", "Why")
DUE_DAY: Final = _t("期限日", "due")
HISTORY: Final = _t("办理经过", "What happened")
EVENT: Final = _t("事件", "Event")
TIME: Final = _t("时间", "Time")
CONTENT: Final = _t("内容", "Content")
ARRIVED: Final = _t("到达时间", "arrived")
HOLDERS: Final = _t("承办过程", "Who held it")
SINCE: Final = _t("自", "Since")
UNTIL: Final = _t("至", "Until")
NOW_HOLDS: Final = _t("至今", "now")
ACCEPTANCE: Final = _t("受理", "acceptance")
CARDS_OF_CASE: Final = _t("红黄牌记录", "Cards of this case")
REASON: Final = _t("原因", "Reason")
RECORD: Final = _t("台账记录", "Record")
NO_RECORD: Final = _t("台账中没有该办件的记录", "The record has nothing about this case")
NUMBER: Final = _t("编号", "Number")
BY_WHOM: Final = _t("单位", "By")
OPERATIONS: Final = _t("运行中心", "operations centre")
WHAT: Final = _t("事项", "What")
TEXT: Final = _t("文字", "Text")
TEXT_ERASED: Final = _t("（已删除）", "(erased)")
CYCLE: Final = _t("第%s次办理", "request %s")
SOURCES: Final = _t("数据源", "Sources")
SOURCES_HINT: Final = _t(
    "超过通常间隔未报送的数据源，有关承诺显示为“数据未更新”。",
    "What a source feeds is out of date once it is silent for longer than is usual for it.",
)
LAST_ARRIVAL: Final = _t("最近报送", "Last event")
NEVER: Final = _t("从未报送", "never")
HEALTH: Final = _t("状态", "Health")
SILENT: Final = _t("未报送", "silent for too long")
REPORTS: Final = _t("正常", "reports")
USUAL: Final = _t("通常间隔", "Usual delay")
REFUSED: Final = _t("拒收事件", "Refused events")
SPEAKS_FOR: Final = _t("报送单位", "Units")
ANY_UNIT: Final = _t("所有单位", "any unit")
ORDERS: Final = _t("督办单", "Written orders")
NO_ORDERS: Final = _t("没有督办单", "There is no written order")
ORDER_NUMBER: Final = _t("文号", "Number")
ANSWER_BY: Final = _t("回告期限", "Answer by")
ASSIGNMENTS: Final = _t("交办", "Assigned cases")
ASSIGNED_OPEN: Final = _t("待回告的交办事项", "Assigned cases to answer")
ASSIGNED_DONE: Final = _t("已回告或已办结的交办事项", "Assigned cases that are answered or closed")
ASSIGNED_BY: Final = _t("交办人", "Assigned by")
ASSIGNED_WHY: Final = _t("交办原因", "Why")
ASSIGNED_TO: Final = _t("办理单位", "To")
NO_ASSIGNED_OPEN: Final = _t("没有待回告的交办事项", "No assigned case is to be answered")
NO_ASSIGNED_DONE: Final = _t("没有已回告或已办结的交办事项", "No assigned case is answered or closed")
MORE_ASSIGNED: Final = _t("仅列最急的前100项", "Only the 100 most urgent are listed")
LATEST_FIRST: Final = _t("最近的在前", "The latest first")
NO_DAY: Final = _t("未定期限", "no day named")
ASSIGNMENT_STATES: Final[Mapping[AssignmentState, Title]] = {
    AssignmentState.OPEN: _t("待签收", "to acknowledge"),
    AssignmentState.ACKNOWLEDGED: _t("已签收，待回告", "acknowledged, to answer"),
    AssignmentState.OVERDUE: _t("超期未回告", "overdue"),
    AssignmentState.ANSWERED: _t("已回告", "answered"),
    AssignmentState.CLOSED: _t("已办结", "case completed"),
}
NOTICES: Final = _t("通知", "Notices")
NOTICE: Final = _t("通知", "Notice")
ALERTS: Final = _t("告警", "Alerts")
RUNBOOK: Final = _t("处置手册", "Runbook")
DASHBOARD: Final = _t("看板", "Dashboard")
NO_NOTICES: Final = _t("没有通知", "There is no notice")
SENT: Final = _t("发出时间", "Sent")
FILTERS_CASES: Final = _t("按条件查询办件", "Find cases")
FILTERS_PROMISES: Final = _t("按状态查看承诺", "Choose promises")
FILTERS_CARDS: Final = _t("按条件查看红黄牌", "Choose cards")
WRONG_DAY: Final = _t("日期有误，请写成2021-10-15", "The day is wrong: write it as 2021-10-15")
EARLIER: Final = _t("更早", "Earlier")

KINDS: Final[Mapping[Kind, Title]] = {
    Kind.ACKNOWLEDGED: _t("签收", "acknowledged"),
    Kind.REPLIED: _t("回告", "replied"),
    Kind.ASKED: _t("申请", "asked"),
    Kind.STEP: _t("督办", "step"),
    Kind.DECIDED: _t("决定", "decided"),
    Kind.IN_FORCE: _t("决定生效", "in force"),
    Kind.NOT_IN_FORCE: _t("决定未生效", "not in force"),
    Kind.ERASED: _t("删除文字", "text erased"),
}
"""Of records about a case, but those that say how a promise judges it: `case_verdict`."""
