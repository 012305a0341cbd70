"""Copies of what is not in Kafka, tried: all of it comes back, but for what was erased since."""

import json
import tarfile
from pathlib import Path

import pytest

from services.cli.__main__ import main
from services.ledger.backup import NoBackup, back_up, erasures_in, files_of, put_back, put_texts_back, read_backup
from services.ledger.checkpoints import CheckpointFile, Signer
from services.ledger.texts import NoText, Texts, erasure, salted_hash
from services.messaging.records.ledger import Kind, LedgerRecord, Request
from services.runtime.settings import Settings
from tests.unit.ledger_world import LedgerWorld


def settings_in(folder: Path) -> Settings:
    return Settings(
        ledger_key=folder / "ledger.key", checkpoints=folder / "checkpoints.jsonl", outbox=folder / "outbox.jsonl",
        contacts=folder / "contacts.toml", texts=str(folder / "texts.sqlite"),
    )  # fmt: skip


def test_what_was_copied_comes_back_without_the_texts_that_were_erased_since(tmp_path: Path) -> None:
    old, new = settings_in(tmp_path / "old"), settings_in(tmp_path / "new")
    signer = Signer.of_file(old.ledger_key)
    (tmp_path / "old" / "contacts.toml").write_text("[units]\n")
    texts = Texts.at(old.texts)
    kept, erased, gone = (texts.keep(text, "north") for text in ("一", "二", "三"))
    texts.erase([gone])
    copy = tmp_path / "copy.tar"
    names = back_up(copy, files_of(old), texts.all())
    assert names == ["contacts.toml", "ledger.key", "texts.jsonl"]
    assert copy.stat().st_mode & 0o077 == 0

    world = LedgerWorld()
    world.record(erasure(erased, "cli-1", "erase-1"))
    contents = read_backup(copy)
    put_back(contents, files_of(new))
    restored = Texts.at(new.texts)
    assert put_texts_back(contents, restored, erasures_in(world.records()).hashes) == 3
    assert (restored.text(kept), restored.text(erased), restored.text(gone)) == ("一", None, None)
    assert [one.salt is None for one in restored.all()] == [one.hash != kept for one in restored.all()]
    assert Signer.of_file(new.ledger_key).public == signer.public
    assert new.ledger_key.stat().st_mode & 0o077 == 0
    assert (tmp_path / "new" / "contacts.toml").read_text() == "[units]\n"
    (row,) = [one for one in restored.all() if one.hash == kept]
    assert row.salt is not None
    assert salted_hash(row.salt, "一") == kept


def test_a_text_that_was_erased_here_stays_erased_where_a_copy_still_has_it(tmp_path: Path) -> None:
    settings = settings_in(tmp_path)
    texts = Texts.at(settings.texts)
    hash = texts.keep("一")
    back_up(tmp_path / "copy.tar", files_of(settings), texts.all())
    texts.erase([hash])
    put_texts_back(read_backup(tmp_path / "copy.tar"), texts, ())
    assert texts.text(hash) is None


def test_a_damaged_copy_is_refused(tmp_path: Path) -> None:
    copy = tmp_path / "copy.tar"
    settings = settings_in(tmp_path)
    Signer.of_file(settings.ledger_key)
    back_up(copy, files_of(settings), [])
    content = bytearray(copy.read_bytes())
    content[content.index(settings.ledger_key.read_bytes()[:20])] ^= 1
    copy.write_bytes(content)
    with pytest.raises(NoBackup, match="ledger.key"):
        read_backup(copy)
    copy.write_bytes(b"nothing")
    with pytest.raises(NoBackup, match="no copy"):
        read_backup(copy)
    with tarfile.open(copy, "w") as archive:
        archive.add(settings.ledger_key, "ledger.key")
    with pytest.raises(NoBackup, match="no copy"):
        read_backup(copy)


def test_a_text_that_cannot_be_kept_is_refused(tmp_path: Path) -> None:
    texts = Texts.at(str(tmp_path / "texts.sqlite"))
    for wrong in ("a\0b", "长" * 20_001):
        with pytest.raises(NoText):
            texts.keep(wrong)
    assert texts.keep("一") != texts.keep("一")  # the salt


@pytest.mark.parametrize("where", ["in the copy", "here"])
def test_texts_are_not_put_back_where_the_ledger_may_lack_an_erasure(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], where: str
) -> None:
    """The ledger was lost with its end: nobody knows what was erased since the copy."""
    old, new = settings_in(tmp_path / "old"), settings_in(tmp_path / "new")
    signer, texts, world = Signer.of_file(old.ledger_key), Texts.at(old.texts), LedgerWorld()
    hash = texts.keep("一")
    world.record(Request("n", Kind.NOTICE, "w"))
    held = signer.sign(world.known.number, world.known.hash, "2021-10-22T00:00:00.000000Z")
    CheckpointFile((old if where == "in the copy" else new).checkpoints).add([held])
    back_up(tmp_path / "copy.tar", files_of(old), texts.all())
    for name, value in new.environment().items():
        monkeypatch.setenv(name, value)
    ledgers: dict[str, list[LedgerRecord]] = {"whole": world.records(), "lost": []}
    for name, code in (("lost", 1), ("whole", 0)):
        monkeypatch.setattr("services.ledger.topic.ledger_records", lambda bootstrap, name=name: iter(ledgers[name]))
        with pytest.raises(SystemExit) as ended:
            main(["restore", str(tmp_path / "copy.tar"), "--force"])
        assert (ended.value.code or 0) == code
        assert ("record 1 of a checkpoint" in capsys.readouterr().err) == bool(code)
        assert new.ledger_key.read_bytes() == old.ledger_key.read_bytes()
        assert Texts.at(new.texts).text(hash) == (None if code else "一")
        if where == "here":
            CheckpointFile(new.checkpoints).add([held])


@pytest.mark.parametrize(
    "change",
    [{"text": "二"}, {"salt": None}, {"salt": "00"}, {"hash": "ab" * 32}, {"hash": 1}, {"salt": 1}, {"new": 1}],
)
def test_a_copy_whose_texts_are_not_those_of_their_hashes_is_refused(tmp_path: Path, change: dict[str, object]) -> None:
    texts = Texts.at(settings_in(tmp_path).texts)
    texts.keep("一")
    (row,) = texts.all()
    assert row.salt is not None
    line = {**row._asdict(), "salt": row.salt.hex(), **change}
    with pytest.raises(NoBackup, match="no texts of kpiwatch"):
        put_texts_back({"texts.jsonl": json.dumps(line).encode()}, texts, ())
