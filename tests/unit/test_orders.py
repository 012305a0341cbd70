"""Written orders (督办单): numbers, states, and the page that is printed."""

import re
import shutil
import subprocess
from pathlib import Path

import pytest

from services.catalog.load.plan_folder import load_plan
from services.cli.failure import Failure
from services.cli.orders import number_of
from services.domain.plan.plan import Plan, SupervisionStep
from services.domain.results.published import Card
from services.domain.supervision.orders import OrderNumber, OrderState
from services.domain.time.zone import Instant
from services.ledger.order_book import Order, OrderBook
from services.ledger.order_page import order_page, order_text
from services.messaging.records.ledger import Kind, Request
from services.messaging.records.steps import CardKey, RecordedStep
from tests.mutations import shipped_plan
from tests.unit.cases import at
from tests.unit.ledger_world import LedgerWorld

KEY = CardKey("K06-1", "/units/liangjiang-water W20210922-17", 1, "-")
UNIT = "liangjiang-water"


def step(kind: SupervisionStep, when: str, key: CardKey = KEY) -> RecordedStep:
    return RecordedStep(
        key, kind, f"{when}T00:00:00+08:00", UNIT, "2021-09-29T00:00:00+08:00", "2021-09-28T23:59:59.999999+08:00", 5,
    )  # fmt: skip


class Desk:
    """A ledger, and the book that is made of it."""

    def __init__(self, plan: Plan) -> None:
        self.now: Instant = 0
        self.world = LedgerWorld(lambda: self.now)
        self.book = OrderBook(plan)
        self.count = 0

    def say(self, when: str, request: Request) -> None:
        self.now = at(when)
        for record in self.world.record(request):
            self.book.take(record)

    def take(self, kind: SupervisionStep, when: str, key: CardKey = KEY) -> None:
        self.count += 1
        self.say(when, step(kind, when[:10], key).request(f"step/{self.count}", "test", 10**9))

    def reply(self, when: str) -> None:
        self.count += 1
        self.say(when, Request(f"reply/{self.count}", Kind.REPLIED, "test", KEY.subject, UNIT))

    def state(self, when: str) -> OrderState:
        return self.book.state(self.book.orders[0], at(when))


@pytest.fixture
def desk() -> Desk:
    return Desk(shipped_plan())


def ordered(desk: Desk, key: CardKey = KEY) -> Order:
    desk.take(SupervisionStep.REMINDER, "2021-09-30T00:00:01", key)
    desk.take(SupervisionStep.URGING, "2021-10-09T00:00:01", key)
    desk.take(SupervisionStep.ORDER, "2021-10-12T00:00:01", key)
    return desk.book.orders[-1]


def test_orders_are_numbered_by_year_in_the_order_of_the_ledger(desk: Desk) -> None:
    times = ("2021-12-30T08:00", "2021-12-31T23:59:59", "2022-01-01T00:00", "2022-01-04T08:00")
    for number, when in enumerate(times):
        desk.take(SupervisionStep.ORDER, when, KEY._replace(cycle=number))
    assert [one.written(shipped_plan()) for one in desk.book.orders] == [
        "江北督办〔2021〕1号", "江北督办〔2021〕2号", "江北督办〔2022〕1号", "江北督办〔2022〕2号",
    ]  # fmt: skip
    assert desk.book.find(OrderNumber(2022, 2)) is desk.book.orders[3]
    assert desk.book.find(OrderNumber(2020, 1)) is None


def test_an_order_is_open_until_it_is_answered(desk: Desk) -> None:
    ordered(desk)
    assert desk.state("2021-10-15T23:59:59") is OrderState.OPEN
    assert desk.state("2021-10-16T00:00") is OrderState.OVERDUE
    desk.reply("2021-10-18T09:00")
    assert desk.state("2021-10-18T10:00") is OrderState.ANSWERED
    card = Card(*KEY, "red", UNIT, "2021-09-29T00:00:00+08:00", "", "2021-10-20T09:00:00+08:00", "completed")
    desk.book.take_card(card)
    assert desk.state("2021-10-20T09:00") is OrderState.CLOSED
    desk.book.take_card(card._replace(raised_at="2021-10-25T00:00:00+08:00", cleared_at=""))
    assert desk.state("2021-10-26T09:00") is OrderState.CLOSED, "it was about the red card before"


def test_an_order_is_to_be_answered_within_three_working_days_of_its_record(desk: Desk) -> None:
    """It was due on 10-12; the notifier was away until 11-08. Nobody is late with an answer to what was not written."""
    late = step(SupervisionStep.ORDER, "2021-10-12").request("step/late", "test", 10**9)
    desk.say("2021-11-08T09:00", late)
    assert desk.book.orders[0].answer_by == "2021-11-11T23:59:59.999999+08:00"
    assert desk.state("2021-11-11T23:59:59") is OrderState.OPEN
    assert desk.state("2021-11-12T00:00") is OrderState.OVERDUE
    assert "请于2021年11月11日24时前书面回告" in "".join(order_text(desk.book.orders[0], shipped_plan()).paragraphs)


