"""Asks a Prometheus every query of every panel of a dashboard, as Grafana would: variables filled in from their own
queries, one promise, unit and measure after another.

`python -m tests.integration.census URL [--at TIME]` does it for every promise and says what is empty.
"""

import argparse
import itertools
import re
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import httpx

from dashboards.build import dashboards
from services.catalog.load.plan_folder import load_plan
from services.runtime.settings import Settings

Json = dict[str, Any]
Series = list[dict[str, str]]
"""The labels of what a query gave."""

_QUERY_RESULT = re.compile(r"query_result\((?P<expr>.+)\)")


@dataclass
class Census:
    """What was asked of one dashboard, and what gave nothing."""

    uid: str
    panels: int = 0
    queries: int = 0
    asked: int = 0
    silent: list[str] = field(default_factory=list)
    """Queries that gave no series for any choice."""
    empty: list[str] = field(default_factory=list)
    """Panels without any series, with the choice for which they were asked."""
    wrong: list[str] = field(default_factory=list)
    """Tables whose queries do not give what their columns name."""
    unset: list[str] = field(default_factory=list)
    """Variables without any value, with the choice for which they were asked."""

    def __str__(self) -> str:
        answered = self.queries - len(self.silent)
        return f"{self.uid}: {self.panels} panels x {self.queries} queries ({self.asked} asked), {answered} with data"


class Prometheus:
    """The instant queries of a Prometheus, now or at a time."""

    def __init__(self, url: str, at: datetime | None = None) -> None:
        self._client = httpx.Client(base_url=url, trust_env=False, timeout=120)
        self._at = {"time": at.timestamp()} if at is not None else {}
        self.asked = 0
        self._known: dict[str, Series] = {}

    def ask(self, expr: str) -> Series:
        """Labels of each series; a query that Prometheus refuses fails the test with its reason."""
        if expr not in self._known:
            self.asked += 1
            answer = self._client.get("/api/v1/query", params={"query": expr, **self._at})
            assert answer.status_code == 200, (expr, answer.text)
            self._known[expr] = [one["metric"] for one in answer.json()["data"]["result"]]
        return self._known[expr]

    def value(self, expr: str) -> float:
        """The value of the one series that a query gives."""
        answer = self._client.get("/api/v1/query", params={"query": expr, **self._at})
        (one,) = answer.json()["data"]["result"]
        return float(one["value"][1])

    def forget(self) -> None:
        self._known.clear()

    def close(self) -> None:
        self._client.close()


@dataclass
class Choices:
    """The combinations that a reader can come to: each value of the first variable, with the first of the others; and
    of each promise each window."""

    prometheus: Prometheus
    unset: list[str] = field(default_factory=list)
    """Variables that had no value, with what was chosen before them."""

    def of(self, dashboard: Json) -> Iterator[dict[str, str]]:
        variables = [one for one in dashboard["templating"]["list"] if one["type"] == "query"]
        yield from self._chosen(variables, {})

    def _chosen(self, variables: list[Json], so_far: dict[str, str]) -> Iterator[dict[str, str]]:
        if not variables:
            yield so_far
            return
        variable, *rest = variables
        values = _values(variable, so_far, self.prometheus)
        if not values:
            self.unset.append(f"{variable['name']} has no value for {so_far}")
        several = variable["name"] in ("kpi", "measure", "window") or (variable["name"] == "unit" and not so_far)
        for value in values if several else values[:1]:
            yield from self._chosen(rest, so_far | {variable["name"]: value})


def _values(variable: Json, so_far: Mapping[str, str], prometheus: Prometheus) -> list[str]:
    query = filled(variable["query"], so_far)
    if variable.get("includeAll"):
        return [".*"]
    found = _QUERY_RESULT.fullmatch(query)
    assert found, query
    pattern = re.compile(variable["regex"].strip("/").replace("(?<", "(?P<"))
    texts = [
        "{" + ",".join(f'{k}="{v}"' for k, v in sorted(one.items())) + "}" for one in prometheus.ask(found["expr"])
    ]
    matches = [pattern.search(text) for text in texts]
    assert all(matches), (pattern.pattern, texts)
    first = variable.get("current", {}).get("value")
    values = sorted({match["value"] for match in matches if match})
    return [first, *(value for value in values if value != first)] if first in values else values


