"""What all pages share: the language they are written in, the plan they are about, where their links lead."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from services.domain.plan.plan import Plan, Title

Json = dict[str, Any]

TAG = "kpiwatch"
GENERATED_TAG = "kpiwatch-generated"
"""Marks what was published from here: only such a dashboard is ever removed again."""


class Language(StrEnum):
    """Every dashboard exists once in each; the plan's own language has the plain addresses."""

    ZH = "zh"
    EN = "en"


class Name(StrEnum):
    """The dashboards, by the middle part of their address."""

    OVERVIEW = "overview"
    PROMISES = "promises"
    MEASURE = "measure"
    PROMISE = "promise"
    UNIT = "unit"
    NODES = "nodes"
    DEADLINES = "deadlines"
    SOURCES = "sources"
    PIPELINE = "pipeline"
    ALERTS = "alerts"


@dataclass(frozen=True, slots=True)
class Page:
    """In which language, about which plan, and where the units work on their cases."""

    language: Language
    plan: Plan
    desk: str = ""
    """Address of the units' page; empty until there is one: then the dashboards say which command to run."""

    runbooks: str = ""
    """Address of the pages of runbooks; empty: there is none, and the dashboards name their files."""

    def say(self, zh: str, en: str) -> str:
        """Of two wordings the one in the page's language."""
        return zh if self.language is Language.ZH else en

    def name(self, title: Title) -> str:
        return self.say(title.zh, title.en)

    @property
    def yellow_card(self) -> str:
        """What this government calls the card before the limit."""
        return self.name(self.plan.names.terms.yellow_card)

    @property
    def red_card(self) -> str:
        """What this government calls the card after the limit."""
        return self.name(self.plan.names.terms.red_card)

    def label(self, stem: str) -> str:
        """The label of a metric that holds a text in the page's language: `title` → `title_zh`."""
        return f"{stem}_{self.language.value}"

    def uid(self, name: Name) -> str:
        """Address of a dashboard in this language."""
        return uid(name, self.language)

    def link(self, name: Name, **variables: str) -> str:
        """To another dashboard, at the same time and data source, with its variables set."""
        given = "".join(f"&var-{variable}={value}" for variable, value in variables.items())
        return f"/d/{self.uid(name)}?${{__url_time_range}}&var-datasource=${{datasource}}{given}"

    def desk_link(self, path: str, **wanted: str) -> str:
        """To a list of the desk. `path`: `/cards`; `wanted`: its filters; an empty one, or `ALL`, is none."""
        given = "&".join(f"{name}={value}" for name, value in wanted.items() if value not in ("", "ALL"))
        return f"{self.desk.rstrip('/')}{path}{'?' if given else ''}{given}"


def uid(name: Name, language: Language) -> str:
    """`kpiwatch-promise`, and `kpiwatch-promise-en` for the English one."""
    return f"kpiwatch-{name.value}{'' if language is Language.ZH else '-en'}"


def cell(field: str) -> str:
    """In a link of a table's cell: what another field of the same row holds."""
    return f'${{__data.fields["{field}"]}}'
