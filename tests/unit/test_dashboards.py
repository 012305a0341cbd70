"""The committed dashboards are what the builders give: they ask for what exists, lead on, and never speak by colour
alone."""

import itertools
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.cog.plugins import register_default_plugins
from grafana_foundation_sdk.models.dashboard import Dashboard

from dashboards.build import dashboards
from dashboards.page import Json, Language, Name, Page, uid
from dashboards.signals import all_signal_names, signal_names
from dashboards.states import ASPIRED_COLOUR, COLOURS, mapping
from dashboards.write import GENERATED, write
from services.catalog.load.plan_folder import load_plan
from services.catalog.words.wording import SIGNS, STATE_NAMES
from services.domain.judging import data_quality as signals
from services.domain.judging import late_reports
from services.domain.plan.plan import Plan
from services.domain.results.published import WORST_FIRST, State
from services.metric_names import metrics, recording_rules
from tests.integration.crash_story import write_plan
from tests.verdicts import shipped

PLAN = shipped().plan
MADE = dashboards(PLAN)
WITH_DESK = {one["uid"]: one for one in dashboards(PLAN, "https://desk.example")[Language.ZH]}
EVERY = {one["uid"]: one for of_language in MADE.values() for one in of_language}

each_dashboard = pytest.mark.parametrize("dashboard", EVERY.values(), ids=EVERY.keys())


def found(value: Any, key: str) -> Iterator[Any]:
    """Everything under a key, however deep."""
    if isinstance(value, dict):
        for name, inner in value.items():
            if name == key:
                yield inner
            yield from found(inner, key)
    elif isinstance(value, list):
        for inner in value:
            yield from found(inner, key)


def addresses(dashboard: Json) -> list[str]:
    return [url for url in found(dashboard, "url") if url]


def titled(dashboard: Json, start: str) -> Json:
    (panel,) = [panel for panel in dashboard["panels"] if panel["title"].startswith(start)]
    return dict(panel)


ROOT = Path(__file__).parents[2]


def test_what_is_committed_is_what_the_builders_give(tmp_path: Path) -> None:
    written = write(tmp_path, PLAN)
    names = {path.relative_to(tmp_path) for path in written}
    assert names == {path.relative_to(GENERATED) for path in GENERATED.rglob("*.json")}
    for name in names:
        assert (GENERATED / name).read_text("utf-8") == (tmp_path / name).read_text("utf-8"), "run make generate"


def test_a_dashboard_that_no_builder_gives_any_more_goes(tmp_path: Path) -> None:
    (tmp_path / "zh").mkdir()
    (tmp_path / "zh" / "of-last-year.json").write_text("{}")
    assert set(write(tmp_path, PLAN)) == set(tmp_path.rglob("*.json"))


@each_dashboard
def test_the_types_of_the_sdk_read_a_dashboard_and_give_it_back(dashboard: Json) -> None:
    register_default_plugins()
    # what the SDK does not know of annotations is checked below
    known = dashboard | {"annotations": {"list": []}}
    assert json.loads(json.dumps(Dashboard.from_json(known), cls=JSONEncoder)) == known


@each_dashboard
def test_versions_of_rules_and_corrections_are_marked_at_the_time_that_they_say(dashboard: Json) -> None:
    (mark,) = dashboard["annotations"]["list"]
    assert mark["enable"] and mark["useValueForTime"]
    assert mark["expr"].endswith(f"({metrics.ANNOTATION.name}) * 1000")  # Grafana takes milliseconds
    (label,) = re.findall(r"{{(\w+)}}", mark["titleFormat"])
    assert label in metrics.ANNOTATION.labels and f"by (kind, {label})" in mark["expr"]


@each_dashboard
def test_each_says_first_which_time_its_axis_shows(dashboard: Json) -> None:
    asked = f"abs({recording_rules.CLOCK} - timestamp({recording_rules.CLOCK})) > bool 3600"
    (first,) = (one for one in dashboard["panels"] if [target["expr"] for target in one.get("targets", [])] == [asked])
    assert first["gridPos"]["y"] == 0
    texts = first["fieldConfig"]["overrides"][0]["properties"][1]["value"][0]["options"]
    assert {"系统时间", "the plan's time"} & {texts["0"]["text"]}


