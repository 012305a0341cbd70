"""A file that is there only once it is whole."""

import gzip
import os
from pathlib import Path

import pytest

from services.whole_file import whole_file


@pytest.mark.parametrize("name", ["values.csv", "values.csv.gz"])
def test_who_is_cut_off_leaves_what_was_there(name: str, tmp_path: Path) -> None:
    path = tmp_path / name
    for content in (b"first", b"second"):
        with whole_file(path) as sink:
            sink.write(content)
    before = path.read_bytes()
    assert (gzip.decompress(before) if name.endswith(".gz") else before) == b"second"
    with pytest.raises(KeyboardInterrupt), whole_file(path) as sink:
        sink.write(b"half")
        raise KeyboardInterrupt
    assert path.read_bytes() == before
    assert [one.name for one in tmp_path.iterdir()] == [name]


def test_a_pipe_gets_it_as_it_comes_and_a_link_stays_one(tmp_path: Path) -> None:
    with whole_file(Path(os.devnull)) as sink:
        sink.write(b"gone")
    assert not Path(os.devnull).is_file()
    link, file = tmp_path / "link", tmp_path / "file"
    link.symlink_to(file)
    with whole_file(link) as sink:
        sink.write(b"content")
    assert link.is_symlink() and file.read_bytes() == b"content"
