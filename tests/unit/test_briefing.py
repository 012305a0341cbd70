"""Parts of briefings: their days, what fits, who gets them, and files that no spreadsheet misreads."""

import csv
import io
from collections.abc import Callable
from dataclasses import replace
from datetime import date, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from openpyxl import load_workbook

from services.briefing import pdf_file
from services.briefing.ahead_sections import answers
from services.briefing.district import District, Record
from services.briefing.excel_file import excel_of
from services.briefing.files import Format
from services.briefing.fit import fitted, room
from services.briefing.html_page import html_of
from services.briefing.model import Briefing, Language, Number, Section, text_of
from services.briefing.model import Form as NumberForm
from services.briefing.pdf_file import CannotPrint, print_fitted
from services.briefing.period import Period, Span, span_sent_on, span_until
from services.briefing.words import days_of
from services.catalog.load.calendars import load_calendar
from services.catalog.words.column_names import COLUMN_NAMES
from services.cli.briefing import Form, _pages
from services.cli.failure import Failure
from services.domain.results.published import Card, ValueRow
from services.domain.supervision.published import StepRow
from services.notifier.channels.message import Message
from services.notifier.contacts import open_contacts, read_contacts
from services.notifier.documents import Document, hand_out
from services.replay.csv_files import write_cards, write_rejected, write_steps, write_values
from services.replay.spill_files import Rejected
from services.reporting.page import _BEFORE, _OF_A_PROMISE, _RESTATED
from tests.briefing_texts import PageBlocks, blocks
from tests.mutations import shipped_plan
from tests.unit.message_doubles import running_doubles
from tests.unit.test_orders import Desk, ordered

CALENDAR = load_calendar("cn")
OCTOBER = date(2021, 10, 31).toordinal()


def day(text: str) -> int:
    return date.fromisoformat(text).toordinal()


def written(span: Span | None) -> tuple[str, str] | None:
    return span and (date.fromordinal(span.first).isoformat(), date.fromordinal(span.last).isoformat())


# ---- days --------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("period", "last", "first"),
    [
        (Period.WEEK, "2021-10-31", "2021-10-25"),
        (Period.WEEK, "2022-02-06", "2022-01-24"),  # the whole week was the Spring Festival
        (Period.MONTH, "2021-10-31", "2021-10-01"),
        (Period.MONTH, "2021-10-12", "2021-10-01"),
        (Period.DAY, "2021-10-29", "2021-10-29"),
        (Period.DAY, "2021-10-31", "2021-10-29"),  # a Sunday: with the Saturday and Friday before it
        (Period.DAY, "2021-10-07", "2021-09-30"),  # the holidays belong to the last working day before them
        (Period.DAY, "2021-10-09", "2021-10-09"),  # a Saturday that is worked
    ],
)
def test_a_briefing_covers_its_days(period: Period, last: str, first: str) -> None:
    assert written(span_until(period, day(last), CALENDAR)) == (first, last)


@pytest.mark.parametrize(
    ("period", "today", "span"),
    [
        (Period.DAY, "2021-10-08", ("2021-09-30", "2021-10-07")),
        (Period.DAY, "2021-10-10", None),
        (Period.WEEK, "2021-10-25", ("2021-10-18", "2021-10-24")),
        (Period.WEEK, "2021-10-26", None),
        (Period.WEEK, "2021-10-08", ("2021-09-27", "2021-10-03")),  # a Friday, the first working day of its week
        (Period.WEEK, "2021-10-09", None),
        (Period.MONTH, "2021-10-08", ("2021-09-01", "2021-09-30")),
        (Period.MONTH, "2021-11-01", ("2021-10-01", "2021-10-31")),
        (Period.MONTH, "2021-11-02", None),
    ],
)
def test_a_briefing_is_sent_on_the_first_working_day_behind_its_period(
    period: Period, today: str, span: tuple[str, str] | None
) -> None:
    assert written(span_sent_on(period, day(today), CALENDAR)) == span


