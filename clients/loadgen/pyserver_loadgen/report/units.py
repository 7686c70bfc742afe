"""Numbers as people read them: three digits that matter, with a unit. Where there is no number, "-"."""

from __future__ import annotations

import math
from dataclasses import dataclass

NONE = "-"


@dataclass(frozen=True)
class Unit:
    """A unit and how much of the base unit it is: ("ms", 0.001)."""

    name: str
    size: float


_TIMES = (Unit("ns", 1e-9), Unit("µs", 1e-6), Unit("ms", 1e-3), Unit("s", 1.0))
_BYTES = (Unit("B", 1.0), Unit("kB", 1e3), Unit("MB", 1e6), Unit("GB", 1e9), Unit("TB", 1e12))


def time_unit(seconds: float) -> Unit:
    """The unit in which so long a time has one to three digits before the point."""
    return _largest_within(seconds, _TIMES)


def seconds_text(seconds: float | None) -> str:
    """`12.3 ms`, `850 µs`."""
    return _with_unit(seconds, _TIMES)


def microseconds_text(microseconds: float | None) -> str:
    """As `seconds_text`, of microseconds."""
    return seconds_text(None if microseconds is None else microseconds * 1e-6)


def bytes_text(count: float | None) -> str:
    """`12.3 MB`; a kB is 1000 bytes."""
    return _with_unit(count, _BYTES)


def rate_text(per_second: float | None) -> str:
    """`12,345/s`."""
    return NONE if _absent(per_second) else f"{digits(per_second)}/s"


def count_text(count: int) -> str:
    """`12,345`."""
    return f"{count:,}"


def percent_text(fraction: float | None) -> str:
    """`99.5 %`; a share of exactly nothing or of everything has no digits after the point, and no other has none."""
    if fraction is None or math.isnan(fraction):
        return NONE
    if fraction in (0.0, 1.0):
        return f"{100 * fraction:.0f} %"
    if fraction > 0.999:
        return ">99.9 %"
    return "<0.01 %" if 0 < fraction < 0.0001 else f"{digits(100 * fraction)} %"


def ratio_text(ratio: float | None) -> str:
    """`1.23×`."""
    return NONE if _absent(ratio) else f"{digits(ratio)}\N{MULTIPLICATION SIGN}"


def digits(value: float | None) -> str:
    """Three significant digits, and never fewer than all before the point: `0.123`, `12.3`, `12,345`."""
    if value is None or not math.isfinite(value):
        return NONE
    if value == 0:
        return "0"
    # Rounded first, so that 9.996 becomes 10.0 and not 10.00.
    rounded = float(f"{value:.3g}") if abs(value) < 1000 else value
    decimals = max(0, 2 - math.floor(math.log10(abs(rounded))))
    return f"{rounded:,.{decimals}f}"


def _largest_within(value: float, units: tuple[Unit, ...]) -> Unit:
    # Just below 1000 of a smaller unit is written as 1.00 of the next: 999.7 µs is 1.00 ms.
    fitting = [unit for unit in units if abs(value) >= unit.size * 0.9995]
    return fitting[-1] if fitting else units[0]


def _with_unit(value: float | None, units: tuple[Unit, ...]) -> str:
    if value is None or not math.isfinite(value):
        return NONE
    unit = _largest_within(value, units)
    scaled = value / unit.size
    # Of the smallest unit there are only whole ones: 85 ns, not 85.0 ns.
    if unit is units[0] and math.isclose(scaled, round(scaled)):
        return f"{scaled:.0f} {unit.name}"
    return f"{digits(scaled)} {unit.name}"


def _absent(value: float | None) -> bool:
    return value is None or not math.isfinite(value)
