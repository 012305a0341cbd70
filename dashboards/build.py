"""Every dashboard of a plan, in both languages."""

from collections.abc import Callable

from dashboards.alerts import alerts
from dashboards.deadlines import deadlines
from dashboards.measure import measure
from dashboards.nodes import nodes
from dashboards.overview import overview
from dashboards.page import Json, Language, Page
from dashboards.pipeline import pipeline
from dashboards.promise import promise
from dashboards.promises import promises
from dashboards.sources import sources
from dashboards.unit import unit
from services.domain.plan.plan import Plan

Builder = Callable[[Page], Json]


def dashboards(plan: Plan, desk: str = "", runbooks: str = "") -> dict[Language, list[Json]]:
    """What a Grafana gets, a folder per language. `desk`, `runbooks`: addresses of the units' page and of the pages of
    runbooks, where there are such."""
    pages = [Page(language, plan, desk, runbooks) for language in Language]
    return {page.language: [build(page) for build in _builders(plan)] for page in pages}


def _builders(plan: Plan) -> list[Builder]:
    """A dashboard about what a plan does not have would be empty: it is left out."""
    found: list[Builder] = [overview, promises, measure, promise, unit]
    if any(one.is_by_node for one in plan.promises):
        found.append(nodes)
    if any(one.target_date is not None for one in plan.promises):
        found.append(deadlines)
    return [*found, sources, pipeline, alerts]
