"""What cannot be done is refused in words: no refusal shows an identifier where there is a name."""

import ast
import re
import traceback
from collections.abc import Callable, Iterator
from datetime import date
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

import services.acting
import services.desk
from services.acting import decisions, matters, statements
from services.acting.matters import Named, Shown
from services.acting.refused import ActRefused
from services.acting.statements import Speaker
from services.domain.intake.facts import case_key
from services.domain.judging.judgement import Judgement, Outcome
from services.domain.plan.plan import CasePromise, Strength, SupervisionStep
from services.domain.time.limits import Limit, LimitUnit
from services.messaging.records.decisions import About, Decision, Matter, struck_out
from services.messaging.records.ledger import LedgerRecord, Request
from services.messaging.records.steps import CardKey, RecordedStep
from tests.unit.cases import accepted
from tests.verdicts import shipped

JUDGE = shipped()
PLAN = JUDGE.plan
ACTING = Path(services.acting.__file__ or "").parent
DESK = Path(services.desk.__file__ or "").parent
WATER = "/units/liangjiang-water"
HARD = next(one.key for one in PLAN.promises if isinstance(one, CasePromise) and one.strength is Strength.HARD)
SOFT = next(one.key for one in PLAN.promises if isinstance(one, CasePromise) and one.strength is Strength.SOFT)

_TYPED = re.compile("`[^`]*`")
"""What is to be typed as it is, on the command line: it is marked as a code."""
_NAMED = re.compile("[”]（K[0-9IV]+-[0-9]+(?:/[a-z_]+)?）|[”] \\(K[0-9IV]+-[0-9]+(?:/[a-z_]+)?\\)")
"""A promise behind its title."""
_CODES = (
    re.compile("[a-z]+-[a-z]+"),  # a unit, a source
    re.compile("/(?:units|platforms)/"),
    re.compile("K[0-9IV]+-[0-9]+"),  # a promise without its title
    re.compile("[A-Za-z0-9]+_[A-Za-z0-9_]+"),  # a code of ours
)
_WRITTEN = ("--cycle", "“not-known”", "“not-a-case”", "“no_day”", "“no_limit”")
"""An option, and what the person wrote themselves."""


def codes_in(sentence: str) -> list[str]:
    """The identifiers in a sentence."""
    left = _NAMED.sub("", _TYPED.sub("", sentence))
    for written in _WRITTEN:
        left = left.replace(written, "")
    return [code for pattern in _CODES for code in pattern.findall(left)]


@pytest.mark.parametrize(
    ("sentence", "found"),
    [
        ("承诺K06-1不接受理由", ["K06-1"]),
        ("承诺“小型项目供水接入”（K06-1）不接受理由", []),
        ("the promise “Water” (K06-1) knows none", []),
        ("不属于单位liangjiang-water", ["liangjiang-water"]),
        ("请写数字和单位（如5 working_days）", ["working_days"]),
        ("可填：恶劣天气`bad_weather`", []),
    ],
)
def test_an_identifier_in_a_sentence_is_found(sentence: str, found: list[str]) -> None:
    assert codes_in(sentence) == found


# ---- all refusals of services/acting ---------------------------------------------------------------------
def shown(kpi: str, **parts: Any) -> Shown:
    """A case under a promise."""
    matter = Matter(kpi, case_key(WATER, "W-1"), 1)
    judgement = Judgement(kpi, 1, Outcome.OVERDUE, "liangjiang-water", "water.connection", 0, (), None)
    return Shown(matter, judgement, None, (), (accepted("2021-09-16T09:00"),), True, "liangjiang-water")._replace(
        **parts
    )


def record(request: Request) -> LedgerRecord:
    return LedgerRecord(7, "0" * 64, "2021-10-08T00:00:00.000000Z", "2021-10-08T00:00:00.000000Z", request, "")


def book(*accounts: Any) -> Any:
    return SimpleNamespace(case=lambda name: accounts, judge=JUDGE)


def account(owner: str = WATER, quarantined: str = "") -> Any:
    return SimpleNamespace(case_key=case_key(owner, "W-1"), explanation=None, quarantined=quarantined)


MATTER = shown(HARD).matter
STEP = RecordedStep(CardKey(HARD, f"{WATER} W-1", 1, "-"), SupervisionStep.CIRCULAR, "2021-10-08T00:00:00+08:00",
                    "liangjiang-water", "2021-10-08T00:00:00+08:00", "", 10).request("s", "w", 0)  # fmt: skip
WITHDRAWN = Decision(MATTER, About.WITHDRAWAL, "withdrawn", "x", *struck_out(3), 3).request("w", "w", 9)
EXTENSION = Limit(amount=1, unit=LimitUnit.WORKING_DAYS)
TODAY = date(2021, 10, 8)