@pytest.mark.parametrize("period", Period)
def test_no_day_of_two_years_is_in_no_briefing_or_in_two(period: Period) -> None:
    spans = [
        span
        for today in range(day("2020-12-01"), day("2023-01-31"))
        if (span := span_sent_on(period, today, CALENDAR)) is not None
    ]
    covered = [each for span in spans for each in range(span.first, span.last + 1)]
    assert covered == list(range(covered[0], covered[-1] + 1))


def test_days_are_written_as_an_official_writes_them() -> None:
    assert days_of(day("2021-10-01"), day("2021-10-31"), Language.ZH) == "2021年10月1日至31日"
    assert days_of(day("2021-09-27"), day("2021-10-03"), Language.ZH) == "2021年9月27日至10月3日"
    assert days_of(day("2021-12-27"), day("2022-01-02"), Language.ZH) == "2021年12月27日至2022年1月2日"
    assert days_of(day("2021-10-29"), day("2021-10-29"), Language.EN) == "29 October 2021"
    assert days_of(day("2021-10-01"), day("2021-10-31"), Language.EN) == "1 to 31 October 2021"
    assert days_of(day("2021-09-27"), day("2021-10-03"), Language.EN) == "27 September to 3 October 2021"
    assert days_of(day("2021-12-27"), day("2022-01-02"), Language.EN) == "27 December 2021 to 2 January 2022"


# ---- what fits ---------------------------------------------------------------------------------------------
def long_briefing(rows: int, text: str = "一项承诺的名称比较长，要写两行才写得完") -> Briefing:
    number = Number("85.5 %", Decimal("0.855"), ("K|official|ALL|-|year|T",), "value", NumberForm.PER_CENT)
    table = Section(
        key="changes",
        name="变化",
        title="二、本期变化",
        headings=("承诺", "值"),
        widths=(70, 30),
        rows=tuple(((f"{place} {text}",), (number,)) for place in range(rows)),
        more="另有{}项，见附件。",
    )
    method = Section("method", "统计口径", "七、统计口径与附件", (("附件：appendix.html",),))
    second = replace(table, key="problems", title="三、突出问题", name="问题")
    return Briefing(Language.ZH, "方案月报", ("统计期",), (table, second, method))


def test_rows_that_two_pages_do_not_hold_are_counted_in_a_line() -> None:
    whole = long_briefing(400)
    cut = fitted(whole, room())
    for section, complete in zip(cut.sections, whole.sections, strict=True):
        assert len(section.rows) + len(section.left_out) == len(complete.rows)
    assert 5 < len(cut.sections[0].rows) < 60
    assert text_of(cut.sections[0].remark) == f"另有{len(cut.sections[0].left_out)}项，见附件。"
    assert text_of(cut.sections[0].remark) in blocks(cut) == PageBlocks(html_of(cut).decode()).found


def test_a_briefing_that_fits_is_complete() -> None:
    assert fitted(long_briefing(3), room()) == long_briefing(3)


def test_a_page_that_is_too_long_all_the_same_is_printed_again_with_fewer_rows(monkeypatch: pytest.MonkeyPatch) -> None:
    """The estimate is one: the pages that come out of the browser decide."""
    whole, tried = long_briefing(400), list[int]()

    def printed(briefing: Briefing) -> tuple[bytes, int]:
        tried.append(len(briefing.sections[0].rows))
        return b"", 3 if len(tried) < 4 else 2

    monkeypatch.setattr(pdf_file, "_print", printed)
    monkeypatch.setattr(pdf_file, "_check_letters", lambda pdf, title: None)
    found = print_fitted(whole).briefing
    assert tried == sorted(tried, reverse=True) and len(tried) == 4
    rows = [sum(len(section.rows) for section in one.sections) for one in (found, fitted(whole, room()))]
    assert rows[0] < rows[1]


def test_without_a_browser_a_sentence_says_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/nowhere")
    with pytest.raises(CannotPrint, match="apt-get install chromium.*Or leave pdf out of --format"):
        print_fitted(long_briefing(1))


