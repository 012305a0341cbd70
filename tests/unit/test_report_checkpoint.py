"""A report prints the checkpoint of the ledger, so that whoever has the page is a witness."""

from functools import cache
from pathlib import Path

from services.catalog.load.plan_folder import load_plan
from services.domain.plan.plan import Plan
from services.reporting.page import write_page
from services.reporting.report import Report
from services.runtime.settings import Settings
from tests.unit.test_ledger_verify import END

AS_OF = 1_635_696_000_000_000


@cache
def plan() -> Plan:
    return load_plan(Settings().plan)


def test_a_report_prints_number_and_hash_as_verify_takes_them(tmp_path: Path) -> None:
    write_page(tmp_path / "with.html", Report(None, ()), plan(), AS_OF, END)
    page = (tmp_path / "with.html").read_text(encoding="utf-8")
    in_groups = " ".join(END.hash[at : at + 8] for at in range(0, 64, 8))
    assert f"<code>{END.number}:{in_groups}</code>" in page
    assert END.key in page


def test_without_a_checkpoint_a_report_says_nothing_of_the_ledger(tmp_path: Path) -> None:
    write_page(tmp_path / "without.html", Report(None, ()), plan(), AS_OF)
    assert "台账" not in (tmp_path / "without.html").read_text(encoding="utf-8")
