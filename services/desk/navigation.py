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
    Entry("/district", Title(zh="首页", en="Overview"), Access.READ),
    Entry("/cards", Title(zh="红黄牌", en="Cards"), Access.READ),
    Entry("/promises", Title(zh="承诺", en="Promises"), Access.READ),
    Entry("/cases", Title(zh="办件", en="Cases"), Access.READ),
    Entry("/waiting", Title(zh="待决定", en="To decide"), Access.OPERATE),
    Entry("/assignments", Title(zh="交办", en="Assigned"), Access.READ),
    Entry("/orders", Title(zh="督办单", en="Orders"), Access.READ),
    Entry("/circulars", Title(zh="通报", en="Circulars"), Access.READ),
    Entry("/notices", Title(zh="通知", en="Notices"), Access.READ),
    Entry("/sources", Title(zh="数据源", en="Sources"), Access.READ),
    Entry("/accounts", Title(zh="账号", en="Accounts"), Access.MANAGE),
    Entry("/runbooks", Title(zh="处置手册", en="Runbooks"), Access.ANYONE),
    Entry("/logs", Title(zh="日志", en="Logs"), Access.LOGS),
)
"""In the order of the menu."""
