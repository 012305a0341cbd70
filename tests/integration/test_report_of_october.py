"""The shipped plan and the simulated October 2021: every number on every page is traced to a value row. The district is
simulated once, for reports and briefings."""

import io
import re
import shutil
import subprocess
from collections import Counter
from collections.abc import Iterator
from datetime import date
from decimal import Decimal
from itertools import product
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from docx import Document
from docx.table import Table
from docx.text.paragraph import Paragraph
from openpyxl import load_workbook
from pypdf import PdfReader

from services.briefing.compose import briefing_of
from services.briefing.district import District, Record
from services.briefing.excel_file import excel_of
from services.briefing.fit import fitted, room
from services.briefing.html_page import html_of
from services.briefing.model import Briefing, Counted, Language, Number, State, text_of
from services.briefing.parts import FAILED, MISSES_LEFT
from services.briefing.pdf_file import BROWSERS, print_fitted
from services.briefing.period import Period, span_until
from services.briefing.trace import sources
from services.briefing.word_file import word_of
from services.catalog.load.calendars import calendar_of
from services.catalog.load.plan_folder import load_plan
from services.catalog.words.all_kinds import words_of
from services.catalog.words.column_names import COLUMN_NAMES
from services.catalog.words.unit_names import unit_title
from services.catalog.words.wording import STATE_NAMES, state_name
from services.domain.plan.plan import Plan, SupervisionStep
from services.domain.results.published import Card
from services.domain.results.published import State as PromiseState
from services.figures.promises import in_force
from services.ledger.checkpoints import Signer
from services.ledger.order_book import Order
from services.replay.csv_files import write_cards
from services.replay.replay import replay
from services.reporting.times import times_as_of
from services.runtime.settings import Settings
from tests.briefing_texts import PageBlocks, blocks, letters, numbers, parts
from tests.unit.commands import run
from tests.unit.test_orders import KEY, Desk, ordered
from tests.whole.test_report import MONTH, ZONE, Cells, Page, at, cells_of, same, sheet_rows, states_of, trace

PLAN = Settings().plan
END, BEGIN = "2021-11-01T00:00:00+08:00", "2021-10-01T00:00:00+08:00"
LANGUAGES = tuple(Language)


class October(NamedTuple):
    """The district at the end of its October."""

    plan: Plan
    cells: Cells
    cards: list[Card]
    orders: list[Order]
    """Of its ledger; none was answered."""
    reports: Path
    briefings: dict[tuple[Period, Language], Briefing]
    """Complete, and cut to two pages."""


@pytest.fixture(scope="module")
def october(tmp_path_factory: pytest.TempPathFactory) -> October:
    folder = tmp_path_factory.mktemp("october")
    events, out = folder / "events.jsonl", folder / "reports"
    days = ("--days", 75, "--seed", 7, "--faults", "none", "--cases-per-day", 60)
    assert run("simulate", "--plan", PLAN, *days, "--out", events) == 0
    assert run("report", events, "--plan", PLAN, "--month", MONTH, "--out", out) == 0
    plan = load_plan(PLAN)
    times = times_as_of(at("2021-11-01"), ZONE, date(2021, 8, 20)).every
    times = sorted({*times, at("2021-10-25"), at("2021-10-29")})  # where the week and the day begin
    done = replay([str(events)], PLAN, times, restate=at("2021-10-01"), with_cards=True)
    cards, calendar = list(done.cards), calendar_of(plan)
    desk, briefings = ledger_of_october(plan), {}
    newest = Signer.of_file(folder / "ledger.key").sign(
        desk.world.known.number, desk.world.known.hash, "2021-10-30T16:05:00Z"
    )
    for period in Period:
        span = span_until(period, date(2021, 10, 31).toordinal(), calendar)
        district = District(plan, span, done.rows, cards, Record(desk.book, newest))
        for language in LANGUAGES:
            briefings[period, language] = briefing_of(district, language, "appendix.html")
    return October(plan, cells_of(folder / "values.csv", done), cards, desk.book.orders, out, briefings)


def ledger_of_october(plan: Plan) -> Desk:
    """One written order is overdue at its end, one is due in November."""
    desk = Desk(plan)
    ordered(desk)
    desk.take(SupervisionStep.ORDER, "2021-10-29T09:00:00", KEY._replace(cycle=2))
    return desk


