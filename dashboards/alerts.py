"""The alerts that are active: how many each unit has, each with what it asks for, since when, and the way on."""

from grafana_foundation_sdk.models.dashboard import ValueMap

from dashboards.codes import SHOWN, alert_names, names, severities
from dashboards.frame import assemble
from dashboards.machinery import live_only
from dashboards.page import Json, Name, Page, cell
from dashboards.panels import Column, Frame, Order, Panel, Place, query_table, tall, words
from dashboards.queries import INFO, PROMISE, described
from dashboards.signals import source_names, unit_names
from dashboards.tables import Links, unit_link
from services.catalog.words.wording import SEVERITY_NAMES
from services.domain.plan.plan import Title
from services.metric_names.recording_rules import UNIT_RANK

_CENTRE = "operations"
"""The unit of alerts about the machinery: no unit of the plan, so that no unit's page is about it."""
_SCOPES = {"district": Title(zh="全区", en="district"), "unit": Title(zh="单位", en="the unit")}
_NONE = "–"
_ACT = ',severity="act"'
_SEVERITIES = ("page", "act", "review", "inform")
"""Those that ask for something, the most urgent first."""


def alerts(page: Page) -> Json:
    """All that fire: nothing here needs a choice."""
    panels = [_explained(page), _by_unit(page), _of_promises(page), _of_the_machinery(page)]
    return assemble(page, Name.ALERTS, page.say("告警", "Alerts"), [], panels)


def _firing(chosen: str) -> str:
    """Alerts that fire; the value is since when their condition holds, in milliseconds of real time."""
    return f'(ALERTS_FOR_STATE{{{chosen}}} * 1000 and ignoring (alertstate) ALERTS{{alertstate="firing",{chosen}}})'


def _explained(page: Page) -> Panel:
    asked = page.say("、", ", ").join(page.name(SEVERITY_NAMES[each]) for each in _SEVERITIES)
    if page.runbooks:
        where = page.say(
            f"[四种要求的含义和全部处置手册]({page.runbooks})", f"[What each means, and all runbooks]({page.runbooks})"
        )
    else:
        where = page.say(
            "四种要求的含义见 `docs/alerts.md`，处置手册见 `deploy/runbooks`。",
            "What each means: `docs/alerts.md`. The runbooks: `deploy/runbooks`.",
        )
    about = page.say(
        "怎样看告警。口径：承诺未达标或有风险、数据源未报送、系统某一部分中断，持续一段时间后告警，消除后自行解除。",
        "How to read alerts. Computed: a promise is missed or at risk, a source is silent, a part of the system has "
        "stopped; an alert begins when this has lasted for some time, and ends by itself.",
    )
    text = page.say(
        f"告警的要求有四种：{asked}。先看要求，再看单位，然后点告警名称看处置手册，点承诺或单位看完成值。{where}",
        f"An alert asks for one of four things: {asked}. See first what it asks for, then whose it is; the alert leads "
        f"to its runbook, promise and unit to the figures. {where}",
    )
    return words(Frame(page.say("怎样看告警", "How to read alerts"), Place(24, 4), about), text)


def _by_unit(page: Page) -> Panel:
    columns = [_count(page, "act", f"({_of_units(_ACT)} or 0 * {_of_units()})")]
    columns.append(
        Column(page.say("单位", "Unit"), label="unit", mapping=unit_names(page), links=unit_link(page), width=160)
    )
    columns += [_count(page, each) for each in _SEVERITIES if each != "act"]
    about = page.say(
        "各单位当前的告警数，按要求分列。口径：承诺的全区告警计入牵头单位，其他告警计入出现情形的单位；系统告警见下。",
        "How many alerts each unit has, by what they ask for. Computed: an alert about the whole district counts for "
        "the lead unit, others for the unit where it is so; those about the system are below.",
    )
    frame = Frame(page.say("各单位告警数", "Alerts by unit"), Place(24, 10), about, live_only(page))
    return query_table(
        page, frame, "unit", columns, Order(page.name(SEVERITY_NAMES["act"]), most_first=True), _of_units()
    )


def _count(page: Page, severity: str, expr: str = "") -> Column:
    """How many alerts of a severity each unit has. `expr`: of the first column, which has a row for each unit."""
    counted = expr or _of_units(f',severity="{severity}"')
    return Column(page.name(SEVERITY_NAMES[severity]), counted, zero=not expr, links=unit_link(page))


def _of_units(chosen: str = "") -> str:
    """How many alerts each unit of the plan has. `chosen`: a further matcher."""
    return f'count by (unit) (ALERTS{{alertstate="firing",unit!~"{_CENTRE}|"{chosen}}})'


