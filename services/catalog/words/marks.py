"""What the numbers beside a figure are called: by the marks of `services.casebook.marks`, and by the names of
signals."""

from collections.abc import Mapping

from services.domain.judging import data_quality as signals
from services.domain.judging import late_reports
from services.domain.judging.quarantine import QUARANTINED
from services.domain.plan.plan import Title

MARKS: Mapping[str, Title] = {
    "missed": Title(zh="超期或不符合", en="misses"),
    "overdue": Title(zh="超期未办结", en="open overdue"),
    "awaiting": Title(zh="待报送", en="awaiting report"),
    "unmeasured": Title(zh="无法评价", en="unmeasured"),
    "provisional": Title(zh="暂定", en="provisional"),
    "unclassified": Title(zh="要素未填报", en="unclassified"),
    "justified": Title(zh="理由成立", en="justified"),
    "late_entry": Title(zh="逾期补录待认定", en="late entries"),
    "suspended": Title(zh="曾暂停计时", en="suspended"),
    "extended": Title(zh="曾延期", en="extended"),
    "withdrawn": Title(zh="撤回", en="withdrawn"),
}
"""Mark of a promise → its name."""
SIGNALS: Mapping[str, Title] = {
    signals.INCOMPLETE: Title(zh="尚未受理", en="not accepted yet"),
    signals.ORPHAN: Title(zh="未受理即办结", en="completed without acceptance"),
    signals.BACKDATED: Title(zh="先办后录", en="backdated entry"),
    signals.ACCEPTANCE: Title(zh="受理前等待", en="waiting for acceptance"),
    signals.REFUSED: Title(zh="不予受理", en="refused"),
    signals.ANOMALY: Title(zh="报送内容前后矛盾", en="facts that do not fit"),
    signals.HOLDING: Title(zh="各环节停留办件", en="passages through nodes"),
    late_reports.IN_WAIT: Title(zh="按期办结，期限后才报送", en="on time, reported after the limit"),
    late_reports.FIRST_KNOWN_LATE: Title(zh="超期后首次报送", en="first reported after the limit"),
    signals.UNCLASSIFIED: Title(zh="要素未填报（按承诺计）", en="unclassified, by promise"),
    QUARANTINED: Title(zh="无法判定，已隔离", en="cannot be judged, quarantined"),
}
"""Signal that counts cases → its name."""
