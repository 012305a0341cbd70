"""Briefings on their days: the clock is an argument, the mail server is a real one that delivers nothing."""

import errno
import time
from collections import Counter
from collections.abc import Callable, Iterator
from datetime import date
from pathlib import Path

import pytest
from prometheus_client import CollectorRegistry

from services.briefing.files import Format
from services.briefing.model import Language
from services.briefing.period import Span
from services.briefing.schedule import LONGEST_DAYS, Schedule
from services.catalog.load.calendars import load_calendar
from services.catalog.load.plan_folder import load_plan
from services.cli.briefing import Files, Form
from services.cli.briefings import Asked, Office
from services.domain.plan.plan import Plan
from services.domain.time.rfc3339 import read
from services.domain.time.zone import Zone
from services.local.message_doubles.faults import Fault, Mode
from services.messaging.reader import BrokerUnavailable
from services.notifier import documents
from services.runtime.settings import Settings
from tests.unit.message_doubles import Doubles, running_doubles

ZONE = Zone("Asia/Shanghai")
CONTACTS = """
[[account]]
id = "mail"
kind = "email"
host = "127.0.0.1"
port = {port}
security = "none"
sender = "kpi@district.example"

[[contact]]
unit = "operations"
briefings = ["day", "week"]
channels = [{{ account = "mail", to = "office@district.example" }}]

[[contact]]
unit = "operations"
role = "leader"
briefings = ["day"]
channels = [{{ account = "mail", to = "leader@district.example" }}]
"""


def at(text: str) -> int:
    return read(f"{text}:00+08:00")


# ---- what is due -------------------------------------------------------------------------------------------
def schedule(folder: Path, minutes: int = 8 * 60) -> Schedule:
    return Schedule(folder / "sent.json", load_calendar("cn"), ZONE, minutes)


def due(found: Schedule, now: str) -> list[str]:
    return [span.name for span in found.waiting(at(now))]


def test_a_briefing_is_due_from_its_hour_on_until_it_is_sent(tmp_path: Path) -> None:
    found = schedule(tmp_path)
    assert due(found, "2021-11-01T07:59") == []
    whole = ["day-2021-10-31", "week-2021-10-31", "month-2021-10-31"]
    assert due(found, "2021-11-01T08:00") == whole
    for span in found.waiting(at("2021-11-01T08:00")):
        found.note_sent(span, at("2021-11-01T08:01"))
    assert due(found, "2021-11-01T23:59") == due(schedule(tmp_path), "2021-11-02T07:59") == []
    assert due(schedule(tmp_path), "2021-11-02T08:00") == ["day-2021-11-01"]


def test_days_without_the_process_are_caught_up_and_none_from_before_its_first(tmp_path: Path) -> None:
    assert due(schedule(tmp_path), "2021-09-30T09:00") == ["day-2021-09-29"]
    late = ["day-2021-09-29", "day-2021-10-07", "week-2021-10-03", "month-2021-09-30"]
    assert due(schedule(tmp_path), "2021-10-08T09:00") == late, "the holidays have no working day"


def test_no_working_day_of_a_year_is_without_its_briefing(tmp_path: Path) -> None:
    """Looked at once a day, at any hour, with gaps: each span is sent once, and no day is in none."""
    found, sent = schedule(tmp_path), Counter[str]()
    for step, day in enumerate(range(date(2021, 3, 1).toordinal(), date(2021, 12, 31).toordinal())):
        if step % 17 in (3, 4, 5):
            continue  # nothing ran
        now = ZONE.midnight(day) + (step % 24) * 3_600_000_000
        for span in found.waiting(now):
            sent[span.name] += 1
            found.note_sent(span, now)
    assert set(sent.values()) == {1}
    months = [name for name in sent if name.startswith("month")]
    assert sorted(months) == [f"month-2021-{month:02}-{last}" for month, last in LAST_DAYS]
    weeks = sorted(date.fromisoformat(name[5:]) for name in sent if name.startswith("week"))
    assert {(later - earlier).days for earlier, later in zip(weeks, weeks[1:], strict=False)} == {7}


LAST_DAYS = ((2, 28), (3, 31), (4, 30), (5, 31), (6, 30), (7, 31), (8, 31), (9, 30), (10, 31), (11, 30))


def test_a_clock_that_was_ahead_at_the_first_start_silences_nothing(tmp_path: Path) -> None:
    """It would be silent until the clock gets there, and nothing would wait."""
    assert due(schedule(tmp_path), "2031-10-31T12:00") != ["day-2021-10-31"]
    assert due(schedule(tmp_path), "2021-11-01T08:00")[:1] == ["day-2021-10-31"]
    assert due(schedule(tmp_path), "2021-11-02T08:00")[-1:] == ["day-2021-11-01"]


def test_what_could_not_be_sent_for_a_month_is_given_up(tmp_path: Path) -> None:
    schedule(tmp_path).waiting(at("2021-03-01T07:00"))
    names = due(schedule(tmp_path), "2021-06-01T09:00")
    assert names and min(name[-10:] for name in names) >= "2021-04-29"
    assert LONGEST_DAYS == 31


@pytest.mark.parametrize("content", ["", "[]", '{"since": "x"}', '{"since": "2021-10-01", "sent": {"year-2021": ""}}'])
def test_a_file_that_does_not_say_what_was_sent_is_named(tmp_path: Path, content: str) -> None:
    (tmp_path / "sent.json").write_text(content)
    with pytest.raises(ValueError, match=r"sent\.json.*Remove it"):
        schedule(tmp_path)


# ---- sending -----------------------------------------------------------------------------------------------
@pytest.fixture(scope="module")
def plan() -> Plan:
    return load_plan(Settings().plan)


