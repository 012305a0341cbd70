"""Reports: every number on every page is a cell of values.csv, and says which."""

import csv
import re
from collections import Counter
from datetime import date, datetime
from decimal import Decimal
from html.parser import HTMLParser
from pathlib import Path
from typing import NamedTuple

import pytest

from services.catalog.load.calendars import calendar_of
from services.catalog.load.plan_folder import load_plan
from services.catalog.words.promise_text import in_words
from services.catalog.words.wording import SIGNS, WINDOW_NAMES, state_name, unit_of_measure
from services.domain.plan.plan import Plan, Promise, Title
from services.domain.plan.statutory_time import Law
from services.domain.results.published import State, ValueRow
from services.domain.time.zone import Zone
from services.figures.promises import change, in_force
from services.figures.shown import Shown, shown
from services.replay.csv_files import write_values
from services.replay.replay import Replayed, replay
from services.reporting.charts import Charts, Line, Point
from services.reporting.times import end_of_month, times_as_of
from services.simulator.district.profile import profile
from services.simulator.simulation import Simulation
from tests.unit.commands import run
from tests.unit.message_doubles import running_doubles

PLANS = Path(__file__).parents[1] / "golden" / "plans" / "good"
PLAN = PLANS / "kinds"
ZONE = Zone("Asia/Shanghai")
MONTH = "2021-10"

Cells = dict[str, dict[str, str]]
"""Key of a row → its cells."""


def at(text: str) -> int:
    return ZONE.instant(datetime.fromisoformat(text))


@pytest.fixture(scope="module")
def plan() -> Plan:
    return load_plan(PLAN)


