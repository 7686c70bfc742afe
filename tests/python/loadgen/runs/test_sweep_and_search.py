"""Sweeps, knees and searches, of simulated servers whose capacity is known."""

from __future__ import annotations

from dataclasses import replace

import pytest
from simulated import SimulatedServer, measurement, window

from pyserver_loadgen.goals import Goals
from pyserver_loadgen.measurement import Measurement
from pyserver_loadgen.run import Setting, Until
from pyserver_loadgen.schedules import ClosedLoop, Steady
from pyserver_loadgen.search import CONFIRM_LONGER, PRECISION, Search
from pyserver_loadgen.spellings import read_slo
from pyserver_loadgen.sweep import knee, power, sweep

SETTING = Setting(ClosedLoop(1), duration_s=10, warmup_s=0, seed=1)


class Parallel(SimulatedServer):
    """Serves eight at a time: throughput grows to eight in flight and not beyond."""

    def _closed(self, setting: Setting, concurrency: int) -> Measurement:
        busy = min(concurrency, 8)
        count = int(setting.duration_s / self.service_s * busy)
        return measurement(
            setting, [window(0, setting.duration_s, [concurrency / busy * self.service_s * 1e9] * count)]
        )


def test_a_sweep_measures_every_value_in_turn() -> None:
    taken = sweep(SimulatedServer(), SETTING, [1, 4, 16], lambda value: ClosedLoop(int(value)))
    assert [measured.concurrency for measured in taken] == [1, 4, 16]
    assert len({measured.label for measured in taken}) == 3


def test_a_sweep_ends_with_the_run_that_was_stopped() -> None:
    def stopped_at_two(setting: Setting, until: Until | None = None) -> Measurement:
        measured = SimulatedServer()(setting, until)
        return replace(measured, stopped=measured.concurrency == 2)

    assert len(sweep(stopped_at_two, SETTING, [1, 2, 4], lambda value: ClosedLoop(int(value)))) == 2


def test_the_knee_is_where_throughput_stops_growing() -> None:
    taken = sweep(Parallel(), SETTING, [1, 2, 4, 8, 16, 32], lambda value: ClosedLoop(int(value)))
    assert knee(taken) == 3


def test_the_knee_of_one_queue_is_near_half_of_its_capacity() -> None:
    # M/D/1: mean latency s(1 + r/(2(1-r))); r / latency is greatest at r = 2 - √2 = 0.586.
    rates = [100 * k for k in range(1, 10)]
    longer = replace(SETTING, duration_s=100)
    taken = sweep(SimulatedServer(0.001), longer, rates, Steady)
    assert knee(taken) in (4, 5, 6)
    assert power(taken[5]) > power(taken[0])
    assert power(taken[5]) > power(taken[8])


def test_few_points_and_failures_have_no_knee() -> None:
    good = SimulatedServer()(SETTING)
    bad = Measurement("bad", "simulated", "", 1, [replace(window(0, 1, []), sent=5, failed=5)])
    assert knee([good, good]) is None
    assert knee([bad, bad, bad]) is None


def md1_rate(service_s: float, mean_s: float) -> float:
    """At which the mean latency of M/D/1 is so long: s(1 + r/(2(1-r))) = mean."""
    waiting = mean_s / service_s - 1
    return 2 * waiting / (1 + 2 * waiting) / service_s


@pytest.mark.parametrize("start", [None, 3.0, 50_000.0])
def test_the_search_finds_the_rate_that_theory_gives(start: float | None) -> None:
    # A mean of 3 ms where the service takes 1 ms: 800/s.
    found = Search(
        SimulatedServer(0.001), replace(SETTING, duration_s=60), Goals([read_slo("mean=3ms")]), start=start
    )()
    assert md1_rate(0.001, 0.003) == pytest.approx(800)
    assert found.rate == pytest.approx(800, rel=0.06)
    assert all(verdict.met for verdict in found.verdicts)


def test_every_step_is_reported_with_what_it_decided() -> None:
    found = Search(SimulatedServer(0.001), SETTING, Goals([read_slo("p99=20ms")]))()
    assert found.found == len(found.measurements) - 1
    decided = [measured.label.split("/s ")[1] for measured in found.measurements]
    assert {"met", "missed"} == set(decided[:-1]) - {"not confirmed"}
    assert decided[-1] == "confirmed"
    assert found.measurements[2].label.startswith("3: ")
    assert "closed loop" in found.notes[0]


