"""Accounts, for administrators: add, reset, disable, end sessions."""

from typing import Annotated, Final

from fastapi import Form, Response

from services.desk.access import Access, Role
from services.desk.accounts.accounts import Account, NotPossible
from services.desk.accounts.logbook import Entry
from services.desk.asking import Ask, Asked
from services.desk.refusal import NotFound
from services.desk.routes import Pages
from services.domain.plan.plan import Title

PAGES: Final = Pages()
WORDS: Final = {
    "accounts": Title(zh="账号", en="Accounts"),
    "name": Title(zh="账号", en="Account"),
    "role": Title(zh="角色", en="Role"),
    "unit": Title(zh="单位", en="Unit"),
    "no_unit": Title(zh="（不属于单位）", en="(of no unit)"),
    "state": Title(zh="状态", en="State"),
    "active": Title(zh="正常", en="active"),
    "waiting": Title(zh="待首次登录", en="has not signed in yet"),
    "no_factor": Title(zh="未绑定验证器", en="without an authenticator"),
    "disabled": Title(zh="已停用", en="disabled"),
    "add": Title(zh="新增账号", en="Add an account"),
    "name_hint": Title(
        zh="小写字母、数字、点、横线、下划线，2至40位；用岗位名，不用身份证号、手机号",
        en="2 to 40 of a-z, 0-9, dot, dash, underscore; the name of a post, never a personal number",
    ),
    "unit_hint": Title(
        zh="单位账号必选；运行中心人员属于某单位的，选该单位：本人不得就该单位的事项作决定",
        en="needed for a unit; in the operations centre of those who belong to a unit, too: they decide nothing "
        "about it",
    ),
    "made": Title(zh="建立时间", en="Made"),
    "sessions": Title(zh="当前登录", en="Open sessions"),
    "seen": Title(zh="最近使用", en="Last used"),
    "from": Title(zh="来源地址", en="From"),
    "end_all": Title(zh="全部退出", en="End all sessions"),
    "reset": Title(zh="重置", en="Reset"),
    "reset_hint": Title(
        zh="原密码、验证器作废，所有登录退出，生成新的一次性口令。",
        en="Password and authenticator are void, all sessions end, and there is a new one-time code.",
    ),
    "disable": Title(zh="停用", en="Disable"),
    "enable": Title(zh="恢复使用", en="Enable again"),
    "enable_hint": Title(
        zh="恢复后请再作重置，本人凭新口令登录。", en="Reset it afterwards: its owner signs in with the new code."
    ),
    "code": Title(zh="一次性口令", en="One-time code"),
    "code_hint": Title(
        zh="只显示这一次，72小时内有效。请当面或通过可靠渠道交给本人；首次登录后须自设密码。",
        en="It is shown only now and is good for 72 hours. Hand it over in person or by a way that you trust: at the "
        "first sign-in its owner chooses a password.",
    ),
    "back": Title(zh="返回账号列表", en="Back to the accounts"),
}
_DISABLED: Final = Title(zh="账号已停用", en="The account is disabled")
_ENABLED: Final = Title(zh="账号已恢复", en="The account is enabled again")
_ENDED: Final = Title(zh="已全部退出", en="All its sessions are ended")
_OWN: Final = Title(
    zh="不能重置或停用自己的账号，请由另一位管理员办理", en="not one's own account: another administrator does that"
)
_NO_UNIT: Final = Title(zh="方案中没有该单位", en="the plan has no such unit")


@PAGES.get("/accounts", Access.MANAGE)
def accounts(ask: Ask) -> Response:
    """All accounts, and the form for a new one."""
    return _list(ask, None)


@PAGES.post("/accounts", Access.MANAGE)
def add(
    ask: Ask,
    name: Annotated[str, Form(max_length=100)],
    role: Annotated[Role, Form()],
    unit: Annotated[str, Form(max_length=100)] = "",
) -> Response:
    """A new account. The page shows its code, so it is no redirect."""
    if unit and unit not in ask.desk.plan.units:
        return _list(ask, _NO_UNIT)
    try:
        code = ask.desk.accounts.add(
            name, role, unit, ask.deed(Entry.ACCOUNT, f"{name}: added as {role.value} {unit}".rstrip())
        )
    except NotPossible as refusal:
        return _list(ask, refusal.why)
    return ask.page("code.html", words=WORDS, name=name, code=code)


def _list(ask: Asked, wrong: Title | None) -> Response:
    accounts = ask.desk.accounts
    content = {
        "words": WORDS,
        "accounts": accounts.listed(),
        "wrong": wrong,
        "roles": list(Role),
        "units": {id: unit.title for id, unit in ask.desk.plan.units.items()},
        "need_factor": accounts.need_factor,
    }
    return ask.page_with("accounts.html", content, 200 if wrong is None else 422)


@PAGES.get("/accounts/{name}", Access.MANAGE)
def account(ask: Ask, name: str) -> Response:
    """One account."""
    return _one(ask, name, None)


@PAGES.post("/accounts/{name}/reset", Access.MANAGE)
def reset(ask: Ask, name: str) -> Response:
    """A new one-time code. The page shows it, so it is no redirect."""
    if name == ask.known.account:
        return _one(ask, name, _OWN)
    try:
        code = ask.desk.accounts.reset(name, ask.deed(Entry.ACCOUNT, f"{name}: reset"))
    except NotPossible:
        raise NotFound from None
    return ask.page("code.html", words=WORDS, name=name, code=code)


@PAGES.post("/accounts/{name}/disable", Access.MANAGE)
def disable(ask: Ask, name: str) -> Response:
    """Nobody signs in to it any more."""
    return _one(ask, name, _OWN) if name == ask.known.account else _set_disabled(ask, name, True)


@PAGES.post("/accounts/{name}/enable", Access.MANAGE)
def enable(ask: Ask, name: str) -> Response:
    """It may be used again."""
    return _set_disabled(ask, name, False)


@PAGES.post("/accounts/{name}/end-sessions", Access.MANAGE)
def end_sessions(ask: Ask, name: str) -> Response:
    """End all sessions of an account."""
    known(ask, name)
    ask.desk.accounts.end_sessions(name, ask.deed(Entry.ACCOUNT, f"{name}: sessions ended"))
    return ask.see_other(f"/accounts/{name}", _ENDED)


def _set_disabled(ask: Asked, name: str, disabled: bool) -> Response:
    done = "disabled" if disabled else "enabled"
    try:
        ask.desk.accounts.set_disabled(name, disabled, ask.deed(Entry.ACCOUNT, f"{name}: {done}"))
    except NotPossible:
        raise NotFound from None
    return ask.see_other(f"/accounts/{name}", _DISABLED if disabled else _ENABLED)


def _one(ask: Asked, name: str, wrong: Title | None) -> Response:
    found, sessions = known(ask, name), ask.desk.accounts.sessions(name)
    content = {"words": WORDS, "account": found, "sessions": sessions, "wrong": wrong}
    needed = ask.desk.accounts.need_factor
    return ask.page_with("account_of.html", {**content, "need_factor": needed}, 200 if wrong is None else 422)


def known(ask: Asked, name: str) -> Account:
    """The account of a path. Raises NotFound."""
    found = ask.desk.accounts.account(name)
    if found is None:
        raise NotFound
    return found
