"""What facts of a case that do not fit together are called, by the codes of `Case.anomalies` and signal `anomaly`."""

from collections.abc import Mapping

from services.domain.plan.plan import Title

ANOMALIES: Mapping[str, Title] = {
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
    "extended_too_late": Title(zh="超期后才批准延期", en="extended after the due time"),
    "extended_twice": Title(zh="重复延期", en="extended twice"),
    "extended_in_another_unit": Title(
        zh="延期与时限计量单位不可换算", en="extended by minutes for days, or days for minutes"
    ),
    "decided_on_no_cycle": Title(zh="决定所指的那次办理不存在", en="a decision names a request that the case has not"),
    "limit_mismatch": Title(zh="申报的法定时限与登记不符", en="declares another statutory limit than the plan's"),
    "completed_without_stop": Title(
        zh="已办结，但未报送计时终点", en="completed, and the stop of a clock was never reported"
    ),
}