# ---- reports -----------------------------------------------------------------------------------------------
def test_every_number_in_the_reports_of_october_is_a_cell_of_values_csv(october: October) -> None:
    plan, cells, traced = october.plan, october.cells, {}
    for path in october.reports.glob("*.html"):
        unit = path.stem.removeprefix(f"{MONTH}-")
        lead = None if unit == "ALL" else unit
        traced[unit] = trace(Page(path), cells, plan, states_of(cells, plan, lead))["cells"]
    assert traced.keys() == {unit for promise in plan.promises for unit in promise.lead} | {"ALL"}
    print(f"{sum(traced.values()):,} numbers and states on {len(traced)} pages traced")
    assert sum(traced.values()) > 5_000


def test_a_list_of_promises_is_as_long_as_the_table_says(october: October) -> None:
    """Once the table said 26 and the list had 28: other definitions of a promise were listed, and not counted."""
    for path in october.reports.glob("*.html"):
        page = path.read_text("utf-8")
        counted = {state: int(count) for state, count in re.findall(r'data-counted="(\w+)">(\d+)<', page)}
        missed, met = re.findall(r"<ul>(.*?)</ul>", page, re.DOTALL)[:2]
        listed = {"missed": counted.get("missed", 0) + counted.get("at_risk", 0), "met": counted.get("met", 0)}
        assert {"missed": missed.count("<a href"), "met": met.count("<a href")} == listed, path.name
        assert "并列口径" not in missed + met


@pytest.mark.slow
def test_libreoffice_opens_the_csv_files_with_their_chinese_headings_and_numbers(
    october: October, tmp_path: Path
) -> None:
    """As Excel does: by the mark, in UTF-8, with commas."""
    office = shutil.which("soffice")
    if office is None:
        pytest.skip("there is no LibreOffice: `make office` installs it where apt is at hand")
    write_cards(tmp_path / "cards.csv", october.cards, for_excel=True)
    shutil.copy(october.reports / f"{MONTH}-ALL.csv", tmp_path / "report.csv")
    profile = f"-env:UserInstallation={(tmp_path / 'profile').as_uri()}"
    kind = "--infilter=Text - txt - csv (StarCalc):44,34,76,1"
    files = [str(tmp_path / "cards.csv"), str(tmp_path / "report.csv")]
    command = [office, profile, "--headless", kind, "--convert-to", "xlsx", "--outdir", str(tmp_path), *files]
    subprocess.run(command, check=True, capture_output=True, timeout=300)
    report, cards = (_sheet(tmp_path / f"{name}.xlsx") for name in ("report", "cards"))
    rows = sheet_rows(tmp_path / "report.csv")
    assert list(report[0]) == [f"{COLUMN_NAMES[name]} {name}" for name in rows[0]]
    assert list(cards[0]) == [f"{COLUMN_NAMES[name]} {name}" for name in Card._fields]
    assert len(report) == len(rows) + 1 and len(cards) == len(october.cards) + 1
    place = list(rows[0]).index("value")
    assert [Decimal(str(one[place])) for one in report[1:] if one[place] is not None] == [
        Decimal(row["value"]) for row in rows if row["value"]
    ]


def _sheet(path: Path) -> list[tuple[Any, ...]]:
    return list(load_workbook(path).worksheets[0].iter_rows(values_only=True))


def test_report_and_briefing_count_and_list_the_same_promises(october: October) -> None:
    """The table and the list of the report, the sentence, the table and the list of the briefing."""
    page = (october.reports / f"{MONTH}-ALL.html").read_text("utf-8")
    counted = {state: int(count) for state, count in re.findall(r'data-counted="(\w+)">(\d+)<', page)}
    listed = re.findall(r'<a href="#([^"]+)"', re.findall(r"<ul>(.*?)</ul>", page, re.DOTALL)[0])
    for language in LANGUAGES:
        overall, _, problems, *_ = october.briefings[Period.MONTH, language].sections
        *states, total = overall.rows
        numbers_of = {text_of(name): int(text_of(now)) for name, _, now in states if text_of(now) != "0"}
        assert numbers_of == {language.of(STATE_NAMES[PromiseState(state)]): count for state, count in counted.items()}
        assert int(text_of(total[2])) == sum(counted.values())
        said = {part.text for part in overall.sentences[0] if isinstance(part, Number)}
        assert {str(counted["missed"]), str(counted["met"]), str(counted["at_risk"])} <= said
        ids = [text_of(row[0]).split()[0] for row in problems.rows]
        assert sorted(ids) == sorted(listed) and len(ids) == counted["missed"] + counted["at_risk"]


