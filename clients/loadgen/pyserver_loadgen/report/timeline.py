"""Charts over time: throughput, latency and errors by window, measurement after measurement."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

from pyserver.errors import one_line
from pyserver_loadgen.measurement import Measurement, Window
from pyserver_loadgen.report.charts import Axis, Chart, Point, Rule, Series
from pyserver_loadgen.report.scales import LinearScale, fitting, linear_from_zero
from pyserver_loadgen.report.units import count_text, rate_text, seconds_text, time_unit

# Windows that can be hovered over; of more, every second, third, …
_STOPS = 200
_SHORTEST_S = 1e-6
_LABEL_LETTERS = 28


@dataclass(frozen=True)
class _Slot:
    """A window and where it lies on the axis on which the measurements follow each other."""

    begin_s: float
    window: Window

    @property
    def end_s(self) -> float:
        return self.begin_s + self.window.length_s


@dataclass(frozen=True)
class _Stretch:
    """A measurement on that axis."""

    measurement: Measurement
    slots: Sequence[_Slot]

    @property
    def side(self) -> str:
        """ "A" of "A 1"."""
        return self.measurement.label.split(" ")[0]


def timelines(measurements: Sequence[Measurement], *, compared: bool) -> list[Chart]:
    """Throughput, latency, and errors where there were some. `compared`: the measurements are rounds of A and B."""
    stretches = list(_placed(measurements))
    if not stretches:
        return []
    end = max(stretch.slots[-1].end_s for stretch in stretches)
    axis = Axis("Measured time (s)", LinearScale(0.0, end), grid=False)
    begins = [Rule("x", s.slots[0].begin_s, one_line(s.measurement.label, _LABEL_LETTERS)) for s in stretches]
    rules = begins if len(begins) > 1 else []
    charts = [_throughput(stretches, axis, rules, compared), _latency(stretches, axis, rules, compared)]
    if any(measurement.failed for measurement in measurements):
        charts.append(_errors(stretches, axis, rules))
    return [chart for chart in charts if chart is not None]


def _placed(measurements: Iterable[Measurement]) -> Iterator[_Stretch]:
    offset = 0.0
    for measurement in measurements:
        # Shorter ones cannot be seen, and would divide by about zero.
        windows = [window for window in measurement.windows if window.length_s > _SHORTEST_S]
        windows.sort(key=lambda window: window.start_s)
        if not windows:
            continue
        first = windows[0].start_s
        yield _Stretch(measurement, [_Slot(offset + window.start_s - first, window) for window in windows])
        offset += windows[-1].start_s + windows[-1].length_s - first


def _throughput(stretches: Sequence[_Stretch], axis: Axis, rules: Sequence[Rule], compared: bool) -> Chart:
    series: list[Series] = []
    due = [s for s in stretches if s.measurement.rate is not None]
    series += _lines(due, "due", "muted", lambda w: w.sent / w.length_s, rate_text, dashed=True)
    if compared:
        for side, tone in (("A", "s0"), ("B", "s1")):
            own = [stretch for stretch in stretches if stretch.side == side]
            series += _lines(own, side, tone, lambda w: w.throughput, rate_text)
    else:
        series += _lines(stretches, "answered", "s0", lambda w: w.throughput, rate_text)
    values = [point.y for one in series for point in one.points]
    return Chart(
        "timeline-throughput",
        "Throughput over time",
        "Right answers to the requests of every window"
        + (", beside the requests that were due in it." if due else ". A level line is a stable server."),
        axis,
        Axis("Requests/s", linear_from_zero(values)),
        series,
        rules,
    )


def _latency(stretches: Sequence[_Stretch], axis: Axis, rules: Sequence[Rule], compared: bool) -> Chart | None:
    series: list[Series] = []
    if compared:
        for side, tone in (("A", "s0"), ("B", "s1")):
            own = [stretch for stretch in stretches if stretch.side == side]
            series += _lines(own, f"{side} p50", tone, lambda w: w.latency.percentile(50), seconds_text, dashed=True)
            series += _lines(own, f"{side} p99", tone, lambda w: w.latency.percentile(99), seconds_text)
    else:
        series += _lines(stretches, "p50", "s0", lambda w: w.latency.percentile(50), seconds_text)
        series += _lines(stretches, "p99", "s1", lambda w: w.latency.percentile(99), seconds_text)
    values = [point.y for one in series for point in one.points if point.y > 0]
    if not values:
        return None
    unit = time_unit(math.sqrt(min(values) * max(values)))
    return Chart(
        "timeline-latency",
        "Latency over time",
        "Of the requests that were due in every window.",
        axis,
        Axis(f"Latency ({unit.name})", fitting(values, unit)),
        series,
        rules,
    )


def _errors(stretches: Sequence[_Stretch], axis: Axis, rules: Sequence[Rule]) -> Chart:
    points = []
    for slot in (slot for stretch in stretches for slot in stretch.slots):
        codes = "\n".join(f"{code} {count_text(count)}" for code, count in slot.window.errors.items())
        lost = f"\nno answer {count_text(slot.window.lost)}" if slot.window.lost else ""
        failed = slot.window.failed + slot.window.lost
        points.append(Point(slot.begin_s, float(failed), f"{_when(slot)}\n{codes}{lost}"))
    points.append(Point(stretches[-1].slots[-1].end_s, 0.0))
    return Chart(
        "timeline-errors",
        "Errors over time",
        "Requests of every window that failed, were answered wrongly or never answered.",
        axis,
        Axis("Failed requests", linear_from_zero([point.y for point in points])),
        [Series("failed", "bad", points, "bars")],
        rules,
    )


def _lines(
    stretches: Sequence[_Stretch],
    name: str,
    tone: str,
    value: Callable[[Window], float],
    text: Callable[[float], str],
    *,
    dashed: bool = False,
) -> list[Series]:
    """A line for every run of windows that have the value; only the first has the name."""
    made: list[Series] = []
    every = math.ceil(sum(len(stretch.slots) for stretch in stretches) / _STOPS) or 1
    for stretch in stretches:
        for run in _runs([(slot, value(slot.window)) for slot in stretch.slots]):
            points = [Point(slot.begin_s, y) for slot, y in run]
            points.append(Point(run[-1][0].end_s, run[-1][1]))
            label = stretch.measurement.label if len(stretches) > 1 else ""
            stops = [
                Point(
                    (slot.begin_s + slot.end_s) / 2,
                    y,
                    "\n".join(filter(None, [label, _when(slot), f"{name} {text(y)}"])),
                )
                for slot, y in run[::every]
            ]
            made.append(Series("", tone, points, "steps", dashed, stops=stops))
    return [replace(one, name=name) if number == 0 else one for number, one in enumerate(made)]


def _runs(values: Iterable[tuple[_Slot, float]]) -> Iterator[list[tuple[_Slot, float]]]:
    run: list[tuple[_Slot, float]] = []
    for slot, value in values:
        if math.isfinite(value):
            run.append((slot, value))
        elif run:
            yield run
            run = []
    if run:
        yield run


def _when(slot: _Slot) -> str:
    return f"{slot.begin_s:.4g} s to {slot.end_s:.4g} s"
