"""The menu. An entry is shown to whoever may open it."""

from typing import Final, NamedTuple

from services.desk.access import Access
from services.domain.plan.plan import Title


class Entry(NamedTuple):
    """A line of the menu."""

    path: str
    name: Title
    access: Access


NAVIGATION: Final = (
    Entry("/", Title(zh="首页", en="Overview"), Access.READ),
    Entry("/accounts", Title(zh="账号", en="Accounts"), Access.MANAGE),
    Entry("/logs", Title(zh="日志", en="Logs"), Access.LOGS),
)
"""In the order of the menu."""
