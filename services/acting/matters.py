"""What a decision or an answer is about: one promise in one cycle of a case, as people name it; and how it is shown."""

from collections.abc import Iterable, Iterator, Sequence
from typing import Any, NamedTuple

from services.acting.refused import ActRefused, ActUnclear
from services.casebook.casebook import CaseAccount, Casebook
from services.catalog.words.names import names_for
from services.catalog.words.source_names import source_title
from services.catalog.words.unit_names import unit_title
from services.domain.intake.events import text_of
from services.domain.intake.facts import KEY_SEPARATOR, Fact, FactType
from services.domain.judging.judge import Judge
from services.domain.judging.judgement import Judgement
from services.domain.plan.plan import Plan, Title
from services.domain.results.cards import case_name
from services.domain.results.explain import Explanation
from services.domain.time.zone import Instant
from services.explanation.phrases import content_of
from services.explanation.words import outcome_word
from services.messaging.records.decisions import Matter

_PERIODS = (FactType.DUTY_FULFILLED, FactType.FIGURE_REPORTED)


class Shown(NamedTuple):
    """A matter as the casebook shows it at one moment."""

    matter: Matter
    judgement: Judgement
    period: tuple[str, str] | None
    """Of a duty or a figure: whose it is, and its month, as they were reported."""
    turned_by: tuple[Fact, ...]
    """What arrived late and turned a miss into what it is now."""
    facts: Sequence[Fact]
    """All that is known of the case."""
    is_latest: bool
    """The case has no later cycle."""
    holder: str
    """The unit that holds the case."""

    @property
    def name(self) -> str:
        """Of the case, as people write it."""
        return case_name(self.matter.case_key)

    @property
    def number(self) -> str:
        """Of the case, without its source."""
        return self.matter.case_key.partition(KEY_SEPARATOR)[2]

    @property
    def source(self) -> str:
        """The id of the source that keeps the case."""
        return self.matter.case_key.partition(KEY_SEPARATOR)[0]

    @property
    def service_item(self) -> str:
        """The code of what was applied for; empty of a duty or a figure."""
        codes = [str(fact.data["service_item"]) for fact in self.facts if fact.data.get("service_item")]
        return codes[-1] if codes else ""

    @property
    def cycle(self) -> str:
        """As people write it: `2`, or of a duty or a figure its month."""
        return str(self.matter.cycle) if self.period is None else self.period[1]

    @property
    def through(self) -> Instant:
        """The last arrival that is shown."""
        return max(fact.received for fact in self.facts)

    def about(self) -> dict[str, Any]:
        """What the event of a decision says of what it is about, and of what was seen."""
        if self.period is not None:
            unit, period = self.period
            return {"unit": unit, "period": period, "through": text_of(self.through)}
        return {"cycle": self.matter.cycle, "through": text_of(self.through)}


def the_account(book: Casebook, case: str) -> tuple[str, Explanation]:
    """The key and the explanation of the one case of that name."""
    accounts = book.case(case)
    if not accounts:
        raise ActRefused(f"没有办件“{case}”：请核对编号", f"no case “{case}”: look for a slip in its number", "case")
    if len(accounts) > 1:
        raise _several(case, [each.case_key for each in accounts], book.judge.plan)
    return accounts[0].case_key, _explanation(accounts[0], case)


def _several(case: str, keys: Iterable[str], plan: Plan) -> ActUnclear:
    """Each is named by its source, and in quotes as it is to be written."""
    titled = [(source_title(key.partition(KEY_SEPARATOR)[0], plan), case_name(key)) for key in keys]
    zh = "\n".join(f"  {source.zh}：`{name}`" for source, name in titled)
    en = "\n".join(f"  {source.en}: `{name}`" for source, name in titled)
    return ActUnclear(
        f"多个数据源都有办件“{case}”，请写明其一：\n{zh}",
        f"several sources have a case “{case}”: write one of\n{en}",
        "case",
    )


def _explanation(account: CaseAccount, case: str) -> Explanation:
    if account.explanation is None:
        why = Title(zh="其事件均被拒收", en="all events about it were refused")
        if account.quarantined:
            why = Title(zh="已隔离", en="it is quarantined")
        raise ActRefused(
            f"办件“{case}”无法判定（{why.zh}），不能作出决定",
            f"the case “{case}” cannot be judged ({why.en}): nothing can be decided on it",
        )
    return account.explanation


def matters_of(key: str, explanation: Explanation) -> list[Shown]:
    """Every promise in every cycle of a case, of a catalogue entry, and in every month of a duty or a figure."""
    return [*_of_cycles(key, explanation), *_of_others(key, explanation)]


def _of_cycles(key: str, explanation: Explanation) -> Iterator[Shown]:
    facts = [entry.fact for entry in explanation.history]
    for cycle in explanation.cycles:
        is_latest = cycle is explanation.cycles[-1]
        for each in cycle.promises:
            judgement = each.judgement
            matter = Matter(judgement.kpi, key, judgement.cycle)
            yield Shown(matter, judgement, None, each.turned_by, facts, is_latest, cycle.case.holder())


