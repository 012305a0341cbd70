"""The doubles as a process, for the demo: `python -m services.local.message_doubles`."""

import logging
import sys

import uvicorn

from services.local.message_doubles.desk import Desk
from services.local.message_doubles.mail import MailSink
from services.local.message_doubles.web import doubles_app
from services.runtime.exit_code import exit_code_of
from services.runtime.settings import Settings

log = logging.getLogger("services.local.message_doubles")


def run() -> None:
    """Until SIGTERM or Ctrl-C, with its settings from the environment."""
    settings = Settings.from_environment()
    logging.getLogger("mail").setLevel(logging.ERROR)
    # in a demo a minute of the plan is a moment: the limits of the providers would hold everything back
    desk = Desk(limits=settings.clock is None)
    sink = MailSink(desk, settings.doubles_mail_port)
    sink.start()
    log.info("what would have been sent: http://127.0.0.1:%d/", settings.doubles_port)
    try:
        app = doubles_app(desk)
        uvicorn.run(app, host="127.0.0.1", port=settings.doubles_port, log_level="warning", timeout_graceful_shutdown=2)
    finally:
        sink.stop()


def main() -> int:
    """The exit code."""
    return exit_code_of(run, ())


if __name__ == "__main__":
    sys.exit(main())
