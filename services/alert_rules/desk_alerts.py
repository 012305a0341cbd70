"""The alerts about the desk: whether units and operations centre can use it, and whether somebody tries passwords."""

from collections.abc import Iterator

from services.alert_rules.alert import Alert, real_time, to_operations
from services.alert_rules.durations import MINUTE
from services.alert_rules.expressions import no_answer
from services.domain.plan.plan import Title
from services.metric_names import desk_metrics as names

DESK_JOB = "kpiwatch-desk"
MOST_FAILURES = 50
"""Sign-ins that fail, or are refused after too many failures, within a quarter of an hour. Slips of all units together
are fewer."""


def desk_alerts() -> Iterator[Alert]:
    """All of them. Where the desk is not scraped, they are quiet."""
    yield Alert(
        "DeskDown",
        no_answer(DESK_JOB),
        to_operations("act"),
        Title(
            zh="督办台无响应，单位无法签收、回告，运行中心无法作决定",
            en="the desk does not answer: units cannot reply, and the operations centre cannot decide",
        ),
        real_time(3 * MINUTE, 5 * MINUTE),
    )
    yield Alert(
        "DeskIndexBehind",
        f"max({names.INDEX_AGE.name}) > {5 * MINUTE}",
        to_operations("act"),
        Title(
            zh="督办台的数据超过5分钟未更新，页面内容可能已过时",
            en="the desk lacks what was published in more than five minutes: its pages may be out of date",
        ),
        real_time(5 * MINUTE, 5 * MINUTE),
    )
    yield Alert(
        "DeskSignInsFailing",
        f'sum(increase({names.SIGN_INS.name}{{outcome=~"failed|wait"}}[15m])) > {MOST_FAILURES}',
        to_operations("act"),
        Title(
            zh=f"督办台15分钟内登录失败超过{MOST_FAILURES}次，可能有人猜测密码",
            en=f"more than {MOST_FAILURES} sign-ins to the desk failed in 15 minutes: somebody may be trying passwords",
        ),
        real_time(0, 15 * MINUTE),
    )
