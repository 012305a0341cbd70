"""What codes in labels are called on a dashboard: severities, alerts, strengths, thresholds, definitions, items."""

import json
from collections.abc import Mapping
from typing import TypeVar

from grafana_foundation_sdk.models.dashboard import ValueMap, ValueMappingResult

from dashboards.page import Page
from services.catalog.words.refusals import REFUSALS
from services.catalog.words.wording import SEVERITY_NAMES, window_names
from services.domain.plan.plan import Strength, Title
from services.metric_names.alert_names import ALERT_NAMES

SHOWN = "shown"
"""The label that `by_name` adds."""

CODE, CODE_OF_UNIT = "code", "unit_code"
"""The labels that `coded` adds: what links pass on of a column that shows names."""

_STRENGTHS: Mapping[str, Title] = {
    Strength.HARD: Title(zh="刚性", en="hard"),
    Strength.SOFT: Title(zh="原则性", en="soft"),
    Strength.ASPIRATIONAL: Title(zh="鼓励性", en="aspirational"),
    Strength.DIRECTIONAL: Title(zh="方向性", en="directional"),
}
_THRESHOLDS: Mapping[str, Title] = {
    "plan": Title(zh="方案指标", en="printed in the plan"),
    "local": Title(zh="非方案指标", en="set by us"),
    "none": Title(zh="方案未定数值", en="no number in the plan"),
}
_WHOLE = Title(zh="全部", en="all")

_Code = TypeVar("_Code", bound=str)


def names(page: Page, titles: Mapping[_Code, Title]) -> ValueMap:
    """Code → its name, in the page's language."""
    return ValueMap({code: ValueMappingResult(text=page.name(title)) for code, title in titles.items()})


def severities(page: Page) -> ValueMap:
    """Severity → what it asks for."""
    return names(page, SEVERITY_NAMES)


def alert_names(page: Page) -> ValueMap:
    """Alert → its title."""
    return names(page, ALERT_NAMES)


def strengths(page: Page) -> ValueMap:
    """How a promise binds."""
    return names(page, _STRENGTHS)


def thresholds(page: Page) -> ValueMap:
    """Where a threshold is from."""
    return names(page, _THRESHOLDS)


def refusals(page: Page) -> ValueMap:
    """Reason of a refusal → its name."""
    return names(page, REFUSALS)


def roles(page: Page) -> ValueMap:
    """Definition of a promise → whether it is the one that is judged."""
    beside = Title(zh="并列口径", en="beside it")
    of_variants = {one.variant: beside for one in page.plan.promises if not one.is_official}
    return names(page, {"official": Title(zh="正式口径", en="official"), **of_variants})


def item_names(page: Page) -> ValueMap:
    """Service item or node → its name; `-` is all of them together."""
    nodes = {code: name for code, name in page.plan.names.nodes.items() if "/" not in code}
    items = {code: item.title for code, item in page.plan.service_items.items()}
    return names(page, {**nodes, **items, "-": _WHOLE})


def node_titles(page: Page) -> dict[str, str]:
    """The nodes whose durations the plan has published, and the whole of them."""
    codes = {node for one in page.plan.promises if one.is_by_node for node in getattr(one, "nodes", ())}
    known = {code: page.name(name) for code, name in page.plan.names.nodes.items() if code in codes}
    return {**known, "-": page.name(_WHOLE)}


def window_titles(page: Page) -> dict[str, str]:
    """Window → its name."""
    return {window.value: page.name(name) for window, name in window_names(page.plan.head).items()}


def coded(series: str, label: str, prefix: str = "", unit: str = "") -> str:
    """PromQL: the series, with what their label holds once more in the label CODE; and of the label `unit`, if it is
    given, in CODE_OF_UNIT. In a link a column with names would give the name."""
    found = f'label_replace({series}, "{CODE}", "{prefix}$1", "{label}", "(.*)")'
    return f'label_replace({found}, "{CODE_OF_UNIT}", "$1", "{unit}", "(.*)")' if unit else found


def by_name(series: str, label: str, titles: Mapping[str, str]) -> str:
    """PromQL: the series, with the name of what their label holds in the label SHOWN; without a name the code."""
    found = f'label_replace({series}, "{SHOWN}", "$1", "{label}", "(.*)")'
    for code, title in titles.items():
        found = f'label_replace({found}, "{SHOWN}", {_replacement(title)}, "{label}", "{code}")'
    return found


def _replacement(text: str) -> str:
    """A string of PromQL, which escapes as JSON does, in which `$` begins no group."""
    return json.dumps(text.replace("$", "$$"), ensure_ascii=False)
