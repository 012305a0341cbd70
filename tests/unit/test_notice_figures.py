"""What Prometheus and `kpiwatch contacts used` get of notices: by unit, whether they reach people."""

from prometheus_client import CollectorRegistry, generate_latest

from services.cli.contacts import _shown
from services.notifier.channels.message import Outcome, Refused, Retry, Uncertain
from services.notifier.contacts import OPERATIONS
from services.notifier.figures import FAILS_AFTER, Figures, Named, NoticeMetrics
from services.notifier.notice_state import state_of
from tests.unit.test_notice_delivery import UNIT, Office, Process, Provider, _at_once

UNITS = (UNIT, "sino-french-water", OPERATIONS)
__all__ = ["_at_once"]


def scraped(office: Office, now: float, *channels: str) -> dict[str, float]:
    """Series that are not 0 → figure."""
    figures = Figures(state_of(office.world.records()), [Named(UNIT, office.to.id, channels)], UNITS)
    registry = CollectorRegistry(auto_describe=False)
    registry.register(NoticeMetrics(figures))
    assert generate_latest(registry) == b""
    figures.count(now)
    lines = (line.rsplit(" ", 1) for line in generate_latest(registry).decode().splitlines() if line[0] != "#")
    return {name: float(figure) for name, figure in lines if float(figure)}


def tried(answer: Outcome, seconds: float = 0.0) -> Office:
    """An office whose one channel answers so, for so long."""
    office = Office(Provider(), robot=Provider(0.0, answers=[answer] * 50))
    office.notify("a")
    office.run()
    while office.seconds < seconds:
        office.run(60)
    return office


def test_a_notice_that_every_channel_refuses_or_may_have_is_counted_for_its_unit() -> None:
    series = f'kpi_notice_deliveries_total{{addressee="{UNIT}",outcome="%s"}}'
    assert scraped(tried(Refused("no such member")), 1.0, "robot")[series % "refused"] == 1
    assert scraped(tried(Uncertain("no answer")), 1.0, "robot")[series % "uncertain"] == 1
    assert scraped(Office(), 1.0, "robot") == {}


def test_a_contact_whose_channels_fail_for_ten_minutes_is_not_reached_and_its_notice_waits() -> None:
    office = tried(Retry("HTTP 503"), FAILS_AFTER + 60)
    found = scraped(office, office.seconds, "robot")
    assert found[f'kpi_recipients_unreached{{addressee="{UNIT}"}}'] == 1
    assert found[f'kpi_notice_waiting_seconds{{addressee="{UNIT}"}}'] >= FAILS_AFTER
    assert f'kpi_recipients_unreached{{addressee="{UNIT}"}}' not in scraped(office, office.seconds, "robot", "mail")
    assert scraped(Office(), 1.0)[f'kpi_recipients_unreached{{addressee="{UNIT}"}}'] == 1  # no channel can be used


def test_a_channel_that_works_again_is_one_that_works() -> None:
    office = tried(Retry("HTTP 503"), FAILS_AFTER + 60)
    before = state_of(office.world.records()).used[office.to.id, "robot"]
    assert "HTTP 503" in _shown(before)[1] and _shown(before)[0] == "–"
    dict(office.to.channels)["robot"].answers.clear()
    office.run(900)
    after = state_of(office.world.records()).used[office.to.id, "robot"]
    assert _shown(after)[1] == "正常 works" and _shown(after)[0] != "–"
    assert not [one for one in scraped(office, office.seconds, "robot") if "deliveries" not in one]
    assert _shown(None)[1] == "尚未使用 not used yet"


def test_a_crash_says_nothing_of_a_channel() -> None:
    office = Office(robot=Provider(0.0))
    office.notify("a")
    office.run(times=1)
    office.notifiers = [Process(office, "notifier/a/2")]
    office.run()
    use = state_of(office.world.records()).used[office.to.id, "robot"]
    assert (use.failing_since, use.failed_at) == (0.0, 0.0) and use.accepted_at >= 0
