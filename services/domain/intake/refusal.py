"""Why an event is not admitted: the closed set of reason codes (docs/contract.md) and the refusal that carries one."""

from enum import StrEnum
from typing import Final

from services.domain.intake.visible_text import visible

LONGEST_PATH: Final = 200
LONGEST_SENTENCE: Final = 1000
"""Characters. A path can name an attribute, and a sentence can repeat it, of any length that an event has."""


class Reason(StrEnum):
    """What is wrong with an event. The codes are part of the contract: none is renamed or added without it."""

    MALFORMED = "malformed"
    """Not UTF-8, not JSON, or not a CloudEvent 1.0; nested too deeply, a name twice in an object, a header without
    value."""
    UNKNOWN_TYPE = "unknown_type"
    UNKNOWN_FIELD = "unknown_field"
    INVALID_VALUE = "invalid_value"
    """Missing, of the wrong type, or outside what the field allows."""
    NAIVE_TIME = "naive_time"
    """A time without an offset names no instant."""
    FROM_THE_FUTURE = "from_the_future"
    """More than 5 minutes ahead of its arrival."""
    ID_CONFLICT = "id_conflict"
    """Same source and id, other payload. Found by the fold."""
    UNKNOWN_SOURCE = "unknown_source"
    SOURCE_MISMATCH = "source_mismatch"
    """The source is not the one that the topic or the credentials belong to. Found by the gateway."""
    WRONG_KEY = "wrong_key"
    """The record's key is not the case key: its partition may be another's."""
    UNKNOWN_UNIT = "unknown_unit"
    UNKNOWN_SERVICE_ITEM = "unknown_service_item"
    BAD_CORRECTION = "bad_correction"
    NOT_ENTITLED = "not_entitled"
    """The source reports on a unit, a case or a decision that is not its own."""
    PERSONAL_DATA = "personal_data"
    """An identity-card, mobile or bank-card number, in the `id`, the subject or anywhere else in the event."""
    TOO_LARGE = "too_large"
    """More than 64 KiB; or more than its case can hold, which is found by the case."""


def refusal_line(code: str, path: str, sentence: str, remedy: str) -> str:
    """A refusal in one line, the same everywhere: `code at path: sentence → remedy`."""
    place = f" at {path}" if path else ""
    return f"{code}{place}: {sentence} → {remedy}"


def truncated(text: str, most: int) -> str:
    """The text, or its beginning with an ellipsis where it has more characters."""
    return text if len(text) <= most else text[: most - 1] + "…"


def _shown(text: str, most: int) -> str:
    """The text made visible, and cut. An escape is longer than its character: what is cut off is not looked at, since a
    text from outside may have millions of characters."""
    return truncated(visible(text[: most + 1]), most)


class Refused(Exception):
    """An event that is not admitted, and never will be as it is: a dead letter, a 422, or a line of `validate`.

    `path` names the place in the event (`data.attributes.fee`; empty: the event as a whole), `sentence` what is
    wrong there, `remedy` what would be right. None of them quotes a value that may be personal, and each is cut where
    it is too long to be kept and read.
    """

    def __init__(self, code: Reason, path: str, sentence: str, remedy: str) -> None:
        # they name fields and quote codes of the event
        path = _shown(path, LONGEST_PATH)
        sentence, remedy = (_shown(text, LONGEST_SENTENCE) for text in (sentence, remedy))
        super().__init__(refusal_line(code, path, sentence, remedy))
        self.code = code
        self.path = path
        self.sentence = sentence
        self.remedy = remedy
