"""From what the engine tells (LoadWindow, LoadSummary: integers, nanoseconds) to a measurement (seconds)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from pyserver_loadgen.histogram import Histogram, bucket_bounds
from pyserver_loadgen.measurement import Ledger, Measurement, Window
from pyserver_loadgen.schedules import ClosedLoop
from pyserver_loadgen.setting import Setting

_NS = 1e-9


def window_of(told: Any) -> Window:
    """Of a LoadWindow."""
    return Window(
        start_s=told.start_ns * _NS,
        length_s=told.length_ns * _NS,
        warmup=told.warmup,
        sent=told.sent,
        answered=told.answered,
        failed=told.failed,
        lost=told.lost,
        errors=dict(told.errors),
        request_bytes=told.request_bytes,
        response_bytes=told.response_bytes,
        latency=Histogram.from_buckets(told.latency, told.latency_sum_ns, told.latency_max_ns),
        lag=_lag(told),
        ledger=Ledger(dict(told.ledger), told.ledger_count, told.ledger_batch_rows) if told.ledger_count else None,
    )


def _lag(told: Any) -> Histogram:
    # The engine keeps no sum of the lags: the middles of the buckets give it within 0.4 %.
    if not told.lag:
        return Histogram()
    pairs = np.asarray(told.lag, dtype=np.int64)
    low, width = bucket_bounds(pairs[:, 0])
    return Histogram.from_buckets(told.lag, int(((low + (width - 1) / 2) * pairs[:, 1]).sum()), told.lag_max_ns)


def measurement_of(
    setting: Setting, target: str, windows: Sequence[Window], summary: Any, stopped: bool = False
) -> Measurement:
    """Of all windows of a run and its LoadSummary."""
    measurement = _empty(setting, target)
    measurement.windows = [window for window in windows if not window.warmup]
    measurement.client_cpu_s = summary.cpu_ns * _NS
    measurement.reconnects = summary.reconnects
    measurement.stopped = stopped
    measurement.error_examples = dict(summary.errors_examples)
    closed = isinstance(setting.schedule, ClosedLoop)
    measurement.duration_s = _duration_s(measurement, summary.elapsed_ns * _NS, closed, setting.max_requests)
    return measurement


def not_begun(setting: Setting, target: str, unreachable: str) -> Measurement:
    """Of a run that was stopped before it began: by Ctrl-C, or because no connection could be made, and why."""
    measurement = _empty(setting, target)
    measurement.stopped = True
    measurement.unreachable = unreachable
    return measurement


def _empty(setting: Setting, target: str) -> Measurement:
    schedule = setting.schedule
    return Measurement(
        label=setting.label or schedule.label,
        target=target,
        schedule=schedule.text,
        duration_s=0.0,
        connections=setting.connections,
        threads=setting.threads,
        concurrency=schedule.concurrency if isinstance(schedule, ClosedLoop) else None,
        rate=None if isinstance(schedule, ClosedLoop) else schedule.mean_rate,
        warmup_s=setting.warmup_s,
    )


def _duration_s(measurement: Measurement, elapsed_s: float, closed: bool, max_requests: int | None) -> float:
    """The time that the answers took: the number of answers divided by it is the throughput.

    Closed loop: every answer within the windows let a request out, so as many answers came within the windows as
    requests left; the windows' length is the time. Open loop: a server that cannot keep up answers what was due in the
    windows long after their end, and that time counts. What any request takes, even the quickest, does not.
    """
    planned = sum(window.length_s for window in measurement.windows)
    if closed and max_requests is None:
        return planned
    quickest = measurement.latency.to_buckets()[:1]
    least_s = float(bucket_bounds(quickest[0][0])[0]) * _NS if quickest else 0.0
    if max_requests is not None:
        return elapsed_s
    return max(planned, elapsed_s - least_s)
