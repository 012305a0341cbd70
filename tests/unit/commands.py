"""Running `kpiwatch` within the process of a test."""

import pytest

from services.cli.__main__ import main


def run(*arguments: object) -> int:
    """The exit code of the command with these arguments."""
    with pytest.raises(SystemExit) as ended:
        main([str(argument) for argument in arguments])
    return int(ended.value.code or 0)
