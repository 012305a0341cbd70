"""The pages of runbooks: HTML from the Markdown of `deploy/runbooks`, in each section Chinese with English beside it.

The desk shows them at `/runbooks` and `/runbooks/ALERT`: what is written here is the content of such a page without
its frame. A link that no page answers is an error here, so that no reader meets it.
"""

import re
from collections.abc import Iterator, Sequence
from html import escape
from itertools import pairwise
from pathlib import Path
from typing import Final

from markdown_it import MarkdownIt
from markdown_it.token import Token

from services.handbook.alerts import alerts_page
from services.metric_names.alert_names import ALERT_NAMES

PAGES: Final = Path(__file__).parents[1] / "desk" / "runbooks"
"""From where the desk shows them."""
INDEX: Final = "index"
"""The page that explains alerts and lists all runbooks."""
_READER: Final = MarkdownIt("commonmark", {"html": False}).enable("table")
_HAN: Final = re.compile("[\u4e00-\u9fff]")
_LATIN: Final = re.compile("[A-Za-z]")
_HEADING: Final = re.compile(r"(?P<zh>[^A-Za-z]+?) (?P<en>[A-Za-z].*)")
_RUNBOOK: Final = re.compile(r"(?:\.\./deploy/runbooks/)?(\w+)\.md")
_LATIN_PER_HAN: Final = 3
"""A Chinese paragraph has some Latin letters (codes, commands), an English one some Chinese words of the plan."""


def write_pages(runbooks: Path, folder: Path | None = None) -> list[Path]:
    """A page for each runbook, and the index. `folder`: by default PAGES.

    ValueError names the runbook that cannot become a page.
    """
    folder = folder or PAGES
    folder.mkdir(parents=True, exist_ok=True)
    pages = {path.stem: path.read_text(encoding="utf-8") for path in sorted(runbooks.glob("*.md"))}
    files = {folder / f"{name}.html": _page(name, text) for name, text in {**pages, INDEX: alerts_page()}.items()}
    for old in folder.glob("*.html"):
        if old not in files:
            old.unlink()
    for path, content in files.items():
        path.write_text(content, encoding="utf-8")
    return list(files)


def _page(name: str, markdown: str) -> str:
    try:
        return content_of(markdown)
    except ValueError as error:
        raise ValueError(f"the runbook {name}: {error}") from None


def content_of(markdown: str) -> str:
    """The sections of a page; its heading is that of the frame. ValueError for a link to what is no page, and for a
    section without one of the languages."""
    text = re.sub(r"\A<!--.*?-->\n", "", markdown, flags=re.DOTALL)
    blocks = list(_blocks(_READER.parse(text)))
    starts = [place for place, block in enumerate(blocks) if block[0].tag == "h2"]
    ends = [*starts[1:], len(blocks)]
    return "".join(_section(blocks[start:end]) for start, end in zip(starts, ends, strict=True))


def _blocks(tokens: Sequence[Token]) -> Iterator[list[Token]]:
    """Paragraphs, lists, tables, code: what stands on the top level, one after the other."""
    block: list[Token] = []
    for token in tokens:
        block.append(token)
        if token.level == 0 and token.nesting <= 0 and token.type != "inline":
            yield block
            block = []


def _section(blocks: Sequence[list[Token]]) -> str:
    heading = _heading(blocks[0][1].content)
    sides: dict[str, list[str]] = {"zh-CN": [], "en": []}
    across: list[str] = []
    for block in blocks[1:]:
        shown = _rendered(block)
        if block[0].type in ("fence", "table_open"):
            across.append(f'<div class="scroll">\n{shown}</div>\n')
        else:
            sides["zh-CN" if _is_chinese(block) else "en"].append(shown)
    written = [f'<div lang="{language}">\n{"".join(texts)}</div>\n' for language, texts in sides.items()]
    if not (sides["zh-CN"] or across) or bool(sides["zh-CN"]) != bool(sides["en"]):
        raise ValueError(f"the section {blocks[0][1].content!r} is not in both languages; write Chinese, then English")
    beside = f'<div class="beside">\n{"".join(written)}</div>\n' if sides["zh-CN"] else ""
    return f"<section>\n{heading}\n{beside}{''.join(across)}</section>\n"


def _heading(text: str) -> str:
    both = _HEADING.fullmatch(text)
    if both is None:
        raise ValueError(f"the heading {text!r} is not in both languages; write `含义 What it means`")
    return f'<h2><span lang="zh-CN">{escape(both["zh"])}</span> <span lang="en">{escape(both["en"])}</span></h2>'


def _is_chinese(block: Sequence[Token]) -> bool:
    """ValueError for a list in both languages: Markdown makes one of two lists that follow one another."""
    found = {_is_chinese_text(token) for token in block if token.type == "inline"}
    if len(found) > 1:
        raise ValueError("a list is in both languages; put a paragraph between the two lists")
    return found == {True}


def _is_chinese_text(inline: Token) -> bool:
    text = "".join(child.content for child in inline.children or () if child.type == "text")
    return len(_HAN.findall(text)) * _LATIN_PER_HAN > len(_LATIN.findall(text))


def _rendered(block: list[Token]) -> str:
    for link in (child for token in block for child in token.children or () if child.type == "link_open"):
        link.attrSet("href", _address(str(link.attrGet("href"))))
    for cell, inline in pairwise(block):
        if cell.type in ("td_open", "th_open"):
            cell.attrSet("lang", "zh-CN" if _is_chinese_text(inline) else "en")
    shown: str = _READER.renderer.render(block, _READER.options, {})
    return shown


def _address(target: str) -> str:
    """Where the desk shows what a link of a runbook leads to."""
    if target == "../../docs/alerts.md":
        return "/runbooks"
    found = _RUNBOOK.fullmatch(target)
    if found is None or found[1] not in ALERT_NAMES:
        raise ValueError(f"the link to {target} leads to no page of the desk; link runbooks and docs/alerts.md only")
    return f"/runbooks/{found[1]}"
