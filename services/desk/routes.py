"""How a page of the desk is declared: its path, who may use it, and what it is about.

`Pages` collects the routes of one family; `add_routes` puts them into the app, each behind its guard. A route without
an access, or about a unit without a way to find out whose it is, does not come so far: the desk does not start.
"""

from collections.abc import Callable, Iterable
from typing import Any, Final, Literal, NamedTuple, TypeVar

from fastapi import Depends, FastAPI, Request
from fastapi.routing import APIRoute

from services.desk.access import ABOUT_A_UNIT, About, Access, may
from services.desk.asking import Asked, Owes, asked_of
from services.desk.refusal import NotFound, NotYours, SignInFirst, SomethingOwed

LISTED: Final = "listed"
"""What a page with a list is about: it asks `may` of each thing before it shows it."""

FindAbout = Callable[[Request], About | None]
"""Whose business the thing of a path is; None: there is no such thing. It runs in a thread, before the page."""

Handler = TypeVar("Handler", bound=Callable[..., Any])


class Declared(NamedTuple):
    """A route before it is in the app."""

    method: str
    path: str
    access: Access
    about: FindAbout | Literal["listed"] | None
    handler: Callable[..., Any]


class Pages:
    """The routes of one family of pages."""

    def __init__(self) -> None:
        self.declared: list[Declared] = []

    def get(
        self, path: str, access: Access, about: FindAbout | Literal["listed"] | None = None
    ) -> Callable[[Handler], Handler]:
        """A page or a file to read. `about`: for an access that is about a unit (`ABOUT_A_UNIT`)."""
        return self._declare("GET", path, access, about)

    def post(
        self, path: str, access: Access, about: FindAbout | Literal["listed"] | None = None
    ) -> Callable[[Handler], Handler]:
        """A form that changes something. It answers with `Asked.see_other`, so that a reload repeats nothing."""
        return self._declare("POST", path, access, about)

    def _declare(
        self, method: str, path: str, access: Access, about: FindAbout | Literal["listed"] | None
    ) -> Callable[[Handler], Handler]:
        if (access in ABOUT_A_UNIT) != (about is not None):
            raise ValueError(f"{method} {path}: for access {access.value} say what the route is about, and only there")

        def keep(handler: Handler) -> Handler:
            self.declared.append(Declared(method, path, access, about, handler))
            return handler

        return keep


def add_routes(app: FastAPI, families: Iterable[Pages]) -> None:
    """Put the routes into the app, and note what each is for."""
    known: dict[tuple[str, str], Declared] = {}
    for declared in (each for family in families for each in family.declared):
        app.add_api_route(
            declared.path,
            declared.handler,
            methods=[declared.method],
            dependencies=[Depends(_guard(declared))],
            response_model=None,
        )
        known[declared.method, declared.path] = declared
    app.state.declared = known


def check_routes(app: FastAPI, open_paths: Iterable[str]) -> None:
    """Raises ValueError for a route that nothing guards. `open_paths`: of what has no access: probes and figures."""
    known, free = app.state.declared, set(open_paths)
    for route in app.routes:
        path = getattr(route, "path", str(route))
        methods = getattr(route, "methods", None) or {"?"}
        if path in free:
            continue
        if not isinstance(route, APIRoute) or any((method, path) not in known for method in methods):
            raise ValueError(f"{path}: a route without an access: declare it with Pages (services/desk/routes.py)")


def _guard(declared: Declared) -> Callable[[Request], None]:
    """What runs before the handler of a route: it raises what the app answers instead of the page."""

    def guard(request: Request) -> None:
        asked = asked_of(request)
        if asked.viewer is None and declared.access is not Access.ANYONE:
            raise SignInFirst(request)
        if asked.owes is not Owes.NOTHING and declared.access not in (Access.ANYONE, Access.ACCOUNT):
            raise SomethingOwed(asked.owes)
        if not may(asked.viewer, declared.access):
            raise NotYours
        if callable(declared.about):
            _check_about(asked, declared.access, declared.about(request))

    return guard


def _check_about(asked: Asked, access: Access, about: About | None) -> None:
    """What is not there and what is somebody else's look the same, so that nobody can find out which numbers exist."""
    if about is None or not may(asked.viewer, access, about):
        raise NotFound
    asked.about = about
