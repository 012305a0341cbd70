"""How many events go in one request: fewer where that may help, and more again once it has."""

from typing import Final

MOST_EVENTS: Final = 500
"""Of one request."""
_ACCEPTED_BEFORE_MORE: Final = 20
"""So many requests of a size that was found to be possible, until a larger one is tried."""


class BatchSize:
    """The size of the next request."""

    def __init__(self) -> None:
        self.most = self._ceiling = MOST_EVENTS
        self._accepted = 0

    def narrow(self, sent: int, *, for_size: bool) -> None:
        """Half of what was sent. `for_size`: that was too much, so that it is not tried again soon. Otherwise one of
        the events is looked for with which something goes wrong."""
        self.most = max(1, sent // 2)
        if for_size:
            self._ceiling = self.most
            self._accepted = 0

    def widen(self) -> None:
        """A request was answered."""
        self._accepted += 1
        if self._accepted >= _ACCEPTED_BEFORE_MORE:
            self._ceiling = min(MOST_EVENTS, self._ceiling * 2)
            self._accepted = 0
        self.most = min(self._ceiling, self.most * 2)
