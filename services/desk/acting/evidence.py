"""What somebody acts on: the promise and its clause, what was known when it was asked for, what arrived since, what the
ledger has, and what each decision would change."""

from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

from services.acting.matters import cycle_words
from services.catalog.words.event_names import EVENT_NAMES
from services.catalog.words.names import names_for
from services.catalog.words.source_names import source_title
from services.catalog.words.times import time_title
from services.catalog.words.unit_names import unit_title
from services.desk.acting.record_lines import RecordLine, is_of_the_centre, lines_of_records
from services.desk.acting.situation import Situation
from services.domain.intake.facts import Fact, FactType
from services.domain.plan.plan import Title
from services.domain.time.rfc3339 import read
from services.domain.time.zone import Instant
from services.explanation.phrases import content_of, in_english_marks
from services.explanation.words import Word, outcome_word
from services.messaging.records.decisions import About
from services.messaging.records.ledger import LedgerRecord


class FactLine(NamedTuple):
    """An event of the case, in words."""

    time: Instant
    received: Instant
    what: Title
    content: Title
    since: bool
    """It arrived after what is decided on was asked for: who asked had not seen it."""
    is_late: bool
    """It turned a miss into what it is now."""


class Evidence(NamedTuple):
    """A matter as a page shows it."""

    number: str
    """Of the case."""
    business: Title | None
    """What was applied for; None of a duty or a figure."""
    source: Title
    """Which system keeps the case."""
    kpi: str
    cycle: Title
    title: Title
    clause: str
    unit: Title
    holder: Title
    verdict: Word
    due: Title | None
    """As people read it, 24:00 at the end of a day."""
    stop: Title | None
    asked: LedgerRecord | None
    """The request that waits for a decision."""
    facts: tuple[FactLine, ...]
    records: tuple[RecordLine, ...]

    @property
    def arrived_since(self) -> list[FactLine]:
        """What arrived since it was asked for."""
        return [each for each in self.facts if each.since]


def evidence_of(situation: Situation, text: Callable[[str], str | None] | None, *, decides: bool) -> Evidence:
    """What is known of a matter. `text`: gives a text by its hash; None: the viewer may read none. `decides`: for the
    operations centre; else without what is between it and nobody else."""
    plan = situation.judge.plan
    records = [each for each in situation.known.records if decides or not is_of_the_centre(each)]
    shown, judgement = situation.shown, situation.shown.judgement
    promise = situation.judge.kinds[judgement.kpi].promise
    item = plan.service_items.get(shown.service_item)
    asked = situation.request(About.REASON) or situation.request(About.EXTENSION)
    return Evidence(
        number=shown.number,
        business=None if item is None else item.title,
        source=source_title(shown.source, plan),
        kpi=judgement.kpi,
        cycle=cycle_words(shown),
        title=promise.title,
        clause=promise.clause,
        unit=unit_title(judgement.unit, plan),
        holder=unit_title(shown.holder, plan),
        verdict=outcome_word(judgement.outcome, promise),
        due=_clock(judgement.due, situation),
        stop=_clock(judgement.stop, situation),
        asked=asked,
        facts=tuple(_facts(situation, asked)),
        records=tuple(lines_of_records(records, plan, text)),
    )


def _clock(at: Instant | None, situation: Situation) -> Title | None:
    return None if at is None else time_title(at, situation.judge.law.zone)


def fact_lines(facts: Sequence[Fact], situation: Situation) -> list[FactLine]:
    """Some events of the case, in words."""
    return list(_lines(facts, situation, None))


def _facts(situation: Situation, asked: LedgerRecord | None) -> Iterator[FactLine]:
    return _lines(situation.shown.facts, situation, None if asked is None else read(asked.time))


def _lines(facts: Sequence[Fact], situation: Situation, since: Instant | None) -> Iterator[FactLine]:
    judge, zone = situation.judge, situation.judge.law.zone
    names = names_for(judge.kinds[situation.shown.matter.kpi].promise, judge.plan)
    turned = {id(fact) for fact in situation.shown.turned_by}
    for fact in facts:
        type = FactType(fact.type)
        what = Title(zh=EVENT_NAMES.get(type, type.event_type), en=type.event_type)
        is_new = since is not None and fact.received > since
        content = Title(
            zh=content_of(fact, zone, names, lambda title: title.zh),
            en=in_english_marks(content_of(fact, zone, names, lambda title: title.en)),
        )
        yield FactLine(fact.time, fact.received, what, content, is_new, id(fact) in turned)
