"""Percentiles from buckets, against the numbers themselves."""

import math

import numpy as np
import pytest

from pyserver_loadgen.histogram import Histogram, bucket_bounds, bucket_of


def histogram_of(*values_ns: float) -> Histogram:
    made = Histogram()
    made.add(np.array(values_ns))
    return made


def test_buckets_are_those_of_the_engine() -> None:
    # From the contract: a bucket of its own below 128; then e = bit_width(v) - 8, (e + 1) * 128 + (v >> e) - 128.
    values = [0, 1, 127, 128, 255, 256, 257, 258, 511, 512, 5_000_000, 2**40 + 12345]
    wanted = [0, 1, 127]
    for value in values[3:]:
        exponent = value.bit_length() - 8
        wanted.append((exponent + 1) * 128 + (value >> exponent) - 128)
    assert bucket_of(values).tolist() == wanted


def test_every_duration_lies_in_its_bucket_and_buckets_follow_one_another() -> None:
    values = np.unique(np.concatenate([2 ** np.arange(56), 2 ** np.arange(1, 56) - 1, np.arange(5000) * 7919]))
    low, width = bucket_bounds(bucket_of(values))
    assert ((low <= values) & (values < low + width)).all()
    low, width = bucket_bounds(np.arange(5000))
    assert (low[1:] == low[:-1] + width[:-1]).all()


@pytest.mark.parametrize("percentile", [0, 1, 50, 90, 99, 99.9])
def test_percentiles_are_within_half_a_percent(percentile: float) -> None:
    values = np.random.default_rng(7).lognormal(13, 2, 100_000).astype(np.int64)
    made = histogram_of(*values)
    exact = np.sort(values)[max(0, math.ceil(round(percentile * len(values) / 100, 6)) - 1)] * 1e-9
    assert made.percentile(percentile) == pytest.approx(exact, rel=0.004)


def test_the_longest_and_the_mean_are_exact() -> None:
    made = histogram_of(1_000_001, 5_000_003)
    assert made.percentile(100) == made.max_s == 5_000_003e-9
    assert made.mean_s == pytest.approx(3_000_002e-9, rel=1e-12)


def test_percentiles_are_those_of_the_nearest_rank() -> None:
    made = histogram_of(*range(1, 101))
    assert [round(made.percentile(p) * 1e9) for p in (50, 90, 99, 99.5, 100)] == [50, 90, 99, 100, 100]


def test_what_was_never_counted_has_no_percentile() -> None:
    assert math.isnan(Histogram().percentile(99))
    assert math.isnan(Histogram().mean_s)
    assert Histogram().cdf()[0].size == 0


def test_a_percentile_outside_of_the_scale_is_refused() -> None:
    with pytest.raises(ValueError, match="expected 0 to 100"):
        Histogram().percentile(101)


def test_merged_is_as_if_counted_together() -> None:
    short, long = histogram_of(10, 20), histogram_of(3_000_000_000)
    assert Histogram.merged([short, long]) == histogram_of(10, 20, 3_000_000_000)
    assert short == histogram_of(10, 20)


def test_buckets_out_and_in_again_are_the_same() -> None:
    made = histogram_of(5, 5, 70_000, 123_456_789)
    assert Histogram.from_buckets(made.to_buckets(), made.sum_ns, made.max_ns) == made


def test_the_share_within_a_limit_is_that_of_the_percentile() -> None:
    made = histogram_of(*(np.arange(1, 1001) * 10_000))
    assert made.fraction_within(0.005) == pytest.approx(0.5, abs=0.004)
    assert made.fraction_within(1.0) == 1.0
    assert made.fraction_within(0.0) == 0.0


def test_the_cdf_ends_at_one_and_ascends() -> None:
    seconds, fraction = histogram_of(10, 10, 5_000, 7_000_000).cdf()
    assert fraction.tolist() == [0.5, 0.75, 1.0]
    assert (np.diff(seconds) > 0).all()
    assert seconds[-1] <= 7_000_000e-9
