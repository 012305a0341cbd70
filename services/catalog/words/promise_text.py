"""A promise as a sentence, in Chinese and English: what it says of which cases, without a look into its entry."""

from collections.abc import Iterable, Mapping
from datetime import date
from typing import Any

from services.catalog.words.wording import objective_text, unit_of_measure
from services.domain.plan.plan import BY_EVENT, CASELESS, Kind, Objective, Plan, Promise, Strength, Tier, Title
from services.domain.time.limits import Limit

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
STRENGTHS: Mapping[Strength, Title] = {
    Strength.HARD: Title(zh="刚性（应、不得、确保）", en="hard: red when missed"),
    Strength.SOFT: Title(zh="原则性（原则上）", en="soft: red only without an accepted reason"),
    Strength.ASPIRATIONAL: Title(zh="鼓励性（力争、推动）", en="aspirational: missed, never red"),
    Strength.DIRECTIONAL: Title(zh="方向性（方案未定数值）", en="directional: the plan prints no threshold"),
}
TIERS: Mapping[Tier, Title] = {
    Tier.H: Title(zh="方案载明数值、零或日期", en="a number, a zero or a date is printed"),
    Tier.C: Title(zh="全覆盖或强制性要求，未载明数值", en="full coverage or mandatory wording, no number printed"),
    Tier.Q: Title(zh="定性要求，只看趋势", en="qualitative: a direction, never judged"),
}
_RELATIONS = {
    "<=": Title(zh="不超过", en="at most"),
    ">=": Title(zh="不低于", en="at least"),
    "=": Title(zh="等于", en="exactly"),
}
_DIRECTIONS = {"rising": Title(zh="上升", en="rise"), "falling": Title(zh="下降", en="fall")}


def tier_counts(promises: Iterable[Promise]) -> dict[Tier, int]:
    """How many promises (not variants) are of each tier; empty where a plan has none."""
    by_id = {promise.id: promise.tier for promise in promises}
    return {tier: count for tier in Tier if (count := sum(each is tier for each in by_id.values()))}


def in_words(promise: Promise, plan: Plan) -> Title:
    """What the promise says, one sentence in each language."""
    whose = _population(promise, plan)
    start, stop = point_words(promise.start), point_words(promise.stop)
    objective = _objective(promise)
    match promise.kind:
        case Kind.CASE_LIMIT:
            limit, inside = limit_words(promise.limit), _running(promise)
            zh = f"从{start.zh}到{stop.zh}，{inside.zh}每件不超过{limit.zh}"
            en = f"from {start.en} to {stop.en} within {limit.en}{inside.en}, every case"
        case Kind.CASE_MEAN if promise.measure in ("working_days", "elapsed_days", "minutes", "working_minutes"):
            zh = f"从{start.zh}到{stop.zh}，平均{objective.zh}"
            en = f"from {start.en} to {stop.en}, {objective.en} on average"
        case Kind.CASE_MEAN if promise.measure == "rating" or str(promise.measure).startswith("ratio:"):
            mean = _measured(promise, start, stop)
            zh, en = f"{mean.zh}{objective.zh}", f"{mean.en} {objective.en}"
        case Kind.CASE_MEAN:
            zh, en = f"每件平均{objective.zh}", f"{objective.en} a case on average"
        case Kind.MEAN_REDUCTION:
            zh = f"从{start.zh}到{stop.zh}的实际用时比法定时限平均减少{objective.zh}"
            en = f"time from {start.en} to {stop.en} reduced against the statutory limit by {objective.en} on average"
        case Kind.CASE_SHARE:
            share = _counted(promise)
            zh, en = f"{share.zh}的办件占比{objective.zh}", f"share of cases with {share.en}: {objective.en}"
        case Kind.CASE_BOUND:
            counts = [_bounded(count) for count in promise.counts]
            within = _matured(promise, start)
            zh = f"{within.zh}每件的{'、'.join(count.zh for count in counts)}{'各' * (len(counts) > 1)}{objective.zh}"
            alone = ", each by itself" if len(counts) > 1 else ""
            en = f"{', '.join(count.en for count in counts)} {objective.en} in every case{within.en}{alone}"
        case Kind.CATALOGUE:
            zh, en = _of_entries(promise, objective)
        case Kind.DUTY if promise.period == "once":
            zh, en = f"一次，{promise.by}前完成", f"once, by {promise.by}"
        case Kind.DUTY:
            zh, en = "每月一次，月末前完成", "once a month, by the end of its last day"
        case Kind.FIGURE:
            zh, en = _of_figures(promise, plan, objective)
        case Kind.NODE_DURATION:
            nodes = "、".join(promise.nodes)
            zh, en = f"各节点用时（{nodes}）", f"time in each node ({', '.join(promise.nodes)}), no target"
        case Kind.TREND:
            way = _DIRECTIONS[promise.direction or "rising"]
            trend = _measured(promise, start, stop)
            zh, en = f"{trend.zh}持续{way.zh}（无目标值）", f"{trend.en} is to {way.en}, no target"
    nearly, until = _tolerated(promise), _invented(promise, plan)
    return Title(zh=f"{whose.zh}：{zh}{nearly.zh}{until.zh}。", en=f"{whose.en}: {en}{nearly.en}{until.en}.")


