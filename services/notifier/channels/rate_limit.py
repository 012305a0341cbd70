"""How many messages an account may send: the limits that its provider has published."""

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Limit:
    """At most so many calls in so many seconds, whenever these begin: a bucket of tokens would let twice as many
    through."""

    count: int
    seconds: float


NO_LIMITS: Sequence[Limit] = ()
