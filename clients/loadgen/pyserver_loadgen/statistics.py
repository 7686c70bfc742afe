"""Confidence intervals of ratios, and whether figures agree.

Ratios are compared on the scale of their logarithms: there "twice as fast" and "half as fast" are equally far from "the
same", and the mean of the logs is the geometric mean of the ratios. The interval of the mean log-ratio is Student's;
back on the scale of ratios it is exp(mean ± t·s/√n).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import mean, stdev

# Two-sided 95 % quantiles of Student's t by degrees of freedom, from 1 on.
_T95 = (12.7062, 4.3027, 3.1824, 2.7764, 2.5706, 2.4469, 2.3646, 2.3060, 2.2622, 2.2281, 2.2010, 2.1788, 2.1604, 2.1448,
        2.1314, 2.1199, 2.1098, 2.1009, 2.0930, 2.0860, 2.0796, 2.0739, 2.0687, 2.0639, 2.0595, 2.0555, 2.0518, 2.0484,
        2.0452, 2.0423)  # fmt: skip
_Z975 = 1.959964


@dataclass(frozen=True)
class Ratio:
    """A ratio and its 95 % interval; the ends are NaN where there are too few figures for one."""

    value: float
    low: float
    high: float

    @property
    def shows_difference(self) -> bool:
        """Whether "no difference" lies outside of the interval."""
        return self.low > 1 or self.high < 1


def t95(freedom: float) -> float:
    """The two-sided 95 % quantile of Student's t; between whole degrees of freedom the larger one."""
    whole = math.floor(freedom)
    if whole < 1:
        return math.nan
    if whole <= len(_T95):
        return _T95[whole - 1]
    # Cornish and Fisher's expansion: right to four digits from here on.
    z = _Z975
    return z + (z**3 + z) / (4 * freedom) + (5 * z**5 + 16 * z**3 + 3 * z) / (96 * freedom**2)


def paired_ratio(a: Sequence[float], b: Sequence[float]) -> Ratio:
    """b / a, of rounds in which both were measured one after the other: what both rounds shared cancels out.

    Rounds in which a figure is missing, zero or no number are left out.
    """
    logs = [math.log(y / x) for x, y in zip(a, b, strict=True) if _usable(x) and _usable(y)]
    if not logs:
        return Ratio(math.nan, math.nan, math.nan)
    centre = mean(logs)
    if len(logs) < 2:
        return Ratio(math.exp(centre), math.nan, math.nan)
    half = t95(len(logs) - 1) * stdev(logs) / math.sqrt(len(logs))
    return Ratio(math.exp(centre), math.exp(centre - half), math.exp(centre + half))


def unpaired_ratio(a: Sequence[float], b: Sequence[float]) -> Ratio:
    """b / a, of figures that were not taken in turns: Welch's interval, each side with its own spread."""
    logs_a, logs_b = ([math.log(value) for value in side if _usable(value)] for side in (a, b))
    if not logs_a or not logs_b:
        return Ratio(math.nan, math.nan, math.nan)
    centre = mean(logs_b) - mean(logs_a)
    if len(logs_a) < 2 or len(logs_b) < 2:
        return Ratio(math.exp(centre), math.nan, math.nan)
    error_a, error_b = (stdev(logs) ** 2 / len(logs) for logs in (logs_a, logs_b))
    error = error_a + error_b
    if error == 0:
        return Ratio(math.exp(centre), math.exp(centre), math.exp(centre))
    freedom = error**2 / (error_a**2 / (len(logs_a) - 1) + error_b**2 / (len(logs_b) - 1))
    half = t95(freedom) * math.sqrt(error)
    return Ratio(math.exp(centre), math.exp(centre - half), math.exp(centre + half))


def geometric_mean(values: Sequence[float]) -> float:
    """Of those that are positive numbers; NaN where none is."""
    logs = [math.log(value) for value in values if _usable(value)]
    return math.exp(mean(logs)) if logs else math.nan


def agree(values: Sequence[float], within: float) -> bool:
    """Whether none is further than `within` (0.05: 5 %) from their mean. Numbers that are none agree with nothing."""
    centre = mean(values)
    return all(abs(value - centre) <= within * abs(centre) for value in values)


def spread(values: Sequence[float]) -> float:
    """How far the one that is furthest from the mean is from it, as a fraction of the mean; NaN for a mean of zero."""
    centre = mean(values)
    return max(abs(value - centre) for value in values) / abs(centre) if centre else math.nan


def _usable(value: float) -> bool:
    return value > 0 and math.isfinite(value)
