"""A process of ours that is told to end has ended ten seconds later, whatever it waits for.

In order where that is quick. Else at once, which is no worse than a crash: all that counts is in Kafka, or is made
anew.
"""

import os
import signal
import sys
import threading

ENDS_WITHIN_SECONDS = 8.0
"""After SIGTERM; those who send it (compose, systemd, `kpiwatch up`) wait for ten at least."""


def end_soon(number: int, seconds: float = ENDS_WITHIN_SECONDS) -> None:
    """For a handler of a signal: a thread ends the process, should nothing else have done so by then."""
    timer = threading.Timer(seconds, _end_now, (number, seconds))
    timer.daemon = True
    timer.start()


def _end_now(number: int, seconds: float) -> None:
    name = signal.Signals(number).name
    text = f"{name} came {seconds:.0f} s ago and the work in hand is not done: the process ends; the next one goes on\n"
    os.write(sys.__stderr__.fileno() if sys.__stderr__ else 2, text.encode())
    os._exit(128 + number)
