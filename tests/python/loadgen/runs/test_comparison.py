"""A against B, with differences that are known."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from simulated import measurement, window

from pyserver_loadgen.comparison import alternate, alternate_over, compare_rounds, compare_saved, compare_sweep
from pyserver_loadgen.measurement import Comparison, ComparisonRow, Measurement, ServerUse
from pyserver_loadgen.run import Setting, Until
from pyserver_loadgen.schedules import ClosedLoop
from pyserver_loadgen.spellings import read_slo

SETTING = Setting(ClosedLoop(1), duration_s=10)


class Noisy:
    """Some throughput, off by a few percent each time, and latencies that are its inverse."""

    def __init__(self, throughput: float, order: list[str], name: str, seed: int) -> None:
        self._throughput = throughput
        self._order = order
        self._name = name
        self._numbers = np.random.default_rng(seed)

    def __call__(self, setting: Setting, until: Until | None = None) -> Measurement:  # noqa: ARG002
        self._order.append(self._name)
        windows = []
        for second in range(10):
            count = int(self._throughput * self._numbers.normal(1, 0.02))
            windows.append(window(second, 1, np.full(count, 1e9 / count)))
        return replace(measurement(setting, windows), server=ServerUse(cpu_s=2.0), client_cpu_s=0.5)


def row(comparison: Comparison, measure: str) -> ComparisonRow:
    return next(row for row in comparison.rows if row.measure == measure)


def rounds(a: float, b: float, count: int = 4) -> tuple[list[Measurement], list[Measurement], list[str]]:
    order: list[str] = []
    taken = alternate((Noisy(a, order, "A", 1), Noisy(b, order, "B", 2)), SETTING, count)
    return *taken, order


def test_two_targets_are_measured_in_turns() -> None:
    a, b, order = rounds(1000, 1000, 3)
    assert order == list("ABABAB")
    assert [measured.label for measured in a + b] == ["A 1", "A 2", "A 3", "B 1", "B 2", "B 3"]


def test_over_a_sweep_two_targets_are_measured_in_turns_at_every_setting() -> None:
    order: list[str] = []
    runs = (Noisy(1000, order, "A", 1), Noisy(1500, order, "B", 2))
    taken = alternate_over(runs, SETTING, [1, 8], lambda count: ClosedLoop(int(count)), 3)
    assert order == list("ABABAB" * 2)
    assert [measured.label for measured in taken[1].a] == [f"A {n}, 8 in flight" for n in (1, 2, 3)]
    comparison = compare_sweep(taken)
    assert [(point.setting, point.rounds) for point in comparison.points] == [("1 in flight", 3), ("8 in flight", 3)]
    assert (comparison.rows, comparison.rounds) == ([], 3)
    throughput = comparison.points[1].row("throughput")
    assert throughput is not None
    assert throughput.ratio_low < 1.5 < throughput.ratio_high
    assert throughput.better == "b"


def test_no_two_rounds_of_a_sweep_have_the_same_arrivals() -> None:
    seeds: list[int] = []

    def run(setting: Setting, until: Until | None = None) -> Measurement:  # noqa: ARG001
        seeds.append(setting.seed)
        return measurement(setting, [window(0, 1, [1e6])])

    alternate_over((run, run), SETTING, [1, 2], lambda count: ClosedLoop(int(count)), 2)
    assert seeds == [0, 0, 1, 1, 2, 2, 3, 3]


def test_a_sweep_that_was_stopped_compares_the_settings_that_were_measured() -> None:
    asked = 0

    def run(setting: Setting, until: Until | None = None) -> Measurement:  # noqa: ARG001
        nonlocal asked
        asked += 1
        return replace(measurement(setting, [window(0, 1, [1e6] * 100)]), stopped=asked == 6)

    taken = alternate_over((run, run), SETTING, [1, 2, 4], lambda count: ClosedLoop(int(count)), 2)
    assert asked == 6
    assert [(point.setting, point.rounds) for point in compare_sweep(taken).points] == [
        ("1 in flight", 2),
    ]


def test_a_difference_is_shown_with_an_interval_around_it() -> None:
    a, b, _ = rounds(1000, 1500)
    comparison = compare_rounds(a, b)
    throughput = row(comparison, "throughput")
    assert throughput.ratio_low < 1.5 < throughput.ratio_high
    assert throughput.ratio == pytest.approx(1.5, rel=0.03)
    assert (throughput.better, row(comparison, "p99 latency").better) == ("b", "b")
    assert row(comparison, "mean latency").ratio == pytest.approx(1 / 1.5, rel=0.03)
    assert row(comparison, "server CPU per answer").better == "b"


def test_no_difference_is_claimed_where_there_is_none() -> None:
    a, b, _ = rounds(1000, 1000)
    assert row(compare_rounds(a, b), "throughput").better == "no difference shown"


def test_one_round_gives_ratios_and_no_claim() -> None:
    a, b, _ = rounds(1000, 2000, 1)
    comparison = compare_rounds(a, b)
    assert row(comparison, "throughput").ratio == pytest.approx(2, rel=0.05)
    assert {one.better for one in comparison.rows} == {"no difference shown"}
    assert "no confidence interval" in comparison.notes[0]


def test_a_round_that_was_stopped_is_left_out() -> None:
    a, b, _ = rounds(1000, 1000, 3)
    comparison = compare_rounds(a, [*b[:2], replace(b[2], stopped=True)])
    assert comparison.rounds == 2


def test_measures_that_one_side_does_not_know_have_no_row() -> None:
    a, b, _ = rounds(1000, 1000)
    comparison = compare_rounds(a, [replace(measured, server=None) for measured in b])
    assert "server CPU per answer" not in [one.measure for one in comparison.rows]


def test_goodput_is_compared_where_there_is_a_limit() -> None:
    a, b, _ = rounds(1000, 1500)
    comparison = compare_rounds(a, b, [read_slo("p99=1ms")])
    assert row(comparison, "goodput (p99=1ms)").better == "b"


def test_against_a_saved_run_the_windows_give_the_interval_and_the_notes_say_so() -> None:
    a, b, _ = rounds(1000, 1500, 1)
    comparison = compare_saved(a, b, ("old.json", "new"))
    throughput = row(comparison, "throughput")
    assert (comparison.a, throughput.better) == ("old.json", "b")
    assert 1.4 < throughput.ratio_low < 1.5 < throughput.ratio_high < 1.6
    assert throughput.a == pytest.approx(a[0].throughput)
    assert any("not measured in turns" in note for note in comparison.notes)
    assert any("windows" in note for note in comparison.notes)


def test_saved_runs_with_other_settings_are_told_apart() -> None:
    a, b, _ = rounds(1000, 1000, 1)
    comparison = compare_saved([replace(a[0], schedule="closed loop, 2 in flight")], b, ("a", "b"))
    assert any("the schedule differs" in note for note in comparison.notes)
