"""Whatever an option, an argument or a setting is given: a sentence that names it, at once, and an exit code that is
documented; never a traceback, and never more memory than a small command needs."""

import functools
import io
import resource
import sys
import time
from collections.abc import Iterator
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path
from typing import Any

import pytest
import typer
from kafka.errors import KafkaConnectionError

from services.catalog.load.plan_folder import load_plan
from services.cli import __main__ as cli
from services.cli import simulate as simulate_module
from services.cli.__main__ import COMMANDS, main
from services.cli.failure import Failure
from services.domain.plan.statutory_time import Law
from services.local import monitoring_tools
from services.local.failures import PartUnavailable
from services.replay import replay as replaying
from services.runtime.settings import Settings, SettingsError, variable

ROOT = Path(__file__).parents[2]
SECONDS = 20
"""Of the processor, for one command: it has nothing to do."""
PATIENCE_SECONDS = 180
"""By the clock, for one command on a busy machine."""
MEMORY_BYTES = 1_500 * 1024 * 1024
"""More than the process has."""
BASES = {
    "replay": "EVENTS --as-of 2021-11-01 --out v.csv --processes 1",
    "report": "EVENTS --month 2021-10 --out reports --processes 1",
    "briefing": "EVENTS --period month --until 2021-10-31 --out briefings --format html",
    "backfill": "EVENTS --from 2021-10-01 --to 2021-10-02 --out blocks --processes 1",
    "values": "--out v.csv --as-of 2021-11-01 --wait 0",
    "explain": "CASE EVENTS --as-of 2021-11-01",
    "archive": "--out a.jsonl",
    "validate": "EVENTS",
    "import": "EXPORT --mapping MAPPING --out i.jsonl",
    "simulate": "--days 1 --seed 1 --out s.jsonl --cases-per-day 1 --plan SHIPPED",
    "send": "EVENTS --gateway http://127.0.0.1:1 --wait 0",
    "tail": "--query EVENTS --watermark w --mapping MAPPING --gateway http://127.0.0.1:1 --once",
    "plan check": "PLAN",
    "plan show": "CALENDAR",
    "plan diff": "PLAN PLAN",
    "plan schema": "plan",
    "topics": "--check",
    "dead-letters list": "",
    "dead-letters show": "0",
    "dead-letters resend": "0 --event EVENTS --source /units/water",
    "cases quarantined": "--wait 0",
    "cases counted": "overdue --promise K06-1",
    "cases list": "",
    "cases show": "CASE",
    "sources list": "",
    "sources add-key": "SOURCE",
    "sources add-keys": "-",
    "sources revoke": "0",
    "sources rotate": "SOURCE",
    "inboxes": "--passwords folder",
    "answer acknowledge": "CASE --promise K06-1",
    "answer reply": "CASE --promise K06-1",
    "answer reason": "CASE --promise K06-1",
    "answer extension": "CASE --promise K06-1 --limit 1",
    "decide late-entry": "CASE accept --promise K06-1",
    "decide reason": "CASE accept --promise K06-1",
    "decide extension": "CASE refuse --promise K06-1",
    "decide withdraw": "1",
    "decide again": "1",
    "orders list": "",
    "orders print": "2021-1 --out o.html",
    "contacts check": "",
    "contacts try": "operations",
    "contacts used": "",
    "ledger verify": "EVENTS",
    "ledger export": "--out l.jsonl",
    "ledger rebuild": "",
    "ledger checkpoint": "",
    "ledger erase": "0",
    "ledger text": "0",
    "backup": "b.tar",
    "restore": "EVENTS",
    "desk account add": "name --role admin",
    "desk account reset": "nobody",
    "desk account disable": "nobody",
    "desk account sessions": "nobody",
    "dashboards publish": "--url http://127.0.0.1:1 --token t --dry-run",
    "status": "--wait 0",
    "clock": "--check",
}
"""How each command is asked in the quickest way. `up`, `casebook`, `briefings`, `ledger keep` and `desk serve`
have no option that takes a value."""
NUMBERS = ("0", "-1", "1000000000", "9" * 5000, "1e300", "nan", "-inf", "", "九", "²")
FILES = (
    "",
    "x" * 5000,
    "-",
    "/",
    "/dev/null",
    "/dev/zero",
    "/dev/full",
    "nowhere/x",
    "GBK",
    "UTF16",
    "BOM",
    "DEEP",
    "BINARY",
)
TEXTS = (
    "", " ", "x" * 5000, "--", "0001-01-01", "9999-12-30", "2021-02-30", "a:b:c", ":", "[::1", "http://", "a\udcffb",
    "\x1b[31m",
)  # fmt: skip
EXTREMES = (*NUMBERS, *FILES, *TEXTS)
_READ = {"EVENTS", "--plan", "PLAN", "EXPORT", "--mapping", "--event"}
"""What is tried with the work behind it, not only up to it."""


