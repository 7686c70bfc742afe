"""Where a value lies on an axis, and which values get a tick.

A scale maps values to 0 (begin of the axis) … 1 (its end); values beyond are put at the ends. Scales know nothing of
pixels.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Protocol

from pyserver_loadgen.report.units import Unit

# A log scale where the largest value is so many times the smallest.
_LOG_FROM_RATIO = 8.0
_TICKS = 6
_STEPS = (1.0, 2.0, 2.5, 5.0, 10.0)
_PLAIN = Unit("", 1.0)


@dataclass(frozen=True)
class Tick:
    """A value and how it is written; without a text it is a mark only."""

    value: float
    text: str


class Scale(Protocol):
    """What every scale does."""

    def at(self, value: float) -> float:
        """Where the value lies, 0 to 1."""

    def ticks(self) -> list[Tick]:
        """Ascending."""


@dataclass(frozen=True)
class LinearScale:
    """Equal steps are equally far apart. Ticks are written in `unit`."""

    low: float
    high: float
    unit: Unit = _PLAIN

    def at(self, value: float) -> float:
        """See Scale."""
        return _within((value - self.low) / (self.high - self.low))

    def ticks(self) -> list[Tick]:
        """See Scale."""
        step = _nice_step((self.high - self.low) / self.unit.size)
        first = math.ceil(self.low / self.unit.size / step - 1e-9)
        last = math.floor(self.high / self.unit.size / step + 1e-9)
        return [Tick(n * step * self.unit.size, tick_text(n * step)) for n in range(first, last + 1)]


@dataclass(frozen=True)
class LogScale:
    """Equal ratios are equally far apart: 1, 10, 100. Ticks are written in `unit`."""

    low: float
    high: float
    unit: Unit = _PLAIN

    def at(self, value: float) -> float:
        """See Scale. What is not above 0 lies at the begin."""
        if value <= 0:
            return 0.0
        return _within(math.log(value / self.low) / math.log(self.high / self.low))

    def ticks(self) -> list[Tick]:
        """See Scale: decades, and 2 and 5 between them; written unless that would be too many."""
        low, high = self.low / self.unit.size, self.high / self.unit.size
        decades = range(math.floor(math.log10(low)) - 1, math.ceil(math.log10(high)) + 1)
        values = [first * 10.0**decade for decade in decades for first in (1, 2, 5)]
        values = [value for value in values if low * (1 - 1e-9) <= value <= high * (1 + 1e-9)]
        every = len(values) <= 2 * _TICKS
        return [Tick(v * self.unit.size, tick_text(v) if every or _is_decade(v) else "") for v in values]


@dataclass(frozen=True)
class NinesScale:
    """Of percentiles, by the logarithm of what is above them: 90 %, 99 %, 99.9 % are equally far apart."""

    nines: float  # of the last percentile: 3 for 99.9 %

    def at(self, value: float) -> float:
        """See Scale. `value` is a percentile, 0 to 100."""
        above = 1 - value / 100
        return 1.0 if above <= 0 else _within(-math.log10(above) / self.nines)

    def ticks(self) -> list[Tick]:
        """See Scale."""
        values = [0.0, 50.0] + [100 - 100 / 10.0**nine for nine in range(1, math.floor(self.nines + 1e-9) + 1)]
        return [Tick(value, f"{value:.10g} %") for value in values]


@dataclass(frozen=True)
class CategoryScale:
    """Names one below the other: 0 is the first, and lies at the top of a vertical axis."""

    names: Sequence[str]

    def at(self, value: float) -> float:
        """See Scale. `value` is an index."""
        return 1 - (value + 0.5) / len(self.names)

    def ticks(self) -> list[Tick]:
        """See Scale."""
        return [Tick(float(index), name) for index, name in enumerate(self.names)]


def linear_from_zero(values: Iterable[float], unit: Unit = _PLAIN) -> LinearScale:
    """From zero to the next tick after the largest value."""
    largest = max((value for value in values if math.isfinite(value)), default=0.0)
    high = largest if largest > 0 else unit.size
    step = _nice_step(high / unit.size) * unit.size
    return LinearScale(0.0, math.ceil(high / step - 1e-9) * step, unit)


def fitting(values: Iterable[float], unit: Unit = _PLAIN) -> LinearScale | LogScale:
    """For values above zero: linear from zero, or a log scale where they differ a lot."""
    positive = [value for value in values if math.isfinite(value) and value > 0]
    if not positive or max(positive) < _LOG_FROM_RATIO * min(positive):
        return linear_from_zero(positive, unit)
    return LogScale(
        _down_125(min(positive) / unit.size) * unit.size, _up_125(max(positive) / unit.size) * unit.size, unit
    )


def around_one(ratios: Iterable[float]) -> LinearScale | LogScale:
    """For ratios: 1 is always on it, with some room on both sides. What is beyond a factor of 1000 lies at the ends."""
    told = [ratio for ratio in ratios if math.isfinite(ratio) and ratio > 0] + [0.95, 1.05]
    low, high = max(min(told), 1e-3), min(max(told), 1e3)
    if high / low >= 3:
        return LogScale(_down_125(low), _up_125(high))
    step = _nice_step(high - low)
    return LinearScale(math.floor(low / step + 1e-9) * step, math.ceil(high / step - 1e-9) * step)


def tick_text(value: float) -> str:
    """`0.05`, `2.5`, `10,000`: as many digits as the value has."""
    rounded = float(f"{value:.6g}")
    whole, _, part = f"{abs(rounded):.10f}".rstrip("0").rstrip(".").partition(".")
    sign = "-" if rounded < 0 else ""
    return f"{sign}{int(whole):,}" + (f".{part}" if part else "")


def _nice_step(span: float) -> float:
    raw = span / (_TICKS - 1)
    power = 10.0 ** math.floor(math.log10(raw))
    return next(step for step in _STEPS if raw <= step * power * (1 + 1e-9)) * power


def _down_125(value: float) -> float:
    power = 10.0 ** math.floor(math.log10(value) + 1e-12)
    return max(step for step in (1, 2, 5) if step * power <= value * (1 + 1e-9)) * power


def _up_125(value: float) -> float:
    power = 10.0 ** math.floor(math.log10(value) + 1e-12)
    return min(step for step in (1, 2, 5, 10) if step * power >= value * (1 - 1e-9)) * power


def _is_decade(value: float) -> bool:
    exponent = math.log10(value)
    return abs(exponent - round(exponent)) < 1e-9


def _within(position: float) -> float:
    return min(1.0, max(0.0, position))
