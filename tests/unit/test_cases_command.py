"""`kpiwatch cases list` and `show`, on a small index."""

from collections.abc import Callable
from pathlib import Path

import orjson
import pytest

from services.casebook.database import open_engine
from services.casebook.index import Index
from services.catalog.load.calendars import load_calendar
from services.catalog.load.plan_folder import load_plan
from services.cli.__main__ import main
from services.domain.judging.judge import Judge
from services.messaging.topics import ALERT_CARDS
from tests.integration.crash_story import write_plan
from tests.unit.casebook_records import IDS, NOW, Log, filled

Said = Callable[..., tuple[int, str, str]]


def accepted(number: int) -> bytes:
    time = f"2021-09-{6 + number:02}T09:00:00+08:00"
    return orjson.dumps({
        "specversion": "1.0", "id": f"a-{number}", "source": "/units/north", "type": "case.accepted",
        "subject": f"W-{number}", "time": time, "recordedat": time, "data": {"service_item": "permit", "unit": "north"},
    })  # fmt: skip


@pytest.fixture(scope="module")
def settings(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """Five cases, one of them with a red card, and an event that was refused."""
    folder = tmp_path_factory.mktemp("cases")
    plan = load_plan(write_plan(folder / "plan"))
    place, log = str(folder / "casebook.sqlite"), Log()
    for number in range(5):
        log.event(accepted(number), 0)
    log.event(accepted(2).replace(b'"unit":"north"', b'"unit":"north","colour":1').replace(b"a-2", b"a-9"), 0)
    card = {"kpi": "P", "case": "/units/north W-3", "cycle": 1, "level": "red", "unit": "north",
            "raised_at": "2021-09-20T09:00:00+08:00"}  # fmt: skip
    log.output(ALERT_CARDS, (b"P|/units/north\x1fW-3|1|-|red", orjson.dumps(card)), 0)
    index = Index(open_engine(place, writes=True), Judge(plan, load_calendar(plan.head.calendar)), 3, lambda: NOW)
    index.open(0, IDS)
    filled(index, log.records)
    return {"KPIWATCH_PLAN": str(folder / "plan"), "KPIWATCH_CASEBOOK": place, "KPIWATCH_PARTITIONS": "3"}


@pytest.fixture
def said(settings: dict[str, str], monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> Said:
    """What a command says: exit code, output, errors."""
    for name, value in settings.items():
        monkeypatch.setenv(name, value)

    def run(*arguments: str) -> tuple[int, str, str]:
        with pytest.raises(SystemExit) as ended:
            main(["cases", *arguments])
        return (int(ended.value.code or 0), *capfd.readouterr())

    return run


def test_list_shows_the_cases_page_by_page(said: Said) -> None:
    code, out, _ = said("list", "--limit", "3")
    assert code == 0
    assert "W-0" in out and "W-2" in out and "W-3" not in out and "3 cases, read until" in out
    code, out, _ = said("list", "--after", out.split("--after ")[1].strip())
    assert "W-3" in out and "W-4" in out and "2 cases" in out and "--after" not in out


def test_list_as_json_says_how_far_it_has_read(said: Said) -> None:
    code, out, _ = said("list", "--level", "red", "--json")
    document = orjson.loads(out)
    assert code == 0
    assert [(each["subject"], each["card"]) for each in document["cases"]] == [("W-3", "red")]
    assert document["next"] is None and document["read_until"]["ready"]
    assert sum(document["read_until"]["next_offsets"]["case.events"].values()) == 6


def test_show_explains_the_case_and_names_what_was_refused(said: Said) -> None:
    code, out, _ = said("show", "W-2", "--as-of", "2021-10-01")
    assert code == 0
    assert "/units/north W-2" in out and "unknown_field at data.colour" in out and "P" in out
    code, out, _ = said("show", "/units/north W-2", "--seen-by", "/units/north", "--json")
    assert orjson.loads(out)["case"] == "/units/north W-2"


@pytest.mark.parametrize(
    ("arguments", "code", "why"),
    [
        (("show", "W-77"), 1, "no case 'W-77': look for a slip"),
        (("show", "W-2", "--seen-by", "/units/south"), 1, "that /units/south may see"),
        (("list", "--after", "x"), 2, "take the one of the page before"),
        (("list", "--since", "yesterday"), 2, "is not a time"),
    ],
)
def test_what_is_wrong_is_said_in_a_sentence(said: Said, arguments: tuple[str, ...], code: int, why: str) -> None:
    ended, out, error = said(*arguments)
    assert (ended, out) == (code, "")
    assert why in error


def test_without_a_casebook_it_says_how_to_start_one(
    said: Said, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("KPIWATCH_CASEBOOK", str(tmp_path / "none.sqlite"))
    code, _, error = said("list")
    assert code == 3
    assert "kpiwatch casebook" in error and "Traceback" not in error
