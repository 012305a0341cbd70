"""What the test of work beside intake lets its processes do. Nothing is imported: each process reads this module."""

import os
import signal
import time


class Known(Exception):
    """An error that is expected."""


def nothing() -> None:
    """There is nothing to prepare."""


def slow_start() -> None:
    time.sleep(1)


def who() -> tuple[int, int]:
    return os.getpid(), os.nice(0)


def endless() -> None:
    """It takes every error for its own."""
    while True:
        try:
            sum(range(1_000))
        except Exception:
            continue


def unforeseen(text: str) -> None:
    raise ArithmeticError(text)


def known() -> None:
    raise Known("there is none")


def dies() -> None:
    os.kill(os.getpid(), signal.SIGKILL)
