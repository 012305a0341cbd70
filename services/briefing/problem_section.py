"""What is wrong, worst first, and where it fails: in which units, in which part of the process."""

from collections import Counter
from collections.abc import Iterator
from itertools import islice

from services.briefing import words
from services.briefing.district import District, Standing
from services.briefing.model import Cell, Language, Section
from services.briefing.parts import figure, joined
from services.briefing.state_sections import leads_of, name_of, unit_of
from services.catalog.words.all_kinds import words_of
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
        widths=(21, 27, 11, 11, 8, 22),
        rows=tuple(_problem(one, district, language) for one in found),
        more=language.of(words.MORE),
    )


def _problem(one: Standing, district: District, language: Language) -> tuple[Cell, ...]:
    promise, row = one.promise, one.row
    required = language.of(words_of(promise).statement(promise, district.plan))
    (name,), (lead,) = name_of(one, language), leads_of(one, district, language)
    brackets = f"（{lead}）" if language is Language.ZH else f" ({lead})"
    return (
        (f"{name}{brackets if lead else ''}",),
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
    sentences = [*_units(one, district, language), *_nodes(one, district, language), *_unreported(one, language)]
    return joined(sentences, "；" if language is Language.ZH else "; ") or (NOTHING,)


def _units(one: Standing, district: District, language: Language) -> Iterator[Cell]:
    """The units with cases that are open and late; else those whose cases failed."""
    rows, column = district.of_units(one.promise), "open_overdue"
    late = sorted((row for row in rows if int(row.open_overdue or 0)), key=lambda row: -int(row.open_overdue))
    failed = sorted((row for row in rows if _failed(row)), key=lambda row: -_failed(row))
    for row in islice(late, _UNITS):
        unit, number = unit_of(row.unit, district, language), figure(row, column, one.promise)
        yield (f"{unit}超期未办结", number, "件") if language is Language.ZH else (f"{unit}: ", number, " open overdue")
    for row in islice(failed if not late else (), _UNITS):
        yield (f"{unit_of(row.unit, district, language)} ", *_kept(row, one.promise))


def _failed(row: ValueRow) -> float:
    """How many do not keep it."""
    return float(row.denominator) - float(row.numerator) if row.numerator and row.denominator else 0.0


def _nodes(one: Standing, district: District, language: Language) -> Iterator[Cell]:
    """The node in which red cards stand; else the one that takes longest, where the plan measures nodes."""
    held = Counter(
        card.node
        for card in district.cards
        if card.kpi == one.promise.id and card.level == Level.RED and not card.cleared_at and card.node != WHOLE
    )
    for node, _ in held.most_common(1):
        name = language.of(names_for(one.promise, district.plan).node(node))
        yield (f"卡在“{name}”环节",) if language is Language.ZH else (f"stuck in “{name}”",)
    slowest = None if held else _slowest(one.promise, district)
    if slowest is not None:
        measured, row = slowest
        title, unit = names_for(measured, district.plan).node(row.item), measure_title(measured.figure_unit)
        number = figure(row, "value", measured)
        if language is Language.ZH:
            yield (f"用时最长的环节为“{title.zh}”，平均", number, unit.zh)
        else:
            yield (f"the longest node is “{title.en}”, ", number, f" {unit.en} on average")


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
        yield ("另有", number, "件未报送") if language is Language.ZH else (number, " not reported")
