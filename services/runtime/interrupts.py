"""Ctrl-C, SIGTERM and a closed terminal end a command within a second: half-written files are removed, started
processes end, and no traceback is shown.

The signal raises an exception, so that every block on the way cleans up. Then the process ends at once. Where cleaning
up takes longer (a library that waits for its threads), a timer does the most important steps and ends the process.
"""

import contextlib
import multiprocessing
import os
import signal
import sys
import threading
from collections.abc import Iterator
from types import FrameType

from services.runtime import atomic_file

ENDS_WITHIN_SECONDS = 0.8
_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
_SHOW_CURSOR = "\x1b[?25h"


class Interrupts:
    """The signals that have arrived."""

    def __init__(self) -> None:
        self.exit_code: int | None = None
        """128 + the number of the signal, as shells have it (130 for Ctrl-C); None before one has come."""

    def note(self, number: int, frame: FrameType | None) -> None:
        """Raises KeyboardInterrupt, once: a second Ctrl-C must not disturb what the first has begun."""
        for each in _SIGNALS:
            signal.signal(each, signal.SIG_IGN)
        self.exit_code = 128 + number
        timer = threading.Timer(ENDS_WITHIN_SECONDS, _end_now, (self.exit_code,))
        timer.daemon = True
        timer.start()
        raise KeyboardInterrupt


@contextlib.contextmanager
def ending_on_signals() -> Iterator[Interrupts]:
    """Within the block such a signal raises KeyboardInterrupt, and after the block the process ends. Signals that the
    shell set to be ignored (`nohup`, `&`) stay ignored."""
    interrupts = Interrupts()
    if threading.current_thread() is not threading.main_thread():
        yield interrupts
        return
    before = {each: signal.getsignal(each) for each in _SIGNALS}
    for each, handler in before.items():
        if handler is not signal.SIG_IGN:
            signal.signal(each, interrupts.note)
    try:
        yield interrupts
    finally:
        if interrupts.exit_code is not None:
            _end_now(interrupts.exit_code)
        for each, handler in before.items():
            signal.signal(each, handler)


def _end_now(exit_code: int) -> None:
    with contextlib.suppress(Exception):
        atomic_file.release()
    with contextlib.suppress(Exception):
        for child in multiprocessing.active_children():
            child.kill()
    with contextlib.suppress(Exception):
        if sys.stderr.isatty():
            os.write(sys.stderr.fileno(), _SHOW_CURSOR.encode())
    os._exit(exit_code)
