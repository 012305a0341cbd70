"""Text from outside does not bite, whichever way it goes out: every command that shows some, every CSV, page, log and
metric label. The ways themselves are counted, so that a new one is noticed."""

import ast
import csv
import io
import logging
import shutil
import sys
import unicodedata
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import orjson
import pytest

from services.cli import archive, dead_letters, status
from services.cli.__main__ import COMMANDS
from services.cli.status_reading import DistrictStatus
from services.cli.terminal import safe_console, say
from services.domain.intake.refusal import Reason, Refused
from services.domain.intake.visible_text import cell_text
from services.domain.results.published import Card, Level, ValueRow
from services.messaging.dead_letter_reader import Filed
from services.messaging.reader import Record
from services.messaging.records.dead_letters import DeadLetter
from services.metric_names.samples import written
from services.replay.csv_files import write_cards, write_rejected, write_values
from services.replay.spill_files import Rejected
from services.reporting.page import _templates
from services.runtime.logs import SeenRecord, complain
from tests.unit.commands import run

ROOT = Path(__file__).parents[2]
BITES = (
    "\x1b[31mred", "\x9b2Jclear", "\x1b]0;title\x07", "\u202eright", "\u2066isolate", "\u200emark", "\u061carabic",
    "\u2028line", "\u2029paragraph", "bare\rreturn", "two\nlines", "\x00nul", "\x7fdelete", "\u200bzero", "\ufeffbom",
    "\U000e0041tag", "[red]markup[/red]", "[/]", ":boom:", "=1+1", "+cmd|' /C calc'!A0", "-1+2", "@SUM(A1)", "\t=1",
    "＝1+1", "'=1",
)  # fmt: skip
CASE = {"source": "/units/water", "time": "2021-09-16T09:00:00+08:00"}


def bad(text: str, keep: str = "\n\t") -> set[str]:
    """What bites in a text."""
    return {
        one for one in text if one not in keep and unicodedata.category(one) in ("Cc", "Cf", "Cs", "Zl", "Zp")
    }  # fmt: skip


