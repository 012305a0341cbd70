"""The alerts about what sources use: the gateway, the relay of their inboxes, and the casebook, which answers them."""

from collections.abc import Iterator

from services.alert_rules.alert import Alert, real_time, to_operations
from services.alert_rules.durations import MINUTE
from services.alert_rules.expressions import no_answer, source_name
from services.domain.plan.plan import Plan, Title
from services.metric_names import gateway_metrics as names
from services.metric_names import metrics

GATEWAY_JOB = "kpiwatch-gateway"
RELAY_JOB = "kpiwatch-relay"
CASEBOOK_JOB = "kpiwatch-casebook"

MANY_REFUSED = 5
"""Events of one source within six real hours."""
_ABOUT = '{{ printf "%.0f" $value }}'
"""An increase is no whole number."""
_WAITS = real_time(3 * MINUTE, 5 * MINUTE)


def intake_alerts(plan: Plan) -> Iterator[Alert]:
    """All of them. Where a part is not scraped, its alert is quiet."""
    whose = _whose(plan)
    yield Alert(
        "GatewayDown",
        no_answer(GATEWAY_JOB),
        to_operations("page"),
        Title(zh="报送网关中断，数据源无法通过 HTTP 报送", en="no gateway answers: sources cannot send over HTTP"),
        _WAITS,
    )
    yield Alert(
        "RelayDown",
        no_answer(RELAY_JOB),
        to_operations("page"),
        Title(
            zh="收件主题转送中断，数据源写入收件主题的事件未接收",
            en="no relay answers: events that sources write to their inboxes are not taken",
        ),
        _WAITS,
    )
    yield Alert(
        "SourceRefused",
        f"{_refused_by_source()} >= {MANY_REFUSED}",
        to_operations("act"),
        Title(
            zh=f"近6小时内，{whose.zh}报送的事件被拒收{_ABOUT}条",
            en=f"{_ABOUT} events of {whose.en} were refused within six hours",
        ),
        real_time(2 * MINUTE, 10 * MINUTE),
    )
    yield Alert(
        "FeedbackStopped",
        f"min({names.FEEDBACK_CURRENT.name}) == 0",
        to_operations("act"),
        Title(
            zh="有报送网关未读取拒收事件和处理进度，数据源无法查询报送状态",
            en="a gateway does not read dead letters and progress any more: sources cannot ask about themselves",
        ),
        _WAITS,
    )
    yield Alert(
        "CasebookDown",
        no_answer(CASEBOOK_JOB),
        to_operations("act"),
        Title(
            zh="办件索引中断，办件查询结果不再更新", en="the casebook does not answer: its list of cases is out of date"
        ),
        _WAITS,
    )


def _whose(plan: Plan) -> Title:
    """The source of the alert; `-` stands for events that name none."""
    if_none, source = '{{ if eq $labels.source "-" }}', source_name(plan)
    return Title(
        zh=f"{if_none}未登记的数据源{{{{ else }}}}{source.zh}{{{{ end }}}}",
        en=f"{if_none}no registered source{{{{ else }}}}{source.en}{{{{ end }}}}",
    )


def _refused_by_source() -> str:
    """How many events of each source were refused of late, by whichever way they came."""
    by_worker = f"max by (source, partition) (increase({metrics.REFUSED_EVENTS.name}[6h]))"
    by_relay = f'increase({names.RELAYED.name}{{outcome="refused"}}[6h])'
    by_gateway = f'increase({names.EVENTS.name}{{outcome!~"accepted|uncertain"}}[6h])'
    return f"sum by (source) ({by_worker} or {by_relay} or {by_gateway})"
