"""Puts a briefing together."""

from dataclasses import replace

from services.briefing import words
from services.briefing.ahead_sections import answers, checkpoint, due, method
from services.briefing.district import District
from services.briefing.model import Briefing, Language
from services.briefing.problem_section import problems
from services.briefing.state_sections import changes, overall


def briefing_of(district: District, language: Language, appendix: str) -> Briefing:
    """The briefing with all its rows. `appendix`: name of the file that has every promise."""
    sections = [
        *(overall(district, language), changes(district, language), problems(district, language)),
        *(due(district, language), answers(district, language), checkpoint(district, language)),
        method(district, language, appendix),
    ]
    numbered = [
        replace(section, title=words.numbered(number, section.title, language))
        for number, section in enumerate(sections, 1)
    ]
    return Briefing(
        language=language,
        title=words.title_of(district.plan, district.span.period, language),
        lines=words.lines_of(district.plan, district.span, language),
        sections=tuple(numbered),
    )
