"""The sample events of each promise give the verdict that its page says (`docs/promises`)."""

from pathlib import Path

import orjson
import pytest
import typer
from typer.testing import CliRunner

from services.catalog.load.plan_folder import load_plan
from services.catalog.samples.promise_samples import samples_of
from services.cli.validate import validate
from services.domain.judging.judge import Judge
from services.domain.plan.plan import Promise
from services.domain.sums.statistic import written
from tests.verdicts import admitted, judge_of, shipped, verdict

PROMISES = shipped().plan.promises
EXAMPLE = "services/catalog/example-permits"


def versions(*promises: Promise) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("promise", promises, ids=lambda promise: promise.key)


def check(judge: Judge, promise: Promise) -> int:
    """Judge all samples of a promise; how many there were."""
    samples = samples_of(promise, judge.law)
    for sample in samples:
        expected, seen = sample.expected, verdict(judge, promise, sample, admitted(sample, judge.plan))
        assert seen.outcome == expected.outcome, sample.name
        assert seen.row is not None, sample.name
        figures = str(expected.n), written(expected.numerator), written(expected.value)
        assert (seen.row.n, seen.row.numerator, seen.row.value) == figures, sample.name
    return len(samples)


@versions(*PROMISES)
def test_the_samples_of_a_promise_are_admitted_and_judged_as_its_page_says(promise: Promise) -> None:
    assert check(shipped(), promise) >= 2


@pytest.mark.parametrize(
    "folder", ["tests/golden/plans/good/kinds", "tests/golden/plans/good/open", "tests/oracle_plan", EXAMPLE]
)
def test_any_plan_gives_samples_that_hold(folder: str) -> None:
    judge = judge_of(load_plan(Path(__file__).parents[2] / folder))
    assert sum(check(judge, promise) for promise in judge.plan.promises)


def test_a_plan_in_which_nobody_may_speak_has_no_samples() -> None:
    judge = judge_of(load_plan(Path(__file__).parents[1] / "golden/plans/good/smallest"))
    assert [samples_of(promise, judge.law) for promise in judge.plan.promises] == [()]


@versions(*PROMISES)
def test_a_promise_has_a_sample_that_counts_and_one_that_does_not_or_two_values(promise: Promise) -> None:
    first, *others = samples_of(promise, shipped().law)
    assert others
    assert all(first.expected != other.expected for other in others)
    names = {sample.name for sample in (first, *others)}
    assert any({*pair} <= names for pair in (("met", "missed"), ("counts", "does_not_count"), ("lower", "higher")))


@versions(*(promise for promise in PROMISES if promise.kind in ("case_limit", "duty")))
def test_what_is_met_and_what_is_missed_are_one_second_apart(promise: Promise) -> None:
    judge = shipped()
    met, missed = samples_of(promise, judge.law)
    met_at, missed_at = (max(fact.time for _, fact in admitted(each, judge.plan)) for each in (met, missed))
    assert missed_at - met_at == 1_000_000


def test_all_samples_together_are_accepted_by_validate(tmp_path: Path) -> None:
    events = [event for promise in PROMISES for sample in samples_of(promise, shipped().law) for event in sample.events]
    file = tmp_path / "samples.jsonl"
    file.write_bytes(b"\n".join(orjson.dumps(event) for event in events))
    app = typer.Typer()
    app.command()(validate)
    result = CliRunner().invoke(app, [str(file)])
    assert (result.exit_code, result.output.splitlines()[-1]) == (0, f"{len(events):,} accepted, 0 rejected")
