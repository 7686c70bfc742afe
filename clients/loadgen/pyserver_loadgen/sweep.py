"""The same at several concurrencies or rates, and the knee of the curve that comes out.

The knee is where Kleinrock's *power*, throughput / mean latency, is greatest (L. Kleinrock, "Power and deterministic
rules of thumb for probabilistic problems in computer communications", ICC 1979). Before it, more load gives more
throughput than it costs latency; behind it, the reverse. It needs no parameter, and for a single queue with exponential
service times (M/M/1) it is at half of the capacity. Settings with errors are no candidates.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

from pyserver_loadgen.measurement import Measurement
from pyserver_loadgen.run import Run, Setting
from pyserver_loadgen.schedules import Schedule

_LEAST_POINTS = 3  # fewer make no curve
_MOST_ERRORS = 0.01


def sweep(
    run: Run, setting: Setting, values: Sequence[float], schedule: Callable[[float], Schedule]
) -> list[Measurement]:
    """Measures at every value, in their order; a run that the user stops is the last."""
    measurements: list[Measurement] = []
    for step, value in enumerate(values):
        measurements.append(run(replace(setting, schedule=schedule(value), seed=setting.seed + step)))
        if measurements[-1].stopped:
            break
    return measurements


def power(measurement: Measurement) -> float:
    """Kleinrock's power: throughput / mean latency; 0 where nothing was answered."""
    if not measurement.succeeded or measurement.error_rate > _MOST_ERRORS:
        return 0.0
    return measurement.throughput / max(measurement.latency.mean_s, 1e-9)


def knee(measurements: Sequence[Measurement]) -> int | None:
    """Index of the measurement with the greatest power; None for less than three points, or where nothing worked."""
    if len(measurements) < _LEAST_POINTS:
        return None
    powers = [power(measurement) for measurement in measurements]
    best = max(powers)
    return powers.index(best) if best > 0 else None
