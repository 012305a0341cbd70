"""DESIGN §4.6: items are not cases; they are states of the catalogue."""

from typing import Any

from services.domain.entry import entry_of
from tests.unit.cases import (
    accepted,
    at,
    completed,
    correction,
    in_order,
    judge_of,
    judgements,
    promise,
    retired,
    row,
    upserted,
)

NOW: dict[str, Any] = {"windows": ("now",), "official_window": "now", "collection": "catalogue"}
ONLINE = judge_of(
    promise(
        kind="catalogue", statistic="share", select={"active": True}, where={"online": True}, objective=">= 70 %",
        minimum_n=1, **NOW,
    ),
    promise(id="CASES", limit="4 working_days", select={}),
)  # fmt: skip


def test_an_entry_is_no_case_and_a_case_is_no_entry() -> None:
    entry = upserted("2021-09-16", active=True, online=True)
    assert judgements(ONLINE, [entry], "2021-10-01", "CASES") == []
    case = [accepted("2021-09-16T09:00", attributes={"active": True, "online": True}), completed("2021-09-17")]
    assert judgements(ONLINE, case, "2021-10-01", "P") == []
    assert row(ONLINE, [case], "2021-10-01", window="now").n == "0"


def test_the_share_is_of_the_entries_as_they_stand() -> None:
    entries = [
        [upserted("2021-09-16", active=True, online=False), upserted("2021-09-20", active=True, online=True)],
        [upserted("2021-09-16", active=True, online=True), upserted("2021-09-25", active=True, online=False)],
        [upserted("2021-09-16", active=False, online=True)],
        [upserted("2021-09-16", active=True, online=True), retired("2021-09-28")],
        [upserted("2021-09-16", active=True)],
    ]
    before = row(ONLINE, entries, "2021-09-27", window="now")
    assert (before.numerator, before.denominator, before.value) == ("2", "4", "0.5")
    after = row(ONLINE, entries, "2021-10-01", window="now")
    assert (after.numerator, after.denominator, after.value, after.state) == ("1", "3", "0.333333", "missed")


def test_an_unknown_flag_is_never_taken_for_the_other_value() -> None:
    absent = judge_of(
        promise(kind="catalogue", statistic="share", select={}, where={"online": False}, objective=">= 1 %", **NOW)
    )
    assert row(absent, [[upserted("2021-09-16")]], "2021-10-01", window="now").numerator == "0"


def test_an_entry_belongs_to_its_own_collection() -> None:
    other = upserted("2021-09-16", collection="another", active=True, online=True)
    assert row(ONLINE, [[other]], "2021-10-01", window="now").n == "0"


def test_a_retired_entry_may_come_back() -> None:
    facts = [
        upserted("2021-09-16", active=True),
        retired("2021-09-17"),
        upserted("2021-09-18", active=True, online=True),
    ]
    entry = entry_of(in_order(facts))
    assert entry is not None
    assert [state.attributes for state in entry.states] == [{"active": True}, None, {"active": True, "online": True}]
    assert row(ONLINE, [facts], "2021-10-01", window="now").numerator == "1"


def test_an_entry_can_be_corrected() -> None:
    wrong = upserted("2021-09-16", active=True, online=True)
    right = upserted("2021-09-16", active=True, online=False)
    facts = [wrong, correction("2021-09-20", wrong, right)]
    assert row(ONLINE, [facts], "2021-09-19", window="now").numerator == "1"
    assert row(ONLINE, [facts], "2021-10-01", window="now").numerator == "0"
    struck = [wrong, correction("2021-09-20", wrong, None)]
    assert row(ONLINE, [struck], "2021-10-01", window="now").n == "0"


def test_a_mean_over_the_entries_and_those_that_declare_nothing() -> None:
    judge = judge_of(
        promise(
            kind="catalogue", statistic="mean", quantity="visits", select={}, objective="<= 0.3 visits",
            minimum_n=1, **NOW,
        )
    )  # fmt: skip
    declared = [[upserted("2021-09-16", visits=visits)] for visits in (0, 0, 1, 0.2)]
    found = row(judge, declared, "2021-10-01", window="now")
    assert (found.value, found.n, found.state) == ("0.3", "4", "met")
    found = row(judge, [*declared, [upserted("2021-09-16")]], "2021-10-01", window="now")
    assert (found.value, found.n, found.unmeasured_n, found.state) == ("0.3", "4", "1", "unmeasured")


COUNT = judge_of(
    promise(
        kind="catalogue", statistic="count", select={}, where={"done": True}, objective=">= 3 items", by="2021-12-31",
        **NOW,
    )
)  # fmt: skip


def test_a_dated_count_is_no_miss_before_its_date() -> None:
    done = [[upserted("2021-11-30", id=number, done=True)] for number in range(2)]
    assert row(COUNT, done, "2022-01-01", window="now").state in ("at_risk", "provisional")
    assert row(COUNT, done, "2022-01-01T00:00:00.000001", window="now").state == "missed"
    assert row(COUNT, [*done, done[0]], "2022-01-02", window="now").state == "met"


def test_a_count_says_whether_its_pace_is_enough() -> None:
    slow = [[upserted("2021-09-01", done=True)]]
    assert row(COUNT, slow, "2021-12-01", window="now").state == "at_risk"
    quick = [[upserted("2021-09-20", done=True)], [upserted("2021-09-25", done=True)]]
    assert row(COUNT, quick, "2021-10-01", window="now").state == "provisional"


def test_nothing_in_the_catalogue_is_a_number_for_a_count() -> None:
    assert row(COUNT, [], "2022-02-01", window="now").value == "0"


def test_an_entry_counts_since_it_last_began_to_without_a_break() -> None:
    facts = [
        upserted("2021-09-01", done=True),
        upserted("2021-09-10", done=False),
        upserted("2021-09-20", done=True),
        upserted("2021-09-25", done=True, note="x"),
    ]
    (found,) = COUNT.judge(in_order(facts), at("2021-10-01")).judgements
    assert found.bin == COUNT.law.zone.day(at("2021-09-20"))
