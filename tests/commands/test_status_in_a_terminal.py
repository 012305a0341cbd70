"""`kpiwatch status --watch` in a real terminal and through pipes: it draws again, and ends cleanly. The topics are read
from memory."""

import fcntl
import os
import pty
import re
import select
import signal
import struct
import subprocess
import sys
import termios
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from rich.cells import cell_len

ROOT = Path(__file__).parents[2]
PLAN = ROOT / "services" / "catalog" / "jiangbei-2021"

PROGRAM = '''
import sys
from pathlib import Path
import orjson
from services.cli import status_reading
from services.cli.__main__ import main
from services.domain.results.published import ValueRow
from services.messaging.reader import Record

class Topics:
    """What the flag says: nothing, a later time (`same`), or another figure (`other`)."""
    caught_up = True
    def __init__(self, bootstrap, topics):
        self.said = None
    def close(self):
        pass
    def poll(self, wait):
        import time
        flag = Path(sys.argv[1]).read_text().strip()
        if flag == self.said:
            time.sleep(min(wait, 0.05))
            return []
        self.said = flag
        met = 47 if flag == "other" else 48
        cells = dict.fromkeys(ValueRow._fields, "") | {
            "kpi": "K06-1", "variant": "official", "unit": "ALL", "item": "-", "window": "year", "state": "missed",
            "value": str(met / 50), "numerator": str(met), "denominator": "50", "n": "50", "lower": "0",
            "window_end": "2021-11-01T00:00:00+08:00",
        }
        times = {"computed_at": "2021-11-01T00:00:00+08:00", "watermark": f"2021-10-31T23:{10 + len(flag)}:00+08:00"}
        return [Record("kpi.values", 0, 0, b"K06-1|official|ALL|-|year", orjson.dumps(cells | times))]

status_reading.TopicReader = Topics
main(["status", "--watch", *sys.argv[2:]])
'''


@pytest.fixture
def flag(tmp_path: Path) -> Path:
    found = tmp_path / "flag"
    found.write_text("first")
    return found


def environment() -> dict[str, str]:
    """Without the size that the caller's terminal has: a size that is said holds for good."""
    ours = {name: value for name, value in os.environ.items() if name not in ("COLUMNS", "LINES")}
    return {**ours, "KPIWATCH_PLAN": str(PLAN), "TERM": "xterm-256color", "PYTHONPATH": str(ROOT)}


class Terminal:
    """A command in a terminal of its own."""

    def __init__(self, flag: Path, width: int, height: int, *options: str) -> None:
        self._main, inside = pty.openpty()
        self.resize(width, height)
        self.process = subprocess.Popen(
            [sys.executable, "-c", PROGRAM, str(flag), *options],
            stdin=inside, stdout=inside, stderr=inside, cwd=ROOT, env=environment(), start_new_session=True,
            preexec_fn=lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0),
        )  # fmt: skip
        os.close(inside)
        self.written = ""

    def resize(self, width: int, height: int) -> None:
        fcntl.ioctl(self._main, termios.TIOCSWINSZ, struct.pack("HHHH", height, width, 0, 0))

    def press(self, keys: bytes) -> None:
        os.write(self._main, keys)

    def until(self, text: str, seconds: float = 60) -> str:
        """What was written since the last call, up to a text."""
        end, since = time.monotonic() + seconds, len(self.written)
        while text not in self.written[since:]:
            assert time.monotonic() < end, self.written[since:]
            self._read()
        return self.written[since:]

    def rest(self) -> str:
        """What was written until the command ended."""
        since = len(self.written)
        while self._read():
            pass
        return self.written[since:]

    def _read(self) -> bool:
        if select.select([self._main], [], [], 0.5)[0]:
            try:
                self.written += os.read(self._main, 65_536).decode()
            except OSError:  # the other end is closed
                return False
        return True

    def close(self) -> None:
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()
        os.close(self._main)


@pytest.fixture
def terminal(flag: Path) -> Iterator[Terminal]:
    found = Terminal(flag, 80, 24)
    yield found
    found.close()


def plain(text: str) -> str:
    return re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", text)


def test_a_terminal_shows_each_change_at_its_place_and_is_as_before_after_ctrl_c(
    terminal: Terminal, flag: Path
) -> None:
    assert "\x1b[?1049h" in terminal.until("超出2件")  # on a screen of its own
    flag.write_text("other")
    terminal.until("超出3件")
    terminal.resize(120, 40)
    wider = plain(terminal.until("超出3件"))
    assert max(cell_len(line.rstrip()) for line in wider.splitlines()) > 80
    terminal.press(b"\x03")
    rest = terminal.rest()
    assert terminal.process.wait(10) == 130
    assert "\x1b[?1049l" in rest and "Traceback" not in rest
    left = [line.rstrip() for line in plain(rest.rpartition("\x1b[?1049l")[2]).splitlines() if line.strip()]
    assert left[0].startswith("全区：") and left[0] == left[-1]  # what was shown last stays
    assert any("94 %" in line and "超出3件" in line for line in left)


def test_a_small_terminal_takes_a_whole_page(flag: Path) -> None:
    small = Terminal(flag, 80, 24, "--language", "en")
    try:
        page = plain(small.until("2 too many"))
        small.press(b"\x03")
        small.rest()
        lines = [line.rstrip() for line in page.splitlines()]
        assert max(map(cell_len, lines)) <= 80 and len(lines) <= 25
    finally:
        small.close()


def start(flag: Path) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", PROGRAM, str(flag)], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=ROOT,
        env=environment(),
    )  # fmt: skip


def lines_until(process: subprocess.Popen[str], text: str) -> list[str]:
    assert process.stdout is not None
    found: list[str] = []
    while not (found and text in found[-1]):
        line = process.stdout.readline()
        assert line, found
        found.append(line)
    return found


def test_through_a_pipe_each_change_is_printed_once(flag: Path) -> None:
    process = start(flag)
    try:
        lines_until(process, "超出2件")
        flag.write_text("same")  # a later time is no change
        time.sleep(1.5)
        flag.write_text("other")
        page = "".join(lines_until(process, "超出3件"))
        assert page.count("超出2件") == 0 and "\x1b" not in page
        process.send_signal(signal.SIGINT)
        _, errors = process.communicate(timeout=10)
        assert process.returncode == 130 and errors == ""
    finally:
        process.kill()
        process.wait()


def test_it_ends_when_nobody_reads_on(flag: Path) -> None:
    process = start(flag)
    try:
        lines_until(process, "超出2件")
        assert process.stdout is not None and process.stderr is not None
        process.stdout.close()
        assert process.wait(20) == 0
        assert process.stderr.read() == ""
    finally:
        process.kill()
        process.wait()
        assert process.stderr is not None
        process.stderr.close()
