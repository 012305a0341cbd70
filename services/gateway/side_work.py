"""Work that takes long, in processes beside the one that takes events: intake goes on at its own speed.

A process is started when it is first needed; reading the plan takes it some seconds, once. It has a lower priority than
intake, and a time limit for each piece of work.
"""

import logging
import os
import signal
from collections.abc import Callable
from types import FrameType
from typing import Any, Final, NamedTuple, NoReturn, Protocol, TypeVar

from anyio import BrokenWorkerProcess, CapacityLimiter, fail_after, to_process

from services.domain.judging.quarantine import cause_of
from services.gateway.problems import Problem

log: Final = logging.getLogger("services.gateway")

SECONDS: Final = 10.0
"""How long one piece of work may take."""
_AWAY_SECONDS: Final = 60.0
"""With waiting and the start of a process. A process that has not answered by then is killed."""
_NICE: Final = 10

T = TypeVar("T")


class SideWork(Protocol):
    """Who does the work."""

    async def run(self, function: Callable[..., T], *args: Any) -> T:
        """What a function returns; it is one of a module, and its arguments can be pickled. Raises Problem (503) where
        it takes too long, and the errors that are expected of it."""


class _Expired(BaseException):
    """The time is up. Not an Exception: nothing that is worked on takes it for an error of its own."""


class _TookTooLong(Exception):
    """As it is sent to the process that waits."""


class _Failed(Exception):
    """An error that is not foreseen: its type and place. Its text may hold a payload and stays where it is."""


class Preparation(NamedTuple):
    """What a process has to know of its work. It can be pickled."""

    prepare: Callable[[], object]
    """Called before each piece of work, outside of the time limit."""
    expected: tuple[type[Exception], ...]
    """Errors with a sentence that are raised where the work was asked for. Any other is a defect."""
    seconds: float = SECONDS
    """How long one piece of work may take."""


class Processes:
    """So many processes; who comes when all are taken waits. How many may come at once is for the routes: each question
    has a place (`Handling`)."""

    def __init__(self, preparation: Preparation, seats: int) -> None:
        self._preparation = preparation
        self._seats = seats
        self._seconds = preparation.seconds
        self._limiter: CapacityLimiter | None = None

    async def run(self, function: Callable[..., T], *args: Any) -> T:
        """See SideWork."""
        if self._limiter is None:
            self._limiter = CapacityLimiter(self._seats)
        try:
            with fail_after(_AWAY_SECONDS):
                work = self._preparation, function, args
                return await to_process.run_sync(_work, *work, cancellable=True, limiter=self._limiter)
        except (_TookTooLong, TimeoutError):
            raise _took_too_long(self._seconds) from None
        except (BrokenWorkerProcess, _Failed) as error:
            log.critical("work beside intake failed: %s", error if isinstance(error, _Failed) else type(error).__name__)
            raise Problem(503, "unavailable", "the question was not answered", "ask again later", 5) from None


def _took_too_long(seconds: float) -> Problem:
    remedy = "send fewer events at once, or ask again later"
    return Problem(503, "too_long", f"the answer took more than {seconds:g} s", remedy, seconds)


def _work(preparation: Preparation, function: Callable[..., T], args: tuple[Any, ...]) -> T:
    """In the process."""
    try:
        os.nice(max(0, _NICE - os.nice(0)))
        preparation.prepare()
        signal.signal(signal.SIGALRM, _expire)
        try:
            signal.setitimer(signal.ITIMER_REAL, preparation.seconds)
            return function(*args)
        finally:
            signal.setitimer(signal.ITIMER_REAL, 0)
    except _Expired:
        raise _TookTooLong from None
    except preparation.expected as error:
        raise type(error)(str(error)) from None
    except Exception as error:
        raise _Failed(cause_of(error)) from None


def _expire(number: int, frame: FrameType | None) -> NoReturn:
    raise _Expired
