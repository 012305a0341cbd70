"""What the page `/try` shows of the plan and of the contract, as JSON; it follows from plan and code."""

from collections.abc import Mapping
from typing import Any

import orjson

from services.catalog.samples.promise_samples import samples_of
from services.catalog.words.card_reasons import CARD_REASONS
from services.catalog.words.event_names import EVENT_NAMES, SENT_FIELD_NAMES
from services.catalog.words.promise_text import in_words
from services.catalog.words.refusals import REFUSALS
from services.catalog.words.sample_names import sample_name
from services.catalog.words.unit_names import unit_title
from services.domain.intake.events import MODELS, Envelope
from services.domain.intake.facts import FACT_TYPE_OF
from services.domain.intake.refusal import Reason
from services.domain.intake.validation_messages import data_fields
from services.domain.plan.plan import Plan, Promise, Title
from services.domain.plan.statutory_time import Law
from services.explanation.words import MEASURES, STATUS_WORDS


def content_of(plan: Plan) -> bytes:
    """The promises, the event types, and the words for codes."""
    return orjson.dumps({
        "plan": _words(plan.head.title),
        "language": plan.head.language,
        "promises": [_promise(each, plan) for each in plan.promises],
        "envelope": [_field(name, field.is_required()) for name, field in _envelope().items()],
        "types": [_type(name, model) for name, model in MODELS.items()],
        "reasons": [{"code": reason, **_words(REFUSALS[reason])} for reason in Reason],
        "card_reasons": _all(CARD_REASONS),
        "statuses": _all(STATUS_WORDS),
        "measures": _all(MEASURES),
        "units": {unit: _words(unit_title(unit, plan)) for unit in plan.units},
    })  # fmt: skip


def samples_document(key: str, law: Law) -> bytes | None:
    """The sample events of a promise, those of each source for themselves: a key speaks for one. None: no such
    promise."""
    promise = next((each for each in law.plan.promises if each.key == key), None)
    if promise is None:
        return None
    samples = [
        {
            "name": _words(sample_name(sample.name, promise)),
            "sources": [{"source": source, "events": events} for source, events in sample.by_source.items()],
        }
        for sample in samples_of(promise, law)
    ]
    return orjson.dumps({"samples": samples})


def _words(title: Title) -> dict[str, str]:
    return {"zh": title.zh, "en": title.en}


def _all(titles: Mapping[Any, Title]) -> dict[str, dict[str, str]]:
    return {str(code): _words(title) for code, title in titles.items()}


def _promise(promise: Promise, plan: Plan) -> dict[str, Any]:
    title, words = _words(promise.title), _words(in_words(promise, plan))
    return {"key": promise.key, "title": title, "clause": promise.clause, "words": words}


def _envelope() -> Mapping[str, Any]:
    return {name: field for name, field in Envelope.model_fields.items() if name not in ("type", "data")}


def _type(name: str, model: type[Envelope]) -> dict[str, Any]:
    fields = [_field(each, field.is_required()) for each, field in data_fields(model).items()]
    return {"type": name, "zh": EVENT_NAMES[FACT_TYPE_OF[name]], "fields": fields}


def _field(name: str, required: bool) -> dict[str, Any]:
    return {"name": name, "required": required, "zh": SENT_FIELD_NAMES[name]}
