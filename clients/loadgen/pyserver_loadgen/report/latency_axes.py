"""Axes of latency, and the limits of `--slo` on them."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from typing import Literal

from pyserver.errors import one_line
from pyserver_loadgen.measurement import Slo
from pyserver_loadgen.report.charts import Rule
from pyserver_loadgen.report.scales import LinearScale, LogScale, fitting
from pyserver_loadgen.report.units import Unit, time_unit

# A limit that is farther away than this from all values would only squeeze them together.
_LIMIT_RATIO = 5.0
_LABEL_LETTERS = 28


def latency_scale(seconds: Iterable[float], slos: Sequence[Slo]) -> tuple[LinearScale | LogScale, Unit]:
    """A scale for these latencies and for the limits near to them, and the unit of its ticks."""
    values = [value for value in seconds if value > 0]
    low, high = min(values, default=1e-3), max(values, default=1e-3)
    values += [slo.limit_s for slo in slos if low / _LIMIT_RATIO <= slo.limit_s <= high * _LIMIT_RATIO]
    unit = time_unit(math.sqrt(low * high))
    return fitting(values, unit), unit


def limits(axis: Literal["x", "y"], scale: LinearScale | LogScale, slos: Sequence[Slo]) -> list[Rule]:
    """The limits that lie on the scale."""
    shown = [slo for slo in slos if scale.low <= slo.limit_s <= scale.high]
    return [Rule(axis, slo.limit_s, one_line(slo.text, _LABEL_LETTERS), "bad") for slo in shown]