@each_dashboard
def test_panels_and_variables_ask_only_for_metrics_and_records_that_exist(dashboard: Json) -> None:
    known = {name for metric in metrics.ALL for name in metric.samples} | set(recording_rules.ALL)
    asked = " ".join([*found(dashboard, "expr"), *(str(one) for one in found(dashboard["templating"], "query"))])
    assert set(re.findall(r"\b(?:[a-z]+:)?kpi_\w+(?::\w+)?", asked)) <= known


@each_dashboard
def test_no_query_looks_back_on_the_real_clock_or_takes_a_rate_of_cases(dashboard: Json) -> None:
    waits = {f"{metric.name}{metrics.BUCKET}" for metric in (metrics.EVENT_TO_CARD, metrics.EVENT_TO_VALUE)}
    for expr in found(dashboard, "expr"):
        assert "offset" not in expr
        assert "time()" not in expr
        asked = set(re.findall(r"(?:rate|increase)\((\w+)", expr))
        assert asked <= {metrics.EVENTS.name, metrics.DEAD_LETTERS.name, *waits}


@pytest.mark.slow
def test_every_judged_promise_is_on_the_overview_by_one_query() -> None:
    table = titled(EVERY["kpiwatch-promises"], "全部承诺")
    assert recording_rules.UNIT_RANK in table["targets"][0]["expr"]
    assert not [promise.id for promise in PLAN.promises if promise.id in json.dumps(EVERY, ensure_ascii=False)]


def test_a_dashboard_about_what_a_plan_does_not_have_is_left_out(tmp_path: Path) -> None:
    small: Plan = load_plan(write_plan(tmp_path / "plan"))
    assert not [promise for promise in small.promises if promise.target_date or promise.is_by_node]
    of_small = {one["uid"] for one in dashboards(small)[Language.ZH]}
    assert set(EVERY) - of_small >= {"kpiwatch-nodes", "kpiwatch-deadlines"}
    assert "kpiwatch-overview" in of_small


def test_a_burn_up_shows_what_is_foretold_as_soon_as_it_is_exported(monkeypatch: pytest.MonkeyPatch) -> None:
    labels = ("kpi", "variant", "unit")
    known = [metric for metric in metrics.ALL if not metric.name.startswith("kpi_forecast")]
    foretold = [metrics.Metric(f"kpi_forecast{end}", "", labels) for end in ("", "_lower", "_upper")]
    monkeypatch.setattr(metrics, "ALL", (*known, *foretold))
    (made,) = [one for one in dashboards(PLAN)[Language.ZH] if one["uid"] == "kpiwatch-deadlines"]
    asked = " ".join(found(titled(made, "${kpi:text}"), "expr"))
    assert all(f"({metric.name}{{" in asked for metric in foretold)


@pytest.mark.parametrize("language", Language)
def test_every_signal_has_a_name(language: Language) -> None:
    written = [*vars(signals).items(), *vars(late_reports).items()]
    declared = {value for name, value in written if name.isupper() and str(value).startswith("~")}
    kept = {value for value in declared if value != signals.PREFIX}
    names = signal_names(Page(language, PLAN))
    assert set(names) == {
        signal.removeprefix(signals.PREFIX) for signal in kept if signal[1:] not in ("declared", "handled")
    }
    assert len(set(names.values())) == len(names)


@pytest.mark.parametrize("language", Language)
def test_every_signal_of_the_table_of_signals_has_a_name(language: Language) -> None:
    """Those without a mark are about figures: forecasts, more than a range, …"""
    about_figures = {*signals.FORECASTS, signals.OVER_QUOTA, signals.EXCESS, signals.COUNTED_NOW}
    names = all_signal_names(Page(language, PLAN))
    assert about_figures | {"quarantined"} <= set(names)
    assert len(set(names.values())) == len(names)


