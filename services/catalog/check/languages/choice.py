"""Which language the clauses of a plan are read in."""

import re
from collections.abc import Mapping
from typing import Final

from services.catalog.check.languages.chinese import CHINESE
from services.catalog.check.languages.clause_language import ClauseLanguage
from services.catalog.check.languages.digits import DIGITS_ONLY
from services.catalog.check.languages.english import ENGLISH

KNOWN: Final[Mapping[str, ClauseLanguage]] = {"zh": CHINESE, "en": ENGLISH}
"""By the first part of the tag in `plan.toml`: `en-GB` is `en`."""
_CHINESE_CHARACTER = re.compile("[\u4e00-\u9fff]")


def language_of(declared: str, text: str) -> ClauseLanguage:
    """The language that the plan declares; without a declaration Chinese, if the text has Chinese characters, else
    English. Of any other language only digits are compared."""
    if declared:
        return KNOWN.get(declared.partition("-")[0], DIGITS_ONLY)
    return CHINESE if _CHINESE_CHARACTER.search(text) else ENGLISH


def is_known(declared: str) -> bool:
    """Whether more than the digits of its clauses is compared."""
    return language_of(declared, "") is not DIGITS_ONLY
