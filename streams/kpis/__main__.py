"""`python -m streams.kpis`: the worker of the kpis stage; more than one may run, one of them works."""

import faust

from services.catalog.load.calendars import calendar_of
from services.catalog.load.plan_folder import load_plan
from services.domain.judging.judge import Judge
from services.messaging.topics import KPI_TALLIES, KPI_VALUES, KPIS_APP
from services.runtime.clock import Clock
from services.runtime.readiness import REPORT_SECONDS, Readiness
from services.runtime.settings import Settings
from streams.application import worker_app
from streams.delivery.bulk import BulkDelivery
from streams.kpis.kpis import Kpis
from streams.worker import run_stage

TICK_SECONDS = 0.25
"""How often values are published that have changed."""


def build(settings: Settings) -> faust.App:
    """The app of one worker."""
    plan = load_plan(settings.plan)
    judge = Judge(plan, calendar_of(plan))
    app = worker_app(KPIS_APP, settings, partitions=1, store="memory")
    delivery = BulkDelivery(app)
    kpis = Kpis(delivery, judge, Clock.from_settings(settings), settings.partitions)
    delivery.on_assigned(kpis.on_assigned)
    delivery.chunks(app.topic(KPI_TALLIES, partitions=1), kpis.on_tallies, replayed=True)
    delivery.chunks(app.topic(KPI_VALUES, partitions=1), kpis.on_values, replayed=True)

    async def report() -> None:
        Readiness.of_this_process(
            settings.worker,
            partitions=len(delivery.owned),
            rebalancing=not delivery.ready,
            behind=delivery.total_lag() or 0,
        ).write(settings.state)

    app.timer(TICK_SECONDS)(kpis.on_tick)
    app.timer(REPORT_SECONDS)(report)
    return app


def main() -> None:
    """Run until a signal stops it."""
    run_stage("kpis", build)


if __name__ == "__main__":
    main()
