"""A process that gets a signal to end has ended ten seconds later, whatever it waits for.

Where an orderly end is quick, it ends in order. Otherwise it is ended at once. That is no worse than a crash: all that
counts is in Kafka, or can be computed again.
"""

import os
import signal
import sys
import threading

ENDS_WITHIN_SECONDS = 8.0
"""After SIGTERM. Compose, systemd and `kpiwatch up`, which send it, wait for ten seconds at least."""


def end_soon(number: int, seconds: float = ENDS_WITHIN_SECONDS) -> None:
    """For a signal handler: a thread ends the process after this time, unless it has ended by then."""
    timer = threading.Timer(seconds, _end_now, (number, seconds))
    timer.daemon = True
    timer.start()


def _end_now(number: int, seconds: float) -> None:
    name = signal.Signals(number).name
    text = f"{name} came {seconds:.0f} s ago and the work in hand is not done: the process ends; the next one goes on\n"
    os.write(sys.__stderr__.fileno() if sys.__stderr__ else 2, text.encode())
    os._exit(128 + number)
