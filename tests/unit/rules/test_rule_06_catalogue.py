"""rule 6: items are not cases; they are states of the catalogue."""

from typing import Any

from services.domain.history.registers import entry_of
from services.domain.intake.facts import Fact
from services.domain.judging.judge import Judge
from services.domain.plan.plan import Source
from services.domain.results.value_rows import Valuer
from tests.unit.cases import (
    WATER,
    accepted,
    at,
    completed,
    confirmed,
    correction,
    in_order,
    judge_of,
    judgements,
    promise,
    retired,
    row,
    rows,
    tallies_of,
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


def visits(minimum_n: int) -> Judge:
    return judge_of(
        promise(
            kind="catalogue", statistic="mean", quantity="visits", select={}, objective="<= 0.3 visits",
            minimum_n=minimum_n, **NOW,
        )
    )  # fmt: skip


def test_a_mean_of_few_entries_is_a_small_sample() -> None:
    declared = [[upserted("2021-09-16", visits=0)] for _ in range(4)]
    assert row(visits(4), declared, "2021-10-01", window="now").state == "met"
    assert row(visits(5), declared, "2021-10-01", window="now").state == "insufficient"


def test_a_mean_over_the_entries_and_those_that_declare_nothing() -> None:
    judge = visits(1)
    declared = [[upserted("2021-09-16", visits=each)] for each in (0, 0, 1, 0.2)]
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
    last_instant = "2021-12-31T23:59:59.999999"
    assert row(COUNT, done, last_instant, window="now").state in ("at_risk", "provisional")
    assert row(COUNT, done, "2022-01-01", window="now").state == "missed"
    assert row(COUNT, [*done, done[0]], "2022-01-02", window="now").state == "met"


LATER = "2022-02-17"
TWO = [[upserted(f"2021-10-0{number}", done=True)] for number in (1, 2)]


def test_what_is_reached_after_the_date_does_not_mend_the_miss() -> None:
    third = [upserted("2022-02-15", done=True)]
    found = row(COUNT, [*TWO, third], LATER, window="now")
    assert (found.value, found.state, found.late_entry_n) == ("2", "missed", "0")
    signals = Valuer(COUNT).beside(tallies_of(COUNT, [*TWO, third], at(LATER)), at(LATER))
    assert ("standing", "ALL", "P", "3") in [each[:4] for each in signals]


def test_what_is_said_after_the_date_to_have_been_reached_before_waits_for_confirmation() -> None:
    told_late = [upserted("2021-12-20", done=True)._replace(received=at("2022-02-15"))]
    found = row(COUNT, [*TWO, told_late], LATER, window="now")
    assert (found.value, found.state, found.late_entry_n) == ("2", "missed", "1")
    assert row(COUNT, [*TWO, [*told_late, confirmed("2022-02-16")]], LATER, window="now").state == "met"
    wrong = upserted("2021-12-20", done=False)
    put_right = [wrong, correction("2022-02-15", wrong, upserted("2021-12-20", done=True))]
    assert row(COUNT, [*TWO, put_right], LATER, window="now").late_entry_n == "1"


def test_what_was_known_to_be_done_too_late_is_not_done_in_time_by_a_later_correction() -> None:
    """Its report is due on 6 January, and says 1 January: a correction of February that dates it back waits."""
    slow = Source.model_validate({"id": WATER, "units": ["*"], "usual_delay": "3 working_days"})
    judge = judge_of(COUNT.law.plan.promises[0], sources=[slow])
    late = upserted("2022-01-01", done=True)
    put_back = [late, correction("2022-02-15", late, upserted("2021-12-20", done=True))]
    found = row(judge, [*TWO, put_back], LATER, window="now", last_reports={WATER: LATER})
    assert (found.value, found.state, found.late_entry_n) == ("2", "missed", "1")


def test_a_slip_put_right_after_the_date_takes_nothing_away() -> None:
    slip = upserted("2021-12-20", done=True, note="slpi")
    put_right = [slip, correction("2022-02-15", slip, upserted("2021-12-20", done=True, note="slip"))]
    assert row(COUNT, [*TWO, put_right], LATER, window="now").state == "met"


def test_what_is_lost_after_the_date_is_a_miss_even_if_it_comes_back() -> None:
    third = [upserted("2021-12-20", done=True), upserted("2022-01-20", done=False)]
    assert row(COUNT, [*TWO, third], "2022-01-19", window="now").state == "met"
    assert row(COUNT, [*TWO, third], LATER, window="now").state == "missed"
    back = [*third, upserted("2022-02-01", done=True)]
    assert row(COUNT, [*TWO, back], LATER, window="now").state == "missed"


def test_of_a_dated_sum_and_share_too_only_what_was_reached_by_the_date_counts() -> None:
    dated: dict[str, Any] = {"kind": "catalogue", "select": {}, "where": {"done": True}, "by": "2021-12-31", **NOW}
    judge = judge_of(
        promise(id="SUM", statistic="sum", quantity="places", objective=">= 10 places", **dated),
        promise(id="SHARE", statistic="share", objective=">= 100 %", **dated),
    )
    entries = [
        [upserted("2021-10-01", done=True, places=6)],
        [upserted("2022-01-15", done=True, places=4)],
        [upserted("2021-12-01", done=True, places=5)._replace(received=at("2022-01-16"))],
    ]
    found = rows(judge, entries, LATER)
    total, share = found["SUM", "ALL", "-", "official", "now"], found["SHARE", "ALL", "-", "official", "now"]
    assert (total.value, total.state, total.late_entry_n) == ("6", "missed", "1")
    assert (share.value, share.numerator, share.denominator, share.state) == ("0.333333", "1", "3", "missed")


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


# ---- a list of the plan's ------------------------------------------------------------------------------------
LIST: dict[str, Any] = {"kind": "catalogue", "select": {}, "listed": ("seal", "tax", "water"), **NOW}
LISTED = judge_of(promise(statistic="share", where={"online": True}, objective=">= 100 %", **LIST))


def test_the_plans_own_list_is_the_denominator() -> None:
    """A code that nobody reports is missing, not absent from the count; one that is not on the list does not count."""
    entries = [
        [upserted("2021-09-16", code="seal", online=True)],
        [upserted("2021-09-16", code="tax", online=False)],
        [upserted("2021-09-16", code="gas", online=True)],
        [upserted("2021-09-16", online=True)],
    ]
    found = row(LISTED, entries, "2021-10-01", window="now")
    assert (found.numerator, found.denominator, found.n, found.state) == ("1", "3", "3", "missed")
    assert row(LISTED, [], "2021-10-01", window="now").value == "0"


def test_a_retired_entry_leaves_its_code_on_the_list() -> None:
    entry = [upserted("2021-09-16", code="seal", online=True)]
    assert row(LISTED, [entry], "2021-10-01", window="now").numerator == "1"
    found = row(LISTED, [[*entry, retired("2021-09-20")]], "2021-10-01", window="now")
    assert (found.numerator, found.denominator) == ("0", "3")


def test_a_code_that_two_sources_report_counts_once() -> None:
    two = [[upserted("2021-09-16", unit=unit, code="seal", online=True)] for unit in ("works", "seals")]
    found = row(LISTED, two, "2021-10-01", window="now")
    assert (found.numerator, found.denominator) == ("1", "3")


def test_a_code_that_contradicts_itself_does_not_count() -> None:
    """True under an old subject, false under a newer one, whoever speaks: only all of them together make it true."""
    old, new = upserted("2021-09-01", code="seal", online=True), upserted("2021-10-01", code="seal", online=False)
    assert row(LISTED, [[old], [new]], "2021-10-10", window="now", unit="works").numerator == "0"
    assert row(LISTED, [[old], [new, retired("2021-10-05")]], "2021-10-10", window="now", unit="works").numerator == "1"
    other = upserted("2021-10-01", unit="seals", code="seal", online=False)
    assert row(LISTED, [[old], [other]], "2021-10-10", window="now").numerator == "0"


def test_of_a_number_a_code_counts_that_has_one_however_many_others_do_not() -> None:
    """An industry with a rule in force has one, whatever else it is drafting."""
    judge = judge_of(promise(statistic="count", where={"online": True}, objective=">= 1 items", **LIST))
    old, new = upserted("2021-09-01", code="seal", online=True), upserted("2021-10-01", code="seal", online=False)
    assert row(judge, [[old], [new]], "2021-10-10", window="now").value == "1"


def test_a_unit_answers_for_its_own_entries_of_a_list() -> None:
    entries = [
        [upserted("2021-09-16", unit="works", code="water", online=True)],
        [upserted("2021-09-16", unit="seals", code="seal", online=False)],
        [upserted("2021-09-16", unit="seals", code="tax", online=True)],
    ]
    whole = row(LISTED, entries, "2021-10-01", window="now")
    assert (whole.numerator, whole.denominator) == ("2", "3")
    seals = row(LISTED, entries, "2021-10-01", window="now", unit="seals")
    assert (seals.numerator, seals.denominator, seals.state) == ("1", "2", "missed")
    assert row(LISTED, entries, "2021-10-01", window="now", unit="works").state == "met"


def test_of_a_list_being_there_can_be_all_that_is_promised() -> None:
    judge = judge_of(promise(statistic="count", objective=">= 2 items", **LIST))
    entries = [[upserted("2021-09-16", code=code)] for code in ("seal", "tax", "tax", "gas")]
    found = row(judge, entries, "2021-10-01", window="now")
    assert (found.value, found.n, found.state) == ("2", "2", "met")


def test_an_entry_that_becomes_another_code_of_a_list_counts_there_since_then() -> None:
    judge = judge_of(promise(statistic="count", objective=">= 3 items", by="2021-12-31", **LIST))
    facts = [
        upserted("2021-09-16", code="tax"),
        upserted("2021-09-20", code="seal"),
        upserted("2021-09-25", code="seal"),
    ]
    (found,) = judge.judge(in_order(facts), at("2021-10-01")).judgements
    assert (found.item, found.bin) == ("seal", judge.law.zone.day(at("2021-09-20")))


def test_the_codes_of_a_list_are_no_rows_of_their_own() -> None:
    judge = judge_of(promise(statistic="share", where={"online": True}, objective=">= 100 %", **LIST))
    entries = [[upserted("2021-09-16", code="seal", online=True)]]
    assert {item for _, _, item, _, _ in rows(judge, entries, "2021-10-01")} == {"-"}


# ---- a sum -----------------------------------------------------------------------------------------------
def test_a_sum_adds_what_the_entries_that_count_declare() -> None:
    judge = judge_of(
        promise(
            kind="catalogue", statistic="sum", quantity="places", select={}, where={"open": True},
            objective=">= 10 places", **NOW,
        )
    )  # fmt: skip
    entries = [[upserted("2021-09-16", open=True, places=places)] for places in (4, 5.5, 0.5)]
    entries.append([upserted("2021-09-16", open=False, places=100)])
    found = row(judge, entries, "2021-10-01", window="now")
    assert (found.value, found.n, found.numerator, found.state) == ("10", "3", "", "met")
    silent = [*entries, [upserted("2021-09-16", open=True)]]
    found = row(judge, silent, "2021-10-01", window="now")
    assert (found.value, found.unmeasured_n, found.state) == ("10", "1", "unmeasured")
    assert row(judge, [], "2021-10-01", window="now").state == "missed"


def test_what_the_plan_prints_no_number_for_is_a_figure_and_no_verdict() -> None:
    judge = judge_of(
        promise(kind="catalogue", strength="directional", direction="rising", statistic="sum", quantity="places",
                select={}, **NOW),
    )  # fmt: skip
    found = row(judge, [[upserted("2021-09-16", places=7)]], "2021-10-01", window="now")
    assert (found.value, found.objective, found.state) == ("7", "", "untargeted")


# ---- a dated share -----------------------------------------------------------------------------------------
DATED = judge_of(
    promise(
        kind="catalogue", statistic="share", select={}, where={"done": True}, objective=">= 100 %", by="2021-10-31",
        **NOW,
    )
)  # fmt: skip


def test_a_dated_share_is_hard_from_2400_of_its_date_and_a_regression_is_a_miss() -> None:
    done, open_ = [upserted("2021-10-20", done=True)], [upserted("2021-10-20", done=False)]
    last_instant = "2021-10-31T23:59:59.999999"
    assert row(DATED, [done, open_], last_instant, window="now").state in ("at_risk", "provisional")
    assert row(DATED, [done, open_], "2021-11-01", window="now").state == "missed"
    assert row(DATED, [done, done], "2021-11-02", window="now").state == "met"
    fallen_back = [*done, upserted("2021-12-01", done=False)]
    assert row(DATED, [done, fallen_back], "2021-12-02", window="now").state == "missed"


def test_a_dated_share_says_whether_its_pace_is_enough() -> None:
    entries = [[upserted("2021-10-05", done=True)]] * 3 + [[upserted("2021-10-01", done=False)]]
    assert row(DATED, entries, "2021-10-11", window="now").state == "provisional"  # 3 in 30 days, 1 to come in 21
    old = [[upserted("2021-09-05", done=True)]] * 3 + [[upserted("2021-10-01", done=False)]]
    assert row(DATED, old, "2021-10-11", window="now").state == "at_risk"


# ---- master and copies -----------------------------------------------------------------------------------
SYNC = judge_of(
    promise(
        kind="catalogue", statistic="in_sync", select={}, master="library", copies=("portal", "app"),
        objective=">= 100 %", **NOW,
    )
)  # fmt: skip


def published(platform: str, code: str, version: str, time: str = "2021-09-16", unit: str = "works") -> list[Fact]:
    return [upserted(time, unit=unit, platform=platform, code=code, version=version)]


def in_step(entries: list[list[Fact]], unit: str = "ALL") -> tuple[str, str, str]:
    found = row(SYNC, entries, "2021-10-01", window="now", unit=unit)
    return found.numerator, found.denominator, found.state


def test_every_copy_has_every_code_of_the_master_in_its_version() -> None:
    library = [published("library", "tax", "2"), published("library", "seal", "1")]
    copies = [published(platform, code, version) for platform in ("portal", "app")
              for code, version in (("tax", "2"), ("seal", "1"))]  # fmt: skip
    assert in_step(library + copies) == ("4", "4", "met")
    assert in_step(library + copies[:3]) == ("3", "4", "missed")
    outdated = [*copies[:2], published("app", "tax", "1"), copies[3]]
    assert in_step(library + outdated) == ("3", "4", "missed")
    assert in_step([*library, *copies, published("portal", "gas", "1")]) == ("4", "4", "met")
    assert in_step(copies) == ("0", "0", "no_data")


def test_a_copy_that_keeps_the_old_version_beside_the_new_one_is_not_in_step() -> None:
    entries = [published("library", "tax", "2"), published("app", "tax", "2"), published("portal", "tax", "2")]
    assert in_step(entries) == ("2", "2", "met")
    assert in_step([*entries, published("portal", "tax", "1")]) == ("1", "2", "missed")


def test_a_code_belongs_to_the_unit_of_its_master_entry() -> None:
    entries = [
        published("library", "tax", "1", unit="works"), published("library", "seal", "1", unit="seals"),
        published("portal", "tax", "1", unit="planning"), published("app", "tax", "1", unit="planning"),
        published("portal", "seal", "0", unit="planning"),
    ]  # fmt: skip
    assert in_step(entries) == ("2", "4", "missed")
    assert in_step(entries, "works") == ("2", "2", "met")
    assert in_step(entries, "seals") == ("0", "2", "missed")
    assert in_step(entries, "planning") == ("0", "0", "no_data")


def test_copies_are_compared_as_they_are_now_and_by_no_date() -> None:
    given = promise(
        kind="catalogue", statistic="in_sync", select={}, master="library", copies=("portal",), by="2021-10-31",
        objective=">= 100 %", **NOW,
    )  # fmt: skip
    assert [place for place, _ in given.faults()] == [("by",)]


def test_a_master_entry_without_a_version_is_unmeasured() -> None:
    unnamed = [upserted("2021-09-16", platform="library", code="tax")]
    found = row(SYNC, [unnamed], "2021-10-01", window="now")
    assert (found.unmeasured_n, found.state) == ("1", "unmeasured")
