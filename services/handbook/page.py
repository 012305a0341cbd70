"""The page of one promise: the plan's words, how it is judged, who is informed, what sources send, two histories."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any

import orjson

from services.catalog.samples.events import ALL, Expected, Sample
from services.catalog.samples.promise_samples import samples_of
from services.catalog.samples.required_data import Needs, needs_of, sources_for
from services.catalog.words.event_names import EVENT_NAMES, FIELD_NAMES, point_name
from services.catalog.words.names import NameBook, names_for
from services.catalog.words.phrases import date_words, limit_words, maturity_words, point_words
from services.catalog.words.promise_text import STRENGTHS, TIERS, formula, in_words, objective
from services.catalog.words.sample_names import sample_name
from services.catalog.words.source_names import source_title
from services.catalog.words.unit_names import unit_title
from services.catalog.words.wording import COLOUR_OF_A_MISS, SEVERITY_NAMES, SEVERITY_OF_A_MISS, window_names
from services.domain.intake.facts import FACT_TYPE_OF
from services.domain.judging.judgement import Outcome
from services.domain.plan.plan import AttributeSpec, CasePromise, Plan, PlanHead, Promise, Source, Strength, Title
from services.domain.plan.statutory_time import Law
from services.domain.sums.statistic import written
from services.domain.time.limits import Ends, Limit
from services.explanation.words import outcome_word

HEADER = "<!-- Generated from the plan by `python -m services.handbook`. Do not edit: change the plan. -->\n"
_BIGGEST_LIST = 6
"""Of longer lists the first so many are named."""

_FOLLOWS = {
    Strength.HARD: Title(zh="未达标显示为红色", en="a miss is red"),
    Strength.SOFT: Title(
        zh="未达标显示为黄色，待说明理由；一个工作日后仍未说明理由或理由被驳回的，转为红色",
        en="a miss is yellow and awaits a reason; red after a working day without one, or when it is rejected",
    ),
    Strength.ASPIRATIONAL: Title(zh="未达标如实显示，不显示红色", en="a miss is shown as missed, never in red"),
    Strength.DIRECTIONAL: Title(zh="只监测趋势，不作判定", en="shown as a trend, never judged"),
}
_ABOUT = {
    "service_item": Title(zh="事项", en="service items"),
    "collection": Title(zh="目录", en="collection"),
    "duty": Title(zh="报送任务", en="duty"),
    "quantity": Title(zh="报送数据", en="figures"),
}


def page(versions: Sequence[Promise], plan: Plan, law: Law) -> str:
    """The page of a promise, its official entry first and its variants after it."""
    official = versions[0]
    lines = [HEADER, f"# {official.id} {official.title.zh}", "", official.title.en, ""]
    for promise in versions:
        lines += _section(promise, plan, law, alone=len(versions) == 1)
    return "\n".join(lines).rstrip() + "\n"


def _section(promise: Promise, plan: Plan, law: Law, *, alone: bool) -> Iterator[str]:
    if not alone:
        yield f"## {promise.key} · {promise.title.zh} · {promise.title.en}"
        yield ""
    yield f"> {promise.clause}"
    yield ""
    yield from _paragraph(in_words(promise, plan))
    yield from table(("", ""), _facts(promise, plan))
    if promise.notes is not None:
        yield from (f"**说明 Notes.** {promise.notes.zh}", "", " ".join(promise.notes.en.split()), "")
    yield from _choices(promise)
    yield from _heading("通知对象", "Who is notified", alone)
    yield from table(("", ""), _recipients(promise, plan))
    yield from _heading("数据源报送要求", "What a source sends", alone)
    yield from _vocabulary(promise, plan)
    yield from _heading("样例", "Sample events", alone)
    yield from _samples(promise, law)


def _heading(zh: str, en: str, alone: bool) -> Iterator[str]:
    yield f"{'##' if alone else '###'} {zh} {en}"
    yield ""


def _paragraph(words: Title) -> Iterator[str]:
    yield from (words.zh, "", words.en, "")


def _both(title: Title) -> str:
    return f"{title.zh}<br>{title.en}"


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> Iterator[str]:
    """A table of Markdown, and an empty line."""
    yield _row(head)
    yield "|" + "---|" * len(head)
    yield from map(_row, rows)
    yield ""


def _row(cells: Sequence[str]) -> str:
    return "| " + " | ".join(cell.replace("|", "\\|").replace("\n", " ") for cell in cells) + " |"


# ---- what is judged ----------------------------------------------------------------------------------------
def _facts(promise: Promise, plan: Plan) -> Iterator[tuple[str, str]]:
    """How it is judged, in the order in which one asks."""
    yield "公式 Formula", _both(formula(promise))
    target = objective(promise, plan)
    if target.en:
        ours = "（非方案指标 not the plan's own）" if promise.local else ""
        yield "目标 Objective", f"{_both(target)}{ours}"
    yield "类别 Tier", f"{promise.tier}<br>{_both(TIERS[promise.tier])}" if promise.tier else "—"
    yield "约束力 Strength", f"{_both(STRENGTHS[promise.strength])}<br>{_both(_follows(promise, plan))}"
    if isinstance(promise, CasePromise):
        yield from _clock(promise, plan)
    if promise.target_date is not None:
        yield "期限 Date", f"{_both(date_words(promise.target_date))}, 24:00 ({plan.head.timezone})"
    yield from _margins(promise)
    yield from _when(promise, plan.head)


def _follows(promise: Promise, plan: Plan) -> Title:
    """What a miss leads to."""
    follows, card = _FOLLOWS[promise.strength], plan.names.terms.red_card
    if promise.strength is not Strength.HARD or not _has_cards(promise):
        return follows
    return Title(
        zh=f"{follows.zh}；超期或不符合要求的办件发{card.zh}",
        en=f"{follows.en}; a case that is late or breaks the rule gets a {card.en}",
    )


def _has_cards(promise: Promise) -> bool:
    """Whether a single case can miss it: of a mean or a trend none can."""
    return isinstance(promise, CasePromise) and promise.can_be_missed


def _margins(promise: Promise) -> Iterator[tuple[str, str]]:
    """By how much an objective may be missed or exceeded."""
    if promise.tolerance:
        yield "容差 Tolerance", f"{promise.tolerance * 100:f} %".replace(".00", "")
    if promise.objective is not None and promise.objective.quota is not None:
        yield "数量上限 Quota", f"{promise.objective.quota:f}"


def _when(promise: Promise, head: PlanHead) -> Iterator[tuple[str, str]]:
    """In which windows and between which dates it is judged."""
    names = window_names(head)
    yield "正式统计期 Official window", f"{_both(names[promise.official_window])} `{promise.official_window}`"
    others = [names[window] for window in promise.windows if window != promise.official_window]
    if others:
        zh, en = "、".join(each.zh for each in others), ", ".join(each.en for each in others)
        yield "其他统计期 Other windows", f"{zh}<br>{en}"
    yield "最小样本量 Minimum n", f"{promise.minimum_n}"
    until = f" – {promise.effective_to.isoformat()}" if promise.effective_to else ""
    by = _APPLIES_BY[promise.applies_by] if isinstance(promise, CasePromise) else ""
    yield "施行 In force", f"{promise.effective_from.isoformat()}{until}{by}"


def _clock(promise: CasePromise, plan: Plan) -> Iterator[tuple[str, str]]:
    names = names_for(promise, plan)
    yield "计时起点 Clock starts", _both(point_words(promise.start, names))
    yield "计时终点 Clock stops", _both(point_words(promise.stop, names))
    if promise.clock.limit is not None:
        yield "时限 Limit", f"{_both(limit_words(promise.clock.limit))}<br>{_ENDS[_end(promise)]}"
    matures = maturity_words(promise.maturity)
    if matures.zh:
        yield "到期时点 Matures", _both(matures)
    yield "暂停计时事由 Clock is stopped for", _named_codes(promise.clock_stops, names.reason) or "无 none"
    if promise.clock.runs_in:
        yield "只在环节内计时 Clock runs in", _named_codes(promise.clock.runs_in, names.node)


def _end(promise: CasePromise) -> Ends:
    """Minutes end at an instant; days, months and a limit of the case's own as the promise says."""
    limit = promise.clock.limit
    in_minutes = isinstance(limit, Limit) and limit.unit in ("minutes", "working_minutes")
    return Ends.INSTANT if in_minutes else promise.clock.ends


