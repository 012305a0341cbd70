"""No code is read in Chinese text where it has a name: promises, pages, alerts, dashboards, notices, explanations."""

import io
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console
from ruamel.yaml import YAML

from dashboards.build import dashboards as built
from services.alert_rules.alerts import rule_groups
from services.catalog.samples.promise_samples import samples_of
from services.catalog.words.promise_text import formula, in_words, objective
from services.catalog.words.refusals import REFUSALS
from services.catalog.words.source_names import source_title
from services.catalog.words.wording import unit_of_measure
from services.domain.intake.refusal import Reason
from services.domain.judging.judgement import Outcome
from services.domain.plan.plan import Promise, Terms, Title, as_tuple
from services.domain.results.cards import WHOLE
from services.domain.results.explain import explain
from services.domain.results.published import Card, Level
from services.explanation.page import Page
from services.explanation.words import outcome_word
from services.handbook.page import page
from services.metric_names.alert_names import ALERT_NAMES
from services.notifier.card_sentence import CardSentences
from tests.verdicts import admitted, shipped

ROOT = Path(__file__).parents[2]
PLAN = shipped().plan
EACH = pytest.mark.parametrize("promise", PLAN.promises, ids=lambda promise: promise.key)

_QUOTED_CODE = re.compile(r"`[^`]*`|lists/[a-z-]+\.txt")
"""Said as a code on purpose: in backticks, and the files of lists."""
_WORD = re.compile(r"[a-z]+(?:_[a-z]+)+|[a-z]{3,}")
"""In text that is Chinese alone any small English word is a code."""
_WITH_NAME = re.compile(r"\([a-z0-9._-]+\)|/(?:units|platforms)/[a-z-]+|K[0-9IV]+-[0-9]+/\w+")
"""A code behind its name, the id of a source, the key of a definition beside its title."""
_CODE = re.compile(r"(?<![A-Za-z0-9_])[a-z0-9]+_[a-z0-9_]+")
_REGISTERED = frozenset(code for code in (*PLAN.units, *PLAN.service_items) if re.search("[-.]", code))


def words_in(chinese: str) -> list[str]:
    return _WORD.findall(_QUOTED_CODE.sub("", chinese))


def codes_in(mixed: str) -> list[str]:
    """Codes in a text in both languages."""
    left = _WITH_NAME.sub("", _QUOTED_CODE.sub("", mixed))
    return [*_CODE.findall(left), *(word for word in re.findall(r"[a-z][a-z.-]*[a-z]", left) if word in _REGISTERED)]


@pytest.mark.parametrize(
    ("text", "found"), [("电压为low_voltage", ["low_voltage"]), ("见`by_value`口径", []), ("单位：件", [])]
)
def test_a_code_in_chinese_is_found(text: str, found: list[str]) -> None:
    assert words_in(text) == found and codes_in(text) == found


@EACH
def test_no_words_of_a_promise_show_a_code(promise: Promise) -> None:
    said = [in_words(promise, PLAN), objective(promise, PLAN), formula(promise), unit_of_measure(promise, PLAN)]
    said += [promise.notes] if promise.notes else []
    said += [title for each in promise.choices for title in (each.about, each.taken, *each.instead)]
    assert not [title.zh for title in said if words_in(title.zh)]
    assert not [title.en for title in said[:4] if "_" in title.en]


def test_every_note_and_every_choice_is_in_chinese() -> None:
    for promise in PLAN.promises:
        texts = [promise.notes.zh] if promise.notes else []
        texts += [title.zh for each in promise.choices for title in (each.about, each.taken, *each.instead)]
        assert not [text for text in texts if not re.search("[\u4e00-\u9fff]", text)], promise.key


@pytest.mark.parametrize("file", sorted((ROOT / "docs" / "promises").glob("*.md")), ids=lambda file: file.stem)
def test_no_page_shows_a_code_that_is_not_marked_as_one(file: Path) -> None:
    text = re.sub(r"```.*?```|\]\([^)]*\)", "", file.read_text("utf-8"), flags=re.DOTALL)
    text = re.sub(r"^\| 问题 Question.*?\n\n", "", text, flags=re.DOTALL | re.MULTILINE)  # as one would write entries
    assert not [line for line in text.splitlines() if not line.startswith("<!--") and codes_in(line)]


def alert_sentences() -> Iterator[str]:
    rules = YAML(typ="safe").load((ROOT / "deploy" / "prometheus" / "rules.yml").read_text("utf-8"))
    for group in rules["groups"]:
        for rule in group["rules"]:
            annotations = rule.get("annotations", {})
            yield from (text for name, text in annotations.items() if name.endswith("_zh"))


def test_no_alert_shows_a_code() -> None:
    found = [text for text in alert_sentences() if words_in(re.sub(r"\{\{.*?\}\}", "", text))]
    assert not found


def test_every_alert_and_every_reason_of_a_refusal_has_a_name_and_the_name_is_that_of_its_runbook() -> None:
    runbooks = {path.stem: path for path in (ROOT / "deploy" / "runbooks").glob("*.md")}
    assert set(ALERT_NAMES) == set(runbooks)
    for name, path in runbooks.items():
        heading = path.read_text("utf-8").partition("\n")[0]
        assert heading == f"# {ALERT_NAMES[name].zh} {ALERT_NAMES[name].en} (`{name}`)"
    assert set(REFUSALS) == set(Reason)


