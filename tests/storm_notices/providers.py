"""The providers of the storm: doubles of messengers that fail, and an Alertmanager that holds nothing back."""

import contextlib
import random
import threading
import time
from collections.abc import Iterable, Iterator

import uvicorn
from fastapi import Request, Response

from services.local.message_doubles.desk import SECRET, WEBHOOK_SECRET, Desk
from services.local.message_doubles.faults import Fault, Mode
from services.local.message_doubles.web import doubles_app
from services.local.ports import free_ports
from tests.storm_notices.comparison import Seen

WITHOUT_KEYS = "wecom_robot"
WEBHOOK = "webhook"
WITH_KEYS = (WEBHOOK, "wecom_app")
_MODES = (Mode.ERROR, Mode.DOWN, Mode.LOST, Mode.ERROR, Mode.BROKEN, Mode.GARBLED)
"""An error in an answer with 200 (a webhook: 500), 503, and three ways in which nobody knows."""


class Providers:
    """A web server in a thread. Half of the messages meet a fault, whose mode changes twice a second."""

    def __init__(self, seed: int) -> None:
        self.desk = Desk(limits=False)
        self._random = random.Random(seed)
        self._over = threading.Event()
        (port,) = free_ports(1)
        self.url = f"http://127.0.0.1:{port}"
        app = doubles_app(self.desk)

        @app.get("/api/v2/alerts")
        def alerts() -> list[str]:
            return []

        @app.post("/api/v2/alerts")
        async def post(request: Request) -> Response:
            return Response()

        self._server = uvicorn.Server(uvicorn.Config(app, port=port, log_level="critical"))
        self._threads = [threading.Thread(target=self._server.run), threading.Thread(target=self._fail)]

    @contextlib.contextmanager
    def running(self) -> Iterator["Providers"]:
        for thread in self._threads:
            thread.start()
        try:
            yield self
        finally:
            self.recover()
            self._server.should_exit = True
            for thread in self._threads:
                thread.join(20)

    def recover(self) -> None:
        """All is well from now on."""
        self._over.set()
        self.desk.faults.clear()

    def _fail(self) -> None:
        while not self._over.wait(0.5):
            for double in (WITHOUT_KEYS, *WITH_KEYS):
                mode = self._random.choice(_MODES)
                if double == WEBHOOK and mode is Mode.GARBLED:
                    mode = Mode.LOST  # any 2xx of a receiver of webhooks is a success, whatever page comes with it
                self.desk.faults.switch(double, Fault(mode, code=-1, share=0.5))
        self.desk.faults.clear()

    def seen(self) -> list[Seen]:
        """What people saw, in order."""
        found = (Seen.of(one.double, one.key, one.text) for one in self.desk.arrivals.all())
        return [one for one in found if one is not None]

    def contacts(self, units: Iterable[str]) -> str:
        """A contacts.toml: the first unit has a robot, the second one an application, both the webhook after it; the
        others have the webhook only."""
        parts = [
            '[[account]]\nid = "hook"\nkind = "webhook"\naddress = "hook-address"\nsecret = "hook-secret"\n',
            '[[account]]\nid = "app"\nkind = "wecom_app"\ncorp_id = "ww1"\nagent_id = 1\nsecret = "app"\n'
            f'api = "{self.url}"\n',
            '[[account]]\nid = "robot"\nkind = "wecom_robot"\naddress = "robot-address"\n',
        ]
        hook = '{ account = "hook", to = "+8613800000000" }'
        for place, unit in enumerate(units):
            first = ('{ account = "robot" }, ', f'{{ account = "app", to = "{unit}" }}, ')[place] if place < 2 else ""
            parts.append(f'[[contact]]\nunit = "{unit}"\nchannels = [{first}{hook}]\n')
        return "\n".join(parts)

    def secrets(self) -> dict[str, str]:
        """Environment variable → secret."""
        return {
            "KPIWATCH_SECRET_HOOK_ADDRESS": f"{self.url}/webhook/storm",
            "KPIWATCH_SECRET_HOOK_SECRET": WEBHOOK_SECRET,
            "KPIWATCH_SECRET_APP": SECRET,
            "KPIWATCH_SECRET_ROBOT_ADDRESS": f"{self.url}/cgi-bin/webhook/send?key=storm",
        }


def wait(what: str, found: object, seconds: float) -> None:
    """Until it is so. Raises TimeoutError."""
    until = time.monotonic() + seconds
    while not found():  # type: ignore[operator]  # a function
        if time.monotonic() > until:
            raise TimeoutError(f"not within {seconds:g} s: {what}")
        time.sleep(0.5)
