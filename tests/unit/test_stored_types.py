"""Stored codes are frozen: rows and changelogs of every version before are read as they were meant."""

from datetime import date
from itertools import permutations
from pathlib import Path
from typing import Any

import orjson

from services.domain.history.fact_set import contract_order
from services.domain.intake.events import MODELS
from services.domain.intake.facts import CASE_TYPES, CONTRACT_ORDER, CONTRACT_PLACE, DECISIONS, FactType, contract_place
from services.domain.results.case_partition import HEARTBEATS, JUDGED_ROW, PLAN_ROW, CasePartition
from services.domain.results.case_row import Row
from services.domain.sums.tally import NOW, Tally, TallyField, TallyKey
from services.messaging.records.rows import dump_row, load_row
from tests.unit import histories
from tests.unit.cases import accepted

BEFORE: dict[str, Any] = orjson.loads((Path(__file__).parents[1] / "golden" / "rows_before.json").read_bytes())
"""Rows as the disk and the changelog keep them, of subjects with events of every type, written by the version that
stored a type as its place in the contract's table; and what they add up to."""

CODES = {
    "case.applied": 0,
    "case.accepted": 1,
    "case.supplement_requested": 2,
    "case.refused": 3,
    "case.reclassified": 4,
    "case.milestone": 5,
    "case.node_started": 6,
    "case.node_ended": 7,
    "case.suspended": 8,
    "case.resumed": 9,
    "case.extended": 10,
    "case.measured": 11,
    "case.completed": 12,
    "case.withdrawn": 13,
    "case.reopened": 14,
    "case.rated": 15,
    "case.justified": 16,
    "case.confirmed": 17,
    "correction": 18,
    "item.upserted": 19,
    "item.retired": 20,
    "duty.fulfilled": 21,
    "figure.reported": 22,
    "source.heartbeat": 23,
}
"""Never change a line. A new type gets a line with the next free number."""

FIELDS = ("N", "MET", "OVERDUE", "YELLOW", "OPEN", "SUSPENDED", "EXTENDED", "WITHDRAWN", "JUSTIFIED", "LATE_ENTRY",
          "UNMEASURED", "TOTAL", "GROSS", "BASE", "ACTUAL", "AWAITING", "PROVISIONAL", "UNCLASSIFIED",
          "PROVISIONAL_MET", "UNCLASSIFIED_MISSED")  # fmt: skip
"""The fields of a tally, by the number under which rows and `kpi.tallies` keep them. A new one is added at the end."""


def test_the_codes_of_types_are_frozen() -> None:
    assert {each.event_type: int(each) for each in FactType} == CODES


def test_the_numbers_of_tally_fields_are_frozen() -> None:
    assert {name: getattr(TallyField, name) for name in FIELDS} == {name: place for place, name in enumerate(FIELDS)}


def test_the_order_of_the_contract_has_every_type_once() -> None:
    assert sorted(CONTRACT_ORDER) == sorted(FactType)
    assert {each.event_type for each in FactType} == set(MODELS)
    assert {CONTRACT_ORDER[place]: place for place in range(len(CONTRACT_ORDER))} == dict(CONTRACT_PLACE)
    assert [contract_place(each.event_type) for each in CONTRACT_ORDER] == list(range(len(FactType)))


def test_decisions_are_about_cases_or_about_something_else() -> None:
    assert DECISIONS < CASE_TYPES
    assert {FactType(code).event_type for code in CASE_TYPES} == {name for name in CODES if name.startswith("case.")}


def test_facts_of_the_same_instant_are_ordered_by_the_contract_and_not_by_their_codes() -> None:
    one = accepted("2021-09-16T09:00")
    same_instant = [one._replace(type=int(each)) for each in CONTRACT_ORDER[:3]]
    assert all(sorted(each, key=contract_order) == same_instant for each in permutations(same_instant))


