"""An end for a call of which the other side sends a byte now and then: each wait for the network is short, and all of
them together would never end."""

import socket
import threading
from contextlib import suppress
from types import TracebackType
from typing import Self


class Deadline:
    """Ends the connections that it watches after some seconds: whoever waits for one gets an error of the network."""

    def __init__(self, seconds: float) -> None:
        self._timer = threading.Timer(seconds, self._end)
        self._timer.daemon = True
        self._lock = threading.Lock()
        self._watched: list[socket.socket] = []
        self._is_over = False

    def __enter__(self) -> Self:
        self._timer.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._timer.cancel()

    def watch(self, connection: socket.socket) -> None:
        """From now on it is ended with the others."""
        with self._lock:
            self._watched.append(connection)
            if self._is_over:
                _end(connection)

    def _end(self) -> None:
        with self._lock:
            self._is_over = True
            for connection in self._watched:
                _end(connection)


def _end(connection: socket.socket) -> None:
    with suppress(OSError):  # of the plain socket: the one of TLS may be in use
        socket.socket.shutdown(connection, socket.SHUT_RDWR)
