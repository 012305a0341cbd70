"""A trend as a small inline SVG, with its text alternative. No style attribute: the policy of the page forbids it."""

from collections.abc import Sequence
from typing import Final

from markupsafe import Markup, escape

from services.desk.reading.figures import Day
from services.domain.plan.plan import Objective

_WIDTH: Final = 160
_HEIGHT: Final = 40
_MARGIN: Final = 3


def sparkline(days: Sequence[Day], target: Objective | None, alternative: str) -> Markup:
    """An `<svg>` of the days that have a value, with a dashed line at the target; empty of fewer than two.

    `alternative`: what is read instead of it."""
    points = [(each.day, each.value) for each in days if each.value is not None]
    if len(points) < 2:
        return Markup("")
    values = [value for _, value in points] + ([float(target.amount)] if target is not None else [])
    low, high = min(values), max(values)
    first, last = points[0][0], points[-1][0]
    height = {value: _scaled(value, high, low, _HEIGHT) for value in values}
    line = " ".join(f"{_scaled(day, first, last, _WIDTH)},{height[value]}" for day, value in points)
    parts = [f'<polyline points="{line}" fill="none" stroke="currentColor" stroke-width="2"/>']
    if target is not None:
        at = height[float(target.amount)]
        parts.append(
            f'<line x1="0" y1="{at}" x2="{_WIDTH}" y2="{at}" stroke="#4b5563" stroke-width="1" stroke-dasharray="4 3"/>'
        )
    parts.append(f'<circle cx="{_WIDTH - _MARGIN}" cy="{height[points[-1][1]]}" r="3" fill="currentColor"/>')
    return Markup(
        f'<svg class="trend" viewBox="0 0 {_WIDTH} {_HEIGHT}" width="{_WIDTH}" height="{_HEIGHT}" role="img" '
        f'aria-label="{escape(alternative)}">{"".join(parts)}</svg>'
    )


def _scaled(value: float, begin: float, end: float, size: int) -> float:
    """Where a value lies between two others, within the margins of a side."""
    share = (value - begin) / (end - begin) if end != begin else 0.5
    return round(_MARGIN + share * (size - 2 * _MARGIN), 1)
