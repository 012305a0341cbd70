"""What a published verdict on a case, and its record in the ledger, say in words: 超期 belongs to limits. What is
counted, bounded or a share is 不符合."""

from collections.abc import Mapping
from typing import Final

from services.catalog.words.sample_names import is_by_limit
from services.domain.plan.plan import Promise, Title
from services.domain.results.cards import WHOLE


def miss_word(promise: Promise | None) -> str:
    """A miss in Chinese; None: of a promise that the plan does not have."""
    if promise is None:
        return "超期或不符合"
    return "超期" if is_by_limit(promise) else "不符合"


def miss_of_card(promise: Promise | None, node: str, due: str) -> str:
    """A miss in Chinese, of a red card: where a node has a limit of its own, that is what it missed. `due`: its due
    time; empty: it has none."""
    if node != WHOLE or (promise is None and due):
        return "超期"
    return miss_word(promise)


def case_verdict(verdict: str, promise: Promise | None) -> Title:
    """A verdict by its code. `promise`: as in `miss_word`. A code without words is its own title."""
    word = _VERDICTS.get(verdict, Title(zh=verdict, en=verdict))
    kept = "按期" if promise is None or is_by_limit(promise) else "符合"
    return Title(zh=word.zh.format(missed=miss_word(promise), kept=kept), en=word.en)


_VERDICTS: Final[Mapping[str, Title]] = {
    "missed": Title(zh="{missed}", en="missed"),
    "met_by_late_entry": Title(zh="逾期补录后{kept}，待认定", en="met by late entry, not confirmed"),
    "reversed": Title(zh="更正后不再计为{missed}", en="no miss any more"),
    "excused": Title(zh="理由成立，不计入", en="reason accepted, left out of the figure"),
}
