"""Writes figures as CSV: one line a measurement, a window, or a ratio. Units are in the columns' names.

A field that is not known is empty. Lines end with CR LF, as RFC 4180 says.
"""

from __future__ import annotations

import csv
import math
import os
from collections.abc import Mapping, Sequence
from pathlib import Path

from pyserver_loadgen.histogram import Histogram
from pyserver_loadgen.measurement import PERCENTILES, ComparisonPoint, ComparisonRow, Measurement, Report, Window

_Field = str | int | float | bool | None
_RATIOS = ("setting", "rounds", "measure", "unit", "a", "b", "ratio", "ratio_low", "ratio_high", "better")


def write(report: Report, file: str | os.PathLike[str]) -> None:
    """One line a measurement. Raises OSError."""
    _write(file, [_measurement(measured) for measured in report.measurements])


def write_windows(report: Report, file: str | os.PathLike[str]) -> None:
    """One line a window of every measurement, in the order of time. Raises OSError."""
    _write(file, [_window(m.label, number, w) for m in report.measurements for number, w in enumerate(m.windows, 1)])


def write_ratios(report: Report, file: str | os.PathLike[str]) -> None:
    """One line a ratio of the comparison; of a sweep, those of every setting. Raises OSError."""
    compared = report.comparison
    points = [] if compared is None else compared.points or [ComparisonPoint("", compared.rounds, compared.rows)]
    _write(file, [_ratio(point, row) for point in points for row in point.rows], _RATIOS)


def _write(file: str | os.PathLike[str], lines: Sequence[Mapping[str, _Field]], columns: Sequence[str] = ()) -> None:
    # The names stand there even where nothing was measured: who reads it expects them.
    columns = columns or list(_measurement(Measurement("", "", "", 0.0)))
    names = list(dict.fromkeys(name for line in lines for name in line)) or columns
    with Path(file).open("w", encoding="utf-8", newline="") as out:
        writer = csv.writer(out)
        writer.writerow(names)
        writer.writerows([_text(line.get(name)) for name in names] for line in lines)


def _measurement(m: Measurement) -> dict[str, _Field]:
    line: dict[str, _Field] = {
        "label": m.label,
        "target": m.target,
        "schedule": m.schedule,
        "connections": m.connections,
        "threads": m.threads,
        "concurrency": m.concurrency,
        "rate_per_s": m.rate,
        "duration_s": m.duration_s,
        "sent": m.sent,
        "answered": m.succeeded,
        "failed": m.failed,
        "lost": m.lost,
        "errors": _errors(m.errors),
        "offered_per_s": m.offered_rate,
        "throughput_per_s": m.throughput,
        **_times("latency", m.latency),
        "lag_p99_s": m.lag.percentile(99),
        "lag_max_s": m.lag.max_s,
        "request_bytes": m.request_bytes,
        "response_bytes": m.response_bytes,
        "client_cpu_s": m.client_cpu_s,
        "reconnects": m.reconnects,
    }
    use, ledger = m.server, m.ledger
    line["server_cpu_s"] = use.cpu_s if use else None
    line["server_rss_bytes"] = use.rss_bytes if use else None
    line["server_mean_batch"] = use.mean_batch if use else None
    line["gpu_percent"] = use.gpu_percent if use else None
    line["ledger_mean_batch"] = ledger.mean_batch if ledger else None
    line["stable"] = m.stable
    line["stopped"] = m.stopped
    return line


def _window(label: str, number: int, window: Window) -> dict[str, _Field]:
    return {
        "label": label,
        "window": number,
        "start_s": window.start_s,
        "length_s": window.length_s,
        "sent": window.sent,
        "answered": window.answered,
        "failed": window.failed,
        "lost": window.lost,
        "errors": _errors(window.errors),
        "throughput_per_s": window.throughput,
        **_times("latency", window.latency),
        "lag_p99_s": window.lag.percentile(99),
        "lag_max_s": window.lag.max_s,
        "request_bytes": window.request_bytes,
        "response_bytes": window.response_bytes,
    }


def _ratio(point: ComparisonPoint, row: ComparisonRow) -> dict[str, _Field]:
    told = (point.setting, point.rounds, row.measure, row.unit, row.a, row.b, row.ratio, row.ratio_low, row.ratio_high)
    return dict(zip(_RATIOS, (*told, row.better), strict=True))


def _times(what: str, histogram: Histogram) -> dict[str, _Field]:
    percentiles = {f"{what}_p{p:g}_s": histogram.percentile(p) for p in PERCENTILES}
    return {f"{what}_mean_s": histogram.mean_s, **percentiles, f"{what}_max_s": histogram.max_s}


def _errors(errors: Mapping[str, int]) -> str:
    """`UNAVAILABLE=3;HTTP 503=1`."""
    return ";".join(f"{code}={count}" for code, count in errors.items())


def _text(value: _Field) -> str:
    if value is None or (isinstance(value, float) and not math.isfinite(value)):
        return ""
    if isinstance(value, bool):
        return str(value).lower()
    return f"{value:.9g}" if isinstance(value, float) else str(value)
