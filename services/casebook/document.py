"""Answers of the casebook as JSON, for programs: times RFC 3339 in the plan's zone, what is unknown as null."""

from collections.abc import Sequence
from typing import Any

from services.casebook.case_summary import IndexedCase
from services.casebook.casebook import CaseAccount, CasePage, ListedCase, ReadUntil
from services.domain.judging.judge import Judge
from services.domain.results.cards import case_name
from services.domain.time.zone import Zone
from services.explanation.document import machine_readable


def page_document(page: CasePage, read_until: ReadUntil, zone: Zone) -> dict[str, Any]:
    """A page of cases. `next` is for the parameter `after` of the next question."""
    return {
        "read_until": read_until_document(read_until, zone),
        "cases": [_listed(each, zone) for each in page.cases],
        "next": page.next,
    }


def read_until_document(read_until: ReadUntil, zone: Zone) -> dict[str, Any]:
    """How far the index has read: everything that was in the topics at `complete_at`, in real time."""
    at = read_until.complete_at
    return {
        "ready": read_until.ready,
        "complete_at": None if at is None else zone.text(at),
        "next_offsets": {
            topic: {str(partition): offset for partition, offset in sorted(offsets.items())}
            for topic, offsets in sorted(read_until.positions.items())
        },
    }


def account_documents(accounts: Sequence[CaseAccount], judge: Judge) -> list[dict[str, Any]]:
    """The accounts, each in the form of `kpiwatch explain --json`; of a case that cannot be judged its cause."""
    return [_account(each, judge) for each in accounts]


def _account(account: CaseAccount, judge: Judge) -> dict[str, Any]:
    rejected = [each._asdict() for each in account.refused]
    if account.explanation is None:
        return {
            "case": case_name(account.case_key),
            "quarantined": account.quarantined or None,
            "rejected": rejected,
        }
    return machine_readable(account.explanation, judge, rejected)


def _listed(listed: ListedCase, zone: Zone) -> dict[str, Any]:
    return _case(listed.case, zone) | {"card": listed.level}


def _case(case: IndexedCase, zone: Zone) -> dict[str, Any]:
    times = {
        name: None if (at := getattr(case, name)) is None else zone.text(at)
        for name in ("filed_at", "closed_at", "first_arrival", "last_arrival")
    }
    fields = case._asdict() | times
    del fields["case_key"]
    return {name: None if value == "" else value for name, value in fields.items()}