def _of_promises(page: Page) -> Panel:
    firing = _firing(f'kpi!="",unit!="{_CENTRE}"')
    whose = f'label_replace({firing}, "whose", "$1", "unit", "(.*)")'
    whose = f'label_replace({whose}, "whose", "ALL", "scope", "district")'
    whose = f'label_replace({whose}, "scope", "unit", "scope", "")'
    # of an unknown window the promise's page would show another one than the alert is about
    window = f'(0 * max by (kpi, window) ({UNIT_RANK}{{unit="ALL"}}) + 1)'
    series = described(page, f"{whose} * on (kpi) group_left (window) {window}")
    promise = page.link(Name.PROMISE, kpi=cell("kpi"), window=cell("window"), unit=cell("whose"))
    columns = [
        Column(_since(page), series, shown="moment"),
        *_named(page, unit_link(page)),
        Column(page.say("范围", "Of"), label="scope", mapping=names(page, _SCOPES), width=90),
        Column(
            page.say("承诺", "Promise"),
            label=PROMISE,
            shown="text",
            links=((page.say("看该承诺", "To the promise"), promise),),
        ),
        *(Column(label, label=label, unseen=True) for label in ("kpi", "whose")),
        Column("window", label="window", unseen=True),
    ]
    about = page.say(
        "各单位关于承诺的告警。口径：开始时间为该情形出现的实际时间；范围为“全区”的由牵头单位处理。",
        "The alerts about promises. Computed: the real time since when it is so; those of the district are for the "
        "lead unit.",
    )
    frame = Frame(page.say("承诺告警", "Alerts about promises"), Place(24, 18), about, live_only(page))
    return query_table(page, frame, "kpi", columns, Order(page.say("单位", "Unit")))


def _of_the_machinery(page: Page) -> Panel:
    title = page.label("title")
    promises = f'label_join({INFO}, "{SHOWN}", " ", "kpi", "{title}")'
    of_figures, others = _firing(f'kpi!="",unit="{_CENTRE}"'), _firing('kpi=""')
    of_figures = f"{of_figures} * on (kpi) group_left ({SHOWN}) max by (kpi, {SHOWN}) ({promises})"
    others = f'label_replace({others}, "{SHOWN}", "{_NONE}", "", "")'
    for label in ("source", "worker", "topic", "addressee"):
        others = f'label_replace({others}, "{SHOWN}", "$1", "{label}", "(.+)")'
    others = f'label_replace({others}, "{SHOWN}", "{page.say("分区 $1", "partition $1")}", "partition", "(.+)")'
    columns = [
        Column(_since(page), f"{of_figures} or {others}", shown="moment"),
        *_named(page),
        Column(page.say("对象", "About"), label=SHOWN, mapping=_abouts(page), width=400),
    ]
    about = page.say(
        "关于数据和系统的告警。“告警链路自检”应始终存在：没有这一行，说明告警链路中断。口径：开始时间为该情形出现的实际时间。",
        "The alerts about data and the system. “Alerting works” is always there: without it, alerting is broken. "
        "Computed: the real time since when it is so.",
    )
    title_of = page.say("数据与系统告警", "Alerts about data and the system")
    frame = Frame(title_of, Place(24, tall(8)), about, live_only(page))
    return query_table(page, frame, "alertname", columns, Order(_since(page), most_first=True))


def _abouts(page: Page) -> ValueMap:
    """A unit or a source that an alert is about → its name."""
    return ValueMap({**unit_names(page).options, **source_names(page).options})


def _since(page: Page) -> str:
    return page.say("开始时间（实际时间）", "Since (real time)")


def _named(page: Page, of_unit: Links = ()) -> list[Column]:
    """Whose an alert is, what it asks for, and what it is: it leads to its runbook."""
    centre = {_CENTRE: Title(zh="运行中心", en="operations centre")}
    units = names(page, {**{code: unit.title for code, unit in page.plan.units.items()}, **centre})
    runbook: Links = ()
    meaning: Links = ()
    if page.runbooks:
        runbook = ((page.say("看处置手册", "To the runbook"), f"{page.runbooks.rstrip('/')}/{cell('alertname')}"),)
        meaning = ((page.say("要求的含义", "What it means"), page.runbooks),)
    return [
        Column(page.say("单位", "Unit"), label="unit", mapping=units, links=of_unit, width=220),
        Column(page.say("要求", "Asks for"), label="severity", mapping=severities(page), links=meaning, width=160),
        Column(page.say("告警", "Alert"), label="alertname", mapping=alert_names(page), links=runbook, width=200),
    ]
