"""What a page raises instead of an answer. The app makes a page of it, in the language of whoever asks."""

from urllib.parse import quote

from fastapi import Request

from services.desk import words
from services.desk.session import Owes
from services.domain.plan.plan import Title


class Refusal(Exception):
    """A page with what is wrong, why, and what to do."""

    def __init__(self, status: int, heading: Title, remedy: Title) -> None:
        """`status`: of HTTP."""
        super().__init__(heading.en)
        self.status = status
        self.heading = heading
        self.remedy = remedy


class NotFound(Refusal):
    """There is no such thing, or it is somebody else's: which of the two is not said."""

    def __init__(self) -> None:
        super().__init__(404, words.NOT_FOUND, words.NOT_FOUND_REMEDY)


class NotYours(Refusal):
    """The role may not do this at all."""

    def __init__(self) -> None:
        super().__init__(403, words.NOT_YOURS, words.NOT_YOURS_REMEDY)


class Elsewhere(Exception):
    """Another page is to be opened instead."""

    def __init__(self, path: str) -> None:
        super().__init__(path)
        self.path = path


class SignInFirst(Elsewhere):
    """Nobody is signed in. After that they come back to where they wanted to go, if that was a page."""

    def __init__(self, request: Request) -> None:
        wanted = request.url.path + (f"?{request.url.query}" if request.url.query else "")
        back = f"?next={quote(wanted, safe='')}" if request.method == "GET" and wanted != "/" else ""
        super().__init__(f"/sign-in{back}")


class SomethingOwed(Elsewhere):
    """The account owes a password of its own, or its second factor."""

    def __init__(self, owes: Owes) -> None:
        super().__init__({Owes.PASSWORD: "/account/password", Owes.FACTOR: "/account/factor"}[owes])