def test_the_interval_is_narrowed_to_its_precision() -> None:
    found = Search(SimulatedServer(0.001), SETTING, Goals([read_slo("p99=1s")]))()
    met = [m.rate or 0 for m in found.measurements if m.label.endswith(" met")]
    missed = [m.rate or 0 for m in found.measurements if m.label.endswith(" missed")]
    assert min(rate for rate in missed if rate > max(met)) / max(met) <= 1 + PRECISION


def test_what_is_found_was_confirmed_by_a_longer_run() -> None:
    server = SimulatedServer(0.001)
    Search(server, SETTING, Goals([read_slo("p50=5ms")]))()
    longest = server.settings[-1]
    assert longest.duration_s == pytest.approx(CONFIRM_LONGER * SETTING.duration_s)


def test_a_rate_that_the_long_run_does_not_confirm_is_not_told() -> None:
    server = SimulatedServer(0.001)

    def fails_when_long(setting: Setting, until: Until | None = None) -> Measurement:
        measured = server(setting, until)
        if setting.duration_s > 20 and (measured.rate or 0) > 600:
            return replace(measured, windows=[replace(measured.windows[0], failed=1)])
        return measured

    found = Search(fails_when_long, SETTING, Goals([read_slo("p99=20ms")]))()
    assert found.rate is None or found.rate <= 600


def test_a_moments_disturbance_does_not_decide() -> None:
    quiet = SimulatedServer(0.001)

    def disturbed(setting: Setting, until: Until | None = None) -> Measurement:
        measured = quiet(setting, until)
        if len(quiet.settings) != 2:  # the first step of the search, at half of the capacity
            return measured
        late = window(0, setting.duration_s, [1e9] * measured.succeeded)
        return measurement(setting, [late])

    found = Search(disturbed, SETTING, Goals([read_slo("p99=50ms")]))()
    labels = [measured.label.split(": ")[1] for measured in found.measurements]
    assert labels[:2] == ["500/s missed", "500/s met"]
    assert found.rate == pytest.approx(950, rel=0.1)


def test_a_lenient_limit_does_not_hide_that_the_server_falls_behind() -> None:
    # In ten seconds at 1,050/s the queue grows to half a second only: the limit of ten seconds is met, the load is not.
    found = Search(SimulatedServer(0.001), replace(SETTING, duration_s=10), Goals([read_slo("max=10s")]))()
    assert found.rate == pytest.approx(1000, rel=0.06)


def test_steps_at_low_rates_are_long_enough_for_their_percentile() -> None:
    server = SimulatedServer(0.2)
    Search(server, SETTING, Goals([read_slo("p99=10s")]), start=2)()
    assert server.settings[0].duration_s == 60  # ten answers beyond p99 would take 500 s: six times is the limit


def test_goals_that_no_rate_meets_end_the_search() -> None:
    found = Search(SimulatedServer(0.01), SETTING, Goals([read_slo("p50=1ms")]))()
    assert found.rate is None
    assert not found.verdicts[0].met
    assert found.verdicts[0].got == "no rate meets the goals"


def test_a_server_that_never_answers_ends_the_search_at_once() -> None:
    def dead(setting: Setting, until: Until | None = None) -> Measurement:  # noqa: ARG001
        return measurement(setting, [replace(window(0, 1, []), sent=9, failed=9)])

    found = Search(dead, SETTING, Goals([read_slo("p50=1ms")]))()
    assert found.measurements == []
    assert "no request was answered" in found.verdicts[0].got


def test_a_stopped_search_ends_with_its_steps() -> None:
    server = SimulatedServer(0.001)

    def stops(setting: Setting, until: Until | None = None) -> Measurement:
        return replace(server(setting, until), stopped=len(server.settings) == 4)

    found = Search(stops, SETTING, Goals([read_slo("p99=20ms")]))()
    assert len(server.settings) == 4
    assert found.rate is None
    assert found.verdicts[0].got == "the search was stopped"
