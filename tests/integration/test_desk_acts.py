"""The desk with the real keeper, gateway and casebook on a real Kafka: a unit gives a reason, the operations centre
accepts it, the event is in force, and `ledger verify` finds nothing."""

import threading
from contextlib import ExitStack
from pathlib import Path

import pytest

from services.casebook.casebook import Casebook
from services.desk.access import Role, Viewer
from services.desk.acting.acting import Acting
from services.desk.acting.addresses import MatterAddress
from services.desk.reading.kept import questions_of
from services.domain.intake.facts import case_key
from services.ledger.index import LedgerIndex
from services.ledger.texts import Texts
from services.messaging.records.decisions import Matter
from services.messaging.records.ledger import Kind
from services.runtime.settings import Settings
from tests.integration.test_decisions import WATER, event, kafka, process, settings, until, write
from tests.unit.acting_world import hidden
from tests.unit.commands import run
from tests.unit.desk import client_of, example_desk

__all__ = ["kafka", "settings"]
SOFT = "K02-2"


def test_a_reason_given_at_the_desk_is_accepted_there_and_in_force(
    settings: Settings, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    ...
