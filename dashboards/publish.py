"""Fills a Grafana that exists with the dashboards, a folder per language; the only module that knows Grafana's API.

PublishFailed          its text gives place, reason, remedy
├── WrongAddress       there is no Grafana there, or it does not let us in: correct the address or the token
├── PublishRefused     Grafana does not take a dashboard
└── GrafanaUnavailable it does not answer, or fails itself: try again
"""

import contextlib
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from difflib import unified_diff
from enum import StrEnum
from typing import Any
from urllib.parse import SplitResult, urlsplit

import requests
from grafana_api.grafana_api import GrafanaClientError, GrafanaException
from grafana_api.grafana_face import GrafanaFace

from dashboards.page import GENERATED_TAG, Json, Language

FOLDERS: Mapping[Language, tuple[str, str]] = {
    Language.ZH: ("kpiwatch", "营商环境承诺 kpiwatch"),
    Language.EN: ("kpiwatch-en", "kpiwatch (English)"),
}
"""Language → uid and title of its folder."""

_TIMEOUT_SECONDS = 10.0
_AS_MANY_AS_A_SEARCH_GIVES = 5000
_BY_GRAFANA = ("id", "version", "schemaVersion")
"""Fields that Grafana sets itself: a newer one also raises the version of the schema."""


class PublishFailed(Exception):
    """The dashboards could not be published."""


class WrongAddress(PublishFailed):
    """The address or the token is wrong."""


class PublishRefused(PublishFailed):
    """Grafana does not take the dashboards."""


class GrafanaUnavailable(PublishFailed):
    """Grafana does not answer, or not as it should."""


class Outcome(StrEnum):
    """What becomes of a dashboard."""

    CREATED = "created"
    UPDATED = "updated"
    UNCHANGED = "unchanged"
    REMOVED = "removed"


@dataclass(frozen=True, slots=True)
class Published:
    """What became of one dashboard, or would."""

    uid: str
    title: str
    outcome: Outcome
    difference: str = ""
    """For an update: what Grafana has against what it gets, as lines of a diff."""


def publish(
    url: str, token: str, dashboards: Mapping[Language, Sequence[Json]], *, dry_run: bool = False
) -> list[Published]:
    """Puts the dashboards into their folders, and removes from these what it once published and has no more.

    A second time changes nothing; what was changed by hand is put right. `token`: of a service account that may edit.
    `dry_run`: only says what would happen. Raises a PublishFailed, whose text says what was written before.
    """
    done: list[Published] = []
    with _as_publish_failed(url, () if dry_run else done), _grafana(url, token) as grafana:
        grafana.user.get_actual_user()  # refuses a wrong token, also where everybody may read without one
        for language, of_language in dashboards.items():
            folder, title = FOLDERS[language]
            if _absent(grafana.folder.get_folder, folder) and not dry_run:
                _create_folder(grafana, title, folder)
            for dashboard in of_language:
                done.append(_publish(grafana, folder, dashboard, dry_run))
        done += _prune(grafana, dashboards, dry_run)
    return done


@contextlib.contextmanager
def _grafana(url: str, token: str) -> Iterator[GrafanaFace]:
    parts = _parts(url)
    if not token or not token.isascii() or not token.isprintable():
        raise WrongAddress("this is no token of a Grafana: copy it whole, without a line break")
    host = f"[{parts.hostname}]" if ":" in (parts.hostname or "") else parts.hostname
    path = f"{parts.path.strip('/')}/".removeprefix("/")
    grafana = GrafanaFace(token, host, parts.port, path, parts.scheme, timeout=_TIMEOUT_SECONDS)
    try:
        _check_that_it_is_one(url, f"{grafana.api.url}/health")
        yield grafana
    finally:
        grafana.api.s.close()


def _parts(url: str) -> SplitResult:
    """The parts of an address. Raises WrongAddress, without the address where a password is in it."""
    if "@" in url:
        raise WrongAddress("a name or a password is in the address: write it as http://grafana:3000, and give a token")
    with contextlib.suppress(ValueError):
        parts = urlsplit(url)
        is_one = parts.scheme in ("http", "https") and parts.hostname and parts.port != 0
        if is_one and not re.search(r"[?#\\]", url):  # libraries read different hosts out of one with a backslash
            return parts
    raise WrongAddress(f"{url} is no address of a Grafana: write it as http://grafana:3000")


