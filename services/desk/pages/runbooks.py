"""What alerts mean and what to do: a page for each, made from `deploy/runbooks` by `make generate`.

Whoever gets an alert reads them without signing in: they show nothing of the district.
"""

from functools import cache
from importlib.resources import files
from typing import Final

from fastapi import Response
from markupsafe import Markup

from services.catalog.words.wording import SEVERITY_NAMES
from services.desk.access import Access
from services.desk.asking import Ask
from services.desk.refusal import NotFound
from services.desk.routes import Pages
from services.domain.plan.plan import Title
from services.metric_names.alert_names import ALERT_NAMES
from services.metric_names.alert_pages import RUNBOOKS, dashboard_path, severities_of

PAGES: Final = Pages()
WORDS: Final = {
    "all": Title(zh="告警与处置手册", en="Alerts and runbooks"),
    "asks": Title(zh="要求", en="asks for"),
    "dashboard": Title(zh="打开看板", en="Open the dashboard"),
    "file": Title(zh="文件", en="File"),
}


@PAGES.get("/runbooks", Access.ANYONE)
def runbooks(ask: Ask) -> Response:
    """What an alert is, what each severity asks for, and all runbooks."""
    return ask.page("runbook.html", words=WORDS, name=WORDS["all"], alert="", content=_content("index"))


@PAGES.get("/runbooks/{alert}", Access.ANYONE)
def runbook(ask: Ask, alert: str) -> Response:
    """The runbook of an alert, by its `alertname`."""
    if alert not in ALERT_NAMES:
        raise NotFound
    grafana = ask.desk.settings.grafana_url.rstrip("/")
    return ask.page(
        "runbook.html",
        words=WORDS,
        name=ALERT_NAMES[alert],
        alert=alert,
        asks=[SEVERITY_NAMES[severity] for severity in severities_of(alert)],
        dashboard=f"{grafana}/{dashboard_path(alert, ask.language)}" if grafana else "",
        file=f"{RUNBOOKS}{alert}.md",
        content=_content(alert),
    )


@cache
def _content(name: str) -> Markup:
    """As `services/handbook/runbook_pages.py` wrote it. Its addresses are those of this module."""
    return Markup((files("services.desk") / "runbooks" / f"{name}.html").read_text(encoding="utf-8"))
