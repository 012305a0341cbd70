"""A Grafana is filled with the dashboards once, kept as they are, and failures are reported in sentences."""

import json
import ssl
from collections import Counter
from collections.abc import Iterator
from copy import deepcopy
from pathlib import Path

import pytest
import requests

from dashboards.build import dashboards
from dashboards.page import GENERATED_TAG, Json, Language
from dashboards.publish import (
    GrafanaUnavailable,
    Outcome,
    Published,
    PublishFailed,
    PublishRefused,
    WrongAddress,
    publish,
)
from services.cli.__main__ import main
from tests.unit.grafana import TOKEN, Grafana, serving
from tests.unit.message_doubles import certificate
from tests.verdicts import shipped

MADE = dashboards(shipped().plan)
ALL = [one for of_language in MADE.values() for one in of_language]
UID = "kpiwatch-overview"


@pytest.fixture
def grafana() -> Iterator[Grafana]:
    with serving() as server:
        yield server


def outcomes(done: list[Published]) -> dict[Outcome, int]:
    return Counter(one.outcome for one in done)


def test_each_language_gets_a_folder_of_its_own(grafana: Grafana) -> None:
    assert outcomes(publish(grafana.url, TOKEN, MADE)) == {Outcome.CREATED: len(ALL)}
    assert set(grafana.folders) == {"kpiwatch", "kpiwatch-en"}
    assert {uid.endswith("-en"): folder for uid, folder in grafana.folder_of.items()} == {
        False: "kpiwatch",
        True: "kpiwatch-en",
    }


@pytest.mark.parametrize("newer", [False, True])
def test_publishing_twice_changes_nothing_the_second_time(grafana: Grafana, newer: bool) -> None:
    grafana.newer = newer
    publish(grafana.url, TOKEN, MADE)
    writes = len(grafana.writes)
    assert outcomes(publish(grafana.url, TOKEN, MADE)) == {Outcome.UNCHANGED: len(ALL)}
    assert len(grafana.writes) == writes


def test_what_was_changed_by_hand_is_put_right(grafana: Grafana) -> None:
    publish(grafana.url, TOKEN, MADE)
    grafana.dashboards[UID]["panels"].pop()
    done = publish(grafana.url, TOKEN, MADE)
    assert [one.uid for one in done if one.outcome is Outcome.UPDATED] == [UID]
    assert len(grafana.dashboards[UID]["panels"]) == len(MADE[Language.ZH][0]["panels"])


def test_what_was_moved_to_another_folder_comes_back(grafana: Grafana) -> None:
    publish(grafana.url, TOKEN, MADE)
    grafana.folder_of[UID] = "elsewhere"
    publish(grafana.url, TOKEN, MADE)
    assert grafana.folder_of[UID] == "kpiwatch"


def test_what_was_published_once_and_is_no_more_is_removed_and_nothing_else(grafana: Grafana) -> None:
    publish(grafana.url, TOKEN, MADE)

    def beside(uid: str, folder: str, *tags: str) -> None:
        grafana.save({"uid": uid, "title": uid, "tags": list(tags)}, folder)

    beside("of-last-year", "kpiwatch", "kpiwatch", GENERATED_TAG)
    beside("somebody's own", "kpiwatch", "kpiwatch")
    beside("a copy elsewhere", "of-the-courts", GENERATED_TAG)
    done = publish(grafana.url, TOKEN, MADE)
    assert [one.uid for one in done if one.outcome is Outcome.REMOVED] == ["of-last-year"]
    assert {"somebody's own", "a copy elsewhere"} <= set(grafana.dashboards)


def test_a_dry_run_shows_what_would_be_done_and_writes_nothing(grafana: Grafana) -> None:
    assert outcomes(publish(grafana.url, TOKEN, MADE, dry_run=True)) == {Outcome.CREATED: len(ALL)}
    assert grafana.writes == []
    publish(grafana.url, TOKEN, MADE)
    grafana.dashboards[UID]["title"] = "by hand"
    grafana.save({"uid": "old", "title": "old", "tags": [GENERATED_TAG]}, "kpiwatch")
    writes = len(grafana.writes)
    done = {one.uid: one for one in publish(grafana.url, TOKEN, MADE, dry_run=True)}
    assert len(grafana.writes) == writes
    assert done["old"].outcome is Outcome.REMOVED
    assert '- "title": "by hand",' in done[UID].difference
    assert '+ "title": "1 全区概况",' in done[UID].difference