def _check_that_it_is_one(url: str, health: str) -> None:
    """Asks for its health, which needs no token: another server never sees the token. `health`: of the address to which
    the token is sent. Raises WrongAddress."""
    answer = requests.get(health, timeout=_TIMEOUT_SECONDS, allow_redirects=False)
    if answer.status_code == 400 and "HTTPS server" in answer.text:
        raise WrongAddress(f"{url}: this port speaks HTTPS. Write the address with https://")
    if answer.is_redirect:
        to = answer.headers["Location"].removesuffix("/api/health")
        raise WrongAddress(f"{url}: it sends us on to {to}. Give the address at which Grafana itself answers")
    if answer.status_code >= 500:
        raise GrafanaUnavailable(f"{url}: the server fails ({answer.status_code}). Look at its log, try again")
    if not _is_health(answer):
        raise WrongAddress(
            f"{url}: a server answers, but it is no Grafana ({answer.status_code} for /api/health). Is the address "
            "complete, with its port and path? The token was not sent"
        )


def _is_health(answer: requests.Response) -> bool:
    """Whether it is what Grafana says of its health."""
    try:
        said = answer.json()
    except requests.exceptions.JSONDecodeError:
        return False
    return answer.status_code == 200 and isinstance(said, dict) and "database" in said


@contextlib.contextmanager
def _as_publish_failed(url: str, done: Sequence[Published]) -> Iterator[None]:
    """What the client and the network raise, as a sentence for the user, with what was done before."""
    try:
        yield
    except GrafanaException as error:
        failure = _failure_of(url, error)
        raise type(failure)(f"{failure}. {_before(done)}") from error
    except (requests.exceptions.InvalidJSONError, KeyError, TypeError) as error:
        # of a page that is no JSON the client looks for a key in the text
        raise WrongAddress(
            f"{url}: something answers, but not as Grafana does. Is it Grafana's address, with its path?"
        ) from error
    except requests.exceptions.SSLError as error:
        raise _secure_connection_failed(url, error) from error
    except requests.RequestException as error:
        raise GrafanaUnavailable(
            f"{url}: no answer ({type(error).__name__}). Is it running? {_before(done)}"
        ) from error


def _secure_connection_failed(url: str, error: requests.exceptions.SSLError) -> WrongAddress:
    if "CERTIFICATE_VERIFY_FAILED" in str(error):
        return WrongAddress(
            f"{url}: its certificate is not known here, or is for another name. Set REQUESTS_CA_BUNDLE to the file of "
            "the certificate authority, and use the name that the certificate has"
        )
    return WrongAddress(f"{url}: this port does not speak HTTPS. Write the address with http://")


def _before(done: Sequence[Published]) -> str:
    """What was written before it went wrong."""
    written = [one.uid for one in done if one.outcome is not Outcome.UNCHANGED]
    if not written:
        return "Nothing was changed before that"
    return f"Written before that: {', '.join(written)}; the others are as they were"


def _failure_of(url: str, error: GrafanaException) -> PublishFailed:
    status = int(error.status_code)
    match status:
        case 400 if "provisioned" in _said(error):
            return PublishRefused(
                f"{url}: {_said(error)} (400). Grafana reads this dashboard from a file: either replace that file "
                "(dashboards/generated), or take kpiwatch out of Grafana's provisioning and publish again"
            )
        case 401:
            return WrongAddress(f"{url}: the token is not accepted (401). Give one of a service account, role Editor")
        case 403:
            return WrongAddress(
                f"{url}: the token may not do that (403): {_said(error)}. Its service account needs the role Editor"
            )
        case 404:
            return WrongAddress(f"{url}: there is no Grafana there (404). Is its path missing in the address?")
        case 412:
            return PublishRefused(
                f"{url}: {_said(error)} (412). Another dashboard of that name is in the folder, or it is locked: "
                "remove or rename it there, and publish again"
            )
        case _ if status >= 500:
            return GrafanaUnavailable(f"{url}: Grafana fails ({status}): {_said(error)}. Look at its log, try again")
        case _:
            return PublishRefused(f"{url}: Grafana refuses ({status}): {_said(error)}")


