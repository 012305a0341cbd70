"""What a part of the local system says when it cannot be had: place, reason, remedy. `kpiwatch` exits 3 with it."""


class PartUnavailable(Exception):
    """A part this needs does not answer or cannot be fetched; the text names what, why and what to do."""

    def __init__(self, part: str, reason: str, remedy: str) -> None:
        super().__init__(f"{part}: {reason}. {remedy}")
        self.part = part
        self.reason = reason
        self.remedy = remedy
