"""An explanation as JSON, for programs."""

from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any

from services.catalog.words.names import NameBook, names_for
from services.catalog.words.promise_text import in_words
from services.domain.intake.facts import INSTANTS, Fact, FactType
from services.domain.judging.judge import Judge
from services.domain.results.cards import CardState, case_name
from services.domain.results.explain import Explained, ExplainedCycle, Explanation
from services.domain.results.explain_days import Account, AccountedDay
from services.domain.results.explain_facts import FactWithStatus
from services.domain.results.explain_silent import Silent
from services.domain.time.zone import Instant, Zone
from services.explanation.phrases import amount_text, contribution_of_case, day_words
from services.explanation.words import outcome_word


def machine_readable(explanation: Explanation, judge: Judge, rejected: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """The explanation as JSON: times RFC 3339 in the plan's zone, durations in the measure's unit as text.

    `rejected`: the events about the case that were rejected."""
    zone = judge.law.zone
    return {
        "case": case_name(explanation.key),
        "as_of": zone.text(explanation.now + 1),
        "later_events": explanation.later,
        "rejected": list(rejected),
        "history": [_entry_json(entry, zone) for entry in explanation.history],
        "cycles": [_cycle_json(cycle, judge) for cycle in explanation.cycles],
        "others": [
            {"kpi": each.kpi, "verdict": each.outcome, "unit": each.unit, "item": each.item}
            for each in explanation.others
        ],
        "uncounted": [{"kpi": each.promise.key, "missing": _missing_json(each)} for each in explanation.uncounted],
        "cards": [card_document(card, zone) for card in explanation.cards],
    }


def _cycle_json(cycle: ExplainedCycle, judge: Judge) -> dict[str, Any]:
    return {
        "cycle": cycle.case.cycle,
        "service_item": cycle.case.service_item,
        "unit": cycle.case.unit,
        "channels": sorted(cycle.case.channels),
        "attributes": cycle.case.attributes,
        "signals": list(cycle.signals),
        "promises": [_promise_json(each, judge) for each in cycle.promises],
        "silent": [
            {"kpi": each.promise.key, "reason": each.reason, "missing": _missing_json(each)} for each in cycle.silent
        ],
    }


def _missing_json(silent: Silent) -> list[dict[str, Any]]:
    return [{"name": name, "wanted": wanted, "actual": actual} for name, wanted, actual in silent.missing]


def _text(instant: Instant | None, zone: Zone) -> str | None:
    return None if instant is None else zone.text(instant)


def _entry_json(entry: FactWithStatus, zone: Zone) -> dict[str, Any]:
    return {
        **_fact_json(entry.fact, zone),
        "standing": entry.status,
        "by": entry.by.id if entry.by is not None else None,
        "now": _fact_json(entry.now, zone) if entry.now is not None else None,
    }


def _fact_json(fact: Fact, zone: Zone) -> dict[str, Any]:
    return {
        "type": FactType(fact.type).event_type,
        "time": zone.text(fact.time),
        "source": fact.source,
        "id": fact.id,
        "received": zone.text(fact.received),
        "recorded": _text(fact.recorded, zone),
        "data": {
            name: zone.text(value) if name in INSTANTS else value
            for name, value in fact.data.items()
            if name != "event"
        },
    }


def _promise_json(explained: Explained, judge: Judge) -> dict[str, Any]:
    judgement, promise, zone = explained.judgement, explained.promise, judge.law.zone
    word = outcome_word(judgement.outcome, promise)
    return {
        "kpi": judgement.kpi,
        "verdict": judgement.outcome,
        "verdict_words": {"zh": word.zh, "en": word.en},
        "title": promise.title.model_dump(),
        "clause": promise.clause,
        "item": promise.item,
        "words": in_words(promise, judge.plan).model_dump(),
        "start": _text(judgement.start, zone),
        "limit": None if explained.limit is None else explained.limit.model_dump(mode="json"),
        "extensions": [
            {"time": zone.text(extension.time), "limit": dict(extension.limit), "unused": why}
            for extension, why in explained.extensions
        ],
        "due": _text(judgement.due, zone),
        "stop": _text(judgement.stop, zone),
        "provisional": explained.is_provisional,
        "ended_by": explained.ended_by,
        "counts": contribution_of_case(explained, names_for(promise, judge.plan)) or None,
        "turned_by": [fact.id for fact in explained.turned_by],
        "decisions": [
            {"decision": each.decision, "time": zone.text(each.time), "through": zone.text(each.through)}
            for each in explained.decisions
        ],
        "account": None
        if explained.account is None
        else _account_json(explained.account, zone, names_for(promise, judge.plan)),
    }


def _account_json(account: Account, zone: Zone, names: NameBook) -> dict[str, Any]:
    return {
        "measure": account.measure,
        "net": amount_text(account.net, account.scale),
        "gross": amount_text(account.gross, account.scale),
        "suspended": amount_text(account.still, account.scale),
        "days": [_day_json(day, account, zone, names) for day in account.days],
    }


def _day_json(day: AccountedDay, counted: Account, zone: Zone, names: NameBook) -> dict[str, Any]:
    return {
        "day": date.fromordinal(day.day).isoformat(),
        "kind": day.kind,
        "holiday": day.holiday or None,
        "counted": amount_text(day.amount, counted.scale),
        "suspended": amount_text(day.still, counted.scale),
        "ran": [[zone.text(begin), zone.text(end)] for begin, end in day.ran],
        "reasons": list(day.reasons),
        "outside": day.outside,
        "other_reasons": list(day.other_reasons),
        "words": day_words(day, counted, zone, names),
    }


def card_document(card: CardState, zone: Zone) -> dict[str, Any]:
    """A card as JSON, with its times in the zone."""
    times = {name: _text(getattr(card, name), zone) for name in ("raised_at", "due_at", "cleared_at")}
    return card._asdict() | times
