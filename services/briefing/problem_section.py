"""What is wrong, worst first, and where it fails: in which units, in which part of the process."""

from collections import Counter
from collections.abc import Iterator

from services.briefing import words
from services.briefing.district import District, Standing
from services.briefing.model import Cell, Language, Section
from services.briefing.parts import failed, figure, joined, left, state
from services.briefing.state_sections import leads_of, name_of, unit_of
from services.catalog.words.all_kinds import words_of
from services.catalog.words.case_verdicts import miss_word
from services.catalog.words.misses import COUNTERS, miss_of
from services.catalog.words.names import names_for
from services.catalog.words.wording import measure_title
from services.domain.plan.plan import CasePromise, Promise, as_tuple
from services.domain.results.cards import WHOLE
from services.domain.results.published import Level, State, ValueRow
from services.figures.shown import NOTHING

_UNITS = 2
"""So many units are named, those with the most first."""


def problems(district: District, language: Language) -> Section:
    """Missed promises, then those at risk."""
    found = [one for one in district.standings if one.state in (State.MISSED, State.AT_RISK)]
    headings = (words.PROMISE, words.REQUIRED, words.VALUE, words.OF, words.OVERDUE, words.WHERE)
    return Section(
        key="problems",
        name=language.of(words.PROBLEMS).split("（")[0].split(",")[0],
        title=language.of(words.PROBLEMS),
        sentences=() if found else ((language.of(words.NONE),),),
        headings=tuple(map(language.of, headings)) if found else (),
        widths=(23, 26, 11, 10, 8, 22) if language is Language.ZH else (27, 20, 11, 9, 8, 25),
        rows=tuple(_problem(one, district, language) for one in found),
        more=language.of(words.MORE),
        weight=3,
    )


def _problem(one: Standing, district: District, language: Language) -> tuple[Cell, ...]:
    promise, row = one.promise, one.row
    required = language.of(words_of(promise).statement(promise, district.plan))
    (name,), (lead,) = name_of(one, language), leads_of(one, district, language)
    brackets = f"（{lead}）" if language is Language.ZH else f" ({lead})"
    return (
        (f"{name}{brackets if lead else ''} ", state(row, promise, language)),
        (required,),
        (figure(row, "value", promise),),
        _kept(row, promise),
        (figure(row, "open_overdue", promise),),
        _where(one, district, language),
    )


def _kept(row: ValueRow, promise: Promise) -> Cell:
    """`17／20`: how many keep it, of how many; of a mean, how many cases it is of."""
    if row.numerator and row.denominator:
        return (figure(row, "numerator", promise), "／", figure(row, "denominator", promise))
    return (figure(row, "n", promise),)


# ---- where it fails ----------------------------------------------------------------------------------------
def _where(one: Standing, district: District, language: Language) -> Cell:
    """The units and the parts of the process in which it fails; a dash where nothing is known."""
    sentences = [
        *_left(one, language),
        *_units(one, district, language),
        *_nodes(one, district, language),
        *_unreported(one, language),
    ]
    return joined(sentences, "；" if language is Language.ZH else "; ") or (NOTHING,)


def _left(one: Standing, language: Language) -> Iterator[Cell]:
    """How many misses are left of what is not missed yet."""
    number = left(one.row, one.promise) if one.state is State.AT_RISK else None
    if number is not None:
        zh = (f"还允许{miss_of(one.promise).name.zh}", number, COUNTERS[one.promise.about])
        yield _in(language, zh, ("misses left: ", number))


def _units(one: Standing, district: District, language: Language) -> Iterator[Cell]:
    """The units with cases that are open and late; else those whose cases failed."""
    rows = district.of_units(one.promise)
    late = sorted((row for row in rows if int(row.open_overdue or 0)), key=lambda row: -int(row.open_overdue))
    if late:
        for row in late[:_UNITS]:
            unit, overdue = unit_of(row.unit, district, language), figure(row, "open_overdue", one.promise)
            yield _in(
                language,
                (f"{unit}{miss_word(one.promise)}未办结", overdue, "件"),
                (f"{unit}: ", overdue, " open overdue"),
            )
        return
    failing = [(row.unit, number) for row in rows if (number := failed(row)) is not None]
    for id, number in sorted(failing, key=lambda one: -one[1].amount)[:_UNITS]:
        unit, counter = unit_of(id, district, language), COUNTERS[one.promise.about]
        yield _in(language, (unit, number, f"{counter}不符合"), (f"{unit}: ", number, " not kept"))


def _in(language: Language, zh: Cell, en: Cell) -> Cell:
    """The one that is in the language."""
    return zh if language is Language.ZH else en


def _nodes(one: Standing, district: District, language: Language) -> Iterator[Cell]:
    """The node in which red cards stand; else the one that takes longest, where the plan measures nodes."""
    held = _node_of_red_cards(one.promise, district)
    if held:
        name = names_for(one.promise, district.plan).node(held)
        yield _in(language, (f"卡在“{name.zh}”环节",), (f"stuck in “{name.en}”",))
        return
    slowest = _slowest(one.promise, district)
    if slowest is not None:
        measured, row = slowest
        name, unit = names_for(measured, district.plan).node(row.item), measure_title(measured.figure_unit)
        number = figure(row, "value", measured)
        zh = (f"用时最长的环节为“{name.zh}”，平均", number, unit.zh)
        yield _in(language, zh, (f"the longest node is “{name.en}”, ", number, f" {unit.en} on average"))


def _node_of_red_cards(promise: Promise, district: District) -> str:
    """The node in which most of its red cards stand; empty: in none."""
    red = (card for card in district.cards if card.level == Level.RED and not card.cleared_at)
    nodes = Counter(card.node for card in red if card.kpi == promise.id and card.node != WHOLE)
    return nodes.most_common(1)[0][0] if nodes else ""


def _slowest(promise: Promise, district: District) -> tuple[Promise, ValueRow] | None:
    """The promise that measures the nodes of the same cases, and its row of the node with the longest mean."""
    items = _items(promise)
    for other in district.promises.values():
        if other.is_official and other.is_by_node and items & _items(other):
            rows = [row for row in district.of_items(other) if row.value]
            if rows:
                return other, max(rows, key=lambda row: float(row.value))
    return None


def _items(promise: Promise) -> set[str]:
    """The service items that it selects."""
    found = as_tuple(promise.select.get("service_item", ())) if isinstance(promise, CasePromise) else ()
    return set(map(str, found))


def _unreported(one: Standing, language: Language) -> Iterator[Cell]:
    """What cannot be judged, since the fact was not reported."""
    if int(one.row.unmeasured_n or 0):
        number = figure(one.row, "unmeasured_n", one.promise)
        yield _in(language, ("另有", number, "件未报送"), (number, " not reported"))
