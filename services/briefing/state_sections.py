"""Where the district stands, and what changed."""

from collections.abc import Iterator, Mapping, Sequence

from services.briefing import words
from services.briefing.district import District, Standing
from services.briefing.model import Cell, Language, Number, Section
from services.briefing.parts import cards_counted, counted, figure, joined, state
from services.catalog.words.unit_names import unit_title
from services.catalog.words.wording import STATE_NAMES
from services.domain.results.published import WORST_FIRST, Level, State
from services.domain.time.rfc3339 import read
from services.figures.promises import promises_by_state

ByState = Mapping[State, Sequence[Standing]]

_SAID = (State.MET, State.MISSED, State.AT_RISK)


def overall(district: District, language: Language) -> Section:
    """How many promises are in each state, at both ends of the period."""
    then = [Standing(one.promise, one.before, None) for one in district.standings if one.before is not None]
    before, now = promises_by_state(then), promises_by_state(district.standings)
    rows = [
        (
            (language.of(STATE_NAMES[each]),),
            (counted(before.get(each, ())),),
            (counted(now.get(each, ())),),
        )
        for each in WORST_FIRST
        if each in now or each in before
    ]
    rows.append(((language.of(words.TOTAL),), (counted(then),), (counted(district.standings),)))
    return Section(
        key="overall",
        name=language.of(words.OVERALL),
        title=language.of(words.OVERALL),
        sentences=(_standing(district, now, language),),
        headings=tuple(map(language.of, (words.STATE, words.AT_BEGIN, words.AT_END))),
        widths=(60, 20, 20),
        rows=tuple(rows),
    )


def _standing(district: District, now: ByState, language: Language) -> Cell:
    """The whole in a sentence: `纳入监测的承诺168项：达标98项，未达标26项（其中鼓励性8项），有风险11项，其余33项…`."""
    numbers = {each: counted(now.get(each, ())) for each in _SAID}
    effort = counted(one for one in now.get(State.MISSED, ()) if one.promise.is_never_red)
    rest = counted(one for one in district.standings if one.state not in _SAID)
    whole = counted(district.standings)
    if language is Language.ZH:
        return (
            *("全区纳入监测的承诺", whole, "项：达标", numbers[State.MET], "项，未达标", numbers[State.MISSED]),
            *("项（其中鼓励性承诺", effort, "项），有风险", numbers[State.AT_RISK], "项，其余", rest),
            "项样本不足、未到期、未报送或仅监测，不作评价。",
        )
    return (
        *("Of ", whole, " promises ", numbers[State.MET], " are met, ", numbers[State.MISSED], " missed (", effort),
        *(" of them aspirational) and ", numbers[State.AT_RISK], " at risk; ", rest),
        " are not judged: too few cases, not due, not reported, or without a target.",
    )


# ---- what changed ------------------------------------------------------------------------------------------
def changes(district: District, language: Language) -> Section:
    """The promises whose state is another one than at the begin, those that became missed first."""
    changed = [one for one in district.standings if _has_changed(one)]
    headings = (words.PROMISE, words.LEAD, words.AT_BEGIN, words.AT_END)
    return Section(
        key="changes",
        name=language.of(words.CHANGES),
        title=language.of(words.CHANGES),
        sentences=(_changed(changed, language), _cards(district, language)),
        headings=tuple(map(language.of, headings)) if changed else (),
        widths=(40, 22, 19, 19),
        rows=tuple(_change(one, district, language) for one in changed),
        more=language.of(words.MORE),
    )


def _has_changed(one: Standing) -> bool:
    """Whether it came into a state that people act upon, or left one."""
    return one.state_before not in (None, one.state) and bool({one.state, one.state_before} & set(_SAID))


def _change(one: Standing, district: District, language: Language) -> tuple[Cell, ...]:
    assert one.before is not None
    rows = (one.before, one.row)
    ends = ((state(row, one.promise, language), " ", figure(row, "value", one.promise)) for row in rows)
    return (name_of(one, language), leads_of(one, district, language), *ends)


def name_of(one: Standing, language: Language) -> Cell:
    """Number and title of a promise."""
    return (f"{one.promise.id} {language.of(one.promise.title)}",)


def leads_of(one: Standing, district: District, language: Language) -> Cell:
    """Who leads it; the first one where there are several."""
    leads = [unit_of(unit, district, language) for unit in one.promise.lead]
    if len(leads) < 2:
        return ("".join(leads),)
    return (f"{leads[0]}等" if language is Language.ZH else f"{leads[0]} and others",)


def unit_of(unit: str, district: District, language: Language) -> str:
    """The title of a unit."""
    return language.of(unit_title(unit, district.plan))


def _changed(changed: Sequence[Standing], language: Language) -> Cell:
    """How many promises came into each state: `新增未达标10项，新增有风险3项，转为达标12项。`."""
    into = promises_by_state(changed)
    numbers = {each: counted(into.get(each, ())) for each in _SAID}
    if language is Language.ZH:
        return (
            *("承诺：新增未达标", numbers[State.MISSED], "项，新增有风险", numbers[State.AT_RISK], "项，转为达标"),
            *(numbers[State.MET], "项。"),
        )
    missed, risk, met = (numbers[each] for each in (State.MISSED, State.AT_RISK, State.MET))
    return ("Promises: ", missed, " newly missed, ", risk, " newly at risk, ", met, " newly met.")


def _cards(district: District, language: Language) -> Cell:
    """`红牌：新增5件，解除3件，期末未解除6件；黄牌：…`."""
    terms = district.plan.names.terms
    said = {Level.RED: terms.red_card, Level.YELLOW: terms.yellow_card}
    if language is Language.ZH:
        cells = [_level(title.zh, _counts(district, level), _CARDS_ZH) for level, title in said.items()]
        return (*joined(cells, "；"), "。")
    cells = [_level(f"{title.en.capitalize()}s", _counts(district, level), _CARDS_EN) for level, title in said.items()]
    return (*joined(cells, "; "), ".")


_CARDS_ZH = ("：新增", "件，解除", "件，期末未解除", "件")
_CARDS_EN = (": ", " raised, ", " cleared, ", " active at the end")


def _level(name: str, numbers: Iterator[Number], between: tuple[str, ...]) -> Cell:
    """The name of a level, and its three numbers with the words between them."""
    first, *others = between
    return (f"{name}{first}", *(part for pair in zip(numbers, others, strict=True) for part in pair))


def _counts(district: District, level: Level) -> Iterator[Number]:
    """How many cards of a level were raised and cleared in the period, and how many are active at its end."""
    cards = [card for card in district.cards if card.level == level]
    yield cards_counted(card for card in cards if _is_in(card.raised_at, district))
    yield cards_counted(card for card in cards if card.cleared_at and _is_in(card.cleared_at, district))
    yield cards_counted(card for card in cards if not card.cleared_at)


def _is_in(time: str, district: District) -> bool:
    """Whether it is in the period."""
    return district.begin <= read(time) < district.end
