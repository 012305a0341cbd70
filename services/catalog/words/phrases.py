"""Phrases of which the sentences of the kinds are made, in Chinese and English."""

from collections.abc import Iterable, Mapping
from datetime import date
from typing import Any

from services.catalog.words.names import NameBook, names_for, one_of
from services.catalog.words.wording import counted_in_english, measure_title, number_word, target_text
from services.domain.plan.plan import CasePromise, EntryPromise, Objective, Plan, Promise, Title, Wanted, as_tuple
from services.domain.time.limits import Limit

NOTHING = Title(zh="", en="")

_POINTS = {
    "applied": Title(zh="申请", en="application"),
    "accepted": Title(zh="受理", en="acceptance"),
    "completed": Title(zh="办结", en="completion"),
}
_LIMITS = {
    "due_at": Title(zh="单位自定的期限", en="the time that the unit itself gave"),
    "committed_limit": Title(zh="承诺时限", en="the committed limit"),
    "statutory_limit": Title(zh="法定时限", en="the statutory limit"),
}
_LIMIT_UNITS = {
    "working_days": "个工作日",
    "calendar_days": "日",
    "working_minutes": "分钟（办公时间）",
    "minutes": "分钟",
    "months": "个月",
}
_RELATIONS = {
    "<=": Title(zh="不超过", en="at most"),
    ">=": Title(zh="不低于", en="at least"),
    "=": Title(zh="应为", en="exactly"),
}
_AMOUNTS = {"working_days": "个工作日", "count": "次"}
"""Units whose Chinese word after a number differs from their name alone."""
_COUNTED = frozenset(
    ("items", "packages", "enterprises", "persons", "cases", "count", "visits", "reports", "milestones")
)
"""Units of what is counted: 不少于, where an amount is 不低于."""
DIRECTIONS = {"rising": Title(zh="上升", en="rise"), "falling": Title(zh="下降", en="fall")}
NO_TARGET = Title(zh="方案未定目标值", en="no target")


# ---- limits, points, objectives ----------------------------------------------------------------------------
def limit_words(limit: object) -> Title:
    """A limit, or the name of one that the case itself declares."""
    if isinstance(limit, Limit):
        return Title(zh=f"{limit.amount}{_LIMIT_UNITS[limit.unit]}", en=str(limit).replace("_", " "))
    return _LIMITS.get(str(limit), Title(zh="未定时限", en="no limit"))


def date_words(day: date) -> Title:
    """`截至2021年12月31日（含当日）`."""
    return Title(zh=f"截至{day.year}年{day.month}月{day.day}日（含当日）", en=f"by {day.isoformat()}")


def deadline_words(day: date) -> Title:
    """`于2021年12月31日前（含当日）`: what has to be done by then. A number on that day: `date_words`."""
    return Title(zh=f"于{day.year}年{day.month}月{day.day}日前（含当日）", en=date_words(day).en)


_MATURED_BY = {
    "completion": Title(zh="办结", en="completion"),
    "stop": Title(zh="计时终点", en="the stop of its clock"),
    "limit": Title(zh="时限", en="its limit"),
}


def maturity_words(maturity: Limit | date | str | None) -> Title:
    """From when a case counts in a share; empty where it has no maturity."""
    if isinstance(maturity, Limit):
        within = limit_words(maturity)
        return Title(zh=f"起算后{within.zh}", en=f"{within.en} after the start")
    if isinstance(maturity, date):
        return date_words(maturity)
    return _MATURED_BY[maturity] if maturity is not None else NOTHING


def point_words(points: Iterable[str], names: NameBook) -> Title:
    """Points of a clock, as one reads them."""
    titles = [_point(point, names) for point in points]
    if len(titles) == 1:
        return Title(zh=titles[0].zh, en=titles[0].en)
    return Title(
        zh="、".join(title.zh for title in titles) + "（以最迟者为准）",
        en="the latest of " + ", ".join(title.en for title in titles),
    )


def _point(point: str, names: NameBook) -> Title:
    return _POINTS.get(point) or names.milestone(point.partition(":")[2])


def is_all(objective: Objective | None) -> bool:
    """Whether it is 100 %."""
    return objective is not None and objective.unit == "share" and objective.relation == ">=" and objective.amount == 1


