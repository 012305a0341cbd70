"""The alerts about notices: whether they reach people. They go to the operations centre, which keeps the contacts: the
unit that is not reached would not get them."""

from collections.abc import Iterator

from services.alert_rules.alert import Alert, real_time, to_operations
from services.alert_rules.durations import MINUTE
from services.alert_rules.expressions import addressee_name
from services.domain.plan.plan import Title
from services.metric_names import notice_metrics as names

NOTIFIER_JOB = "kpiwatch-notifier"
WAITING_SECONDS = 30 * MINUTE
"""For which a notice may be tried and not taken."""


def notice_alerts() -> Iterator[Alert]:
    """All of them. Where the notifier is not scraped, they are quiet."""
    yield Alert(
        "NoticeNotTaken",
        f'sum by (addressee) (increase({names.DELIVERIES.name}{{outcome=~"refused|uncertain"}}[1d])) > 0',
        to_operations("act"),
        Title(
            zh=f"发给{addressee_name('zh')}的通知未能确认送达：各渠道拒收，或无法确认是否收到",
            en=f"a notice to {addressee_name('en')} was refused by every channel, or nobody knows whether it arrived",
        ),
        real_time(MINUTE, 10 * MINUTE),
    )
    yield Alert(
        "RecipientUnreached",
        f"max by (addressee) ({names.UNREACHED.name}) > 0 or "
        f"max by (addressee) ({names.WAITING.name}) > {WAITING_SECONDS}",
        to_operations("act"),
        Title(
            zh=f"{addressee_name('zh')}的联系人目前没有可用的通知渠道，或有通知超过30分钟未送出",
            en=f"no channel works for a contact of {addressee_name('en')}, or none takes a notice to it for 30 minutes",
        ),
        real_time(5 * MINUTE, 10 * MINUTE),
    )