def test_cards_are_called_what_the_plan_folder_says_wherever_they_are_shown() -> None:
    terms = Terms(yellow_card=Title(zh="预警", en="warning"), red_card=Title(zh="督办", en="order"))
    plan = PLAN.model_copy(update={"names": PLAN.names.model_copy(update={"terms": terms})})
    shown = json.dumps([of["panels"] for made in built(plan).values() for of in made], ensure_ascii=False)
    promise = next(one for one in plan.promises if one.id == "K06-1")
    shown += page((promise,), plan, shipped().law) + json.dumps(rule_groups(plan, 1), ensure_ascii=False)
    assert all(word in shown for word in ("预警", "督办"))
    assert not re.search("黄牌|红牌|yellow card|red card", shown)


@EACH
def test_no_verdict_on_a_promise_that_is_never_red_is_red(promise: Promise) -> None:
    styles = {outcome_word(outcome, promise).style for outcome in Outcome}
    assert any("red" in style for style in styles) is not promise.is_never_red


_OF_CODES = frozenset(
    ("alertname", "severity", "strength", "threshold", "reason", "signal", "window", "variant", "item")
)
"""Labels whose values are codes."""


def dashboards() -> dict[str, Any]:
    folder = ROOT / "dashboards" / "generated" / "zh"
    return {path.stem: json.loads(path.read_text("utf-8")) for path in sorted(folder.glob("*.json"))}


@pytest.mark.parametrize(("name", "dashboard"), dashboards().items(), ids=dashboards().keys())
def test_no_dashboard_shows_a_code(name: str, dashboard: dict[str, Any]) -> None:
    for panel in dashboard["panels"]:
        overrides = panel.get("fieldConfig", {}).get("overrides", [])
        texts = [panel["title"], panel.get("description", "")]
        texts += [str(one["value"]) for each in overrides for one in each["properties"] if one["id"] == "displayName"]
        assert not [text for text in texts if words_in(re.sub(r"\$\{?[\w:]+\}?", "", text))], panel["title"]
        mapped = {each["matcher"]["options"] for each in overrides if "mappings" in str(each["properties"])}
        # a link passes on what a column shows: a code is passed on by one that nobody sees
        mapped |= {each["matcher"]["options"] for each in overrides if "custom.hidden" in str(each["properties"])}
        for change in panel.get("transformations", []):
            for label, column in change["options"].get("renameByName", {}).items():
                assert label not in _OF_CODES or column in mapped, (panel["title"], column)
        legends = [target.get("legendFormat", "") for target in panel.get("targets", [])]
        shown = {label for legend in legends for label in re.findall(r"\{\{(\w+)\}\}", legend)}
        assert not shown & _OF_CODES, panel["title"]


@EACH
def test_no_notice_shows_a_code(promise: Promise) -> None:
    sentences = CardSentences(PLAN)
    for node in (WHOLE, *getattr(promise, "nodes", ())):
        card = Card(
            kpi=promise.id, case="c", cycle=1, node=node, level=Level.RED, unit="", raised_at="",
            due_at="2021-10-08T00:00:00+08:00", cleared_at="", reason="",
        )  # fmt: skip
        assert not words_in(sentences.of(card).zh)


@EACH
def test_no_explanation_of_a_sample_shows_a_code_without_its_name(promise: Promise) -> None:
    judge = shipped()
    sample = samples_of(promise, judge.law)[0]
    facts = admitted(sample, PLAN)
    key = facts[0][0]
    explanation = explain(judge, key.decode(), [fact for of, fact in facts if of == key], sample.as_of)
    console = Console(record=True, width=5000, file=io.StringIO())
    for part in Page(explanation, judge, ()).parts():
        console.print(part)
    lines = console.export_text().splitlines()[1:]  # the first is the case's own name
    assert not [line for line in lines if codes_in(line)]


def test_every_unit_of_measure_counts_something() -> None:
    counted = {promise.figure_unit for promise in PLAN.promises}
    counted |= {collection.id for collection in PLAN.head.collections} | PLAN.service_items.keys()
    assert not PLAN.names.units_of_measure.keys() - counted


_OF_UTILITIES = {
    "water.connection": re.compile("用水|上水|通水|供水"),
    "power.connection": re.compile("用电|上电|送电|供电"),
    "gas.connection": re.compile("用气|上气|通气|燃气|供气"),
}


@EACH
def test_what_is_taken_of_one_utility_names_no_other(promise: Promise) -> None:
    """A choice that was copied from a neighbour still speaks of it."""
    items = as_tuple(promise.conditions().get("select", {}).get("service_item", ()))
    if len(items) != 1 or items[0] not in _OF_UTILITIES:
        return
    for choice in promise.choices:
        for said in (choice.about, choice.taken, *choice.instead):
            others = [words for item, words in _OF_UTILITIES.items() if item != items[0] and words.search(said.zh)]
            assert not others, said.zh


@pytest.mark.parametrize("source", PLAN.sources)
def test_a_source_has_a_name(source: str) -> None:
    title = source_title(source, PLAN)
    assert not codes_in(title.zh) and re.search("[一-鿿]", title.zh), title.zh
    assert "/" not in title.zh + title.en and not re.search("[一-鿿]", title.en)