@pytest.fixture(scope="module")
def events(plan: Plan, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """75 days of the simulated district, October 2021 among them."""
    law = Law(plan, calendar_of(plan))
    history = Simulation(law, profile("demo").at_volume(8), 7, date(2021, 8, 20), 75)
    path = tmp_path_factory.mktemp("october") / "events.jsonl"
    path.write_bytes(b"".join(event.line + b"\n" for event in history.events()))
    return path


@pytest.fixture(scope="module")
def values(events: Path) -> Cells:
    """values.csv of a replay as of each time that the report speaks of."""
    times = times_as_of(at("2021-11-01"), ZONE, date(2021, 8, 20)).every
    done = replay([str(events)], PLAN, times, restate=at("2021-10-01"), processes=1)
    return cells_of(events.with_suffix(".csv"), done)


def cells_of(path: Path, done: Replayed) -> Cells:
    """What a replay writes of its values, and of those that it restates."""
    write_values(path, done.rows)
    with path.open(encoding="utf-8", newline="") as lines:
        found = {key_of(row): row for row in csv.DictReader(lines)}
    write_values(path, done.restated)
    with path.open(encoding="utf-8", newline="") as lines:
        return found | {f"{key_of(row)}|restated": row for row in csv.DictReader(lines)}


def key_of(row: dict[str, str]) -> str:
    return "|".join(row[name] for name in ("kpi", "variant", "unit", "item", "window", "window_end"))


@pytest.fixture(scope="module")
def folder(events: Path) -> Path:
    """What `kpiwatch report` wrote."""
    out = events.with_name("reports")
    assert run("report", events, "--plan", PLAN, "--month", MONTH, "--out", out, "--processes", 1) in (0, 1)
    return out


# ---- every number is traced --------------------------------------------------------------------------------
class Said(NamedTuple):
    """A piece of text, and what the nearest element around it says about where it is from."""

    text: str
    source: dict[str, str | None]


class Page(HTMLParser):
    """The texts of a page, and what its charts draw."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.said: list[Said] = []
        self.points: list[tuple[str, str]] = []
        self._open: list[tuple[str, dict[str, str | None]]] = []
        self._promise = ""
        self.feed(path.read_text("utf-8"))

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        named = dict(attrs)
        if tag == "section":
            self._promise = named["id"] or ""
        if points := named.get("data-points"):
            self.points += [(self._promise, point) for point in points.split()]
        if tag not in ("meta", "br", "path", "use", "rect"):
            self._open.append((tag, named))

    def handle_endtag(self, tag: str) -> None:
        if tag not in ("meta", "br", "path", "use", "rect"):
            assert self._open.pop()[0] == tag

    def handle_data(self, text: str) -> None:
        if text.strip() and not {"style", "title"} & {tag for tag, _ in self._open}:
            sources = [named for _, named in self._open if any(name.startswith("data-") for name in named)]
            self.said.append(Said(text.strip(), sources[-1] if sources else {}))


def words_of(plan: Plan) -> set[str]:
    """What a page may quote of a plan, numbers included."""
    words = {plan.head.version, plan.head.title.zh, plan.head.title.en}
    titles = [unit.title for unit in plan.units.values()]
    for promise in plan.promises:
        titles += [promise.title, in_words(promise, plan), unit_of_measure(promise, plan)]
        words |= {promise.id, f"({promise.variant})", promise.clause, str(promise.item)}
        words |= {
            f"指标（任务）{promise.item}",
            f"第{promise.item}部分",
            f"measure {promise.item}",
            f"section {promise.item}",
        }
    return words | {text for title in titles for text in (title.zh, title.en)}


REPORT_WORDS = {"October 2021", "2021年10月", "2021年10月31日24时", "31 October 2021, 24:00"} | {
    text for title in WINDOW_NAMES.values() for text in (title.zh, title.en)
}


def same(text: str, cell: str, per_cent: bool) -> bool:
    """Whether a text is the cell: the same number with all its digits."""
    if not cell:
        return text == "–"
    if ".." in cell:  # an objective that is a range
        return text.split("–") == cell.split("..")
    relation, _, number = cell.rpartition(" ")
    wanted = {"<=": "≤ ", ">=": "≥ ", "=": "= ", "": ""}[relation]
    output = text.removeprefix(wanted)
    if per_cent != output.endswith(" %") or (relation and output == text):
        return False
    return Decimal(output.removesuffix(" %")) == Decimal(number) * (100 if per_cent else 1)


def trace(page: Page, values: Cells, plan: Plan, states: Counter[str]) -> Counter[str]:
    """Fails for a number that is not what it claims to be; how many of each sort there are."""
    promises = {(promise.id, promise.variant): promise for promise in plan.promises}
    words, found = words_of(plan), Counter[str]()
    for text, source in page.said:
        if "data-row" in source:
            row, column = values[source["data-row"] or ""], source["data-column"] or ""
            if column == "state":
                promise = promises[row["kpi"], row["variant"]]
                name = state_name(State(row["state"]), row["provisional_n"], never_red=promise.is_never_red)
                assert text in (f"{SIGNS[State(row['state'])]} {name.zh}", name.en)
            elif column == "window_end":
                assert text == row[column][:10]
            else:
                in_unit = column in ("value", "lower", "upper", "objective")
                share = in_unit and promises[row["kpi"], row["variant"]].figure_unit == "share"
                assert same(text, row[column], share or column.endswith("_share")), (text, row[column], source)
            found["cells"] += 1
        elif "data-counted" in source:
            assert int(text) == states[source["data-counted"] or ""], (text, source)
            found["counts"] += 1
        elif "data-plan" in source:
            assert text in words, text
        elif "data-report" in source:
            assert text in REPORT_WORDS, text
        else:
            assert not any(letter.isdigit() for letter in text), f"{text!r} does not say where it is from"
    return found


def states_of(values: Cells, plan: Plan, lead: str | None) -> Counter[str]:
    return Counter(
        values[f"{one.id}|official|ALL|-|{one.official_window}|2021-11-01T00:00:00+08:00"]["state"]
        for one in in_force(plan, date(2021, 10, 31).toordinal()).values()
        if one.variant == "official" and (lead is None or lead in one.lead)
    )


def test_every_number_of_every_page_is_a_cell_of_values_csv(folder: Path, values: Cells, plan: Plan) -> None:
    pages = sorted(folder.glob("*.html"))
    leads = {unit for promise in plan.promises for unit in promise.lead}
    assert {path.stem for path in pages} == {f"{MONTH}-{name}" for name in leads | {"ALL"}}
    for path in pages:
        unit = path.stem.removeprefix(f"{MONTH}-")
        lead = None if unit == "ALL" else unit
        found = trace(Page(path), values, plan, states_of(values, plan, lead))
        assert found["cells"] > 100
        assert found["counts"] == len(states_of(values, plan, lead))


def test_a_missed_effort_is_marked_as_one_and_no_other_miss_is(folder: Path, plan: Plan) -> None:
    never_red = {promise.key for promise in plan.promises if promise.is_never_red}
    marked = {True: set[str](), False: set[str]()}
    for path in folder.glob("*.html"):
        for classes, key in re.findall(r'<span class="state ([^"]*)" data-row="([^"]*)"', path.read_text("utf-8")):
            kpi, variant = key.split("|")[:2]
            marked["aspired" in classes.split()].add(kpi if variant == "official" else f"{kpi}/{variant}")
    assert marked[True] and marked[True] <= never_red
    assert marked[False] and not marked[False] & never_red


def test_the_trace_finds_a_number_that_was_changed(folder: Path, values: Cells, plan: Plan, tmp_path: Path) -> None:
    text = (folder / f"{MONTH}-ALL.html").read_text("utf-8")
    states = states_of(values, plan, None)
    for before, after in ((' data-column="n">', ' data-column="n">1'), ("<h1>", "<h1>42 "), ("<td>–", "<td>7")):
        assert before in text
        changed = tmp_path / "changed.html"
        changed.write_text(text.replace(before, after, 1), encoding="utf-8")
        with pytest.raises(AssertionError):
            trace(Page(changed), values, plan, states)


def test_what_a_chart_draws_are_cells_of_values_csv(folder: Path, values: Cells, plan: Plan) -> None:
    windows = {promise.key: promise.official_window for promise in plan.promises}
    points = Page(folder / f"{MONTH}-ALL.html").points
    assert len({key for key, _ in points}) > 3
    for key, point in points:
        kpi, _, variant = key.partition("/")
        time, _, value = point.partition("=")
        assert values[f"{kpi}|{variant or 'official'}|ALL|-|{windows[key]}|{time}"]["value"] == value


def test_every_line_of_a_sheet_is_a_row_of_values_csv(folder: Path, values: Cells) -> None:
    for path in folder.glob("*.csv"):
        rows = sheet_rows(path)
        assert any(row["previous_value"] for row in rows)
        for row in rows:
            assert {name: row[name] for name in ValueRow._fields} == values[key_of(row)]
            assert row["window_end"] == "2021-11-01T00:00:00+08:00"
            if end := row["previous_window_end"]:
                assert end == "2021-10-01T00:00:00+08:00"
                before = values[key_of({**row, "window_end": end})]
                assert (row["previous_value"], row["previous_state"]) == (before["value"], before["state"])
                again = values[f"{key_of({**row, 'window_end': end})}|restated"]
                assert (row["restated_value"], row["restated_state"]) == (again["value"], again["state"])
                assert (row["restated_n"], row["restated_late_entry_n"]) == (again["n"], again["late_entry_n"])


def sheet_rows(path: Path) -> list[dict[str, str]]:
    """The rows of a CSV that people open, by the names for programs, which follow the Chinese ones."""
    with path.open(encoding="utf-8", newline="") as lines:
        assert lines.read(1) == "\ufeff", "the mark by which Excel knows UTF-8"
        headings, *rows = csv.reader(lines)
    assert all(re.fullmatch(r"[^a-z]*[\u4e00-\u9fff）] [a-z_0-9]+", heading) for heading in headings)
    return [dict(zip((heading.split()[-1] for heading in headings), row, strict=True)) for row in rows]


def test_a_plain_sheet_has_the_same_cells_below_the_names_for_programs(
    folder: Path, events: Path, tmp_path: Path
) -> None:
    run("report", events, "--plan", PLAN, "--month", MONTH, "--out", tmp_path, "--processes", 1, "--plain")
    with (tmp_path / f"{MONTH}-ALL.csv").open(encoding="utf-8", newline="") as lines:
        assert list(csv.DictReader(lines)) == sheet_rows(folder / f"{MONTH}-ALL.csv")


def test_every_promise_of_the_plan_is_in_the_districts_report_once(folder: Path, plan: Plan) -> None:
    text = (folder / f"{MONTH}-ALL.html").read_text("utf-8")
    for promise in plan.promises:
        assert text.count(f'id="{promise.key}"') == 1


def test_a_page_needs_nothing_beside_it_and_no_two_elements_have_one_name(folder: Path) -> None:
    for path in folder.glob("*.html"):
        text = path.read_text("utf-8")
        names = [part.split('"')[0] for part in text.split(' id="')[1:]]
        assert len(names) == len(set(names))
        for outside in ("src=", "<link", "<script", "@import", "url(", 'href="http'):
            assert outside not in text.replace('xlink:href="#', "")


def test_the_same_month_is_the_same_bytes(folder: Path, events: Path, tmp_path: Path) -> None:
    run("report", events, "--plan", PLAN, "--month", MONTH, "--out", tmp_path, "--processes", 1)
    for path in folder.iterdir():
        assert (tmp_path / path.name).read_bytes() == path.read_bytes()


def test_a_replay_with_a_report_writes_the_values_that_one_without_writes(
    events: Path, folder: Path, tmp_path: Path
) -> None:
    common = ("replay", events, "--plan", PLAN, "--as-of", "2021-11-01", "--every", "month", "--processes", 1, "--out")
    run(*common, tmp_path / "plain.csv")
    run(*common, tmp_path / "values.csv", "--report", tmp_path / "report.html")
    assert (tmp_path / "values.csv").read_bytes() == (tmp_path / "plain.csv").read_bytes()
    assert (tmp_path / "report.html").read_bytes() == (folder / f"{MONTH}-ALL.html").read_bytes()


MAILED = """
[[account]]
id = "mail"
kind = "email"
host = "127.0.0.1"
port = {}
security = "none"
sender = "kpi@district.example"

[[contact]]
unit = "operations"
briefings = ["month"]
channels = [{{ account = "mail", to = "office@district.example" }}]
"""


def test_a_briefing_is_written_with_its_appendix_without_a_browser_and_sent(
    events: Path, folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    out = tmp_path / "out"
    contacts = tmp_path / "contacts.toml"
    monkeypatch.setenv("KPIWATCH_CONTACTS", str(contacts))
    common = ("briefing", events, "--plan", PLAN, "--period", "month", "--until", "2021-10-31", "--out", out)
    with running_doubles() as doubles:
        contacts.write_text(MAILED.format(doubles.mail_port), encoding="utf-8")
        assert run(*common, "--format", "html,docx,xlsx", "--language", "en", "--send") in (0, 1)
        (mail,) = doubles.texts("email")
    assert "月报（截至2021年10月31日）已编制" in mail
    assert "[month-2021-10-31-en.docx]\n[month-2021-10-31-en.xlsx]" in mail and "html]" not in mail
    ends = ("en.html", "en.docx", "en.xlsx", "appendix.html", "en.sent.json")
    names = {f"month-2021-10-31-{end}" for end in ends}
    assert {path.name for path in out.iterdir()} == names
    appendix = (out / "month-2021-10-31-appendix.html").read_bytes()
    assert appendix == (folder / f"{MONTH}-ALL.html").read_bytes(), "it is the report of the month"
    assert "month-2021-10-31-appendix.html" in (out / "month-2021-10-31-en.html").read_text("utf-8")
    capsys.readouterr()
    for wrong, sentence in (
        (("--format", "odt"), "write some of html,pdf,docx,xlsx"),
        (("--until", "10-31"), "write it as 2021-10-31"),
    ):
        assert run(*common, *wrong) == 2
        assert sentence in capsys.readouterr().err


@pytest.mark.parametrize("month", ["2021-13", "2021-1", "october", "1890-01", "2021-10-01"])
def test_a_month_that_is_none_is_refused_with_what_would_be_right(
    month: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run("report", "-", "--plan", PLAN, "--month", month, "--out", tmp_path / "out") == 2
    assert "write it as 2021-10" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


# ---- parts -------------------------------------------------------------------------------------------------
EMPTY = ValueRow(*[""] * len(ValueRow._fields))


def promise_of(plan: Plan, relation: str) -> Promise:
    return next(one for one in plan.promises if one.target is not None and one.target.relation == relation)


@pytest.mark.parametrize(
    ("cells", "column", "text"),
    [
        ({"value": "0.9996"}, "value", "99.96 %"),
        ({"value": "0.999999"}, "value", "99.9999 %"),
        ({"value": "1"}, "value", "100 %"),
        ({"value": ""}, "value", "–"),
        ({"objective": ">= 0.8"}, "objective", "≥ 80 %"),
        ({"suspended_share": "0.1"}, "suspended_share", "10 %"),
        ({"n": "1000"}, "n", "1000"),
        ({"objective": "3..5"}, "objective", "3–5"),
    ],
)
def test_a_share_is_read_in_per_cent_with_all_its_digits(
    cells: dict[str, str], column: str, text: str, plan: Plan
) -> None:
    promise = next(one for one in plan.promises if one.figure_unit == "share")
    assert shown(EMPTY._replace(**cells), column, promise).text == text


def test_what_is_no_share_is_read_as_it_is_written(plan: Plan) -> None:
    promise = next(one for one in plan.promises if one.figure_unit == "working_days")
    assert shown(EMPTY._replace(value="27.999999"), "value", promise).text == "27.999999"
    assert shown(EMPTY._replace(objective="<= 28"), "objective", promise).text == "≤ 28"


@pytest.mark.parametrize(
    ("relation", "before", "now", "said"),
    [
        (">=", "0.8", "0.9", "better"),
        (">=", "0.9", "0.899999", "worse"),
        ("<=", "28", "27", "better"),
        ("<=", "27", "28", "worse"),
        ("<=", "27", "27.000000", "same"),
    ],
)
def test_better_is_what_the_objective_asks_for(relation: str, before: str, now: str, said: str, plan: Plan) -> None:
    promise = promise_of(plan, relation)
    output = change(promise, EMPTY._replace(value=before), EMPTY._replace(value=now))
    assert isinstance(output, Title) and output.en == said


def test_nothing_is_compared_with_a_month_that_had_no_figure(plan: Plan) -> None:
    assert change(promise_of(plan, ">="), EMPTY, EMPTY._replace(value="1")) is None


def test_a_report_is_as_of_the_end_of_its_month_and_compares_with_the_end_of_the_one_before() -> None:
    times = times_as_of(end_of_month("2021-12", ZONE), ZONE, date(2021, 8, 20))
    assert times.as_of == at("2022-01-01")
    assert times.previous == at("2021-12-01")
    assert times.trend[0] == at("2021-10-09") and times.trend[-2:] == (at("2021-12-25"), at("2022-01-01"))
    assert times.every == sorted(set(times.every)) and len(times.every) == 14


def test_nothing_is_drawn_of_the_time_before_the_plan() -> None:
    times = times_as_of(at("2021-09-05T12:00"), ZONE, date(2021, 8, 20))
    assert times.trend == (at("2021-08-23"), at("2021-08-30"), at("2021-09-05T12:00"))
    assert times.previous == at("2021-09-01")


def test_a_report_speaks_of_the_version_that_binds_at_its_end() -> None:
    plan = load_plan(PLANS / "versions")
    bound = [in_force(plan, day.toordinal())["P1", "official"] for day in (date(2021, 12, 31), date(2022, 1, 1))]
    limits = [str(dict(each.thresholds())["limit"]) for each in bound]
    assert limits == ["4 working_days", "3 working_days"]


def test_a_chart_says_which_cells_its_numbers_are_and_has_no_fonts_of_its_own() -> None:
    points = [
        Point(number, 0.8 + number, Shown(f"{number}", f"A & B|{number}", "value"), Shown("2021", "A", "window_end"))
        for number in range(3)
    ]
    svg = Charts().trend(points, Line(1.0, Shown("≥ 1", "A & B|2", "objective")))
    assert '<g data-row="A &amp; B|2" data-column="value">' in svg
    assert '<g data-row="A &amp; B|2" data-column="objective">' in svg
    assert "font-family" not in svg and "<style" not in svg
    assert Charts().trend(points[:1], None) == ""
