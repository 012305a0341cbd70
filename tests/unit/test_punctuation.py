"""Chinese text has Chinese marks, English text has none of them: on pages of the desk as a browser gets them, in the
words behind everything else, on dashboards, in runbooks."""

import ast
import json
import re
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest

from services.desk.access import Role, Viewer
from services.desk.asking import Desk
from services.desk.reading.case_seen import token_of
from services.domain.intake.facts import case_key
from tests.unit.desk import client_of
from tests.unit.desk_reading import WATER_UNIT, published, reading_desk
from tests.unit.gateway import WATER
from tests.unit.gateway_cases import ACCEPTED, event
from tests.unit.test_desk_routes import CASES, VIEWERS, desk_with_things

ROOT = Path(__file__).parents[2]
HALF_WIDTH = re.compile("[\u4e00-\u9fff”）》] ?[(),:;]|[(),:;] ?[\u4e00-\u9fff“（《]|[：，；、。] +(?=\\S)")
"""A mark of English beside a Chinese letter, or a blank behind a mark of Chinese. Between digits, as in 14:05, it is no
mark."""
FULL_WIDTH = re.compile("[：，；（）、。]")


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("承诺 (12)", True),
        ("条款（任务 6）：“按期”，14:05，1,000件", False),
        ("环节: 受理", True),
        ("名称, 单位", True),
        ("K06-1）, 全区", True),
        ("台账号： 7", True),
    ],
)
def test_a_mark_of_english_beside_a_chinese_letter_is_found(text: str, found: bool) -> None:
    assert bool(HALF_WIDTH.search(text)) is found


class Text(HTMLParser):
    """The text of a page, by language: a line for each block. What people or the plan wrote (`blockquote`) and codes
    are left out."""

    _INLINE = frozenset(("a", "span", "strong", "em", "time", "code", "b", "br"))
    _VOID = frozenset(("br", "input", "meta", "link", "img", "hr"))
    _LEFT_OUT = frozenset(("script", "style", "blockquote", "textarea", "svg"))

    def __init__(self, page: str) -> None:
        super().__init__()
        self._open: list[tuple[str, str, bool]] = [("", "", True)]
        self.of: dict[str, str] = {"zh": "", "en": ""}
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given, (_, language, shown) = dict(attrs), self._open[-1]
        language = (given.get("lang") or language)[:2]
        if tag not in self._INLINE:
            self._add(language, "\n")
        self._add(language, f"\n{given.get('aria-label') or ''}\n" if given.get("aria-label") else "")
        if tag not in self._VOID:
            self._open.append((tag, language, shown and tag not in self._LEFT_OUT))

    def handle_endtag(self, tag: str) -> None:
        while tag in [name for name, _, _ in self._open]:
            name, language, _ = self._open.pop()
            if name not in self._INLINE:
                self._add(language, "\n")
            if name == tag:
                break

    def handle_data(self, data: str) -> None:
        tag, language, shown = self._open[-1]
        if shown:
            self._add(language, "x" if tag == "code" else re.sub(r"\s+", " ", data))

    def _add(self, language: str, text: str) -> None:
        if language in self.of:
            self.of[language] += text


def wrong_in(zh: str, en: str = "") -> list[str]:
    """The lines with marks of the other language."""
    found = [line.strip() for line in zh.splitlines() if HALF_WIDTH.search(line)]
    return found + [line.strip() for line in en.splitlines() if FULL_WIDTH.search(line)]


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Desk:
    return desk_with_things(tmp_path_factory.mktemp("desk"))


@pytest.mark.parametrize("language", ["zh", "en"])
@pytest.mark.parametrize("name", ["unit", "operations", "admin"])
@pytest.mark.slow
def test_a_page_has_the_marks_of_its_language(desk: Desk, name: str, language: Any) -> None:
    viewer = VIEWERS[name]
    assert viewer is not None
    client, shown = client_of(desk, viewer._replace(language=language)), 0
    for (method, path), case in CASES.items():
        answer = client.get(case.path or path) if method == "GET" and name in case.gets else None
        if answer is not None and answer.headers.get("content-type", "").startswith("text/html"):
            text = Text(answer.text)
            assert wrong_in(text.of["zh"], text.of["en"]) == [], path
            shown += bool(text.of[language].strip())
    assert shown > 4


_LIMIT = {"amount": 5, "unit": "working_days"}
_AFTERWARDS: list[tuple[str, str, dict[str, Any]]] = [
    ("suspended", "07", {"reason": "epidemic_control", "unit": WATER_UNIT}),
    ("resumed", "08", {"reason": "epidemic_control", "unit": WATER_UNIT}),
    ("suspended", "09", {"reason": "weather", "unit": WATER_UNIT}),
    ("extended", "10", {"limit": _LIMIT, "authority": WATER_UNIT, "reason": "weather"}),
    ("resumed", "14", {"reason": "weather", "unit": WATER_UNIT}),
    ("extended", "15", {"limit": _LIMIT, "authority": WATER_UNIT, "reason": "weather"}),
    ("node_started", "15", {"node": "construction", "unit": WATER_UNIT}),
    ("completed", "28", {"outcome": "granted"}),
    ("reopened", "29", {"reason": "new_request"}),
]
_LONG = [
    event("l-1", "case.accepted", "2021-09-06T09:12:00+08:00", ACCEPTED["data"], subject="L-1"),
    *(
        event(f"l-{number}", f"case.{type}", f"2021-09-{day}T10:00:00+08:00", data, subject="L-1")
        for number, (type, day, data) in enumerate(_AFTERWARDS, start=2)
    ),
]
"""Suspended, extended in vain, late over a holiday, and asked for again."""


