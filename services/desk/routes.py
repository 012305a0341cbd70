"""How a page of the desk is declared: its path, who may use it, and what it is about.

`Pages` collects the routes of one family; `add_routes` puts them into the app, each behind its guard. A route without
an access, or about a unit without a way to find out whose it is, does not come so far: the desk does not start.
"""

from collections.abc import Callable, Iterable
from typing import Any, Final, Literal, NamedTuple, TypeVar

from fastapi import Depends, FastAPI, Request
from fastapi.routing import APIRoute

from services.desk.access import ABOUT_A_UNIT, About, Access, may
from services.desk.accounts.logbook import Entry
from services.desk.asking import Asked, asked_of
from services.desk.refusal import NotFound, NotYours, SignInFirst, SomethingOwed
from services.desk.session import Owes

LISTED: Final = "listed"
"""What a page with a list is about: it asks `may` of each thing before it shows it."""

FindAbout = Callable[[Request], About | None]
"""Whose business the thing of a path is; None: there is no such thing. It runs in a thread, before the page."""

_NOTED: Final = frozenset((Access.READ, Access.READ_TEXTS, Access.OPERATE, Access.LOGS))
"""What the log has of those who look."""
Handler = TypeVar("Handler", bound=Callable[..., Any])


class Route(NamedTuple):
    """What is declared of a route."""

    method: str
    path: str
    access: Access
    about: FindAbout | Literal["listed"] | None
    note: Entry | None
    """What the log says of each request to it; None: nothing."""


class Declared(NamedTuple):
    """A route before it is in the app."""

    route: Route
    handler: Callable[..., Any]


class Pages:
    """The routes of one family."""

    def __init__(self) -> None:
        self.declared: list[Declared] = []

    def get(
        self,
        path: str,
        access: Access,
        about: FindAbout | Literal["listed"] | None = None,
        note: Entry | None = Entry.VIEWED,
    ) -> Callable[[Handler], Handler]:
        """A page or a file to read. `about`: for an access that is about a unit (`ABOUT_A_UNIT`). `note`: what the log
        says of it: `Entry.EXPORTED` for a file that is taken away; None for what a page asks by itself, again and
        again. Pages that show nothing of the district are never noted."""
        return self._declare(Route("GET", path, access, about, note if access in _NOTED else None))

    def post(
        self, path: str, access: Access, about: FindAbout | Literal["listed"] | None = None
    ) -> Callable[[Handler], Handler]:
        """A form that changes something. It answers with `Asked.see_other`, so that a reload repeats nothing."""
        return self._declare(Route("POST", path, access, about, None))

    def _declare(self, route: Route) -> Callable[[Handler], Handler]:
        if (route.access in ABOUT_A_UNIT) != (route.about is not None):
            raise ValueError(
                f"{route.method} {route.path}: say what the route is about for {', '.join(sorted(ABOUT_A_UNIT))}, and "
                "only there"
            )

        def keep(handler: Handler) -> Handler:
            self.declared.append(Declared(route, handler))
            return handler

        return keep


def add_routes(app: FastAPI, families: Iterable[Pages]) -> None:
    """Put the routes into the app, and note what each is for."""
    guarded: set[tuple[str, str]] = set()
    for route, handler in (each for family in families for each in family.declared):
        app.add_api_route(
            route.path, handler, methods=[route.method], dependencies=[Depends(_guard(route))], response_model=None
        )
        guarded.add((route.method, route.path))
    app.state.guarded = guarded


def check_routes(app: FastAPI, open_paths: Iterable[str]) -> None:
    """Raises ValueError for a route that nothing guards. `open_paths`: of what has no access: probes and figures."""
    guarded, free = app.state.guarded, set(open_paths)
    for route in app.routes:
        path = getattr(route, "path", str(route))
        methods = getattr(route, "methods", None) or {"?"}
        if path in free:
            continue
        if not isinstance(route, APIRoute) or any((method, path) not in guarded for method in methods):
            raise ValueError(f"{path}: a route without an access: declare it with Pages (services/desk/routes.py)")


def _guard(route: Route) -> Callable[[Request], None]:
    """What runs before the handler of a route: it raises what the app answers instead of the page."""

    def guard(request: Request) -> None:
        asked = asked_of(request)
        if asked.viewer is None and route.access is not Access.ANYONE:
            raise SignInFirst(request)
        if asked.owes is not Owes.NOTHING and route.access not in (Access.ANYONE, Access.ACCOUNT):
            raise SomethingOwed(asked.owes)
        if not may(asked.viewer, route.access):
            raise NotYours
        if callable(route.about):
            _check_about(asked, route.access, route.about(request))
        if route.note is not None:
            query = f"?{request.url.query}" if request.url.query else ""
            asked.desk.accounts.note(asked.deed(route.note, f"{request.url.path}{query}"))

    return guard


def _check_about(asked: Asked, access: Access, about: About | None) -> None:
    """What is not there and what is somebody else's look the same, so that nobody can find out which numbers exist."""
    if about is None or not may(asked.viewer, access, about):
        raise NotFound
    asked.about = about
