"""Loopback ports: which are free, and who holds one that is not."""

import contextlib
import random
import socket
import sys

import psutil

EPHEMERAL = range(32768, 61000)
"""Linux takes client ports from here: a listener inside can lose its port to an outgoing connection."""

_CHOICE = range(20000, 32768)

_reserved: list[socket.socket] = []
"""What this process has chosen; the system frees it when the process ends."""


def is_free(port: int) -> bool:
    """True if a listener on 127.0.0.1 could be opened now."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


def is_open(port: int) -> bool:
    """True if something on 127.0.0.1 accepts a connection now (which does not yet mean that it is ready)."""
    with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
        return True
    return False


def _reserve(port: int) -> bool:
    """True if nobody has the port, by listening or by having chosen it. It is this process's from now on: Linux lets
    a listener with SO_REUSEADDR open it beside a socket that is bound and does not listen. Other systems do not."""
    probe = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    try:
        probe.bind(("127.0.0.1", port))
    except OSError:
        probe.close()
        return False
    if sys.platform == "linux":
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        _reserved.append(probe)
    else:
        probe.close()
    return True


def free_ports(count: int) -> list[int]:
    """`count` different ports below the ephemeral range that nobody listens on. On Linux no other process is given
    them while this one lives. Raises OSError."""
    chosen: list[int] = []
    for port in random.sample(_CHOICE, len(_CHOICE)):
        if _reserve(port):
            chosen.append(port)
        if len(chosen) == count:
            return chosen
    raise OSError(f"no {count} free ports between {_CHOICE.start} and {_CHOICE.stop - 1} on 127.0.0.1")


def holder_of(port: int) -> str:
    """Who listens on the port, for a person to read: `process java (pid 4528)`, or that it is not known."""
    with contextlib.suppress(psutil.AccessDenied):
        for connection in psutil.net_connections(kind="tcp"):
            if connection.laddr and connection.laddr.port == port and connection.status == psutil.CONN_LISTEN:
                if connection.pid is None:
                    break
                with contextlib.suppress(psutil.NoSuchProcess):
                    return f"process {psutil.Process(connection.pid).name()} (pid {connection.pid})"
    return "a process that this user may not see"
