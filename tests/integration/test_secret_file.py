"""A secret is made once, kept as it is, and read by nobody else."""

import subprocess
import sys
from pathlib import Path

import pytest

from services.runtime.secret_file import kept_secret, main


def rights(path: Path) -> int:
    return path.stat().st_mode & 0o777


def test_it_is_made_once_and_stays(tmp_path: Path) -> None:
    path = tmp_path / "folder" / "secret"
    first = kept_secret(path)
    assert len(bytes.fromhex(first)) == 32
    assert kept_secret(path) == first != kept_secret(tmp_path / "other")
    assert (rights(path), rights(path.parent)) == (0o400, 0o700)
    assert list(path.parent.iterdir()) == [path]


def test_one_that_was_there_with_wider_rights_keeps_its_text_and_loses_them(tmp_path: Path) -> None:
    path = tmp_path / "secret"
    path.write_text("a" * 40 + "\n")
    path.chmod(0o644)
    assert kept_secret(path) == "a" * 40
    assert rights(path) == 0o640


@pytest.mark.parametrize("content", [b"", b"\n", b"short", b"\x00" * 64, b"a b" * 32, "密".encode() * 32])
def test_what_is_no_secret_is_refused(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "secret"
    path.write_bytes(content)
    with pytest.raises(ValueError, match="no secret of at least 32 .* Remove the file"):
        kept_secret(path)


def test_a_draft_that_a_crash_left_is_no_secret(tmp_path: Path) -> None:
    (tmp_path / "secret.1.new").write_text("half")
    assert kept_secret(tmp_path / "secret") != "half"


def test_all_who_start_at_once_have_the_same(tmp_path: Path) -> None:
    command = [sys.executable, "-c", "import sys, pathlib; from services.runtime.secret_file import kept_secret; "
               "print(kept_secret(pathlib.Path(sys.argv[1])))", str(tmp_path / "secret")]  # fmt: skip
    started = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True) for _ in range(4)]
    said = [one.communicate(timeout=240)[0] for one in started]
    assert [one.returncode for one in started] == [0] * 4
    assert set(said) == {f"{kept_secret(tmp_path / 'secret')}\n"}


def test_the_job_of_the_containers_lets_the_group_read_and_says_what_is_wrong(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    paths = [tmp_path / "webhook-token", tmp_path / "grafana-password"]
    assert main(["--group", *map(str, paths)]) == 0
    assert [rights(path) for path in paths] == [0o440, 0o440]
    assert kept_secret(paths[0]) not in capsys.readouterr().out
    paths[0].unlink()
    paths[0].mkdir()
    assert main([str(paths[0])]) == 1
    assert str(paths[0]) in capsys.readouterr().err
