"""A file never takes the place of a device."""

import stat
import tarfile
from pathlib import Path

import pytest

from services.ledger.backup import back_up
from services.runtime.atomic_file import atomic_file, replace_file

NO_FILES = (Path("/dev/null"), Path("/"), Path(""))


@pytest.mark.parametrize("place", NO_FILES, ids=str)
def test_what_is_no_file_is_not_replaced(place: Path) -> None:
    before = place.stat()
    with pytest.raises(OSError):
        replace_file(place, "text")
    after = place.stat()
    assert (after.st_ino, after.st_rdev, after.st_mode) == (before.st_ino, before.st_rdev, before.st_mode)


def test_a_copy_goes_through_a_device(tmp_path: Path) -> None:
    before = Path("/dev/null").stat()
    assert back_up(Path("/dev/null"), {}, []) == ["texts.jsonl"]
    assert Path("/dev/null").stat().st_ino == before.st_ino


def test_a_private_file_is_its_owners(tmp_path: Path) -> None:
    target = tmp_path / "copy.tar"
    back_up(target, {}, [])
    assert stat.S_IMODE(target.stat().st_mode) == 0o600
    with tarfile.open(target) as archive:
        assert archive.getnames() == ["manifest.json", "texts.jsonl"]
    with atomic_file(tmp_path / "open") as sink:
        sink.write(b"x")
    assert stat.S_IMODE((tmp_path / "open").stat().st_mode) & 0o400
