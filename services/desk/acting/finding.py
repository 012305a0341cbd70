"""The matter of an address: what is known of it, and whose business it is."""

from typing import NamedTuple

from services.acting.matters import Shown, matters_of
from services.casebook.casebook import Casebook
from services.desk.access import About
from services.desk.acting.situation import Situation
from services.desk.reading.scope import whose
from services.domain.results.cards import case_name
from services.domain.time.zone import Instant
from services.ledger.records import LedgerRecords
from services.messaging.records.decisions import Matter


class Found(NamedTuple):
    """A matter, and whose business it is."""

    situation: Situation
    about: About


def found(matter: Matter, casebook: Casebook, records: LedgerRecords, now: Instant) -> Found | None:
    """What is known of a matter; None: there is no such one, or it cannot be judged. Raises CasebookUnavailable,
    LedgerUnavailable."""
    known = records.about(matter.subject)  # before the case: what comes meanwhile is shown and not counted as seen
    shown = _shown(matter, casebook)
    if shown is None:
        return None
    situation = Situation(shown, casebook.judge, known, now)
    parties = {party.unit for party in casebook.parties(matter.case_key)}
    owners = parties | situation.answering | situation.assigned
    return Found(situation, whose(owners, [matter.kpi], casebook.judge.law, now))


def _shown(matter: Matter, casebook: Casebook) -> Shown | None:
    for account in casebook.case(case_name(matter.case_key)):
        if account.case_key == matter.case_key and account.explanation is not None:
            every = matters_of(matter.case_key, account.explanation)
            return next((each for each in every if each.matter == matter), None)
    return None