@pytest.mark.parametrize("language", ["zh", "en"])
def test_a_case_with_a_long_story_has_the_marks_of_its_language(tmp_path: Path, language: Any) -> None:
    desk = reading_desk(tmp_path, published(_LONG))
    path = f"/cases/{token_of(case_key(WATER, 'L-1'))}"
    text = Text(client_of(desk, Viewer("unit", Role.UNIT, WATER_UNIT, language)).get(path).text)
    assert wrong_in(text.of["zh"], text.of["en"]) == []
    for said in (
        ("照常计时", "2021年9月6日", "中秋节") if language == "zh" else ("clock goes on", "6 Sep 2021", "Mid-Autumn")
    ):
        assert said in text.of[language], said


_BETWEEN = re.compile(r"\({{|}}\)|}} ?[(:,;]")


def test_no_template_writes_a_mark_beside_a_text() -> None:
    """A mark of one language stands on the pages of both: `colon`, `comma` and `bracketed` are those of the page's."""
    assert _BETWEEN.search("{{ say(w.NODE) }}: {{ node }}") and not _BETWEEN.search("{{ say(w.NODE) }}{{ colon }}")
    for file in (ROOT / "services" / "desk" / "templates").rglob("*.html"):
        text = re.sub(r'{#.*?#}|{%.*?%}|(?<!label)="[^"]*"', "", file.read_text("utf-8"), flags=re.DOTALL)
        assert not _BETWEEN.findall(text), file.name


def test_a_runbook_has_the_marks_of_its_languages() -> None:
    files = sorted((ROOT / "services" / "desk" / "runbooks").glob("*.html"))
    assert files
    for file in files:
        text = Text(file.read_text("utf-8"))
        assert wrong_in(text.of["zh"], text.of["en"]) == [], file.stem


# ---- the words behind everything -----------------------------------------------------------------------
_SAYS = frozenset(("say", "_t", "either", "_either", "column"))
"""Functions whose first two arguments are the same in Chinese and in English."""


def written(node: ast.AST) -> str | None:
    """A text as it is written, with 文 for what is filled in; None: it is none."""
    if isinstance(node, ast.Constant):
        return node.value if isinstance(node.value, str) else None
    if isinstance(node, ast.JoinedStr):
        return "".join(part.value if isinstance(part, ast.Constant) else "文" for part in node.values)  # type: ignore[misc]
    return None


def said(tree: ast.AST) -> Iterator[tuple[int, str, str]]:
    """Line, Chinese and English of each text in both languages; empty where one is computed."""
    for node in ast.walk(tree):
        if not isinstance(node, ast.Call):
            continue
        name = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
        named = {each.arg: written(each.value) or "" for each in node.keywords if each.arg in ("zh", "en")}
        if name in _SAYS and len(node.args) >= 2:
            named = {"zh": written(node.args[0]) or "", "en": written(node.args[1]) or ""}
        if named:
            yield node.lineno, named.get("zh", ""), named.get("en", "")


def test_words_in_both_languages_have_the_marks_of_each() -> None:
    found, seen = [], 0
    for file in sorted([*(ROOT / "services").rglob("*.py"), *(ROOT / "dashboards").glob("*.py")]):
        written_there = file.read_text("utf-8")
        tree = ast.parse(written_there) if re.search("[\u4e00-\u9fff]", written_there) else ast.Module([], [])
        for line, zh, en in said(tree):
            seen += 1
            text = re.sub(r"`[^`]*`|\[[^]]*\]\(\S*?\)|\{\{.*?\}\}|\$\{.*?\}", "x", zh)
            found += [f"{file.name}:{line} {wrong}" for wrong in wrong_in(text, en.replace("文", ""))]
    assert seen > 1_000 and not found


def test_the_page_for_events_has_the_marks_of_each_language() -> None:
    script = (ROOT / "services" / "gateway" / "try_page" / "page.js").read_text("utf-8")
    texts = re.findall(r"both\(\s*([\"`])(.*?)\1\s*,\s*([\"`])(.*?)\3", script, re.DOTALL)
    assert len(texts) > 40
    filled = [(re.sub(r"\$\{.*?\}", "文", zh), re.sub(r"\$\{.*?\}", "", en)) for _, zh, _, en in texts]
    assert not [wrong for zh, en in filled for wrong in wrong_in(zh, en)]
    page = (ROOT / "services" / "gateway" / "try_page" / "page.html").read_text("utf-8")
    assert wrong_in(Text(page).of["zh"], Text(page).of["en"]) == []


def test_a_dashboard_has_the_marks_of_its_language() -> None:
    for language in ("zh", "en"):
        files = sorted((ROOT / "dashboards" / "generated" / language).glob("*.json"))
        assert files
        for file in files:
            for panel in json.loads(file.read_text("utf-8"))["panels"]:
                texts = [panel.get("title", ""), panel.get("description", "")]
                shown = "\n".join(re.sub(r"`[^`]*`|\$\{.*?\}", "x", text) for text in texts)
                assert wrong_in(*((shown, "") if language == "zh" else ("", shown))) == [], (file.stem, panel["title"])
