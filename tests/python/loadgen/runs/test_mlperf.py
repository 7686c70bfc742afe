"""The scenarios and their rules, against the constants of MLPerf's documents and simulated servers."""

from __future__ import annotations

from dataclasses import replace

import pytest
from simulated import SimulatedServer

from pyserver_loadgen.early_stopping import estimated_percentile, least_queries, most_overlong
from pyserver_loadgen.measurement import Measurement
from pyserver_loadgen.mlperf import MIN_DURATION_S, Outcome, measure_scenario
from pyserver_loadgen.run import Setting, Until, plan_of
from pyserver_loadgen.schedules import AllAtOnce, ClosedLoop, Steady
from pyserver_loadgen.spellings import read_slo

FULL = Setting(ClosedLoop(1), duration_s=MIN_DURATION_S, warmup_s=0, seed=1)


def test_early_stopping_has_the_numbers_of_loadgen() -> None:
    # 64 and 662 are MLPerf's least query counts for p90 and p99; 459 queries without an overlong one show p99.
    assert (least_queries(1, 0.9), least_queries(1, 0.99), least_queries(0, 0.99)) == (64, 662, 459)
    assert most_overlong(63, 0.9) == 0
    assert most_overlong(43, 0.9) == -1
    assert most_overlong(44, 0.9) == 0


@pytest.mark.parametrize("queries", [64, 1000, 270_336])
def test_the_most_overlong_and_the_least_queries_are_inverse(queries: int) -> None:
    allowed = most_overlong(queries, 0.9)
    assert least_queries(allowed, 0.9) <= queries < least_queries(allowed + 1, 0.9)


def test_the_estimate_nears_the_percentile_with_more_queries() -> None:
    assert estimated_percentile(63, 0.9) is None
    assert estimated_percentile(64, 0.9) == 100
    assert estimated_percentile(1_000_000, 0.9) == pytest.approx(90, abs=0.1)


def outcome(scenario: str, setting: Setting = FULL, service_s: float = 0.01, **options: object) -> Outcome:
    return measure_scenario(SimulatedServer(service_s), setting, scenario, **options)  # type: ignore[arg-type]


def test_single_stream_tells_the_90th_percentile() -> None:
    told = outcome("single-stream")
    assert told.notes[0] == "SingleStream: p90 latency 9.99 ms (early-stopping estimate)"
    assert told.verdicts[0].got == "VALID"
    assert told.measurements[0].concurrency == 1


def test_a_short_run_is_invalid_and_says_why() -> None:
    told = outcome("single-stream", replace(FULL, duration_s=10))
    assert told.verdicts[0].got == "INVALID: duration"
    assert not told.verdicts[0].met
    few = outcome("single-stream", replace(FULL, duration_s=0.5))
    assert few.verdicts[0].got == "INVALID: duration, queries for early stopping"
    assert "early-stopping estimate" not in few.notes[0]


def test_multi_stream_asks_for_eight_samples_a_query() -> None:
    assert outcome("multi-stream", samples=8).verdicts[0].got == "VALID"
    assert outcome("multi-stream", samples=1).verdicts[0].got == "INVALID: samples a query"
    assert outcome("multi-stream", samples=8, service_s=1.0).verdicts[0].got.startswith("INVALID: queries")


def test_server_at_a_rate_is_judged_by_its_99th_percentile() -> None:
    slo = read_slo("p99=100ms")
    good = outcome("server", slo=slo, rate=50.0)
    assert good.verdicts[0].got == "VALID"
    assert good.notes[0].startswith("Server: 50/s with p99 ")
    assert outcome("server", slo=slo, rate=99.0).verdicts[0].got.startswith("INVALID: p99 within 100 ms")


def test_server_without_a_rate_searches_and_confirms_for_the_full_time() -> None:
    server = SimulatedServer(0.01)
    told = measure_scenario(server, FULL, "server", slo=read_slo("p99=100ms"))
    assert told.verdicts[0].got == "VALID"
    confirmed = told.measurements[told.found or 0]
    assert confirmed.duration_s == pytest.approx(MIN_DURATION_S, rel=0.01)
    # M/D/1 has so long a 99th percentile at 80/s.
    assert confirmed.rate == pytest.approx(80, rel=0.1)
    assert isinstance(server.settings[-1].schedule, Steady)


def test_server_without_a_limit_is_refused() -> None:
    with pytest.raises(ValueError, match="limit for p99"):
        outcome("server")


def test_offline_sends_all_at_once_and_tells_samples_a_second() -> None:
    server = SimulatedServer(0.01)
    told = measure_scenario(server, FULL, "offline", samples=4)
    assert told.verdicts[0].got == "VALID"
    assert told.notes[0] == "Offline: 400 samples/s"
    assert isinstance(server.settings[-1].schedule, AllAtOnce)
    assert server.settings[-1].schedule.count == 66_000
    assert server.settings[-1].drain_s > MIN_DURATION_S
    # A server's queue is not as long as all samples are: the others wait in the generator.
    assert plan_of(server.settings[-1])["max_in_flight"] == 256


def test_a_short_offline_run_is_invalid() -> None:
    told = outcome("offline", replace(FULL, duration_s=5))
    assert told.verdicts[0].got == "INVALID: duration, samples"


def test_errors_make_every_scenario_invalid() -> None:
    server = SimulatedServer(0.01)

    def failing(setting: Setting, until: Until | None = None) -> Measurement:
        measured = server(setting, until)
        broken = replace(measured.windows[0], sent=measured.windows[0].sent + 1, failed=1, errors={"UNAVAILABLE": 1})
        return replace(measured, windows=[broken, *measured.windows[1:]])

    for scenario in ("single-stream", "offline"):
        told = measure_scenario(failing, FULL, scenario)  # type: ignore[arg-type]
        assert "errors" in told.verdicts[0].got


def test_samples_are_drawn_at_random() -> None:
    server = SimulatedServer(0.01)
    measure_scenario(server, FULL, "single-stream")
    assert server.settings[0].random_bodies
