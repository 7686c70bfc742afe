"""What the options of `pyserver bench` choose, and what they refuse."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from pyserver.errors import ConfigError
from pyserver_loadgen.choice import Wishes, choose, with_trace
from pyserver_loadgen.schedules import Burst, ClosedLoop, Ramp, Replay, Steady


def test_nothing_said_is_a_closed_loop_of_eight_for_ten_seconds() -> None:
    choice = choose(Wishes())
    assert (choice.kind, choice.setting.schedule) == ("single", ClosedLoop(8))
    assert (choice.setting.duration_s, choice.setting.warmup_s) == (10, 1)


@pytest.mark.parametrize(
    ("wishes", "schedule"),
    [
        ({"concurrency": "3"}, ClosedLoop(3)),
        ({"rate": "20"}, Steady(20, "poisson")),
        ({"rate": "20", "arrivals": "constant"}, Steady(20, "constant")),
        ({"ramp": "1:9"}, Ramp(1, 9, "poisson")),
        ({"burst": "50@1s"}, Burst(50, 1.0)),
        ({"rate": "20", "slos": ["p99=1s"]}, Steady(20, "poisson")),
    ],
)
def test_one_schedule_is_one_measurement(wishes: dict[str, Any], schedule: object) -> None:
    choice = choose(Wishes(**wishes))
    assert (choice.kind, choice.setting.schedule) == ("single", schedule)


def test_several_values_are_a_sweep() -> None:
    choice = choose(Wishes(concurrency="1:8:x2"))
    assert (choice.kind, choice.values) == ("sweep", [1, 2, 4, 8])
    assert choice.schedule is not None
    assert choice.schedule(4) == ClosedLoop(4)
    rates = choose(Wishes(rate="5,7", arrivals="constant"))
    assert rates.schedule is not None
    assert rates.schedule(7) == Steady(7, "constant")


def test_a_limit_without_a_schedule_is_a_search() -> None:
    choice = choose(Wishes(slos=["p99=15ms", "mean=5ms"]))
    assert choice.kind == "search"
    assert [slo.text for slo in choice.slos] == ["p99=15ms", "mean=5ms"]


def test_two_targets_are_a_comparison() -> None:
    assert choose(Wishes(rate="5", two_targets=True)).kind == "compare"


def test_two_targets_are_compared_over_a_sweep_as_well() -> None:
    choice = choose(Wishes(concurrency="1:4:x2", two_targets=True))
    assert (choice.kind, list(choice.values)) == ("compare", [1, 2, 4])


def test_scenarios_last_ten_minutes_unless_told_otherwise() -> None:
    assert choose(Wishes(scenario="offline")).setting.duration_s == 600
    assert choose(Wishes(scenario="single-stream", duration="5s")).setting.duration_s == 5
    server = choose(Wishes(scenario="server", slos=["p99=15ms"], rate="100"))
    assert (server.kind, server.scenario, server.rate) == ("mlperf", "server", 100)


def test_a_number_of_requests_ends_the_run_and_not_the_time() -> None:
    assert choose(Wishes(requests=100)).setting.duration_s == 3600
    # Arrivals are made before: twice as many as are wanted are enough.
    assert choose(Wishes(requests=100, rate="10")).setting.duration_s == 30
    assert choose(Wishes(requests=100, duration="2s")).setting.duration_s == 2
    assert choose(Wishes(requests=100, ramp="1:5")).setting.duration_s == 10


def test_a_trace_is_replayed_whole_or_as_long_as_said() -> None:
    times = np.array([0, 10**9, 5 * 10**9])
    order = np.array([0, 1, 0], np.int32)
    whole = with_trace(choose(Wishes(trace=True)), times, order, "t.jsonl", whole=True)
    assert isinstance(whole.setting.schedule, Replay)
    assert len(whole.setting.schedule.due_ns(0, whole.setting.duration_s, 0)) == 3
    part = with_trace(choose(Wishes(trace=True, duration="2s")), times, order, "t.jsonl", whole=False)
    assert len(part.setting.schedule.due_ns(0, part.setting.duration_s, 0)) == 2  # type: ignore[union-attr]
    assert part.setting.bodies is order


@pytest.mark.parametrize(
    ("wishes", "message"),
    [
        ({"rate": "1", "concurrency": "1"}, "--concurrency and --rate are two schedules"),
        ({"trace": True, "ramp": "1:2"}, "--ramp and --trace are two schedules"),
        ({"arrivals": "uniform"}, "--arrivals 'uniform': expected poisson, constant"),
        ({"concurrency": "1.5"}, "expected whole numbers"),
        ({"concurrency": "99999999999"}, "--concurrency '99999999999': expected whole numbers of at most 1,000,000"),
        ({"rate": "1e12"}, "open loop, Poisson 1,000,000,000,000/s: 1.1e.13 requests in 11 s, expected at most"),
        ({"rate": "100,1e12"}, "1.1e.13 requests in 11 s, expected at most"),
        ({"burst": "99999999999@1s"}, "requests in 11 s, expected at most 100,000,000"),
        ({"burst": "5@1ns"}, "requests in 11 s, expected at most 100,000,000"),
        ({"requests": 10**20}, "--requests 100000000000000000000: expected at most"),
        ({"duration": "1000000h"}, "--duration '1000000h': expected at most 30 days"),
        ({"warmup": "1e9h"}, "--warmup '1e9h': expected"),
        ({"duration": "0s"}, "--duration: expected more than 0"),
        ({"timeout": "0s"}, "--timeout: expected more than 0"),
        ({"duration": "soon"}, "--duration 'soon': expected a duration"),
        ({"threads": 2}, "a thread needs a connection of its own"),
        ({"rounds": 0}, "--rounds 0: expected at least 1"),
        ({"stable": True, "ramp": "1:2"}, "--stable needs a load that stays the same"),
        ({"stable": True, "requests": 5}, "--stable needs a load that stays the same"),
        ({"scenario": "offline", "rate": "5"}, "has its own schedule: --rate"),
        ({"scenario": "offline", "slos": ["p99=1s"]}, "--slo does not go with it"),
        ({"scenario": "server"}, "expected one limit for p99"),
        ({"scenario": "server", "slos": ["p50=1s"]}, "expected one limit for p99"),
        ({"scenario": "server", "slos": ["p99=1s"], "rate": "1,2"}, "expected one --rate"),
        ({"scenario": "offline", "stable": True}, "--stable does not go with it"),
        ({"scenario": "best"}, "--scenario 'best': expected single-stream, multi-stream, server, offline"),
        ({"scenario": "offline", "two_targets": True}, "compares at one setting or sweep"),
        ({"slos": ["p99=1s"], "two_targets": True}, "compares at one setting"),
        ({"two_targets": True, "compare": True}, "two comparisons"),
        ({"concurrency": "1,2", "compare": True}, "--compare compares at one setting"),
    ],
)
def test_what_does_not_go_together_is_told(wishes: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        choose(Wishes(**wishes))
