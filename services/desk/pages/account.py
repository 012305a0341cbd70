"""One's own account: language, password, second factor, sessions."""

import re
from typing import Annotated, Final, Literal

import segno
from fastapi import Form, Response
from markupsafe import Markup

from services.desk.access import Access
from services.desk.accounts import credentials
from services.desk.accounts.accounts import NotPossible, Wait
from services.desk.accounts.logbook import Entry
from services.desk.asking import Ask, Asked, is_path
from services.desk.cookies import keep_language, keep_token
from services.desk.refusal import NotFound
from services.desk.routes import Pages
from services.desk.session import Owes
from services.domain.plan.plan import Title

PAGES: Final = Pages()
_SECRET: Final = re.compile(r"[A-Z2-7]{32}")
WORDS: Final = {
    "account": Title(zh="我的账号", en="My account"),
    "name": Title(zh="账号", en="Account"),
    "role": Title(zh="角色", en="Role"),
    "unit": Title(zh="单位", en="Unit"),
    "password": Title(zh="修改密码", en="Change the password"),
    "old": Title(zh="现密码", en="Present password"),
    "new": Title(zh="新密码", en="New password"),
    "again": Title(zh="再次输入新密码", en="New password, again"),
    "rule": credentials.TOO_SHORT,
    "save": Title(zh="保存", en="Save"),
    "ends": Title(zh="保存后，其他登录全部退出。", en="All other sessions end with it."),
    "factor": Title(zh="验证器", en="Authenticator"),
    "has_factor": Title(
        zh="已绑定。更换手机请联系账号管理员重置。", en="It is set. For a new phone ask an administrator for a reset."
    ),
    "set_factor": Title(zh="绑定验证器", en="Set an authenticator"),
    "must_factor": Title(zh="本角色须绑定验证器后使用。", en="This role needs an authenticator before anything else."),
    "scan": Title(
        zh="用手机验证器应用（支持 TOTP）扫描二维码，或手工输入密钥，再填写应用显示的6位验证码。",
        en="Scan the picture with an authenticator app (TOTP), or type the key. Then write the six digits it shows.",
    ),
    "key": Title(zh="密钥", en="Key"),
    "address": Title(zh="完整地址", en="Whole address"),
    "code": Title(zh="6位验证码", en="Six digits"),
    "sessions": Title(zh="已登录设备", en="Open sessions"),
    "begun": Title(zh="登录时间", en="Since"),
    "seen": Title(zh="最近使用", en="Last used"),
    "from": Title(zh="来源地址", en="From"),
    "this": Title(zh="本次登录", en="this one"),
    "end": Title(zh="退出该登录", en="End it"),
}
_OTHER: Final = Title(zh="两次输入的新密码不一致", en="the new password is not the same twice")
_OLD: Final = Title(zh="现密码有误", en="the present password is wrong")
_SLOW: Final = Title(zh="尝试次数过多，请稍后再试", en="too many attempts: try again in a minute")
_CODE: Final = Title(
    zh="验证码有误，请核对手机时间后重试", en="the code is wrong: check the time of the phone and try again"
)
_SET: Final = Title(zh="验证器已绑定", en="The authenticator is set")
_ENDED: Final = Title(zh="已退出该登录", en="That session is ended")


@PAGES.get("/account", Access.ACCOUNT)
def account(ask: Ask) -> Response:
    """What there is about whoever asks."""
    name = ask.known.account
    own, sessions = ask.desk.accounts.account(name), ask.desk.accounts.sessions(name)
    return ask.page("account.html", words=WORDS, own=own, sessions=sessions, session=ask.session)


@PAGES.post("/language", Access.ANYONE)
def language(
    ask: Ask, language: Annotated[Literal["zh", "en"], Form()], path: Annotated[str, Form(max_length=2_000)] = "/"
) -> Response:
    """The language of all further pages, of the account, too. `path`: where to go on."""
    if ask.viewer is not None:
        ask.desk.accounts.speak(ask.viewer.account, language)
    answer = ask.see_other(path if is_path(path) else "/")
    keep_language(answer, ask.desk.settings, language)
    return answer


@PAGES.get("/account/password", Access.ACCOUNT)
def password(ask: Ask) -> Response:
    """The form for a new password."""
    return _password_form(ask, None)


@PAGES.post("/account/password", Access.ACCOUNT)
def new_password(
    ask: Ask,
    new: Annotated[str, Form(max_length=1_000)],
    again: Annotated[str, Form(max_length=1_000)],
    old: Annotated[str, Form(max_length=1_000)] = "",
) -> Response:
    """Every session ends but this one, which goes on under a new token."""
    assert ask.session is not None
    if new != again:
        return _password_form(ask, _OTHER)
    known = ask.desk.accounts.is_own_password(ask.session, old)
    if known is not True:
        return _password_form(ask, _SLOW if isinstance(known, Wait) else _OLD)
    try:
        token = ask.desk.accounts.change_password(ask.session, new, ask.address)
    except NotPossible as refusal:
        return _password_form(ask, refusal.why)
    response = ask.see_other("/")
    keep_token(response, ask.desk.settings, token)
    return response


def _password_form(ask: Asked, wrong: Title | None) -> Response:
    first = ask.owes is Owes.PASSWORD
    return ask.page("password.html", 200 if wrong is None else 422, words=WORDS, first=first, wrong=wrong)


@PAGES.get("/account/factor", Access.ACCOUNT)
def factor(ask: Ask) -> Response:
    """The secret of a second factor, to be put into an app."""
    _refuse_second(ask)
    return _factor_form(ask, credentials.new_factor(), None)


@PAGES.post("/account/factor", Access.ACCOUNT)
def new_factor(
    ask: Ask, secret: Annotated[str, Form(max_length=100)], code: Annotated[str, Form(max_length=20)]
) -> Response:
    """The secret counts once a code shows that the app has it."""
    _refuse_second(ask)
    if not _SECRET.fullmatch(secret):
        return _factor_form(ask, credentials.new_factor(), _CODE)
    if not ask.desk.accounts.enrol(ask.known.account, secret, code, ask.address):
        return _factor_form(ask, secret, _CODE)
    return ask.see_other("/account", _SET)


def _refuse_second(ask: Asked) -> None:
    """A factor is replaced by a reset only: whoever finds an open session must not put in their own."""
    own = ask.desk.accounts.account(ask.known.account)
    if own is None or own.has_factor or ask.owes is Owes.PASSWORD:
        raise NotFound


def _factor_form(ask: Asked, secret: str, wrong: Title | None) -> Response:
    address = credentials.factor_address(secret, ask.known.account)
    picture = segno.make(address, error="m").svg_inline(scale=4, border=4, svgclass="qr", omitsize=True)
    content = {"secret": secret, "address": address, "picture": Markup(picture), "words": WORDS}
    needed = ask.known.role in ask.desk.accounts.need_factor
    return ask.page_with("factor.html", {**content, "wrong": wrong, "needed": needed}, 200 if wrong is None else 422)


@PAGES.post("/account/sessions/{id}/end", Access.ACCOUNT)
def end_session(ask: Ask, id: str) -> Response:
    """End one of one's own sessions."""
    name = ask.known.account
    ask.desk.accounts.end_session(id, name, ask.deed(Entry.ACCOUNT, f"{name}: session ended"))
    return ask.see_other("/account", _ENDED)
