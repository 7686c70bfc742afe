"""Counts of durations in buckets whose width grows with the duration: log-linear, 128 buckets for every doubling.

The engine counts in the same buckets (csrc/loadgen). Durations under 128 ns have a bucket of their own each; above,
bucket `b` begins at `(128 + b % 128) << e` with `e = b // 128 - 1` and is `1 << e` wide. So a bucket is at most 1/128
of its lower end wide, and its middle is within 0.4 % of everything in it.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence

import numpy as np
import numpy.typing as npt

Counts = npt.NDArray[np.int64]
Seconds = npt.NDArray[np.float64]

_NS = 1e-9
_SUB = 128  # buckets for every doubling
_SUB_BITS = 8  # bits of the least value that shares its bucket with others


def bucket_of(values_ns: npt.ArrayLike) -> Counts:
    """The bucket of every duration."""
    values = np.maximum(np.asarray(values_ns, dtype=np.int64), 0)
    # frexp rounds values of more than 53 bits: those are longer than 100 days.
    bits = np.frexp(values.astype(np.float64))[1].astype(np.int64)
    exponent = np.maximum(bits - _SUB_BITS, 0)
    large = (exponent + 1) * _SUB + (values >> exponent) - _SUB
    return np.where(values < _SUB, values, large)


def bucket_bounds(buckets: npt.ArrayLike) -> tuple[Counts, Counts]:
    """Lowest duration of every bucket in nanoseconds, and its width."""
    index = np.asarray(buckets, dtype=np.int64)
    exponent = np.maximum(index // _SUB - 1, 0)
    low = np.where(index < _SUB, index, (_SUB + index % _SUB) << exponent)
    return low, np.int64(1) << exponent


class Histogram:
    """How often which duration came. Durations go out in seconds; percentiles are right within 0.4 %.

    Not thread-safe. Sum and largest value are kept exactly beside the buckets.
    """

    def __init__(self) -> None:
        # As many as the largest duration needs: index is the bucket.
        self._counts: Counts = np.zeros(0, dtype=np.int64)
        self._sum_ns = 0
        self._max_ns = 0

    @classmethod
    def from_buckets(cls, buckets: Sequence[tuple[int, int]], sum_ns: int, max_ns: int) -> Histogram:
        """From (bucket, count) pairs, as the engine and the JSON report give them."""
        made = cls()
        if buckets:
            pairs = np.asarray(buckets, dtype=np.int64)
            made._counts = np.bincount(pairs[:, 0], weights=pairs[:, 1]).astype(np.int64)
        made._sum_ns, made._max_ns = int(sum_ns), int(max_ns)
        return made

    @classmethod
    def merged(cls, histograms: Iterable[Histogram]) -> Histogram:
        """All of them in one."""
        made = cls()
        for histogram in histograms:
            made.merge(histogram)
        return made

    def add(self, values_ns: npt.ArrayLike) -> None:
        """Counts these durations."""
        values = np.maximum(np.atleast_1d(np.asarray(values_ns, dtype=np.int64)), 0)
        if not values.size:
            return
        self._add_counts(np.bincount(bucket_of(values)).astype(np.int64))
        self._sum_ns += int(values.sum())
        self._max_ns = max(self._max_ns, int(values.max()))

    def merge(self, other: Histogram) -> None:
        """Counts what the other one has counted."""
        self._add_counts(other._counts)
        self._sum_ns += other._sum_ns
        self._max_ns = max(self._max_ns, other._max_ns)

    def to_buckets(self) -> list[tuple[int, int]]:
        """(bucket, count) of the buckets that hold something, ascending."""
        filled = np.flatnonzero(self._counts)
        return list(zip(filled.tolist(), self._counts[filled].tolist(), strict=True))

    @property
    def count(self) -> int:
        """How many durations were counted."""
        return int(self._counts.sum())

    @property
    def sum_ns(self) -> int:
        """Of all durations, exactly."""
        return self._sum_ns

    @property
    def max_ns(self) -> int:
        """The longest duration, exactly."""
        return self._max_ns

    @property
    def mean_s(self) -> float:
        """The mean; NaN where nothing was counted."""
        count = self.count
        return self._sum_ns * _NS / count if count else math.nan

    @property
    def max_s(self) -> float:
        """The longest duration; NaN where nothing was counted."""
        return self._max_ns * _NS if self.count else math.nan

    def percentile(self, p: float) -> float:
        """The duration that `p` percent of all do not exceed (nearest rank), in seconds; NaN where nothing was counted.

        The 100th percentile is the longest duration, exactly.
        """
        if not 0 <= p <= 100:
            raise ValueError(f"percentile {p:g}: expected 0 to 100")
        count = self.count
        if not count:
            return math.nan
        # Less the rounding of p / 100: 99.9 % of 1000 is the 999th.
        rank = max(1, math.ceil(p / 100 * count - 1e-9 * count))
        if rank >= count:
            return self.max_s
        bucket = int(np.searchsorted(np.cumsum(self._counts), rank))
        return float(min(_middles_ns(np.array([bucket]))[0], self._max_ns)) * _NS

    def fraction_within(self, limit_s: float) -> float:
        """How much of all did not take longer than this, 0 to 1; NaN where nothing was counted.

        The bucket that the limit falls into is split in proportion.
        """
        count = self.count
        if not count:
            return math.nan
        limit_ns = limit_s / _NS
        if limit_ns >= self._max_ns:
            return 1.0
        low, width = bucket_bounds(np.arange(len(self._counts)))
        share = np.clip((limit_ns - low) / width, 0.0, 1.0)
        return float((share * self._counts).sum() / count)

    def cdf(self) -> tuple[Seconds, Seconds]:
        """Durations in seconds, ascending, and which fraction of all does not exceed each; empty where nothing came."""
        filled = np.flatnonzero(self._counts)
        if not filled.size:
            return np.zeros(0), np.zeros(0)
        seconds = np.minimum(_middles_ns(filled), self._max_ns) * _NS
        return seconds, np.cumsum(self._counts[filled]) / self.count

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Histogram):
            return NotImplemented
        return (self.to_buckets(), self._sum_ns, self._max_ns) == (other.to_buckets(), other._sum_ns, other._max_ns)

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        return f"Histogram(count={self.count}, p50={self.percentile(50):.6f} s, max={self.max_s:.6f} s)"

    def _add_counts(self, counts: Counts) -> None:
        longer, shorter = (counts, self._counts) if len(counts) > len(self._counts) else (self._counts, counts)
        total = longer.copy()
        total[: len(shorter)] += shorter
        self._counts = total


def _middles_ns(buckets: Counts) -> Seconds:
    low, width = bucket_bounds(buckets)
    return low + (width - 1) / 2
