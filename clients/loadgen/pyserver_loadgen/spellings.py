"""How durations, rates and sweeps are written on a command line, read and written back.

    15ms 10s 2m 250us          durations; a plain number is seconds
    8   1:64:x2   500:4000:+500   1,2,8    one value, or a sweep: from, to, and how to step; or a list
    100:5000                   a ramp: from one rate to another
    50@1s                      bursts: so many requests at once, so often
    p99=15ms                   a limit for a measure of latency

Every reader raises ConfigError with a sentence that names the option's form.
"""

from __future__ import annotations

import math
import re

from pyserver.errors import ConfigError
from pyserver_loadgen.measurement import Slo

_UNITS_S = {"ns": 1e-9, "us": 1e-6, "µs": 1e-6, "ms": 1e-3, "s": 1.0, "m": 60.0, "min": 60.0, "h": 3600.0}
_DURATION = re.compile(r"([0-9]*\.?[0-9]+(?:e-?[0-9]+)?)(ns|us|µs|ms|s|min|m|h)?")
_PERCENTILE = re.compile(r"p([0-9]{1,2}(?:\.[0-9]+)?)")
_MOST_STEPS = 1000


def read_duration(text: str, option: str = "duration") -> float:
    """Seconds of "15ms", "1m30s", "10"."""
    place, seconds = 0, 0.0
    stripped = text.strip().replace(" ", "")
    while found := _DURATION.match(stripped, place):
        if found[2] is None and found[0] != stripped:
            break
        seconds += float(found[1]) * _UNITS_S[found[2] or "s"]
        place = found.end()
        if place == len(stripped) and math.isfinite(seconds):
            return seconds
    raise ConfigError(f"{option} {text!r}: expected a duration such as 10s, 1m30s, 15ms or 250us")


def duration_text(seconds: float) -> str:
    """`15 ms`, `1.5 s`, `10 min`: three digits that matter."""
    if not math.isfinite(seconds):
        return "-"
    if seconds >= 600:
        return f"{seconds / 60:.3g} min"
    for unit, size in (("s", 1.0), ("ms", 1e-3), ("µs", 1e-6)):
        # Rounded first, so that 0.9996 s is not 1e+03 ms.
        if float(f"{seconds:.3g}") >= size:
            value = seconds / size
            return f"{value:.0f} {unit}" if value >= 99.95 else f"{value:.3g} {unit}"
    return f"{seconds * 1e9:.0f} ns" if seconds else "0 s"


def rate_text(rate: float) -> str:
    """`2,000/s`, `12.5/s`; `-` where nothing was measured."""
    if math.isnan(rate):
        return "-"
    return f"{rate:,.0f}/s" if rate >= 100 or rate == int(rate) else f"{rate:.3g}/s"


def read_sweep(text: str, option: str) -> list[float]:
    """The values of "8", "1:64:x2" (1, 2, 4 … 64), "500:4000:+500", "1,2,8". Ascending ones must be positive.

    The last value is there even where the steps do not hit it.
    """
    form = f"{option} {text!r}: expected a number, a list 1,2,8 or a sweep such as 1:64:x2 or 500:4000:+500"
    if ":" not in text:
        values = [_positive(part, form) for part in text.split(",")]
    else:
        parts = text.split(":")
        if len(parts) != 3 or parts[2][:1] not in ("x", "+"):
            raise ConfigError(form)
        low, high = _positive(parts[0], form), _positive(parts[1], form)
        step = _positive(parts[2][1:], form)
        if low > high or (parts[2][0] == "x" and step <= 1):
            raise ConfigError(form)
        values = _steps(low, high, parts[2][0], step, form)
    return values


def read_ramp(text: str) -> tuple[float, float]:
    """First and last rate of "100:5000"."""
    form = f"--ramp {text!r}: expected two rates such as 100:5000"
    low, colon, high = text.partition(":")
    if not colon:
        raise ConfigError(form)
    return _positive(low, form), _positive(high, form)


def read_burst(text: str) -> tuple[int, float]:
    """How many requests, and how often in seconds, of "50@1s"."""
    form = f"--burst {text!r}: expected a count and a period such as 50@1s"
    count, at, period = text.partition("@")
    if not at or not count.isdecimal() or int(count) < 1:
        raise ConfigError(form)
    try:
        period_s = read_duration(period)
    except ConfigError:
        raise ConfigError(form) from None
    if period_s <= 0:
        raise ConfigError(form)
    return int(count), period_s


def read_slo(text: str) -> Slo:
    """The limit of "p99=15ms"; measures are p50 … p99.99, mean and max."""
    form = f"--slo {text!r}: expected a measure and a limit such as p99=15ms, mean=5ms or max=1s"
    measure, equals, limit = text.strip().lower().partition("=")
    percentile = _PERCENTILE.fullmatch(measure)
    if not equals or not (measure in ("mean", "max") or (percentile and float(percentile[1]) > 0)):
        raise ConfigError(form)
    try:
        limit_s = read_duration(limit)
    except ConfigError:
        raise ConfigError(form) from None
    if limit_s <= 0:
        raise ConfigError(form)
    return Slo(measure, limit_s, f"{measure}={limit}")


def _steps(low: float, high: float, how: str, step: float, form: str) -> list[float]:
    values = [low]
    while values[-1] < high * (1 - 1e-9):
        values.append(min(high, values[-1] * step if how == "x" else values[-1] + step))
        if len(values) > _MOST_STEPS:
            raise ConfigError(f"{form} of at most {_MOST_STEPS} steps")
    return values


def _positive(text: str, form: str) -> float:
    try:
        value = float(text)
    except ValueError:
        raise ConfigError(form) from None
    if not (value > 0 and math.isfinite(value)):
        raise ConfigError(form)
    return value
