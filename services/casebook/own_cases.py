"""The cases of some units, found by what these units may see, and by nothing else.

Who accepted a case or holds it sees all of it. Who has passed it on knows what was known at the end of its last day
there. Who only leads a promise behind it sees the cards and the verdicts of that promise. A filter over what one of
them does not see passes over the case, whatever is in it: so no search tells more than the list shows.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from sqlalchemy import Column, ColumnElement, CompoundSelect, Connection, Select, exists, select, union

from services.casebook import schema
from services.casebook.case_filter import CaseFilter
from services.casebook.case_summary import Party
from services.domain.results.published import Level


def keys(wanted: CaseFilter) -> CompoundSelect[Any] | Select[Any]:
    """The keys of the cases of `wanted.parties`, and of those behind `wanted.behind`, that fit. As a list, which the
    database looks up one after the other: most units have few of all cases."""
    units = wanted.parties or ()
    found: list[Select[Any] | CompoundSelect[Any]] = [_held(wanted, units)]
    if not (_asks_for_later(wanted) or _asks_for_cards(wanted)):
        found.append(_passed_on(wanted, units))
    if promises := _led(wanted):
        found.append(_behind(wanted, units, promises))
    return union(*found) if len(found) > 1 else found[0]


def _asks_for_cards(wanted: CaseFilter) -> bool:
    return wanted.promise is not None or wanted.level is not None


def _asks_for_later(wanted: CaseFilter) -> bool:
    """Whether a filter looks at what who has passed a case on does not see."""
    hidden = (wanted.source, wanted.unit, wanted.service_item, wanted.state, wanted.since)
    return any(each is not None for each in hidden)


def _held(wanted: CaseFilter, units: Sequence[str]) -> Select[Any]:
    """Those that one of the units accepted or holds: every filter is for them."""
    parties = schema.parties.c
    found = select(parties.case_key).where(parties.unit.in_(units), parties.until.is_(None))
    if _asks_for_cards(wanted):
        promises = None if wanted.promise is None else (wanted.promise,)
        found = found.where(parties.case_key.in_(of_promises(promises, wanted.level)))
    return _filed_now(found, parties.case_key, wanted)


def _passed_on(wanted: CaseFilter, units: Sequence[str]) -> Select[Any]:
    parties = schema.parties.c
    passed = select(parties.case_key).where(parties.unit.in_(units), parties.until.is_not(None))
    return passed.where(*filed(parties.filed_at, wanted))


def _led(wanted: CaseFilter) -> tuple[str, ...]:
    """The promises by which a case is found that is behind them."""
    return tuple(kpi for kpi in wanted.behind if wanted.promise in (None, kpi))


def _behind(wanted: CaseFilter, units: Sequence[str], promises: Sequence[str]) -> Select[Any]:
    """Those behind the promises; without those that a unit has passed on, where it would be found by what it does not
    see of them."""
    parties, table = schema.parties.c, of_promises(promises, wanted.level).subquery().c
    found = select(table.case_key)
    if _asks_for_later(wanted) or [*filed(parties.filed_at, wanted)]:
        known = exists().where(parties.case_key == table.case_key, parties.unit.in_(units), parties.until.is_not(None))
        found = found.where(~known)
    return _filed_now(found, table.case_key, wanted)


def _filed_now(found: Select[Any], key: ColumnElement[str], wanted: CaseFilter) -> Select[Any]:
    cases = schema.cases
    conditions = [*filed(cases.c.filed_at, wanted)]
    return found.join(cases, cases.c.case_key == key).where(*conditions) if conditions else found


def filed(column: Column[Any], wanted: CaseFilter) -> Iterator[ColumnElement[bool]]:
    """What is asked of the time at which a case was filed."""
    if wanted.filed_from is not None:
        yield column >= wanted.filed_from
    if wanted.filed_before is not None:
        yield column < wanted.filed_before


def of_promises(promises: Sequence[str] | None, level: Level | None) -> CompoundSelect[Any] | Select[Any]:
    """The keys of the cases that have a card or a verdict of one of the promises (None: of any); with a level: an
    active card of it."""
    cards, verdicts = schema.cards.c, schema.verdicts.c
    carded, judged = select(cards.case_key), select(verdicts.case_key)
    if promises is not None:
        carded, judged = carded.where(cards.kpi.in_(promises)), judged.where(verdicts.kpi.in_(promises))
    if level is not None:
        return carded.where(cards.level == level, cards.cleared_at == "")
    return union(carded, judged)


# ---- what of them is seen --------------------------------------------------------------------------------
class Sight(NamedTuple):
    """How the units see the cases of a page."""

    passed_on: Mapping[str, Party]
    """Of a case that one of them has passed on, and none has now: what it knows."""
    led: frozenset[str]
    """Cases that are seen only because a promise behind them is led."""
    promises: frozenset[str]
    """Those that are led."""

    def has_card(self, key: str, kpi: str) -> bool:
        """Whether the card of a promise is seen."""
        return key not in self.passed_on and (key not in self.led or kpi in self.promises)


def sight(connection: Connection, wanted: CaseFilter, found: Sequence[str]) -> Sight:
    """How `wanted.parties` see cases, by their keys; without them everything is seen."""
    if wanted.parties is None:
        return Sight({}, frozenset(), frozenset())
    table = schema.parties.c
    columns = [table[name] for name in Party._fields]
    asked = select(table.case_key, *columns).where(table.case_key.in_(found), table.unit.in_(wanted.parties))
    rows = [(row[0], Party(*row[1:])) for row in connection.execute(asked.order_by(table.until))]
    held = {key for key, party in rows if party.until is None}
    passed = {key: party for key, party in rows if key not in held}  # of several the last one
    return Sight(passed, frozenset(found) - held - passed.keys(), frozenset(wanted.behind))
