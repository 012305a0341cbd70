"""What the shipped plan's entries say of a case from day to day, where an entry could easily say something else."""

import shutil
from pathlib import Path

import pytest

from services.catalog.load.calendars import calendar_of
from services.catalog.load.plan_folder import load_plan
from services.catalog.words.promise_text import in_words
from services.domain.intake.facts import Fact
from services.domain.judging.judge import Judge
from services.domain.judging.judgement import Outcome
from services.domain.plan.kinds.catalogue import CataloguePromise
from services.domain.plan.plan import Strength
from tests.unit.cases import accepted, card_list, completed, extended, milestone, outcome, row, upserted
from tests.unit.test_load import PLAN, SHIPPED, promise

JUDGE = Judge(PLAN, calendar_of(PLAN))
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
    # what was true at the year's end may be reported until its source is late
    now, last_reports = "2022-01-15", dict.fromkeys(PLAN.sources, "2022-01-14T17:00")
    assert row(JUDGE, [], now, kpi=kpi, window="now", last_reports=last_reports).state == "unmeasured"
    assert "placeholder" in in_words(promise(kpi), PLAN).en
    file = Path(shutil.copytree(SHIPPED, tmp_path / "plan")) / "lists" / f"{list_}.txt"
    file.write_text(file.read_text(encoding="utf-8").replace("# placeholder", "# of"), encoding="utf-8")
    replaced = load_plan(tmp_path / "plan")
    judge = Judge(replaced, calendar_of(replaced))
    assert row(judge, [], now, kpi=kpi, window="now", last_reports=last_reports).state == "missed"
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
    assert outcome(JUDGE, without, "2021-09-19", "K03-1") is Outcome.AWAITING  # SEALS reports within 2 working days
    assert outcome(JUDGE, without, "2021-09-24T00:01", "K03-1") is Outcome.MISSED


# ---- the plan read again -----------------------------------------------------------------------------------
def test_deeds_that_the_plan_dates_nowhere_are_judged_alike() -> None:
    """完成, 设立, 建立, 制定, 公布, 公示: a milestone by the year's end, our date. 加强 (K46-5) is no deed."""
    deeds = [
        each
        for each in PLAN.promises
        if isinstance(each, CataloguePromise) and each.collection == "milestones_of_plan" and each.id != "K46-5"
    ]
    assert {"K13-4", "K24-7", "K26-5", "K26-7", "K40-1", "K42-2"} < {each.id for each in deeds}
    for each in deeds:
        assert (str(each.by), each.local, each.strength, str(each.objective and each.objective.written)) == (
            ("2021-12-31", True, Strength.HARD, "≥ 1")
        ), each.key


def test_a_review_that_takes_more_than_its_day_is_a_miss_that_is_never_red() -> None:
    """推动失业保险关系转移接续，失业保险申领审核等事项即办即结."""
    unit = "district-human-resources"
    late = [
        accepted("2021-09-16T09:00", "unemployment.relation_transfer", unit),
        milestone("2021-09-17T09:00", "reviewed", unit=unit),
    ]
    late = [each._replace(source=f"/units/{unit}") for each in late]
    assert outcome(JUDGE, late, "2021-10-01", "K44-2") is Outcome.MISSED
    assert "red" not in {card.level for card in card_list(JUDGE, late[:1], "2021-10-01") if card.kpi == "K44-2"}


@pytest.mark.parametrize(("method", "expected"), [("electronic", Outcome.MET), ("public_notice", Outcome.MISSED)])
def test_a_document_that_is_served_by_public_notice_is_received_by_nobody(method: str, expected: Outcome) -> None:
    served = [
        accepted(
            "2021-09-16T09:00", "court.document_service", "district-court", source=COURT,
            attributes={"recipient": "enterprise", "method": method},
        ),
        completed("2021-09-20T09:00", source=COURT),
    ]  # fmt: skip
    assert outcome(JUDGE, served, "2021-10-01", "K45-14") is expected


def test_the_page_of_the_monthly_reports_and_the_code_owe_the_same_first_month() -> None:
    assert "自2021年9月起" in in_words(promise("KIV-1"), PLAN).zh
    last_reports = {OFFICE: "2021-10-08T17:00"}
    of_year = row(JUDGE, [], "2021-10-09", kpi="KIV-1", unit="district-taxation", last_reports=last_reports)
    assert (of_year.state, of_year.n) == ("missed", "1")


def test_a_cross_province_item_counts_if_it_is_from_the_list_of_the_74() -> None:
    source = "/units/district-government-services"
    unit = "district-government-services"
    entries = [
        upserted("2021-09-16T09:00", unit, "cross_province", enabled=True, list=name)._replace(source=source)
        for name in ("guobanfa-2020-35-by-2021", "other")
    ]
    last_reports = dict.fromkeys(PLAN.sources, "2021-09-30T17:00")
    counted = row(
        JUDGE, [[each] for each in entries], "2021-10-01", kpi="K25-1", window="now", last_reports=last_reports
    )
    assert counted.value == "1"


def test_a_promise_about_a_sample_of_the_items_says_so_and_is_judged() -> None:
    for key in ("K24-1", "K24-2/cases", "K26-3", "K23-2"):
        assert PLAN.is_sample(promise(key)) and "a sample" in in_words(promise(key), PLAN).en
        assert not PLAN.is_invented(promise(key))
    assert not PLAN.is_sample(promise("K06-1"))
