"""Whether an entry says what its clause says: the words are the plan's own, and so are the numbers."""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from decimal import Decimal
from typing import get_args

from services.catalog.check.languages.choice import language_of
from services.catalog.check.languages.clause_language import ClauseLanguage, Counted, Printed
from services.catalog.check.languages.english import ENGLISH
from services.domain.plan.plan import MeasuredPromise, Objective, OwedPromise, Promise, Strength, Tier
from services.domain.time.limits import Limit

Threshold = tuple[str, Decimal, Counted, str]
"""Key of the entry, amount, what is counted, relation."""


_NOT_PRINTED = "the clause does not print this number: quote the words that do, or mark it `local = true`"
_CHOOSE = "if it says the same, name that among `choices`, as `taken`, with the entry's number and unit"
_UNIT_OF_CHOICE: Mapping[Counted, str] = {
    "working_days": "[ _]working[ _]day",
    "calendar_days": "[ _](?:calendar[ _])?day",
    "minutes": "[ _]minute",
    "working_minutes": "[ _]working[ _]minute",
    "months": "[ _]month",
    "share": r"\s*%",
}
_PERHAPS_ANOTHER = "; if the plan is not in English, write its `language` in plan.toml"


def contradictions(promise: Promise, sentences: Sequence[str] = (), declared: str = "") -> Iterator[tuple[str, str]]:
    """Numbers and words of the clause that the entry contradicts, as (key, sentence).

    `sentences`: those of the plan in which the clause stands. `declared`: the language of the plan. A local entry may
    have numbers that the clause does not print; what the clause prints still holds."""
    language = language_of(declared, promise.clause)
    yield from _numbers(promise, language, "" if declared or language is not ENGLISH else _PERHAPS_ANOTHER)
    if language.reads_words:
        yield from _dates(promise, sentences, language)
        yield from _strength(promise, sentences, language)
    yield from _unprinted(promise)
    yield from _tier(promise)


def _numbers(promise: Promise, language: ClauseLanguage, further_remedy: str) -> Iterator[tuple[str, str]]:
    """What the clause prints and the entry does not have, and the other way round."""
    thresholds = [_as_printed_in(language, threshold) for threshold in _thresholds(promise)]
    numbers = [_as_chosen(number, thresholds, promise) for number in language.numbers(promise.clause)]
    reported_keys: set[str] = set()
    for number in numbers:
        for key, sentence in _of_number(number, thresholds):
            if not _is_among(number, thresholds):
                reported_keys.add(key)
            yield key, sentence
    for threshold in thresholds:
        is_ours = promise.local or threshold[0] in reported_keys
        if not is_ours and not _is_printed(threshold, numbers, promise.clause, language):
            yield threshold[0], _NOT_PRINTED + further_remedy


def _of_number(number: Printed, thresholds: list[Threshold]) -> Iterator[tuple[str, str]]:
    """What is wrong with the entry by a number that the clause prints."""
    if not _is_among(number, thresholds):
        key, said = _nearest(number, thresholds)
        if number.amount is None:
            yield key, f"the clause prints {number.words}, which is not read as a number, the entry {said}: {_CHOOSE}"
        elif not number.named:
            yield (
                key,
                f"the clause prints {number.words}, the entry {said}: correct it, or quote this promise's words only",
            )
    elif number.relation:
        for name, amount, counted, relation in thresholds:
            if _same(number, amount, counted) and relation not in (number.relation, "="):
                yield name, f"the clause means {number.relation} {number.words}, the entry says {relation}"


def _as_printed_in(language: ClauseLanguage, threshold: Threshold) -> Threshold:
    """Hours of opening time are hours, where the language has no other word."""
    key, amount, counted, relation = threshold
    if counted == "working_minutes" and not language.has_working_minutes:
        return key, amount, "minutes", relation
    return threshold


def _as_chosen(number: Printed, thresholds: list[Threshold], promise: Promise) -> Printed:
    """A number that the clause leaves open, as the entry's choices say that it was taken: what is not read as a number,
    and hours that may be of opening time."""
    for _, amount, counted, _ in thresholds:
        opening = number.counted == "minutes" and counted == "working_minutes" and number.amount == amount
        if (number.amount is None or opening) and _is_taken(amount, counted, promise):
            return replace(number, amount=amount, counted=counted)
    return number


def _is_taken(amount: Decimal, counted: Counted, promise: Promise) -> bool:
    """Whether a choice says the number and the unit of the entry: `30 minutes`."""
    number = f"{(amount * 100 if counted == 'share' else amount).normalize():f}"
    written = re.compile(rf"(?<![\w.,]){re.escape(number)}(?![.,]?\d){_UNIT_OF_CHOICE.get(counted, '')}")
    return any(written.search(choice.taken.en) for choice in promise.choices)


def _is_among(number: Printed, thresholds: list[Threshold]) -> bool:
    return any(_same(number, amount, counted) for _, amount, counted, _ in thresholds)


