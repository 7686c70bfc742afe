"""A report in a few words: its title, what was measured, and the figures that matter most."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from pyserver_loadgen.measurement import ComparisonRow, Measurement, Report
from pyserver_loadgen.report.units import NONE, count_text, digits, percent_text, rate_text, ratio_text, seconds_text

Tone = Literal["", "good", "bad"]
# A send lag of such a share of the latency is told.
_LATE = 0.25
_FAR = 1000.0  # charts of ratios end there, too


@dataclass(frozen=True)
class Figure:
    """A number that is shown large, what it is, and what belongs to it."""

    name: str
    value: str
    detail: str = ""
    tone: Tone = ""


def title_of(report: Report) -> str:
    """`digits: sweep`."""
    kinds = {
        "single": "load test",
        "sweep": "sweep",
        "search": "highest rate",
        "compare": "comparison",
        "mlperf": "MLPerf scenario",
    }
    name, kind = str(report.model.get("name") or ""), kinds[report.kind]
    # Of two servers that were measured in turns the subtitle tells.
    if report.comparison is not None and report.kind != "compare":
        kind += f", compared with {report.comparison.a}"
    return f"{name}: {kind}" if name else kind[0].upper() + kind[1:]


def subtitle_of(report: Report) -> str:
    """What was asked how, and when."""
    targets = list(dict.fromkeys(measurement.target for measurement in report.measurements))
    schedules = list(dict.fromkeys(measurement.schedule for measurement in report.measurements))
    how = schedules[0] if len(schedules) == 1 else f"{len(schedules)} settings" if schedules else ""
    return " · ".join(part for part in (" against ".join(targets), how, report.environment.get("date", "")) if part)


def headline(report: Report) -> Measurement | None:
    """The measurement that answers the question: the rate that was found, the knee, or the highest throughput."""
    for index in (report.found, report.knee):
        if index is not None:
            return report.measurements[index]
    answered = [measurement for measurement in report.measurements if measurement.succeeded]
    return max(answered, key=lambda measurement: measurement.throughput, default=None)


def figures_of(report: Report) -> list[Figure]:
    """At most six."""
    figures = list(_ratios(report)) if report.comparison is not None else list(_of_headline(report))
    failed = sum(measurement.failed for measurement in report.measurements)
    sent = sum(measurement.sent for measurement in report.measurements)
    of_all = f"of {count_text(sent)} requests"
    figures.append(Figure("Errors", count_text(failed), of_all, "bad" if failed else "good"))
    if report.verdicts:
        met = sum(verdict.met for verdict in report.verdicts)
        told = "all met" if report.met else f"{len(report.verdicts) - met} missed"
        figures.append(Figure("Goals", told, f"of {len(report.verdicts)}", "good" if report.met else "bad"))
    return figures


def _of_headline(report: Report) -> Iterator[Figure]:
    measured = headline(report)
    if measured is None:
        yield Figure("Throughput", rate_text(0), "nothing was answered", "bad")
        return
    latency = measured.latency
    several = len(report.measurements) > 1
    name = "Throughput"
    if report.found is not None:
        name = f"Highest rate within {', '.join(slo.text for slo in report.slos)}" if report.slos else "Highest rate"
    elif several:
        name = "At the knee" if report.knee is not None else "Highest throughput"
    yield Figure(name, rate_text(measured.throughput), measured.label if several else measured.schedule)
    yield Figure("Half within (p50)", seconds_text(latency.percentile(50)), f"mean {seconds_text(latency.mean_s)}")
    yield Figure("99 % within (p99)", seconds_text(latency.percentile(99)), f"longest {seconds_text(latency.max_s)}")


def _ratios(report: Report) -> Iterator[Figure]:
    if report.comparison is None:
        return
    # Of a sweep, where the two can do most.
    busiest = report.comparison.busiest
    where = f", {busiest.setting}" if busiest is not None else ""
    for row in busiest.rows if busiest is not None else report.comparison.rows:
        if row.measure in ("throughput", "p50 latency", "p99 latency"):
            yield Figure(f"{row.measure.capitalize()}, B / A{where}", ratio_text(row.ratio), _sure(row))


def _sure(row: ComparisonRow) -> str:
    interval = interval_text(row.ratio_low, row.ratio_high)
    return better_text(row) + (f" ({interval})" if interval != NONE else "")


def better_text(row: ComparisonRow) -> str:
    """`B is better`, and how sure that is."""
    if row.better == "no difference shown":
        return row.better
    return f"{row.better.upper()} is better"


def interval_text(low: float, high: float) -> str:
    """`1.20 to 1.30`. Ends beyond a factor of a thousand only say that too little was measured."""
    if not (math.isfinite(low) and math.isfinite(high)):
        return NONE
    begin = digits(low) if low >= 1 / _FAR else f"below {digits(1 / _FAR)}"
    return f"{begin} to {digits(high)}" if high <= _FAR else f"{begin} to above {digits(_FAR)}"


def notes_of(report: Report) -> list[str]:
    """What a reader must know beside the figures."""
    notes = list(report.notes)
    for measured in report.measurements:
        told = list(measured.notes)
        if measured.unreachable:
            told.append(measured.unreachable)
        elif measured.stopped:
            told.append("stopped before its end")
        if measured.stable is False:
            told.append("unstable: its windows do not agree")
        if measured.reconnects:
            told.append(f"connections were opened again {count_text(measured.reconnects)} times")
        lag = measured.lag
        # Latencies that are not the server's alone must not be taken for its own.
        if measured.succeeded and lag.count and lag.percentile(99) > _LATE * measured.latency.percentile(99):
            late = seconds_text(lag.percentile(99))
            told.append(
                f"sent late (p99 {late}): connections were full, or this machine was busy; latencies hold that time"
            )
        notes += [f"{measured.label}: {text}" for text in dict.fromkeys(told)]
    return notes + (list(report.comparison.notes) if report.comparison is not None else [])


def share_text(part: int, whole: int) -> str:
    """`0.12 %` of all."""
    return percent_text(part / whole if whole else math.nan)
