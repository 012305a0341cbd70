"""Trends as small SVG: vector, so that print is sharp; text stays text, in whatever font the reader has.

What is written beside the line are cells of value rows, and says so: each text is in a group whose id names the cell.
"""

import io
import re
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import NamedTuple

import matplotlib as mpl
from matplotlib.figure import Figure

from services.domain.zone import Instant
from services.reporting.shown import Shown

_STYLE = {
    "svg.fonttype": "none",
    "svg.hashsalt": "kpiwatch",  # the same chart is the same bytes
    "font.family": "sans-serif",
    "font.sans-serif": ["sans-serif"],
    "font.size": 7,
    "path.simplify": True,
}
_INK, _FAINT = "#222222", "#888888"
_WIDTH_INCHES, _HEIGHT_INCHES = 2.9, 0.85
_APART = 0.22
"""Labels nearer than this share of the height would lie on one another."""


class Point(NamedTuple):
    """A figure at a time."""

    at: Instant
    value: float
    label: Shown


class Line(NamedTuple):
    """The threshold."""

    value: float
    label: Shown


class Charts:
    """Draws one chart after the other on the same sheet."""

    def __init__(self) -> None:
        with mpl.rc_context(_STYLE):
            self._figure = Figure(figsize=(_WIDTH_INCHES, _HEIGHT_INCHES))

    def trend(self, points: Sequence[Point], threshold: Line | None) -> str:
        """An `<svg>` element; nothing where there are fewer than two points."""
        if len(points) < 2:
            return ""
        with mpl.rc_context(_STYLE):
            self._figure.clear()
            axes = self._figure.add_axes((0.22, 0.1, 0.76, 0.8))
            axes.axis("off")
            times = [datetime.fromtimestamp(point.at / 1_000_000, UTC) for point in points]
            axes.plot(times, [point.value for point in points], color=_INK, linewidth=1.1, marker="o", markersize=2)
            if threshold is not None:
                axes.axhline(threshold.value, color=_FAINT, linewidth=0.8, linestyle=(0, (4, 2)))
            low, high = axes.get_ylim()
            taken: list[float] = []
            for value, label, colour in _labels(points, threshold):
                height = (value - low) / (high - low) if high > low else 0.5
                if all(abs(height - other) >= _APART for other in taken):
                    taken.append(height)
                    text = axes.text(-0.02, height, label.text, transform=axes.transAxes, ha="right", va="center")
                    text.set_color(colour)
                    text.set_gid(f"cell:{label.row}:{label.column}")
            return self._written()

    def _written(self) -> str:
        sink = io.StringIO()
        self._figure.savefig(sink, format="svg", transparent=True, metadata={"Date": None, "Creator": None})
        svg = sink.getvalue()
        # for a page of HTML: no declaration, no metadata, a size that follows the column
        svg = re.sub(r"<metadata>.*?</metadata>", "", svg[svg.index("<svg") :], flags=re.DOTALL)
        return re.sub(r' (?:width|height)="[\d.]+pt"', "", svg, count=2)


def _labels(points: Sequence[Point], threshold: Line | None) -> list[tuple[float, Shown, str]]:
    """What is written beside the line, the most telling first: the latest figure, the threshold, the extremes."""
    ordered = sorted(points, key=lambda point: point.value)
    found = [(points[-1].value, points[-1].label, _INK)]
    if threshold is not None:
        found.append((threshold.value, threshold.label, _FAINT))
    return [*found, *((point.value, point.label, _INK) for point in (ordered[0], ordered[-1]))]
