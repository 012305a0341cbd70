"""What the shipped plan's entries say of a case from day to day, where an entry could easily say something else."""

import shutil
from pathlib import Path

import pytest

from services.catalog.load.calendars import load_calendar
from services.catalog.load.plan_folder import load_plan
from services.catalog.words.promise_text import in_words
from services.domain.intake.facts import Fact
from services.domain.judging.judge import Judge
from services.domain.judging.judgement import Outcome
from tests.unit.cases import accepted, completed, extended, milestone, outcome, row
from tests.unit.test_load import PLAN, SHIPPED, promise

JUDGE = Judge(PLAN, load_calendar(PLAN.head.calendar))
COURT = "/units/district-court"
OFFICE = "/units/leading-group-office"


@pytest.mark.parametrize(
    ("filed", "closed", "expected"),
    [
        ("online", "online", Outcome.MET),
        ("counter", "online", Outcome.MISSED),
        ("online", "counter", Outcome.MISSED),
    ],
)
def test_a_lawsuit_is_online_without_paper_if_every_channel_of_it_is_online(
    filed: str, closed: str, expected: Outcome
) -> None:
    lawsuit = [
        accepted(
            "2021-09-16T09:00", "court.sales_contract", "district-court", channel=filed, attributes={"paperless": True}
        ),
        milestone("2021-09-16T10:00", "filed", unit="district-court"),
        completed("2021-10-20T09:00", channel=closed),
    ]
    assert outcome(JUDGE, [each._replace(source=COURT) for each in lawsuit], "2021-11-01", "K46-1") is expected


@pytest.mark.parametrize(("last_heard", "state"), [("2021-10-28T09:00", "stale"), ("2021-11-01T09:00", "missed")])
def test_a_report_that_an_office_without_connection_cannot_file_is_no_miss_of_the_lead(
    last_heard: str, state: str
) -> None:
    of_october = row(
        JUDGE,
        [],
        "2021-11-02",
        kpi="KIV-1",
        unit="district-taxation",
        window="quarter",
        last_reports={OFFICE: last_heard},
    )
    assert of_october.state == state


def test_a_trial_that_the_court_extends_by_its_own_authority_is_extended() -> None:
    trial = [
        accepted("2021-09-16T09:00", "court.sales_contract", "district-court", source=COURT),
        completed("2021-10-20T09:00", source=COURT),
    ]
    assert row(JUDGE, [trial], "2021-11-01", kpi="K45-2").numerator == "0"
    by_itself = extended("2021-09-20T09:00", 10, source=COURT)
    assert row(JUDGE, [[*trial, by_itself]], "2021-11-01", kpi="K45-2").numerator == "1"


@pytest.mark.parametrize(
    ("kpi", "list_"),
    [("K25-3", "cross-region-second"), ("K26-4", "units-with-seal"), ("K41-1", "patent-agencies")],
)
def test_a_promise_whose_list_is_a_placeholder_is_unmeasured_until_the_list_is_replaced(
    kpi: str, list_: str, tmp_path: Path
) -> None:
    last_reports = dict.fromkeys(PLAN.sources, "2021-09-30T17:00")
    assert row(JUDGE, [], "2021-10-01", kpi=kpi, window="now", last_reports=last_reports).state == "unmeasured"
    assert "placeholder" in in_words(promise(kpi), PLAN).en
    file = Path(shutil.copytree(SHIPPED, tmp_path / "plan")) / "lists" / f"{list_}.txt"
    file.write_text(file.read_text(encoding="utf-8").replace("# placeholder", "# of"), encoding="utf-8")
    replaced = load_plan(tmp_path / "plan")
    judge = Judge(replaced, load_calendar(replaced.head.calendar))
    assert row(judge, [], "2021-10-01", kpi=kpi, window="now", last_reports=last_reports).state == "missed"
    assert "placeholder" not in in_words(promise(kpi), replaced).en


REGISTRY, SEALS, BANKS = (
    "/units/district-market-regulation",
    "/units/district-public-security",
    "/platforms/account-reservation",
)


def established(seal_at: str) -> list[Fact]:
    """An enterprise whose registry reports in the evening, its seal the next morning, its account at once."""
    by_registry = {"source": REGISTRY, "received": "2021-09-16T18:00"}
    return [
        accepted("2021-09-16T09:00", "enterprise.establishment", "district-market-regulation", **by_registry),
        milestone("2021-09-16T11:00", "account_requested", **by_registry),
        milestone("2021-09-16T11:00:20", "account_reserved", source=BANKS),
        milestone("2021-09-16T15:00", "registered", **by_registry),
        milestone("2021-09-16T15:10", "elicence_issued", **by_registry),
        milestone(seal_at, "eseal_issued", source=SEALS, received="2021-09-17T09:00"),
        completed("2021-09-16T17:00", **by_registry),
    ]


@pytest.mark.parametrize("kpi", ["K02-2", "K03-1"])
def test_what_its_source_reports_as_late_as_usual_is_no_late_entry(kpi: str) -> None:
    assert outcome(JUDGE, established("2021-09-16T16:00"), "2021-10-01", kpi) is Outcome.MET


def test_a_seal_that_is_not_there_two_working_days_after_the_registration_is_missed() -> None:
    without = [each for each in established("2021-09-16T16:00") if each.source != SEALS]
    assert outcome(JUDGE, without, "2021-09-18T23:59", "K03-1") is Outcome.OPEN
    assert outcome(JUDGE, without, "2021-09-19", "K03-1") is Outcome.OVERDUE
