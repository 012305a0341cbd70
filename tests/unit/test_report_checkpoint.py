"""A report prints the checkpoint of the ledger, so that whoever has the page is a witness."""

from dataclasses import replace
from datetime import date
from functools import cache
from pathlib import Path

from services.briefing.ahead_sections import checkpoint
from services.briefing.district import District, Record
from services.briefing.model import Language, text_of
from services.briefing.period import Period, span_until
from services.catalog.load.calendars import calendar_of
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


def test_its_time_is_that_of_the_plans_zone_as_an_official_writes_it(tmp_path: Path) -> None:
    """The ledger has UTC: 16:05 there is five past midnight in Chongqing, on the next day."""
    made = replace(END, time="2021-10-30T16:05:00.000000Z")
    write_page(tmp_path / "with.html", Report(None, ()), plan(), AS_OF, made)
    page = (tmp_path / "with.html").read_text(encoding="utf-8")
    assert "2021年10月31日0时5分" in page and "31 October 2021, 00:05" in page
    span = span_until(Period.MONTH, date(2021, 10, 31).toordinal(), calendar_of(plan()))
    for language, said in ((Language.ZH, "（2021年10月31日0时5分）"), (Language.EN, "(31 October 2021, 00:05)")):
        section = checkpoint(District(plan(), span, (), (), Record(None, made)), language)
        assert said in text_of(section.sentences[0])


def test_without_a_checkpoint_a_report_says_nothing_of_the_ledger(tmp_path: Path) -> None:
    write_page(tmp_path / "without.html", Report(None, ()), plan(), AS_OF)
    assert "台账" not in (tmp_path / "without.html").read_text(encoding="utf-8")
