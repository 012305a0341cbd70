"""The index of all promises by measure, for a person of the operations centre: Chinese with English beside it."""

import re
from collections.abc import Iterator, Mapping, Sequence

from services.catalog.words.promise_text import STRENGTHS, TIERS, in_words, tier_counts
from services.domain.plan.plan import Plan, Promise
from services.handbook.page import HEADER, table

_MEASURE = re.compile(r"^ *(\d{1,2})[．.]([^。]+)。", re.MULTILINE)
_CHAPTER = re.compile(r"^ *([一二三四五六七八九十])、(.+)$", re.MULTILINE)


def index(groups: Mapping[str, Sequence[Promise]], plan: Plan, text: str) -> str:
    """The page that leads to all pages. `groups`: by promise, its official entry first; `text`: the plan's."""
    headings = dict((*_MEASURE.findall(text), *_CHAPTER.findall(text)))
    officials = [versions[0] for versions in groups.values()]
    entries = sum(len(versions) for versions in groups.values())
    lines = [HEADER, f"# {plan.head.title.zh}", "", plan.head.title.en, ""]
    lines.append(f"{plan.head.number} · {plan.head.issued.isoformat()} · 版本 version {plan.head.version}")
    lines += ["", f"{len(officials)} 项承诺，{entries} 条定义。{len(officials)} promises in {entries} entries.", ""]
    lines += _tiers(officials)
    lines += _strengths(officials)
    for measure in dict.fromkeys(promise.item for promise in officials):
        mine = [promise for promise in officials if promise.item == measure]
        lines += _measure(measure, headings.get(str(measure), ""), mine, groups, plan)
    return "\n".join(lines).rstrip() + "\n"


def _tiers(promises: Sequence[Promise]) -> Iterator[str]:
    rows = [
        (tier, str(count), f"{TIERS[tier].zh}<br>{TIERS[tier].en}") for tier, count in tier_counts(promises).items()
    ]
    yield from table(("类别 Tier", "承诺数 Promises", "含义 Meaning"), rows)


def _strengths(promises: Sequence[Promise]) -> Iterator[str]:
    rows = [
        (f"{title.zh}<br>{title.en}", str(sum(promise.strength is strength for promise in promises)))
        for strength, title in STRENGTHS.items()
    ]
    yield from table(("约束力 Strength", "承诺数 Promises"), rows)


def _measure(
    measure: int | str, heading: str, promises: Sequence[Promise], groups: Mapping[str, Sequence[Promise]], plan: Plan
) -> Iterator[str]:
    name = f"Measure {measure}" if isinstance(measure, int) else f"Section {measure}"
    number = f"{measure}．" if isinstance(measure, int) else f"{measure}、"
    yield f"## {number}{heading} · {name}" if heading else f"## {name}"
    yield ""
    rows = (_promise(promise, groups[promise.id][1:], plan) for promise in promises)
    yield from table(("", "承诺 Promise", "类别 Tier", "牵头单位 Lead"), rows)


def _promise(promise: Promise, variants: Sequence[Promise], plan: Plan) -> tuple[str, str, str, str]:
    words = in_words(promise, plan)
    others = "；".join(f"{each.title.zh} {each.title.en}" for each in variants)
    beside = f"<br>并列口径 beside it: {others}" if others else ""
    said = f"**{promise.title.zh}** {promise.title.en}<br>{words.zh}<br>{words.en}{beside}"
    leads = [plan.units[unit].title for unit in promise.lead if unit in plan.units]
    lead = "<br>".join(f"{title.zh} {title.en}" for title in leads)
    return f"[{promise.id}]({promise.id}.md)", said, promise.tier or "", lead
