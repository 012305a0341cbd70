"""The spool: what it keeps, whatever happens to the process."""

import sqlite3
import stat
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from services.client.spool import BeingSent, Entry, Refusal, Spool, SpoolUnusable

BAD = Refusal("unknown_unit", "data.unit", "no unit is called moon", "write one of units.toml")


MEMORY = "/dev/shm" if Path("/dev/shm").is_dir() else None
"""Each transaction is synchronised: on a busy disk that takes its time, and how long is no matter here."""


class Kept(RuleBasedStateMachine):
    """A spool beside a list and a dictionary: they hold the same, also after a crash."""

    def __init__(self) -> None:
        super().__init__()
        self.folder = TemporaryDirectory(dir=MEMORY)
        self.file = Path(self.folder.name) / "spool.sqlite"
        self.spool = Spool(self.file)
        self.crashed: list[Spool] = []
        self.waiting: list[bytes] = []
        self.parked: list[bytes] = []
        self.made = 0

    def teardown(self) -> None:
        for each in (self.spool, *self.crashed):
            each.close()
        self.folder.cleanup()

    @rule(count=st.integers(0, 5))
    def add(self, count: int) -> None:
        new = [b"%d" % (self.made + n) for n in range(count)]
        self.made += count
        self.spool.add([Entry(event, "events.jsonl", n + 1) for n, event in enumerate(new)])
        self.waiting += new

    @rule(most=st.integers(1, 7), refused=st.sets(st.integers(0, 6)))
    def settle(self, most: int, refused: set[int]) -> None:
        sent = self.spool.first(most, 10_000)
        assert [each.event for each in sent] == self.waiting[:most]
        refused = {place for place in refused if place < len(sent)}
        self.spool.settle(sent, dict.fromkeys(sorted(refused), BAD))
        self.parked += [self.waiting[place] for place in sorted(refused)]
        del self.waiting[: len(sent)]

    @rule()
    def fail(self) -> None:
        with pytest.raises(RuntimeError), self.spool.writing() as store:
            store.execute("DELETE FROM waiting")
            raise RuntimeError

    @precondition(lambda self: self.parked)
    @rule(chosen=st.randoms(use_true_random=False), mended=st.booleans())
    def resend(self, chosen: "st.random.Random", mended: bool) -> None:  # type: ignore[name-defined]  # no public name
        one = chosen.choice(self.spool.parked())
        self.spool.resend(one.number, b"mended" if mended else self.spool.parked_event(one.number))
        self.parked.remove(one.event)
        self.waiting.append(b"mended" if mended else one.event)

    @precondition(lambda self: self.parked)
    @rule()
    def forget(self) -> None:
        self.spool.forget(self.spool.parked()[0].number)
        del self.parked[0]

    @rule(crash=st.booleans())
    def begin_again(self, crash: bool) -> None:
        if crash:
            self.crashed.append(self.spool)
        else:
            self.spool.close()
        self.spool = Spool(self.file)

    @invariant()
    def holds_the_same(self) -> None:
        assert [each.event for each in self.spool.first(1_000, 100_000)] == self.waiting
        assert self.spool.waiting == len(self.waiting)
        parked = self.spool.parked()
        assert sorted(each.event for each in parked) == sorted(self.parked)
        assert all(each.refusal == BAD and each.parked_at for each in parked)


TestKept = Kept.TestCase
TestKept.settings = settings(max_examples=15, stateful_step_count=20, deadline=None)


@pytest.fixture
def spool(tmp_path: Path) -> Iterator[Spool]:
    made = Spool(tmp_path / "spool.sqlite")
    yield made
    made.close()


def test_a_batch_is_bounded_in_bytes_but_never_empty(spool: Spool) -> None:
    spool.add([Entry(b"x" * 60), Entry(b"x" * 50), Entry(b"x")])
    assert [len(each.event) for each in spool.first(10, 40)] == [60]
    assert [len(each.event) for each in spool.first(10, 110)] == [60, 50]


def test_only_one_sends_in_this_process_and_in_others(spool: Spool, tmp_path: Path) -> None:
    other = Spool(tmp_path / "spool.sqlite")
    with spool.sending():
        for each in (spool, other):
            with pytest.raises(BeingSent, match="another process or thread"), each.sending():
                pass
        other.add([Entry(b"{}")])
    with other.sending():
        assert spool.waiting == 1
    other.close()


def test_events_and_position_are_kept_together_or_not_at_all(spool: Spool) -> None:
    with spool.writing() as store:
        spool.add_in(store, [Entry(b"1")])
        spool.set_position_in(store, "file", "7")
    with pytest.raises(SpoolUnusable), spool.writing() as store:
        spool.set_position_in(store, "file", "9")
        spool.add_in(store, [Entry(b"2"), Entry(None)])  # type: ignore[arg-type]  # that is the test
    assert (spool.waiting, spool.position("file"), spool.position("other")) == (1, "7", None)
    with spool.writing() as store:
        spool.park_in(store, [(Entry(b"3", "file", 3), BAD)])
    spool.begin_again("file")
    assert (spool.position("file"), spool.parked_count) == (None, 1), "it is parked until it is read anew"
    with spool.writing() as store:
        spool.withdraw_read_in(store, "file", [b"2"])
        spool.withdraw_read_in(store, "other", [b"3"])
        spool.park_in(store, [(Entry(b"3", "file", 4), BAD)])
    assert spool.parked_count == 2
    with spool.writing() as store:
        spool.withdraw_read_in(store, "file", [b"3"])
    assert [each.place for each in spool.parked()] == [4], "it was parked since then"


def test_a_parked_event_that_there_is_not_is_an_error(spool: Spool) -> None:
    for act in (spool.parked_event, spool.forget, lambda number: spool.resend(number, b"{}")):
        with pytest.raises(KeyError):
            act(17)


def test_others_may_not_read_it_and_what_is_no_spool_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "spool.sqlite"
    Spool(file).close()
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    (tmp_path / "text").write_text("this is no database, and long enough to be seen as none" * 20)
    with pytest.raises(SpoolUnusable, match="text: the spool cannot be used"):
        Spool(tmp_path / "text")
    with pytest.raises(SpoolUnusable):
        Spool(tmp_path / "no" / "folder")
    with sqlite3.connect(file) as store:
        store.execute("PRAGMA user_version = 99")
    store.close()
    with pytest.raises(SpoolUnusable, match="another version"):
        Spool(file)


def test_a_file_is_synchronised_with_every_transaction(spool: Spool) -> None:
    """Durable on power loss, too: WAL with synchronous = FULL (2)."""
    with spool.writing() as store:
        assert store.execute("PRAGMA journal_mode").fetchone()[0] == "wal"
        assert store.execute("PRAGMA synchronous").fetchone()[0] == 2
