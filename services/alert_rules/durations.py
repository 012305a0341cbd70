"""Hold times under a clock that may run faster than the real one."""

import math

SECOND, MINUTE, HOUR, DAY = 1, 60, 3_600, 86_400

_STEPS = ((DAY, "d"), (HOUR, "h"), (MINUTE, "m"), (SECOND, "s"))


def text(seconds: float) -> str:
    """As Prometheus and Alertmanager write a duration: `90s`, `15m`, `1d`; rounded up to whole seconds, at least 1."""
    whole = max(1, math.ceil(seconds))
    length, letter = next(step for step in _STEPS if whole % step[0] == 0)
    return f"{whole // length}{letter}"


def of_plan(seconds: float, speed: float) -> str:
    """A hold time of the plan's clock, as Prometheus has to wait for it: divided by the speed."""
    return text(seconds / speed)
