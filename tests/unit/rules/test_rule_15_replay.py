"""rule 15: a full replay gives identical numbers and sends no notice."""

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.domain.results.case_partition import CasePartition
from services.domain.results.value_rows import Valuer
from tests.unit import histories
from tests.unit.cases import accepted, at, completed, judge_of, node_started, promise
from tests.unit.test_partition import EVERY_KIND, Consumer, partition, sweep


@pytest.mark.slow
@settings(max_examples=30)
@given(st.data())
def test_a_replay_gives_the_same_bytes_and_no_notice(data: st.DataObject) -> None:
    feed = data.draw(histories.feeds(subjects=3))
    consumer = Consumer()
    live = partition(EVERY_KIND)
    for key, fact in feed:
        now = max(fact.received, histories.BEGIN)
        sweep(live, now, consumer)
        consumer.take(live.take(key, fact, now))
    sweep(live, histories.END, consumer)
    reported = consumer.notices

    again = partition(EVERY_KIND)
    again.catching_up = True
    for key, fact in data.draw(st.permutations(feed)):
        consumer.take(again.take(key, fact, histories.END))
    again.catching_up = False
    sweep(again, histories.END, consumer)

    valuer = Valuer(EVERY_KIND)
    rows = [valuer.rows(each.tallies, histories.END, each.last_events) for each in (live, again)]
    assert rows[0] == rows[1]
    assert consumer.notices == reported


def test_a_source_has_the_same_last_report_after_its_partition_changed_hands() -> None:
    judge, now = judge_of(promise()), at("2021-09-30")
    rows: dict[bytes, bytes] = {}
    before = CasePartition(judge, rows, loads=orjson.loads, dumps=orjson.dumps)
    first = accepted("2021-09-06T09:00")
    for each in (first, first._replace(received=at("2021-09-19"))):
        before.take(b"case", each, now)
    after = CasePartition(judge, rows, loads=orjson.loads, dumps=orjson.dumps)
    after.rebuild(now)
    assert before.last_events == after.last_events == {first.source: first.received}


def test_a_node_that_begins_after_the_completion_has_no_card_live_or_replayed() -> None:
    """A promise whose last stop is still awaited ends with the completion, and so do the cards of its nodes."""
    limit = {"amount": 2, "unit": "working_days"}
    feed = [
        completed("2021-10-13", outcome="granted"),
        accepted("2021-09-10", source="/units/seals", channel="online"),
        node_started("2021-10-20", "survey", limit=limit),
    ]
    consumer, live = Consumer(), partition(EVERY_KIND)
    for each in feed:
        now = max(each.received, histories.BEGIN)
        sweep(live, now, consumer)
        consumer.take(live.take(b"case", each, now))
    sweep(live, histories.END, consumer)
    shown = dict(consumer.cards)
    again = partition(EVERY_KIND)
    for each in feed:
        consumer.take(again.take(b"case", each, histories.END))
    assert {card.kpi for card in shown.values()} >= {"STEP"}
    assert consumer.cards == shown
    assert all(card.node == "-" for card in shown.values())
