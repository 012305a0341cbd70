"""What the events are called that sources send, and the fields of their data. The English name of an event is its
type."""

from collections.abc import Mapping

from services.domain.intake.facts import FACT_TYPE_OF, FactType
from services.domain.plan.plan import Title

EVENT_NAMES: Mapping[FactType, str] = {
    FactType.CASE_APPLIED: "申请",
    FactType.CASE_ACCEPTED: "受理",
    FactType.CASE_SUPPLEMENT_REQUESTED: "要求补正",
    FactType.CASE_REFUSED: "不予受理",
    FactType.CASE_RECLASSIFIED: "重新归类",
    FactType.CASE_MILESTONE: "节点完成",
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
    FactType.CASE_CONFIRMED: "补录认定",
    FactType.CORRECTION: "更正",
    FactType.ITEM_UPSERTED: "目录条目登记",
    FactType.ITEM_RETIRED: "目录条目撤销",
    FactType.DUTY_FULFILLED: "完成报送任务",
    FactType.FIGURE_REPORTED: "数据报送",
    FactType.SOURCE_HEARTBEAT: "在线信号",
}


def point_name(point: str) -> Title:
    """Of `applied`, `accepted`, `completed`, …: the event of a case without its prefix."""
    fact = FACT_TYPE_OF.get(f"case.{point}")
    return Title(zh=EVENT_NAMES[fact] if fact is not None else point, en=point.replace("_", " "))


FIELD_NAMES: Mapping[str, Title] = {
    "statutory_limit": Title(zh="法定时限", en="statutory limit"),
    "committed_limit": Title(zh="承诺时限", en="committed limit"),
    "limit": Title(zh="时限", en="limit"),
    "due_at": Title(zh="单位自定期限", en="due"),
    "of": Title(zh="所更正的事件", en="of"),
    "kpi": Title(zh="承诺", en="promise"),
    "round": Title(zh="次序", en="round"),
    "score": Title(zh="评分", en="score"),
    "rated_by": Title(zh="评价人", en="rated by"),
    "parent": Title(zh="上级办件", en="parent"),
    "authority": Title(zh="批准机关", en="authority"),
    "value": Title(zh="报送值", en="value"),
    "cycle": Title(zh="第几次办理", en="request"),
    "through": Title(zh="决定时已见事件截至", en="seen through"),
    "period": Title(zh="所属期", en="period"),
    "numerator": Title(zh="分子", en="numerator"),
    "denominator": Title(zh="分母", en="denominator"),
}

SENT_FIELD_NAMES: Mapping[str, str] = {
    **{code: name.zh for code, name in FIELD_NAMES.items()},
    "specversion": "规范版本",
    "id": "事件编号",
    "source": "数据源",
    "subject": "办件、目录条目或报送任务的编号",
    "time": "发生时间",
    "recordedat": "录入时间",
    "receivedat": "到达时间",
    "caseowner": "办件所属数据源",
    "datacontenttype": "内容格式",
    "service_item": "事项",
    "unit": "单位",
    "channel": "办理渠道",
    "applicant": "申请人类型",
    "attributes": "属性",
    "reason": "原因",
    "name": "节点",
    "node": "环节",
    "quantity": "数据项",
    "unit_of_measure": "计量单位",
    "outcome": "办理结果",
    "decision": "决定",
    "collection": "目录",
    "duty": "报送任务",
    "event": "更正后的事件（空值表示删除原事件）",
}
"""Every field of an event that a source sends, its attributes included: what a list of them says beside the code."""