# ---- briefings ---------------------------------------------------------------------------------------------
@pytest.mark.parametrize(("period", "language"), list(product(Period, LANGUAGES)))
def test_every_number_of_a_briefing_names_what_it_is_from(october: October, period: Period, language: Language) -> None:
    """A figure names its value row; a count every row, card or record that it counts, all of which are there."""
    briefing, found = fitted(october.briefings[period, language], room()), Counter[str]()
    known = known_records(october)
    promises = {promise.id: promise for promise in october.plan.promises if promise.is_official}
    of_the_plan = plans_words(october.plan, language)
    begin = {Period.MONTH: BEGIN, Period.WEEK: "2021-10-25T00:00:00+08:00", Period.DAY: "2021-10-29T00:00:00+08:00"}
    for part in parts(briefing):
        if isinstance(part, State):
            row = october.cells[part.row]
            name = state_name(
                PromiseState(row["state"]), row["provisional_n"], never_red=promises[row["kpi"]].is_never_red
            )
            assert part.text == language.of(name)
        elif isinstance(part, Number):
            found[part.column] += 1
            if part.is_count:
                _check_count(part, known)
                continue
            (row,) = (october.cells[key] for key in part.rows)
            assert row["window_end"] in (begin[period], END) and row["variant"] == "official"
            _check(part, [row], promises[row["kpi"]].figure_unit == "share")
        else:
            assert not re.search(r"\d", of_the_plan.sub("", part)), part
    few = 10 if period is Period.MONTH else 0
    assert found["value"] > few and found["counted"] > few and found["cards"] > 5
    assert found["orders"] == 2 and found["units"] == found["record"] == 1


def known_records(october: October) -> dict[str, Counter[str]]:
    """What a number may count, by what it is; a card is known by all that a briefing says of it."""
    fields = ("kpi", "unit", "node", "level", "raised_at", "due_at", "cleared_at")
    orders = Counter(f"{one.record}|{one.written(october.plan)}|{one.step.unit}" for one in october.orders)
    return {
        Counted.PROMISES: Counter(october.cells.keys()),
        Counted.CARDS: Counter("|".join(getattr(card, name) for name in fields) for card in october.cards),
        Counted.ORDERS: orders,
        Counted.UNITS: orders,
    }


def _check_count(part: Number, known: dict[str, Counter[str]]) -> None:
    """Fails for a count that is another one than that of the records it names, or that names one that is not there."""
    assert part.column in set(Counted) and part.text == str(part.amount)
    if part.column == Counted.RECORD:
        assert [row.partition(":")[0] for row in part.rows] == [part.text]
        return
    counted = {row.split("|")[2] for row in part.rows} if part.column == Counted.UNITS else part.rows
    assert len(counted) == part.amount
    if part.column != Counted.LEFT_OUT:
        assert not Counter(part.rows) - known[part.column]
    if part.column == Counted.PROMISES:
        assert len({row.split("|")[0] for row in part.rows}) == part.amount, "a promise is counted once"


def _check(part: Number, rows: list[dict[str, str]], is_share: bool) -> None:
    """Fails for a number that is not what it claims to be."""
    if part.column == FAILED:
        assert part.amount == Decimal(rows[0]["denominator"]) - Decimal(rows[0]["numerator"]) == Decimal(part.text)
    elif part.column == MISSES_LEFT:
        met, n, share = (
            Decimal(rows[0][name].rpartition(" ")[2]) for name in ("numerator", "denominator", "objective")
        )
        assert rows[0]["objective"].startswith(">= ") and Decimal(part.text) == part.amount
        assert met / (n + part.amount) >= share > met / (n + part.amount + 1)
    else:
        in_unit = part.column in ("value", "lower", "upper", "objective")
        assert same(part.text, rows[0][part.column], is_share and in_unit), part
        assert part.amount == Decimal(rows[0][part.column].rpartition(" ")[2])