# ---- two languages ---------------------------------------------------------------------------------


def test_each_dashboard_exists_in_both_languages_with_the_same_panels_and_queries() -> None:
    for chinese, english in zip(MADE[Language.ZH], MADE[Language.EN], strict=True):
        assert english["uid"] == f"{chinese['uid']}-en"
        asked = [
            [
                re.sub(r'"(shown|named|promise|lead)", "[^"]*"|"[^"]*\[\^[^"]*"', "", expr.replace("_zh", "_en"))
                for expr in found(one["panels"], "expr")
            ]
            for one in (chinese, english)
        ]  # what is shown of a code is in the language of the page
        assert asked[0] == asked[1]
        assert [panel["gridPos"] for panel in chinese["panels"]] == [panel["gridPos"] for panel in english["panels"]]


def test_no_chinese_is_left_in_an_english_dashboard_and_every_chinese_one_has_a_chinese_title() -> None:
    han = re.compile(r"[\u4e00-\u9fff]")
    for chinese, english in zip(MADE[Language.ZH], MADE[Language.EN], strict=True):
        assert han.search(chinese["title"])
        text = json.dumps(english, ensure_ascii=False).replace('"title": "中文"', "").replace("非方案指标", "")
        assert not han.search(text), text[max(0, han.search(text).start() - 40) :][:80]  # type: ignore[union-attr]  # found


# ---- the looks of the states -----------------------------------------------------------------------


def rgb(colour: str) -> tuple[int, ...]:
    return tuple(int(colour[place : place + 2], 16) for place in (1, 3, 5))


def test_every_state_has_a_colour_far_from_each_other() -> None:
    assert set(COLOURS) == set(State)
    for one, other in itertools.combinations((*COLOURS.values(), ASPIRED_COLOUR), 2):
        distance = sum((a - b) ** 2 for a, b in zip(rgb(one), rgb(other), strict=True)) ** 0.5
        assert distance > 70, (one, other)


@pytest.mark.parametrize("language", Language)
def test_every_state_is_shown_by_a_sign_and_a_word_of_its_own(language: Language) -> None:
    shown = mapping(Page(language, PLAN)).options
    aspired = shown.pop("1.5")
    assert str(aspired.text).startswith(f"{SIGNS[State.MISSED]} {getattr(STATE_NAMES[State.MISSED], language)}")
    assert aspired.color == ASPIRED_COLOUR, "never red (rule 10)"
    assert list(shown) == [str(number) for number in range(1, len(State) + 1)]
    for state, result in zip(WORST_FIRST, shown.values(), strict=True):
        shorter = {State.UNMEASURED, State.PROVISIONAL}
        assert str(result.text).startswith(f"{SIGNS[state]} ")
        assert state in shorter or result.text == f"{SIGNS[state]} {getattr(STATE_NAMES[state], language)}"
        assert result.color == COLOURS[state]
    assert len({result.text for result in shown.values()}) == len(set(SIGNS.values())) == len(State)


@each_dashboard
def test_no_colour_is_without_a_sign_and_words(dashboard: Json) -> None:
    signed = re.compile(r"^[✗!?◇~…∅✓→▲■–] .+|^0$")  # a 0 is grey: nothing to look at
    for mapped in found(dashboard, "mappings"):
        results = [result for one in mapped for result in one["options"].values()]
        assert all(signed.match(result["text"]) for result in results if "color" in result)
    for value in found(dashboard["panels"], "value"):
        for one in value if isinstance(value, list) else []:
            if isinstance(one, dict) and one.get("type") == "value":
                assert all(signed.match(result["text"]) for result in one["options"].values() if "color" in result)
    for panel in dashboard["panels"]:
        for override in panel.get("fieldConfig", {}).get("overrides", []):
            properties = {one["id"]: one["value"] for one in override["properties"]}
            if "color" in properties and panel["type"] == "stat":
                assert signed.match(properties.get("displayName", override["matcher"]["options"])), properties
            if "color" in properties and panel["type"] == "timeseries":
                assert all(query["legendFormat"] for query in panel["targets"])


