"""The lock of a plan: what each version of a promise said when it came into force.

A change is a new version with its own date, never an edit of a version in force (rule 11). `plan.lock` keeps a
line per version, `"K06-1 2021-08-20" = "<SHA-256>"`, with the end date behind it once there is one. An end date (the
last day on which a version binds) may be added while it lies ahead: that is how a version makes room for the next.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from datetime import date
from pathlib import Path

from services.catalog.load.plan_folder import Located, Problem, digest_of
from services.domain.plan.plan import Promise
from services.runtime.text_file import parsed_toml, read_text

LOCK = "plan.lock"
_HEAD = """\
# What each version of a promise said when it came into force. Written by `kpiwatch plan check DIR --write-lock`.
# A version in force is not edited: give it an effective_to and add a new entry with its own effective_from.
"""


def version_of(promise: Promise) -> str:
    """The name of a version: `K24-1/cases 2021-08-20`."""
    return f"{promise.key} {promise.effective_from.isoformat()}"


def _kept(promise: Promise) -> str:
    ends = f" until {promise.effective_to.isoformat()}" if promise.effective_to else ""
    return f"{digest_of(promise)}{ends}"


def read_lock(folder: Path) -> Mapping[str, str]:
    """Version → what it was locked to; empty if the plan has no lock. ValueError if it is not readable."""
    path = folder / LOCK
    if not path.exists():
        return {}
    try:
        lines = parsed_toml(read_text(path))
    except (ValueError, OSError) as error:
        raise ValueError(f"is not a lock file: {error}; take it from version control") from error
    if not all(
        isinstance(kept, str) and re.fullmatch(r"[0-9a-f]{64}( until \d{4}-\d\d-\d\d)?", kept)
        for kept in lines.values()
    ):
        raise ValueError("is not a lock file: take it from version control")
    return lines


def broken(folder: Path, promises: Sequence[Located[Promise]], today: date) -> Iterator[Problem]:
    """Versions in force today that are not what they were when locked, or that are gone."""
    path = folder / LOCK
    try:
        lock = read_lock(folder)
    except ValueError as error:
        yield Problem(path, (), str(error))
        return
    if not lock:
        return
    seen = set()
    for located in promises:
        promise, version = located.entry, version_of(located.entry)
        seen.add(version)
        if promise.effective_from > today:
            continue
        if version not in lock:
            yield Problem(located.file, located.place, f"{version} is in force and not locked: run with --write-lock")
            continue
        yield from _edits(located, lock[version], today)
    for version in sorted(lock.keys() - seen):
        if date.fromisoformat(version.rpartition(" ")[2]) <= today:
            yield Problem(path, (version,), "was in force and is gone: put it back and give it an effective_to")


def _edits(located: Located[Promise], kept: str, today: date) -> Iterator[Problem]:
    promise = located.entry
    digest, _, until = kept.partition(" until ")
    if digest_of(promise) != digest:
        sentence = "was edited while in force: put it back, give it an effective_to, and add a new version beside it"
        yield Problem(located.file, located.place, sentence)
    ended = date.fromisoformat(until) if until else None
    moved = promise.effective_to != ended
    past = [end for end in (promise.effective_to, ended) if end and end < today]
    if moved and past:
        sentence = f"the end of a version lies ahead: {today} or later, not {past[0]}"
        yield Problem(located.file, (*located.place, "effective_to"), sentence)


def write_lock(folder: Path, promises: Sequence[Located[Promise]]) -> int:
    """Write the lock of a plan that was checked; how many versions it keeps."""
    lines = sorted(f'"{version_of(located.entry)}" = "{_kept(located.entry)}"' for located in promises)
    (folder / LOCK).write_text(_HEAD + "\n".join(lines) + "\n", encoding="utf-8")
    return len(lines)
