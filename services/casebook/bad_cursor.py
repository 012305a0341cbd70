"""What is wrong with a cursor."""


class BadCursor(ValueError):
    """The text is none that a page gave as its `next`."""

    def __init__(self) -> None:
        super().__init__("it is no cursor of a page: take the one of the page before, unchanged")
