"""Why an event is refused, in words, by the codes of `services.domain.intake.refusal`."""

from collections.abc import Mapping

from services.domain.intake.refusal import Reason
from services.domain.plan.plan import Title

REFUSALS: Mapping[str, Title] = {
    Reason.MALFORMED: Title(zh="格式不符", en="malformed"),
    Reason.UNKNOWN_TYPE: Title(zh="事件类型未登记", en="unknown type"),
    Reason.UNKNOWN_FIELD: Title(zh="含未登记的字段", en="unknown field"),
    Reason.INVALID_VALUE: Title(zh="字段缺失或取值无效", en="value missing or invalid"),
    Reason.NAIVE_TIME: Title(zh="时间缺少时区", en="time without an offset"),
    Reason.FROM_THE_FUTURE: Title(zh="时间晚于到达时间", en="time after its arrival"),
    Reason.ID_CONFLICT: Title(zh="编号相同、内容不同", en="same id, other content"),
    Reason.UNKNOWN_SOURCE: Title(zh="数据源未登记", en="unknown source"),
    Reason.SOURCE_MISMATCH: Title(zh="数据源与报送渠道不符", en="source of another channel"),
    Reason.WRONG_KEY: Title(zh="记录键与办件不符", en="record key of another case"),
    Reason.UNKNOWN_UNIT: Title(zh="单位未登记", en="unknown unit"),
    Reason.UNKNOWN_SERVICE_ITEM: Title(zh="事项未登记", en="unknown service item"),
    Reason.BAD_CORRECTION: Title(zh="更正无效", en="invalid correction"),
    Reason.NOT_ENTITLED: Title(zh="无权报送该内容", en="not entitled to report it"),
    Reason.PERSONAL_DATA: Title(zh="含个人信息", en="personal data"),
    Reason.TOO_LARGE: Title(zh="内容过大", en="too large"),
}