def plans_words(plan: Plan, language: Language) -> re.Pattern[str]:
    """What the plan says, days, and the names of files: what may hold a number that is no figure."""
    said = {plan.head.title, *(unit_title(unit, plan) for unit in plan.units)}
    for promise in plan.promises:
        said |= {promise.title, words_of(promise).statement(promise, plan)}
    known = {language.of(title) for title in said} | {promise.id for promise in plan.promises}
    times = (r"(?:2021年)?\d+月\d+日(?:\d+时(?:\d+分)?)?", r"\d+ (?:October|November)(?: 2021)?(?:, \d\d:\d\d)?")
    names = (r"版本\d+", r"version \d+", r"〔2021〕\d+号", r"\d+:(?: ?[0-9a-f]{8}){8}")
    dates = "|".join([*times, *names])
    return re.compile("|".join([*map(re.escape, sorted(known, key=len, reverse=True)), dates]))


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_table_of_states_counts_the_promises_that_are_in_them(october: October, language: Language) -> None:
    *states, total = october.briefings[Period.MONTH, language].sections[0].rows
    official = states_of(october.cells, october.plan, None)
    names = {language.of(STATE_NAMES[PromiseState(state)]): state for state in official}
    for (name,), _, (now,) in states:
        assert isinstance(now, Number) and isinstance(name, str)
        assert now.amount == official.get(names.get(name, ""), 0)
        assert all(october.cells[row]["state"] == names[name] for row in now.rows)
    number = total[2][0]
    assert isinstance(number, Number)
    assert number.amount == sum(official.values()) == len({one.id for one in october.plan.promises})


def test_cards_are_counted_in_the_period_and_at_its_end(october: October) -> None:
    sentence = october.briefings[Period.MONTH, Language.ZH].sections[1].sentences[1]
    counted = [int(part.amount) for part in sentence if isinstance(part, Number)]
    expected = []
    for level in ("red", "yellow"):
        cards = [card for card in october.cards if card.level == level]
        expected += [sum(BEGIN <= card.raised_at < END for card in cards)]
        expected += [sum(BEGIN <= card.cleared_at < END for card in cards), sum(not card.cleared_at for card in cards)]
    assert counted == expected and counted[0] and counted[3]


def test_the_worst_come_first_and_no_variant_is_among_them(october: October) -> None:
    problems = october.briefings[Period.MONTH, Language.ZH].sections[2]
    ids = [str(row[0][0]).split()[0] for row in problems.rows]
    promises = in_force(october.plan, date(2021, 10, 31).toordinal())
    rows = [october.cells[f"{id}|official|ALL|-|{promises[id, 'official'].official_window}|{END}"] for id in ids]
    order = [
        (["missed", "at_risk"].index(row["state"]), promises[id, "official"].strength == "aspirational", -_apart(row))
        for id, row in zip(ids, rows, strict=True)
    ]
    official = states_of(october.cells, october.plan, None)
    assert order == sorted(order) and len(set(ids)) == len(ids) == official["missed"] + official["at_risk"]


def _apart(row: dict[str, str]) -> float:
    """How far a row is from its target: shares in points, limits and counts as a share of the target."""
    relation, _, number = row["objective"].partition("..")[0].rpartition(" ")
    value, target = float(row["value"]), float(number)
    short = value - target if relation == "<=" else target - value
    return round(short if target <= 1 else short / target, 6)


def test_no_case_is_named_in_a_briefing(october: October) -> None:
    subjects = {card.case.partition(" ")[2] for card in october.cards}
    for briefing in october.briefings.values():
        text = html_of(briefing).decode()
        assert not [one for one in subjects if one in text]


# ---- formats -----------------------------------------------------------------------------------------------
@pytest.mark.parametrize("language", LANGUAGES)
def test_page_word_and_excel_say_the_same_block_by_block(october: October, language: Language) -> None:
    briefing = fitted(october.briefings[Period.MONTH, language], room())
    assert any(section.is_cut for section in briefing.sections)
    said = blocks(briefing)
    assert PageBlocks(html_of(briefing).decode()).found == said
    assert list(_word_blocks(word_of(briefing))) == said
    assert _excel_numbers(excel_of(briefing)) == [
        part.amount
        for section in briefing.sections
        for row in section.rows
        for part in (row_part[0] for row_part in row if len(row_part) == 1)
        if isinstance(part, Number)
    ]
    assert _excel_sources(excel_of(briefing)) == [tuple(one) for one in sources(briefing)]


