"""Parts of PromQL that several rules use."""

from collections.abc import Mapping

from services.catalog.words.source_names import source_title
from services.domain.plan.plan import Plan, Title
from services.domain.results.published import State
from services.metric_names import metrics
from services.metric_names.recording_rules import UNIT_STATE, WORKING

REFUSED = f"max(increase({metrics.DEAD_LETTER_RECORDS.name}[15m]))"
"""Events refused in the last 15 real minutes."""


def in_district(state: State) -> str:
    """The promises that are in this state for the whole district."""
    return f'max by (kpi) ({UNIT_STATE}{{unit="ALL",state="{state}"}}) == 1'


def by_source(signal: str) -> str:
    """A signal about a source, which it carries as its unit, by source."""
    return f'max by (source) (label_replace({signal}, "source", "$1", "unit", "(.+)"))'


def unit_name(language: str) -> str:
    """A template of Prometheus: the title of the alert's unit; its code, where it has none."""
    found = f'{{{{ . | first | label "title_{language}" }}}}'
    asked = f"{metrics.UNIT_INFO.name}{{unit='%s'}}"
    return (
        f'{{{{ with query (printf "{asked}" $labels.unit) }}}}{found}{{{{ else }}}}{{{{ $labels.unit }}}}{{{{ end }}}}'
    )


def addressee_name(language: str) -> str:
    """A template of Prometheus: the title of the unit to which notices go; the operations centre, which is none."""
    found = f'{{{{ . | first | label "title_{language}" }}}}'
    asked = f"{metrics.UNIT_INFO.name}{{unit='%s'}}"
    centre = {"zh": "运行中心", "en": "the operations centre"}[language]
    return f'{{{{ with query (printf "{asked}" $labels.addressee) }}}}{found}{{{{ else }}}}{centre}{{{{ end }}}}'


def source_name(plan: Plan) -> Title:
    """A template of Prometheus: the title of the alert's source; its id, where the plan does not have it."""
    titles = {id: source_title(id, plan) for id in plan.sources}
    zh = one_of_words("source", {id: title.zh for id, title in titles.items()})
    en = one_of_words("source", {id: title.en for id, title in titles.items()})
    return Title(zh=f"{zh}数据源", en=f"the source {en}")


def promise_name(language: str) -> str:
    """A template of Prometheus: the title of the alert's promise; empty, where it has none."""
    found = f'{{{{ . | first | label "title_{language}" }}}}'
    asked = f"{metrics.PROMISE_INFO.name}{{variant='official',kpi='%s'}}"
    return f'{{{{ with query (printf "{asked}" $labels.kpi) }}}}{found}{{{{ end }}}}'


def percentage(above: float) -> str:
    """A template of Prometheus: the alert's value, a share that is above a limit, in per cent with two decimals. It
    never reads as the limit (decision 0287), nor as all if it is not; templates cannot calculate, PromQL can."""
    limit = f"{above * 100 + 0.01:.10g}"
    rounded = f"clamp_min(round(10000 * vector(%.15g)) / 100, {limit})"
    asked = f"clamp_max({rounded}, 99.99 + 0.01 * (%.15g >= bool 1))"
    found = '{{ . | first | value | printf "%.10g" }}'
    return f'{{{{ with query (printf "{asked}" $value $value) }}}}{found}{{{{ end }}}}'


def one_of_words(label: str, words: Mapping[str, str]) -> str:
    """A template of Prometheus: what a value of a label is called; the value itself, where it has no name."""
    if not words:
        return f"{{{{ $labels.{label} }}}}"
    (first, said), *others = words.items()
    more = "".join(f'{{{{ else if eq $labels.{label} "{value}" }}}}{name}' for value, name in others)
    start = f'{{{{ if eq $labels.{label} "{first}" }}}}{said}'
    return f"{start}{more}{{{{ else }}}}{{{{ $labels.{label} }}}}{{{{ end }}}}"


def begins_in_working_hours(condition: str, alert: str, same: str) -> str:
    """True while the condition is true, once it was true in working hours. So an alert never begins at night, and an
    active one does not end with the day and come back in the morning. `same`: the labels that identify an alert."""
    active = f'ALERTS{{alertname="{alert}",alertstate="firing"}}'
    return f"({condition} and on () {WORKING} == 1) or ({condition} and on ({same}) {active})"


def no_answer(job: str) -> str:
    """No process of the job answers: a target of it does not, or one that answered within a day is gone."""
    up = f'up{{job="{job}"}}'
    return f"max({up}) == 0 or (max(max_over_time({up}[1d])) == 1 unless on () max({up}) == 1)"
