"""The words of the acting part that its templates need, in both languages."""

from typing import Final

from services.domain.plan.plan import Title

OPTIONAL: Final = Title(zh="（可不填）", en="(optional)")
KNOWN_UP_TO: Final = Title(
    zh="作出本决定时已记入台账的最后一条，台账号：", en="This decision knows the ledger up to No. "
)
NUMBER: Final = Title(zh="台账号", en="No. in the ledger")
TIME: Final = Title(zh="时间", en="Time")
WHAT: Final = Title(zh="事项", en="What")
WHO: Final = Title(zh="单位、账号", en="Who")
CONTENT: Final = Title(zh="内容", en="Content")
ERASE: Final = Title(zh="删除文字", en="Erase the text")
ERASED: Final = Title(zh="文字已删除", en="the text was erased")
NO_RECORDS: Final = Title(zh="台账中没有记录", en="the ledger has no records")
CASE: Final = Title(zh="办件", en="Case")
PROMISE: Final = Title(zh="承诺", en="Promise")
CLAUSE: Final = Title(zh="条款", en="Clause")
UNIT: Final = Title(zh="单位", en="Unit")
COUNTED_FOR: Final = Title(zh="计入单位", en="Unit")
ACTING: Final = Title(zh="承办单位", en="Unit")
HOLDER: Final = Title(zh="当前承办单位", en="Held by")
VERDICT: Final = Title(zh="判定", en="Verdict")
DUE: Final = Title(zh="期限", en="Due")
STOP: Final = Title(zh="计时终止", en="Completed")
SOURCE: Final = Title(zh="数据源", en="Source")
EVENTS: Final = Title(zh="办理经过", en="Events of the case")
RECORDS: Final = Title(zh="台账记录", en="Records of the ledger")
EVENT_TIME: Final = Title(zh="发生时间", en="Time of the event")
ARRIVED: Final = Title(zh="到达时间", en="Arrived")
ARRIVED_SINCE: Final = Title(zh="申请之后到达", en="Arrived since")
LATE: Final = Title(zh="逾期补录", en="late entry")
WOULD_CHANGE: Final = Title(zh="各项决定的结果", en="What each decision would change")
DECISION: Final = Title(zh="决定", en="Decision")
CASE_ADDS: Final = Title(zh="该办件计入（分子／分母）", en="The case adds (numerator/denominator)")
NUMBER_OF_UNIT: Final = Title(zh="该单位的完成值（分子／分母）", en="The number of the unit (numerator/denominator)")
CHANGED: Final = Title(
    zh="打开本页之后有新的内容，未作出决定。请核对下列内容后再决定。",
    en="Something came since you opened the page: nothing was decided. Look at what is below, then decide.",
)
CHANGED_UNKNOWN: Final = Title(
    zh="页面上的台账号或时间与台账不符，请核对本页内容后再决定。",
    en="The page names a record or a time that there is not. Look at this page, then decide.",
)
WRONG_FIELDS: Final = Title(zh="以下内容需要改正，其他内容已保留：", en="Please mend these; the rest is kept:")
BACK: Final = Title(zh="返回办件", en="Back to the case")
RECORDING: Final = Title(zh="正在登记", en="It is being recorded")
RECORDING_HINT: Final = Title(
    zh="已收到，正在登记入台账，通常几秒钟内完成。不必重新提交；同一表单重复提交也只登记一次。",
    en="It has been received, and the ledger has not answered yet. That takes some seconds. There is no need to send "
    "it again; the same form is recorded once only.",
)
LOOK_AGAIN: Final = Title(zh="查看结果", en="See what became of it")
GO_ON: Final = Title(zh="继续", en="Go on")
NOTHING_WAITS: Final = Title(zh="没有待决定的事项", en="nothing waits for a decision")
WAITING: Final = Title(zh="待决定", en="Waiting for a decision")
SINCE: Final = Title(zh="提出时间", en="Since")
NOT_IN_FORCE: Final = Title(zh="未生效的决定", en="Decisions that are not in force")
NOT_IN_FORCE_HINT: Final = Title(
    zh="系统未接收下列决定，决定尚未生效。排除原因后请重新送达。",
    en="The gateway refuses their events. Once the reason is mended, send them again.",
)
SEND_AGAIN: Final = Title(zh="重新送达决定，台账号：", en="Send decision again: ")
STATE: Final = Title(zh="状态", en="State")
PRINT: Final = Title(zh="打印稿（A4）", en="To print (A4)")
CIRCULARS: Final = Title(zh="通报", en="Circulars")
NO_CIRCULARS: Final = Title(zh="没有通报", en="there are no circulars")
OLDEST_FIRST: Final = Title(zh="最早的在前", en="The oldest first")
LATER: Final = Title(zh="下一页", en="Next page")
PROPOSED: Final = Title(zh="通报建议，待决定", en="proposed, not decided on")
ISSUED: Final = Title(zh="已印发", en="issued")
NOT_ISSUED: Final = Title(zh="不予通报", en="not issued")
ISSUE: Final = Title(zh="印发通报", en="Issue it")
LEAVE: Final = Title(zh="不予通报", en="Do not issue it")
ISSUED_TO: Final = Title(zh="发送单位", en="Issued to")
ISSUED_TO_HINT: Final = Title(
    zh="印发后，所选单位可以查看全文并收到通知。默认选中承办单位，以及方案就该承诺列明的牵头单位、责任单位。不予通报时，此项不起作用。",
    en="Once it is issued, these units read it and get a notice. Chosen are the unit that has the case and those that "
    "the plan names for the promise. It does not matter where nothing is issued.",
)
OTHER_UNITS: Final = Title(zh="其他单位", en="Other units")
DECIDE: Final = Title(zh="作出决定", en="Decide")
WORKING_DAYS: Final = Title(zh="亮红牌后工作日数", en="Working days since the red card")
ERASE_HINT: Final = Title(
    zh="删除后无法恢复，任何人都不能再看到这段文字。台账保留何时由谁删除的记录。",
    en="It cannot be had back: nobody sees this text any more. The ledger keeps when it was erased, and by whom.",
)
KEEP: Final = Title(zh="不删除", en="Keep it")
ACTS: Final = Title(zh="办理", en="What you can do")
