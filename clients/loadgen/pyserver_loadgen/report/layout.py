"""Where the parts of a chart go: a chart becomes marks at points of a canvas, which svg.py and png.py draw.

So both show the same, and tests look at the marks. A canvas is WIDTH wide; its height follows from the chart.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Literal

from pyserver_loadgen.report.charts import Chart, MarkerShape, Series
from pyserver_loadgen.report.scales import Scale

WIDTH = 760.0
_PLOT_HEIGHT = 250.0
_ROW_HEIGHT = 30.0  # of a category
_SPAN_HEIGHT = 16.0
_RIGHT = 22.0
_BOTTOM = 52.0
_TITLE_SIZE, _TEXT_SIZE, _SMALL_SIZE = 16.0, 12.0, 11.0
_LEGEND_ROW = 19.0
_RULE_ROW = 14.0
# How wide a letter is on average, of the size of the text. Only where things go depends on it.
_LETTER = 0.56
# A label within the plot keeps so far from what it names.
_GAP = 8.0

Anchor = Literal["start", "middle", "end"]


@dataclass(frozen=True)
class Line:
    """A polyline."""

    points: Sequence[tuple[float, float]]
    tone: str
    width: float = 1.0
    dashed: bool = False


@dataclass(frozen=True)
class Box:
    """A filled rectangle."""

    x: float
    y: float
    width: float
    height: float
    tone: str
    tip: str = ""


@dataclass(frozen=True)
class Dot:
    """A point. An open one is a ring; a hidden one is only there to be hovered over."""

    x: float
    y: float
    radius: float
    tone: str
    shape: MarkerShape = "circle"
    tip: str = ""
    hidden: bool = False
    open: bool = False


@dataclass(frozen=True)
class Words:
    """A line of text; `y` is its baseline. `turned`: read from below. `halo`: readable over lines."""

    x: float
    y: float
    text: str
    size: float = _TEXT_SIZE
    tone: str = "ink"
    anchor: Anchor = "start"
    bold: bool = False
    turned: bool = False
    halo: bool = False


Mark = Line | Box | Dot | Words


@dataclass(frozen=True)
class Plot:
    """The rectangle in which values lie, and where a value lies in it."""

    left: float
    top: float
    right: float
    bottom: float
    x: Scale
    y: Scale

    def at(self, x: float, y: float) -> tuple[float, float]:
        """The point of the canvas for a value."""
        return (
            self.left + self.x.at(x) * (self.right - self.left),
            self.bottom - self.y.at(y) * (self.bottom - self.top),
        )


@dataclass
class Layout:
    """A chart, laid out: its marks in the order in which they are drawn."""

    chart: Chart
    height: float
    plot: Plot
    marks: list[Mark] = field(default_factory=list)


def text_width(text: str, size: float) -> float:
    """About how wide a text is."""
    return len(text) * size * _LETTER


def dot_corners(dot: Dot) -> list[tuple[float, float]]:
    """The corners of a square or a diamond that looks as large as the circle."""
    x, y, r = dot.x, dot.y, dot.radius
    if dot.shape == "square":
        half = r * 0.89
        return [(x - half, y - half), (x + half, y - half), (x + half, y + half), (x - half, y + half)]
    reach = r * 1.25
    return [(x, y - reach), (x + reach, y), (x, y + reach), (x - reach, y)]


def lay_out(chart: Chart) -> Layout:
    """Where everything goes."""
    rows = _legend_rows(chart)
    # The names of vertical rules stand above the plot, where no curve is.
    names = _RULE_ROW if any(rule.axis == "x" and rule.text for rule in chart.rules) else 0.0
    top = 60.0 + len(rows) * _LEGEND_ROW + names
    height = _PLOT_HEIGHT if chart.rows is None else chart.rows * _ROW_HEIGHT
    longest = max((text_width(tick.text, _TEXT_SIZE) for tick in chart.y.scale.ticks()), default=0.0)
    # Room for the ticks' texts and, left of them, the turned title.
    left = longest + (38.0 if chart.y.title else 28.0)
    plot = Plot(left, top, WIDTH - _RIGHT, top + height, chart.x.scale, chart.y.scale)
    laid = Layout(chart, plot.bottom + _BOTTOM, plot)
    laid.marks += _titles(chart, rows)
    laid.marks += _axes(chart, plot)
    laid.marks += _rules(chart, plot)
    for series in chart.series:
        laid.marks += _series(series, plot)
    laid.marks += _labels(chart, plot)
    laid.marks += _rings(chart, plot)
    return laid


def _legend_rows(chart: Chart) -> list[list[Series]]:
    named = [series for series in chart.series if series.name]
    # The title names a lone series.
    if len(named) < 2:
        return []
    rows: list[list[Series]] = [[]]
    used = 0.0
    for series in named:
        width = _legend_width(series)
        if rows[-1] and used + width > WIDTH - _RIGHT - 16:
            rows.append([])
            used = 0.0
        rows[-1].append(series)
        used += width
    return rows


def _legend_width(series: Series) -> float:
    return 30 + text_width(series.name, _TEXT_SIZE) + 18


def _titles(chart: Chart, rows: Sequence[Sequence[Series]]) -> Iterable[Mark]:
    yield Words(16, 24, chart.title, _TITLE_SIZE, bold=True)
    yield Words(16, 43, chart.summary, _TEXT_SIZE, "muted")
    for number, row in enumerate(rows):
        x, y = 16.0, 64 + number * _LEGEND_ROW
        for series in row:
            yield from _legend_sign(series, x, y - 4)
            yield Words(x + 30, y, series.name)
            x += _legend_width(series)


def _legend_sign(series: Series, x: float, y: float) -> Iterable[Mark]:
    if series.style in ("bars", "spans"):
        yield Box(x + 5, y - 6, 12, 12, series.tone)
        return
    if series.style != "points":
        yield Line(((x, y), (x + 22, y)), series.tone, 2.5, series.dashed)
    if series.style in ("points", "interval"):
        yield Dot(x + 11, y, 4, series.tone, series.shape)


def _axes(chart: Chart, plot: Plot) -> Iterable[Mark]:
    last_end = float("-inf")
    for tick in chart.x.scale.ticks():
        x, _ = plot.at(tick.value, 0)
        if chart.x.grid:
            yield Line(((x, plot.top), (x, plot.bottom)), "grid", 1 if tick.text else 0.5)
        half = text_width(tick.text, _TEXT_SIZE) / 2
        if tick.text and x - half > last_end + 6:
            yield Words(x, plot.bottom + 18, tick.text, anchor="middle", tone="muted")
            last_end = x + half
    for tick in chart.y.scale.ticks():
        _, y = plot.at(0, tick.value)
        if chart.y.grid:
            yield Line(((plot.left, y), (plot.right, y)), "grid", 1 if tick.text else 0.5)
        yield Words(plot.left - 8, y + 4, tick.text, anchor="end", tone="muted")
    yield Line(((plot.left, plot.bottom), (plot.right, plot.bottom)), "muted")
    yield Words((plot.left + plot.right) / 2, plot.bottom + 40, chart.x.title, anchor="middle")
    if chart.y.title:
        yield Words(16, (plot.top + plot.bottom) / 2, chart.y.title, anchor="middle", turned=True)


def _rules(chart: Chart, plot: Plot) -> Iterable[Mark]:
    last_end = float("-inf")
    for rule in chart.rules:
        if rule.axis == "y":
            _, y = plot.at(0, rule.value)
            yield Line(((plot.left, y), (plot.right, y)), rule.tone, 1.5, dashed=True)
            yield Words(plot.right - 4, y - 5, rule.text, _SMALL_SIZE, rule.tone, "end", halo=True)
            continue
        x, _ = plot.at(rule.value, 0)
        yield Line(((x, plot.top), (x, plot.bottom)), rule.tone, 1.0, dashed=True)
        width = text_width(rule.text, _SMALL_SIZE)
        begin = min(x, plot.right - width)
        if rule.text and begin > last_end + 4:
            yield Words(begin, plot.top - 5, rule.text, _SMALL_SIZE, rule.tone)
            last_end = begin + width


def _series(series: Series, plot: Plot) -> Iterable[Mark]:
    places = [plot.at(point.x, point.y) for point in series.points]
    if series.style == "bars":
        yield from _bars(series, plot)
    elif series.style == "steps":
        # The last point only says where the last step ends.
        corners = [corner for a, b in pairwise(places) for corner in (a, (b[0], a[1]))]
        yield Line(corners, series.tone, 2, series.dashed)
    elif series.style in ("line", "points") and len(places) > 1:
        yield Line(places, series.tone, 2, series.dashed)
    for point, (x, y) in zip(series.points, places, strict=True):
        tone = point.tone or series.tone
        if point.low is not None and point.high is not None:
            (low, _), (high, _) = plot.at(point.low, point.y), plot.at(point.high, point.y)
            if series.style == "spans":
                yield Box(low, y - _SPAN_HEIGHT / 2, high - low, _SPAN_HEIGHT, tone, point.tip)
            else:
                yield Line(((low, y), (high, y)), tone, 3)
        if series.style in ("points", "interval"):
            yield Dot(x, y, 4.5, tone, series.shape, point.tip)
    for stop in series.stops:
        x, y = plot.at(stop.x, stop.y)
        yield Dot(x, y, 4, series.tone, series.shape, stop.tip, hidden=True)


def _bars(series: Series, plot: Plot) -> Iterable[Mark]:
    # As steps: the last point only says where the last bar ends.
    for point, after in pairwise(series.points):
        (left, top), (right, _) = plot.at(point.x, point.y), plot.at(after.x, point.y)
        if point.y > 0:
            yield Box(left + 0.5, top, max(1.0, right - left - 1), plot.bottom - top, series.tone, point.tip)


def _labels(chart: Chart, plot: Plot) -> Iterable[Mark]:
    """The points' labels: those that would lie over another or a mark of the plot's edge are left to the tips."""
    taken: list[tuple[float, float, float, float]] = []
    ringed = {(ring.x, ring.y) for ring in chart.rings}
    for series in chart.series:
        for point in series.points:
            if not point.label or (point.x, point.y) in ringed:
                continue
            x, y = plot.at(point.x, point.y)
            width = text_width(point.label, _SMALL_SIZE)
            anchor: Anchor = "end" if x + _GAP + width > plot.right else "start"
            begin = x - _GAP - width if anchor == "end" else x + _GAP
            box = (begin, y + 2, begin + width, y + 2 + _SMALL_SIZE)
            if begin < plot.left or any(_overlap(box, other) for other in taken):
                continue
            taken.append(box)
            yield Words(
                x + (-_GAP if anchor == "end" else _GAP), y + 12, point.label, _SMALL_SIZE, "muted", anchor, halo=True
            )


def _rings(chart: Chart, plot: Plot) -> Iterable[Mark]:
    for ring in chart.rings:
        x, y = plot.at(ring.x, ring.y)
        yield Dot(x, y, 9, "ink", open=True)
        left = x - 14 - text_width(ring.text, _TEXT_SIZE) > plot.left
        yield Words(
            x + (-14 if left else 14), y - 8, ring.text, anchor="end" if left else "start", bold=True, halo=True
        )


def _overlap(a: tuple[float, float, float, float], b: tuple[float, float, float, float]) -> bool:
    return a[0] < b[2] and b[0] < a[2] and a[1] < b[3] and b[1] < a[3]
