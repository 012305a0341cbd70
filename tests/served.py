"""An ASGI application behind a real socket: uvicorn in a thread, on a free loopback port."""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

import uvicorn
from fastapi import FastAPI

from services.local.ports import free_ports


@contextmanager
def served(app: FastAPI, port: int | None = None) -> Iterator[str]:
    """The address, without a path."""
    number = port or free_ports(1)[0]
    server = uvicorn.Server(uvicorn.Config(app, port=number, log_level="critical", access_log=False))
    server.config.timeout_graceful_shutdown = 2
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    while not server.started:
        assert thread.is_alive()
        time.sleep(0.01)
    try:
        yield f"http://127.0.0.1:{number}"
    finally:
        server.should_exit = True
        thread.join()
