"""`kpiwatch send`: files arrive once, what is refused is listed with file, line, reason and remedy."""

import gzip
import io
import re
from contextlib import ExitStack, closing
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import orjson
import pytest

from services.cli import senders
from services.client.delivery import LARGEST_EVENT
from services.client.event_files import EventFile
from services.client.spool import Entry, Refusal, Spool
from services.local.ports import free_ports
from tests.unit.commands import run
from tests.unit.gateway import BAD, GOOD, Gateway
from tests.unit.served_gateway import gateway, url

__all__ = ["gateway", "url"]


@pytest.fixture(autouse=True)
def settings(url: str, gateway: Gateway, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    gateway.log.records.clear()
    monkeypatch.setenv("KPIWATCH_GATEWAY_URL", url)
    monkeypatch.setenv("KPIWATCH_KEY", gateway.key)
    monkeypatch.setenv("KPIWATCH_SPOOL", str(tmp_path / "deep" / "spool.sqlite"))
    monkeypatch.chdir(tmp_path)


def write(name: str, *events: object) -> Path:
    file = Path(name)
    lines = [one if isinstance(one, bytes) else orjson.dumps(one) for one in events]
    with gzip.open(file, "wb") if name.endswith(".gz") else file.open("wb") as stream:
        stream.write(b"".join(line + b"\n" for line in lines))
    return file


def event(number: int) -> dict[str, Any]:
    return {**GOOD, "id": f"e-{number}"}


def test_files_are_sent_once_and_what_was_added_goes_on(gateway: Gateway, capfd: pytest.CaptureFixture[str]) -> None:
    first, packed = write("a.jsonl", event(1), b"", event(2)), write("b.jsonl.gz", event(3))
    assert run("send", first, packed) == 0
    assert capfd.readouterr().out == "3 events accepted\n"
    assert gateway.log.ids == ["e-1", "e-2", "e-3"]
    with first.open("ab") as stream:
        stream.write(orjson.dumps(event(4)) + b"\n" + orjson.dumps(event(5)))
    assert run("send", first, packed) == 0
    said = capfd.readouterr()
    assert said.out == "2 events accepted\n" and "a.jsonl: 3 lines were sent before, 2 now" in said.err
    assert gateway.log.ids[3:] == ["e-4", "e-5"], "the last line has no end and is an event all the same"
    with first.open("ab") as stream:
        stream.write(b"\n")
    assert run("send", first) == 0
    assert gateway.log.ids[5:] == ["e-5"], "it may have become longer"


def test_a_file_that_has_changed_is_sent_anew_and_what_was_parked_of_it_is_judged_anew(
    gateway: Gateway, capfd: pytest.CaptureFixture[str]
) -> None:
    write("a.jsonl", event(1), BAD, event(2))
    write("b.jsonl", BAD)
    assert run("send", "a.jsonl", "b.jsonl") == 1
    assert capfd.readouterr().out == "2 events accepted; 2 are parked: kpiwatch send --parked lists them\n"
    write("a.jsonl", event(1), {**BAD, "data": GOOD["data"]}, event(2))
    assert run("send", "a.jsonl") == 1
    said = capfd.readouterr()
    assert "a.jsonl: it has changed since it was sent" in said.err
    assert said.out.startswith("3 events accepted; 1 are parked")


def test_what_is_parked_of_a_file_with_other_events_now_stays(tmp_path: Path) -> None:
    """Monday's refused events are not in Tuesday's file of the same name; the read of that is interrupted."""
    nameless = [orjson.dumps({**BAD, "id": None, "subject": subject}) for subject in ("W-1", "W-2")]
    write("a.jsonl", BAD, b"{ monday", b"[1]", *nameless)
    assert run("send", "a.jsonl") == 1
    tuesday = [event(n) for n in range(600)]
    write("a.jsonl", *tuesday, b"[1]", {**BAD, "source": "/units/other"}, nameless[1])
    spool = Spool(tmp_path / "deep" / "spool.sqlite")
    next(EventFile("a.jsonl", spool).read())
    spool.close()
    assert run("send", "a.jsonl") == 1
    spool = Spool(tmp_path / "deep" / "spool.sqlite")
    parked = {(each.event, each.place) for each in spool.parked()}
    spool.close()
    assert parked == {
        (orjson.dumps(BAD), 1),
        (b"{ monday", 2),
        (b"[1]", 601),
        (nameless[0], 4),
        (orjson.dumps({**BAD, "source": "/units/other"}), 602),
        (nameless[1], 603),
    }


def test_what_is_parked_is_listed_with_file_line_reason_and_remedy_and_can_be_sent_again(
    gateway: Gateway, capfd: pytest.CaptureFixture[str]
) -> None:
    large = b'{"a": "' + b"x" * (2 * LARGEST_EVENT) + b'"}'
    write("a.jsonl", BAD, b"{", large, b"[1]", event(1))
    assert run("send", "a.jsonl") == 1
    capfd.readouterr()
    assert run("send", "--parked") == 0
    listed = capfd.readouterr().out.splitlines()
    found = [re.match(r"(\d+): (.*?): (\w+)(?: at (\S+))?: .* → \w+", line) for line in listed[:-2]]
    place = str(Path("a.jsonl").resolve())
    assert [each.groups()[1:] for each in found if each] == [
        (f"{place}:1", "unknown_unit", "data.unit"),
        (f"{place}:2", "malformed", None),
        (f"{place}:3", "too_large", None),
        (f"{place}:4", "malformed", None),
    ]
    assert listed[-2] == "4 events are parked, 0 wait"
    assert run("send", "--parked", "--json") == 0
    first = orjson.loads(capfd.readouterr().out.splitlines()[0])
    assert orjson.loads(first["event"]) == BAD and first["refusal"]["reason"] == "unknown_unit"
    assert run("send", "--resend", first["number"]) == 1
    assert "0 events accepted; 4 are parked" in capfd.readouterr().out
    assert run("send", "--resend", "77") == 1 and run("send", "--forget", "x") == 2
    assert run("send", "--forget", "all") == 0
    assert run("send") == 0


def test_what_is_parked_and_no_event_cannot_be_sent_again_and_the_others_are(
    gateway: Gateway, capfd: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    spool = Spool(tmp_path / "spool.sqlite")
    refusal = Refusal("reason", "", "d", "r")
    two = orjson.dumps(event(1)) + b"," + orjson.dumps(event(2))
    contents = [b"", two, orjson.dumps(event(3)), b"{", orjson.dumps(event(4))]
    with spool.writing() as store:
        spool.park_in(store, [(Entry(content), refusal) for content in contents])
    first, second, third, *_ = (str(each.number) for each in spool.parked())
    options = ("--spool", tmp_path / "spool.sqlite")
    assert run("send", *options, "--resend", first, "--resend", second, "--resend", third) == 1
    said = capfd.readouterr()
    assert said.out.startswith("1 events accepted; 4 are parked")
    assert f"{first}: no event could be made of it: it cannot be sent" in said.err
    assert f"{second}: it is no JSON" in said.err and third not in said.err
    assert run("send", *options, "--resend", "all") == 1
    said = capfd.readouterr()
    assert said.out.startswith("1 events accepted; 3 are parked")
    assert said.err.startswith("3 of what is parked: it cannot")
    assert gateway.log.ids == ["e-3", "e-4"]
    spool.close()


def test_standard_input_is_sent(gateway: Gateway, monkeypatch: pytest.MonkeyPatch) -> None:
    lines = b"".join(orjson.dumps(event(n)) + b"\n" for n in range(1_201))
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(lines)))
    assert run("send", "-") == 0
    assert gateway.log.ids == [f"e-{n}" for n in range(1_201)]
    assert run("send", "-", "-") == 2