def rebuilt(rows: dict[bytes, bytes]) -> CasePartition:
    partition = CasePartition(histories.judge(), rows, loads=load_row, dumps=dump_row)
    partition.rebuild(BEFORE["judged_to"])
    return partition


def rows_before() -> dict[bytes, bytes]:
    return {key.encode(): value.encode() for key, value in BEFORE["rows"].items()}


def tallies_before() -> dict[TallyKey, Tally]:
    return {TallyKey(*key): Tally.unpacked(packed) for *key, packed in BEFORE["tallies"]}


def tallies_of_today() -> dict[TallyKey, Tally]:
    """What the same rows add up to by the rules of today: since then a case that was completed without its stop is
    closed on the day of its completion (rule 16). Such a step is unmeasured, or missed where the completion was late; a
    share that counts the step misses it."""
    in_time, late = date(2021, 9, 20).toordinal(), date(2021, 9, 27).toordinal()
    found = tallies_before()
    for kpi, field in (("SHARE", TallyField.N), ("STEP", TallyField.UNMEASURED)):
        found[TallyKey(kpi, "works", "-", NOW)] = tally((TallyField.OVERDUE, 1))
        found[TallyKey(kpi, "works", "-", in_time)] = tally((field, 2))
        found[TallyKey(kpi, "works", "-", late)] = tally((TallyField.N, 1))
    return found


def tally(*amounts: tuple[int, int]) -> Tally:
    found = Tally()
    found.add(amounts, None, 1)
    return found


def filled(partition: CasePartition) -> dict[TallyKey, Tally]:
    return {key: tally for key, tally in partition.tallies.items() if not tally.empty}


def test_rows_of_the_version_before_are_read_as_they_were_meant() -> None:
    rows = rows_before()
    partition = rebuilt(rows)
    assert partition.quarantined == 0
    assert filled(partition) == tallies_of_today()
    for name, types in BEFORE["types"].items():
        facts = orjson.loads(rows[b"/units/water\x1f" + name.encode()])[0]
        assert [FactType(fact[1]).event_type for fact in facts] == types
    assert {each for types in BEFORE["types"].values() for each in types} == CODES.keys() - {"source.heartbeat"}
    assert partition.last_events["/units/water"] and any(key.startswith(HEARTBEATS) for key in rows)


def test_rows_of_the_version_before_are_written_with_the_same_bytes() -> None:
    for key, value in rows_before().items():
        if key not in (PLAN_ROW, JUDGED_ROW):
            assert orjson.dumps(Row(orjson.loads(value)).packed()) == value


def test_rows_of_the_version_before_judged_again_add_up_to_the_same() -> None:
    rows = rows_before()
    rows[PLAN_ROW] = b"another plan"
    partition = rebuilt(rows)
    assert filled(partition) == tallies_of_today()
    partition.mark_published(list(partition.sweep(BEFORE["judged_to"])))
    assert filled(partition) == tallies_of_today()
    for key, value in rows_before().items():
        if key.startswith(b"/"):
            (facts, now), (facts_before, before) = orjson.loads(rows[key])[:2], orjson.loads(value)[:2]
            assert (facts, unchanged(now)) == (facts_before, unchanged(before))


def unchanged(contributions: list[list[Any]]) -> list[list[Any]]:
    """Those of promises that the rules of today judge as those of then."""
    return [each for each in contributions if each[0] not in ("SHARE", "STEP")]


def test_a_row_with_a_type_of_a_newer_version_is_kept_and_quarantined() -> None:
    rows = rows_before()
    key = b"/units/water\x1fopen"
    newer = orjson.loads(rows[key])
    newer[0][0][1] = len(CODES)
    rows[key] = orjson.dumps(newer)
    partition = rebuilt(rows)
    list(partition.sweep(BEFORE["judged_to"]))
    assert partition.quarantined == 1
    assert Row(load_row(rows[key])).unread == orjson.dumps(newer)
