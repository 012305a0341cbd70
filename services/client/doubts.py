"""What uncertain answers say about the batch: how many events go in one request, and how often the same has happened.

Kept in the spool: a process that ends after one answer, as one of cron does, leaves it to the next one.
"""

from typing import Final, NamedTuple

MOST_EVENTS: Final = 500
"""Of one request."""
_ACCEPTED_BEFORE_MORE: Final = 20
"""So many requests of a size that was found to be possible, until a larger one is tried."""
_LONE_IN_A_ROW: Final = 6
"""So often a defect of the gateway answers one event alone until that is parked; after each, twice as often, until the
gateway answers otherwise: a gateway that is broken altogether parks hardly any."""


class Doubts(NamedTuple):
    """What is known of the next request. Each method gives what is known after an answer."""

    most: int = MOST_EVENTS
    """So many events go in it."""
    ceiling: int = MOST_EVENTS
    """A larger one was too much; not tried again soon."""
    answered: int = 0
    """So many requests were answered since."""
    suspect: str = ""
    """Why the last answer was uncertain."""
    in_a_row: int = 0
    """So often in a row."""
    lone_in_a_row: int = _LONE_IN_A_ROW
    """So often a defect has to answer one event alone until it is parked."""

    def narrowed(self, sent: int, *, for_size: bool) -> "Doubts":
        """Half of what was sent. `for_size`: that was too much. Otherwise one of the events is looked for with which
        something goes wrong."""
        most = max(1, sent // 2)
        return self._replace(most=most, ceiling=most, answered=0) if for_size else self._replace(most=most)

    def settled(self) -> "Doubts":
        """Every event of a request was answered."""
        answered, ceiling = self.answered + 1, self.ceiling
        if ceiling == MOST_EVENTS:
            answered = 0
        elif answered >= _ACCEPTED_BEFORE_MORE:
            answered, ceiling = 0, min(MOST_EVENTS, ceiling * 2)
        return Doubts(most=min(ceiling, self.most * 2), ceiling=ceiling, answered=answered)

    def repeated(self, suspect: str) -> "Doubts":
        """After an uncertain answer. `suspect`: why the batch may be the reason; empty: it is not."""
        if not suspect:
            return self._replace(suspect="", in_a_row=0)
        return self._replace(suspect=suspect, in_a_row=self.in_a_row + 1 if suspect == self.suspect else 1)

    def parked(self) -> "Doubts":
        """An event was parked, with which the gateway failed each time."""
        return self._replace(in_a_row=0, lone_in_a_row=self.lone_in_a_row * 2)