@pytest.mark.parametrize("language", ["zh", "en"])
@pytest.mark.parametrize("before", list(SupervisionStep))
def test_an_order_has_its_page_whatever_step_came_before(desk: Desk, before: SupervisionStep, language: str) -> None:
    """Also a 通报, by the numbers of an earlier plan: it is only proposed, and the unit does not read of it."""
    desk.say("2021-10-12T00:00:01", step(before, "2021-10-12").request("step/before", "test", 10**9))
    desk.say("2021-10-13T00:00:01", step(SupervisionStep.ORDER, "2021-10-13").request("step/order", "test", 10**9))
    order = desk.book.orders[-1]
    plan = shipped_plan()
    head = plan.head.model_copy(update={"language": language})
    page = order_page(order, plan.model_copy(update={"head": head}))
    assert order.number.written(head.supervision.order_number) in page
    assert "通报" not in page and "circular" not in page


def test_an_order_about_a_card_that_is_taken_back_is_closed(desk: Desk) -> None:
    ordered(desk)
    desk.book.take_card(Card(*KEY, "red", "", "", "", "", "retracted"))
    assert desk.state("2021-10-13T00:00") is OrderState.CLOSED


@pytest.mark.parametrize("written", ["2021-3", "2021/3", "江北督办〔2021〕3号"])
def test_a_number_is_found_as_people_write_it(written: str) -> None:
    assert number_of(written) == OrderNumber(2021, 3)


@pytest.mark.parametrize("written", ["3", "21-3", "2021", "2021-3-4"])
def test_what_is_no_number_is_refused(written: str) -> None:
    with pytest.raises(Failure, match="write year and number"):
        number_of(written)


def test_the_text_is_that_of_an_official(desk: Desk) -> None:
    text = order_text(ordered(desk), shipped_plan())
    assert text.number == "江北督办〔2021〕1号"
    assert text.date == "2021年10月12日"
    assert text.to.endswith("：")
    body = "\n".join(text.paragraphs)
    assert "经提醒、催办，仍未办结，现予督办。" in body
    assert "应于2021年9月28日24时前完成" in body
    assert "2021年9月29日被亮红牌，至2021年10月12日已满5个工作日" in body
    assert "请于2021年10月15日24时前书面回告" in body
    assert "W20210922-17" in body and "/units/" not in body
    assert "江北府办发〔2021〕54号" in body


def test_an_english_plan_has_an_english_order(desk: Desk) -> None:
    plan = load_plan(Path("services/catalog/example-permits"))
    key = KEY._replace(kpi=plan.promises[0].id)
    text = order_text(ordered(desk, key), plan)
    body = "\n".join(text.paragraphs)
    assert text.lang == "en" and "You were reminded and urged." in body and "by 15 October 2021, 24:00" in body
    assert not re.search("[一-鿿]", text.title + text.to + body + text.date)


def test_what_a_source_wrote_is_shown_as_text(desk: Desk) -> None:
    page = order_page(ordered(desk, KEY._replace(case="/s <script>alert(1)</script>\u202e")), shipped_plan())
    assert "<script>" not in page and "\u202e" not in page and "&lt;script&gt;" in page


def longest(plan: Plan) -> str:
    """The promise whose order has the most to print."""
    cards = [
        one for one in plan.promises if one.is_official and one.strength in ("hard", "soft") and one.about == "case"
    ]
    return max(cards, key=lambda one: 2 * len(one.title.zh) + len(one.clause)).id


@pytest.mark.slow
@pytest.mark.parametrize("which", ["usual", "longest"])
def test_it_is_printed_on_one_a4_page(desk: Desk, tmp_path: Path, which: str) -> None:
    chromium = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
    if chromium is None:
        pytest.skip("there is no Chromium: `make browser` installs it where apt is at hand")
    key = KEY if which == "usual" else KEY._replace(kpi=longest(shipped_plan()))
    page, printed = tmp_path / "order.html", tmp_path / "order.pdf"
    page.write_text(order_page(ordered(desk, key), shipped_plan()), encoding="utf-8")
    subprocess.run(
        [chromium, "--headless", "--no-sandbox", "--disable-gpu", f"--user-data-dir={tmp_path / 'profile'}",
         "--no-pdf-header-footer", f"--print-to-pdf={printed}", page.as_uri()],
        check=True, capture_output=True, timeout=300,
    )  # fmt: skip
    pdf = printed.read_bytes()
    assert len(re.findall(rb"/Type\s*/Page\b", pdf)) == 1
    (width, height) = map(float, re.findall(rb"/MediaBox\s*\[\s*0 0 ([0-9.]+) ([0-9.]+)", pdf)[0])
    assert (round(width), round(height)) == (595, 842)
