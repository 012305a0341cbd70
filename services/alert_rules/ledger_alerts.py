"""The alerts about the ledger: whether what is to be recorded is recorded, and whether that can be proved."""

from collections.abc import Iterator

from services.alert_rules.alert import Alert, plan_time, real_time, to_operations
from services.alert_rules.durations import DAY, MINUTE
from services.alert_rules.expressions import no_answer
from services.domain.plan.plan import Title
from services.metric_names import ledger_metrics as names
from services.metric_names.recording_rules import CLOCK

LEDGER_JOB = "kpiwatch-ledger"
MOST_UNCOVERED = 2_000
"""Records without a checkpoint; one is due after every 1,000."""
CHECKPOINT_DAYS = 2
WAITING_SECONDS = 10 * MINUTE
"""For which a decision may wait to be in force."""


_uncovered = f"max({names.UNCOVERED.name})"


def ledger_alerts() -> Iterator[Alert]:
    """All of them. Where the keeper is not scraped, they are quiet."""
    yield Alert(
        "LedgerDown",
        no_answer(LEDGER_JOB),
        to_operations("page"),
        Title(
            zh="台账进程中断，通知、回告和决定无法登记，通知暂停发送",
            en="the keeper of the ledger does not answer: nothing is recorded, and no notice is sent",
        ),
        real_time(3 * MINUTE, 5 * MINUTE),
    )
    yield Alert(
        "LedgerWaiting",
        f'max({names.LAG.name}{{topic="ledger.requests"}}) > 0 or max({names.READY.name}) == 0',
        to_operations("act"),
        Title(zh="有登记请求积压，超过5分钟未写入台账", en="requests have waited for the ledger for five minutes"),
        real_time(5 * MINUTE, 5 * MINUTE),
    )
    yield Alert(
        "LedgerCut",
        f"max({names.CUT.name}) == 1",
        to_operations("page"),
        Title(
            zh="台账缺少或改动了已登记的记录，台账进程已停止登记，通知暂停发送",
            en="the ledger does not have what was recorded: the keeper has stopped, and no notice is sent",
        ),
        real_time(0, 5 * MINUTE),
    )
    yield Alert(
        "LedgerVoid",
        f"sum(increase({names.VOID.name}[1h])) > 0",
        to_operations("act"),
        Title(
            zh="台账主题中出现不属于台账的记录，可能有第二个台账进程，或有人写入或改动",
            en="records in the topic of the ledger are not of the ledger: a second keeper runs, or somebody writes",
        ),
        real_time(0, 10 * MINUTE),
    )
    yield Alert(
        "LedgerCheckpointOld",
        f"{_uncovered} > {MOST_UNCOVERED} or "
        f"({_uncovered} > 0 and {CLOCK} - max({names.CHECKPOINT.name}) > {CHECKPOINT_DAYS * DAY})",
        to_operations("act"),
        Title(zh="台账快照未按时生成", en="the ledger has no recent checkpoint"),
        plan_time(10 * MINUTE, 10 * MINUTE),
    )
    yield Alert(
        "DecisionNotInForce",
        f"max({names.WAITING.name}) > {WAITING_SECONDS} or max(delta({names.REFUSED.name}[6h])) > 0",
        to_operations("act"),
        Title(
            zh="有决定已登记但未生效：报送网关未接收或拒收对应事件",
            en="a decision is recorded and not in force: the gateway did not take its event, or refused it",
        ),
        real_time(MINUTE, 10 * MINUTE),
    )
