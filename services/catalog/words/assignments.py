"""Why the operations centre assigns a case to a unit (交办), in words. The notice says it outside the house. So it is
one of these; what somebody writes beside it is read at the desk only."""

from collections.abc import Mapping
from typing import Final

from services.domain.plan.plan import Title

OTHER: Final = "other"
"""It has to be written."""
ASSIGNED_FOR: Final[Mapping[str, Title]] = {
    "help": Title(zh="需配合办理", en="the unit has to help"),
    "duty": Title(zh="属职责范围", en="it is a duty of the unit"),
    "late": Title(zh="超期未办结，需督促办理", en="it is late, and has to be completed"),
    "complaint": Title(zh="企业、群众反映问题", en="the applicant complains"),
    OTHER: Title(zh="其他（详见督办台）", en="another reason, see the remark"),
}
"""Code in the record → what is read."""


def assigned_for(code: str) -> Title | None:
    """The reason of a code; None: there is none, or it is of another version."""
    return ASSIGNED_FOR.get(code)