@pytest.fixture
def words(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[dict[str, str]]:
    """What the words in capitals stand for; the working directory is a new one, and nobody answers anywhere."""
    files = {
        "EVENTS": b'{"id": "1"}\n',
        "EXPORT": b"case_id,event\n1,2\n",
        "GBK": 'timezone = "九月"\n'.encode("gbk"),
        "UTF16": 'timezone = "Asia/Shanghai"\n'.encode("utf-16"),
        "BOM": b"\xef\xbb\xbftimezone = 1\n",
        "DEEP": b"a = " + b"[" * 5000,
        "BINARY": bytes(range(256)) * 40,
    }
    for name, content in files.items():
        (tmp_path / f"{name}.txt").write_bytes(content)
    folder = tmp_path / "work"
    folder.mkdir()
    monkeypatch.chdir(folder)
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO()))
    monkeypatch.setenv("KPIWATCH_PLAN", str(ROOT / "tests" / "oracle_plan"))
    monkeypatch.setenv("KPIWATCH_KEY", "kw_0")
    laws: dict[int, Law] = {}
    monkeypatch.setattr(simulate_module, "load_plan", functools.cache(load_plan))
    monkeypatch.setattr(simulate_module, "Law", lambda plan, calendar: laws.setdefault(id(plan), Law(plan, calendar)))

    def nobody(*_: Any, **__: Any) -> Any:
        raise KafkaConnectionError("nobody")

    for place in ("messaging.reader.KafkaConsumer", "messaging.tally_reader.KafkaConsumer",
                  "messaging.dead_letter_reader.KafkaConsumer", "messaging.topics.KafkaAdminClient",
                  "gateway.key_reader.KafkaConsumer", "gateway.key_admin.KafkaProducer",
                  "ledger.writer.KafkaProducer"):  # fmt: skip
        monkeypatch.setattr(f"services.{place}", nobody)
    monkeypatch.setattr(
        monitoring_tools, "find", lambda *_: (_ for _ in ()).throw(PartUnavailable("promtool", "there is none", "-"))
    )
    names = {name: str(tmp_path / f"{name}.txt") for name in files}
    mapping = ROOT / "tests" / "mappings" / "nl-wabo-receipt.toml"
    shipped = ROOT / "services" / "catalog" / "jiangbei-2021"
    yield names | {"MAPPING": str(mapping), "SHIPPED": str(shipped), "PLAN": str(ROOT / "tests" / "oracle_plan")}


@pytest.fixture(autouse=True)
def little_memory() -> Iterator[None]:
    pages = int(Path("/proc/self/statm").read_text().split()[0])
    before = resource.getrlimit(resource.RLIMIT_AS)
    resource.setrlimit(resource.RLIMIT_AS, (pages * resource.getpagesize() + MEMORY_BYTES, before[1]))
    yield
    resource.setrlimit(resource.RLIMIT_AS, before)


DEVICES = [Path(name) for name in ("/dev/null", "/dev/zero", "/dev/full")]


@pytest.fixture(autouse=True)
def devices_stay() -> Iterator[None]:
    """No command puts a file in the place of a device: a user with all rights would harm the machine."""
    before = {device: device.stat().st_rdev for device in DEVICES}
    yield
    assert {device: device.stat().st_rdev for device in DEVICES} == before


