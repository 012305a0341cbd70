"""What the shipped plan's entries say of a case from day to day, where an entry could easily say something else."""

import shutil
from pathlib import Path

import pytest

from services.catalog.calendars import load_calendar
from services.catalog.load import load_plan
from services.catalog.sentences import in_words
from services.domain.judge import Judge
from services.domain.judgement import Outcome
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
        JUDGE, [], "2021-11-02", kpi="KIV-1", unit="district-taxation", window="quarter", heard={OFFICE: last_heard}
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
    heard = dict.fromkeys(PLAN.sources, "2021-09-30T17:00")
    assert row(JUDGE, [], "2021-10-01", kpi=kpi, window="now", heard=heard).state == "unmeasured"
    assert "placeholder" in in_words(promise(kpi), PLAN).en
    file = Path(shutil.copytree(SHIPPED, tmp_path / "plan")) / "lists" / f"{list_}.txt"
    file.write_text(file.read_text(encoding="utf-8").replace("# placeholder", "# of"), encoding="utf-8")
    replaced = load_plan(tmp_path / "plan")
    judge = Judge(replaced, load_calendar(replaced.head.calendar))
    assert row(judge, [], "2021-10-01", kpi=kpi, window="now", heard=heard).state == "missed"
    assert "placeholder" not in in_words(promise(kpi), replaced).en