def _said(error: GrafanaException) -> str:
    """What Grafana says itself."""
    response: object = error.response
    return str(response.get("message", response)) if isinstance(response, dict) else str(response)[:200]


def _absent(get: Any, uid: str) -> bool:
    """Whether there is no such thing. Of what is missing Grafana 12 says to an Editor that it may not be read (403)."""
    try:
        get(uid)
    except GrafanaClientError as error:
        if not _is_missing(error):
            raise
        return True
    return False


def _is_missing(error: GrafanaClientError) -> bool:
    status = int(error.status_code)
    return status == 404 or (status == 403 and bool(re.search("(folders|dashboards):read", _said(error))))


def _create_folder(grafana: GrafanaFace, title: str, folder: str) -> None:
    """A folder that is there and may not be read is left: Grafana says whether we may write into it."""
    try:
        grafana.folder.create_folder(title, folder)
    except GrafanaClientError as error:
        if int(error.status_code) not in (409, 412):
            raise


def _publish(grafana: GrafanaFace, folder: str, dashboard: Json, dry_run: bool) -> Published:
    uid, title = str(dashboard["uid"]), str(dashboard["title"])
    there = _present(grafana, folder, uid)
    given = {name: value for name, value in dashboard.items() if name not in _BY_GRAFANA}
    if there is not None and _holds(there, given):
        return Published(uid, title, Outcome.UNCHANGED)
    if not dry_run:
        # what the builders give wins over what was changed by hand
        grafana.dashboard.update_dashboard(
            {"dashboard": {**dashboard, "id": None}, "folderUid": folder, "overwrite": True, "message": "kpiwatch"}
        )
    if there is None:
        return Published(uid, title, Outcome.CREATED)
    return Published(uid, title, Outcome.UPDATED, _difference(there, given))


def _present(grafana: GrafanaFace, folder: str, uid: str) -> Json | None:
    """The dashboard as Grafana has it; None if it is not there; empty if it is elsewhere than in our folder."""
    try:
        found = grafana.dashboard.get_dashboard(uid)
    except GrafanaClientError as error:
        if not _is_missing(error):
            raise
        return None
    if found["meta"].get("folderUid") != folder:
        return {}
    return {name: value for name, value in found["dashboard"].items() if name not in _BY_GRAFANA}


def _holds(there: Any, given: Any) -> bool:
    """Whether all that was given is there as it was given; what Grafana added beside it does not matter."""
    if isinstance(given, dict):
        return isinstance(there, dict) and all(
            name in there and _holds(there[name], value) for name, value in given.items()
        )
    if isinstance(given, list):
        return (
            isinstance(there, list)
            and len(there) == len(given)
            and all(_holds(one, other) for one, other in zip(there, given, strict=True))
        )
    return bool(there == given)


def _difference(there: Json, given: Json) -> str:
    """Line by line."""
    before, after = (
        json.dumps(one, ensure_ascii=False, indent=1, sort_keys=True).splitlines() for one in (there, given)
    )
    return "\n".join(unified_diff(before, after, "in Grafana", "to be published", lineterm="", n=1))


def _prune(grafana: GrafanaFace, dashboards: Mapping[Language, Sequence[Json]], dry_run: bool) -> Iterator[Published]:
    """Removes what carries our mark in our folders and is none of the dashboards any more."""
    ours = {folder for folder, _ in FOLDERS.values()}
    kept = {dashboard["uid"] for of_language in dashboards.values() for dashboard in of_language}
    marked = grafana.search.search_dashboards(tag=GENERATED_TAG, type_="dash-db", limit=_AS_MANY_AS_A_SEARCH_GIVES)
    for one in marked:
        if one["uid"] not in kept and one.get("folderUid") in ours:
            if not dry_run:
                grafana.dashboard.delete_dashboard(one["uid"])
            yield Published(one["uid"], one["title"], Outcome.REMOVED)