REFUSALS = [
    (401, {"message": "Invalid API key"}, WrongAddress, r"token is not accepted \(401\).*role Editor"),
    (403, {"message": "Forbidden"}, WrongAddress, r"may not do that \(403\).*role Editor"),
    (404, {"message": "not found"}, WrongAddress, r"no Grafana there \(404\)"),
    (400, {"message": "bad uid"}, PublishRefused, r"refuses \(400\): bad uid"),
    (
        412,
        {"status": "name-exists", "message": "A dashboard with the same name in the folder already exists"},
        PublishRefused,
        r"same name.*\(412\).*remove or rename",
    ),
    (500, {"message": "database is locked"}, GrafanaUnavailable, r"fails \(500\): database is locked"),
    (502, "<html>Bad Gateway</html>", GrafanaUnavailable, r"fails \(502\)"),
]


@pytest.mark.parametrize(("status", "body", "kind", "sentence"), REFUSALS, ids=[str(one[0]) for one in REFUSALS])
def test_a_refusal_is_reported_in_a_sentence_with_its_remedy(
    grafana: Grafana, status: int, body: Json | str, kind: type[PublishFailed], sentence: str
) -> None:
    grafana.refusal = (status, body)
    with pytest.raises(kind, match=sentence):
        publish(grafana.url, TOKEN, MADE)


def test_a_wrong_token_says_what_is_needed(grafana: Grafana) -> None:
    with pytest.raises(WrongAddress, match=r"401.*service account"):
        publish(grafana.url, "wrong", MADE)
    with pytest.raises(WrongAddress, match="copy it whole"):
        publish(grafana.url, "right\n", MADE)


def test_a_fresh_grafana_that_lets_nobody_read_what_is_missing_is_filled(grafana: Grafana) -> None:
    """Grafana 12 says 403 to an Editor who asks for a folder that is not there."""
    answer = requests.get(
        f"{grafana.url}/api/folders/kpiwatch", headers={"Authorization": f"Bearer {TOKEN}"}, timeout=5
    )
    assert (answer.status_code, "folders:read" in answer.text) == (403, True)
    assert outcomes(publish(grafana.url, TOKEN, MADE)) == {Outcome.CREATED: len(ALL)}
    assert set(grafana.folders) == {"kpiwatch", "kpiwatch-en"}


def test_over_a_provisioned_dashboard_it_says_what_was_done_and_what_to_do(grafana: Grafana) -> None:
    publish(grafana.url, TOKEN, MADE)
    second = MADE[Language.ZH][1]["uid"]
    grafana.provisioned = {second}
    assert outcomes(publish(grafana.url, TOKEN, MADE)) == {Outcome.UNCHANGED: len(ALL)}
    for changed in (UID, second):
        grafana.dashboards[changed]["title"] = "by hand"
    with pytest.raises(PublishRefused, match=rf"provisioned.*provisioning.*Written before that: {UID};"):
        publish(grafana.url, TOKEN, MADE)
    with pytest.raises(PublishRefused, match="Nothing was changed before that"):
        publish(grafana.url, TOKEN, MADE)


def test_a_wrong_token_is_refused_also_where_everybody_may_read(grafana: Grafana) -> None:
    publish(grafana.url, TOKEN, MADE)
    grafana.anonymous = True
    with pytest.raises(WrongAddress, match=r"token is not accepted \(401\)"):
        publish(grafana.url, "wrong", MADE)


def test_another_server_is_called_so_and_never_sees_the_token(grafana: Grafana) -> None:
    for status, said in ((200, "<html>welcome</html>"), (200, "{}"), (200, "[]"), (404, "nothing"), (401, "who?")):
        grafana.health = (status, said)
        with pytest.raises(WrongAddress, match=r"is no Grafana.*token was not sent"):
            publish(grafana.url, TOKEN, MADE)
    grafana.health = (400, "Client sent an HTTP request to an HTTPS server.\n")
    with pytest.raises(WrongAddress, match="speaks HTTPS. Write the address with https://"):
        publish(grafana.url, TOKEN, MADE)
    grafana.health = (503, "<html>away</html>")
    with pytest.raises(GrafanaUnavailable, match=r"fails \(503\)"):
        publish(grafana.url, TOKEN, MADE)
    assert grafana.tokens_seen == set()


HERE = "http://127.0.0.1:1"


@pytest.mark.parametrize("url", [f"{HERE}?x=1", f"{HERE}#x", "http://[::1", f"{HERE}\\.example.invalid", "http://:1"])
def test_an_address_that_libraries_read_differently_is_none(url: str) -> None:
    """The server that is asked for its health must be the one that gets the token."""
    with pytest.raises(WrongAddress, match="is no address of a Grafana"):
        publish(url, TOKEN, MADE)