@pytest.fixture(scope="module")
def plan(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small plan, open to any unit and item."""
    folder = tmp_path_factory.mktemp("p") / "plan"
    shutil.copytree(ROOT / "tests" / "oracle_plan", folder)
    return folder


def events_with(text: str) -> Iterator[dict[str, Any]]:
    """Events with a text in each place that takes one."""
    accepted = {"specversion": "1.0", "type": "case.accepted", "subject": "C-1", **CASE}
    data: dict[str, Any] = {"service_item": "permit", "unit": "works"}
    yield {**accepted, "id": f"a{text}", "subject": f"C{text}", "data": data}
    yield {**accepted, "id": f"b{BITES.index(text)}", "data": {**data, "attributes": {"size": text, f"n{text}": 1}}}
    yield {**accepted, "id": "c", "data": {**data, "unit": text, "service_item": text}}
    yield {**accepted, "id": "d", "data": {**data, text: text}}
    yield {**accepted, "id": "e", "data": data, text: 1}
    yield {**accepted, "id": "f", "type": text, "data": data}
    yield {**accepted, "id": "g", "source": text, "data": data}
    yield {**accepted, "id": "h", "time": text, "data": data}
    yield {**accepted, "id": "i", "type": "case.suspended", "data": {"unit": "works", "reason": text}}
    yield {**accepted, "id": "j", "type": "case.completed", "data": {"unit": text, "outcome": text}}


@pytest.fixture(scope="module")
def events(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The corpus as a file, whose name bites, too."""
    file = tmp_path_factory.mktemp("e") / "na\x1b[31mme\u202e\r[red].jsonl"
    file.write_bytes(
        b"\n".join(orjson.dumps(event) for text in BITES for event in events_with(text)) + b"\n\xff\x1b[0m\n"
    )
    return file


@pytest.mark.parametrize(
    "command",
    [
        ("validate", "EVENTS"),
        ("validate", "EVENTS", "--json"),
        ("replay", "EVENTS", "--as-of", "2021-11-01", "--out", "OUT/v\u202e.csv", "--cards", "OUT/c.csv",
         "--rejected", "OUT/r.csv", "--report", "OUT/r.html", "--processes", "1"),
        ("report", "EVENTS", "--month", "2021-10", "--out", "OUT/re\x1bport", "--processes", "1"),
        ("explain", "/units/water C-1", "EVENTS", "--as-of", "2021-11-01"),
        ("explain", "/units/water C-1", "EVENTS", "--as-of", "2021-11-01", "--json"),
        ("explain", "no\x1b[31m\u202e", "EVENTS", "--as-of", "2021-11-01"),
        ("explain", "C-1", "EVENTS", "--as-of", "\x1b[31m"),
        ("validate", "no\x1b[31m\u202ewhere"),
        ("import", "no\x1b[31m\u202ewhere", "--mapping", ROOT / "tests/mappings/nl-wabo-receipt.toml",
         "--out", "OUT/x"),
        ("plan", "show", "no\x1b[31m\u202e"),
        ("plan", "check", "no\x1b[31m\u202e"),
        ("plan", "schema", "no\x1b[31m\u202e"),
        ("simulate", "--days", "1", "--seed", "1", "--out", "OUT/x", "--faults", "\x1b[31m"),
        ("\x1b[31m",),
    ],
    ids=lambda command: " ".join(command[:2]).encode("ascii", "backslashreplace").decode(),
)  # fmt: skip
def test_no_command_shows_it_raw(
    command: tuple[str, ...], plan: Path, events: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    monkeypatch.setenv("KPIWATCH_PLAN", str(plan))
    arguments = [str(one).replace("EVENTS", str(events)).replace("OUT", str(tmp_path)) for one in command]
    assert run(*arguments) in (1, 2)
    shown = capsys.readouterr()
    assert bad(shown.out + shown.err) == set()
    assert command[:2] == ("plan", "schema") or any(escape in shown.out + shown.err for escape in ("\\u001b", "\\x1b"))
    for page in tmp_path.rglob("*.html"):
        assert bad(page.read_text("utf-8"), keep="\n") == set()
    for sheet in tmp_path.rglob("*.csv"):
        check_csv(sheet)
    if command[0] == "explain" and "--json" in command:
        assert (
            "\x1b[31mred" in orjson.loads(shown.out)["history"][0]["data"]["attributes"].values()
        )  # for programs nothing is lost


def check_csv(path: Path) -> None:
    text = path.read_text("utf-8")
    assert bad(text) == set()
    rows = list(csv.reader(io.StringIO(text, newline="")))
    assert len(rows) == text.count("\n")
    for cell in (cell for row in rows for cell in row):
        assert (
            cell == "-" or cell.lstrip()[:1] not in tuple("=+@＝＋－＠") or cell.lstrip("+").replace(".", "").isdigit()
        )
        assert not cell.startswith("-") or cell == "-" or float(cell) < 0


def test_no_csv_holds_a_formula_and_each_text_can_be_read_back(tmp_path: Path) -> None:
    ours = ("-", "-0.25", "0.5", "")
    for write, kind in ((write_values, ValueRow), (write_cards, Card), (write_rejected, Rejected)):
        rows = [kind._make([text] * len(kind._fields)) for text in (*BITES, *ours)]
        path = tmp_path / f"{kind.__name__}.csv"
        assert write(path, rows) == len(rows)  # type: ignore[arg-type]
        check_csv(path)
        with path.open(encoding="utf-8", newline="") as file:
            first = [row[0] for row in csv.reader(file)][1:]
        assert first[-4:] == list(ours)
        plain = [text for text in BITES if not bad(text, keep="")]
        assert [cell_text(cell) for cell in first if cell_text(cell) in plain] == plain


def test_import_says_which_cell_without_showing_it_raw(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    export, mapping = tmp_path / "ex\x1b[31mport.csv", ROOT / "tests" / "mappings" / "nl-wabo-receipt.toml"
    columns = sorted(
        {"case_id", "event", "occurred_at", "service", "unit", "channel", "due_at", "node", "outcome", "role", "task"}
    )
    with export.open("w", encoding="utf-8", newline="") as sink:
        writer = csv.writer(sink)
        writer.writerow(columns)
        for text in BITES:
            writer.writerow([{"event": "accepted", "occurred_at": text}.get(name, text) for name in columns])
    assert run("import", export, "--mapping", mapping, "--out", tmp_path / "o.jsonl") == 1
    shown = capsys.readouterr()
    assert bad(shown.out + shown.err) == set() and "\\u001b" in shown.err


def test_dead_letters_are_listed_and_shown_without_biting(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    letters = [
        Filed(number, DeadLetter(Reason.MALFORMED, text, text, text, f'{{"source": "{text}"}}'.encode(), text,
                                 file=text, line=number))
        for number, text in enumerate(BITES)
    ]  # fmt: skip
    monkeypatch.setattr(dead_letters, "read", lambda address, start=0, unreadable=None: iter(letters[start:]))
    assert run("dead-letters", "list") == 0
    for number in range(len(BITES)):
        assert run("dead-letters", "show", number) == 0
    shown = capsys.readouterr()
    assert bad(shown.out + shown.err) == set()
    assert "\\u001b[31mred" in shown.out and "[red]markup[/red]" in shown.out and ":boom:" in shown.out


def test_status_shows_units_and_times_without_biting(
    plan: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    row = dict.fromkeys(ValueRow._fields, "1")
    rows = [
        ValueRow(**{**row, "kpi": "CALENDAR", "variant": "official", "unit": "ALL", "item": "-", "window": "all",
                    "state": "met", "window_end": "", "n": text, "open_overdue": text})
        for text in BITES
    ]  # fmt: skip
    card = Card._make([""] * len(Card._fields))
    cards = [card._replace(unit=text, level=Level.RED) for text in BITES]
    text = "".join(BITES)
    monkeypatch.setenv("KPIWATCH_PLAN", str(plan))

    class Reader:
        def __init__(self, _: object) -> None: ...
        def __enter__(self) -> "Reader":
            return self

        def __exit__(self, *_: object) -> None: ...
        def first(self, _: float) -> DistrictStatus:
            return DistrictStatus(rows, {}, cards, text, text)

    monkeypatch.setattr(status, "PublishedReader", Reader)
    assert run("status", "--all") == 0
    shown = capsys.readouterr()
    assert bad(shown.out + shown.err) == set()
    assert "\\u001b[31mred" in shown.out and "[red]markup[/red]" in shown.out


def test_archive_names_a_case_without_biting(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    class Reader:
        caught_up = False

        def __init__(self, *_: object) -> None: ...
        def __enter__(self) -> "Reader":
            return self

        def __exit__(self, *_: object) -> None: ...
        def appended(self, topic: str) -> int:
            return 1

        def poll(self) -> list[Record]:
            self.caught_up = True
            return [Record("case.events", 0, 0, b"k", b"{}")]

    monkeypatch.setattr(archive, "TopicReader", Reader)
    assert run("archive", "--out", tmp_path / "o\u202e\x1b.jsonl", "--case", "".join(BITES)) == 1
    shown = capsys.readouterr()
    assert bad(shown.out + shown.err) == set() and "\\u001b" in shown.err


# ---- plans, pages, logs, labels ------------------------------------------------------------------------------
@pytest.mark.parametrize("text", [text for text in BITES if bad(text)])
def test_a_plan_with_such_a_character_is_refused_by_file_and_place(
    text: str, plan: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "plan"
    shutil.copytree(plan, folder)
    escaped = "".join(f"\\U{ord(one):08x}" if bad(one, keep="") else one for one in text)
    for inside in (f'"{escaped}"', f'"{text}"'):
        head = (plan / "plan.toml").read_text("utf-8").replace('"独立核算对照"', inside)
        (folder / "plan.toml").write_text(head, "utf-8", newline="")
        assert run("plan", "check", folder) == 1
        shown = capsys.readouterr()
        assert bad(shown.out + shown.err) == set() and "plan.toml" in shown.out


def test_a_page_shows_it_as_its_escape_and_leaves_drawings_alone() -> None:
    page = _templates().from_string("{{ a }} {{ b|safe }} {{ c }}").render(a="\u202e<b>\x1b", b="<svg>", c=1)
    assert page == "\\u202e&lt;b&gt;\\u001b <svg> 1"


def test_a_log_line_and_its_traceback_do_not_bite(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    sink = io.StringIO()
    handler = logging.StreamHandler(sink)
    log = logging.Logger("other's library")
    log.addHandler(handler)
    before = logging.getLogRecordFactory()
    logging.setLogRecordFactory(SeenRecord)
    try:
        log.warning("%s and %s", "".join(BITES), 1)
        try:
            raise ValueError("".join(BITES))
        except ValueError:
            log.exception("it failed")
    finally:
        logging.setLogRecordFactory(before)
    complain("".join(BITES))
    shown = sink.getvalue() + capsys.readouterr().err
    assert bad(shown, keep="\n\t") == set() and shown.count("\\u001b[31m") == 3


@pytest.mark.parametrize(("name", "has_traceback"), [("kafka.net.transport", False), ("services.gateway", True)])
def test_of_an_error_of_the_kafka_client_one_line_is_logged(name: str, has_traceback: bool) -> None:
    """A broker that is away is no defect: ours keep their tracebacks."""
    try:
        raise ConnectionResetError("reset by peer")
    except ConnectionResetError:
        record = SeenRecord(name, logging.ERROR, "file.py", 1, "it failed", (), sys.exc_info())
    text = logging.Formatter().format(record)
    assert "ConnectionResetError: reset by peer" in text and ("Traceback" in text) == has_traceback


def test_labels_refusals_and_lines_do_not_bite(capsys: pytest.CaptureFixture[str]) -> None:
    text = "".join(BITES)
    assert bad(written({"unit": text}), keep="") == set()
    refused = Refused(Reason.UNKNOWN_FIELD, text, text, text)
    assert bad(str(refused) + refused.path + refused.sentence + refused.remedy, keep="") == set()
    say(text)
    safe_console().print(text)
    assert bad(capsys.readouterr().out) == set()


@pytest.mark.slow
def test_every_way_out_is_one_of_those() -> None:
    """What is printed, written as CSV or logged elsewhere would go past `visible`."""
    allowed = {
        ("services/cli/terminal.py", "typer.echo"), ("services/cli/terminal.py", "Console"),
        ("services/cli/__main__.py", "typer.echo"),  # the version
        ("services/cli/__main__.py", "print"), ("services/runtime/logs.py", "print"),  # through `visible`
        ("services/runtime/logs.py", "logging.basicConfig"),
        ("services/runtime/csv_file.py", "csv.writer"),
        ("services/local/up.py", "Console"),  # its texts are its own
        ("services/cli/status.py", "Console"),  # in memory, to compare two pages: it shows nothing
        ("services/catalog/calendar/generate.py", "print"), ("services/handbook/__main__.py", "print"),  # paths of ours
        ("services/alert_rules/__main__.py", "print"), ("dashboards/write.py", "print"),
        ("services/runtime/secret_file.py", "print"),
        ("services/cli/dead_letters.py", "sys.stdout.buffer.write"),  # a whole event, not to a terminal
    }  # fmt: skip
    watched = {"print", "typer.echo", "typer.secho", "Console", "csv.writer", "csv.DictWriter", "logging.basicConfig",
               "sys.stdout.write", "sys.stderr.write", "sys.stdout.buffer.write"}  # fmt: skip
    found = set()
    for room in ("services", "streams", "dashboards"):
        for path in sorted((ROOT / room).rglob("*.py")):
            for node in ast.walk(ast.parse(path.read_text("utf-8"))):
                if isinstance(node, ast.Call) and (name := ast.unparse(node.func)) in watched:
                    found.add((str(path.relative_to(ROOT)), name))
    assert found == allowed
    assert set(COMMANDS) >= {"validate", "replay", "report", "explain", "archive", "import", "dead-letters", "status"}
