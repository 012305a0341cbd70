"""Why an event is not admitted: the closed set of reason codes (CONTRACT §2) and the refusal that carries one."""

from enum import StrEnum


class Reason(StrEnum):
    """What is wrong with an event. A reason code is a word of the contract: it is never renamed and none is added
    without it."""

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
    """Same source and id, other payload. Only the case can know."""
    UNKNOWN_SOURCE = "unknown_source"
    SOURCE_MISMATCH = "source_mismatch"
    """The source is not the one that the topic or the credentials belong to. Found by the gateway."""
    WRONG_KEY = "wrong_key"
    """The record's key is not the case key: its partition may be another's."""
    UNKNOWN_UNIT = "unknown_unit"
    UNKNOWN_SERVICE_ITEM = "unknown_service_item"
    BAD_CORRECTION = "bad_correction"
    NOT_ENTITLED = "not_entitled"
    """The source speaks about a unit, a case or a decision that is not its own."""
    PERSONAL_DATA = "personal_data"
    """An identity-card, mobile or bank-card number."""
    TOO_LARGE = "too_large"
    """More than 64 KiB."""


LONGEST_PATH = 200
"""Names in an event may be of any length; a place is for people to read."""


def worded(code: str, path: str, sentence: str, remedy: str) -> str:
    """A refusal in one line, the same wherever a person reads it: `code at path: sentence → remedy`."""
    place = f" at {path}" if path else ""
    return f"{code}{place}: {sentence} → {remedy}"


class Refused(Exception):
    """An event that is not admitted, and never will be as it is: a dead letter, a 422, or a line of `validate`.

    `path` names the place in the event (`data.attributes.fee`; empty: the event as a whole), `sentence` what is
    wrong there, `remedy` what would be right. None of them quotes a value that may be personal.
    """

    def __init__(self, code: Reason, path: str, sentence: str, remedy: str) -> None:
        path = path if len(path) <= LONGEST_PATH else f"{path[: LONGEST_PATH - 1]}…"
        super().__init__(worded(code, path, sentence, remedy))
        self.code = code
        self.path = path
        self.sentence = sentence
        self.remedy = remedy
