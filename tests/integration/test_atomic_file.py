"""A file that is there only once it is whole."""

import gzip
import os
import subprocess
import sys
from pathlib import Path

import pytest

from services.runtime.atomic_file import BeingWritten, atomic_file, claim, release

WRITES = """
import sys, time
from pathlib import Path
from services.runtime.atomic_file import atomic_file
with atomic_file(Path(sys.argv[1])) as sink:
    sink.write(b"half of another")
    sink.flush()
    print("writing", flush=True)
    time.sleep(600)
"""


@pytest.mark.parametrize("name", ["values.csv", "values.csv.gz"])
def test_who_is_cut_off_leaves_what_was_there(name: str, tmp_path: Path) -> None:
    path = tmp_path / name
    for content in (b"first", b"second"):
        with atomic_file(path) as sink:
            sink.write(content)
    before = path.read_bytes()
    assert (gzip.decompress(before) if name.endswith(".gz") else before) == b"second"
    with pytest.raises(KeyboardInterrupt), atomic_file(path) as sink:
        sink.write(b"half")
        raise KeyboardInterrupt
    assert path.read_bytes() == before
    assert [one.name for one in tmp_path.iterdir()] == [name]


def test_a_pipe_gets_it_as_it_comes_and_a_link_stays_one(tmp_path: Path) -> None:
    with atomic_file(Path(os.devnull)) as sink:
        sink.write(b"gone")
    assert not Path(os.devnull).is_file()
    link, file = tmp_path / "link", tmp_path / "file"
    link.symlink_to(file)
    with atomic_file(link) as sink:
        sink.write(b"content")
    assert link.is_symlink() and file.read_bytes() == b"content"


def test_a_second_writer_is_refused_and_what_a_dead_one_left_is_written_over(tmp_path: Path) -> None:
    path = tmp_path / "values.csv"
    path.write_bytes(b"before")
    other = subprocess.Popen([sys.executable, "-c", WRITES, str(path)], stdout=subprocess.PIPE)
    try:
        assert other.stdout is not None and other.stdout.readline() == b"writing\n"
        for attempt in (lambda: atomic_file(path).__enter__(), lambda: claim(path)):
            with pytest.raises(BeingWritten, match="is being written by another process: wait until it has ended"):
                attempt()
    finally:
        other.kill()
        other.wait()
        assert other.stdout is not None
        other.stdout.close()
    assert sorted(one.name for one in tmp_path.iterdir()) == [".values.csv.part", "values.csv"]
    assert path.read_bytes() == b"before"
    with atomic_file(path) as sink:
        sink.write(b"x")
    assert [one.read_bytes() for one in tmp_path.iterdir()] == [b"x"]


def test_what_is_claimed_is_written_or_let_go_of(tmp_path: Path) -> None:
    one, other = tmp_path / "one", tmp_path / "other"
    claim(one)
    claim(one)
    claim(other)
    with atomic_file(one) as sink:
        sink.write(b"x")
    assert one.read_bytes() == b"x"
    release()
    assert [file.name for file in tmp_path.iterdir()] == ["one"]
