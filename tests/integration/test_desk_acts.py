"""The desk with the real keeper, gateway and casebook on a real Kafka: a unit gives a reason, takes it back and gives
another, the operations centre accepts that and withdraws its decision; each event is in force, and `kpiwatch ledger
verify` finds nothing."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest
from starlette.testclient import TestClient

from services.casebook.casebook import Casebook
from services.casebook.database import CasebookUnavailable
from services.desk.access import Role, Viewer
from services.desk.acting.addresses import MatterAddress
from services.desk.asking import Desk
from services.desk.reading.kept import KeptReading
from services.domain.intake.facts import case_key
from services.messaging.records.decisions import Matter
from services.messaging.records.ledger import Kind
from services.runtime.settings import Settings
from tests.integration.test_decisions import event, kafka, process, settings, until, write
from tests.unit.acting_world import hidden
from tests.unit.commands import run
from tests.unit.desk import client_of, example_desk

__all__ = ["kafka", "settings"]
FINANCE = "/units/district-finance"
SOFT = "K15-1"
MATTER = Matter(SOFT, case_key(FINANCE, "W-1"), 1)
DAY = "2021-09-01T09:00:00+08:00"


def of_invoice(name: str) -> bytes:
    data = {"name": name, "unit": "district-finance"}
    return event("case.milestone", DAY, DAY, data, source=FINANCE, id=name)


INVOICE = (
    event(
        "case.accepted", DAY, DAY, {"service_item": "procurement.invoice", "unit": "district-finance"}, source=FINANCE
    ),
    of_invoice("invoice_received"),
    of_invoice("conditions_met"),
)


@contextmanager
def opened(settings: Settings, folder: Path) -> Iterator[Desk]:
    """A desk at the settings, with its own index kept."""
    mine = settings.model_copy(
        update={"desk_index": folder / "desk.sqlite", "accounts": str(folder / "accounts.sqlite")}
    )
    desk = example_desk(folder, settings=mine)
    kept = KeptReading(mine, desk.casebook)
    kept.start()
    try:
        until(desk.reading.is_ready)
        yield desk
    finally:
        kept.end()
        desk.acting.close()


def sent(client: TestClient, act: str, **fields: str) -> None:
    """Open a form and send it: it is recorded within the time that a page waits."""
    where = MatterAddress(MATTER).act(act)
    page = client.get(where)
    assert page.status_code == 200, page.text
    answer = client.post(where, data={**hidden(page), **fields})
    assert answer.status_code == 303 and answer.headers["location"].startswith("/cases/"), answer.text


@pytest.mark.slow
def test_a_reason_given_at_the_desk_is_accepted_there_and_in_force(
    settings: Settings, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    book = Casebook.open(settings)

    def verdict() -> str:
        try:
            (account,) = book.case("W-1") or (None,)
        except CasebookUnavailable:
            return ""
        explanation = account and account.explanation
        promises = explanation.cycles[0].promises if explanation else ()
        return next((str(each.judgement.outcome) for each in promises if each.judgement.kpi == SOFT), "")

    def said(*arguments: str) -> tuple[int, str]:
        capfd.readouterr()
        code = run(*arguments)
        return code, "".join(capfd.readouterr())

    write(settings.bootstrap, *INVOICE)
    with ExitStack() as parts:
        parts.enter_context(process("services.ledger", settings, tmp_path))
        parts.enter_context(process("services.casebook", settings, tmp_path))
        until(lambda: verdict() == "overdue")
        assert said("sources", "add-keys", str(settings.operations_keys))[0] == 0
        parts.enter_context(process("services.gateway", settings, tmp_path))
        desk = parts.enter_context(opened(settings, tmp_path))
        unit = client_of(desk, Viewer("finance-01", Role.UNIT, "district-finance"))
        centre = client_of(desk, Viewer("centre-01", Role.OPERATIONS))

        def in_force(count: int) -> None:
            until(lambda: len(desk.acting.records.after(0, [Kind.IN_FORCE])) == count)

        def last(kind: Kind) -> str:
            return str(desk.acting.records.after(0, [kind])[-1].number)

        sent(unit, "reason", text="误填")
        in_force(1)
        sent(unit, "withdraw-request", of=last(Kind.ASKED))
        in_force(2)
        assert "说明理由</a>" not in centre.get("/waiting").text
        sent(unit, "reason", text="合同对方账户冻结，待解除")
        until(lambda: "说明理由</a>" in centre.get("/waiting").text)
        until(lambda: "合同对方账户冻结" in centre.get(MatterAddress(MATTER).act("decide-reason")).text)
        in_force(3)  # that a reason was given, taken back, and given
        until(lambda: len(book.facts([MATTER.case_key])[MATTER.case_key]) == len(INVOICE) + 3)
        sent(centre, "decide-reason", decision="accept")
        until(lambda: verdict() == "justified")
        in_force(4)
        assert "说明理由</a>" not in centre.get("/waiting").text
        code, out = said("ledger", "verify")
        assert code == 0 and "not in force yet" not in out, out
        decided = desk.acting.records.after(0, [Kind.DECIDED])[0].request
        assert (decided.body["by"], decided.body["role"]) == ("centre-01", "operations")
        assert decided.body["data"]["decision"] == "accepted"
        sent(centre, "withdraw-decision", of=last(Kind.DECIDED))
        in_force(5)
        until(lambda: verdict() == "overdue")
        assert "说明理由</a>" in centre.get("/waiting").text
        code, out = said("ledger", "verify")
        assert code == 0 and "not in force yet" not in out, out
