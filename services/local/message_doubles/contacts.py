"""The contacts of the demo: every unit is reached by doubles, and each kind of channel is somebody's first."""

import os
from collections.abc import Iterable
from itertools import cycle

from services.local.message_doubles.desk import SECRET, WEBHOOK_SECRET
from services.runtime.settings import Settings

_APPLICATIONS = """
[[account]]
id = "wecom"
kind = "wecom_app"
corp_id = "ww-demo"
agent_id = 1
secret = "application"
api = "{web}"

[[account]]
id = "dingtalk"
kind = "dingtalk_work"
app_key = "ding-demo"
agent_id = 1
secret = "application"
api = "{web}"

[[account]]
id = "feishu"
kind = "feishu_app"
app_id = "cli_demo"
secret = "application"
api = "{web}"

[[account]]
id = "mail"
kind = "email"
host = "127.0.0.1"
port = {mail_port}
security = "none"
sender = "kpiwatch@district.example"

[[account]]
id = "sms"
kind = "webhook"
address = "sms-address"
secret = "sms-secret"
most_bytes = 500
"""
_ROBOTS = {
    "wecom-group": ("wecom_robot", "/cgi-bin/webhook/send?key={unit}"),
    "dingtalk-group": ("dingtalk_robot", "/robot/send?access_token={unit}"),
    "feishu-group": ("feishu_robot", "/open-apis/bot/v2/hook/{unit}"),
}
"""Kind of a robot, and where its double answers."""
_FIRST = (*_ROBOTS, "wecom", "dingtalk", "feishu", "sms", "mail")


def demo_contacts(units: Iterable[str], web: str, mail_port: int) -> tuple[str, dict[str, str]]:
    """The text of a contacts.toml, and the secrets that it names: name → secret."""
    secrets = {"application": SECRET, "sms-address": f"{web}/webhook/sms", "sms-secret": WEBHOOK_SECRET}
    parts = [_APPLICATIONS.format(web=web, mail_port=mail_port)]
    for unit, first in zip(units, cycle(_FIRST), strict=False):
        mail = f'{{ account = "mail", to = "duty-desk@{unit}.example" }}'
        step = f'{{ account = "{first}", to = "{_person(first, unit)}" }}'
        if first in _ROBOTS:
            kind, path = _ROBOTS[first]
            secret = "" if kind == "wecom_robot" else 'secret = "application"\n'
            parts.append(f'[[account]]\nid = "{unit}"\nkind = "{kind}"\naddress = "{unit}"\n{secret}')
            secrets[unit] = f"{web}{path.format(unit=unit)}"
            step = f'{{ account = "{unit}" }}'
        ways = mail if first == "mail" else f"{step}, {mail}"
        parts.append(f'[[contact]]\nunit = "{unit}"\nquiet = ["21:00-07:30"]\nchannels = [{ways}]\n')
    return "\n".join(parts), secrets


def _person(account: str, unit: str) -> str:
    """An address of somebody of a unit, as the account writes them."""
    return {"feishu": f"ou_{unit.replace('-', '')}", "sms": "+8613800000000"}.get(account, unit)


def write_demo_contacts(units: Iterable[str], settings: Settings) -> None:
    """Write the file and the folder of secrets that the settings name."""
    if settings.contacts is None or settings.secrets is None:
        return
    web = f"http://127.0.0.1:{settings.doubles_port}"
    text, secrets = demo_contacts(["operations", *units], web, settings.doubles_mail_port)
    settings.secrets.mkdir(mode=0o700, parents=True, exist_ok=True)
    for name, secret in secrets.items():
        path = settings.secrets / name
        path.touch(0o600)
        os.chmod(path, 0o600)
        path.write_text(f"{secret}\n", "ascii")
    settings.contacts.write_text(text, "utf-8")