@each_dashboard
def test_a_cell_is_coloured_only_where_each_of_its_texts_has_a_colour(dashboard: Json) -> None:
    for override in itertools.chain.from_iterable(found(dashboard, "overrides")):
        properties = {one["id"]: one["value"] for one in override["properties"]}
        if properties.get("custom.cellOptions", {}).get("type") == "color-background":
            (mapped,) = properties["mappings"]
            assert all(result["color"] for result in mapped["options"].values())


@pytest.mark.parametrize("name", ["kpiwatch-overview", "kpiwatch-unit"])
def test_missed_efforts_are_counted_apart_from_what_is_red(name: str) -> None:
    counted = [expr for expr in found(EVERY[name], "expr") if recording_rules.UNIT_RANK in expr and " == 1" in expr]
    assert any(" == 1.5" in expr for expr in counted)
    assert any(re.search(r" == 1[) ]", expr) for expr in counted)


def test_states_that_are_not_judged_look_neither_green_nor_red() -> None:
    for state in set(State) - {State.MET, State.MISSED}:
        red, green, blue = rgb(COLOURS[state])
        assert not (green > red and green > blue), state
        assert not (red > 150 and green < 60 and blue < 90), state


# ---- links -----------------------------------------------------------------------------------------


@each_dashboard
def test_every_link_leads_to_a_dashboard_that_exists_with_variables_that_it_has(dashboard: Json) -> None:
    variables = {key: {one["name"] for one in of["templating"]["list"]} for key, of in EVERY.items()}
    inside = [url for url in addresses(dashboard) if url.startswith("/d/")]
    assert inside
    for url in inside:
        target, _, query = url.removeprefix("/d/").partition("?")
        assert target in EVERY, url
        assert set(re.findall(r"var-(\w+)=", query)) <= variables[target], url
        for place in re.findall(r'__data\.fields\["(\w+)"\]', url):
            assert place in {"kpi", "unit", "window", "measure", "whose", "code", "unit_code"}


@each_dashboard
def test_a_link_of_a_cell_takes_what_it_passes_from_fields_of_its_own_table(dashboard: Json) -> None:
    for panel in dashboard["panels"]:
        if panel["type"] == "table":
            steps = {step["id"]: step["options"] for step in panel["transformations"]}
            fields = set(steps["filterFieldsByName"]["include"]["names"])
            passed = re.findall(r'__data\.fields\[\\"(\w+)\\"\]', json.dumps(panel["fieldConfig"]))
            assert set(passed) <= fields, panel["title"]


def test_every_choice_that_a_page_is_about_is_passed_on_to_it() -> None:
    about = {Name.PROMISE: "kpi", Name.UNIT: "unit", Name.MEASURE: "measure"}
    for language, of_language in MADE.items():
        for dashboard in of_language:
            for name, variable in about.items():
                for url in addresses({"panels": dashboard["panels"]}):
                    if url.startswith(f"/d/{uid(name, language)}?"):
                        assert f"var-{variable}=" in url, url


@each_dashboard
def test_links_of_a_dashboard_stay_in_its_language_but_for_the_one_to_the_other(dashboard: Json) -> None:
    english = dashboard["uid"].endswith("-en")
    inside = [url.removeprefix("/d/").partition("?")[0] for url in addresses({"panels": dashboard["panels"]})]
    assert {one.endswith("-en") for one in inside if one.startswith("kpiwatch")} <= {english}
    others = [link["url"] for link in dashboard["links"] if link["type"] == "link" and "?" not in link["url"]]
    assert others == [f"/d/{dashboard['uid'].removesuffix('-en') if english else dashboard['uid'] + '-en'}"]


def clicks(start: str, table: str, made: dict[str, Json]) -> set[str]:
    """Where the cells of a table lead: addresses without their variables."""
    panel = titled(made[start], table)
    return {url.partition("?")[0].removeprefix("/d/") for url in addresses(panel["fieldConfig"])}


