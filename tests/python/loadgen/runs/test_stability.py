"""Stable is told of what is stable, and of nothing else."""

from __future__ import annotations

import pytest
from simulated import SimulatedServer, scripted

from pyserver_loadgen.run import Setting
from pyserver_loadgen.schedules import ClosedLoop, Steady
from pyserver_loadgen.stability import Stable, stability_verdict

SETTING = Setting(ClosedLoop(1), duration_s=1.0, window_s=1.0)


def test_three_windows_that_agree_end_the_run() -> None:
    asked: list[Setting] = []
    run = scripted([(1000, 0.001)] * 10)

    def watched(setting, until=None):  # type: ignore[no-untyped-def]
        asked.append(setting)
        return run(setting, until)

    measured = Stable(watched)(SETTING)
    assert measured.stable
    assert len(measured.windows) == 3
    assert asked[0].duration_s == 10
    assert stability_verdict(measured).got == "stable after 3 windows of 1 s"


def test_what_comes_to_rest_is_measured_where_it_rests() -> None:
    measured = Stable(scripted([(200, 0.01), (600, 0.003), (1000, 0.001), (1010, 0.001), (990, 0.001), (5, 1)]))(
        SETTING
    )
    assert measured.stable
    assert measured.throughput == pytest.approx(1000)
    assert measured.duration_s == 3


@pytest.mark.parametrize(
    "figures",
    [
        [(1000 + 200 * (k % 2), 0.001) for k in range(10)],  # throughput to and fro
        [(1000, 0.001 * 1.2**k) for k in range(10)],  # latency grows
    ],
)
def test_what_does_not_come_to_rest_is_unstable_and_says_how(figures: list[tuple[float, float]]) -> None:
    verdict = stability_verdict(measured := Stable(scripted(figures))(SETTING))
    assert measured.stable is False
    assert not verdict.met
    assert "unstable after 10 windows of 1 s" in verdict.got


def test_an_overloaded_open_loop_is_not_stable() -> None:
    # Each window on its own has the same throughput: only the load that is never taken off shows the growing queue.
    server = SimulatedServer(service_s=0.001)
    assert Stable(server)(Setting(Steady(1300), duration_s=2, warmup_s=0)).stable is False
    assert len(server.settings) == 1
    assert Stable(server)(Setting(Steady(500), duration_s=20, warmup_s=0)).stable


def test_windows_are_grouped_to_the_length_that_was_asked_for() -> None:
    measured = Stable(scripted([(900 + 200 * (k % 2), 0.001) for k in range(60)]))(
        Setting(ClosedLoop(1), duration_s=2.0, window_s=1.0)
    )
    assert measured.stable  # every two windows together are alike
    assert len(measured.windows) == 6
