"""What holds for every request before any page is asked: its host, where a form comes from, and the headers of answers.

Pure ASGI. A browser says in `Sec-Fetch-Site` and `Origin` where a form was sent from; a request that changes something
and has neither is refused.
"""

import time
from typing import Final, NamedTuple, Self
from urllib.parse import urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from services.desk import words
from services.desk.figures import Figures
from services.domain.plan.plan import Title
from services.runtime.settings import Settings

PROBES: Final = ("/-/healthy", "/-/ready", "/metrics")
"""Asked by monitoring, by whatever name of the machine; a reverse proxy does not pass them on."""
LARGEST_BODY: Final = 256 * 1024
"""Bytes of a form."""
_HEADERS: Final = {
    "Content-Security-Policy": "default-src 'self'; base-uri 'none'; object-src 'none'; form-action 'self'; "
    "frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
}
_LOOPBACK: Final = ("127.0.0.1", "localhost", "[::1]")
_FORM: Final = "application/x-www-form-urlencoded"
"""How the pages of the desk send every form."""
_CHANGING: Final = ("POST", "PUT", "PATCH", "DELETE")


class OwnAddress(NamedTuple):
    """How the desk is reached."""

    origins: frozenset[str]
    """Scheme, host and port, as browsers write them."""
    secure: bool
    """Whether it is reached by TLS only: then its cookies are, too."""

    @property
    def hosts(self) -> frozenset[str]:
        """As in the header `Host`."""
        return frozenset(urlsplit(origin).netloc for origin in self.origins)

    @classmethod
    def of(cls, settings: Settings) -> Self:
        """Of the configured address; without one, loopback."""
        parts = urlsplit(settings.desk_url.lower() or f"http://127.0.0.1:{settings.desk_port}")
        port = None if parts.port == {"http": 80, "https": 443}[parts.scheme] else parts.port
        host = f"[{parts.hostname}]" if ":" in (parts.hostname or "") else str(parts.hostname)
        names = _LOOPBACK if host in _LOOPBACK else (host,)
        origins = [f"{parts.scheme}://{name}" + (f":{port}" if port else "") for name in names]
        return cls(frozenset(origins), parts.scheme == "https")


class Guard:
    """Wraps the app."""

    def __init__(self, app: ASGIApp, own: OwnAddress, figures: Figures) -> None:
        self._app = app
        self._own = own
        self._figures = figures

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["path"] in PROBES:
            await self._app(scope, receive, send)
            return

        begun = time.perf_counter()

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                self._add_headers(MutableHeaders(scope=message))
                route = getattr(scope.get("route"), "path", "none")  # never the path itself: it may name a case
                self._figures.request(route, message["status"], time.perf_counter() - begun)
            await send(message)

        refusal = self._refusal(scope, Headers(scope=scope))
        await (refusal or self._app)(scope, receive, send_with_headers)

    def _refusal(self, scope: Scope, headers: Headers) -> PlainTextResponse | None:
        if headers.get("host", "").lower() not in self._own.hosts:
            named = " ".join(sorted(self._own.origins))
            return PlainTextResponse(f"This address is not served here. 请使用 / Use: {named}\n", 421)
        if "\0" in scope["path"] or b"%00" in scope["query_string"]:  # PostgreSQL takes no text with it
            return _text(404, words.NOT_FOUND, words.NOT_FOUND_REMEDY)
        if scope["method"] in _CHANGING:
            return self._refusal_of_form(headers)
        return None

    def _refusal_of_form(self, headers: Headers) -> PlainTextResponse | None:
        if not self._is_from_here(headers):
            return _text(403, words.NOT_SAME_SITE, words.NOT_SAME_SITE_REMEDY)
        length = headers.get("content-length", "")
        if not length.isdecimal():  # every browser says it with a form
            return PlainTextResponse("未说明长度 / the length of the form is not said\n", 411)
        if len(length) > 15 or int(length) > LARGEST_BODY:  # Python reads no number of thousands of digits
            return PlainTextResponse("表单过长 / the form is too long\n", 413)
        kind = headers.get("content-type", _FORM).partition(";")[0].strip().lower()
        if int(length) and kind != _FORM:  # in the other kind whoever sends it chooses how its text is decoded
            return PlainTextResponse(f"表单格式有误 / the form is none of this desk: {_FORM}\n", 415)
        return None

    def _is_from_here(self, headers: Headers) -> bool:
        """Whether a browser says that one of our pages sent it. What neither header says is not believed."""
        site, origin = headers.get("sec-fetch-site"), headers.get("origin")
        if site is None and origin is None:
            return False
        return site in (None, "same-origin") and (origin is None or origin.lower() in self._own.origins)

    def _add_headers(self, headers: MutableHeaders) -> None:
        for name, value in _HEADERS.items():
            headers[name] = value
        headers.setdefault("Cache-Control", "no-store")
        if self._own.secure:
            headers["Strict-Transport-Security"] = "max-age=31536000"


def _text(status: int, *sentences: Title) -> PlainTextResponse:
    lines = [f"{each.zh}\n{each.en}\n" for each in sentences]
    return PlainTextResponse("".join(lines), status)
