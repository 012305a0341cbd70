"""Trends as small SVG: vector, so that print is sharp; text stays text, in whatever font the reader has.

What is written beside the line are cells of value rows, and says so: each text is in a group that names its cell.
"""

import io
import re
from collections.abc import Iterable, Sequence
from typing import Any, Literal, NamedTuple

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.typing import RcKeyType

from services.domain.time.zone import Instant
from services.figures.shown import Shown

_STYLE: dict[RcKeyType, Any] = {
    "svg.fonttype": "none",
    "font.family": "sans-serif",
    "font.sans-serif": ["DejaVu Sans"],  # what comes with the library measures; the page writes in its own
    "font.size": 7,
    "path.simplify": True,
}
_INK, _FAINT = "#222222", "#888888"
_WIDTH_INCHES, _HEIGHT_INCHES = 2.9, 0.95
_APART = 0.22
"""Labels nearer than this share of the height would lie on one another."""

_Across = Literal["left", "right"]
_Along = Literal["center", "top"]

_CELL = "cell "
_FOR_A_PAGE = (
    (re.compile(r"<metadata>.*?</metadata>|<style.*?</style>", re.DOTALL), ""),
    (re.compile(r'(<svg [^>]*?)width="[\d.]+pt"'), r"\1"),  # its size follows the column
    (re.compile(r'(<svg [^>]*?)height="[\d.]+pt"'), r"\1"),
    (re.compile(r"font-family: [^;\"]+; "), ""),  # the page has its own fonts
    (re.compile(rf'<g id="{_CELL}([^"]*) (\w+)">'), r'<g data-row="\1" data-column="\2">'),
    (re.compile(r' id="(?:figure|axes|patch|line2d|text)_\d+"'), ""),
    (re.compile(r"\s*\n\s*"), " "),
)
"""What makes a drawing a part of a page."""


class Point(NamedTuple):
    """A figure at a time."""

    at: Instant
    value: float
    label: Shown
    day: Shown


class Line(NamedTuple):
    """The threshold."""

    value: float
    label: Shown


class Charts:
    """Draws one chart after the other on the same sheet. The same chart is the same bytes."""

    def __init__(self) -> None:
        with mpl.rc_context(_STYLE):
            self._figure = Figure(figsize=(_WIDTH_INCHES, _HEIGHT_INCHES))

    def trend(self, points: Sequence[Point], threshold: Line | None) -> str:
        """An `<svg>` element; nothing where there are fewer than two points."""
        if len(points) < 2:
            return ""
        # names inside a chart differ from those of any other: all of them are in one page
        with mpl.rc_context({**_STYLE, "svg.hashsalt": points[-1].label.row}):
            axes = self._figure.add_axes((0.22, 0.2, 0.74, 0.75))
            axes.axis("off")
            times, values = [point.at / 1_000_000 for point in points], [point.value for point in points]
            axes.plot(times, values, color=_INK, linewidth=1.1, marker="o", markersize=2, clip_on=False)
            if threshold is not None:
                axes.axhline(threshold.value, color=_FAINT, linewidth=0.8, linestyle=(0, (4, 2)), clip_on=False)
            _write_labels(axes, _labels(points, threshold))
            _write(axes, points[0].day, _FAINT, _Place(0.0, -0.08, "left", "top"))
            _write(axes, points[-1].day, _FAINT, _Place(1.0, -0.08, "right", "top"))
            svg = self._written()
            axes.remove()  # much cheaper than to clear the whole sheet
            return svg

    def _written(self) -> str:
        sink = io.StringIO()
        self._figure.savefig(sink, format="svg", transparent=True, metadata={"Date": None, "Creator": None})
        svg = sink.getvalue()
        svg = svg[svg.index("<svg") :]
        for pattern, instead in _FOR_A_PAGE:
            svg = pattern.sub(instead, svg)
        return svg


class _Place(NamedTuple):
    """A place of the chart (0 to 1 each way), and how a text is aligned there."""

    x: float
    y: float
    across: _Across
    along: _Along


def _write_labels(axes: Axes, labels: Iterable[tuple[float, Shown, str]]) -> None:
    """Labels beside the line, each at its value; one that would cover an earlier one is left out."""
    low, high = axes.get_ylim()
    taken: list[float] = []
    for value, label, colour in labels:
        height = (value - low) / (high - low) if high > low else 0.5
        if all(abs(height - other) >= _APART for other in taken):
            taken.append(height)
            _write(axes, label, colour, _Place(-0.02, height, "right", "center"))


def _write(axes: Axes, cell: Shown, colour: str, place: _Place) -> None:
    """A cell at a place of the chart."""
    text = axes.text(
        place.x, place.y, cell.text, transform=axes.transAxes, color=colour, ha=place.across, va=place.along
    )
    text.set_gid(f"{_CELL}{cell.row} {cell.column}")


def _labels(points: Sequence[Point], threshold: Line | None) -> list[tuple[float, Shown, str]]:
    """What is written beside the line, the most important first: the latest figure, the threshold, the extremes."""
    ordered = sorted(points, key=lambda point: point.value)
    found = [(points[-1].value, points[-1].label, _INK)]
    if threshold is not None:
        found.append((threshold.value, threshold.label, _FAINT))
    return [*found, *((point.value, point.label, _INK) for point in (ordered[0], ordered[-1]))]
