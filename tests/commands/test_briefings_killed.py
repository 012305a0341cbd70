"""The process that sends briefings is killed in between; the mail server is a real one that delivers nothing."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from services.local.message_doubles.faults import Fault, Mode
from tests.unit.message_doubles import Doubles
from tests.unit.test_briefings_sent import doubles, mails

ROOT = Path(__file__).parents[2]
PROCESS = """
import sys
from pathlib import Path
from services.catalog.load.plan_folder import load_plan
from services.runtime.settings import Settings
from tests.unit.test_briefings_sent import Written, at, office
office(load_plan(Settings().plan), Path(sys.argv[1]), Written()).look(at("2021-11-01T08:00"))
"""
__all__ = ["doubles"]


def killed_once(folder: Path, condition: Callable[[], bool]) -> None:
    """Starts a process that sends, and kills it once something is true; then one runs to its end."""
    command, environment = [sys.executable, "-c", PROCESS, str(folder)], {**os.environ, "PYTHONPATH": str(ROOT)}
    process = subprocess.Popen(command, cwd=ROOT, env=environment)
    until = time.monotonic() + 120
    while not condition():
        assert process.poll() is None and time.monotonic() < until
        time.sleep(0.002)
    process.send_signal(signal.SIGKILL)
    process.wait(60)
    subprocess.run(command, cwd=ROOT, env=environment, check=True, timeout=120)


@pytest.mark.slow
def test_a_kill_between_two_recipients_repeats_nothing_and_loses_nothing(doubles: Doubles, tmp_path: Path) -> None:
    doubles.desk.faults.switch("email", Fault(Mode.SLOW, seconds=0.5))  # time to kill it before the next one
    sent = tmp_path / "briefings" / "day-2021-10-31-zh.sent.json"
    killed_once(tmp_path, lambda: sent.exists() and bool(json.loads(sent.read_bytes())))
    assert sorted(mails(doubles).values()) in ([1, 1, 1], [1, 1, 2]), "the second one may have been on its way"
    assert sum(count for (to, _), count in mails(doubles).items() if to == "office") == 2


@pytest.mark.slow
def test_a_kill_before_the_answer_of_the_mail_server_repeats_one_mail_under_its_message_id(
    doubles: Doubles, tmp_path: Path
) -> None:
    """No protocol of mail can do better: by the same Message-ID the reader's program finds the repeat."""
    doubles.desk.faults.switch("email", Fault(Mode.SLOW, times=1, seconds=20))
    killed_once(tmp_path, lambda: bool(doubles.texts("email")))
    arrived = doubles.desk.arrivals.all("email")
    assert sorted(mails(doubles).values()) == [1, 1, 2]
    assert len({one.key for one in arrived}) == 3 == len({(one.to, one.text) for one in arrived})