def objective_words(objective: Objective | None) -> Title:
    """`不超过3个工作日`: what a figure or an amount must be."""
    if objective is None:
        return NO_TARGET
    if is_all(objective):
        return Title(zh="应为100%", en="100%")
    relation = _RELATIONS[objective.relation]
    if objective.unit == "share":
        amount = f"{(objective.amount * 100).normalize():f}%"
        return Title(zh=f"{relation.zh}{amount}", en=f"{relation.en} {amount}")
    unit = measure_title(objective.unit)
    in_zh = _AMOUNTS.get(objective.unit, unit.zh)
    if objective.quota is not None:
        low, high = f"{objective.amount:f}", f"{objective.quota:f}"
        return Title(zh=f"应为{low}至{high}{in_zh}", en=f"{low} to {high} {unit.en}")
    than = "不少于" if objective.relation == ">=" and objective.unit in _COUNTED else relation.zh
    return Title(zh=f"{than}{objective.amount:f}{in_zh}", en=f"{relation.en} {counted_in_english(objective)}")


def objective_or_direction(promise: Promise) -> Title:
    """The objective; where there is none, which way is good."""
    if promise.objective is not None or promise.good_direction is None:
        return objective_words(promise.objective)
    return direction_words(promise.good_direction)


def direction_words(direction: str) -> Title:
    """Which way is good, where the plan prints no number."""
    way = DIRECTIONS[direction]
    return Title(zh=f"应持续{way.zh}（{NO_TARGET.zh}）", en=f"should {way.en} ({NO_TARGET.en})")


def plain_objective(promise: Promise) -> str:
    """The objective in short: `≤ 28 working days by 2021-12-31`; empty if there is none."""
    if promise.objective is None:
        return ""
    by = f" by {promise.target_date.isoformat()}" if promise.target_date else ""
    return f"{target_text(promise.objective)}{by}"


# ---- whose -------------------------------------------------------------------------------------------------
def cases_of(promise: CasePromise, plan: Plan) -> Title:
    """The service items whose cases it is about, and which of them."""
    codes = as_tuple(promise.select.get("service_item", ()))
    named = [
        plan.service_items[code].title if code in plan.service_items else Title(zh=code, en=code) for code in codes
    ]
    if not named:
        whose = Title(zh="全部办件", en="All cases")
    elif len(named) <= 4:
        whose = Title(zh="、".join(title.zh for title in named), en=", ".join(title.en for title in named))
    else:
        first = named[0]
        whose = Title(zh=f"{first.zh}等{len(named)}个事项", en=f"{len(named)} service items, {first.en} among them")
    return _narrowed(whose, promise.select, promise.unless, names_for(promise, plan))


def entries_of(promise: EntryPromise, plan: Plan) -> Title:
    """The collection whose entries it is about, and which of them."""
    known = {collection.id: collection.title for collection in plan.head.collections}
    whose = known.get(promise.collection, Title(zh=promise.collection, en=promise.collection))
    return _narrowed(whose, promise.select, {}, names_for(promise, plan))


def _narrowed(whose: Title, select: Wanted, unless: Wanted, names: NameBook) -> Title:
    narrowed = together([_selected(name, value, names) for name, value in select.items() if name != "service_item"])
    excepted = [clause_words(name, value, names) for name, value in unless.items()]
    parts = [narrowed] if narrowed != NOTHING else []
    if excepted:
        zh, en = "且".join(each.zh for each in excepted), " and ".join(each.en for each in excepted)
        parts.append(Title(zh=f"{zh}的除外", en=f"except {en}"))
    within = together(parts)
    return Title(zh=f"{whose.zh}（{within.zh}）", en=f"{whose.en} ({within.en})") if parts else whose


def _selected(name: str, value: Any, names: NameBook) -> Title:
    """One condition of a selection; entries that are selected by their own code are named."""
    if name != "code" or names.of_case:
        return clause_words(name, value, names)
    entries = [names.value(name, each) for each in as_tuple(value)]
    return Title(zh="、".join(each.zh for each in entries), en=", ".join(each.en for each in entries))


def owing_words(units: tuple[str, ...], plan: Plan) -> Title:
    """The units that owe a report: by name, where they are few."""
    if not units or len(units) > 3:
        return Title(
            zh=f"{len(units)}个单位" if units else "有关单位", en=f"{len(units)} units" if units else "any unit"
        )
    titles = [plan.units[unit].title if unit in plan.units else Title(zh=unit, en=unit) for unit in units]
    return Title(zh="、".join(title.zh for title in titles), en=", ".join(title.en for title in titles))


