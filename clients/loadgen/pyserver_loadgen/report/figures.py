"""Which charts a report has, and what is in them."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from pyserver.errors import one_line
from pyserver_loadgen.histogram import Histogram
from pyserver_loadgen.measurement import Measurement, Report, Slo
from pyserver_loadgen.report.charts import Axis, Chart, Point, Ring, Series
from pyserver_loadgen.report.comparison_charts import comparison_charts, is_compared
from pyserver_loadgen.report.grids import stage_name, stages_of
from pyserver_loadgen.report.latency_axes import latency_scale, limits
from pyserver_loadgen.report.scales import CategoryScale, LinearScale, NinesScale, linear_from_zero
from pyserver_loadgen.report.timeline import timelines
from pyserver_loadgen.report.units import (
    count_text,
    microseconds_text,
    percent_text,
    rate_text,
    seconds_text,
    time_unit,
)

# More curves than this cannot be told apart; of a longer sweep, evenly spaced settings are shown.
_CURVES = 7
_ROWS = 12
_STOPS = (1, 5, 10, 20, 30, 40, 50, 60, 70, 80, 90, 95, 99, 99.5, 99.9, 99.99, 100)
# Finer than a screen shows.
_GRID = 800
# Longer names would leave no room for what they name.
_LEGEND_LETTERS = 60
_ROW_LETTERS = 36
_LABEL_LETTERS = 28


@dataclass(frozen=True)
class Curve:
    """Latencies that are drawn as one curve: those of a setting, or of all rounds of a side of a comparison."""

    name: str
    tone: str
    latency: Histogram


def charts_of(report: Report) -> list[Chart]:
    """The report's charts, the most telling first. There are none where nothing was answered."""
    charts: list[Chart] = []
    if report.comparison is not None:
        charts += comparison_charts(report.comparison, report.slos)
    answered = [measurement for measurement in report.measurements if measurement.succeeded]
    if report.kind in ("sweep", "search") and len(answered) > 1:
        charts.append(_throughput_latency(report, answered))
    curves = curves_of(report)
    if curves:
        charts += [_cdf(curves, report.slos), _percentiles(curves, report.slos)]
    charts += timelines(report.measurements, compared=is_compared(report))
    if ledger := _ledger(report.measurements):
        charts.append(ledger)
    return charts


def curves_of(report: Report) -> list[Curve]:
    """The latencies to be drawn, at most seven. Of a comparison over a sweep, those where the two answer most."""
    if report.comparison is not None and is_compared(report):
        where = f", {report.comparison.busiest.setting}" if report.comparison.busiest is not None else ""
        sides = [
            Curve(
                one_line(f"{side}{where}: {name}", _LEGEND_LETTERS),
                f"s{number}",
                Histogram.merged(m.latency for m in report.measurements if _is_round(m.label, side, where)),
            )
            for number, (side, name) in enumerate((("A", report.comparison.a), ("B", report.comparison.b)))
        ]
        return [curve for curve in sides if curve.latency.count]
    answered = [measurement for measurement in report.measurements if measurement.succeeded]
    special = [report.measurements[i] for i in (report.knee, report.found) if i is not None]
    shown = _spaced(answered, [measurement for measurement in special if measurement.succeeded], _CURVES)
    tones = ["s0"] if len(shown) == 1 else [f"r{round(i * 6 / (len(shown) - 1))}" for i in range(len(shown))]
    return [Curve(one_line(m.label, _LEGEND_LETTERS), tone, m.latency) for m, tone in zip(shown, tones, strict=True)]


def _is_round(label: str, side: str, where: str) -> bool:
    return label.split(" ")[0] == side and label.endswith(where)


def _spaced(measurements: Sequence[Measurement], always: Sequence[Measurement], most: int) -> list[Measurement]:
    """At most so many of them: evenly spaced ones, and those that are wanted always."""
    if len(measurements) <= most:
        return list(measurements)
    wanted = {i for i, measured in enumerate(measurements) if any(measured is other for other in always)}
    # Those that are wanted may be among the evenly spaced ones, or not.
    for free in range(most, most - len(wanted) - 1, -1):
        places = wanted | {round(i * (len(measurements) - 1) / (free - 1)) for i in range(free)}
        if len(places) <= most:
            break
    return [measurements[place] for place in sorted(places)]


def _cdf(curves: Sequence[Curve], slos: Sequence[Slo]) -> Chart:
    scale, unit = latency_scale([c.latency.percentile(p) for c in curves for p in (0, 50, 100)], slos)
    series = []
    for curve in curves:
        seconds, fractions = curve.latency.cdf()
        points = [Point(float(seconds[0]), 0.0)]
        points += [Point(float(s), 100 * float(f)) for s, f in zip(seconds, fractions, strict=True)]
        points.append(points[-1])
        thin = _thinned(points, [(scale.at(p.x), p.y / 100) for p in points])
        stops = [Point(curve.latency.percentile(p), p, _stop_tip(curve, p)) for p in _stops(curve)]
        series.append(Series(curve.name, curve.tone, thin, "steps", stops=stops))
    return Chart(
        "latency-cdf",
        "Latency distribution",
        "How many of the requests were answered within which time. Farther left is better.",
        Axis(f"Latency ({unit.name})", scale),
        Axis("Requests answered (%)", LinearScale(0, 100)),
        series,
        limits("x", scale, slos),
    )


