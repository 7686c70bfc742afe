"""When requests are due, decided before anything is sent.

A closed loop keeps so many requests in flight: the next is sent when one is answered. All others are open loops: an
array of due times in nanoseconds from the start of the run, ascending, made by a seed, whatever the server does. The
warm-up comes first and is asked as the beginning of the measured part is.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Literal, Protocol

import numpy as np
import numpy.typing as npt

from pyserver_loadgen.spellings import duration_text, rate_text

Arrivals = Literal["poisson", "constant"]
Times = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]

_NS = 1e9


class OpenSchedule(Protocol):
    """Due times that do not depend on the server."""

    @property
    def text(self) -> str:
        """For people: "open loop, Poisson 2,000/s"."""

    @property
    def label(self) -> str:
        """Short, for tables and charts: "2,000/s"."""

    @property
    def mean_rate(self) -> float:
        """Requests a second, over the measured part."""

    def due_ns(self, warmup_s: float, duration_s: float, seed: int) -> Times:
        """Due times of the warm-up and the measured part, ascending."""


@dataclass(frozen=True)
class ClosedLoop:
    """So many requests in flight at any time."""

    concurrency: int

    @property
    def text(self) -> str:
        """For people."""
        return f"closed loop, {self.concurrency:,} in flight"

    @property
    def label(self) -> str:
        """For tables and charts."""
        return f"{self.concurrency:,} in flight"


@dataclass(frozen=True)
class Steady:
    """One rate. `poisson`: exponential gaps, as many independent clients leave; `constant`: equal ones."""

    rate: float
    arrivals: Arrivals = "poisson"

    @property
    def text(self) -> str:
        """For people."""
        return f"open loop, {_NAMES[self.arrivals]} {rate_text(self.rate)}"

    @property
    def label(self) -> str:
        """For tables and charts."""
        return rate_text(self.rate)

    @property
    def mean_rate(self) -> float:
        """The rate."""
        return self.rate

    def due_ns(self, warmup_s: float, duration_s: float, seed: int) -> Times:
        """From the start to the end of the measured part."""
        length = warmup_s + duration_s
        return _ns(_points(self.arrivals, self.rate * length, seed) / self.rate, length)


@dataclass(frozen=True)
class Ramp:
    """The rate grows (or falls) evenly over the measured part; the warm-up has the first rate."""

    first: float
    last: float
    arrivals: Arrivals = "poisson"

    @property
    def text(self) -> str:
        """For people."""
        return f"open loop, {_NAMES[self.arrivals]} ramp from {rate_text(self.first)} to {rate_text(self.last)}"

    @property
    def label(self) -> str:
        """For tables and charts."""
        return f"{self.first:g} to {rate_text(self.last)}"

    @property
    def mean_rate(self) -> float:
        """The mean of the two rates."""
        return (self.first + self.last) / 2

    def due_ns(self, warmup_s: float, duration_s: float, seed: int) -> Times:
        """The n-th request is due when the rate's integral over time has reached the n-th point of a unit process."""
        expected = self.first * warmup_s + self.mean_rate * duration_s
        points = _points(self.arrivals, expected, seed)
        past = points - self.first * warmup_s  # of the measured part
        growth = (self.last - self.first) / duration_s
        # growth/2 · t² + first · t = past, in the form that loses no digits where growth is small.
        root = np.sqrt(np.maximum(self.first**2 + 2 * growth * past, 0.0))
        measured = warmup_s + 2 * past / (self.first + root)
        return _ns(np.where(past < 0, points / self.first, measured), warmup_s + duration_s)


@dataclass(frozen=True)
class Burst:
    """So many requests at once, so often."""

    count: int
    every_s: float

    @property
    def text(self) -> str:
        """For people."""
        return f"open loop, {self.count:,} at once every {duration_text(self.every_s)}"

    @property
    def label(self) -> str:
        """For tables and charts."""
        return f"{self.count:,} every {duration_text(self.every_s)}"

    @property
    def mean_rate(self) -> float:
        """Requests a second, bursts and pauses together."""
        return self.count / self.every_s

    def due_ns(self, warmup_s: float, duration_s: float, seed: int) -> Times:  # noqa: ARG002 (nothing is left to chance)
        """The first burst is at the very start, and one is where the measured part begins."""
        first = -int(np.floor(warmup_s / self.every_s + 1e-9))
        last = int(np.ceil(duration_s / self.every_s - 1e-9))
        moments = warmup_s + np.arange(first, last, dtype=np.float64) * self.every_s
        return np.repeat(_ns(moments, warmup_s + duration_s), self.count)


@dataclass(frozen=True)
class Replay:
    """Recorded moments. `times_s` ascend from the first request, which is at 0."""

    times_s: Floats = field(repr=False)
    name: str = "trace"

    @property
    def length_s(self) -> float:
        """To the last request."""
        return float(self.times_s[-1])

    @property
    def text(self) -> str:
        """For people."""
        return f"open loop, {len(self.times_s):,} requests as recorded in {self.name}, {rate_text(self.mean_rate)}"

    @property
    def label(self) -> str:
        """For tables and charts."""
        return self.name

    @property
    def mean_rate(self) -> float:
        """Of the recording."""
        return len(self.times_s) / self.length_s if self.length_s else float(len(self.times_s))

    def warmup_count(self, warmup_s: float) -> int:
        """How many requests the warm-up has: as many as the recording has at its beginning in that time."""
        return int(np.searchsorted(self.times_s, warmup_s, side="left"))

    def due_ns(self, warmup_s: float, duration_s: float, seed: int) -> Times:  # noqa: ARG002 (nothing is left to chance)
        """The recording's beginning as warm-up, and then the recording from its start, at most `duration_s` of it."""
        warmup = self.times_s[: self.warmup_count(warmup_s)]
        return _ns(np.concatenate([warmup, warmup_s + self.times_s]), warmup_s + duration_s)


@dataclass(frozen=True)
class AllAtOnce:
    """Every request is due when the measured part begins: MLPerf's Offline."""

    count: int

    @property
    def text(self) -> str:
        """For people."""
        return f"open loop, {self.count:,} at once"

    @property
    def label(self) -> str:
        """For tables and charts."""
        return f"{self.count:,} at once"

    @property
    def mean_rate(self) -> float:
        """How many there are: there is no rate."""
        return float(self.count)

    def due_ns(self, warmup_s: float, duration_s: float, seed: int) -> Times:  # noqa: ARG002 (nothing is left to chance)
        """All of them at the end of the warm-up, in which nothing is asked."""
        return np.full(self.count, round(warmup_s * _NS), dtype=np.int64)


Schedule = ClosedLoop | Steady | Ramp | Burst | Replay | AllAtOnce

_NAMES = {"poisson": "Poisson", "constant": "constant"}


def _points(arrivals: Arrivals, expected: float, seed: int) -> Floats:
    """A point process of rate one: as many points as reach past `expected`."""
    if arrivals == "constant":
        return np.arange(int(np.ceil(expected - 1e-9)), dtype=np.float64)
    generator = np.random.default_rng(seed)
    # Seven standard deviations more than expected; should that not do, go on.
    points = np.cumsum(generator.exponential(size=int(expected + 7 * np.sqrt(expected) + 16)))
    while points[-1] < expected:
        more = np.cumsum(generator.exponential(size=16 + len(points) // 16))
        points = np.concatenate([points, points[-1] + more])
    return points


def _ns(seconds: npt.NDArray[np.floating[Any]], end_s: float) -> Times:
    """Those before the end, in nanoseconds."""
    due = np.round(seconds * _NS).astype(np.int64)
    return due[due < round(end_s * _NS)]
