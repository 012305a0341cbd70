"""What only its case can refuse an event for, in one wording: of a dead letter, of `validate` and of `/what-if`."""

from typing import Final

from services.domain.history.capacity import FULL_CASE
from services.domain.intake.refusal import Reason, Refused

_OTHER: Final = "another event of this case has the same source and id, and other content"
_TO_CHANGE: Final = "give every event an id of its own; to change an event, send a correction of it"
_REFUSALS: Final = {
    Reason.ID_CONFLICT: ("id", f"{_OTHER}: that one, which has the smaller payload hash, is kept", _TO_CHANGE),
    Reason.TOO_LARGE: ("", *FULL_CASE),
    Reason.BAD_CORRECTION: (
        "data.of",
        "it corrects a correction",
        "correct the event itself: of its corrections the one with the greatest time and id applies",
    ),
}


def refused_by_case(reason: str, note: str = "") -> Refused:
    """Why the case refuses an event. `reason`: one of the three; `note`: what is added to the sentence. ValueError for
    a reason that a case does not have."""
    code = Reason(reason)
    if code not in _REFUSALS:
        raise ValueError(f"no case refuses an event as {code}")
    path, sentence, remedy = _REFUSALS[code]
    return Refused(code, path, sentence + note, remedy)


WOULD_REPLACE: Final = Refused(
    Reason.ID_CONFLICT, "id", f"{_OTHER}: this one, which has the smaller payload hash, would be kept", _TO_CHANGE
)
"""Of an event that would take the place of a stored one."""