def _invented(promise: Promise, plan: Plan) -> Title:
    """That nothing is said of it yet, where its list is a placeholder."""
    if not plan.is_invented(promise):
        return Title(zh="", en="")
    return Title(
        zh="（清单尚为占位，替换前不予评价）", en="; its list is a placeholder: unmeasured until it is replaced"
    )


def _of_entries(promise: Promise, objective: Title) -> tuple[str, str]:
    """What is taken over the entries of a catalogue."""
    by = Title(zh=f"{promise.by}前", en=f" by {promise.by}") if promise.by else Title(zh="", en="")
    of_list = Title(zh="", en="")
    if promise.listed:
        codes = len(set(promise.listed))
        of_list = Title(zh=f"清单{codes}项中", en=f" of the {codes} on the list")
    where = _wanted(promise.where)
    match promise.statistic:
        case "share":
            zh, en = (
                f"{where.zh or '已登记者'}的占比",
                f"share{of_list.en}{f' with {where.en}' if where.en else ' that is there'}",
            )
        case "count":
            zh, en = f"{where.zh and f'{where.zh}的'}数量", f"number{of_list.en}{where.en and f' with {where.en}'}"
        case "in_sync":
            copies = ", ".join(promise.copies)
            zh, en = (
                f"{copies}与{promise.master}版本一致的占比",
                f"share in the version of {promise.master} on {copies}",
            )
        case "sum":
            zh, en = f"{promise.quantity}合计", f"sum of {promise.quantity}{where.en and f' with {where.en}'}"
        case _:
            zh, en = f"{promise.quantity}平均", f"mean of {promise.quantity}"
    return f"{by.zh}{of_list.zh}{zh}{objective.zh}", f"{en}: {objective.en}{by.en}"


def _of_figures(promise: Promise, plan: Plan, objective: Title) -> tuple[str, str]:
    """What is divided by what."""
    names = [_figure(name, plan) for name in (promise.numerator, promise.denominator)]
    zh, en = "÷".join(name.zh for name in names), " ÷ ".join(name.en for name in names)
    if promise.numerator == promise.denominator:
        zh, en = f"{names[0].zh}占比", f"share of {names[0].en}"
    when = Title(zh="逐月", en="month by month")
    if promise.period == "once":
        when = Title(zh=f"{promise.by}前一次", en=f"once, by {promise.by}")
    elif promise.statistic == "stock":
        when = Title(zh="以最近一月为准", en="of the last month reported")
    return f"{when.zh}，{zh}{objective.zh}", f"{en}, {when.en}: {objective.en}"


def _figure(name: str | None, plan: Plan) -> Title:
    return plan.head.figures.get(name or "", Title(zh=name or "", en=name or ""))


