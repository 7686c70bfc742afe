"""The reported figures against a server whose delays are known: to 2 %.

Beside theory stands a witness: the server's record says when a request came, and when the client had read its answer,
both by the kernel's clock. What the machine adds to a delay (it wakes threads late, and virtual ones stand still now
and then) is in both, the load generator's figures and the record. Real-time priority, where that is allowed (root),
keeps it small; each test has three tries.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import numpy.typing as npt
import pytest
from asked_server import Record, StartDelayServer

from pyserver_loadgen.measurement import Measurement
from pyserver_loadgen.run import Setting
from pyserver_loadgen.schedules import ClosedLoop, Steady

TRIES = 3
WITHIN = 0.02

Seconds = npt.NDArray[np.float64]


def repeated(attempt: Callable[[], None]) -> None:
    for left in reversed(range(TRIES)):
        try:
            attempt()
        except AssertionError as error:  # noqa: PERF203 (three times at most)
            if not left:
                raise
            print(f"once more: {error}")
        else:
            return


def witnessed(record: Record, schedule: ClosedLoop | Steady, duration_s: float) -> Seconds:
    """How long the requests took by the server's record: open loop, from when they were due."""
    begun = record["came"]
    if isinstance(schedule, Steady):
        due = schedule.due_ns(0, duration_s, 0)
        # The least late of them tells when the run began.
        begun = due + (record["came"] - due).min()
    told = record["seen"] > 0
    assert told[:-1].all(), "all but the last, after which the client leaves"
    return np.asarray((record["seen"] - begun)[told] / 1e9)


def taken_s(record: Record) -> Seconds:
    return np.asarray(record["taken"] / 1e9)


def check_percentiles(measured: Measurement, expected: Seconds, percentiles: tuple[float, ...]) -> None:
    assert not measured.errors
    assert measured.sent == measured.succeeded
    assert len(expected) >= measured.sent - 1
    for percentile in percentiles:
        wanted = float(np.percentile(expected, percentile, method="inverted_cdf"))
        got = measured.latency.percentile(percentile)
        print(f"{measured.schedule}: p{percentile:g} {got * 1e3:.3f} ms, expected {wanted * 1e3:.3f} ms")
        assert got == pytest.approx(wanted, rel=WITHIN), f"p{percentile:g}"


@pytest.mark.parametrize("schedule", [ClosedLoop(1), Steady(100, "constant")], ids=["closed", "open"])
def test_a_fixed_delay(start_delay_server: StartDelayServer, schedule: ClosedLoop | Steady) -> None:
    server = start_delay_server("fixed", 0.005)

    def attempt() -> None:
        measured, record = server.measure(Setting(schedule, duration_s=5, warmup_s=0))
        check_percentiles(measured, witnessed(record, schedule, 5), (50, 90, 99))
        assert np.median(taken_s(record)) == pytest.approx(0.005, rel=WITHIN)

    repeated(attempt)


def test_a_fixed_delay_with_many_in_flight(start_delay_server: StartDelayServer) -> None:
    server = start_delay_server("fixed", 0.005)

    def attempt() -> None:
        measured, record = server.measure(Setting(Steady(800), duration_s=5, warmup_s=0))
        check_percentiles(measured, witnessed(record, Steady(800), 5), (50, 90, 99))
        # Little's law: so many at a time are in flight, and so the closed loop of as many has the same rate.
        in_flight = measured.throughput * measured.latency.mean_s
        assert in_flight == pytest.approx(800 * 0.005, rel=0.1)

    repeated(attempt)


def test_a_mix_of_quick_and_slow(start_delay_server: StartDelayServer) -> None:
    server = start_delay_server("mix", 0.001, 0.050, 0.2)

    def attempt() -> None:
        measured, record = server.measure(Setting(ClosedLoop(1), duration_s=8, warmup_s=0))
        # Four fifths are quick: p50 is of these, p90 and p99 of the slow ones.
        check_percentiles(measured, witnessed(record, ClosedLoop(1), 8), (50, 90, 99))
        slow = 1 - measured.latency.fraction_within(0.025)
        assert slow == pytest.approx(float((taken_s(record) > 0.025).mean()), abs=1e-9)

    repeated(attempt)


def test_a_mix_in_an_open_loop_has_the_known_shares(start_delay_server: StartDelayServer) -> None:
    server = start_delay_server("mix", 0.001, 0.050, 0.2)

    def attempt() -> None:
        measured, record = server.measure(Setting(Steady(300), duration_s=5, warmup_s=0))
        assert measured.latency.percentile(75) < 0.01
        assert measured.latency.percentile(85) == pytest.approx(0.050, rel=WITHIN)
        assert measured.latency.percentile(99) == pytest.approx(0.050, rel=WITHIN)
        assert (taken_s(record) > 0.025).mean() == pytest.approx(0.2, abs=0.04)

    repeated(attempt)


def test_a_stall_in_an_open_loop_shows_in_the_percentiles(start_delay_server: StartDelayServer) -> None:
    """Of ten seconds the server answers nothing for one: a tenth of the requests waits 0 to 1 s, evenly.

    So p(90 + x) is x tenths of a second: p95 0.5 s, p99 0.9 s, p99.9 0.99 s.
    """
    server = start_delay_server("stall", 5, 1)

    def attempt() -> None:
        measured, _ = server.measure(Setting(Steady(200, "constant"), duration_s=10, warmup_s=0))
        assert measured.sent == measured.succeeded == 2000
        assert measured.latency.percentile(50) < 0.005
        for percentile, expected in ((92, 0.2), (95, 0.5), (99, 0.9), (99.9, 0.99)):
            got = measured.latency.percentile(percentile)
            print(f"p{percentile:g} {got:.4f} s, expected {expected} s")
            # A request more or less is five milliseconds.
            assert got == pytest.approx(expected, rel=WITHIN, abs=0.005), f"p{percentile:g}"
        assert measured.latency.max_s == pytest.approx(1.0, rel=WITHIN)

    repeated(attempt)


def test_the_same_stall_hides_in_a_closed_loop(start_delay_server: StartDelayServer) -> None:
    # Why an open loop is needed: only the one request that was in flight has seen the stall.
    server = start_delay_server("stall", 1, 1)
    measured, _ = server.measure(Setting(ClosedLoop(1), duration_s=3, warmup_s=0))
    assert measured.latency.max_s == pytest.approx(1.0, rel=WITHIN)
    assert measured.latency.percentile(99) < 0.01