_APPLIES_BY = {"start": "（以办件起算日为准 by the start of the case）", "stop": "（以计时终止日为准 by its stop）"}
_ENDS = {
    Ends.DAY: "至末日24时止 until 24:00 of the last day",
    Ends.CLOSE: "至末日下班时止 until the close of the last day",
    Ends.INSTANT: "至该时刻止 until that instant",
}


def _choices(promise: Promise) -> Iterator[str]:
    if promise.choices:
        yield "**方案未定之处与取舍 What the plan leaves open.**"
        yield ""
        head = ("问题 Question", "采用 Taken", "其他理解 Instead")
        yield from table(
            head,
            ((_both(each.about), _both(each.taken), "<br>".join(map(_both, each.instead))) for each in promise.choices),
        )


def _named_codes(codes: Iterable[str], name: Callable[[str], Title]) -> str:
    """Names, each with its code, as a source sends it."""
    return "<br>".join(f"{name(code).zh} {name(code).en} `{code}`" for code in codes)


_ALERTS = "../alerts.md"
"""What each severity asks for, from a page of a promise."""


# ---- who ---------------------------------------------------------------------------------------------------
def _recipients(promise: Promise, plan: Plan) -> Iterator[tuple[str, str]]:
    yield "牵头单位 Lead", _units(promise.lead, plan)
    if promise.responsible:
        yield "责任单位 Responsible", _units(promise.responsible, plan)
    if promise.owed_units:
        yield "应报单位 Owed by", _units(promise.owed_units, plan)
    if promise.strength is Strength.DIRECTIONAL:
        yield "通知方式 Routing", "不告警<br>never alerts"
        return
    if _has_cards(promise):
        yield (
            "亮牌通知 Cards",
            "先通知当前环节承办单位，再通知牵头单位<br>the unit that holds the current node, then the lead",
        )
    severity, colour = SEVERITY_OF_A_MISS[promise.strength], COLOUR_OF_A_MISS[promise.strength]
    asked, window = SEVERITY_NAMES[severity], window_names(plan.head)[promise.official_window]
    yield (
        "通知方式 Routing",
        f"未达标时：[{asked.zh}]({_ALERTS})（正式统计期：{window.zh}）<br>"
        f"when missed in the official window ({window.en}): [{asked.en}]({_ALERTS}); severity `{severity}`, "
        f"level `{colour}`",
    )