def _tolerated(promise: Promise) -> Title:
    """基本: how much may be missing before it is missed."""
    if not promise.tolerance:
        return Title(zh="", en="")
    points = f"{(promise.tolerance * 100).normalize():f}"
    return Title(
        zh=f"（差距不超过{points}个百分点的，为有风险而非未达标）",
        en=f" (short of it by no more than {points} points: at risk, not missed)",
    )


def limit_words(limit: object) -> Title:
    """A limit, or the name of one that the case itself declares."""
    if isinstance(limit, Limit):
        return Title(zh=f"{limit.amount}{_LIMIT_UNITS[limit.unit]}", en=str(limit).replace("_", " "))
    return _LIMITS.get(str(limit), Title(zh="未定时限", en="no limit"))


def _objective(promise: Promise) -> Title:
    bound: Objective | None = promise.bound if promise.kind is Kind.CASE_BOUND else promise.objective
    if bound is None and promise.kind in CASELESS and promise.direction:
        way = _DIRECTIONS[promise.direction]
        return Title(zh=f"持续{way.zh}（无目标值）", en=f"to {way.en}, no target")
    if bound is None:
        return Title(zh="（无目标值）", en=objective_text(promise) or "no target")
    relation = _RELATIONS[bound.relation]
    if bound.unit == "share":
        amount = f"{(bound.amount * 100).normalize():f}%"
        return Title(zh=f"{relation.zh}{amount}", en=f"{relation.en} {amount}")
    unit = unit_of_measure(promise.model_copy(update={"kind": Kind.CASE_MEAN, "objective": bound}))
    if bound.quota is not None:
        return Title(zh=f"{bound.written}{unit.zh}", en=f"{bound.amount:f} to {bound.quota:f} {unit.en}")
    return Title(zh=f"{relation.zh}{bound.amount:f}{unit.zh}", en=f"{relation.en} {bound.amount:f} {unit.en}")


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


def _population(promise: Promise, plan: Plan) -> Title:
    """Whose cases, entries or duties."""
    if promise.duty:
        owed = len(promise.owed_by)
        duty = plan.head.duties.get(promise.duty, Title(zh=promise.duty, en=promise.duty))
        return Title(zh=f"{duty.zh}（{owed}个单位）", en=f"{duty.en} ({owed} units)")
    if promise.kind is Kind.FIGURE:
        told = len(promise.owed_by)
        of = Title(zh=f"（{told}个单位）", en=f" ({told} units)") if told else Title(zh="", en="")
        return Title(zh=f"数据报送{of.zh}", en=f"Reported figures{of.en}")
    if promise.collection:
        known = {collection.id: collection.title for collection in plan.head.collections}
        whose = known.get(promise.collection, Title(zh=promise.collection, en=promise.collection))
    else:
        codes = _as_tuple(promise.select.get("service_item", ()))
        named = [
            plan.service_items[code].title if code in plan.service_items else Title(zh=code, en=code) for code in codes
        ]
        if not named:
            whose = Title(zh="全部办件", en="All cases")
        elif len(named) <= 3:
            whose = Title(zh="、".join(title.zh for title in named), en=", ".join(title.en for title in named))
        else:
            whose = Title(zh=f"{len(named)}个事项", en=f"{len(named)} service items")
    narrowed = _wanted({name: value for name, value in promise.select.items() if name != "service_item"})
    clauses = [_clause(name, value) for name, value in promise.unless.items()]
    excepted = Title(zh="且".join(each.zh for each in clauses), en=" and ".join(each.en for each in clauses))
    zh = [part for part in (narrowed.zh, f"{excepted.zh}的除外" if excepted.zh else "") if part]
    en = [part for part in (narrowed.en, f"except {excepted.en}" if excepted.en else "") if part]
    return Title(zh=f"{whose.zh}（{'，'.join(zh)}）", en=f"{whose.en} ({', '.join(en)})") if zh else whose


