"""The log: who signed in, who looked at what, who took it away, what was done to accounts."""

from typing import Final

from fastapi import Response

from services.desk.access import Access
from services.desk.accounts.logbook import Entry
from services.desk.asking import Ask
from services.desk.numbers import Before
from services.desk.routes import Pages
from services.domain.plan.plan import Title

PAGES: Final = Pages()
_PAGE: Final = 100
_WORDS: Final = {
    "logs": Title(zh="日志", en="Logs"),
    "at": Title(zh="时间", en="Time"),
    "account": Title(zh="账号", en="Account"),
    "what": Title(zh="行为", en="What"),
    "subject": Title(zh="内容", en="Subject"),
    "from": Title(zh="来源地址", en="From"),
    "all": Title(zh="全部", en="all"),
    "show": Title(zh="查看", en="Show"),
    "older": Title(zh="更早", en="Older"),
    "none": Title(zh="没有记录", en="There is nothing"),
    "command": Title(zh="（命令行）", en="(command line)"),
    "unknown": Title(zh="（无此账号）", en="(no such account)"),
    "real": Title(
        zh="日志按实际时间记录，至少保存的天数：", en="The log is in real time. It is kept for so many days, at least: "
    ),
}
KINDS: Final = {
    Entry.SIGNED_IN: Title(zh="登录", en="signed in"),
    Entry.SIGN_IN_FAILED: Title(zh="登录失败", en="failed to sign in"),
    Entry.SIGNED_OUT: Title(zh="退出", en="signed out"),
    Entry.VIEWED: Title(zh="查看", en="looked at"),
    Entry.EXPORTED: Title(zh="导出", en="took away"),
    Entry.ACCOUNT: Title(zh="账号管理", en="changed an account"),
}


@PAGES.get("/logs", Access.LOGS)
def logs(ask: Ask, kind: Entry | None = None, before: Before = None) -> Response:
    """A page of the log, the latest first."""
    lines = ask.desk.logbook.lines(before, () if kind is None else (kind,), _PAGE + 1)
    more = lines[_PAGE - 1].number if len(lines) > _PAGE else None
    days = ask.desk.settings.desk_log_days
    return ask.page("logs.html", words=_WORDS, kinds=KINDS, kind=kind, lines=lines[:_PAGE], more=more, days=days)
