"""An ASGI application behind a real socket: uvicorn in a thread, on a free loopback port."""

import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import uvicorn
from fastapi import FastAPI

from services.local.ports import free_ports


@contextmanager
def served(app: FastAPI, port: int | None = None) -> Iterator[str]:
    """The address, without a path."""
    with running(app, {"port": port or free_ports(1)[0]}) as url:
        yield url


@contextmanager
def running(app: FastAPI, options: Mapping[str, Any]) -> Iterator[str]:
    """The same with options of uvicorn, its port among them."""
    quiet = {"log_level": "critical", "access_log": False, "timeout_graceful_shutdown": 2}
    server = uvicorn.Server(uvicorn.Config(app, **{**options, **quiet}))
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    while not server.started:
        assert thread.is_alive()
        time.sleep(0.01)
    try:
        yield f"http://127.0.0.1:{server.config.port}"
    finally:
        server.should_exit = True
        thread.join()
