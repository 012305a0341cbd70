"""The simulator: same seed, same bytes; each case has its intended result; every fault shows."""

import hashlib
import json
from collections import Counter
from collections.abc import Mapping
from datetime import date, datetime, timedelta
from functools import cache, lru_cache
from pathlib import Path
from random import Random

import pytest

from services.catalog.load.calendars import calendar_of
from services.catalog.load.plan_folder import load_plan
from services.domain.intake.refusal import Reason, Refused
from services.domain.plan.plan import Promise
from services.domain.plan.statutory_time import Law
from services.domain.time.zone import DAY_US, MINUTE_US, Zone, instant_of
from services.messaging.codec import admission
from services.simulator.district.arrivals import poisson
from services.simulator.district.lanes import flows_of
from services.simulator.district.profile import FAULTS, CaseFlow, Profile, Quality, parse_faults, profile
from services.simulator.faults.rejected_events import REASONS
from services.simulator.serialize import Stamp
from services.simulator.simulation import Event, Simulation
from services.simulator.stories.case_history import CaseHistory
from services.simulator.stories.generic_scenario import complete_history
from services.simulator.stories.intentions import choose_attributes
from services.simulator.stories.result import Result
from services.simulator.stories.scenarios import SCENARIOS
from services.simulator.stories.timing import Timing
from services.simulator.truth.case_truth import CaseTruth
from services.simulator.truth.row import Row

START = date(2021, 8, 20)
ALL = parse_faults("all")


@cache
def law() -> Law:
    plan = load_plan(Path("services/catalog/jiangbei-2021"))
    return Law(plan, calendar_of(plan))


@cache
def timing_of_the_plan() -> Timing:
    return Timing(law())


def small() -> Profile:
    return profile("demo").at_volume(45)


_BESIDE = (Result.FAULT, Result.SILENT, Result.STEP)
"""Rows that are about no case under a promise."""


def simulated(
    days: int, seed: int, faults: Mapping[str, float] | None = None, chosen: Profile | None = None
) -> tuple[list[Event], list[Row]]:
    """Many tests look at the same days: these are simulated once."""
    if chosen is None:
        return _of_small(days, seed, tuple((faults or {}).items()))
    return _simulated(days, seed, faults or {}, chosen)


@lru_cache(maxsize=8)
def _of_small(days: int, seed: int, faults: tuple[tuple[str, float], ...]) -> tuple[list[Event], list[Row]]:
    return _simulated(days, seed, dict(faults), small())


def _simulated(days: int, seed: int, faults: Mapping[str, float], chosen: Profile) -> tuple[list[Event], list[Row]]:
    rows: list[Row] = []
    history = Simulation(law(), chosen, seed, START, days, faults=faults, truth=rows.append)
    return list(history.events()), [row for row in rows if row.result not in _BESIDE]


def with_every_fault() -> tuple[list[Event], list[Row]]:
    return simulated(40, 7, ALL)


def contents(events: list[Event]) -> list[dict[str, object]]:
    """All but the malformed ones."""
    return [json.loads(event.line) for event in events if not event.line.endswith(b"case.acc")]


def test_the_same_seed_gives_the_same_bytes_and_another_one_others() -> None:
    def digest(seed: int) -> str:
        events, rows = _simulated(8, seed, ALL, small())
        return hashlib.sha256(b"\n".join(event.line for event in events) + repr(rows).encode()).hexdigest()

    assert digest(7) == digest(7)
    assert digest(7) != digest(8)


def test_events_come_in_the_order_of_their_arrival() -> None:
    events, _ = with_every_fault()
    assert all(before.received <= after.received for before, after in zip(events, events[1:], strict=False))
    stamp = Stamp(law().zone)
    for event in events[:2_000]:
        assert f'"receivedat":"{stamp(event.received)}"'.encode() in event.line or event.line.endswith(b"case.acc")


