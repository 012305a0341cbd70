"""Why a card was cleared, in words, by the codes of `cards.csv`."""

from collections.abc import Mapping

from services.domain.plan.plan import Title

CARD_REASONS: Mapping[str, Title] = {
    "completed": Title(zh="已完成", en="completed"),
    "withdrawn": Title(zh="已撤回", en="withdrawn"),
    "justified": Title(zh="理由成立", en="justified"),
    "rejudged": Title(zh="重新判定", en="judged again"),
    "new_rules": Title(zh="按新规则补记，不另行通知", en="raised by new rules, nobody is notified"),
    "superseded": Title(zh="升级", en="replaced by the next level"),
    "provisional": Title(zh="暂定（节假日安排未公布）", en="its due day rests on an unpublished calendar"),
    "retracted": Title(zh="撤销", en="retracted"),
}
