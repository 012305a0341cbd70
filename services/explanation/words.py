"""The words of an explanation, in Chinese and English."""

from typing import NamedTuple

from services.domain.intake.facts import FactType
from services.domain.judging.judgement import Outcome
from services.domain.plan.plan import Title
from services.domain.results.explain import EndedBy
from services.domain.results.explain_facts import FactStatus
from services.domain.results.explain_silent import Reason
from services.domain.time.calendar import DayKind


class Word(NamedTuple):
    """A sign, and what it means in both languages."""

    sign: str
    zh: str
    en: str
    style: str = ""

    def __str__(self) -> str:
        return f"{self.sign} {self.zh} {self.en}"


OUTCOMES = {
    Outcome.OPEN: Word("…", "办理中", "open, within its limit"),
    Outcome.MET: Word("✓", "按期", "met", "green"),
    Outcome.MISSED: Word("✗", "超期", "MISSED", "bold red"),
    Outcome.OVERDUE: Word("✗", "逾期未办结", "OVERDUE, still open", "bold red"),
    Outcome.WITHDRAWN: Word("–", "期限内撤回或终止", "withdrawn or ended before the limit"),
    Outcome.JUSTIFIED: Word("○", "理由成立", "justified, not counted", "yellow"),
    Outcome.LATE_ENTRY: Word("△", "补录后按期，待确认", "met by LATE ENTRY, not confirmed", "bold yellow"),
    Outcome.UNMEASURED: Word("?", "未报送", "UNMEASURED: not reported", "yellow"),
    Outcome.UNCLASSIFIED: Word("?", "要素未填，无法归类", "UNCLASSIFIED: a selecting field is not reported", "yellow"),
    Outcome.COUNTED: Word("•", "计入", "counted"),
}
MEASURES = {
    "working_days": Title(zh="个工作日", en="working days"),
    "calendar_days": Title(zh="日", en="days"),
    "elapsed_days": Title(zh="日（历时）", en="days elapsed"),
    "working_minutes": Title(zh="分钟（办公时间）", en="minutes of opening hours"),
    "minutes": Title(zh="分钟", en="minutes"),
}
EVENT_NAMES = {
    FactType.CASE_APPLIED: "申请",
    FactType.CASE_ACCEPTED: "受理",
    FactType.CASE_SUPPLEMENT_REQUESTED: "要求补正",
    FactType.CASE_REFUSED: "不予受理",
    FactType.CASE_RECLASSIFIED: "重新归类",
    FactType.CASE_MILESTONE: "节点达成",
    FactType.CASE_NODE_STARTED: "环节开始",
    FactType.CASE_NODE_ENDED: "环节结束",
    FactType.CASE_SUSPENDED: "中止",
    FactType.CASE_RESUMED: "恢复",
    FactType.CASE_EXTENDED: "延期",
    FactType.CASE_MEASURED: "计量",
    FactType.CASE_COMPLETED: "办结",
    FactType.CASE_WITHDRAWN: "撤回",
    FactType.CASE_REOPENED: "重启",
    FactType.CASE_RATED: "评价",
    FactType.CASE_JUSTIFIED: "说明理由",
    FactType.CASE_CONFIRMED: "补录确认",
    FactType.CORRECTION: "更正",
    FactType.ITEM_UPSERTED: "目录更新",
    FactType.ITEM_RETIRED: "目录删除",
    FactType.DUTY_FULFILLED: "履行职责",
    FactType.FIGURE_REPORTED: "数据报送",
    FactType.SOURCE_HEARTBEAT: "在线信号",
}
STATUS_WORDS = {
    FactStatus.STRUCK_OUT: Title(zh="已删除", en="STRUCK OUT"),
    FactStatus.CORRECTED: Title(zh="已更正", en="CORRECTED"),
    FactStatus.APPLIES: Title(zh="有效", en="it applies"),
    FactStatus.OVERRULED: Title(zh="被后来的更正取代", en="overruled by a later correction"),
    FactStatus.WAITING: Title(zh="所更正的事件未到", en="waits for the event that it corrects"),
    FactStatus.REFUSED: Title(zh="不接受对更正的更正", en="REFUSED: it corrects a correction"),
}
DAY_KINDS = {
    DayKind.WORKING: Title(zh="工作日", en="working day"),
    DayKind.WEEKEND: Title(zh="周末", en="weekend"),
    DayKind.HOLIDAY: Title(zh="节假日", en="holiday"),
    DayKind.MAKE_UP: Title(zh="调休上班", en="make-up working day"),
}
REASONS = {
    Reason.NOT_SELECTED: Title(zh="不属于", en="not of those it is about"),
    Reason.LEFT_OUT: Title(zh="除外", en="left out"),
    Reason.NOT_STARTED: Title(zh="未起算", en="its clock has not started"),
    Reason.NOT_IN_FORCE: Title(zh="不在有效期", en="not in force on that date"),
    Reason.NOTHING_TO_JUDGE: Title(zh="无可判", en="nothing to judge yet, or no limit"),
}
ENDS = {
    EndedBy.STOP: Title(zh="止算", en="stop"),
    EndedBy.WITHDRAWAL: Title(zh="撤回", en="withdrawn"),
    EndedBy.COMPLETION: Title(zh="未准予办结", en="closed undelivered"),
    EndedBy.NOTHING: Title(zh="截至", en="up to now"),
}
ENGLISH_HOLIDAYS = {
    "元旦": "New Year",
    "春节": "Spring Festival",
    "清明节": "Tomb-Sweeping Day",
    "劳动节": "Labour Day",
    "端午节": "Dragon Boat Festival",
    "中秋节": "Mid-Autumn Festival",
    "国庆节": "National Day",
}
WEEKDAYS = "一二三四五六日"
ENGLISH_WEEKDAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
