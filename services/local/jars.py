"""Apache Kafka's jars, as locked in `kafka-jars.txt`: fetched once by jgo into the project's own folder, with SHA-256.

`python -m services.local.jars` resolves the coordinates anew and rewrites the lock; a start only fetches what it says.
"""

import fcntl
import hashlib
import shutil
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor, as_completed
from contextlib import contextmanager
from pathlib import Path

import requests
from jgo.maven import MavenContext

from services.local.failures import PartUnavailable

COORDINATES = (
    "org.apache.kafka:kafka-clients:4.3.1",
    "org.apache.kafka:kafka_2.13:4.3.1",
    "org.apache.kafka:kafka-tools:4.3.1",
    "org.slf4j:slf4j-simple:1.7.36",
)
LOCK = Path(__file__).with_name("kafka-jars.txt")

Progress = Callable[[str, int, int], None]
"""Called with what is being done, how much of it is done, and of how much."""


def silent(what: str, done: int, of: int) -> None:
    """A `Progress` for callers nobody watches."""


def fetch(cache: Path, progress: Progress = silent) -> list[Path]:
    """The jars of the lock below `cache`, fetching those that are not there; raises PartUnavailable.

    Several processes may ask at once: one fetches, the others wait. The user's home folder is never touched.
    """
    folder = cache.absolute() / "jars"
    folder.mkdir(parents=True, exist_ok=True)
    locked = _locked()
    with one_at_a_time(folder / ".lock"):
        wanted = {folder / f"{name.split(':')[1]}-{name.split(':')[2]}.jar": (name, digest) for name, digest in locked}
        missing = [(jar, *origin) for jar, origin in wanted.items() if not jar.exists()]
        progress("Apache Kafka", len(wanted) - len(missing), len(wanted))
        context = MavenContext(repo_cache=folder / "m2", timeout=60)
        with ThreadPoolExecutor(6) as pool:
            fetches = [pool.submit(_fetch_one, context, *one) for one in missing]
            try:
                for done, one in enumerate(as_completed(fetches), start=1):
                    one.result()
                    progress("Apache Kafka", len(wanted) - len(missing) + done, len(wanted))
            except BaseException:
                pool.shutdown(wait=False, cancel_futures=True)
                raise
        shutil.rmtree(context.repo_cache, ignore_errors=True)
    return list(wanted)


def _fetch_one(context: MavenContext, jar: Path, name: str, digest: str) -> None:
    group, artifact, version = name.split(":")
    try:
        fetched = context.project(group, artifact).at_version(version).artifact().resolve()
    except (requests.RequestException, RuntimeError, OSError) as error:
        raise PartUnavailable(
            "Apache Kafka",
            f"{name} could not be fetched ({type(error).__name__}: {error})",
            "Look at the network connection to the Maven repository and start again: what is there is kept",
        ) from error
    found = _sha256(fetched)
    if found != digest:
        fetched.unlink()
        raise PartUnavailable(
            "Apache Kafka",
            f"{name} has SHA-256 {found}, the lock says {digest}",
            "Start again; if it stays, something between here and the Maven repository changes files",
        )
    fetched.rename(jar)


def _locked() -> list[tuple[str, str]]:
    lines = (line.split() for line in LOCK.read_text().splitlines() if line and not line.startswith("#"))
    return [(name, digest) for name, digest in lines]


def _sha256(file: Path) -> str:
    return hashlib.sha256(file.read_bytes()).hexdigest()


@contextmanager
def one_at_a_time(file: Path) -> Iterator[None]:
    """Lets one process of this machine in; the others wait. The system lets go of it when the holder dies."""
    with file.open("w") as handle:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield


def lock(cache: Path) -> str:
    """The text of the lock for COORDINATES. Kafka Connect is left out: a broker does not need it."""
    context = MavenContext(repo_cache=cache.absolute() / "jars" / "m2", timeout=60)
    connect = context.project("org.apache.kafka", "connect-runtime")
    asked = [context.create_dependency(one, exclusions=[connect]) for one in COORDINATES]
    direct, transitive = context.resolver.resolve(asked)
    chosen = [*direct, *(one for one in transitive if one.scope in ("compile", "runtime"))]
    rows = sorted(f"{one.groupId}:{one.artifactId}:{one.version} {_sha256(one.artifact.resolve())}\n" for one in chosen)
    return "# Written by `python -m services.local.jars` from COORDINATES there.\n" + "".join(rows)


if __name__ == "__main__":
    LOCK.write_text(lock(Path(".kpiwatch/cache")))