@pytest.mark.parametrize("flow", flows_of(law().plan, profile("demo")), ids=lambda flow: f"{flow.item}@{flow.unit}")
def test_a_case_history_has_the_result_that_was_intended(flow: CaseFlow, thorough: bool) -> None:
    """Seen after everything, the truth of the promise that a case was made for is the intended result."""
    timing = timing_of_the_plan()
    truth = CaseTruth(timing, None)
    rng = Random(f"stories/{flow.item}/{flow.unit}")
    seen: Counter[Result] = Counter()
    for n in range((200 if flow.scenario != "generic" else 60) * (5 if thorough else 1)):
        case = history_of(flow, rng, n, timing)
        rows = {key_of(row): row for row in truth.rows(case)}
        for key, result in case.expected.items():
            assert rows[key].result is result or result is Result.JUSTIFIED, (key, result, rows[key])
        if case.intended is not None:
            key, result = case.intended
            seen[result] += 1
            check_intended(case, result, rows[key])
    if flow.scenario != "generic" and timing.primary(flow.item, flow.variants[0].attributes) in hard_or_soft(timing):
        assert {Result.MET, Result.MISSED, Result.STUCK, Result.WITHDRAWN} <= set(seen), seen


def history_of(flow: CaseFlow, rng: Random, n: int, timing: Timing) -> CaseHistory:
    """The n-th case of a flow that does badly. Everything is reported when it happens: nothing is late."""
    poor = Quality(0.6, late=0.2, stuck=0.1, withdrawn=0.1, breach=0.2, unmeasured=0.1, excused=0.5, last_minute=0.2)
    day = law().calendar.roll_forward(START.toordinal() + 12 + n % 60)
    case = CaseHistory(rng, flow, rng.choice(flow.variants), f"S{n}", real_time=True)
    opens = law().zone.at(day, 9 * 60)
    at = law().hours(flow.unit, flow.item).add(opens, int(rng.random() * 300) * MINUTE_US)
    choose_attributes(case, timing)
    SCENARIOS[flow.scenario](case, at, timing, poor, {"reclassified": 0.3, "reopened": 0.1})
    complete_history(case, timing, poor, {})
    for index, event in enumerate(case.events):
        event.received, event.id = event.time, f"{index}"
    return case


def check_intended(case: CaseHistory, result: Result, row: Row) -> None:
    if result is Result.JUSTIFIED:
        assert row.result in (Result.JUSTIFIED, Result.STUCK)
    else:
        assert row.result is result, (case.subject, result, row)
    if result is Result.MET:
        assert row.stopped is not None and row.due is not None and row.stopped <= row.due
    if result is Result.MISSED:
        assert row.stopped is not None and row.due is not None and row.stopped > row.due


def key_of(row: Row) -> str:
    return row.kpi if row.variant == "official" else f"{row.kpi}/{row.variant}"


def hard_or_soft(timing: Timing) -> list[Promise]:
    """The promises about cases that bind single cases, for scenarios that decide how those end."""
    decided = {"K06-1", "K06-2", "K06-3", "K06-5", "K13-3", "K14-2", "K15-1", "K30-1", "K37-2", "K44-1"}
    return [promise for promise in timing.promises if promise.key in decided]


def test_the_truth_adds_up() -> None:
    events, rows = simulated(60, 7)
    rows = [row for row in rows if row.result not in (Result.YELLOW_CARD, Result.RED_CARD)]
    end = law().zone.midnight(START.toordinal() + 60)
    assert events and not [row for row in rows if row.result is Result.REJECTED]
    timed = {promise.key for promise in law().plan.promises if promise.kind == "case_limit"}
    for row in rows:
        if row.due is None or key_of(row) not in timed:
            continue
        match row.result:
            case Result.MET:
                assert row.stopped is None or row.stopped <= row.due
            case Result.MISSED:
                assert row.stopped is None or row.stopped > row.due
            case Result.OPEN:
                assert row.stopped is None and row.due >= end - 1
            case Result.OPEN_OVERDUE:
                assert row.stopped is None and row.due < end - 1
        assert (row.day is None) == (row.stopped is None)
    by_node = {promise.id for promise in law().plan.promises if promise.is_by_node}
    identities = [(row.kpi, row.variant, row.case, row.item, row.unit) for row in rows if row.kpi not in by_node]
    assert len(identities) == len(set(identities)), "a case has one row per promise"


