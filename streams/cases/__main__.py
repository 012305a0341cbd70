"""`python -m streams.cases`: a worker of the cases stage. The composition root: everything real is picked here."""

import faust

from services.catalog.load.calendars import calendar_of
from services.catalog.load.plan_folder import load_plan
from services.domain.judging.judge import Judge
from services.messaging.codec import admission
from services.messaging.topics import CASES_APP, CASES_TABLE
from services.runtime.clock import Clock
from services.runtime.readiness import REPORT_SECONDS, Readiness
from services.runtime.settings import Settings
from streams.application import worker_app
from streams.cases.cases import Cases
from streams.cases.stage_settings import StageSettings
from streams.delivery.bulk import BulkDelivery
from streams.worker import run_stage

TICK_SECONDS = 0.5
"""How often what is due is swept, and what has changed is published."""


def build(settings: Settings) -> faust.App:
    """The app of one worker."""
    plan = load_plan(settings.plan)
    judge = Judge(plan, calendar_of(plan))
    app = worker_app(CASES_APP, settings, partitions=settings.partitions, store=settings.store)
    delivery = BulkDelivery(app, table=CASES_TABLE)
    stage = StageSettings(partitions=settings.partitions, dead_letter_ratio=settings.dead_letter_ratio)
    clock = Clock.from_settings(settings)
    cases = Cases(delivery, judge, admission(plan, trust_receivedat=True), clock, stage)
    delivery.on_assigned(cases.on_assigned)
    delivery.chunks(app.topic(stage.events, partitions=settings.partitions), cases.on_events)

    async def report() -> None:
        Readiness.of_this_process(
            settings.worker,
            partitions=len(delivery.owned),
            rebalancing=not delivery.ready,
            behind=delivery.total_lag() or 0,
        ).write(settings.state)

    app.timer(TICK_SECONDS)(cases.on_tick)
    app.timer(REPORT_SECONDS)(report)
    return app


def main() -> None:
    """Run until a signal stops it."""
    run_stage("cases", build)


if __name__ == "__main__":
    main()
