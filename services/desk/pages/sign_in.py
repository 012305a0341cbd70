"""To sign in and to sign out."""

from typing import Annotated, Final

from fastapi import Form, Response

from services.desk.access import Access
from services.desk.accounts.accounts import Attempt, SignedIn, Wait
from services.desk.accounts.logbook import Entry
from services.desk.asking import Ask, Asked, is_path
from services.desk.cookies import BROWSER, forget_session, keep_session
from services.desk.routes import Pages
from services.domain.plan.plan import Title

PAGES: Final = Pages()
WORDS: Final = {
    "sign_in": Title(zh="登录", en="Sign in"),
    "account": Title(zh="账号", en="Account"),
    "secret": Title(
        zh="密码（首次登录或重置后：一次性口令）", en="Password (at first, or after a reset: the one-time code)"
    ),
    "factor": Title(zh="动态验证码（已绑定验证器的账号填写）", en="Code of the authenticator (if the account has one)"),
    "factor_hint": Title(zh="6位数字，每30秒更换", en="six digits, new every 30 seconds"),
    "help": Title(
        zh="忘记密码或更换手机，请联系账号管理员重置。",
        en="Forgot the password, or have a new phone? Ask an administrator of accounts for a reset.",
    ),
}
_WRONG: Final = Title(
    zh="账号、密码或验证码有误，或账号已停用", en="Account, password or code is wrong, or the account is disabled"
)


def _wait(seconds: int) -> Title:
    return Title(zh=f"尝试次数过多，请{seconds}秒后再试", en=f"Too many attempts: try again in {seconds} seconds")


@PAGES.get("/sign-in", Access.ANYONE)
def sign_in(ask: Ask, next: str = "/") -> Response:
    """The form. `next`: the page that somebody wanted."""
    return _form(ask, next, None)


@PAGES.post("/sign-in", Access.ANYONE)
def signed_in(
    ask: Ask,
    account: Annotated[str, Form(max_length=100)],
    secret: Annotated[str, Form(max_length=1_000)],
    factor: Annotated[str, Form(max_length=20)] = "",
    next: Annotated[str, Form(max_length=2_000)] = "/",
) -> Response:
    """Begin a session, or say that something is wrong, and not what."""
    name = account.strip().lower()
    known = ask.request.cookies.get(BROWSER, "")
    answer = ask.desk.accounts.sign_in(Attempt(name, secret.strip(), factor, ask.address, known))
    ask.desk.figures.sign_in("ok" if isinstance(answer, SignedIn) else "wait" if isinstance(answer, Wait) else "failed")
    if isinstance(answer, SignedIn):
        response = ask.see_other(next if is_path(next) else "/")
        keep_session(response, ask.desk.settings, answer)
        return response
    return _form(ask, next, _WRONG if answer is None else _wait(answer.seconds))


def _form(ask: Asked, next: str, wrong: Title | None) -> Response:
    status = 200 if wrong is None else 401
    return ask.page("sign_in.html", status, words=WORDS, next=next if is_path(next) else "/", wrong=wrong)


@PAGES.post("/sign-out", Access.ACCOUNT)
def sign_out(ask: Ask) -> Response:
    """End this session."""
    assert ask.session is not None
    ask.desk.accounts.end_session(ask.session.id, ask.known.account, ask.deed(Entry.SIGNED_OUT, ""))
    response = ask.see_other("/")
    forget_session(response, ask.desk.settings)
    return response
