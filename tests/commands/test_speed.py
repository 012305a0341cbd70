"""What takes no longer than it may, in seconds of this process: other load on the machine is not ours."""

import asyncio
import gzip
import time
from pathlib import Path

import pytest

import services.catalog
from services.catalog.load.plan_folder import load_plan
from services.catalog.working_time import WorkingTime
from services.domain.intake.admission import LARGEST_EVENT
from services.domain.intake.personal_data import find_personal, personal_number
from services.exporter.page import Pages
from services.exporter.web import exporter_app
from services.metric_names import metrics
from tests.asgi import call
from tests.unit.test_exporter import Exporter

JIANGBEI = Path(services.catalog.__file__).parent / "jiangbei-2021"


@pytest.mark.parametrize(
    "unit",
    ["1", "1 ", "1 - ", "13", "4 ", "4111-", "6222 ", "86", "0", "0 ", " ", "-", "a1", "a", "三", "① ", "－", "\t"]
    + ["138 0013 800", "1101051949123100", "12345678-1234-", "1(2)3", '"'],
)
def test_to_look_for_personal_numbers_takes_no_text_long(unit: str) -> None:
    text = (unit * LARGEST_EVENT)[:LARGEST_EVENT] + "x"
    start = time.process_time()
    personal_number(text)
    find_personal({"data": {unit * 20_000: {str(n): unit for n in range(5_000)}}})
    assert time.process_time() - start < 2


def test_twenty_thousand_rows_are_scraped_within_a_quarter_of_a_second() -> None:
    """Seven times the whole plan. They are written beforehand, by the thread that reads."""
    plan = load_plan(JIANGBEI)
    exporter = Exporter(plan, WorkingTime.of(plan))
    units = ["ALL", *plan.units]
    items = ["-", *plan.service_items]
    cells = dict.fromkeys(metrics.ROW_METRICS, "0.123456")
    made = 0
    for promise in plan.promises:
        for unit in units:
            for item in items:
                for window in ("30d", "90d", "year", "all"):
                    if made < 20_000:
                        exporter.publish(
                            kpi=promise.id, variant=promise.variant, unit=unit, item=item, window=window, **cells
                        )
                        made += 1
    pages = Pages(exporter.collector, exporter.snapshot)
    app = exporter_app(pages.page, alive=lambda: True, ready=lambda: True)
    before = time.process_time()
    answer = asyncio.run(call(app, "GET", "/metrics", headers={"accept-encoding": "gzip"}))
    assert time.process_time() - before < 0.25
    text = gzip.decompress(answer.content).decode()
    assert made == 20_000
    assert text.count("\nkpi_value{") == 20_000
