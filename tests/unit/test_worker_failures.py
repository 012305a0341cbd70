"""How a worker died, as its next start, the health check and a reader of worker.failures see it."""

import os
import time
from pathlib import Path

import orjson
import pytest

from services.messaging.records.worker_failures import decode as read_failure
from services.runtime import readiness, worker_failures
from services.runtime.clock import Clock
from services.runtime.worker_failures import REPEATED, WITHOUT_A_WORD, FailureFile, ForeseenEnd, WorkerFailure, cause_of


def worker(state: Path) -> FailureFile:
    return FailureFile(state, "cases-1", "cases")


def an_error() -> Exception:
    """Raised in our code, with a text that quotes what must not be seen."""
    try:
        Clock.simulated(Path("secret-W-1")).now()
    except FileNotFoundError as error:
        return error
    raise AssertionError


def dies(state: Path, *errors: BaseException) -> WorkerFailure | None:
    """The worker starts and dies of each error; what its next start finds."""
    for error in errors:
        one = worker(state)
        one.begin()
        one.died(error)
    return worker(state).begin()


def test_a_cause_is_the_class_and_the_innermost_place_in_our_code_and_no_text_of_the_error() -> None:
    name, cause = cause_of(an_error())
    assert name == cause
    assert cause.startswith("FileNotFoundError at services/runtime/clock.py:")
    assert "secret" not in cause
    assert cause_of(KeyError("secret"))[1] == "KeyError"


def test_the_cause_of_a_foreseen_end_is_its_sentence_and_its_figures_make_no_other_cause(tmp_path: Path) -> None:
    ends = [ForeseenEnd(f"{share} % were refused. Look at them") for share in (51, 57, 60)]
    found = dies(tmp_path, *ends)
    assert found is not None
    assert (found.times, found.cause) == (3, "60 % were refused. Look at them")


@pytest.mark.parametrize(
    ("error", "cause"),
    [
        (SystemExit(), "SystemExit"),
        (SystemExit(""), "SystemExit"),
        (SystemExit(2), "2"),
        (ForeseenEnd(), "ForeseenEnd"),
        (ForeseenEnd(" \n"), "ForeseenEnd"),
        (ForeseenEnd("no \udcff file"), "no ? file"),
        (SystemExit("no \udcff file"), "no ? file"),
    ],
)
def test_an_end_without_a_sentence_or_with_half_a_character_is_noted_all_the_same(
    tmp_path: Path, error: BaseException, cause: str
) -> None:
    """What happens in here would hide the error of which the worker dies."""
    found = dies(tmp_path, error, error)
    assert found is not None and (found.times, found.cause) == (2, cause)


def test_equal_causes_in_a_row_are_counted_and_another_begins_anew(tmp_path: Path) -> None:
    again = dies(tmp_path, an_error(), an_error(), an_error())
    assert again is not None and again.times == 3 and again.since <= again.last
    other = dies(tmp_path, KeyError())
    assert other is not None and (other.times, other.cause) == (1, "KeyError")


def test_a_process_that_was_killed_has_left_its_mark(tmp_path: Path) -> None:
    for _ in range(3):
        worker(tmp_path).begin()
    found = worker(tmp_path).begin()
    assert found is not None and (found.times, found.cause) == (3, WITHOUT_A_WORD)


def test_a_worker_that_was_asked_to_stop_has_not_died(tmp_path: Path) -> None:
    for _ in range(4):
        one = worker(tmp_path)
        assert one.begin() is None
        one.ended()


def test_a_worker_works_once_it_has_lived_for_clearly_longer_than_when_it_died(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One that reads a backlog for two minutes each time, up to the same record, is not well after one."""
    now = time.time()
    monkeypatch.setattr(time, "time", lambda: now)
    first = worker(tmp_path)
    first.begin()
    now += 120
    first.died(KeyError())
    second = worker(tmp_path)
    second.begin()
    now += 200
    assert not second.works
    now += 100
    assert second.works
    second.forget()
    assert worker_failures.read(tmp_path, "cases-1") is None


def test_the_health_check_says_from_the_third_time_on_that_it_dies_again_and_again(tmp_path: Path) -> None:
    dies(tmp_path, *[an_error()] * (REPEATED - 1))
    assert readiness.of_worker(tmp_path, "cases-1") == "it has not said anything yet"
    (tmp_path / "cases-1.running").unlink()
    dies(tmp_path, an_error())
    said = readiness.of_worker(tmp_path, "cases-1")
    assert said.startswith("it has not said anything yet; it has died 3 times in a row: FileNotFoundError at services/")


@pytest.mark.parametrize(
    "content", [b"", b"{", b"[]", b'{"times": 9}', b"\xff", b'{"name": 1, "times": "x", "lived": -1}', b"[" * 3000]
)
def test_files_that_are_not_what_they_were_keep_no_worker_from_starting(tmp_path: Path, content: bytes) -> None:
    for name in ("failures", "running", "ready"):
        (tmp_path / f"cases-1.{name}").write_bytes(content)
    readiness.of_worker(tmp_path, "cases-1")
    found = dies(tmp_path, KeyError())
    assert found is not None and (found.times, found.cause) == (1, "KeyError")


def test_a_state_folder_that_cannot_be_written_keeps_no_worker_from_starting(tmp_path: Path) -> None:
    (tmp_path / "state").write_text("a file")
    one = worker(tmp_path / "state")
    assert one.begin() is None
    one.died(KeyError())


def test_what_is_published_is_read(tmp_path: Path) -> None:
    found = dies(tmp_path, KeyError())
    assert found is not None
    assert read_failure(orjson.dumps(found._asdict())) == found
    assert os.listdir(tmp_path)
