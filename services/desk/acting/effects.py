"""What a decision would change: the verdict on the case, and what the case adds to the number of its unit. Nothing is
stored: the event of the decision is put into the facts of the case, which are judged again, as a worker does."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import orjson

from services.acting.refused import ActRefused
from services.desk.access import Viewer
from services.desk.acting.acts import Act
from services.desk.acting.situation import Situation
from services.domain.intake.admission import Admission
from services.domain.intake.facts import Fact
from services.domain.intake.refusal import Refused
from services.domain.judging.judgement import Judgement
from services.domain.judging.quarantine import keep
from services.domain.plan.plan import Title
from services.domain.results.published import ValueRow
from services.domain.sums.tally import EVER, NOW, TallyField
from services.domain.time.rfc3339 import read
from services.explanation.words import Word, outcome_word
from services.ledger.recording import utc_text
from services.messaging.codec import CODEC
from services.messaging.records.decisions import Decision, event_of
from services.messaging.records.ledger import LedgerRecord


class Share(NamedTuple):
    """Of cases: how many are in the numerator and in the denominator."""

    numerator: int
    denominator: int


class Effect(NamedTuple):
    """What one decision would change."""

    decision: Title
    before: Word
    after: Word
    adds: tuple[Share, Share]
    """What the case adds to the number, before and after."""
    number: tuple[Share, Share] | None
    """The number of the unit, before and after; None: it is no share, or not known."""


def effects_of(act: Act, situation: Situation, viewer: Viewer, row: ValueRow | None) -> list[Effect]:
    """What each answer to a decision would change. `row`: the number of the unit, as it is published now."""
    fields = act.fields(situation)
    usual = {field.name: field.value for field in fields}
    choices = next((field.choices for field in fields if field.name == "decision"), ())
    found = []
    for choice in choices:
        try:
            made = act.made(situation, viewer, {**usual, "decision": choice.value})
        except ActRefused:  # as long as a field is empty, such as the length of an extension
            continue
        if isinstance(made, Decision) and (effect := _effect(choice.label, made, situation, row)) is not None:
            found.append(effect)
    return found


def _effect(label: Title, decision: Decision, situation: Situation, row: ValueRow | None) -> Effect | None:
    fact = _fact(decision, situation)
    if fact is None:
        return None
    facts = list(situation.shown.facts)
    keep(facts, fact)
    before, after = _judged(situation.shown.facts, situation), _judged(facts, situation)
    if before is None or after is None:
        return None
    promise = situation.judge.kinds[situation.shown.matter.kpi].promise
    adds = _adds(before), _adds(after)
    then, now = (outcome_word(each.outcome, promise) for each in (before, after))
    counted = row if row is not None and _is_in(after, row, situation) else None
    return Effect(label, then, now, adds, _number(counted, *adds))


def _fact(decision: Decision, situation: Situation) -> Fact | None:
    """The event of a decision, as if it were recorded now."""
    now = utc_text(situation.now)
    request = decision.request("what-if", "what-if", situation.known.number)
    event = event_of(LedgerRecord(situation.known.number + 1, "", now, now, request, ""))
    if event is None:
        return None
    try:
        return Admission(situation.judge.plan, CODEC).admit(orjson.dumps(event), received=situation.now).fact
    except Refused:
        return None


def _judged(facts: Sequence[Fact], situation: Situation) -> Judgement | None:
    matter = situation.shown.matter
    opinion = situation.judge.judge(facts, situation.now + 1)
    return next((each for each in opinion.judgements if (each.kpi, each.cycle) == (matter.kpi, matter.cycle)), None)


def _is_in(judgement: Judgement, row: ValueRow, situation: Situation) -> bool:
    """Whether the case is in the window of a number."""
    if judgement.day in (NOW, EVER) or not row.window_start:
        return True
    zone = situation.judge.law.zone
    return zone.day(read(row.window_start)) <= judgement.day <= zone.day(read(row.window_end))


def _adds(judgement: Judgement) -> Share:
    cells: Mapping[int, int] = dict(judgement.cells)
    return Share(cells.get(TallyField.MET, 0), cells.get(TallyField.N, 0) + cells.get(TallyField.OVERDUE, 0))


def _number(row: ValueRow | None, before: Share, after: Share) -> tuple[Share, Share] | None:
    if row is None or not (row.numerator.isdecimal() and row.denominator.isdecimal()):
        return None
    now = Share(int(row.numerator), int(row.denominator))
    return now, Share(
        now.numerator + after.numerator - before.numerator, now.denominator + after.denominator - before.denominator
    )
