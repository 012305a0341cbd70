"""Phrases of which the sentences of the kinds are made, in Chinese and English."""

from collections.abc import Iterable, Mapping
from typing import Any

from services.catalog.words.wording import target_text, unit_title
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
    "=": Title(zh="等于", en="exactly"),
}
DIRECTIONS = {"rising": Title(zh="上升", en="rise"), "falling": Title(zh="下降", en="fall")}
_NO_TARGET = Title(zh="（无目标值）", en="no target")


# ---- limits, points, objectives ----------------------------------------------------------------------------
def limit_words(limit: object) -> Title:
    """A limit, or the name of one that the case itself declares."""
    if isinstance(limit, Limit):
        return Title(zh=f"{limit.amount}{_LIMIT_UNITS[limit.unit]}", en=str(limit).replace("_", " "))
    return _LIMITS.get(str(limit), Title(zh="未定时限", en="no limit"))


def point_words(points: Iterable[str]) -> Title:
    """Points of a clock, as one reads them."""
    titles = [
        _POINTS.get(point, Title(zh=f"“{point.partition(':')[2]}”", en=point.partition(":")[2])) for point in points
    ]
    if len(titles) == 1:
        return titles[0]
    return Title(
        zh="、".join(title.zh for title in titles) + "中最晚者",
        en="the latest of " + ", ".join(title.en for title in titles),
    )


def objective_words(objective: Objective | None) -> Title:
    """`不超过3个工作日`: what a figure or an amount must be."""
    if objective is None:
        return _NO_TARGET
    relation = _RELATIONS[objective.relation]
    if objective.unit == "share":
        amount = f"{(objective.amount * 100).normalize():f}%"
        return Title(zh=f"{relation.zh}{amount}", en=f"{relation.en} {amount}")
    unit = unit_title(objective.unit)
    if objective.quota is not None:
        return Title(zh=f"{objective.written}{unit.zh}", en=f"{objective.amount:f} to {objective.quota:f} {unit.en}")
    return Title(zh=f"{relation.zh}{objective.amount:f}{unit.zh}", en=f"{relation.en} {objective.amount:f} {unit.en}")


def objective_or_direction(promise: Promise) -> Title:
    """The objective; where there is none, which way is good."""
    if promise.objective is not None or promise.good_direction is None:
        return objective_words(promise.objective)
    way = DIRECTIONS[promise.good_direction]
    return Title(zh=f"持续{way.zh}（无目标值）", en=f"to {way.en}, no target")


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
    elif len(named) <= 3:
        whose = Title(zh="、".join(title.zh for title in named), en=", ".join(title.en for title in named))
    else:
        whose = Title(zh=f"{len(named)}个事项", en=f"{len(named)} service items")
    return _narrowed(whose, promise.select, promise.unless)


def entries_of(promise: EntryPromise, plan: Plan) -> Title:
    """The collection whose entries it is about, and which of them."""
    known = {collection.id: collection.title for collection in plan.head.collections}
    whose = known.get(promise.collection, Title(zh=promise.collection, en=promise.collection))
    return _narrowed(whose, promise.select, {})


def _narrowed(whose: Title, select: Wanted, unless: Wanted) -> Title:
    narrowed = condition_words({name: value for name, value in select.items() if name != "service_item"})
    excepted = [clause_words(name, value) for name, value in unless.items()]
    parts = [narrowed] if narrowed != NOTHING else []
    if excepted:
        zh, en = "且".join(each.zh for each in excepted), " and ".join(each.en for each in excepted)
        parts.append(Title(zh=f"{zh}的除外", en=f"except {en}"))
    within = together(parts)
    return Title(zh=f"{whose.zh}（{within.zh}）", en=f"{whose.en} ({within.en})") if parts else whose


# ---- what is counted ---------------------------------------------------------------------------------------
def share_words(promise: CasePromise) -> Title:
    """Which cases count in a share, maturity included."""
    stop = point_words(promise.stop)
    clauses = [clause_words(name, value) for name, value in promise.condition.items() if name != "stopped"]
    if promise.maturity == "completion" and promise.stop != ("completed",):
        names = [point_words([point]) for point in promise.stop]
        zh, en = "、".join(name.zh for name in names), " and ".join(name.en for name in names)
        clauses.insert(0, Title(zh=f"办结前达到{zh}", en=f"{en} by completion"))
    elif promise.condition.get("stopped"):
        clauses.insert(0, Title(zh=f"按期{stop.zh}", en=f"{stop.en} in time"))
    if promise.maturity == "stop":
        clauses.append(Title(zh=f"以{stop.zh}时为准", en=f"as of {stop.en}"))
    return together(clauses)


def measure_words(promise: CasePromise) -> Title:
    """What a mean or a trend is of."""
    what, _, name = promise.measured.partition(":")
    start, stop = point_words(promise.start), point_words(promise.stop)
    if what in _DURATIONS:
        unit = _DURATIONS[what]
        return Title(
            zh=f"从{start.zh}到{stop.zh}的平均用时（{unit.zh}）",
            en=f"the mean time from {start.en} to {stop.en} in {unit.en}",
        )
    match what:
        case "share":
            share = share_words(promise)
            return Title(zh=f"{share.zh}的办件占比", en=f"the share of cases with {share.en}")
        case "count":
            return Title(zh=f"达到{stop.zh}的件数", en=f"the number of cases that reach {stop.en}")
        case "rating":
            return Title(zh="申请人评价的平均分", en="the mean of the applicants' own scores")
        case "ratio":
            above, _, below = name.partition("/")
            return Title(zh=f"{above}合计与{below}合计之比", en=f"the ratio of all {above} to all {below}")
        case "milestone":
            return Title(zh=f"每件平均“{name}”次数", en=f"the mean number of {name} a case")
    return Title(zh=f"每件平均{name}", en=f"the mean {name} a case")


_DURATIONS = {
    "working_days": Title(zh="工作日", en="working days"),
    "elapsed_days": Title(zh="历时，日", en="days as they pass"),
    "minutes": Title(zh="分钟", en="minutes"),
    "working_minutes": Title(zh="办公时间，分钟", en="minutes of opening hours"),
}


def condition_words(where: Mapping[str, Any]) -> Title:
    return together([clause_words(name, value) for name, value in where.items()])


def together(clauses: list[Title]) -> Title:
    return Title(zh="，".join(clause.zh for clause in clauses), en=", ".join(clause.en for clause in clauses))


def clause_words(name: str, value: Any) -> Title:
    """One condition on a case or an entry."""
    if name == "reached" and not isinstance(
        value, bool
    ):  # milestones of a case; an entry's own flag is a word like any
        zh = "、".join(f"“{milestone}”" for milestone in as_tuple(value))
        return Title(zh=f"已达到{zh}", en=f"{' and '.join(as_tuple(value))} reached")
    if name == "extended" and isinstance(value, bool):
        return Title(zh="已获延期" if value else "未获延期", en="an extension" if value else "no extension")
    words = [_word(each) for each in as_tuple(value)]
    return Title(zh=f"{name} {' / '.join(words)}", en=f"{name} {' or '.join(words)}")


def _word(value: object) -> str:
    return {"True": "yes", "False": "no"}.get(str(value), str(value))
