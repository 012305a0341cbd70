"""The cookies of the desk: the session, the browser that is known, the language before the sign-in."""

from typing import Final

from fastapi import Request, Response

from services.desk.accounts.accounts import BROWSER_US, SignedIn
from services.desk.guards import OwnAddress
from services.runtime.settings import Settings

_SESSION: Final = "desk_session"
BROWSER: Final = "desk_browser"
LANGUAGE: Final = "desk_language"
"""SameSite is Lax everywhere: who comes from a message in a messenger is signed in; a form from elsewhere is not."""
_YEAR: Final = 31_536_000


def session_name(settings: Settings) -> str:
    """Over TLS the name itself forbids that another host, or a page without TLS, sets it."""
    return f"__Host-{_SESSION}" if _is_secure(settings) else _SESSION


def token_of(request: Request, settings: Settings) -> str:
    """The token of the session; empty: there is none, or there are two: somebody planted one."""
    name = session_name(settings)
    cookies = [each.strip() for header in request.headers.getlist("cookie") for each in header.split(";")]
    sent = {each for each in cookies if each.partition("=")[0].strip() == name}
    return request.cookies.get(name, "") if len(sent) == 1 else ""


def keep_session(response: Response, settings: Settings, signed_in: SignedIn) -> None:
    """The browser keeps the session until it is closed, and for half a year that it is known."""
    keep_token(response, settings, signed_in.token)
    secure, age = _is_secure(settings), BROWSER_US // 1_000_000
    response.set_cookie(BROWSER, signed_in.browser, age, path="/sign-in", secure=secure, httponly=True, samesite="lax")


def keep_token(response: Response, settings: Settings, token: str) -> None:
    """The browser keeps the session until it is closed."""
    response.set_cookie(session_name(settings), token, secure=_is_secure(settings), httponly=True, samesite="lax")


def forget_session(response: Response, settings: Settings) -> None:
    """After the sign-out."""
    response.delete_cookie(session_name(settings), secure=_is_secure(settings), httponly=True, samesite="lax")


def keep_language(response: Response, settings: Settings, language: str) -> None:
    """For the page to sign in."""
    secure = _is_secure(settings)
    response.set_cookie(LANGUAGE, language, _YEAR, secure=secure, httponly=True, samesite="lax")


def _is_secure(settings: Settings) -> bool:
    return OwnAddress.of(settings).secure