def test_a_bad_number_is_two_clicks_from_the_unit_and_its_cases() -> None:
    assert "kpiwatch-promise" in clicks("kpiwatch-overview", "离目标最远的十项承诺", EVERY)
    assert "kpiwatch-unit" in clicks("kpiwatch-promise", "各单位排名", EVERY)
    assert "kpiwatch-unit" in clicks("kpiwatch-overview", "各单位", EVERY)
    text = titled(EVERY["kpiwatch-unit"], "该单位的办件")["options"]["content"]
    assert "kpiwatch cases list --unit $unit --level red" in text
    assert "kpiwatch cases show" in text


def test_with_a_units_page_the_second_click_opens_the_cases() -> None:
    unit, kpi = '${__data.fields["unit"]}', '${__data.fields["kpi"]}'
    desk = "https://desk.example"
    cards = addresses(titled(WITH_DESK["kpiwatch-overview"], "各单位")["fieldConfig"])
    assert {f"{desk}/cards?unit={unit}&level={level}" for level in ("red", "yellow")} <= set(cards)
    assert f"{desk}/cards?unit={unit}&promise=$kpi&level=red" in addresses(
        titled(WITH_DESK["kpiwatch-promise"], "各单位排名")
    )
    verdicts = addresses(titled(WITH_DESK["kpiwatch-unit"], "黄牌、红牌与判定")["fieldConfig"])
    assert f"{desk}/promises/{kpi}?unit=$unit&verdict=missed#behind" in verdicts
    text = titled(WITH_DESK["kpiwatch-unit"], "该单位的办件")["options"]["content"]
    assert f"{desk}/cards?unit=$unit&level=red" in text
    assert "KPIWATCH_DESK_URL" not in text


def test_every_runbook_names_a_dashboard_that_exists() -> None:
    pages = list((GENERATED.parents[1] / "deploy" / "runbooks").glob("*.md"))
    titles = {one["title"].partition(" ")[2] for one in EVERY.values()}
    assert pages
    for page in pages:
        (named,) = re.findall(r"^Dashboard “([^”]+)”", page.read_text("utf-8"), re.MULTILINE)
        assert named in titles


# ---- the page --------------------------------------------------------------------------------------


@each_dashboard
def test_panels_stand_beside_one_another_and_none_is_too_narrow_to_read(dashboard: Json) -> None:
    taken: set[tuple[int, int]] = set()
    for panel in dashboard["panels"]:
        place = panel["gridPos"]
        cells = set(
            itertools.product(range(place["x"], place["x"] + place["w"]), range(place["y"], place["y"] + place["h"]))
        )
        assert place["x"] + place["w"] <= 24
        assert place["w"] >= 4
        assert place["h"] >= 3
        assert not taken & cells, panel["title"]
        taken |= cells


@each_dashboard
def test_a_table_of_states_has_the_state_first_and_is_sorted_by_it_or_by_a_figure(dashboard: Json) -> None:
    for panel in dashboard["panels"]:
        if panel["type"] == "table":
            order = {step["id"]: step["options"] for step in panel["transformations"]}["organize"]
            titles = list(order["renameByName"].values())
            ranked = [
                override["matcher"]["options"]
                for override in panel["fieldConfig"]["overrides"]
                if any(one["id"] == "custom.width" and one["value"] == 130 for one in override["properties"])
            ]
            assert titles[0] in ranked or not ranked, panel["title"]
            for one in panel["options"].get("sortBy", []):
                assert one["displayName"] in titles


@each_dashboard
def test_a_history_says_that_its_time_is_that_of_the_samples(dashboard: Json) -> None:
    for panel in dashboard["panels"]:
        if panel["type"] in ("timeseries", "state-timeline"):
            assert "实际时间" in panel["description"] or "real time" in panel["description"]


@each_dashboard
def test_times_are_shown_in_the_zone_of_the_plan(dashboard: Json) -> None:
    assert dashboard["timezone"] == PLAN.head.timezone
