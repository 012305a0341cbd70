"""The alerts about briefings: whether each is sent on its day."""

from collections.abc import Iterator

from services.alert_rules.alert import Alert, plan_time, real_time, to_operations
from services.alert_rules.durations import HOUR, MINUTE
from services.alert_rules.expressions import no_answer, one_of_words
from services.domain.plan.plan import Title
from services.metric_names import briefing_metrics as names

BRIEFINGS_JOB = "kpiwatch-briefings"
_ZH = {"day": "日报", "week": "周报", "month": "月报"}
_EN = {"day": "daily", "week": "weekly", "month": "monthly"}


def briefing_alerts() -> Iterator[Alert]:
    """All of them. Where no process sends briefings, they are quiet."""
    yield Alert(
        "BriefingsDown",
        no_answer(BRIEFINGS_JOB),
        to_operations("act"),
        Title(
            zh="简报发送服务中断，日报、周报、月报暂不发送，恢复后补发",
            en="the process that sends briefings does not answer: they are sent once it does",
        ),
        real_time(10 * MINUTE, 5 * MINUTE),
    )
    yield Alert(
        "BriefingNotSent",
        f"max by (period) ({names.WAITING.name}) > 0",
        to_operations("act"),
        Title(
            zh=f"{one_of_words('period', _ZH)}超过应发送时间1小时，仍未全部送达",
            en=f"an hour after its time the {one_of_words('period', _EN)} briefing has not reached all who get it",
        ),
        plan_time(HOUR, 5 * MINUTE),
    )
