"""The channel `file`: each notice once in a file, whoever writes it and whenever the writer crashes."""

import fcntl
from errno import ENOSPC
from pathlib import Path

import orjson
import pytest

from services.notifier.channels.file import NoticeFile
from services.notifier.channels.message import Accepted, Message, Retry

MESSAGE = Message(
    12, "供水接入逾期", "请于10月25日24时前办结。", "Overdue.", "https://desk.example/notices/12", "water"
)


def numbers(path: Path) -> list[int]:
    return [orjson.loads(line)["number"] for line in path.read_bytes().splitlines()]


def test_a_notice_is_in_the_file_once_however_often_it_is_sent(tmp_path: Path) -> None:
    path = tmp_path / "new" / "notices.jsonl"
    channel = NoticeFile(path)
    rendered = channel.render(MESSAGE)
    assert channel.was_accepted("kw-12-a") is False
    for sender in (channel, channel, NoticeFile(path)):
        assert sender.send(rendered, "kw-12-a") == Accepted("kw-12-a")
    assert numbers(path) == [12]
    assert path.stat().st_mode & 0o777 == 0o600
    assert channel.was_accepted("kw-12-a") is True


def test_two_writers_of_one_file_see_what_the_other_wrote(tmp_path: Path) -> None:
    first, second = NoticeFile(tmp_path / "n.jsonl"), NoticeFile(tmp_path / "n.jsonl")
    for turn in range(6):
        for sender in (first, second):
            sender.send(first.render(MESSAGE), f"kw-{turn // 2}-a")
    assert len(numbers(tmp_path / "n.jsonl")) == 3


def test_a_line_that_a_crash_cut_off_is_removed_and_was_not_accepted(tmp_path: Path) -> None:
    path = tmp_path / "n.jsonl"
    NoticeFile(path).send(NoticeFile(path).render(MESSAGE), "kw-1-a")
    whole = path.read_bytes()
    path.write_bytes(whole + whole.replace(b"kw-1-a", b"kw-2-a")[:-1])
    channel = NoticeFile(path)
    assert channel.was_accepted("kw-2-a") is False
    assert channel.send(channel.render(MESSAGE), "kw-2-a") == Accepted("kw-2-a")
    assert numbers(path) == [12, 12]


def test_a_file_that_was_moved_away_is_begun_anew(tmp_path: Path) -> None:
    path = tmp_path / "n.jsonl"
    channel = NoticeFile(path)
    channel.send(channel.render(MESSAGE), "kw-1-a")
    path.rename(tmp_path / "old.jsonl")
    for key in ("kw-2-a", "kw-3-a"):
        channel.send(channel.render(MESSAGE), key)
    assert numbers(path) == [12, 12]


def test_a_full_disk_is_tried_again_and_leaves_no_half_of_a_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "n.jsonl"
    channel = NoticeFile(path)
    channel.send(channel.render(MESSAGE), "kw-1-a")

    def full(descriptor: int) -> None:
        raise OSError(ENOSPC, "no space left")

    with monkeypatch.context() as patched:
        patched.setattr("services.notifier.channels.file.os.fsync", full)
        outcome = channel.send(channel.render(MESSAGE), "kw-2-a")
    assert isinstance(outcome, Retry)
    assert "no space left" in outcome.reason
    assert str(tmp_path) not in outcome.reason
    assert numbers(path) == [12]
    assert channel.send(channel.render(MESSAGE), "kw-2-a") == Accepted("kw-2-a")


def test_a_line_of_somebody_else_stays_and_is_no_notice(tmp_path: Path) -> None:
    path = tmp_path / "n.jsonl"
    path.write_bytes(b'{"unit":"water"}\nno JSON\n[1]\n')
    channel = NoticeFile(path)
    channel.send(channel.render(MESSAGE), "kw-1-a")
    assert path.read_bytes().startswith(b'{"unit":"water"}\nno JSON\n[1]\n')
    assert channel.was_accepted("kw-1-a") is True


def test_the_same_message_is_rendered_to_the_same_bytes(tmp_path: Path) -> None:
    assert NoticeFile(tmp_path).render(MESSAGE) == NoticeFile(tmp_path / "other").render(MESSAGE)


def test_a_file_that_another_process_keeps_is_tried_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("services.notifier.channels.file._PATIENCE_SECONDS", 0.05)
    path = tmp_path / "n.jsonl"
    with path.open("w") as other:
        fcntl.flock(other, fcntl.LOCK_EX)
        assert isinstance(NoticeFile(path).send(NoticeFile(path).render(MESSAGE), "kw-1-a"), Retry)
        assert NoticeFile(path).was_accepted("kw-1-a") is None
    assert NoticeFile(path).was_accepted("kw-1-a") is False
