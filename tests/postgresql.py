"""A PostgreSQL server of the tests' own: on a free loopback port, in a temporary folder, gone with the run."""

import os
import pwd
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg

from services.local.ports import free_ports

_START_SECONDS = 120
_QUICK = ("fsync=off", "synchronous_commit=off", "full_page_writes=off", "max_connections=20", "shared_buffers=32MB")


class NotInstalled(Exception):
    """This machine has no PostgreSQL."""


@contextmanager
def postgresql() -> Iterator[str]:
    """The address of an empty database. Raises NotInstalled."""
    initdb, postgres = _programs()
    folder = Path(tempfile.mkdtemp(prefix="kpiwatch-postgresql-"))
    user = _user()
    try:
        if user is not None:
            shutil.chown(folder, user)
        data, (port,) = folder / "data", free_ports(1)
        _run([initdb, "-D", data, "-U", "kpiwatch", "-A", "trust", "-E", "UTF8", "--locale=C", "--no-sync"], user)
        settings = [part for each in _QUICK for part in ("-c", each)]
        command = [*map(str, (postgres, "-D", data, "-h", "127.0.0.1", "-p", port, "-k", "")), *settings]
        with (folder / "log").open("wb") as log:
            server = subprocess.Popen(command, stdout=log, stderr=log, user=user, cwd=folder)
        try:
            address = f"postgresql://kpiwatch@127.0.0.1:{port}/postgres"
            _wait_for(address, server)
            yield address
        finally:
            server.send_signal(signal.SIGINT)  # ends its sessions
            server.wait(30)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _programs() -> tuple[Path, Path]:
    """initdb and postgres: on the path, else where Debian has them."""
    folders = sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True)
    path = os.pathsep.join([os.environ.get("PATH", ""), *map(str, folders)])
    initdb, postgres = shutil.which("initdb", path=path), shutil.which("postgres", path=path)
    if initdb is None or postgres is None:
        raise NotInstalled(
            "PostgreSQL is not installed: `apt-get install postgresql` (its own server need not run), or put initdb "
            "and postgres on the path"
        )
    return Path(initdb), Path(postgres)


def _user() -> str | None:
    """PostgreSQL does not run as root: another user then."""
    if os.geteuid():
        return None
    names = {each.pw_name for each in pwd.getpwall()}
    return "postgres" if "postgres" in names else "nobody"


def _run(command: list[object], user: str | None) -> None:
    done = subprocess.run([*map(str, command)], user=user, cwd="/", capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(done.stderr)


def _wait_for(address: str, server: subprocess.Popen[bytes]) -> None:
    until = time.monotonic() + _START_SECONDS
    while True:
        try:
            psycopg.connect(address, connect_timeout=5).close()
            return
        except psycopg.OperationalError:
            if server.poll() is not None or time.monotonic() > until:
                raise
            time.sleep(0.2)