def _percentiles(curves: Sequence[Curve], slos: Sequence[Slo]) -> Chart:
    scale, unit = latency_scale([c.latency.percentile(p) for c in curves for p in (0, 50, 100)], slos)
    nines = min(6.0, max(2.0, max(math.log10(curve.latency.count) for curve in curves)))
    across = NinesScale(nines)
    series = []
    for curve in curves:
        seconds, fractions = curve.latency.cdf()
        begins = np.concatenate([[0.0], fractions[:-1]])
        points = [Point(100 * float(f), float(s)) for f, s in zip(begins, seconds, strict=True)]
        points.append(Point(100.0, float(seconds[-1])))
        thin = _thinned(points, [(across.at(p.x), scale.at(p.y)) for p in points])
        stops = [Point(p, curve.latency.percentile(p), _stop_tip(curve, p)) for p in _stops(curve)]
        series.append(Series(curve.name, curve.tone, thin, "steps", stops=stops))
    return Chart(
        "latency-percentiles",
        "Latency by percentile",
        "How long the slowest requests took: every step to the right is ten times rarer. Lower is better.",
        Axis("Percentile of requests (logarithmic in what is above)", across),
        Axis(f"Latency ({unit.name})", scale),
        series,
        limits("y", scale, slos),
    )


def _throughput_latency(report: Report, answered: Sequence[Measurement]) -> Chart:
    # A search tries rates in any order; its curve goes by rate. A sweep's goes by its settings and may turn back.
    order = sorted(answered, key=lambda m: m.rate or m.throughput) if report.kind == "search" else list(answered)
    measures = [("p50", "s0", 50.0), ("p99", "s1", 99.0)]
    scale, unit = latency_scale([m.latency.percentile(p) for m in order for _, _, p in measures], report.slos)
    series = [
        Series(
            name,
            tone,
            [
                Point(
                    m.throughput,
                    m.latency.percentile(p),
                    f"{m.label}\n{rate_text(m.throughput)}\n{name} {seconds_text(m.latency.percentile(p))}",
                    one_line(m.label, _LABEL_LETTERS) if name == "p99" else "",
                )
                for m in order
            ],
            "points",
            shape="circle" if name == "p50" else "square",
        )
        for name, tone, p in measures
    ]
    return Chart(
        "throughput-latency",
        "Throughput and latency",
        "One pair of points a setting. Where the curve turns upwards, more load only makes requests wait.",
        Axis("Throughput (answers/s)", linear_from_zero([m.throughput for m in order])),
        Axis(f"Latency ({unit.name})", scale),
        series,
        limits("y", scale, report.slos),
        list(_special_points(report)),
    )


def _special_points(report: Report) -> Iterable[Ring]:
    named: dict[int, list[str]] = {}
    for index, name in ((report.knee, "knee"), (report.found, "found")):
        if index is not None and report.measurements[index].succeeded:
            named.setdefault(index, []).append(name)
    for index, names in named.items():
        m = report.measurements[index]
        yield Ring(m.throughput, m.latency.percentile(99), f"{', '.join(names)}: {one_line(m.label, _LABEL_LETTERS)}")


def _ledger(measurements: Sequence[Measurement]) -> Chart | None:
    with_ledger = [m for m in measurements if m.ledger is not None and m.ledger.count]
    told = [(m.label, m.ledger) for m in _spaced(with_ledger, [], _ROWS) if m.ledger is not None]
    names = stages_of([ledger for _, ledger in told])
    if not names:
        return None
    spans: dict[str, list[Point]] = {name: [] for name in names}
    longest = 0.0
    for row, (label, ledger) in enumerate(told):
        end = 0.0
        for name in names:
            mean_us = ledger.mean_us(name)
            tip = f"{label}\n{stage_name(name)} {microseconds_text(mean_us)}"
            begin, end = end, end + mean_us * 1e-6
            spans[name].append(Point(begin, float(row), tip, low=begin, high=end))
        longest = max(longest, end)
    unit = time_unit(longest / 2)
    return Chart(
        "ledger",
        "Where the server's time went",
        "Mean time of a request in each stage, as the server's own ledger tells it.",
        Axis(f"Time in the server ({unit.name})", linear_from_zero([longest], unit)),
        Axis("", CategoryScale([one_line(label, _ROW_LETTERS) for label, _ in told]), grid=False),
        [
            Series(one_line(stage_name(name), _ROW_LETTERS), f"s{i % 8}", points, "spans")
            for i, (name, points) in enumerate(spans.items())
        ],
        rows=len(told),
    )


def _thinned(points: Sequence[Point], places: Sequence[tuple[float, float]]) -> list[Point]:
    """Without points that lie where the one before does; the first and the last stay."""
    kept: list[Point] = []
    last = None
    for point, (x, y) in zip(points[:-1], places[:-1], strict=True):
        cell = (round(x * _GRID), round(y * _GRID))
        if cell != last:
            kept.append(point)
            last = cell
    return [*kept, points[-1]]


def _stops(curve: Curve) -> list[float]:
    # A percentile that is finer than the count allows is the longest latency under another name.
    return [p for p in _STOPS if p == 100 or (1 - p / 100) * curve.latency.count >= 1]


def _stop_tip(curve: Curve, p: float) -> str:
    name = "longest" if p == 100 else f"p{p:g}"
    beyond = curve.latency.count - round(p / 100 * curve.latency.count)
    rest = "" if p == 100 else f"\n{percent_text(1 - p / 100)} ({count_text(beyond)}) took longer"
    return f"{curve.name}\n{name} {seconds_text(curve.latency.percentile(p))}{rest}"
