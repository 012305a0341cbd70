"""What the columns and codes of case systems are called, in Chinese and English."""

from collections.abc import Mapping, Sequence
from typing import Final

ROLES: Final[Mapping[str, Sequence[str]]] = {
    "case": (
        "case_id", "caseid", "case", "办件编号", "办件号", "案件编号", "案号", "业务编号", "业务号", "受理编号",
        "受理号", "申请编号", "申请号", "流水号", "工单号", "编号", "ticket", "request", "dossier", "reference",
    ),
    "unit": (
        "unit", "department", "agency", "office", "organisation", "organization", "承办单位", "受理单位", "单位",
        "部门", "机构",
    ),
    "service": ("service", "事项名称", "事项", "业务类型", "业务名称", "category", "product", "permit", "type"),
    "channel": ("channel", "渠道", "办理方式", "申请方式", "来源"),
    "state": ("event", "activity", "status", "state", "事件", "状态", "环节", "节点", "操作"),
    "due": ("due", "deadline", "target", "sla", "截止", "到期", "应办结", "承诺办结", "期限"),
    "recorded": ("recorded", "录入", "登记时间", "入库", "写入"),
    "applied": ("applied", "submitted", "申请", "收件", "提交"),
    "accepted": ("accepted", "opened", "open", "received", "registered", "受理", "立案", "接件"),
    "completed": ("completed", "closed", "finished", "resolved", "办结", "完成", "结案", "完结"),
    "time": ("occurred", "timestamp", "time", "date", "发生时间", "操作时间", "变更时间", "时间", "日期"),
    "fee": ("fee", "amount", "费用", "金额", "收费"),
}  # fmt: skip
"""Words in the name of a column, the surest first, by what the column is for."""
TIME_ROLES: Final = ("due", "recorded", "applied", "completed", "accepted", "time")
"""Roles of columns with times; of two that fit, the earlier holds: 应办结时间 is a due time."""
OTHER_ROLES: Final = ("case", "unit", "service", "channel", "state")

EVENTS: Final[Mapping[str, Sequence[str]]] = {
    "case.applied": ("applied", "submitted", "申请", "收件", "提交", "已申请"),
    "case.accepted": ("accepted", "opened", "open", "received", "registered", "受理", "已受理", "立案", "接件"),
    "case.supplement_requested": ("supplement requested", "补正", "待补正", "一次性告知"),
    "case.refused": ("refused", "rejected", "不予受理", "不受理"),
    "case.suspended": ("suspended", "on hold", "paused", "waiting", "挂起", "暂停", "中止", "特别程序"),
    "case.resumed": ("resumed", "reopened from hold", "恢复", "恢复办理", "特别程序结束"),
    "case.completed": ("completed", "closed", "finished", "resolved", "done", "办结", "已办结", "完成", "结案"),
    "case.withdrawn": ("withdrawn", "cancelled", "canceled", "撤回", "撤件", "退件", "撤销"),
}  # fmt: skip
"""What a state or an event is called, by the type of the event."""

CHANNELS: Final[Mapping[str, Sequence[str]]] = {
    "online": (
        "online", "web", "internet", "app", "e-mail", "email", "网上", "线上", "网办", "移动端", "小程序", "微信",
    ),
    "counter": ("counter", "offline", "desk", "office", "in person", "窗口", "线下", "现场", "大厅"),
    "phone": ("phone", "call", "telephone", "电话", "热线", "12345"),
    "post": ("post", "mail", "letter", "邮寄", "信函"),
    "unknown": ("unknown", "other", "未知", "其他"),
}  # fmt: skip
"""What a channel is called, by its code."""

NOTHING: Final = ("null", "none", "n/a", "na", "nan", "-", "--", "/", "无", "空", "0000-00-00", "0000-00-00 00:00:00")
"""Texts that systems write for nothing, in small letters."""


def meaning_of(text: str, words: Mapping[str, Sequence[str]]) -> str | None:
    """The key whose words have this text."""
    plain = text.strip().lower().replace("_", " ")
    return next((key for key, known in words.items() if plain in known), None)


def sureness(name: str, role: str) -> int | None:
    """How surely the name of a column suggests a role: 0 is surest. None where no word of the role is in it."""
    plain = name.strip().lower().replace("-", "_").replace(" ", "_")
    return next((place for place, word in enumerate(ROLES[role]) if word in plain), None)