def case_word(promise: CasePromise, plan: Plan) -> str:
    """案件 of courts and of enforcement, 办件 of all else."""
    codes = [str(code) for code in as_tuple(promise.select.get("service_item", ()))]
    titles = [plan.service_items[code].title.zh for code in codes if code in plan.service_items]
    return "案件" if titles and all(title.endswith("案件") for title in titles) else "办件"


# ---- what is counted ---------------------------------------------------------------------------------------
def share_words(promise: CasePromise, names: NameBook) -> Title:
    """Which cases count in a share, maturity included."""
    clauses = _stop_clauses(promise, names)
    clauses += [clause_words(name, value, names) for name, value in promise.condition.items() if name != "stopped"]
    said = Title(zh=one_of([clause.zh for clause in clauses], "且"), en=" and ".join(clause.en for clause in clauses))
    if promise.maturity == "stop":
        stop = point_words(promise.stop, names)
        return Title(zh=f"{said.zh}（以{stop.zh}时为准）", en=f"{said.en}, as of {stop.en}")
    return said


def _stop_clauses(promise: CasePromise, names: NameBook) -> list[Title]:
    """What a share says of the points at which its clock stops, if anything."""
    stops = [_point(point, names) for point in promise.stop]
    zh, en = "、".join(stop.zh for stop in stops), " and ".join(stop.en for stop in stops)
    if promise.maturity == "completion" and promise.stop != ("completed",):
        return [Title(zh=f"办结前已{zh}", en=f"{en} by completion")]
    return [Title(zh=f"按期{zh}", en=f"{en} in time")] if promise.condition.get("stopped") else []


def measure_words(promise: CasePromise, names: NameBook) -> Title:
    """What a mean or a trend is of."""
    what, _, name = promise.measured.partition(":")
    if what in _DURATIONS:
        start, stop, unit = point_words(promise.start, names), point_words(promise.stop, names), _DURATIONS[what]
        return Title(
            zh=f"从{start.zh}到{stop.zh}的平均用时（{unit.zh}）",
            en=f"the mean time from {start.en} to {stop.en} in {unit.en}",
        )
    return _figure_words(promise, what, name, names)


def _figure_words(promise: CasePromise, what: str, name: str, names: NameBook) -> Title:
    """What a mean or a trend is of that measures no time."""
    match what:
        case "share":
            share = share_words(promise, names)
            word = case_word(promise, names.plan)
            return Title(zh=f"{share.zh}的{word}占比", en=f"the share of cases ({share.en})")
        case "count":
            stop = point_words(promise.stop, names)
            return Title(
                zh=f"已{stop.zh}的{number_word(promise, names.plan, '件数')}",
                en=f"the number of cases that reach {stop.en}",
            )
        case "rating":
            return Title(zh="申请人评价的平均分", en="the mean of the applicants' own scores")
        case "ratio":
            above, below = (names.quantity(each) for each in name.split("/"))
            return Title(
                zh=f"{above.zh}合计占{below.zh}合计的比例", en=f"the ratio of all {above.en} to all {below.en}"
            )
        case "milestone":
            step = names.milestone(name)
            return Title(zh=f"每件平均{step.zh}次数", en=f"the mean number of {step.en} a case")
    quantity = names.quantity(name)
    return Title(zh=f"每件平均{quantity.zh}", en=f"the mean {quantity.en} a case")


_DURATIONS = {
    "working_days": Title(zh="工作日", en="working days"),
    "elapsed_days": Title(zh="自然日", en="days as they pass"),
    "minutes": Title(zh="分钟", en="minutes"),
    "working_minutes": Title(zh="办公时间，分钟", en="minutes of opening hours"),
}


def condition_words(where: Mapping[str, Any], names: NameBook) -> Title:
    return together([clause_words(name, value, names) for name, value in where.items()])


def together(clauses: list[Title]) -> Title:
    return Title(zh="，".join(clause.zh for clause in clauses), en=", ".join(clause.en for clause in clauses))


def clause_words(name: str, value: Any, names: NameBook) -> Title:
    """One condition on a case or an entry."""
    if name == "reached" and not isinstance(value, bool):
        # milestones of a case; an entry's own flag is a word like any
        steps = [names.milestone(str(milestone)) for milestone in as_tuple(value)]
        return Title(
            zh=f"已{'、'.join(step.zh for step in steps)}", en=f"{' and '.join(step.en for step in steps)} reached"
        )
    return names.clause(name, value)


def all_must(what: str, by: str = "") -> str:
    """`应于2021年12月31日前（含当日）全部（100%）纳入名录库`: a condition as what all have to fulfil."""
    return f"应{by}全部（100%）{what.removeprefix('已')}"