def test_every_promise_of_the_plan_is_fed() -> None:
    _, rows = simulated(70, 7, chosen=profile("demo").at_volume(60))
    by_then = START + timedelta(days=70)
    fed = {key_of(row) for row in rows if row.result is not Result.REJECTED}
    # nought is a count, too
    counted = {promise.key for promise in law().plan.promises if getattr(promise, "statistic", "") == "count"}
    in_force = {promise.key for promise in law().plan.promises if promise.effective_from <= by_then}
    assert fed <= in_force <= fed | counted
    assert len({row.unit for row in rows if row.unit in law().plan.units}) >= 38


def test_all_but_the_bad_events_are_admitted_and_those_for_their_reason() -> None:
    events, rows = with_every_fault()
    gate = admission(law().plan, trust_receivedat=True)
    refused: Counter[str] = Counter()
    for event in events:
        try:
            admitted = gate.admit(event.line, key=event.key.encode())
        except Refused as refusal:
            refused[refusal.code.value] += 1
        else:
            assert admitted.key == event.key
    published = Counter(row.variant for row in rows if row.result is Result.REJECTED)
    only_a_case_can_know = {Reason.ID_CONFLICT.value, Reason.BAD_CORRECTION.value}
    assert refused == {code: n for code, n in published.items() if code not in only_a_case_can_know}
    assert set(published) == {*REASONS, *only_a_case_can_know}
    needs_more_than_a_file = {Reason.WRONG_KEY.value, Reason.SOURCE_MISMATCH.value}
    assert set(published) == {reason.value for reason in Reason} - needs_more_than_a_file


def test_an_id_that_contradicts_itself_comes_with_two_payloads() -> None:
    events, rows = with_every_fault()
    conflicts = {
        row.case.split(" ")[2] for row in rows if row.variant == "id_conflict" and row.result is Result.REJECTED
    }
    seconds: dict[str, set[object]] = {ident: set() for ident in conflicts}
    for said in contents(events):
        if said["id"] in conflicts:
            seconds[str(said["id"])].add(said["time"])
    assert conflicts and all(len(found) == 2 for found in seconds.values())


def test_duplicates_are_the_same_event_and_arrive_later() -> None:
    events, _ = simulated(10, 7, {"duplicates": 0.2})
    seen: dict[tuple[str, str], dict[str, object]] = {}
    twice = 0
    for said in contents(events):
        identity = (str(said["source"]), str(said["id"]))
        arrived = said.pop("receivedat")
        if identity in seen:
            twice += 1
            assert said == {name: value for name, value in seen[identity].items() if name != "receivedat"}
            assert str(arrived) > str(seen[identity]["receivedat"])
        seen.setdefault(identity, {**said, "receivedat": arrived})
    assert twice > 100


def test_a_skewed_clock_is_ahead_by_less_than_five_minutes() -> None:
    events, _ = simulated(10, 7, {"skew": 1.0})
    leads = []
    for event, said in zip(events, contents(events), strict=True):
        if not str(said["type"]).startswith("case."):
            continue
        leads.append(instant_of(datetime.fromisoformat(str(said["time"]))) - event.received)
    assert max(leads) <= 5 * MINUTE_US
    assert sum(lead > 0 for lead in leads) > len(leads) / 2


def test_a_silent_source_says_nothing_and_then_all_of_it() -> None:
    quiet, _ = simulated(60, 7)
    silent, _ = simulated(30, 7, {"silence": 1.0})
    end = law().zone.midnight(START.toordinal() + 24)
    published = Counter(event.key for event in quiet if event.received < end)
    last_reports = Counter(event.key for event in silent)
    assert all(last_reports[key] >= n for key, n in published.items()), "what was held back comes later, none is lost"

    def longest_gap(events: list[Event]) -> int:
        arrivals = [event.received for event in events if event.key.startswith("/units/district-realty")]
        return max(after - before for before, after in zip(arrivals, arrivals[1:], strict=False))

    assert longest_gap(silent) >= DAY_US


def test_a_source_that_falls_silent_never_reports_again() -> None:
    [(source, day)] = small().falls_silent.items()
    events, _ = simulated(60, 7)
    gone = law().zone.midnight(day.toordinal())
    last_reports = [event.received for event in events if event.key.startswith(f"{source}\x1f")]
    assert last_reports and max(last_reports) < gone