def test_without_a_gateway_it_says_how_to_go_on(
    gateway: Gateway, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    write("a.jsonl", event(1))
    assert run("send", "a.jsonl", "--gateway", f"http://127.0.0.1:{free_ports(1)[0]}", "--wait", "0") == 3
    assert "1 events wait in" in capfd.readouterr().err
    monkeypatch.setenv("KPIWATCH_KEY", "kw_0123456789ab_" + "x" * 43)
    assert run("send", "a.jsonl") == 2
    said = capfd.readouterr().err
    assert "refuses the API key" in said and "1 events wait in" in said
    Path("keys").write_text(f"kw_0123456789ab_{'x' * 43}\n{gateway.key}\n")
    assert run("send", "a.jsonl", "--key", "keys") == 0
    assert gateway.log.ids == ["e-1"]
    monkeypatch.delenv("KPIWATCH_KEY")
    assert run("send") == 2
    assert "--key" in capfd.readouterr().err


def test_who_follows_goes_on_while_another_process_sends(
    gateway: Gateway, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    slept: list[float] = []
    with closing(Spool(tmp_path / "spool.sqlite")) as other, ExitStack() as sending:
        sending.enter_context(other.sending())

        def sleep(seconds: float) -> None:
            slept.append(seconds)
            if len(slept) == 2:
                assert gateway.log.records == []
                sending.close()
            if len(slept) == 3:
                raise KeyboardInterrupt

        monkeypatch.setattr("services.cli.send.time", SimpleNamespace(sleep=sleep))
        options = ("--spool", tmp_path / "spool.sqlite", "--wait", "0")
        file = write("a.jsonl", event(1))
        assert run("send", file, *options) == 3 and slept == []
        assert run("send", file, *options, "--follow") == 130
    assert gateway.log.ids == ["e-1"] and len(slept) == 3


def test_it_says_now_and_then_that_it_waits(capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    class Details:
        caused_by = ValueError("the gateway answered 503: ")
        wait_for = 2.0

    hooks: list[Any] = []
    monkeypatch.setattr("stamina.instrumentation.set_on_retry_hooks", hooks.extend)
    senders.say_retries()
    for _ in range(3):
        hooks[0](Details())
    said = "the gateway answered 503: tried again in 2 s. Ctrl-C is safe: nothing is lost\n"
    assert capfd.readouterr().err == said


def test_an_interrupted_file_goes_on_behind_what_the_spool_has(tmp_path: Path) -> None:
    file = write("a.jsonl", *(event(n) for n in range(1_100)))
    spool = Spool(tmp_path / "other.sqlite")
    next(EventFile(str(file), spool).read())
    spool.close()
    spool = Spool(tmp_path / "other.sqlite")
    again = EventFile(str(file), spool)
    assert sum(again.read()) == 600 and again.taken_before == 500
    assert [orjson.loads(each.event)["id"] for each in spool.first(2_000, 10**9)] == [f"e-{n}" for n in range(1_100)]
    assert sum(EventFile(str(file), spool).read()) == 0
    file.write_bytes(file.read_bytes()[:5_000])
    shorter = EventFile(str(file), spool)
    assert sum(shorter.read()) > 0 and shorter.is_changed
    spool.close()


def test_a_key_is_in_no_sentence_and_in_no_started_process(monkeypatch: pytest.MonkeyPatch) -> None:
    from services.runtime.settings import Settings, SettingsError

    settings = Settings.from_environment(
        {"KPIWATCH_KEY": "kw_secret", "KPIWATCH_DATABASE": "postgresql://u:secret@h/d"}
    )
    assert not any(secret in repr(settings) + str(settings.environment()) for secret in ("kw_secret", ":secret@"))
    for name, value in (("KEY", "kw secret"), ("DATABASE", "secret")):
        with pytest.raises(SettingsError) as refused:
            Settings.from_environment({f"KPIWATCH_{name}": value})
        assert "secret" not in str(refused.value)