@functools.cache
def options_of(command: str) -> dict[str, tuple[str, ...]]:
    """Every option of a command that takes a value, and what is extreme for it."""
    words = command.split()
    app = typer.Typer()
    module, _, attribute = COMMANDS[words[0]].place.partition(":")
    content = getattr(__import__(module, fromlist=[attribute]), attribute)
    if isinstance(content, typer.Typer):
        app.add_typer(content, name=words[0])
    else:
        app.command(words[0])(content)
        app.callback()(lambda: None)
    found: Any = typer.main.get_command(app)
    for word in words:
        found = found.commands[word]
    return {
        each.opts[0]: _extremes_of(each.type_descriptor.annotation)
        for each in found.params
        if each.opts[0].startswith("--") and not getattr(each, "is_flag", False) and each.opts[0] != "--help"
    }


def _extremes_of(kind: object) -> tuple[str, ...]:
    if kind in (int, float):
        return NUMBERS
    return FILES if kind is Path else TEXTS


def first_with(option: str) -> str:
    """The command that is asked with all extremes of an option; the others read it by the same code."""
    return next(command for command in BASES if option in options_of(command))


def asked(command: str, words: dict[str, str], thorough: bool) -> Iterator[tuple[str, str, list[str]]]:
    """What is extreme, how, and the arguments."""
    base = BASES[command].split()
    for option, every in options_of(command).items():
        extremes = every if thorough or command == first_with(option) else every[::3]
        rest = list(base)
        if option in rest:
            del rest[rest.index(option) : rest.index(option) + 2]
        for value in extremes:
            yield option, value, [*rest, f"{option}={words.get(value, value)}"]
    for place, word in enumerate(base):
        if word.startswith("--") or (place and base[place - 1].startswith("--")):
            continue
        for value in EXTREMES if word in ("0", "CASE", "SOURCE", "plan", "CALENDAR") else FILES:
            if not value.startswith("-") or value == "-":
                yield word, value, [*base[:place], words.get(value, value), *base[place + 1 :]]


def ended(arguments: list[str]) -> tuple[int, str, float]:
    """Exit code, what was said, and how many seconds of this process it took; by the clock, where it waited."""
    said, began, work = io.TextIOWrapper(io.BytesIO(), "utf-8"), time.monotonic(), time.process_time()
    with redirect_stdout(said), redirect_stderr(said), pytest.raises(SystemExit) as end:
        main(arguments)
    said.flush()
    text = said.buffer.getvalue().decode()
    took = time.monotonic() - began
    seconds = took if took > PATIENCE_SECONDS else time.process_time() - work
    return end.value.code if isinstance(end.value.code, int) else 0, text, seconds


def faults(code: int, said: str, seconds: float) -> str:
    if code not in (0, 1, 2, 3):
        return f"exit code {code}"
    if "Traceback" in said or "please report" in said:
        return "a defect"
    if code and not said.strip():
        return "no sentence"
    if any(not one.isprintable() and one not in "\n\t" for one in said):
        return "it bites"
    return f"{seconds:.0f} s" if seconds > SECONDS else ""


def test_every_command_is_tried() -> None:
    tried = {command.split()[0] for command in BASES} | {"up", "casebook", "briefings"}
    assert tried == set(COMMANDS)
    for name, command in COMMANDS.items():
        place, _, attribute = command.place.partition(":")
        app = getattr(__import__(place, fromlist=[attribute]), attribute)
        if hasattr(app, "registered_commands"):
            subcommands = {each.name or each.callback.__name__ for each in app.registered_commands} - {"keep", "serve"}
            assert {command.split()[1] for command in BASES if command.split()[0] == name} >= subcommands


@pytest.mark.timeout(1200)
@pytest.mark.parametrize("command", BASES)
def test_no_value_of_an_option_is_more_than_a_sentence(
    command: str, words: dict[str, str], monkeypatch: pytest.MonkeyPatch, thorough: bool
) -> None:
    monkeypatch.setattr(cli, "_defect", lambda: Failure(_account(), 99))
    wrong = []
    real = replaying.replay
    for what, value, arguments in asked(command, words, thorough):
        monkeypatch.setattr(replaying, "replay", real if what in _READ else lambda *_, **__: replaying.Replayed())
        given = [*command.split(), *(words.get(word, word) for word in arguments)]
        fault = faults(*(outcome := ended(given)))
        if fault:
            wrong.append(f"{what} = {value[:40]!r}: {fault}: {outcome[1][-1500:]}")
    assert not wrong, "\n\n".join(wrong)