# ---- what is counted ---------------------------------------------------------------------------------------
def _counted(promise: Promise) -> Title:
    """Which cases count in a share, maturity included."""
    stop = point_words(promise.stop)
    clauses = [_clause(name, value) for name, value in promise.where.items() if name != "stopped"]
    if promise.matures_at == "completion" and promise.stop != ("completed",):
        names = [point_words([point]) for point in promise.stop]
        zh, en = "、".join(name.zh for name in names), " and ".join(name.en for name in names)
        clauses.insert(0, Title(zh=f"办结前达到{zh}", en=f"{en} by completion"))
    elif promise.where.get("stopped"):
        clauses.insert(0, Title(zh=f"按期{stop.zh}", en=f"{stop.en} in time"))
    if promise.matures_at == "stop":
        clauses.append(Title(zh=f"以{stop.zh}时为准", en=f"as of {stop.en}"))
    return _together(clauses)


def _measured(promise: Promise, start: Title, stop: Title) -> Title:
    """What a mean or a trend is of."""
    what, _, name = (promise.measure or "").partition(":")
    if what in _DURATIONS:
        unit = _DURATIONS[what]
        return Title(
            zh=f"从{start.zh}到{stop.zh}的平均用时（{unit.zh}）",
            en=f"the mean time from {start.en} to {stop.en} in {unit.en}",
        )
    match what:
        case "share":
            share = _counted(promise)
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


def _bounded(count: str) -> Title:
    """What a bound is about."""
    what, _, name = count.partition(":")
    match what:
        case "milestone":
            return Title(zh=f"“{name}”次数", en=name)
        case "attribute":
            return Title(zh=f"{name}的个数", en=f"the number of {name}")
        case "ratio":
            return Title(zh=name.replace("/", "÷"), en=name.replace("/", " ÷ "))
        case "order":
            first, _, then = name.partition("<")
            return Title(zh=f"“{first}”之前已“{then}”的次数", en=f"{then} without {first} before it")
    return Title(zh=name, en=name)


def _matured(promise: Promise, start: Title) -> Title:
    """By when what is bounded is judged, where the completion does not say it."""
    matures = promise.limit if promise.matures_at == "limit" else promise.matures_at
    if matures is None or matures in BY_EVENT:
        return Title(zh="", en="")
    if isinstance(matures, date):
        return Title(zh=f"至{matures}，", en=f" by {matures}")
    limit = limit_words(matures)
    return Title(zh=f"{start.zh}后{limit.zh}内，", en=f" within {limit.en} of {start.en}")


def _running(promise: Promise) -> Title:
    """In which nodes the clock runs, where it does not run throughout."""
    if not promise.runs_in:
        return Title(zh="", en="")
    zh, en = "、".join(promise.runs_in), ", ".join(promise.runs_in)
    return Title(zh=f"只计在环节（{zh}）内的时间，", en=f", counting only the time in its nodes ({en})")


def _wanted(where: Mapping[str, Any]) -> Title:
    return _together([_clause(name, value) for name, value in where.items()])


def _together(clauses: list[Title]) -> Title:
    return Title(zh="，".join(clause.zh for clause in clauses), en=", ".join(clause.en for clause in clauses))


def _clause(name: str, value: Any) -> Title:
    """One condition on a case or an entry."""
    if name == "reached" and not isinstance(
        value, bool
    ):  # milestones of a case; an entry's own flag is a word like any
        zh = "、".join(f"“{milestone}”" for milestone in _as_tuple(value))
        return Title(zh=f"已达到{zh}", en=f"{' and '.join(_as_tuple(value))} reached")
    if name == "extended" and isinstance(value, bool):
        return Title(zh="已获延期" if value else "未获延期", en="an extension" if value else "no extension")
    words = [_word(each) for each in _as_tuple(value)]
    return Title(zh=f"{name} {' / '.join(words)}", en=f"{name} {' or '.join(words)}")


def _word(value: object) -> str:
    return {"True": "yes", "False": "no"}.get(str(value), str(value))


def _as_tuple(value: Any) -> tuple[Any, ...]:
    return tuple(value) if isinstance(value, list | tuple) else (value,)
