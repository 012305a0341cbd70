"""docs/mapping.md: every example gives what the page says, and every key of the language is on it."""

import re
from collections.abc import Iterator
from pathlib import Path

import orjson
import pytest
from pydantic import BaseModel

from services.mapping import mapping_file
from services.mapping.cells import Problem
from services.mapping.export import events_of
from services.mapping.mapping_file import mapping_of
from services.mapping.times import NAMED_FORMATS
from services.runtime.text_file import parsed_toml

PAGE = Path(__file__).parents[2] / "docs" / "mapping.md"
EXAMPLE = re.compile(r"```toml\n(.*?)```\n```csv\n(.*?)```\n```text\n(.*?)```", re.S)


def examples() -> list[tuple[str, str, str]]:
    found = [(mapping, rows, said) for mapping, rows, said in EXAMPLE.findall(PAGE.read_text(encoding="utf-8"))]
    event = found[0][0][found[0][0].index("[[event]]") :]
    return [
        (mapping if "[[event]]" in mapping else f'timezone = "Asia/Shanghai"\n{mapping}\n{event}', rows, said)
        for mapping, rows, said in found
    ]


def outcomes(folder: Path, mapping: str, rows: str) -> Iterator[str]:
    """What the rows give, a line each: type, case, time and data; or what is wrong."""
    (folder / "export.csv").write_text(rows, encoding="utf-8")
    for each in events_of(folder / "export.csv", mapping_of(parsed_toml(mapping), "map.toml")):
        if isinstance(each, Problem):
            yield f"line {each.line}: {each.column}: {each.sentence}"
        else:
            data = orjson.dumps(each["data"]).decode()
            yield f"{each['type']} {each['subject']} {each['time']} {data}"


@pytest.mark.parametrize("number", range(len(examples())))
def test_an_example_gives_what_the_page_says(number: int, tmp_path: Path) -> None:
    mapping, rows, said = examples()[number]
    assert list(outcomes(tmp_path, mapping, rows)) == said.splitlines()


def test_every_key_of_the_language_is_on_the_page() -> None:
    page = PAGE.read_text(encoding="utf-8")
    models = [each for each in vars(mapping_file).values() if isinstance(each, type) and issubclass(each, BaseModel)]
    keys = {field.alias or name for model in models for name, field in model.model_fields.items()} | set(NAMED_FORMATS)
    assert len(keys) > 30
    missing = {key for key in keys if not re.search(rf"(?<![\w-]){re.escape(key)}(?![\w-])", page)}
    assert not missing
