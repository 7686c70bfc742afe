"""The charts of a comparison: ratios with their intervals and, of a sweep, the curves of both sides."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

from pyserver.errors import one_line
from pyserver_loadgen.measurement import Comparison, ComparisonRow, Report, Slo
from pyserver_loadgen.report.charts import Axis, Chart, MarkerShape, Point, Rule, Series
from pyserver_loadgen.report.latency_axes import latency_scale, limits
from pyserver_loadgen.report.scales import CategoryScale, around_one, linear_from_zero
from pyserver_loadgen.report.summary import interval_text
from pyserver_loadgen.report.units import rate_text, ratio_text, seconds_text

_ROW_LETTERS = 36
_LABEL_LETTERS = 28
# Of a sweep, a chart of ratios for each of these: its key in the page, and the measure. Tables have the others.
_BY_SETTING = (("throughput", "throughput"), ("p50", "p50 latency"), ("p99", "p99 latency"))
_SHAPES: tuple[tuple[str, MarkerShape], ...] = (("p50", "circle"), ("p99", "square"))
_NamedRow = tuple[str, ComparisonRow]


def comparison_charts(comparison: Comparison, slos: Sequence[Slo]) -> list[Chart]:
    """None where no ratio is known."""
    charts = [_ratios("ratios", "B in relation to A", [(row.measure, row) for row in comparison.rows])]
    charts.append(_both_curves(comparison, slos))
    for key, measure in _BY_SETTING:
        rows = [(point.setting, row) for point in comparison.points if (row := point.row(measure)) is not None]
        charts.append(_ratios(f"ratios-{key}", f"B in relation to A: {measure}", rows))
    return [chart for chart in charts if chart is not None]


def is_compared(report: Report) -> bool:
    """Whether the measurements are rounds of two sides, labelled "A 1", "B 1", …"""
    sides = {measurement.label.split(" ")[0] for measurement in report.measurements}
    return report.comparison is not None and sides == {"A", "B"}


def _ratios(key: str, title: str, named: Sequence[_NamedRow]) -> Chart | None:
    rows = [(name, row) for name, row in named if math.isfinite(row.ratio) and row.ratio > 0]
    if not rows:
        return None
    outcomes = (("a", "s0", "A is better"), ("b", "s1", "B is better"), ("no difference shown", "muted", ""))
    series = []
    for better, tone, name in outcomes:
        points = [_interval(float(index), *row) for index, row in enumerate(rows) if row[1].better == better]
        if points:
            series.append(Series(name or better, tone, points, "interval"))
    ends = [end for _, row in rows for end in (row.ratio, row.ratio_low, row.ratio_high)]
    return Chart(
        key,
        title,
        "Ratios with their 95 % intervals; an interval that holds 1 shows no difference.",
        Axis("B / A (ratio)", around_one(ends)),
        Axis("", CategoryScale([one_line(name, _ROW_LETTERS) for name, _ in rows]), grid=False),
        series,
        [Rule("x", 1.0, "")],
        rows=len(rows),
    )


def _interval(place: float, name: str, row: ComparisonRow) -> Point:
    told = interval_text(row.ratio_low, row.ratio_high)
    tip = "\n".join([name, f"B / A {ratio_text(row.ratio)}", f"95 % interval {told}"])
    low = row.ratio_low if math.isfinite(row.ratio_low) else None
    high = row.ratio_high if math.isfinite(row.ratio_high) else None
    return Point(row.ratio, place, tip, low=low, high=high)


def _both_curves(comparison: Comparison, slos: Sequence[Slo]) -> Chart | None:
    """Throughput and latency of A and of B: the means over the rounds, as the tables have them."""
    series = [one for side, tone in (("A", "s0"), ("B", "s1")) for one in _curves(comparison, side, tone)]
    points = [point for one in series for point in one.points]
    if not points:
        return None
    scale, unit = latency_scale([point.y for point in points], slos)
    return Chart(
        "throughput-latency",
        "Throughput and latency",
        "Of both sides, one pair of points a setting. Farther right and lower is better.",
        Axis("Throughput (answers/s)", linear_from_zero([point.x for point in points])),
        Axis(f"Latency ({unit.name})", scale),
        series,
        limits("y", scale, slos),
    )


def _curves(comparison: Comparison, side: str, tone: str) -> Iterator[Series]:
    for percentile, shape in _SHAPES:
        points = []
        for point in comparison.points:
            throughput, latency = point.row("throughput"), point.row(f"{percentile} latency")
            if throughput is None or latency is None:
                continue
            x, y = (throughput.a, latency.a) if side == "A" else (throughput.b, latency.b)
            tip = f"{side}, {point.setting}\n{rate_text(x)}\n{percentile} {seconds_text(y)}"
            label = one_line(point.setting, _LABEL_LETTERS) if percentile == "p99" else ""
            points.append(Point(x, y, tip, label))
        if points:
            dashed = percentile == "p50"
            yield Series(f"{side} {percentile}", tone, points, "points", dashed=dashed, shape=shape)
