"""The lists of docs/dependencies are those of pyproject.toml, the lock and this environment; an audit never says more
than it asked."""

import json
import os
from dataclasses import replace
from importlib.metadata import distributions
from pathlib import Path

import pytest

from tests.audit import __main__ as audit
from tests.audit import dependencies


def test_each_locked_version_is_in_the_list_and_each_direct_dependency_has_its_reason() -> None:
    asked = dependencies.direct()
    assert dependencies.errors(dependencies.packages(), dependencies.locked(), asked) == []
    assert asked.keys() <= {name for name, _ in dependencies.locked()}
    assert all("\n" not in row.reason for row in dependencies.packages())


def test_each_row_has_its_dates() -> None:
    for row in dependencies.packages():
        assert row.released <= row.looked_at, row
        assert row.released and row.source and row.latest, row


def test_the_listed_licences_are_those_of_this_environment() -> None:
    here = dependencies.installed()
    rows = {(row.package, row.version): row.licence for row in dependencies.packages()}
    both = here.keys() & rows.keys()
    assert len(both) > 100
    assert {key: rows[key] for key in both} == {key: here[key] for key in both}


def test_each_package_of_this_environment_is_in_the_list() -> None:
    rows = {(row.package, row.version) for row in dependencies.packages()}
    strange = {
        key for key in dependencies.installed() if key[0] not in {"kpiwatch", "pip", "setuptools", "wheel"}
    } - rows
    assert not strange


def test_each_locked_jar_has_an_allowed_licence() -> None:
    assert dependencies.jar_errors(dependencies.jars(), dependencies.locked_jars()) == []
    assert len(dependencies.locked_jars()) > 40


def test_a_jar_that_is_in_one_list_only_is_an_error() -> None:
    lacking = dependencies.jars()[1:]
    assert "is in only one of" in dependencies.jar_errors(lacking, dependencies.locked_jars())[0]


def test_a_locked_version_that_nobody_looked_at_is_an_error_with_its_remedy() -> None:
    versions = [(name, "999" if name == "orjson" else version) for name, version in dependencies.locked()]
    new, old = dependencies.errors(dependencies.packages(), versions, dependencies.direct())
    assert new.startswith("packages.csv: orjson 999 is locked") or old.startswith("packages.csv: orjson 999 is locked")
    assert "make look" in new and "make look" in old


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"reason": ""}, "has no reason"),
        ({"yanked": "(reason: broken wheel)"}, "was withdrawn by its makers"),
        ({"licence": ""}, "is not known"),
        ({"licence": "AGPL-3.0-only"}, "AGPL-3.0-only is not in the allowed set"),
        ({"licence": "MIT AND (GPL-3.0-only OR Apache-2.0)"}, "GPL-3.0-only is not in the allowed set"),
        ({"asked_by": ""}, "asked_by differs"),
    ],
)
def test_what_is_wrong_with_a_row_is_an_error(change: dict[str, str], words: str) -> None:
    rows = [replace(row, **change) if row.package == "orjson" else row for row in dependencies.packages()]
    (error,) = dependencies.errors(rows, dependencies.locked(), dependencies.direct())
    assert words in error


def test_a_licence_is_agreed_for_one_package_only() -> None:
    licence, _ = dependencies.AGREED["crc32c"]
    assert dependencies.licence_error("crc32c", licence) is None
    assert dependencies.licence_error("orjson", licence) is not None


def test_the_words_of_a_free_text_licence_are_no_name() -> None:
    texts = {d.name: dependencies.declared(d.metadata) for d in distributions()}
    assert texts["matplotlib"] == "Python Software Foundation License"
    assert texts["pytest-timeout"] == "MIT License"


def test_packages_that_were_skipped_are_never_called_checked() -> None:
    """pip-audit's own words for this are "No known vulnerabilities found", with exit code 0."""
    skipped = {
        "name": "orjson",
        "skip_reason": "Dependency not found on PyPI and could not be audited: orjson (3.13.0)",
    }
    clean = {"name": "rich", "version": "14.3.4", "vulns": []}
    nothing = audit.understood(json.dumps({"dependencies": [skipped], "fixes": []}))
    assert nothing.sentence().startswith("NOT CHECKED")
    some = audit.understood(json.dumps({"dependencies": [skipped, clean], "fixes": []}))
    assert some.sentence().startswith("1 packages were checked")
    assert "NOT CHECKED: 1 packages" in some.sentence()


@pytest.mark.parametrize("output", ["", "Traceback", "{}", "[]", '{"dependencies": null}', '{"dependencies": []}'])
def test_an_answer_that_is_none_is_never_called_checked(output: str) -> None:
    assert audit.understood(output).sentence().startswith("NOT CHECKED")


def test_a_known_vulnerability_names_package_version_and_remedy() -> None:
    flaw = {"id": "PYSEC-2024-1", "fix_versions": ["3.1.5"], "aliases": [], "description": ""}
    found = audit.understood(json.dumps({"dependencies": [{"name": "jinja2", "version": "3.1.4", "vulns": [flaw]}]}))
    (line,) = found.known
    assert line.startswith("jinja2 3.1.4: PYSEC-2024-1, mended in 3.1.5.") and "make lock" in line


@pytest.mark.slow
@pytest.mark.skipif(not (audit.TOOLS / "pip-audit").exists(), reason="pip-audit comes with `make audit`")
def test_an_unreachable_address_gives_a_plain_sentence(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    lock = tmp_path / "lock"
    text = dependencies.LOCK.read_text("utf-8")
    lock.write_text(text[text.index("\nmdurl==") + 1 : text.index("    # via", text.index("\nmdurl=="))], "utf-8")
    nowhere = {"HTTPS_PROXY": "http://127.0.0.1:9", "https_proxy": "http://127.0.0.1:9", "HOME": str(tmp_path)}
    found = audit.advisories({**os.environ, **nowhere, "XDG_CACHE_HOME": str(tmp_path)}, lock)
    assert found.sentence().startswith(
        "NOT CHECKED: known vulnerabilities. The advisories at pypi.org could not be reached"
    )
    assert "Traceback" not in "".join(capfd.readouterr())


def test_a_jar_is_a_component_with_its_digest_and_licence() -> None:
    component = audit.jar_component("org.slf4j:slf4j-api", "1.7.36", "d3ef", "MIT")
    assert component["purl"] == "pkg:maven/org.slf4j/slf4j-api@1.7.36"
    assert component["hashes"] == [{"alg": "SHA-256", "content": "d3ef"}]
