"""Measurements in rounds, with the project's own load generator, and what they come to.

In each round every point is measured once, in turns (A B C A B C …), so that what else the machine does falls upon
all of them. Every answer's status is read; a benchmark in which one request fails has no figures. Answers themselves
are compared before, by `check_answers`, so that comparing costs the figures nothing.
"""

from __future__ import annotations

import math
import sys
import time
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from functools import cached_property
from statistics import median
from typing import Any

from pyserver_loadgen.histogram import Histogram
from pyserver_loadgen.measurement import Measurement, ServerUse
from pyserver_loadgen.run import Runner, Setting
from pyserver_loadgen.schedules import ClosedLoop
from pyserver_loadgen.subjects import Asked, prepare_server

# So many answers must be as slow as a percentile or slower, or it is a guess.
_LEAST_BEYOND = 1
NO_P99 = "A p99 of fewer than 100 answers is left out."
_CHECKED = 500
_CHECKED_IN_FLIGHT = 8
_MOST_CHECKING_S = 3.0


class OwnProcess:
    """A `Watch` for what is measured in this process: its CPU time, the load generator's included."""

    def __init__(self) -> None:
        self._began_s = 0.0

    def begin(self) -> None:
        self._began_s = time.process_time()

    def poll(self) -> None:
        pass

    def end(self) -> ServerUse:
        return ServerUse(cpu_s=time.process_time() - self._began_s)


@dataclass(frozen=True)
class Point:
    """One setting of one subject; no two have the same name."""

    name: str
    run: Runner
    setting: Setting


@dataclass(frozen=True)
class Taken:
    """All rounds of one point."""

    rounds: list[Measurement]

    @cached_property
    def latency(self) -> Histogram:
        """Of the answers of all rounds."""
        return Histogram.merged(measured.latency for measured in self.rounds)

    @property
    def answers(self) -> int:
        return sum(measured.succeeded for measured in self.rounds)

    @property
    def per_second(self) -> float:
        """The rounds' median."""
        return median(self.each("throughput"))

    @property
    def server_cpu_s(self) -> float:
        """For one answer; NaN where it is not known."""
        spent = [measured.server.cpu_s for measured in self.rounds if measured.server and measured.server.cpu_s]
        return sum(spent) / self.answers if len(spent) == len(self.rounds) and self.answers else math.nan

    @property
    def server_cores(self) -> float:
        """That the server kept busy."""
        return self.server_cpu_s * self.answers / sum(self.each("duration_s"))

    @property
    def client_cpu_s(self) -> float:
        """Of the load generator's threads, for one answer."""
        return sum(self.each("client_cpu_s")) / self.answers if self.answers else math.nan

    @property
    def mean_batch(self) -> float:
        """Rows executed together, as the server counts them: the rounds' median; NaN where it does not tell."""
        told = [
            measured.server.mean_batch for measured in self.rounds if measured.server and measured.server.mean_batch
        ]
        return median(told) if told else math.nan

    def each(self, measure: str) -> list[float]:
        """A measure of every round."""
        return [getattr(measured, measure) for measured in self.rounds]

    def percentile(self, p: float) -> float:
        """In seconds; NaN where there are too few answers to know it."""
        return self.latency.percentile(p) if self.answers * (1 - p / 100) >= _LEAST_BEYOND else math.nan

    def figures(self) -> dict[str, Any]:
        """For JSON; null is what is not known."""
        first = self.rounds[0]
        return {
            "schedule": first.schedule,
            "connections": first.connections,
            "request_bytes_each": sum(self.each("request_bytes")) / max(sum(self.each("sent")), 1),
            "answers": self.answers,
            "per_second": known(self.per_second),
            "latency_s": {
                "mean": known(self.latency.mean_s),
                **{f"p{p:g}": known(self.percentile(p)) for p in (50.0, 90.0, 99.0, 99.9)},
                "max": known(self.latency.max_s),
            },
            "server_cpu_s_per_answer": known(self.server_cpu_s),
            "server_cores": known(self.server_cores),
            "client_cpu_s_per_answer": known(self.client_cpu_s),
            "mean_batch": known(self.mean_batch),
            "rounds": [_round(measured) for measured in self.rounds],
        }


def check_answers(address: str, asked: Asked, tolerance: float = 0.0) -> None:
    """Asks the same alone and then several at a time: SystemExit where answers differ, because a batch mixed them up.

    `tolerance`: how far numbers may be off; engines add in another order when they batch.
    """
    with ExitStack() as stack:
        checked = prepare_server(address, replace(asked, expect="first", tolerance=tolerance), stack)
        loop = ClosedLoop(_CHECKED_IN_FLIGHT)
        setting = Setting(loop, duration_s=_MOST_CHECKING_S, warmup_s=0.0, max_requests=_CHECKED)
        measured = Runner(checked.subject)(setting)
    if measured.failed or not measured.succeeded:
        raise SystemExit(f"{asked.model} answers wrongly: {measured.errors}, {measured.error_examples}")


def in_turns(points: Sequence[Point], rounds: int, title: str) -> dict[str, Taken]:
    """By the points' names. SystemExit where a request fails, and on Ctrl-C."""
    taken: dict[str, list[Measurement]] = {point.name: [] for point in points}
    for number in range(1, rounds + 1):
        print(f"{title}: round {number} of {rounds}", file=sys.stderr, flush=True)
        for point in points:
            measured = point.run(replace(point.setting, label=point.name, seed=number))
            if measured.stopped:
                raise SystemExit("interrupted")
            if measured.failed:
                raise SystemExit(f"{title}, {point.name}: expected answers to all requests, got {measured.errors}")
            if not measured.succeeded:
                raise SystemExit(f"{title}, {point.name}: nothing was sent after the warm-up: give more --seconds")
            taken[point.name].append(measured)
    return {name: Taken(measurements) for name, measurements in taken.items()}


def known(value: float) -> float | None:
    """JSON has no NaN."""
    return value if math.isfinite(value) else None


def text(value: float, form: str, factor: float = 1.0) -> str:
    """For a table: nothing where it is not known."""
    return format(value * factor, form) if math.isfinite(value) else ""


def _round(measured: Measurement) -> dict[str, Any]:
    use = measured.server or ServerUse()
    return {
        "per_second": known(measured.throughput),
        "answers": measured.succeeded,
        "duration_s": measured.duration_s,
        "p50_s": known(measured.latency.percentile(50)),
        "p99_s": known(measured.latency.percentile(99)),
        "server_cpu_s": use.cpu_s,
        "server_rss_bytes": use.rss_bytes,
        "mean_batch": use.mean_batch,
        "queue_us": use.queue_us,
        "client_cpu_s": measured.client_cpu_s,
    }
