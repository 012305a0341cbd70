"""The page of a promise: what it says of the cases behind its number."""

from pathlib import Path

from services.desk.reading.index import ReadingIndex
from services.desk.reading.kept import reading_engine
from services.domain.results.cards import case_name
from services.domain.results.published import Verdict
from services.messaging.reader import Record
from services.messaging.records.verdicts import verdict_record
from services.messaging.topics import CASE_VERDICTS
from tests.unit.acting_world import KEY, ActingWorld, judge
from tests.unit.cases import completed, justified
from tests.unit.test_desk_acts import START, WORKS


def test_a_promise_says_whose_reason_was_accepted_and_who_is_late_no_more(tmp_path: Path) -> None:
    """The record of the verdict says `reversed` of both."""
    reason = justified("2021-09-24T10:00", "accepted", "S")
    seen = {**reason.data, "cycle": 1, "through": "2021-09-24T09:30:00+08:00"}
    world = ActingWorld(
        tmp_path, [START, completed("2021-09-24T09:00"), reason._replace(data=seen)], "2021-09-27T09:00"
    )
    index = ReadingIndex(reading_engine(world.settings, writes=True), world.desk.plan, judge().fingerprint)
    index.open(0, {})
    index.take([verdict(number, kpi) for number, kpi in enumerate(("P", "S"))])
    index.note(ready=True, complete_at=0)
    index.close()
    pages = {kpi: world.client(WORKS).get(f"/promises/{kpi}").text for kpi in ("P", "S")}
    assert "理由成立，不计入<" in pages["S"] and "更正后不再计为超期<" not in pages["S"]
    assert "理由成立，不计入<" not in pages["P"] and "更正后不再计为超期<" in pages["P"]


def verdict(number: int, kpi: str) -> Record:
    """That a miss is none any more."""
    at = "2021-09-24T10:00:00+08:00"
    reversed = Verdict(kpi, case_name(KEY), 1, "works", "-", "reversed", at, at, at, at, "")
    return Record(CASE_VERDICTS, 0, number, *verdict_record(kpi, KEY, 1, reversed))