def test_a_browser_that_has_no_right_to_its_sandbox_prints_without_it(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """As in a container."""
    browser = tmp_path / "chromium"
    browser.write_text(
        '#!/bin/sh\necho "$@" >> "$0.log"\ncase "$*" in *--no-sandbox*) ;; *) exit 1;; esac\n'
        'for one in "$@"; do case "$one" in --print-to-pdf=*) echo printed > "${one#*=}";; esac; done\n'
    )
    browser.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr("os.geteuid", lambda: 10001)
    assert pdf_file._printed(b"page") == b"printed\n"
    first, second = (tmp_path / "chromium.log").read_text().splitlines()
    assert "--no-sandbox" not in first and "--no-sandbox" in second
    browser.write_text("#!/bin/sh\n")
    with pytest.raises(CannotPrint, match="printed nothing"):
        pdf_file._printed(b"page")


def test_without_a_browser_the_other_files_are_there_and_a_sentence_says_why(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("PATH", "/nowhere")
    paths, why = _pages(long_briefing(1), Form(Language.ZH, set(Format), tmp_path), "month")
    assert [path.name for path in paths] == ["month.html", "month.docx", "month.xlsx"]
    assert all(path.is_file() for path in paths) and "apt-get install chromium" in why
    with pytest.raises(Failure, match="Chromium"):
        _pages(long_briefing(1), Form(Language.ZH, {Format.PDF}, tmp_path), "month")


# ---- who owes an answer ------------------------------------------------------------------------------------
def test_units_that_owe_an_answer_are_those_of_the_ledger_that_have_not_answered() -> None:
    """As of the end of the period: an order that is answered later was unanswered then."""
    plan = shipped_plan()
    desk = Desk(plan)
    order = ordered(desk)
    due = date.fromordinal(day(order.answer_by[:10]))

    def section(last: date) -> Section:
        span = span_until(Period.WEEK, last.toordinal(), CALENDAR)
        return answers(District(plan, span, (), (), Record(desk.book)), Language.ZH)

    late = due + timedelta(days=1)
    (row,) = section(late).rows
    assert [row[1], row[3]] == [(order.written(plan),), ("超期未回告",)]
    assert section(due).rows[0][3] == ("待回告",)
    desk.reply(f"{late}T12:00")
    assert section(late).rows == () and section(due).rows
    without = answers(District(plan, span_until(Period.WEEK, due.toordinal(), CALENDAR), (), ()), Language.ZH)
    assert "台账" in str(without.sentences[0][0])


# ---- spreadsheets ------------------------------------------------------------------------------------------
FORMULAS = ("=1+1", "+1+1", "-1+1", "@SUM(1)", '=HYPERLINK("http://x")', "\t=1", "'=1", "\u202e=1")


@pytest.mark.parametrize("text", FORMULAS)
def test_no_text_of_a_workbook_is_taken_for_a_formula(text: str) -> None:
    briefing = long_briefing(1)
    rows = (((text,), (text, text)),)
    first = replace(briefing.sections[0], rows=rows, sentences=((text,),), title=text)
    sheets = load_workbook(io.BytesIO(excel_of(replace(briefing, sections=(first,), title=text)))).worksheets
    cells = [cell for sheet in sheets for row in sheet.iter_rows() for cell in row if cell.value is not None]
    assert len(cells) > 8 and {cell.data_type for cell in cells} <= {"s", "n"}
    assert "\u202e" not in "".join(str(cell.value) for cell in cells)


def test_a_number_of_a_workbook_shows_the_digits_that_the_page_shows() -> None:
    sheet = load_workbook(io.BytesIO(excel_of(long_briefing(1)))).worksheets[0]
    cell = next(cell for row in sheet.iter_rows() for cell in row if cell.data_type == "n" and cell.value is not None)
    assert (cell.value, cell.number_format) == (0.855, "0.0 %")


def test_every_column_has_a_chinese_name() -> None:
    columns = {
        *ValueRow._fields,
        *Card._fields,
        *StepRow._fields,
        *Rejected._fields,
        *_OF_A_PROMISE,
        *_BEFORE,
        *_RESTATED,
    }
    assert columns == set(COLUMN_NAMES)
    assert len(set(COLUMN_NAMES.values())) == len(COLUMN_NAMES)


@pytest.mark.parametrize(
    ("kind", "write"),
    [(ValueRow, write_values), (Card, write_cards), (StepRow, write_steps), (Rejected, write_rejected)],
)
def test_a_csv_for_excel_has_a_mark_and_chinese_headings_and_the_same_cells(
    tmp_path: Path, kind: Any, write: Callable[..., int]
) -> None:
    row = kind(*(f"c{place}" for place in range(len(kind._fields))))
    write(tmp_path / "plain.csv", [row])
    write(tmp_path / "excel.csv", [row], for_excel=True)
    plain, excel = (tmp_path / "plain.csv").read_bytes(), (tmp_path / "excel.csv").read_bytes()
    assert excel.startswith(b"\xef\xbb\xbf") and not plain.startswith(b"\xef\xbb\xbf")
    assert excel.split(b"\n", 1)[1] == plain.split(b"\n", 1)[1]
    headings = next(csv.reader([excel.decode("utf-8-sig").split("\n", 1)[0]]))
    assert headings == [f"{COLUMN_NAMES[name]} {name}" for name in kind._fields]


# ---- sending -----------------------------------------------------------------------------------------------
CONTACTS = """
[[account]]
id = "mail"
kind = "email"
host = "127.0.0.1"
port = {mail_port}
security = "none"
sender = "kpi@district.example"

[[account]]
id = "group"
kind = "wecom_robot"
address = "wecom-robot"

[[contact]]
unit = "operations"
briefings = ["week", "month"]
channels = [{{ account = "mail", to = "office@district.example" }}]

[[contact]]
unit = "district-finance"
briefings = ["week"]
channels = [{{ account = "mail", to = "{finance}@district.example" }}, {{ account = "group" }}]

[[contact]]
unit = "district-taxation"
channels = [{{ account = "group" }}]
"""


def test_a_briefing_reaches_each_recipient_once_the_mailboxes_with_its_file(tmp_path: Path) -> None:
    file, handed = tmp_path / "week-2021-10-31-zh.pdf", tmp_path / "week.sent.json"
    file.write_bytes(b"%PDF-1.7 figures")
    document = Document("week-2021-10-31-zh", Message(0, "方案周报已编制", "方案周报已编制。", "It is ready."), [file])
    with running_doubles() as doubles:
        text = CONTACTS.format(mail_port=doubles.mail_port, finance="nobody")  # a mailbox that does not exist
        (tmp_path / "contacts.toml").write_text(text, encoding="utf-8")
        read = read_contacts(tmp_path / "contacts.toml", {"district-finance", "district-taxation"})
        contacts = open_contacts(read, doubles.tools(), tmp_path / "outbox.jsonl")
        first = list(hand_out(document, contacts.briefed("week"), handed))
        again = list(hand_out(document, contacts.briefed("week"), handed))
        mails, messages = doubles.texts("email"), doubles.texts("wecom_robot")
    assert [(one.recipient, one.channel, one.is_done) for one in first] == [
        ("operations/duty", "mail", True),
        ("district-finance/duty", "group", True),
    ]
    assert again == [] and [one.id for one in contacts.briefed("month")] == ["operations/duty"]
    assert len(mails) == len(messages) == 1
    assert "方案周报已编制" in mails[0] and "[week-2021-10-31-zh.pdf]" in mails[0]
    assert "方案周报已编制" in messages[0] and "figures" not in messages[0]


def test_who_could_not_be_reached_gets_it_by_the_next_run(tmp_path: Path) -> None:
    document = Document("week", Message(0, "周报", "周报"), [])
    with running_doubles() as doubles:
        text = CONTACTS.format(mail_port=doubles.mail_port, finance="office")
        (tmp_path / "contacts.toml").write_text(text, encoding="utf-8")
        read = read_contacts(tmp_path / "contacts.toml", {"district-finance", "district-taxation"})
        contacts = open_contacts(read, doubles.tools(), tmp_path / "outbox.jsonl")
        down = [replace(one, channels=one.channels[-1:]) for one in contacts.briefed("week")]
        assert not any(one.is_done for one in hand_out(document, down, tmp_path / "sent.json"))
        assert all(one.is_done for one in hand_out(document, contacts.briefed("week"), tmp_path / "sent.json"))
        assert len(doubles.texts("email")) == 2
    assert not (tmp_path / "outbox.jsonl").exists(), "nobody who waits for a briefing reads the file"