def _units(ids: Iterable[str], plan: Plan) -> str:
    found = [plan.units[unit].title for unit in ids if unit in plan.units]
    return f"{'、'.join(title.zh for title in found)}<br>{'; '.join(title.en for title in found)}"


# ---- what is sent ------------------------------------------------------------------------------------------
def _vocabulary(promise: Promise, plan: Plan) -> Iterator[str]:
    needs = needs_of(promise, plan)
    yield from table(("", ""), _needed(needs, plan, names_for(promise, plan)))
    if needs.attributes:
        head = ("属性 Attribute", "类型 Type", "取值 Values", "本承诺所用 Used here")
        names = names_for(promise, plan)
        yield from table(head, (_attribute(name, spec, promise, names) for name, spec in needs.attributes))
    sources = ("数据源 Source", "通常间隔 Usual delay", "可代报单位 Units")
    yield from table(sources, (_source(source, plan) for source in sources_for(promise, plan)))


def _needed(needs: Needs, plan: Plan, names: NameBook) -> Iterator[tuple[str, str]]:
    about = _ABOUT[needs.about]
    subjects = [f"{_title(needs, code, plan)} `{code}`".strip() for code in needs.subjects[:_BIGGEST_LIST]]
    more = len(needs.subjects) - len(subjects)
    yield f"{about.zh} {about.en}", "<br>".join((*subjects, *([f"… {more} 项 more"] if more else [])))
    named: tuple[tuple[str, Sequence[str], Callable[[str], Title]], ...] = (
        ("节点事件 Events", needs.points, point_name),
        ("字段 Fields", needs.fields, lambda code: _field(code, names)),
        ("节点 Milestones", needs.milestones, names.milestone),
        ("环节 Nodes", needs.nodes, names.node),
        ("数量 Quantities", needs.quantities, names.quantity),
    )
    for title, codes, name in named:
        if codes:
            yield title, _named_codes(codes, name)


def _title(needs: Needs, code: str, plan: Plan) -> str:
    match needs.about:
        case "service_item":
            title = plan.service_items[code].title if code in plan.service_items else None
        case "collection":
            title = next((each.title for each in plan.head.collections if each.id == code), None)
        case "duty":
            title = plan.head.duties.get(code)
        case _:
            title = plan.head.figures.get(code)
    return f"{title.zh} {title.en}" if title is not None else ""


def _field(code: str, names: NameBook) -> Title:
    """A field of an event's data; of `case.extended` the event."""
    return FIELD_NAMES.get(code) or (point_name(code[5:]) if code.startswith("case.") else names.attribute(code))


