"""promtool and amtool, with which the generated files are checked."""

import pytest

from services.local import monitoring_tools
from services.local.monitoring_tools import MonitoringTools
from services.runtime.settings import Settings


@pytest.fixture(scope="session")
def tools() -> MonitoringTools:
    return monitoring_tools.find(Settings.from_environment().cache)
