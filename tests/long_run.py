"""How a run with real parts begins that is no run of pytest."""

import signal
import sys

from services.runtime.settings import Settings
from tests import quick_java


def begin() -> None:
    """Brokers start quickly from here on; at SIGTERM what was started is ended, too."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # what was started must not be left behind
    quick_java.choose()
    quick_java.prepare(Settings.from_environment().cache)