@pytest.mark.parametrize("behind", ["", "\\@example.invalid"])
def test_a_password_in_the_address_is_refused_and_not_repeated(grafana: Grafana, behind: str) -> None:
    with pytest.raises(WrongAddress, match="a name or a password is in the address") as raised:
        publish(grafana.url.replace("//", "//admin:geheim@") + behind, TOKEN, MADE)
    assert "geheim" not in str(raised.value) and not grafana.tokens_seen


def test_an_address_of_ip_version_6_is_one() -> None:
    with pytest.raises(GrafanaUnavailable, match="ConnectionError"):
        publish("http://[::1]:1", TOKEN, MADE)


def test_https_to_a_port_without_it_and_a_certificate_that_nobody_knows(
    grafana: Grafana, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(WrongAddress, match="does not speak HTTPS. Write the address with http://"):
        publish(grafana.url.replace("http:", "https:"), TOKEN, MADE)
    chain, key = certificate(tmp_path)
    monkeypatch.delenv("REQUESTS_CA_BUNDLE", raising=False)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(chain, key)
    grafana.socket = context.wrap_socket(grafana.socket, server_side=True)
    with pytest.raises(WrongAddress, match="certificate is not known here.*REQUESTS_CA_BUNDLE"):
        publish(grafana.url.replace("http:", "https:"), TOKEN, MADE)


@pytest.mark.parametrize("page", ["<html>welcome</html>", "{}", "<html>no message here</html>"])
@pytest.mark.parametrize("status", [200, 404])
def test_something_that_answers_and_is_no_grafana_is_called_so(grafana: Grafana, page: str, status: int) -> None:
    grafana.fails = (status, page)
    with pytest.raises(WrongAddress, match=r"is no Grafana"):
        publish(grafana.url, TOKEN, MADE)


def test_a_grafana_that_is_not_there_and_an_address_that_is_none() -> None:
    with pytest.raises(GrafanaUnavailable, match="Is it running"):
        publish("http://127.0.0.1:9", TOKEN, MADE)
    for address in ("grafana:3000", "http://grafana:99999", "http://"):
        with pytest.raises(WrongAddress, match="write it as"):
            publish(address, TOKEN, MADE)


def command(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, str]:
    """Exit code of `kpiwatch dashboards publish`, and what it says."""
    try:
        main(["dashboards", "publish", *arguments])
        code = 0
    except SystemExit as end:
        code = int(end.code or 0)
    output = capsys.readouterr()
    return code, output.out + output.err


def test_the_command_says_what_became_of_each_dashboard(grafana: Grafana, capsys: pytest.CaptureFixture[str]) -> None:
    code, said = command(capsys, "--url", grafana.url, "--token", TOKEN)
    assert code == 0
    assert f"+ {UID}  1 全区概况" in said
    assert f"{len(ALL)} created" in said
    grafana.dashboards[UID]["title"] = "by hand"
    code, said = command(capsys, "--url", grafana.url, "--token", TOKEN, "--dry-run")
    assert code == 0
    assert f"~ {UID}" in said
    assert '"by hand"' in said
    assert "nothing was written" in said


@pytest.mark.slow
def test_the_exit_code_says_whose_turn_it_is(grafana: Grafana, capsys: pytest.CaptureFixture[str]) -> None:
    assert command(capsys, "--url", grafana.url, "--token", "wrong")[0] == 2
    assert command(capsys, "--url", "http://127.0.0.1:9", "--token", TOKEN)[0] == 3
    grafana.refusal = (412, {"message": "taken"})
    code, said = command(capsys, "--url", grafana.url, "--token", TOKEN)
    assert code == 1
    assert said.startswith("dashboards publish: http://127.0.0.1")


def test_with_an_address_of_the_units_page_the_dashboards_lead_there(
    grafana: Grafana, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("KPIWATCH_DESK_URL", "https://desk.example/")
    assert command(capsys, "--url", grafana.url, "--token", TOKEN)[0] == 0
    written = json.dumps(grafana.dashboards["kpiwatch-unit"], ensure_ascii=False)
    assert "https://desk.example/cards?unit=$unit&level=red" in written
    assert "kpiwatch cases list" not in written


def test_the_dashboards_that_are_given_stay_as_they_were(grafana: Grafana) -> None:
    before = deepcopy(MADE)
    publish(grafana.url, TOKEN, MADE)
    assert before == MADE