def _account() -> str:
    import traceback

    return traceback.format_exc()


@pytest.mark.parametrize("field", Settings.model_fields)
def test_a_setting_that_cannot_be_used_is_named_with_a_remedy(field: str) -> None:
    usable = 0
    for value in EXTREMES:
        try:
            Settings.from_environment({variable(field): value})
            usable += 1
        except SettingsError as error:
            assert str(error).startswith(f"{variable(field)}=") and len(str(error)) < 600, value
    annotation = str(Settings.model_fields[field].annotation)
    assert usable < len(EXTREMES) or "Path" in annotation


@pytest.mark.parametrize(
    "value",
    ["a:b:c", ":", "a", "a:", ":1", "a:0", "a:65536", "a:-1", "a:1,", ",", "a b:1", "http://a:1", "[::1]", "::1:9092",
     "a:1e3", "a:٣", "\x1b:1"],
)  # fmt: skip
def test_what_is_no_address_of_a_broker_is_refused_everywhere(value: str, words: dict[str, str]) -> None:
    with pytest.raises(SettingsError, match="KPIWATCH_BOOTSTRAP"):
        Settings.from_environment({"KPIWATCH_BOOTSTRAP": value})
    code, said, _ = ended(["topics", f"--bootstrap={value}"])
    assert code == 2 and "--bootstrap" in said


@pytest.mark.parametrize("field", ["alertmanager_url", "desk_url", "bootstrap"])
@pytest.mark.parametrize("value", ["http://user:s3cret@a:0", "user:s3cret@a b", "ftp://user:s3cret#@a"])
def test_what_may_be_a_password_is_in_no_sentence_about_a_setting(field: str, value: str) -> None:
    with pytest.raises(SettingsError, match=variable(field)) as refusal:
        Settings.from_environment({variable(field): value})
    assert "s3cret" not in str(refusal.value) and "user:" not in str(refusal.value)


def test_the_address_that_dashboards_show_has_no_password() -> None:
    with pytest.raises(SettingsError, match="leave them out"):
        Settings.from_environment({"KPIWATCH_DESK_URL": "https://user:s3cret@desk.example"})
    given = {"KPIWATCH_ALERTMANAGER_URL": "http://user:s3cret@a:1"}
    assert Settings.from_environment(given).alertmanager_url == given["KPIWATCH_ALERTMANAGER_URL"]


@pytest.mark.parametrize("value", ["a:1", "127.0.0.1:19092", "a-1.b_c:9092, d:65535", "[::1]:9092"])
def test_addresses_of_brokers_are_taken(value: str) -> None:
    assert Settings.from_environment({"KPIWATCH_BOOTSTRAP": value}).bootstrap == value.replace(" ", "")


@pytest.mark.parametrize("name", ["plan.toml", "kpis/a.toml", "units.toml", "lists/x.txt", "plan.lock"])
@pytest.mark.parametrize("what", ["/dev/zero", "GBK", "UTF16", "BINARY", "LARGE", "/"])
def test_a_file_of_a_plan_that_is_no_text_is_named(name: str, what: str, words: dict[str, str], tmp_path: Path) -> None:
    import shutil

    large = tmp_path / "large"
    large.write_bytes(b"#" * (5 << 20))
    folder = tmp_path / "plan"
    shutil.copytree(words["PLAN"], folder)
    (folder / name).parent.mkdir(exist_ok=True)
    (folder / name).unlink(missing_ok=True)
    (folder / name).symlink_to({"LARGE": str(large)}.get(what, words.get(what, what)))
    code, said, seconds = ended(["plan", "check", str(folder)])
    assert faults(code, said, seconds) == ""
    assert code in (1, 2) and Path(name).name in said, said
