"""What the alerts are called: the titles of their runbooks, which dashboards show instead of the alerts' names."""

from collections.abc import Mapping

from services.domain.plan.plan import Title

ALERT_NAMES: Mapping[str, Title] = {
    "KpiMissed": Title(zh="承诺未达标", en="Promise missed"),
    "KpiAtRisk": Title(zh="承诺有未达标风险", en="Promise at risk"),
    "KpiStale": Title(zh="数据未更新", en="Figure stale"),
    "KpiUnmeasured": Title(zh="未报送，无法评价", en="Figure unmeasured"),
    "KpiOverQuota": Title(zh="超出方案数量上限", en="Above the plan's range"),
    "BackdatedEntry": Title(zh="先办后录", en="Backdated entry"),
    "SourceSilent": Title(zh="数据源未报送", en="Source silent"),
    "CardRed": Title(zh="超期办件汇总", en="Cases past their limit"),
    "CardOpen": Title(zh="办件提醒", en="Card of a case"),
    "CalendarEnding": Title(zh="节假日安排即将用尽", en="Calendar ends soon"),
    "CalendarProvisional": Title(zh="节假日安排尚未公布", en="Calendar not published"),
    "CaseQuarantined": Title(zh="办件无法判定，已隔离", en="Case quarantined"),
    "DeadLetterRatioHigh": Title(zh="报送事件被拒收过多", en="Too many events refused"),
    "CasebookDown": Title(zh="办件索引中断", en="Casebook down"),
    "ExporterDown": Title(zh="指标导出服务中断", en="Exporter down"),
    "FeedbackStopped": Title(zh="报送反馈中断", en="Feedback to sources stopped"),
    "FiguresOld": Title(zh="指标未更新", en="Figures not updated"),
    "GatewayDown": Title(zh="报送网关中断", en="Gateway down"),
    "LedgerDown": Title(zh="台账进程中断", en="Ledger down"),
    "LedgerWaiting": Title(zh="台账登记积压", en="Ledger behind"),
    "LedgerCut": Title(zh="台账记录缺失", en="Ledger cut"),
    "LedgerVoid": Title(zh="台账主题有异常记录", en="Foreign records in the ledger"),
    "LedgerCheckpointOld": Title(zh="台账签名快照未更新", en="Checkpoint of the ledger old"),
    "DecisionNotInForce": Title(zh="决定未生效", en="Decision not in force"),
    "NoticeNotTaken": Title(zh="通知未确认送达", en="Notice not taken"),
    "RecipientUnreached": Title(zh="联系人无可用渠道", en="Contact not reached"),
    "PipelineDown": Title(zh="数据处理中断", en="Streams stopped"),
    "RecordsUnreadable": Title(zh="记录无法识别", en="Records unreadable"),
    "RelayDown": Title(zh="收件主题转送中断", en="Relay down"),
    "RowsHidden": Title(zh="结果未导出", en="Rows not exported"),
    "StreamLagHigh": Title(zh="事件积压", en="Events waiting"),
    "SourceRefused": Title(zh="数据源报送事件被拒收", en="Events of a source refused"),
    "SweepOld": Title(zh="在办件未按时核查", en="Open cases not checked"),
    "Watchdog": Title(zh="告警链路自检", en="Alerting works"),
    "WorkerFailing": Title(zh="处理进程反复异常退出", en="Worker keeps dying"),
}
