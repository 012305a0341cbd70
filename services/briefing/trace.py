"""Where each number of a briefing is from: the rows of values.csv, the cards, the records of the ledger behind it."""

from collections.abc import Iterator, Sequence
from typing import Final, NamedTuple

from services.briefing.model import Briefing, Cell, Counted, Language, Number, Section, State, text_of
from services.briefing.parts import FAILED
from services.catalog.words.column_names import COLUMN_NAMES
from services.domain.plan.plan import Title

HEADINGS: Final = (
    Title(zh="章节", en="Section"),
    Title(zh="所在内容", en="Where it is"),
    Title(zh="数字", en="Number"),
    Title(zh="含义", en="What it is"),
    Title(zh="来源（逐条）", en="Each record behind it"),
)
NAME: Final = Title(zh="数据来源", en="Sources")
NOTE: Final = Title(
    zh="本表列出简报中每个数字的来源，供核对，不必随简报打印。values.csv 由“kpiwatch replay”按同一时点生成；"
    "牌的记录不含办件编号。",
    en="Each number of the briefing with what is behind it, for whoever checks it; not to be printed. values.csv is "
    "written by `kpiwatch replay` as of the same time; records of cards do not name the case.",
)
_COUNTS: Final = {
    Counted.PROMISES: Title(zh="计数：values.csv 中的行", en="count of rows of values.csv"),
    Counted.CARDS: Title(
        zh="计数：cards.csv 中的行（承诺|单位|环节|牌色|亮牌时间|期限|解除时间）",
        en="count of rows of cards.csv (kpi|unit|node|level|raised_at|due_at|cleared_at)",
    ),
    Counted.ORDERS: Title(
        zh="计数：台账中的督办单（记录序号|文号|单位）", en="count of orders in the ledger (record|number|unit)"
    ),
    Counted.UNITS: Title(
        zh="计数：下列督办单（记录序号|文号|单位）所涉单位",
        en="count of the units of these orders in the ledger (record|number|unit)",
    ),
    Counted.RECORD: Title(
        zh="台账记录的序号和哈希值（以冒号分隔）", en="number of a record of the ledger (number:hash)"
    ),
    Counted.LEFT_OUT: Title(zh="计数：两页未列出的行", en="count of rows that the two pages leave out"),
}


class Source(NamedTuple):
    """One record behind one number."""

    section: str
    place: str
    """The sentence, or the row of the table."""
    number: str
    """As it is read."""
    meaning: str
    record: str
    """Empty: the number is 0, and there is none."""


def sources(briefing: Briefing) -> Iterator[Source]:
    """Every number and state of a briefing, in order, with each record behind it."""
    for section in briefing.sections:
        for place, cell in _cells(section):
            for part in cell:
                if isinstance(part, Number):
                    meaning = _meaning(part, briefing.language)
                    for record in part.rows or ("",):
                        yield Source(section.name, place, part.text, meaning, record)
                elif isinstance(part, State):
                    yield Source(section.name, place, part.text, "values.csv: state", part.row)


def _cells(section: Section) -> Iterator[tuple[str, Cell]]:
    """Each sentence and cell, with the words by which it is found on the page."""
    for sentence in (*section.sentences, section.remark):
        yield text_of(sentence), sentence
    for row in section.rows:
        for heading, cell in zip(section.headings, row, strict=True):
            yield f"{_first_words(row)} / {heading}", cell


def _first_words(row: Sequence[Cell]) -> str:
    """The cells of a row up to its first number."""
    words = []
    for cell in row:
        if any(not isinstance(part, str) for part in cell):
            break
        words.append(text_of(cell))
    return " ".join(words[:3])


def _meaning(number: Number, language: Language) -> str:
    if number.is_count:
        return language.of(_COUNTS[Counted(number.column)])
    if number.column == FAILED:
        return language.of(Title(zh="values.csv：分母减分子", en="values.csv: denominator - numerator"))
    name = f"{COLUMN_NAMES[number.column]} " if language is Language.ZH else ""
    return f"values.csv: {name}{number.column}"
