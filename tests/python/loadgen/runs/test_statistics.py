"""Intervals against figures worked out by hand and known tables."""

import math
import random

import pytest

from pyserver_loadgen.statistics import agree, geometric_mean, paired_ratio, spread, t95, unpaired_ratio


def test_student_quantiles_are_those_of_the_tables() -> None:
    assert t95(1) == 12.7062
    assert t95(2.9) == t95(2)
    assert [t95(n) for n in (40, 60, 120)] == pytest.approx([2.0211, 2.0003, 1.9799], abs=1e-4)


def test_the_interval_of_paired_ratios() -> None:
    # Log-ratios ln 2, ln 2.2, ln 1.8: mean 0.68977, deviation 0.10044, half width 4.3027 · 0.10044 / √3 = 0.24951.
    ratio = paired_ratio([10, 10, 10], [20, 22, 18])
    assert ratio.value == pytest.approx(7.92 ** (1 / 3))
    logs = [math.log(2), math.log(2.2), math.log(1.8)]
    mean = sum(logs) / 3
    half = 4.3027 * math.sqrt(sum((log - mean) ** 2 for log in logs) / 2) / math.sqrt(3)
    assert (ratio.low, ratio.high) == pytest.approx((math.exp(mean - half), math.exp(mean + half)))
    assert ratio.shows_difference


def test_what_both_of_a_round_share_cancels_out() -> None:
    paired = paired_ratio([10, 100, 1000], [11, 110, 1100])
    assert (paired.low, paired.value, paired.high) == pytest.approx((1.1, 1.1, 1.1))
    assert not unpaired_ratio([10, 100, 1000], [11, 110, 1100]).shows_difference


def test_one_round_has_no_interval_and_shows_nothing() -> None:
    ratio = paired_ratio([10], [20])
    assert ratio.value == 2
    assert math.isnan(ratio.low)
    assert not ratio.shows_difference


def test_rounds_without_a_figure_are_left_out() -> None:
    assert paired_ratio([10, 0, math.nan, 10], [20, 5, 5, 20]).value == pytest.approx(2)
    assert math.isnan(paired_ratio([0], [1]).value)


@pytest.mark.parametrize("ratio_of", [paired_ratio, unpaired_ratio])
def test_intervals_hold_the_truth_as_often_as_they_say(ratio_of) -> None:  # type: ignore[no-untyped-def]
    numbers = random.Random(11)
    held = 0
    for _ in range(2000):
        a = [math.exp(numbers.gauss(0, 0.1)) for _ in range(4)]
        b = [1.3 * math.exp(numbers.gauss(0, 0.1)) for _ in range(4)]
        ratio = ratio_of(a, b)
        held += ratio.low <= 1.3 <= ratio.high
    assert held / 2000 == pytest.approx(0.95, abs=0.02)


def test_figures_agree_within_their_mean() -> None:
    assert agree([100, 105, 95], 0.05)
    assert not agree([100, 106, 94], 0.05)
    assert not agree([1, math.nan], 0.05)
    assert spread([100, 110, 90]) == pytest.approx(0.1)


def test_geometric_mean() -> None:
    assert geometric_mean([1, 100, 0]) == pytest.approx(10)
    assert math.isnan(geometric_mean([]))
