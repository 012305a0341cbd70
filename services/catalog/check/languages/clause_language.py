"""What a language gives to the comparison of a clause with its entry: its numbers, dates and words that soften."""

import re
from collections.abc import Callable, Set
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Literal, NamedTuple

Counted = Literal["working_days", "calendar_days", "minutes", "working_minutes", "months", "share", "number"]
Relation = Literal["<=", ">=", ""]


@dataclass(frozen=True, slots=True)
class Printed:
    """A number that a clause prints."""

    words: str
    amount: Decimal | None
    """In the unit of thresholds; None: what the words say is not read, and the entry says what was taken."""
    counted: Counted
    relation: Relation
    named: bool = False
    """Part of a name (“一件事一次办”, “最多跑一次”): it may be a threshold and need not be one."""

    def with_part(self, part: "Printed", words: str) -> "Printed":
        """The length of time of which both are parts, as `words` say it: 1 hour 30 minutes. Not read if the parts are
        counted in different ways: a month and ten days."""
        total = None
        if self.amount is not None and part.amount is not None and self.counted == part.counted:
            total = self.amount + part.amount
        return Printed(words, total, self.counted, self.relation or part.relation, self.named)


class ClauseLanguage(NamedTuple):
    """How the clauses of one language are read."""

    numbers: Callable[[str], list[Printed]]
    """The numbers with a unit that thresholds have: each must be a threshold of the entry."""
    also: Callable[[str, Counted], Set[Decimal]]
    """Further numbers that may be a threshold which is counted so, and need not be one; in the unit of thresholds."""
    by: Callable[[str], date | None]
    """The date by which it must be reached."""
    since: Callable[[str], date | None]
    """The day from which it binds."""
    this_year: re.Pattern[str]
    """Words for an unnamed date in the year of the plan."""
    nought: re.Pattern[str]
    """Words for none: free of charge, must not."""
    soft: re.Pattern[str]
    """Words that allow exceptions."""
    softened: re.Pattern[str]
    """Words of a clause that ask for an effort, not for a result."""
    governing: re.Pattern[str]
    """Those that reach over the whole of their sentence, unless a result is asked for in between. The first group is
    the word."""
    sentence_ends: re.Pattern[str]
    """Where a sentence ends, or a part of it that reads by itself."""
    full_stop: re.Pattern[str]
    """Where a sentence ends."""
    spaced: bool
    """Whether words are separated by spaces, so that a line break is one."""
    reads_words: bool = True
    """Whether dates and words that soften are compared, too."""
    has_working_minutes: bool = False
    """Whether hours of opening time have a name of their own, so that `8 hours` are hours of the clock."""