def _word_blocks(document: bytes) -> Iterator[str]:
    for block in Document(io.BytesIO(document)).iter_inner_content():
        if isinstance(block, Paragraph):
            yield " ".join(block.text.split())
        elif isinstance(block, Table):
            yield from (" ".join(cell.text.split()) for row in block.rows for cell in row.cells)


def _excel_sources(workbook: bytes) -> list[tuple[str, ...]]:
    """The lines of the last sheet, each as it is found; below a note and the headings."""
    sheet = load_workbook(io.BytesIO(workbook)).worksheets[-1]
    return [tuple(str(cell or "") for cell in row) for row in sheet.iter_rows(min_row=3, values_only=True)]


def _excel_numbers(workbook: bytes) -> list[Decimal]:
    """The cells that are numbers, in order."""
    sheets = load_workbook(io.BytesIO(workbook)).worksheets
    values = (cell.value for sheet in sheets for row in sheet.iter_rows() for cell in row)
    return [Decimal(str(value)) for value in values if isinstance(value, int | float)]


def _without_sources(workbook: bytes) -> bytes:
    """Without the last sheet: it has pages of sources, which the two pages do not."""
    book, sink = load_workbook(io.BytesIO(workbook)), io.BytesIO()
    book.remove(book.worksheets[-1])
    book.save(sink)
    return sink.getvalue()


def _browser() -> str | None:
    return next(filter(None, map(shutil.which, BROWSERS)), None)


@pytest.mark.slow
@pytest.mark.parametrize("language", LANGUAGES)
def test_a_pdf_has_two_pages_with_its_chinese_font_embedded(
    october: October, language: Language, tmp_path: Path
) -> None:
    if _browser() is None:
        pytest.skip("there is no Chromium: `make browser` installs it where apt is at hand")
    printed = print_fitted(october.briefings[Period.MONTH, language])
    reader = PdfReader(io.BytesIO(printed.pdf))
    assert len(reader.pages) == 2
    assert all(round(float(page.mediabox.height)) == 842 for page in reader.pages), "A4"
    text = letters("".join(page.extract_text() for page in reader.pages))
    for block in blocks(printed.briefing):
        assert letters(block) in text, block
    assert numbers(" ".join(blocks(printed.briefing))) == numbers(
        " ".join(page.extract_text() for page in reader.pages)
    )
    assert all(_is_embedded(font) for page in reader.pages for font in _fonts(page))


def _fonts(page: Any) -> list[Any]:
    return [font.get_object() for font in page["/Resources"]["/Font"].values()]


def _is_embedded(font: Any) -> bool:
    """Whether the letters themselves are in the file."""
    if font["/Subtype"] == "/Type3":
        return bool(font["/CharProcs"])
    within = font["/DescendantFonts"][0].get_object() if "/DescendantFonts" in font else font
    described = within["/FontDescriptor"].get_object()
    return any(name in described for name in ("/FontFile", "/FontFile2", "/FontFile3"))


@pytest.mark.slow
def test_word_and_excel_printed_by_libreoffice_say_what_the_page_says(october: October, tmp_path: Path) -> None:
    office = shutil.which("soffice")
    if office is None:
        pytest.skip("there is no LibreOffice: `make office` installs it where apt is at hand")
    expected = {}
    for language in LANGUAGES:
        briefing = fitted(october.briefings[Period.MONTH, language], room())
        for kind, content in (("word", word_of(briefing)), ("excel", excel_of(briefing))):
            end = {"word": "docx", "excel": "xlsx"}[kind]
            if kind == "excel":
                content = _without_sources(content)
            (tmp_path / f"{kind}-{language}.{end}").write_bytes(content)
            expected[f"{kind}-{language}"] = PageBlocks(html_of(briefing).decode()).found
    files = sorted(str(path) for path in tmp_path.iterdir())
    profile = f"-env:UserInstallation={(tmp_path / 'profile').as_uri()}"
    command = [office, profile, "--headless", "--convert-to", "pdf", "--outdir", str(tmp_path / "pdf"), *files]
    subprocess.run(command, check=True, capture_output=True, timeout=300)
    for name, said in expected.items():
        pages = PdfReader(tmp_path / "pdf" / f"{name}.pdf").pages
        text = " ".join(page.extract_text() for page in pages)
        for block in said:
            assert letters(block) in letters(text), (name, block)
        assert numbers(text) == numbers(" ".join(said)), name
        assert len(pages) == 2 or name.startswith("excel"), name
