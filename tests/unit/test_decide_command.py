"""`kpiwatch decide` and `answer`: what they show, ask and record. The ledger is in memory, the casebook small."""

import io
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import orjson
import pytest

from services.casebook.database import open_engine
from services.casebook.index import Index
from services.catalog.load.calendars import load_calendar
from services.catalog.load.plan_folder import load_plan
from services.cli import answer, decide
from services.cli.__main__ import main
from services.cli.ledger_session import Session
from services.domain.judging.judge import Judge
from services.domain.time.zone import Zone
from services.ledger.backup import back_up, erasures_in, put_texts_back, read_backup
from services.ledger.enforcement import Enforcement
from services.ledger.texts import Texts, erased_by, erasure
from services.ledger.writer import LedgerAway, NotRecorded
from services.messaging.records.ledger import Kind, Request, subject_of_case
from tests.integration.crash_story import write_plan
from tests.unit.casebook_records import IDS, NOW, Log, filled
from tests.unit.ledger_world import LedgerWorld, MemoryLedger

Said = Callable[..., tuple[int, str, str]]


def event(name: str, time: str, received: str, data: object) -> bytes:
    return orjson.dumps({
        "specversion": "1.0", "id": name, "source": "/units/north", "type": name, "subject": "W-1", "time": time,
        "recordedat": received, "receivedat": received, "data": data,
    })  # fmt: skip