_TYPES = {
    "bool": Title(zh="是否", en="yes or no"),
    "integer": Title(zh="整数", en="whole number"),
    "number": Title(zh="数字", en="number"),
    "code": Title(zh="代码", en="code"),
    "codes": Title(zh="多个代码", en="codes"),
    "text": Title(zh="文本", en="text"),
}
_PARTS = {
    "select": Title(zh="适用范围", en="select"),
    "unless": Title(zh="除外", en="unless"),
    "where": Title(zh="条件", en="where"),
    "stop_owed_if": Title(zh="须有终点", en="stop owed if"),
}


def _attribute(name: str, spec: AttributeSpec, promise: Promise, names: NameBook) -> tuple[str, str, str, str]:
    used = [
        f"{_PARTS[part].zh} {_PARTS[part].en}: {_wanted(wanted[name])}"
        for part, wanted in promise.conditions().items()
        if name in wanted
    ]
    values = _named_codes(spec.values, lambda value: names.value(name, value))
    if spec.type == "bool":
        values = "<br>".join(f"{names.clause(name, flag).zh} `{str(flag).lower()}`" for flag in (True, False))
    return f"{_both(names.attribute(name))}<br>`{name}`", _both(_TYPES[spec.type]), values, "; ".join(used)


def _wanted(value: Any) -> str:
    values = value if isinstance(value, tuple | list) else (value,)
    return " / ".join(f"`{str(each).lower() if isinstance(each, bool) else each}`" for each in values)


def _source(source: Source, plan: Plan) -> tuple[str, str, str]:
    delay = _both(limit_words(source.usual_delay)) if source.usual_delay is not None else "—"
    if "*" in source.units:
        return _named_source(source.id, plan), delay, "全部 any"
    units = "、".join(f"{unit_title(unit, plan).zh} `{unit}`" for unit in source.units[:_BIGGEST_LIST])
    all_of_them = len(source.units)
    more = f" 等{all_of_them}个单位 {all_of_them} in all" if all_of_them > _BIGGEST_LIST else ""
    return _named_source(source.id, plan), delay, units + more


def _named_source(source: str, plan: Plan) -> str:
    """A source with its title."""
    title = source_title(source, plan)
    return f"`{source}`" if title.zh == source else f"{title.zh}<br>`{source}`"


# ---- samples -----------------------------------------------------------------------------------------------
def _samples(promise: Promise, law: Law) -> Iterator[str]:
    for sample in samples_of(promise, law):
        title = sample_name(sample.name, promise)
        yield f"**{title.zh} {title.en}.** {_verdict(sample, promise, law)}"
        yield ""
        head = ("时间 Time", "数据源 Source", "类型 Type", "内容 Data")
        yield from table(head, (_event(event) for event in sample.events))
        yield from _as_file(sample)


def _verdict(sample: Sample, promise: Promise, law: Law) -> str:
    """What is seen as of the sample's time."""
    expected = sample.expected
    outcome = "不计入 nothing"
    if expected.outcome is not None:
        outcome = f"{outcome_word(Outcome(expected.outcome), promise).zh} `{expected.outcome}`"
    return f"截至 as of {law.zone.text(sample.as_of)[:10]}：{outcome}；{_figure(expected, law.plan)}"


def _figure(expected: Expected, plan: Plan) -> str:
    of = "" if expected.unit == ALL else f"（{unit_title(expected.unit, plan).zh} `{expected.unit}`）"
    numerator = "" if expected.numerator is None else f"分子 numerator {expected.numerator}，"
    value = written(expected.value) or "—"
    return f"{numerator}样本量 n {expected.n}，完成值 value {value}{of}"


def _event(event: Mapping[str, Any]) -> tuple[str, str, str, str]:
    time = event["time"].replace("T", " ").partition("+")[0]
    data = orjson.dumps(event["data"]).decode()
    name = EVENT_NAMES[FACT_TYPE_OF[event["type"]]]
    return time, f"`{event['source']}`", f"{name} `{event['type']}`", f"`{data}`"


def _as_file(sample: Sample) -> Iterator[str]:
    """The same as lines for `kpiwatch validate` and `kpiwatch replay`."""
    yield "<details><summary>JSONL</summary>"
    yield ""
    yield "```json"
    for event in sample.events:
        yield orjson.dumps(event).decode()
    yield "```"
    yield ""
    yield "</details>"
    yield ""