def test_late_entries_were_in_time_and_said_after_the_limit() -> None:
    events, rows = simulated(30, 7, {"late_entry": 0.3})
    timed = {promise.key for promise in law().plan.promises if promise.kind == "case_limit"}
    late = [row for row in rows if row.result is Result.LATE_ENTRY and key_of(row) in timed]
    assert len(late) > 50
    assert all(row.stopped is not None and row.due is not None and row.stopped <= row.due for row in late)
    assert any(b'"case.confirmed"' in event.line for event in events)


def test_stop_and_go_moves_no_limit() -> None:
    without, with_them = simulated(20, 7), simulated(20, 7, {"stop_and_go": 1.0})
    assert without[1] == with_them[1]
    suspensions = [sum(b'"case.suspended"' in event.line for event in events) for events, _ in (without, with_them)]
    assert suspensions[1] > 5 * suspensions[0]


def test_a_suspension_that_is_reported_twice_moves_no_limit() -> None:
    without, with_them = simulated(20, 7), simulated(20, 7, {"stopped_twice": 1.0})
    assert without[1] == with_them[1]
    suspensions = [sum(b'"case.suspended"' in event.line for event in events) for events, _ in (without, with_them)]
    assert suspensions[1] > suspensions[0]


def test_two_starts_of_an_invoice_come_in_either_order() -> None:
    events, _ = simulated(20, 7)
    order: dict[str, list[str]] = {}
    for said in contents(events):
        if said["type"] == "case.milestone" and str(said["subject"]).startswith("TI"):
            order.setdefault(str(said["subject"]), []).append(said["data"]["name"])  # type: ignore[index]  # so it is
    firsts = Counter(names[0] for names in order.values())
    assert firsts["invoice_received"] and firsts["conditions_met"]


def test_seals_are_reported_on_cases_of_another_owner() -> None:
    events, _ = simulated(20, 7)
    of_others = [said for said in contents(events) if said.get("caseowner")]
    assert {(said["source"], said["caseowner"]) for said in of_others} >= {
        ("/units/district-public-security", "/units/district-market-regulation")
    }


def test_registrations_are_accepted_in_opening_hours() -> None:
    hours = law().hours("district-realty-registration", "realty.registration")
    _, rows = simulated(20, 7)
    starts = [row.started for row in rows if row.kpi == "K30-1" and row.started is not None]
    assert len(starts) > 50
    for start in starts:
        assert any(opens <= start <= closes for opens, closes in hours.spans(law().zone.day(start)))


def test_a_case_held_back_was_applied_for_long_before_it_was_accepted() -> None:
    waits = days_waited(simulated(10, 7, {"held_back": 0.5})[0])
    assert sum(wait >= 5 for wait in waits) > 50
    assert sum(wait >= 5 for wait in days_waited(simulated(10, 7)[0])) < 10, "some have to hand in more"