@pytest.fixture(scope="module")
def settings(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """One case: accepted on a Thursday, 3 working days, completed in time, reported two weeks later."""
    folder = tmp_path_factory.mktemp("decide")
    plan = load_plan(write_plan(folder / "plan"))
    place, log = str(folder / "casebook.sqlite"), Log()
    start, late = "2021-09-09T09:00:00+08:00", "2021-09-27T09:00:00+08:00"
    log.event(event("case.accepted", start, start, {"service_item": "permit", "unit": "north"}), 0)
    log.event(event("case.completed", "2021-09-10T09:00:00+08:00", late, {}), 0)
    index = Index(open_engine(place, writes=True), Judge(plan, load_calendar(plan.head.calendar)), 3, lambda: NOW)
    index.open(0, IDS)
    filled(index, log.records)
    return {"KPIWATCH_PLAN": str(folder / "plan"), "KPIWATCH_CASEBOOK": place, "KPIWATCH_PARTITIONS": "3"}


class WorldWithGateway(LedgerWorld):
    """Its keeper puts decisions into force as soon as they are recorded."""

    def keep(self, at_most: int | None = None) -> list:  # type: ignore[type-arg]
        made = super().keep(at_most)
        enforcement = Enforcement(lambda event: [], self.record, "keeper-1")
        enforcement.take(made)
        enforcement.work()
        return made


@pytest.fixture
def world() -> LedgerWorld:
    return WorldWithGateway()


@pytest.fixture
def said(
    settings: dict[str, str],
    world: LedgerWorld,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> Said:
    """What a command says: exit code, output, errors."""
    for name, value in settings.items():
        monkeypatch.setenv(name, value)

    @contextmanager
    def session(bootstrap: str, zone: Zone) -> Iterator[Session]:
        yield Session(world.client(), zone)

    monkeypatch.setattr(decide, "session", session)
    monkeypatch.setattr(answer, "session", session)

    def run(*arguments: str) -> tuple[int, str, str]:
        with pytest.raises(SystemExit) as ended:
            main(arguments)
        return (int(ended.value.code or 0), *capfd.readouterr())

    return run


CONFIRM = ("late-entry", "W-1", "accept", "--promise", "WITHIN")


def test_it_shows_what_it_decides_on_records_it_and_says_that_it_is_in_force(said: Said, world: LedgerWorld) -> None:
    code, out, error = said("decide", "--by", "值班3", "--yes", *CONFIRM)
    assert (code, error) == (0, "")
    for part in ("/units/north W-1", "逾期补录", "case.completed", "2021-09-27T09:00:00", "recorded as 1", "in force"):
        assert part in out, part
    decided, in_force = world.records()
    assert in_force.request.kind is Kind.IN_FORCE and decided.request.body["by"] == "值班3"
    assert decided.request.body["data"] == {
        "kpi": "WITHIN", "decision": "accepted", "cycle": 1, "through": "2021-09-27T01:00:00Z"
    }  # fmt: skip
    code, out, _ = said("decide", "--by", "值班3", "--yes", "withdraw", "1")
    assert code == 0 and "#1" in out and "决定 decided (late_entry, accepted, 值班3)" in out
    assert world.records()[2].request.body["data"] == {"of": "ledger-1", "event": None}


def test_nobody_decides_without_being_asked(said: Said, world: LedgerWorld) -> None:
    code, _, error = said("decide", "--by", "值班3", *CONFIRM)
    assert code == 2 and "--yes --seen 0" in error and world.records() == []


def test_a_stale_decision_is_refused_with_what_came_since(said: Said, world: LedgerWorld) -> None:
    world.record(Request("m", Kind.MET_LATE, "keeper-1", subject_of_case("WITHIN", "/units/north W-1", 1)))
    code, _, error = said("decide", "--by", "值班3", "--yes", "--seen", "0", *CONFIRM)
    assert code == 1 and "#1" in error and "up to record 0" in error
    assert said("decide", "--by", "值班3", "--yes", "--seen", "1", *CONFIRM)[0] == 0


@pytest.mark.parametrize(
    ("arguments", "code", "why"),
    [
        (("decide", *CONFIRM), 2, "--by before the command"),
        (("decide", "--by", "x", "--yes", "late-entry", "W-2", "accept", "--promise", "WITHIN"), 1, "no case “W-2”"),
        (
            ("decide", "--by", "x", "--yes", "late-entry", "W-1", "accept", "--promise", "Q"),
            1,
            "says nothing of the case",
        ),
        (
            ("decide", "--by", "x", "--yes", *CONFIRM, "--cycle", "2"),
            2,
            "--cycle which request of the case “W-1” is meant: request 1",
        ),
        (("decide", "--by", "x", "--yes", "reason", "W-1", "accept", "--promise", "WITHIN"), 1, "only soft promises"),
        (("decide", "--by", "x", "extension", "W-1", "grant", "--promise", "WITHIN"), 2, "write --limit"),
        (
            ("decide", "--by", "x", "extension", "W-1", "grant", "--promise", "WITHIN", "--limit", "five"),
            2,
            "“five” is no limit",
        ),
        (("decide", "--by", "x", "--yes", "withdraw", "7"), 1, "no record 7"),
        (("answer", "acknowledge", "W-1", "--promise", "WITHIN"), 2, "--unit and --by before"),
        (
            ("answer", "--unit", "south", "--by", "x", "acknowledge", "W-1", "--promise", "WITHIN"),
            1,
            "north may answer",
        ),
        (
            ("answer", "--unit", "north", "--by", "x", "reply", "W-1", "--promise", "WITHIN", "--until", "soon"),
            2,
            "“soon” is no day",
        ),
    ],
)
def test_what_is_wrong_is_said_in_a_sentence(said: Said, arguments: tuple[str, ...], code: int, why: str) -> None:
    ended, _, error = said(*arguments)
    assert ended == code and why in error and "Traceback" not in error


def test_a_unit_answers(said: Said, world: LedgerWorld) -> None:
    unit = ("answer", "--unit", "north", "--by", "窗口2")
    assert said(*unit, "acknowledge", "W-1", "--promise", "WITHIN")[0] == 0
    assert said(*unit, "reply", "W-1", "--promise", "WITHIN", "--until", "2021-10-11")[0] == 0
    assert said(*unit, "extension", "W-1", "--promise", "WITHIN", "--limit", "5 working_days")[0] == 0
    assert [str(each.request.kind) for each in world.records()] == ["acknowledged", "replied", "asked"]
    replied, asked = world.records()[1].request, world.records()[2].request
    assert (replied.unit, replied.body["until"]) == ("north", "2021-10-11")
    assert asked.body["limit"] == {"amount": 5, "unit": "working_days"} and asked.subject == replied.subject
    code, out, _ = said("decide", "--by", "值班3", "--yes", "extension", "W-1", "refuse", "--promise", "WITHIN")
    assert code == 0 and "#3" in out and "申请 asked" in out and "不予延期" in out
    assert world.records()[-1].request.body["decision"] == "refused"


def test_a_keeper_that_does_not_answer_is_said(said: Said, world: LedgerWorld) -> None:
    world.keeper_works = False
    code, _, error = said("decide", "--by", "值班3", "--yes", *CONFIRM)
    assert code == 3 and "keeper" in error


REPLY = ("reply", "W-1", "--promise", "WITHIN")
WORDS = "家中有病人，月底前办结"


@pytest.fixture
def texts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Texts:
    monkeypatch.setenv("KPIWATCH_TEXTS", str(tmp_path / "texts.sqlite"))
    return Texts.at(str(tmp_path / "texts.sqlite"))


def test_a_reply_in_words_can_be_erased_and_does_not_come_back_with_a_copy(
    said: Said, world: LedgerWorld, texts: Texts, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    unit = ("answer", "--unit", "north", "--by", "窗口2")
    code, out, _ = said(*unit, "--text", WORDS, *REPLY)
    replied = world.records()[-1].request
    hash = replied.texts["text"]
    assert (code, replied.kind, replied.unit) == (0, Kind.REPLIED, "north") and hash in out
    assert WORDS.encode() not in b"".join(world.log)
    assert said("ledger", "text", hash)[1] == f"{WORDS}\n"
    _, shown, _ = said("decide", "--by", "x", "--yes", *CONFIRM)
    assert hash in shown
    back_up(tmp_path / "copy.tar", {}, texts.all())
    world.record(erasure(hash, "cli", "erase/1"))
    for record in world.records():
        texts.erase(erased_by(record))
    put_texts_back(read_backup(tmp_path / "copy.tar"), texts, erasures_in(world.records()).hashes)
    assert texts.text(hash) is None
    code, _, error = said("ledger", "text", hash)
    assert code == 1 and "it was erased" in error
    monkeypatch.setattr("sys.stdin", io.StringIO("由标准输入"))
    assert said(*unit, "--text", "-", *REPLY)[0] == 0
    assert texts.text(world.records()[-1].request.texts["text"]) == "由标准输入"


@pytest.mark.parametrize(
    ("text", "part"), [("", "empty"), (" \n", "empty"), ("长" * 20_001, "20000 characters"), ("\udcff", "not UTF-8")]
)
def test_a_text_that_cannot_be_kept_is_refused_and_nothing_is_recorded(
    said: Said, world: LedgerWorld, texts: Texts, text: str, part: str
) -> None:
    code, _, error = said("answer", "--unit", "north", "--by", "x", "--text", text, *REPLY)
    assert code == 2 and part in error
    assert (world.log, [*texts.all()]) == ([], [])


@pytest.mark.parametrize(("refused", "code", "left"), [(True, 1, None), (False, 3, WORDS)])
def test_a_text_of_which_nothing_is_recorded_is_erased_and_one_that_may_be_recorded_yet_is_not(
    said: Said, world: LedgerWorld, texts: Texts, monkeypatch: pytest.MonkeyPatch, refused: bool, code: int,
    left: str | None,
) -> None:  # fmt: skip
    def answered(*given: object) -> NotRecorded:
        if refused:
            return NotRecorded("claimed", 1, world.record(Request("r", Kind.NOTICE, "w"))[0])
        raise LedgerAway("the keeper did not answer")

    monkeypatch.setattr(MemoryLedger, "until_recorded", answered)
    assert said("answer", "--unit", "north", "--by", "x", "--text", WORDS, *REPLY)[0] == code
    assert [one.text for one in texts.all()] == [left]