def _of_others(key: str, explanation: Explanation) -> Iterator[Shown]:
    facts = [entry.fact for entry in explanation.history]
    periods = _periods(facts)
    for judgement in explanation.others:
        matter = Matter(judgement.kpi, key, judgement.cycle)
        of_period = [each for each in periods if _number(each[1]) == judgement.cycle]
        of_period.sort(key=lambda each: each[0] != judgement.unit)
        yield Shown(matter, judgement, next(iter(of_period), None), (), facts, True, judgement.unit)


def _periods(facts: Sequence[Fact]) -> list[tuple[str, str]]:
    return sorted({(fact.data["unit"], fact.data["period"]) for fact in facts if fact.type in _PERIODS})


def _number(period: str) -> int:
    return int(period.replace("-", ""))


def promise_words(kpi: str, judge: Judge) -> Title:
    """A promise as a sentence names it: `“小型项目供水接入”（K06-1）`."""
    found = judge.kinds.get(kpi)
    if found is None:
        return Title(zh=f"“{kpi}”", en=f"“{kpi}”")
    title = found.promise.title
    return Title(zh=f"“{title.zh}”（{kpi}）", en=f"“{title.en}” ({kpi})")


class Named(NamedTuple):
    """How people name a matter."""

    case: str
    promise: str
    cycle: str | None = None
    """`2`; of a duty or a figure `2021-10`; None: the last cycle, or the one month that there is."""

    def among(self, matters: Sequence[Shown], judge: Judge) -> Shown:
        """The one that is meant. ActRefused where there is none, or several."""
        of_promise = [each for each in matters if each.matter.kpi == self.promise]
        if not of_promise:
            raise self._none_of(matters, judge)
        if self.cycle is None and (of_promise[0].period is None or len(of_promise) == 1):
            return of_promise[-1]
        found = {each.cycle: each for each in of_promise}
        if self.cycle not in found:
            raise self._no_such_request(of_promise)
        return found[self.cycle]

    def _no_such_request(self, matters: Sequence[Shown]) -> ActUnclear:
        known = [cycle_words(each) for each in matters]
        zh, en = "、".join(each.zh for each in known), ", ".join(each.en for each in known)
        return ActUnclear(
            f"请写明是办件“{self.case}”的哪一次办理：{zh}",
            f"say with --cycle which request of the case “{self.case}” is meant: {en}",
            "cycle",
        )

    def _none_of(self, matters: Sequence[Shown], judge: Judge) -> ActRefused:
        meant = promise_words(self.promise, judge)
        known = [promise_words(kpi, judge) for kpi in dict.fromkeys(each.matter.kpi for each in matters)]
        zh, en = "、".join(each.zh for each in known) or "无", ", ".join(each.en for each in known) or "none"
        return ActRefused(
            f"承诺{meant.zh}不适用于办件“{self.case}”；适用的有：{zh}",
            f"the promise {meant.en} says nothing of the case “{self.case}”; what does: {en}",
            "promise",
        )


def lines_of(shown: Shown, judge: Judge) -> Iterator[str]:
    """What is to be decided on, in words."""
    plan, zone, judgement, cycle = judge.plan, judge.law.zone, shown.judgement, cycle_words(shown)
    promise = judge.kinds[judgement.kpi].promise
    word = outcome_word(judgement.outcome, promise)
    unit = unit_title(judgement.unit, plan)
    yield f"办件 case      {case_name(shown.matter.case_key)}, {cycle.zh} {cycle.en}"
    yield f"承诺 promise   {judgement.kpi} {promise.title.zh} / {promise.title.en}"
    yield f"条款 clause    {promise.clause}"
    yield f"单位 unit      {unit.zh} / {unit.en}"
    yield f"判定 verdict   {word.sign} {word.zh} / {word.en}"
    for label, at in (("期限 due      ", judgement.due), ("计时终止 stop ", judgement.stop)):
        if at is not None:
            yield f"{label} {zone.text(at)}"
    for fact in shown.turned_by:
        yield f"补录 late      {_fact_line(fact, judge, plan)}"
    yield f"截至 through   {zone.text(shown.through)} ({len(shown.facts):,} events)"


def cycle_words(shown: Shown) -> Title:
    """Which request of a case it is: `第2次办理`; of a duty or a figure its month: `2021-10`."""
    if shown.period is not None:
        return Title(zh=shown.cycle, en=shown.cycle)
    return Title(zh=f"第{shown.cycle}次办理", en=f"request {shown.cycle}")


def _fact_line(fact: Fact, judge: Judge, plan: Plan) -> str:
    zone, kinds = judge.law.zone, judge.kinds
    content = content_of(fact, zone, names_for(next(iter(kinds.values())).promise, plan))
    name = FactType(fact.type).event_type
    return f"{name} {zone.text(fact.time)}, 到达 arrived {zone.text(fact.received)} {content}".rstrip()