REFUSALS: dict[str, Callable[[], object]] = {
    "no late entry": lambda: decisions.on_late_entry(shown(HARD), True, "x", JUDGE),
    "no reasons to accept": lambda: decisions.on_reason(shown(HARD), True, "x", JUDGE),
    "an earlier request": lambda: decisions.on_extension(shown(HARD, is_latest=False), EXTENSION, "x"),
    "no decision": lambda: decisions.on_withdrawal(record(STEP), "x"),
    "a withdrawal": lambda: decisions.on_withdrawal(record(WITHDRAWN), "x"),
    "nothing to send again": lambda: decisions.on_not_in_force(record(STEP), None, "x"),
    "no such unit": lambda: decisions.on_assignment(shown(HARD), decisions.Assignment("x", "help", TODAY), "x", PLAN),
    "no such why": lambda: decisions.on_assignment(
        shown(HARD), decisions.Assignment("liangjiang-water", "x", TODAY), "x", PLAN
    ),
    "no proposal": lambda: decisions.on_circular(record(WITHDRAWN), ["liangjiang-water"], "x", PLAN),
    "no such units": lambda: decisions.on_circular(record(STEP), ["not-known"], "x", PLAN),
    "not to its unit": lambda: decisions.on_circular(record(STEP), ["jiangbei-gas"], "x", PLAN),
    "no case": lambda: matters.the_account(book(), "not-a-case"),
    "several cases": lambda: matters.the_account(book(account(), account("/units/jiangbei-gas")), "W-1"),
    "a quarantined case": lambda: matters.the_account(book(account(quarantined="unreadable_cycle")), "W-1"),
    "a refused case": lambda: matters.the_account(book(account()), "W-1"),
    "another promise": lambda: Named("W-1", SOFT).among([shown(HARD)], JUDGE),
    "no such promise": lambda: Named("W-1", "not-known").among([shown(HARD)], JUDGE),
    "no promise": lambda: Named("W-1", SOFT).among([], JUDGE),
    "another request": lambda: Named("W-1", HARD, "2").among([shown(HARD)], JUDGE),
    "another unit": lambda: statements.may_answer(shown(HARD), "jiangbei-gas", PLAN, ["district-urban-management"]),
    "no reason to give": lambda: statements.justification(shown(HARD), Speaker("", "x"), None, JUDGE),
    "no such reason": lambda: statements.justification(shown(SOFT), Speaker("", "x"), "not-known", JUDGE),
    "no request": lambda: statements.withdrawal(shown(HARD), Speaker("", "x"), record(STEP), 7),
    "no day": lambda: statements.day_of("no_day"),
    "no limit": lambda: statements.limit_of("no_limit"),
}


def refusal(name: str) -> ActRefused:
    with pytest.raises(ActRefused) as caught:
        REFUSALS[name]()
    return caught.value


@pytest.mark.parametrize("name", REFUSALS)
def test_no_refusal_shows_an_identifier(name: str) -> None:
    said = refusal(name).text
    assert codes_in(said.zh) == [] and codes_in(said.en) == []
    assert not re.search("网关|轮次", said.zh)
    assert re.search("[一-鿿]", said.zh), "Chinese in Chinese"


def test_every_refusal_is_among_them() -> None:
    """By the lines at which they are raised, so that a new one needs its line above."""
    found = {place for name in REFUSALS for place in places_of(refusal(name))}
    raised = {
        (file.name, node.lineno)
        for file in ACTING.glob("*.py")
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8")))
        if isinstance(node, ast.Raise)
    }
    assert raised and raised <= found


def places_of(error: Exception) -> Iterator[tuple[str, int]]:
    for frame in traceback.extract_tb(error.__traceback__):
        if Path(frame.filename).parent == ACTING and frame.lineno is not None:
            yield Path(frame.filename).name, frame.lineno


# ---- the words of the desk -------------------------------------------------------------------------------
@pytest.mark.parametrize("file", sorted(DESK.rglob("*.py")), ids=lambda file: str(file.relative_to(DESK)))
def test_no_sentence_of_the_desk_has_an_identifier_in_chinese(file: Path) -> None:
    for sentence in chinese_in(file):
        assert codes_in(sentence) == [], sentence
        assert not re.search("网关|轮次", sentence), sentence


def chinese_in(file: Path) -> Iterator[str]:
    """The constant parts of the Chinese texts of a file, without its comments and docstrings."""
    tree = ast.parse(file.read_text(encoding="utf-8"))
    docs = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
    texts = (node for node in ast.walk(tree) if isinstance(node, ast.Constant) and id(node) not in docs)
    yield from (node.value for node in texts if isinstance(node.value, str) and re.search("[一-鿿]", node.value))


@pytest.mark.parametrize("written", ["5 working_days", "5 working days", "5个工作日", " 5 个工作日 "])
def test_a_limit_is_read_as_people_write_it(written: str) -> None:
    assert statements.limit_of(written) == Limit(amount=5, unit=LimitUnit.WORKING_DAYS)
