"""docs/rules.md has every rule, an example for each, and names the tests that keep it."""

import re
from pathlib import Path

ROOT = Path(__file__).parents[2]
TEXT = (ROOT / "docs" / "rules.md").read_text()
SECTIONS = re.findall(r"^## Rule (\d+)\. .*?\n(.*?)(?=^## |\Z)", TEXT, re.MULTILINE | re.DOTALL)


def test_the_rules_are_numbered_without_a_gap() -> None:
    assert [int(number) for number, _ in SECTIONS] == list(range(1, len(SECTIONS) + 1))


def test_every_rule_has_an_example() -> None:
    assert [number for number, text in SECTIONS if "*Example.*" not in text and "|" not in text] == []


def test_the_index_names_the_tests_of_each_rule_and_no_others() -> None:
    named = {
        int(number): set(re.findall(r"test_rule_\w+\.py", files))
        for number, files in re.findall(r"^\| \[(\d+)\].*?\|.*?\|(.*)\|$", TEXT, re.MULTILINE)
    }
    there: dict[int, set[str]] = {}
    for file in (ROOT / "tests" / "unit" / "rules").glob("test_rule_*.py"):
        there.setdefault(int(file.name.split("_")[2]), set()).add(file.name)
    assert named == there


def test_every_link_of_the_index_leads_to_a_rule() -> None:
    headings = re.findall(r"^## (.*)$", TEXT, re.MULTILINE)
    anchors = {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}
    assert set(re.findall(r"\]\(#([^)]*)\)", TEXT)) <= anchors
