"""The table of the plan's annex in the index of promises: which row is measured by what, and which of its words are."""

import re
from collections.abc import Iterable, Iterator, Sequence

from services.catalog.load.annex import AnnexRow
from services.domain.plan.plan import Plan, Promise, Strength, Title
from services.handbook.page import table

_HEAD = ("行 Row", "主要内容 Text", "承诺 Promises", "牵头单位 Lead")
_ABOUT = """\
## 任务分解表 · The annex, row by row

{rows} 行中，{covered} 行有承诺引用其原文。加粗的文字有承诺计量；未加粗的没有，多为工作方法，未载明可计数的事实。

{covered} of {rows} rows are quoted by a promise. Words in bold are measured by it. The others are measured by none:
most say how to work, and name no fact that could be counted.

- 判定 judged: 有目标，按目标评价。The figure is held against an objective.
- 限期 due: 须在该日前完成。To be reached by a date.
- 监测 trend: 方案未定数值，只看趋势，不评价。No number is printed: shown, never judged.
- 非方案指标 local: 其中的期限、日期或容差为本系统所定。A limit, a date or a tolerance of it is not the plan's.

"""


def annex_table(rows: Sequence[AnnexRow], plan: Plan) -> str:
    """The section of the index; empty for a plan without an annex."""
    if not rows:
        return ""
    covered = sum(bool(row.quoted_by(plan.promises)) for row in rows)
    lines = table(_HEAD, (_row(row, row.quoted_by(plan.promises)) for row in rows))
    return "\n" + _ABOUT.format(covered=covered, rows=len(rows)) + "\n".join(lines).rstrip() + "\n"


def _row(row: AnnexRow, promises: Sequence[Promise]) -> tuple[str, str, str, str]:
    measured = "<br>".join(_promises(promises)) or "—（未载明可计量的内容 nothing in it can be counted）"
    return row.row, _with_measured_words(row.text, promises), measured, "、".join(sorted(row.leads))


def _promises(promises: Iterable[Promise]) -> Iterator[str]:
    for promise in promises:
        if promise.is_official:
            how = _how(promise)
            yield f"[{promise.id}]({promise.id}.md) {promise.title.zh}（{how.zh} {how.en}）"


def _how(promise: Promise) -> Title:
    """How it is measured, in a word."""
    if promise.strength is Strength.DIRECTIONAL:
        how = Title(zh="监测", en="trend")
    elif promise.target_date is not None:
        how = Title(zh=f"限期{promise.target_date}", en="due")
    else:
        how = Title(zh="判定", en="judged")
    return Title(zh=f"{how.zh}，非方案指标", en=f"{how.en}, local") if promise.local else how


def _with_measured_words(text: str, promises: Iterable[Promise]) -> str:
    """The text with the words that a promise quotes in bold."""
    marked = [False] * len(text)
    for promise in promises:
        start = text.index(promise.clause)
        marked[start : start + len(promise.clause)] = [True] * len(promise.clause)
    flags = "".join("x" if each else "-" for each in marked)
    parts = [(each.group()[0] == "x", text[each.start() : each.end()]) for each in re.finditer("x+|-+", flags)]
    return "".join(f"<b>{part}</b>" if measured else part for measured, part in parts)
