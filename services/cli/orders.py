"""`kpiwatch orders`: the written orders (督办单) of the ledger, and each as a page to print."""

import re
import sys
import time
from pathlib import Path
from typing import Annotated

import typer
from rich.table import Table

from services.catalog.load.plan_folder import load_plan
from services.catalog.words.supervision import ORDER_STATES
from services.cli.arguments import Bootstrap, PlanFolder, check_sinks, chosen_plan
from services.cli.failure import INPUT_HAS_ERRORS, WRONG_USAGE, Failure
from services.cli.terminal import safe_console, say
from services.domain.intake.visible_text import visible
from services.domain.plan.plan import Plan
from services.domain.supervision.orders import OrderNumber
from services.ledger.order_book import OrderBook
from services.ledger.order_page import order_page
from services.ledger.reader import LedgerReader
from services.messaging.reader import BrokerUnavailable, Record, TopicReader
from services.messaging.records import cards
from services.messaging.records.fields import Unreadable
from services.messaging.topics import ALERT_CARDS
from services.runtime.atomic_file import atomic_file
from services.runtime.clock import Clock
from services.runtime.settings import Settings

app = typer.Typer(help="List written orders (督办单), and print them.", no_args_is_help=True)

_MOST_SECONDS = 120.0


@app.command("list")
def list_orders(plan: PlanFolder = None, bootstrap: Bootstrap = None) -> None:
    """List all written orders with their state, oldest first."""
    read = load_plan(chosen_plan(plan))
    settings = Settings.from_environment()
    book, now = book_of(bootstrap or settings.bootstrap, read), Clock.from_settings(settings).now()
    headings = ("文号 number", "单位 unit", "承诺 promise", "办件 case", "回告期限 answer by", "状态 state")
    table = Table(*headings, box=None)
    for order in book.orders:
        state, step = ORDER_STATES[book.state(order, now)], order.step
        cells = (
            order.written(read),
            step.unit,
            step.key.kpi,
            step.key.case,
            order.answer_by[:10],
            f"{state.zh} {state.en}",
        )
        table.add_row(*map(visible, cells))
    console = safe_console(width=None if sys.stdout.isatty() else 240)
    if table.row_count:
        console.print(table)
    console.print(f"督办单 {table.row_count} 份 / {table.row_count} order{'' if table.row_count == 1 else 's'}")


@app.command("print")
def print_order(
    number: Annotated[
        str, typer.Argument(metavar="NUMBER", help="Year and number: 2021-3, or as it is written, 江北督办〔2021〕3号.")
    ],
    out: Annotated[Path, typer.Option("--out", metavar="order.html", help="Where the page goes; print it on A4.")],
    plan: PlanFolder = None,
    bootstrap: Bootstrap = None,
) -> None:
    """Write an order as a page to print."""
    wanted = number_of(number)
    check_sinks({"--out": out})
    read = load_plan(chosen_plan(plan))
    order = book_of(bootstrap or Settings.from_environment().bootstrap, read).find(wanted)
    if order is None:
        raise Failure(f"there is no order {number}: `kpiwatch orders list` lists them", INPUT_HAS_ERRORS)
    with atomic_file(out) as sink:
        sink.write(order_page(order, read).encode())
    say(f"{order.written(read)} written to {out}", err=True)


def number_of(written: str) -> OrderNumber:
    """`2021-3`, `江北督办〔2021〕3号`. Raises Failure."""
    found = re.fullmatch(r"[^0-9]*([0-9]{4})[^0-9]+([0-9]{1,9})[^0-9]*", written)
    if found is None:
        raise Failure(f"{written!r} is no number of an order: write year and number, as in 2021-3", WRONG_USAGE)
    return OrderNumber(int(found[1]), int(found[2]))


def book_of(bootstrap: str, plan: Plan) -> OrderBook:
    """What ledger and cards say now. Raises BrokerUnavailable."""
    book = OrderBook(plan)
    until = time.monotonic() + _MOST_SECONDS
    with LedgerReader(bootstrap) as ledger, TopicReader(bootstrap, [ALERT_CARDS]) as reader:
        while not (ledger.caught_up and reader.caught_up):
            for record in ledger.poll(0.2):
                book.take(record)
            for card in reader.poll(0.2):
                _take_card(book, card)
            if time.monotonic() > until:
                raise BrokerUnavailable(f"Kafka at {bootstrap} does not send its records: is it busy, or away?")
    return book


def _take_card(book: OrderBook, record: Record) -> None:
    if record.key is None:
        return
    try:
        if record.value is not None:
            book.take_card(cards.decode(record.value))
        elif (gone := cards.retracted_of_name(cards.name_of_key(record.key))) is not None:
            book.take_card(gone)
    except Unreadable:
        return  # the exporter counts it
