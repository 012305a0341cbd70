"""The words of an explanation, in Chinese and English."""

from typing import NamedTuple

from services.catalog.words.anomalies import ANOMALIES
from services.catalog.words.sample_names import is_by_limit
from services.domain.judging.judgement import Outcome
from services.domain.plan.plan import Promise, Title
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
    """The verdict in words: 按期 and 超期 belong to limits; what is counted, bounded or a share is 符合 or 不符合. Of a
    promise that is never red (rule 10) no verdict is red."""
    word = OUTCOMES[outcome] if is_by_limit(promise) else _OF_NO_LIMIT.get(outcome) or OUTCOMES[outcome]
    return word._replace(style=_ASPIRED) if promise.is_never_red and word.style == _RED else word


_RED, _ASPIRED = "bold red", "bold cyan"


OUTCOMES = {
    Outcome.OPEN: Word("…", "办理中", "open, within its limit"),
    Outcome.MET: Word("✓", "按期", "met", "green"),
    Outcome.MISSED: Word("✗", "超期", "MISSED", _RED),
    Outcome.AWAITING: Word("◔", "期限已过，待报送", "past its limit, awaiting its report", "yellow"),
    Outcome.OVERDUE: Word("✗", "超期未办结", "OVERDUE, still open", _RED),
    Outcome.WITHDRAWN: Word("–", "期限内撤回或终止", "withdrawn or ended before the limit"),
    Outcome.JUSTIFIED: Word("○", "理由成立", "justified, not counted", "yellow"),
    Outcome.LATE_ENTRY: Word("△", "逾期补录后按期，待认定", "met by LATE ENTRY, not confirmed", "bold yellow"),
    Outcome.UNMEASURED: Word("?", "未报送，无法评价", "UNMEASURED: not reported", "yellow"),
    Outcome.UNCLASSIFIED: Word(
        "?", "要素未填报，无法归类", "UNCLASSIFIED: a selecting field is not reported", "yellow"
    ),
    Outcome.COUNTED: Word("•", "计入", "counted"),
}
_OF_NO_LIMIT = {
    Outcome.OPEN: Word("…", "未到期", "open, not matured"),
    Outcome.MET: Word("✓", "符合", "met", "green"),
    Outcome.MISSED: Word("✗", "不符合", "MISSED", _RED),
    Outcome.OVERDUE: Word("✗", "不符合，未办结", "MISSED, still open", _RED),
    Outcome.LATE_ENTRY: Word("△", "逾期补录后符合，待认定", "met by LATE ENTRY, not confirmed", "bold yellow"),
}
MEASURES = {
    "working_days": Title(zh="个工作日", en="working days"),
    "calendar_days": Title(zh="日", en="days"),
    "elapsed_days": Title(zh="个自然日", en="days elapsed"),
    "working_minutes": Title(zh="分钟（办公时间）", en="minutes of opening hours"),
    "minutes": Title(zh="分钟", en="minutes"),
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
    Reason.NOT_SELECTED: Title(zh="不在适用范围", en="outside its scope"),
    Reason.LEFT_OUT: Title(zh="属除外情形", en="excepted"),
    Reason.NOT_STARTED: Title(zh="尚未开始计时", en="its clock has not started"),
    Reason.NOT_IN_FORCE: Title(zh="当日不在施行期内", en="not in force on that date"),
    Reason.NOTHING_TO_JUDGE: Title(zh="暂无可评价的内容，或无时限", en="nothing to judge yet, or no limit"),
}
UNUSED_EXTENSIONS = {
    "": Title(
        zh="采用，自原期限起算，至多延至其后第10个工作日",
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
    **ANOMALIES,
}
"""What makes the numbers of a case doubtful."""
ENGLISH_HOLIDAYS = {
    "元旦": "New Year",
    "春节": "Spring Festival",
    "清明节": "Tomb-Sweeping Day",
    "劳动节": "Labour Day",
    "端午节": "Dragon Boat Festival",
    "中秋节": "Mid-Autumn Festival",
    "国庆节": "National Day",
    "抗战胜利70周年纪念日": "70th anniversary of the victory",
}
WEEKDAYS = "一二三四五六日"
ENGLISH_WEEKDAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