def _is_printed(threshold: Threshold, numbers: list[Printed], clause: str, language: ClauseLanguage) -> bool:
    """Whether the clause says a threshold of the entry, in numbers or in words: 全部, 免费."""
    _, amount, counted, _ = threshold
    whole = counted == "share" and amount == 1
    nought = amount == 0 and language.nought.search(clause)
    among = any(_same(number, amount, counted) for number in numbers)
    return whole or bool(nought) or among or amount in language.also(clause, counted)


def _dates(promise: Promise, sentences: Sequence[str], language: ClauseLanguage) -> Iterator[tuple[str, str]]:
    yield from _target_date(promise, sentences, language)
    since = language.since(promise.clause)
    if since and promise.effective_from != since:
        yield "effective_from", f"the clause binds from {since}, the entry from {promise.effective_from}"


def _target_date(promise: Promise, sentences: Sequence[str], language: ClauseLanguage) -> Iterator[tuple[str, str]]:
    by, target = language.by(promise.clause), promise.target_date
    if by == target:
        return
    # 今年内, or no date at all: what was taken is said among the choices
    if by or not any(str(target) in choice.taken.en for choice in promise.choices):
        remedy = "" if by else ": name the date among `choices`, as `taken`"
        yield "by", f"the clause's target date is {by or 'not printed'}, the entry's {target or 'missing'}{remedy}"
    if not by and not promise.local and not language.this_year.search("\n".join((promise.clause, *sentences))):
        yield "by", "the plan prints no date: mark it `local = true`"


def _unprinted(promise: Promise) -> Iterator[tuple[str, str]]:
    """What no plan prints: how much may be missing (基本), on which day a month's report is due (按月)."""
    if promise.tolerance and not promise.local:
        yield "tolerance", "the plan prints none: mark it `local = true`"
    monthly = isinstance(promise, OwedPromise) and promise.period == "month"
    if monthly and promise.target is not None and not promise.local:
        yield "period", "the plan prints no day on which a month is due: mark it `local = true`"


def _tier(promise: Promise) -> Iterator[tuple[str, str]]:
    strength = promise.strength
    if (strength is Strength.DIRECTIONAL) != (promise.tier is Tier.Q) and promise.tier is not None:
        yield "tier", f"{promise.tier} does not go with {strength}: Q is for what is not judged, H and C for what is"


def _strength(promise: Promise, sentences: Sequence[str], language: ClauseLanguage) -> Iterator[tuple[str, str]]:
    strength, clause = promise.strength, promise.clause
    if (found := language.soft.search(clause)) and strength is not Strength.SOFT:
        yield "strength", f"the clause says {found[0]}: soft, not {strength}"
    elif strength not in (Strength.HARD, Strength.SOFT):
        return
    elif found := language.softened.search(clause):
        yield "strength", f"the clause says {found[0]}: aspirational, not {strength}"
    else:
        yield from _governed(promise, sentences, language)


def _governed(promise: Promise, sentences: Sequence[str], language: ClauseLanguage) -> Iterator[tuple[str, str]]:
    """A quotation that was cut behind the word that softens it."""
    governing = [language.governing.search(sentence.partition(promise.clause)[0]) for sentence in sentences]
    for word in sorted({found[1] for found in governing if found}):
        if not any(word in choice.about.zh or word in choice.about.en for choice in promise.choices):
            remedy = "quote it and make it aspirational, or say among `choices` how far it reaches"
            yield "strength", f"the sentence begins with {word}: {remedy}"


def _thresholds(promise: Promise) -> Iterator[Threshold]:
    """The numbers of an entry: key, amount, what is counted, relation. That nothing is out of order is no number."""
    for key, amount in promise.thresholds():
        if isinstance(amount, Limit):
            yield key, Decimal(amount.amount), _counted(amount.unit), "<="
        else:
            yield key, amount.amount, _counted(_unit_of(amount, promise)), amount.relation
            if amount.quota is not None:
                yield key, amount.quota, _counted(amount.unit), "<="


def _unit_of(objective: Objective, promise: Promise) -> str:
    """`minutes` of a promise that measures opening time are minutes of opening time."""
    in_opening_time = isinstance(promise, MeasuredPromise) and promise.measure == "working_minutes"
    return "working_minutes" if in_opening_time and objective.unit == "minutes" else objective.unit


def _counted(unit: str) -> Counted:
    if unit in ("elapsed_days", "days"):
        return "calendar_days"
    return unit if unit in get_args(Counted) else "number"  # type: ignore[return-value]  # a member, by the test


def _same(number: Printed, amount: Decimal, counted: Counted) -> bool:
    return number.amount == amount and number.counted == counted


def _nearest(number: Printed, thresholds: list[Threshold]) -> tuple[str, str]:
    """The threshold that a number of the clause should have been, and how the entry puts it."""
    alike = [threshold for threshold in thresholds if threshold[2] == number.counted] or thresholds
    if not alike:
        return "clause", "no number at all"
    name, amount, counted, _ = alike[0]
    if counted == "share":
        return name, f"{(amount * 100).normalize():f} %"
    return name, f"{amount.normalize():f}" + ("" if counted == "number" else f" {counted}")
