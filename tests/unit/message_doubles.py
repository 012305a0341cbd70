"""The doubles of messengers and mail server as real servers in threads, and channels that reach them."""

import contextlib
import subprocess
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import uvicorn

from services.local.message_doubles.desk import SECRET, WEBHOOK_SECRET, Desk
from services.local.message_doubles.mail import MailSink
from services.local.message_doubles.web import doubles_app
from services.local.ports import free_ports
from services.notifier.channels.account import Tools
from services.notifier.channels.calls import Calls, Patience
from services.notifier.channels.message import Channel
from services.notifier.contacts import channel_kinds
from services.notifier.secrets import Secrets

CANARY = "canary-7d1f"
"""Part of every secret, and of every address of a person."""
KINDS = (
    "wecom_robot", "wecom_app", "dingtalk_robot", "dingtalk_work", "feishu_robot", "feishu_app", "webhook", "email",
)  # fmt: skip
WITH_KEYS = ("wecom_app", "dingtalk_work", "feishu_app", "webhook")
"""A repeat under the same key is dropped there."""


@dataclass
class Clock:
    """Real time, and the time that passes, by hand."""

    now: float = 1_634_000_000.0
    """2021-10-12, 08:53 in Shanghai."""
    passed: float = 1_000.0

    def next_morning(self) -> None:
        """Eight o'clock in Shanghai, some days later."""
        self.pause(10 * 86_400 - self.now % 86_400)

    def pause(self, seconds: float) -> None:
        self.now += seconds
        self.passed += seconds


@dataclass
class Doubles:
    """Running doubles."""

    url: str
    mail_port: int
    desk: Desk
    clock: Clock
    calls: Calls = field(default_factory=lambda: Calls(Patience(5.0, 2.0)))
    """Patient enough for a busy machine: what answers at once is not taken for slow."""

    def secrets(self) -> dict[str, str]:
        """Environment variable → secret, of every channel."""
        at = {
            "wecom_robot": f"/cgi-bin/webhook/send?key={CANARY}",
            "dingtalk_robot": f"/robot/send?access_token={CANARY}",
            "feishu_robot": f"/open-apis/bot/v2/hook/{CANARY}",
            "webhook": f"/webhook/{CANARY}",
        }
        found = {f"KPIWATCH_SECRET_{kind.upper()}": f"{self.url}{path}" for kind, path in at.items()}
        return found | {"KPIWATCH_SECRET_DOUBLE": SECRET, "KPIWATCH_SECRET_WHSEC": WEBHOOK_SECRET}

    def tools(self, secrets: dict[str, str] | None = None) -> Tools:
        clock = self.clock
        return Tools(
            Secrets(None, self.secrets() | (secrets or {})),
            self.calls,
            now=lambda: clock.now,
            seconds=lambda: clock.passed,
            pause=clock.pause,
        )

    def account(self, kind: str, **changed: Any) -> Any:
        """The table of an account of this kind that leads to the doubles."""
        fields: dict[str, dict[str, Any]] = {
            "wecom_robot": {"address": "wecom-robot"},
            "wecom_app": {"corp_id": "ww1", "agent_id": 7, "secret": "double", "api": self.url},
            "dingtalk_robot": {"address": "dingtalk-robot", "secret": "double"},
            "dingtalk_work": {"app_key": "ding1", "agent_id": 7, "secret": "double", "api": self.url},
            "feishu_robot": {"address": "feishu-robot", "secret": "double"},
            "feishu_app": {"app_id": "cli_1", "secret": "double", "api": self.url},
            "webhook": {"address": "webhook", "secret": "whsec"},
            "email": {
                "host": "127.0.0.1",
                "port": self.mail_port,
                "security": "none",
                "sender": "kpi@district.example",
            },
        }
        given = {"id": kind.replace("_", "-"), "kind": kind, **fields[kind], **changed}
        return channel_kinds()[kind].Account.model_validate(given)

    def channel(self, kind: str, to: str = "", tools: Tools | None = None, **changed: Any) -> Channel:
        """A channel to a person whose address has the canary in it."""
        somebody = {
            "wecom_app": CANARY,
            "dingtalk_work": CANARY,
            "feishu_app": f"ou_{CANARY.replace('-', '')}",
            "webhook": f"+86{CANARY}",
            "email": f"{CANARY}@water.example",
        }
        account = self.account(kind, **changed)
        channel: Channel = channel_kinds()[kind].opened(account, tools or self.tools())(to or somebody.get(kind, ""))
        return channel

    def texts(self, kind: str) -> list[str]:
        return [one.text for one in self.desk.arrivals.all(kind)]


@contextlib.contextmanager
def running_doubles() -> Iterator[Doubles]:
    """Both servers, on free ports, until the end of the block."""
    clock = Clock()
    desk = Desk(seconds=lambda: clock.passed)
    desk.arrivals.now = lambda: clock.now
    web_port, mail_port = free_ports(2)
    server = uvicorn.Server(uvicorn.Config(doubles_app(desk), port=web_port, log_level="critical"))
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    sink = MailSink(desk, mail_port)
    sink.start()
    try:
        until = time.monotonic() + 60
        while not server.started and time.monotonic() < until:
            time.sleep(0.01)
        yield Doubles(f"http://127.0.0.1:{web_port}", mail_port, desk, clock)
    finally:
        sink.stop()
        server.should_exit = True
        thread.join(10)


def certificate(folder: Path) -> tuple[Path, Path]:
    """A certificate for 127.0.0.1, and its key."""
    certificate, key = folder / "certificate.pem", folder / "key.pem"
    subprocess.run(
        [
            *("openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"),
            *("-subj", "/CN=localhost", "-addext", "subjectAltName=IP:127.0.0.1", "-days", "2"),
            *("-keyout", str(key), "-out", str(certificate)),
        ],
        check=True,
        capture_output=True,
    )
    return certificate, key
