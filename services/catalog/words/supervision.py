"""Steps of escalation and the states of written orders, in words."""

from collections.abc import Mapping
from typing import Final

from services.domain.plan.plan import SupervisionStep, Title
from services.domain.supervision.orders import OrderState

STEP_NAMES: Final[Mapping[SupervisionStep, Title]] = {
    SupervisionStep.REMINDER: Title(zh="提醒", en="reminder"),
    SupervisionStep.URGING: Title(zh="催办", en="urging"),
    SupervisionStep.ORDER: Title(zh="督办单", en="written order"),
    SupervisionStep.CIRCULAR: Title(zh="通报建议", en="proposal of a circular"),
}
ORDER_STATES: Final[Mapping[OrderState, Title]] = {
    OrderState.OPEN: Title(zh="待回告", en="open"),
    OrderState.OVERDUE: Title(zh="超期未回告", en="overdue"),
    OrderState.ANSWERED: Title(zh="已回告", en="answered"),
    OrderState.CLOSED: Title(zh="已销号", en="closed"),
}