def days_waited(events: list[Event]) -> list[int]:
    """Days from application to acceptance of each case, where both were reported in that order."""
    applied: dict[str, int] = {}
    waits = []
    for said in contents(events):
        time = instant_of(datetime.fromisoformat(str(said["time"])))
        if said["type"] == "case.applied":
            applied[str(said["subject"])] = time
        elif said["type"] == "case.accepted" and said["subject"] in applied:
            waits.append((time - applied[str(said["subject"])]) // DAY_US)
    return waits


def test_without_a_fault_each_source_writes_down_what_happens_in_its_order() -> None:
    events, _ = simulated(10, 7, chosen=profile("district").at_volume(80))
    arrivals: dict[tuple[str, str], list[tuple[str, str]]] = {}
    for said in contents(events):
        if str(said["type"]).startswith("case."):
            of = (str(said["source"]), str(said["subject"]))
            arrivals.setdefault(of, []).append((str(said["time"]), str(said["receivedat"])))
    for published in arrivals.values():
        published.sort()
        assert all(before <= after for (_, before), (_, after) in zip(published, published[1:], strict=False))


def test_copies_of_a_list_follow_their_master_some_days_later() -> None:
    versions: dict[tuple[str, str], int] = {}
    for said in contents(simulated(60, 7, chosen=profile("demo").at_volume(2))[0]):
        data = said["data"] if said["type"] == "item.upserted" else {}
        assert isinstance(data, dict)
        if data.get("collection") == "published_items":
            entry = data["attributes"]
            versions[entry["code"], entry["platform"]] = int(entry["version"].removeprefix("v"))
            assert versions[entry["code"], entry["platform"]] <= versions.get((entry["code"], "item_base"), 1)
    codes = {code for code, _ in versions}
    same = sum(versions[code, "yukuaiban"] == versions[code, "item_base"] for code in codes)
    assert 0.8 * len(codes) < same


def test_a_figure_is_reported_in_the_first_days_of_the_next_month_and_some_are_forgotten() -> None:
    events, rows = simulated(120, 7, chosen=profile("demo").at_volume(2))
    reported = [said for said in contents(events) if said["type"] == "figure.reported"]
    assert reported
    for said in reported:
        data = said["data"]
        assert isinstance(data, dict)
        month = datetime.fromisoformat(f"{data['period']}-01T00:00:00+08:00")
        assert 28 < (datetime.fromisoformat(str(said["time"])) - month).days < 50
    assert Result.UNMEASURED in {row.result for row in rows if row.kpi == "K37-3"}
    assert len({str(said["subject"]) for said in reported}) < len(reported), "some are sent again"


def test_one_lead_forgets_its_report() -> None:
    _, rows = simulated(60, 7)  # until 19 October: on the 8th the report of September is late
    missed = {row.unit for row in rows if row.kpi == "KIV-1" and row.result is Result.MISSED}
    assert missed == {"district-science-technology"}


def test_cross_province_items_rise() -> None:
    few = profile("demo").at_volume(2)
    counts = [
        sum(row.kpi == "K25-1" and row.result is Result.MET for row in simulated(days, 7, chosen=few)[1])
        for days in (5, 60, 135)
    ]
    assert counts == sorted(counts) and counts[0] < 60 and counts[-1] >= 74


def test_what_waits_does_not_grow_with_the_days() -> None:
    history = Simulation(law(), profile("demo").at_volume(20), 7, START, None, faults=ALL)
    waiting: dict[int, int] = {}
    for event in history.events():
        day = law().zone.day(event.received) - START.toordinal()
        waiting.setdefault(day, len(history._heap))
        if day > 240:
            break
    first, last = max(waiting[day] for day in range(90, 140)), max(waiting[day] for day in range(190, 240))
    assert last < 1.5 * first


def test_a_plan_without_flows_of_its_own_is_fed_with_plain_cases() -> None:
    bare = Profile("bare", cases_per_day=60, flows=(), registers=False)
    events, rows = simulated(30, 7, chosen=bare)
    assert {row.kpi for row in rows} >= {"K06-1", "K13-3", "K30-1", "K44-1"}
    gate = admission(law().plan, trust_receivedat=True)
    for event in events:
        gate.admit(event.line, key=event.key.encode())


@pytest.mark.parametrize("zone", ["Asia/Shanghai", "America/New_York", "UTC"])
def test_stamps_are_those_of_the_zone(zone: str) -> None:
    place = Zone(zone)
    stamp = Stamp(place)
    first = place.midnight(date(2021, 10, 30).toordinal())
    for instant in range(first, first + 20 * DAY_US, 7_919_000_000):
        assert stamp(instant) == place.text(instant)


def test_poisson_has_its_mean() -> None:
    rng = Random(1)
    for mean in (0.3, 4.0, 80.0):
        draws = [poisson(rng, mean) for _ in range(4_000)]
        assert abs(sum(draws) / len(draws) - mean) < 0.06 * mean + 0.03


def test_faults_are_named_with_their_rates() -> None:
    assert parse_faults("all") == FAULTS
    assert parse_faults("none") == {} == parse_faults("")
    assert parse_faults("silence=0.5,duplicates") == {"silence": 0.5, "duplicates": FAULTS["duplicates"]}
    assert parse_faults("all,bad=0")["bad"] == 0
    for wrong in ("silnce", "bad=often", "bad=2"):
        with pytest.raises(ValueError):
            parse_faults(wrong)
