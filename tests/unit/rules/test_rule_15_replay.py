"""DESIGN §4.15: a full replay gives identical numbers and sends no notice."""

from hypothesis import given, settings
from hypothesis import strategies as st

from services.domain.values import Valuer
from tests.unit import histories
from tests.unit.test_partition import EVERY_KIND, Consumer, partition, sweep


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
    told = consumer.notices

    again = partition(EVERY_KIND)
    again.catching_up = True
    for key, fact in data.draw(st.permutations(feed)):
        consumer.take(again.take(key, fact, histories.END))
    again.catching_up = False
    sweep(again, histories.END, consumer)

    valuer = Valuer(EVERY_KIND)
    rows = [valuer.rows(each.tallies, histories.END, each.last_events) for each in (live, again)]
    assert rows[0] == rows[1]
    assert consumer.notices == told
