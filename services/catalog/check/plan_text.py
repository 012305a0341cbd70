"""The text of a plan, body and annex, and whether a clause quotes it."""

import re
from collections.abc import Iterator
from difflib import SequenceMatcher

from services.catalog.check.languages.choice import language_of

_AROUND = 12
"""So many characters are shown on each side of a departure."""


class PlanText:
    """A plan's text. Only where lines are broken does not matter."""

    def __init__(self, text: str, declared: str = "") -> None:
        """`declared`: the language of the plan, or nothing."""
        self._text = text
        self._language = language_of(declared, text)
        self._joint = " " if self._language.spaced else ""
        self._unbroken = self._on_one_line(text)
        self._lines = list(self._lines_of(text))

    def _on_one_line(self, text: str) -> str:
        """With what this language has where a line is broken: a space, or nothing."""
        return re.sub(r"\s+", self._joint, text)

    def quotes(self, clause: str) -> bool:
        """Whether a clause is in the text, character by character; only where lines are broken does not matter."""
        if self._language.spaced:
            return self._on_one_line(clause) in self._unbroken
        return clause in self._text or (not re.search(r"\s", clause) and clause in self._unbroken)

    def sentences(self, clause: str) -> list[str]:
        """The sentences in which a clause is, in the body and in the annex."""
        found = []
        for line in (each for each in self._lines if clause in each):
            start = line.index(clause)
            begins = max((end.end() for end in self._language.sentence_ends.finditer(line, 0, start)), default=0)
            closes = self._language.full_stop.search(line, start + len(clause))
            found.append(line[begins : closes.start() if closes else len(line)].strip())
        return found

    def _lines_of(self, text: str) -> Iterator[str]:
        """Its lines; where words are separated by spaces a paragraph is one, since its lines are broken anywhere."""
        if not self._language.spaced:
            yield from text.splitlines()
            return
        for paragraph in re.split(r"\n\s*\n", text):
            yield self._on_one_line(paragraph)

    def departure(self, clause: str) -> str:
        """Where a clause departs from the text, for the person who corrects it."""
        match = SequenceMatcher(None, clause, self._unbroken, autojunk=False).find_longest_match()
        if match.size < 2:
            return "no part of it is there"
        after = self._unbroken[match.b + match.size : match.b + match.size + _AROUND]
        before = self._unbroken[max(0, match.b - _AROUND) : match.b]
        shared = clause[match.a : match.a + match.size]
        if match.a + match.size < len(clause):
            return f"after “{shared[-_AROUND:]}” the plan goes on “{after}”"
        return f"before “{shared[:_AROUND]}” the plan has “{before}”"
