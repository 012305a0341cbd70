"""A double of Grafana, after its published HTTP API: health, folders, dashboards and the search, with their refusals.

It answers as Grafana 12.3 was seen to: an Editor's token may not read what is missing, a dashboard that was read from a
file is not saved, and a token that is none reads like nobody's where everybody may read.
"""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

Json = dict[str, Any]

TOKEN = "right"
NOT_TO_BE_READ = "You'll need additional permissions to perform this action. Permissions needed: folders:read"


class Grafana(ThreadingHTTPServer):
    """Keeps folders and dashboards as Grafana does, and can be set to refuse what is written."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Answers)
        self.folders: dict[str, str] = {}
        self.dashboards: dict[str, Json] = {}
        """Uid → the dashboard as it is kept."""
        self.folder_of: dict[str, str] = {}
        self.writes: list[str] = []
        """Method and path of every request that changes something."""
        self.refusal: tuple[int, Json | str] | None = None
        """Status and body for every request that changes something."""
        self.fails: tuple[int, Json | str] | None = None
        """Status and body for every request."""
        self.provisioned: set[str] = set()
        """Uids of dashboards that Grafana read from files."""
        self.anonymous = False
        """Whether everybody may read, as in the demo's containers."""
        self.health: tuple[int, Json | str] = (200, {"database": "ok", "version": "12.3.0"})
        """Status and body of the health, which needs no token."""
        self.tokens_seen: set[str] = set()
        self.newer = False
        """A Grafana that raises the version of what it is given, and adds fields of its own."""

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"

    def save(self, dashboard: Json, folder: str) -> int:
        """By its uid; the version goes up by one."""
        uid = dashboard["uid"]
        version = int(self.dashboards.get(uid, {}).get("version", 0)) + 1
        added = {"schemaVersion": 42, "preload": False} if self.newer else {}
        self.dashboards[uid] = {**dashboard, **added, "id": 7, "version": version}
        self.folder_of[uid] = folder
        return version

    def found(self, tags: list[str], limit: int) -> list[Json]:
        """The hits of a search: dashboards that carry all the tags."""
        return [
            {
                "uid": uid,
                "title": one["title"],
                "type": "dash-db",
                "tags": one["tags"],
                "folderUid": self.folder_of[uid],
            }
            for uid, one in self.dashboards.items()
            if set(tags) <= set(one["tags"])
        ][:limit]


class _Answers(BaseHTTPRequestHandler):
    server: Grafana

    def do_GET(self) -> None:
        address = urlsplit(self.path)
        if address.path == "/api/health":
            self._note_token()
            self._answer(*self.server.fails or self.server.health)
            return
        if address.path.startswith("/d/"):  # what a browser opens; Grafana answers with its app, and this with the page
            known = self.server.dashboards.get(address.path.removeprefix("/d/"))
            self._answer(*((200, {"title": known["title"]}) if known else (404, {"message": "Dashboard not found"})))
            return
        if self._is_turned_away(may_be_anonymous=address.path != "/api/user"):
            return
        kind, _, uid = address.path.removeprefix("/api/").rpartition("/")
        if address.path == "/api/user":
            self._answer(200, {"login": "sa-1-kpiwatch", "orgId": 1, "isGrafanaAdmin": False})
        elif address.path == "/api/search":
            asked = parse_qs(address.query)
            assert asked["type"] == ["dash-db"]
            self._answer(200, self.server.found(asked["tag"], int(asked["limit"][0])))
        elif kind == "folders" and uid in self.server.folders:
            self._answer(200, {"uid": uid, "title": self.server.folders[uid]})
        elif kind == "dashboards/uid" and uid in self.server.dashboards:
            meta = {"folderUid": self.server.folder_of[uid], "slug": uid, "provisioned": uid in self.server.provisioned}
            self._answer(200, {"dashboard": self.server.dashboards[uid], "meta": meta})
        elif kind == "folders":
            self._answer(403, {"accessErrorId": "ACE1", "message": NOT_TO_BE_READ, "title": "Access denied"})
        else:
            self._answer(404, {"message": "not found"})

    def do_POST(self) -> None:
        content = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        if self._is_turned_away() or self._is_refused():
            return
        if self.path == "/api/folders":
            self.server.folders[content["uid"]] = content["title"]
            self._answer(200, content)
        elif self.path == "/api/dashboards/db" and content["dashboard"]["uid"] in self.server.provisioned:
            self._answer(400, {"message": "Cannot save provisioned dashboard"})
        elif self.path == "/api/dashboards/db":
            assert content["folderUid"] in self.server.folders
            assert content["overwrite"] is True
            assert content["dashboard"]["id"] is None
            version = self.server.save(content["dashboard"], content["folderUid"])
            self._answer(200, {"status": "success", "uid": content["dashboard"]["uid"], "version": version})
        else:
            self._answer(404, {"message": "not found"})

    def do_DELETE(self) -> None:
        if self._is_turned_away() or self._is_refused():
            return
        title = self.server.dashboards.pop(self.path.rpartition("/")[2])["title"]
        self._answer(200, {"title": title, "message": f"Dashboard {title} deleted"})

    def _note_token(self) -> None:
        if given := self.headers["Authorization"]:
            self.server.tokens_seen.add(given)

    def _is_turned_away(self, *, may_be_anonymous: bool = False) -> bool:
        self._note_token()
        if self.server.fails:
            self._answer(*self.server.fails)
            return True
        if self.server.anonymous and may_be_anonymous:
            return False
        if self.headers["Authorization"] != f"Bearer {TOKEN}":
            self._answer(401, {"message": "Invalid API key"})
            return True
        return False

    def _is_refused(self) -> bool:
        self.server.writes.append(f"{self.command} {self.path}")
        if self.server.refusal:
            self._answer(*self.server.refusal)
        return self.server.refusal is not None

    def _answer(self, status: int, content: Any) -> None:
        body = content.encode() if isinstance(content, str) else json.dumps(content).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *arguments: object) -> None:
        pass


@contextmanager
def serving() -> Iterator[Grafana]:
    """A double that answers on a free port of its own."""
    server = Grafana()
    thread = threading.Thread(target=server.serve_forever, args=(0.02,))
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
