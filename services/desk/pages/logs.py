"""The log: who signed in, who looked at what, who took it away, what was done to accounts."""

import re
from typing import Final, Literal

from fastapi import Response

from services.desk.access import Access
from services.desk.accounts.logbook import Entry, Line
from services.desk.asking import Ask
from services.desk.numbers import Place
from services.desk.reading.case_seen import key_of_token
from services.desk.routes import Pages
from services.domain.intake.visible_text import visible
from services.domain.plan.plan import Title
from services.domain.results.cards import case_name

PAGES: Final = Pages()
_PAGE: Final = 50
_OF_CASE: Final = re.compile(r"/cases/([A-Za-z0-9_-]+)(?=[/?]|$)")
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
        zh="日志按实际时间记录，最短保存期限（天）：",
        en="The log is in real time. It is kept for so many days, at least: ",
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
def logs(ask: Ask, kind: Literal["", *Entry] = "", before: Place = None) -> Response:  # type: ignore[valid-type]
    """A page of the log, the latest first. `kind`: of one kind; empty: of all."""
    lines = ask.desk.logbook.lines(before, (Entry(kind),) if kind else (), _PAGE + 1)
    more = lines[_PAGE - 1].number if len(lines) > _PAGE else None
    days, shown = ask.desk.settings.desk_log_days, [_readable(line) for line in lines[:_PAGE]]
    return ask.page("logs.html", words=_WORDS, kinds=KINDS, kind=kind, lines=shown, more=more, days=days)


def _readable(line: Line) -> Line:
    """The case of a path by its name: `/cases/[/units/water W-1]/acts/reply`. The log has the path as it was asked
    for."""
    found = _OF_CASE.match(line.subject)
    key = None if found is None else key_of_token(found[1])
    if found is None or key is None:
        return line
    return line._replace(subject=f"/cases/[{visible(case_name(key))}]{line.subject[found.end() :]}")
