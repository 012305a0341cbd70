"""A case as a viewer may see it: its account day by day, who holds it, its cards.

A unit that accepted a case sees all of it, as does one that holds a node of it. A unit that has passed it on sees it as
of its last day there. A unit that only leads a promise behind it sees the verdict, the clause and the days of that
promise, and neither the events of the case nor any text.
"""

import base64
from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import date
from typing import NamedTuple

from services.casebook.case_summary import Party
from services.casebook.casebook import CaseAccount
from services.desk.reading.scope import Scope
from services.domain.intake.facts import KEY_SEPARATOR
from services.domain.results.explain import ExplainedCycle, Explanation
from services.domain.time.zone import Instant, Zone


class CaseSeen(NamedTuple):
    """A case, as far as a viewer may see it."""

    case_key: str
    account: CaseAccount
    as_of: Instant
    """Judged as of just before."""
    last_day: date | None
    """The last day on which the viewer's unit held it; None: it sees it as of now."""
    is_led: bool
    """It is seen only because the viewer leads promises behind it."""

    @property
    def explanation(self) -> Explanation | None:
        """None where the case cannot be judged."""
        return self.account.explanation


class Sight(NamedTuple):
    """How a viewer sees a case."""

    last_day: date | None = None
    is_led: bool = False


def sight_of(scope: Scope, parties: Sequence[Party], zone: Zone) -> Sight:
    """How a viewer who may see a case sees it. `parties`: the units of the case."""
    own = [party for party in parties if party.unit in scope.units]
    if scope.everything or any(party.until is None for party in own):
        return Sight()
    if not own:
        return Sight(is_led=True)
    return Sight(date.fromordinal(zone.day(max(party.until or 0 for party in own))))


def led_part(explanation: Explanation, leads: Iterable[str]) -> Explanation:
    """What the lead of promises sees of a case."""
    mine = frozenset(leads)
    return replace(
        explanation,
        history=(),
        later=0,
        cycles=tuple(_led_cycle(cycle, mine) for cycle in explanation.cycles),
        others=tuple(each for each in explanation.others if each.kpi in mine),
        entry=(),
        uncounted=(),
        cards=tuple(card for card in explanation.cards if card.kpi in mine),
    )


def _led_cycle(cycle: ExplainedCycle, leads: frozenset[str]) -> ExplainedCycle:
    promises = tuple(replace(each, turned_by=()) for each in cycle.promises if each.promise.key in leads)
    return replace(cycle, promises=promises, silent=(), signals=())


def token_of(case_key: str) -> str:
    """A case in an address: source ids and case numbers may hold any character."""
    return base64.urlsafe_b64encode(case_key.encode()).decode().rstrip("=")


def key_of_token(token: str) -> str | None:
    """The key of the case of an address; None: it names none."""
    try:
        key = base64.b64decode(token + "=" * (-len(token) % 4), altchars=b"-_", validate=True).decode()
    except ValueError:
        return None
    return key if KEY_SEPARATOR in key and "\0" not in key else None
