"""The words of an explanation, in Chinese and English."""

from typing import NamedTuple

from services.domain.intake.facts import FactType
from services.domain.judging.judgement import Outcome
from services.domain.plan.plan import CasePromise, Promise, Title
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


def outcome_word(outcome: Outcome, promise: Promise) -> Word:
    """The verdict in words: 按期 and 超期 belong to limits; what is counted, bounded or a share is 符合 or 不符合."""
    if isinstance(promise, CasePromise) and promise.clock.limit is not None:
        return OUTCOMES[outcome]
    return _OF_NO_LIMIT.get(outcome) or OUTCOMES[outcome]


OUTCOMES = {
    Outcome.OPEN: Word("…", "办理中", "open, within its limit"),
    Outcome.MET: Word("✓", "按期", "met", "green"),
    Outcome.MISSED: Word("✗", "超期", "MISSED", "bold red"),
    Outcome.AWAITING: Word("◔", "期限已过，等待报送", "past its limit, awaiting its report", "yellow"),
    Outcome.OVERDUE: Word("✗", "逾期未办结", "OVERDUE, still open", "bold red"),
    Outcome.WITHDRAWN: Word("–", "期限内撤回或终止", "withdrawn or ended before the limit"),
    Outcome.JUSTIFIED: Word("○", "理由成立", "justified, not counted", "yellow"),
    Outcome.LATE_ENTRY: Word("△", "逾期补录后按期，待确认", "met by LATE ENTRY, not confirmed", "bold yellow"),
    Outcome.UNMEASURED: Word("?", "未报送，无法评价", "UNMEASURED: not reported", "yellow"),
    Outcome.UNCLASSIFIED: Word("?", "要素未填，无法归类", "UNCLASSIFIED: a selecting field is not reported", "yellow"),
    Outcome.COUNTED: Word("•", "计入", "counted"),
}
_OF_NO_LIMIT = {
    Outcome.OPEN: Word("…", "未到期", "open, not matured"),
    Outcome.MET: Word("✓", "符合", "met", "green"),
    Outcome.MISSED: Word("✗", "不符合", "MISSED", "bold red"),
    Outcome.OVERDUE: Word("✗", "不符合，未办结", "MISSED, still open", "bold red"),
    Outcome.LATE_ENTRY: Word("△", "补录后符合，待确认", "met by LATE ENTRY, not confirmed", "bold yellow"),
}
MEASURES = {
    "working_days": Title(zh="个工作日", en="working days"),
    "calendar_days": Title(zh="日", en="days"),
    "elapsed_days": Title(zh="个自然日", en="days elapsed"),
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
    FactType.CASE_SUSPENDED: "暂停计时",
    FactType.CASE_RESUMED: "恢复计时",
    FactType.CASE_EXTENDED: "延期",
    FactType.CASE_MEASURED: "数量报送",
    FactType.CASE_COMPLETED: "办结",
    FactType.CASE_WITHDRAWN: "撤回",
    FactType.CASE_REOPENED: "重新办理",
    FactType.CASE_RATED: "评价",
    FactType.CASE_JUSTIFIED: "说明理由",
    FactType.CASE_CONFIRMED: "补录审核",
    FactType.CORRECTION: "更正",
    FactType.ITEM_UPSERTED: "目录更新",
    FactType.ITEM_RETIRED: "目录删除",
    FactType.DUTY_FULFILLED: "完成报送任务",
    FactType.FIGURE_REPORTED: "数据报送",
    FactType.SOURCE_HEARTBEAT: "在线信号",
}
STATUS_WORDS = {
    FactStatus.STRUCK_OUT: Title(zh="已删除", en="STRUCK OUT"),
    FactStatus.CORRECTED: Title(zh="已更正", en="CORRECTED"),
    FactStatus.APPLIES: Title(zh="更正有效", en="it applies"),
    FactStatus.OVERRULED: Title(zh="被后来的更正取代", en="overruled by a later correction"),
    FactStatus.WAITING: Title(zh="所更正的事件尚未收到", en="waits for the event that it corrects"),
    FactStatus.REFUSED: Title(zh="不接受对更正的更正", en="REFUSED: it corrects a correction"),
    FactStatus.VOID: Title(zh="办结被认定无效，不计", en="VOID: the completion was declared void"),
}
DAY_KINDS = {
    DayKind.WORKING: Title(zh="工作日", en="working day"),
    DayKind.WEEKEND: Title(zh="周末", en="weekend"),
    DayKind.HOLIDAY: Title(zh="节假日", en="holiday"),
    DayKind.MAKE_UP: Title(zh="调休上班", en="make-up working day"),
}
REASONS = {
    Reason.NOT_SELECTED: Title(zh="不在适用范围", en="not of those it is about"),
    Reason.LEFT_OUT: Title(zh="属除外情形", en="left out"),
    Reason.NOT_STARTED: Title(zh="尚未开始计时", en="its clock has not started"),
    Reason.NOT_IN_FORCE: Title(zh="当日不在施行期内", en="not in force on that date"),
    Reason.NOTHING_TO_JUDGE: Title(zh="暂无可评价的内容，或无时限", en="nothing to judge yet, or no limit"),
}
UNUSED_EXTENSIONS = {
    "": Title(
        zh="采用，自原截止时间起算，至多延至其后第10个工作日",
        en="used, from the due time without it, at most 10 working days",
    ),
    "extended_too_late": Title(zh="未采用：批准时已超期", en="not used: granted after the due time"),
    "extended_twice": Title(zh="未采用：只能延期一次", en="not used: a limit is extended once"),
    "extended_in_another_unit": Title(
        zh="未采用：与时限的计量单位不可换算", en="not used: days for minutes, or minutes for days"
    ),
}
"""By the code of why an extension counts for nothing; empty for the one that counts."""
ENDS = {
    EndedBy.STOP: Title(zh="计时终止", en="stop"),
    EndedBy.WITHDRAWAL: Title(zh="撤回", en="withdrawn"),
    EndedBy.COMPLETION: Title(zh="未准予办结", en="closed undelivered"),
    EndedBy.NOTHING: Title(zh="计至", en="up to now"),
}
DOUBTS = {
    "incomplete": Title(zh="尚未受理", en="not accepted yet"),
    "orphan": Title(zh="未受理即办结", en="completed without acceptance"),
    "backdated": Title(zh="先办后录", en="backdated entry"),
    "refused": Title(zh="不予受理", en="refused"),
    "second_acceptance": Title(zh="重复受理", en="accepted twice"),
    "completed_before_acceptance": Title(zh="办结早于受理", en="completed before its acceptance"),
    "node_ended_without_start": Title(zh="环节有结束而无开始", en="a node ended that had not started"),
    "suspended_while_suspended": Title(zh="暂停期间重复暂停", en="suspended again while suspended"),
    "resumed_without_suspension": Title(zh="未暂停而恢复计时", en="resumed without a suspension"),
    "reopened_without_completion": Title(zh="未办结而重新办理", en="reopened without a completion"),
    "completed_as_reopened": Title(zh="办结与重新办理为同一时刻", en="completed and reopened at the same instant"),
    "second_completion": Title(zh="重复办结", en="completed twice"),
    "granted_after_refusal": Title(
        zh="不予许可或终止后又办成，按未终止判定", en="granted after its refusal, which is ignored"
    ),
    "granted_after_withdrawal": Title(
        zh="撤回后又办成，按未撤回判定", en="granted after its withdrawal, which is ignored"
    ),
    "extended_too_late": Title(zh="逾期后才批准延期", en="extended after the due time"),
    "extended_twice": Title(zh="重复延期", en="extended twice"),
    "extended_in_another_unit": Title(
        zh="延期与时限计量单位不可换算", en="extended by minutes for days, or days for minutes"
    ),
    "limit_mismatch": Title(zh="申报的法定时限与登记不符", en="declares another statutory limit than the plan's"),
    "completed_without_stop": Title(
        zh="已办结，但未报送计时终点", en="completed, and the stop of a clock was never reported"
    ),
}
"""What makes the numbers of a case doubtful."""
CARD_REASONS = {
    "completed": Title(zh="已完成", en="completed"),
    "withdrawn": Title(zh="已撤回", en="withdrawn"),
    "justified": Title(zh="理由成立", en="justified"),
    "rejudged": Title(zh="重新判定", en="judged again"),
    "new_rules": Title(zh="按新规则补记，不另行通知", en="raised by new rules, nobody is notified"),
    "superseded": Title(zh="升级", en="replaced by the next level"),
    "retracted": Title(zh="收回", en="retracted"),
}
"""Why a card was cleared."""
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