def filled(expr: str, chosen: Mapping[str, str]) -> str:
    """The query with its variables filled in; what is none of them (`$1`) stays."""
    return re.sub(r"\$\{(\w+)\}|\$(\w+)", lambda found: chosen.get(found[1] or found[2], found[0]), expr)


def census(
    dashboard: Json, prometheus: Prometheus, *, thorough: bool = False, only: Collection[str] | None = None
) -> Census:
    """Asks every query until it has given data for some choice; `thorough`: for each choice.

    `only`: the panels with one of these queries (as in `Census.silent`), all if None.
    """
    panels = [
        panel
        for panel in dashboard["panels"]
        if panel.get("targets")
        and (only is None or any(f"{panel['title']} {one['refId']}" in only for one in panel["targets"]))
    ]
    found = Census(dashboard["uid"], len(panels), sum(len(panel["targets"]) for panel in panels))
    before, gave = prometheus.asked, {(panel["id"], one["refId"]): 0 for panel in panels for one in panel["targets"]}
    choices = Choices(prometheus, found.unset)

    def ask(panel: Json, letter: str, chosen: Mapping[str, str]) -> Series:
        (expr,) = (one["expr"] for one in panel["targets"] if one["refId"] == letter)
        return prometheus.ask(filled(expr, chosen))

    for chosen in choices.of(dashboard):
        open_panels = [
            panel
            for panel in panels
            if thorough or not all(gave[panel["id"], one["refId"]] for one in panel["targets"])
        ]
        if not open_panels:
            break
        for panel in open_panels:
            letters = [one["refId"] for one in panel["targets"] if thorough or not gave[panel["id"], one["refId"]]]
            if not any(ask(panel, letter, chosen) for letter in letters) and len(letters) < len(panel["targets"]):
                continue  # another choice: the panel's other queries have given data
            answers = {one["refId"]: ask(panel, one["refId"], chosen) for one in panel["targets"]}
            for letter, series in answers.items():
                gave[panel["id"], letter] += len(series)
            if not any(answers.values()):
                found.empty.append(f"{panel['title']} {chosen}")
            if panel["type"] == "table":
                found.wrong += [f"{panel['title']}: {sentence} {chosen}" for sentence in _unlike(panel, answers)]
    found.asked = prometheus.asked - before
    titles = {panel["id"]: panel["title"] for panel in panels}
    found.silent = [f"{titles[panel]} {letter}" for (panel, letter), count in gave.items() if not count]
    return found


def _unlike(panel: Json, answers: Mapping[str, Series]) -> Iterator[str]:
    """Where the labels of a table's queries are not those that its columns and its join name."""
    steps = {one["id"]: one["options"] for one in panel["transformations"]}
    first, *others = answers.items()
    wanted = {name for name in steps["filterFieldsByName"]["include"]["names"] if not name.startswith("Value")}
    missing = wanted - {name for one in first[1] for name in one}  # an empty label is none to Prometheus
    if first[1] and missing:
        yield f"{first[0]} has no label {sorted(missing)}"
    if "joinByField" not in steps:
        return
    key = steps["joinByField"]["byField"]
    for letter, series in itertools.chain([first], others):
        if letter != first[0] and any(one.keys() != {key} for one in series):
            yield f"{letter} has other labels than {key}"
        if len({one.get(key) for one in series}) != len(series):
            yield f"{letter} gives a {key} twice"


def main() -> None:
    """Prints the census of a running Prometheus."""
    parser = argparse.ArgumentParser(prog="python -m tests.integration.census", description=main.__doc__)
    parser.add_argument("url", help="the Prometheus, or the one that shows its backfilled days")
    parser.add_argument("--at", type=datetime.fromisoformat, help="a time with offset (default: now)")
    given = parser.parse_args()
    prometheus = Prometheus(given.url, given.at)
    counted = [
        census(one, prometheus, thorough=True)
        for every in dashboards(load_plan(Settings().plan)).values()
        for one in every
    ]
    for one in counted:
        print(
            one, *(f"nothing: {query}" for query in one.silent), *(f"empty: {panel}" for panel in one.empty), sep="\n  "
        )
    panels, queries, silent = (
        sum(one.panels for one in counted),
        sum(one.queries for one in counted),
        sum(len(one.silent) for one in counted),
    )
    print(f"{len(counted)} dashboards, {panels} panels x {queries} queries, {queries - silent} with data")


if __name__ == "__main__":
    main()