@pytest.fixture
def doubles(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Doubles]:
    with running_doubles() as found:
        (tmp_path / "contacts.toml").write_text(CONTACTS.format(port=found.mail_port), encoding="utf-8")
        monkeypatch.setenv("KPIWATCH_CONTACTS", str(tmp_path / "contacts.toml"))
        monkeypatch.setenv("KPIWATCH_OUTBOX", str(tmp_path / "outbox.jsonl"))
        yield found


class Written:
    """Writes small files, each time others."""

    def __init__(self, error: Exception | None = None) -> None:
        self.names: list[str] = []
        self.error = error

    def __call__(self, plan: Plan, folder: Path, span: Span, form: Form) -> Files:
        if self.error is not None:
            raise self.error
        self.names.append(span.name)
        form.folder.mkdir(parents=True, exist_ok=True)
        paths = [form.folder / f"{span.name}-{form.language}.{end}" for end in ("html", "docx")]
        for path in paths:
            path.write_text(f"{time.time_ns()}")
        return Files(paths, paths[0], "no browser here", None)  # type: ignore[arg-type]  # nobody asks for the rows


def office(
    plan: Plan, folder: Path, write: Callable[..., Files], monotonic: Callable[[], float] = time.monotonic
) -> Office:
    form = Form(Language.ZH, set(Format), folder / "briefings")
    return Office(Asked(plan, Settings().plan, form), 8 * 60, write, monotonic)


def figures(found: Office) -> dict[tuple[str, str], float]:
    """(metric, period) → its figure."""
    registry = CollectorRegistry(auto_describe=False)
    registry.register(found)
    return {
        (sample.name, sample.labels.get("period", "")): sample.value
        for family in registry.collect()
        for sample in family.samples
    }


def mails(doubles: Doubles) -> Counter[tuple[str, str]]:
    """(mailbox, subject) → how often."""
    return Counter((one.to.partition("@")[0], one.text.splitlines()[0]) for one in doubles.desk.arrivals.all("email"))


def test_each_is_sent_once_to_who_asks_for_it_and_one_that_nobody_asks_for_is_not_written(
    plan: Plan, doubles: Doubles, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    write = Written()
    one = office(plan, tmp_path, write)
    for minute in range(3):
        one.look(at(f"2021-11-01T08:0{minute}"))
    office(plan, tmp_path, write).look(at("2021-11-01T09:00"))
    assert write.names == ["day-2021-10-31", "week-2021-10-31"]
    subjects = Counter((to, subject.partition("（")[0][-2:]) for to, subject in mails(doubles))
    assert subjects == {("office", "日报"): 1, ("leader", "日报"): 1, ("office", "周报"): 1}
    assert set(mails(doubles).values()) == {1}
    assert all("[day-2021-10-31-zh.docx]" in text or "[week-" in text for text in doubles.texts("email"))
    assert "no browser here" in caplog.text
    found = figures(one)
    assert found["kpi_briefings_waiting", "day"] == found["kpi_briefings_waiting", "month"] == 0
    assert found["kpi_briefing_last_sent_timestamp_seconds", "week"] == at("2021-11-01T08:00") / 1_000_000
    assert ("kpi_briefing_last_sent_timestamp_seconds", "month") not in found
    assert found["kpi_briefings_without_pdf_total", ""] == 2


@pytest.mark.parametrize("error", [BrokerUnavailable("no broker"), OSError(28, "no room"), RuntimeError("defect")])
def test_what_fails_is_waiting_and_rests_and_is_sent_once_it_can_be(
    plan: Plan, doubles: Doubles, tmp_path: Path, error: Exception
) -> None:
    now, write = [0.0], Written(error)
    one = office(plan, tmp_path, write, lambda: now[0])
    one.look(at("2021-11-01T08:00"))
    assert figures(one)["kpi_briefings_waiting", "day"] == 1 and not mails(doubles)
    write.error = None
    one.look(at("2021-11-01T08:01"))
    assert write.names == [], "it rests"
    now[0] += 601
    one.look(at("2021-11-01T08:11"))
    assert sum(mails(doubles).values()) == 3 and figures(one)["kpi_briefings_waiting", "day"] == 0


def test_who_could_not_be_reached_gets_it_later_and_nobody_a_second_time(
    plan: Plan, doubles: Doubles, tmp_path: Path
) -> None:
    now, write = [0.0], Written()
    doubles.desk.faults.switch("email", Fault(Mode.LIMITED, times=1))
    one = office(plan, tmp_path, write, lambda: now[0])
    one.look(at("2021-11-01T08:00"))
    assert figures(one)["kpi_briefings_waiting", "day"] == 1
    now[0] += 601
    one.look(at("2021-11-01T08:11"))
    assert set(mails(doubles).values()) == {1} and sum(mails(doubles).values()) == 3
    assert write.names == ["day-2021-10-31", "week-2021-10-31"], "the same files"


def test_on_a_full_disk_nobody_gets_it_again_and_again(
    plan: Plan, doubles: Doubles, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Who has it could not be kept: then it is not sent, until it can be."""

    def full(path: Path, *_: object, **__: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device", str(path))

    now = [0.0]
    one = office(plan, tmp_path, Written(), lambda: now[0])
    with monkeypatch.context() as patched:
        patched.setattr(documents, "replace_file", full)
        for _ in range(3):
            one.look(at("2021-11-01T08:00"))
            now[0] += 10_000
    assert sum(mails(doubles).values()) == 0 and figures(one)["kpi_briefings_waiting", "day"] == 1
    one.look(at("2021-11-01T20:00"))
    assert set(mails(doubles).values()) == {1} and sum(mails(doubles).values()) == 3
