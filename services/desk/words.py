"""The words of the desk that more than one page needs, in both languages. A page has its own words in its own file."""

from typing import Final

from services.domain.plan.plan import Title

NAME: Final = Title(zh="承诺督办台", en="Promise desk")
SKIP: Final = Title(zh="跳到正文", en="Skip to the content")
MENU: Final = Title(zh="栏目", en="Menu")
SIGN_OUT: Final = Title(zh="退出", en="Sign out")
MY_ACCOUNT: Final = Title(zh="我的账号", en="My account")
NOW: Final = Title(zh="系统时间", en="Time now")
SIMULATED: Final = Title(zh="模拟时间", en="clock of a demo")
ALL_TIMES: Final = Title(zh="本页时间均为", en="All times on this page are in the zone")
BACK_HOME: Final = Title(zh="返回首页", en="Back to the first page")
ROLES: Final = {
    "unit": Title(zh="单位", en="unit"),
    "operations": Title(zh="运行中心", en="operations centre"),
    "auditor": Title(zh="审计", en="auditor"),
    "admin": Title(zh="账号管理员", en="administrator"),
}

NOT_FOUND: Final = Title(zh="没有这个页面", en="There is no such page")
NOT_FOUND_REMEDY: Final = Title(
    zh="地址有误，或该内容不属于本账号。请从栏目进入。",
    en="The address is wrong, or what it names is not of this account. Use the menu.",
)
NOT_YOURS: Final = Title(zh="本账号无此权限", en="This account may not do that")
NOT_YOURS_REMEDY: Final = Title(
    zh="如工作需要，请联系账号管理员。", en="If your work needs it, ask an administrator of accounts."
)
WRONG_FORM: Final = Title(zh="表单内容有误", en="The form cannot be read")
WRONG_FORM_REMEDY: Final = Title(
    zh="请返回上一页，检查下列各项后重新提交。", en="Go back, check what is named below and send it again."
)
WRONG_METHOD: Final = Title(zh="该地址不支持此操作", en="This address is not used in that way")
NOT_SAME_SITE: Final = Title(
    zh="请求不是从本页面发出的，未予处理", en="The request did not come from this page: nothing was done"
)
NOT_SAME_SITE_REMEDY: Final = Title(
    zh="请打开本系统页面重新操作；如多次出现，请更新浏览器。",
    en="Open the page here and do it again. If that does not help, update the browser.",
)
DEFECT: Final = Title(zh="系统出现错误，操作可能未完成", en="Something failed here: it may not have been done")
DEFECT_REMEDY: Final = Title(
    zh="请稍后刷新查看结果；如仍出现，请告知运行中心。",
    en="Look again in a moment. If it stays, tell the operations centre.",
)
AWAY: Final = Title(zh="暂时无法读取数据", en="The data cannot be read now")
AWAY_REMEDY: Final = Title(
    zh="请稍后刷新；已提交的内容不会丢失。", en="Look again in a moment. What you sent is not lost."
)
