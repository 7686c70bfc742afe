"""cast: as NumPy's astype where that is defined; clamped where it is not."""

from __future__ import annotations

import numpy as np
import pytest
from chains import DTYPES, run_op
from hypothesis import given, settings
from hypothesis import strategies as st
from rows import FLOATS, random_row, shapes, with_odd_floats

INTEGERS = tuple(name for name in DTYPES if name not in FLOATS and name != "BOOL")
HALVES = np.arange(1 << 16, dtype=np.uint16)

pytestmark = pytest.mark.filterwarnings("ignore::RuntimeWarning")


def assert_identical(got: np.ndarray, expected: np.ndarray) -> None:
    """To the bit, but that any NaN is as good as another."""
    assert got.dtype == expected.dtype
    if np.issubdtype(got.dtype, np.integer) or got.dtype == bool:
        np.testing.assert_array_equal(got, expected)
        return
    got, expected = got.astype(np.float64), expected.astype(np.float64)
    np.testing.assert_array_equal(got, expected)
    signed = ~np.isnan(got)
    np.testing.assert_array_equal(np.signbit(got)[signed], np.signbit(expected)[signed])


@settings(derandomize=True, deadline=None, max_examples=150)
@given(
    st.sampled_from((*INTEGERS, "BOOL")),
    st.sampled_from([name for name in DTYPES if name != "BF16"]),
    shapes,
    st.integers(0, 99),
)
def test_integers_become_anything_as_in_numpy(source: str, target: str, shape: tuple[int, ...], seed: int) -> None:
    row = random_row(source, shape, seed)
    assert_identical(run_op("cast", row, to=target), row.astype(DTYPES[target]))


@settings(derandomize=True, deadline=None, max_examples=100)
@given(st.sampled_from(FLOATS), st.sampled_from((*FLOATS, "BOOL")), shapes, st.integers(0, 99))
def test_floats_become_floats_as_in_numpy(source: str, target: str, shape: tuple[int, ...], seed: int) -> None:
    row = with_odd_floats(random_row(source, shape, seed, scale=1e3), seed)
    # From FP64, ml_dtypes rounds to FP32 on its way to BF16: what it means is in the test of ties below.
    expected = row if (source, target) != ("FP64", "BF16") else row.astype(np.float32).astype(np.float64)
    row = expected
    assert_identical(run_op("cast", row, to=target), expected.astype(DTYPES[target]))


@settings(derandomize=True, deadline=None, max_examples=100)
@given(st.sampled_from(FLOATS), st.sampled_from(INTEGERS), shapes, st.integers(0, 99))
def test_floats_lose_their_fraction_are_clamped_and_nan_is_0(
    source: str, target: str, shape: tuple[int, ...], seed: int
) -> None:
    row = with_odd_floats(random_row(source, shape, seed, scale=200), seed)
    limits = np.iinfo(DTYPES[target])
    values = [0 if np.isnan(value) else value for value in row.astype(np.float64).ravel().tolist()]
    expected = [
        limits.max if value >= limits.max else limits.min if value <= limits.min else int(value) for value in values
    ]
    np.testing.assert_array_equal(run_op("cast", row, to=target).ravel(), np.array(expected, DTYPES[target]))


@pytest.mark.parametrize("source", ["FP16", "BF16"])
def test_every_half_becomes_fp32_and_back(source: str) -> None:
    halves = HALVES.view(DTYPES[source])
    wide = run_op("cast", halves, to="FP32")
    np.testing.assert_array_equal(wide, halves.astype(np.float32))
    np.testing.assert_array_equal(run_op("cast", wide, to=source).astype(np.float32), wide)


@pytest.mark.parametrize("wide", ["FP32", "FP64"])
@pytest.mark.parametrize("narrow", ["FP16", "BF16"])
def test_ties_go_to_even_and_what_is_beside_them_to_the_nearest(wide: str, narrow: str) -> None:
    finite = np.sort(HALVES.view(DTYPES[narrow]).astype(np.float64)[np.isfinite(HALVES.view(DTYPES[narrow]))])
    finite = np.unique(finite)
    lower, upper = finite[:-1], finite[1:]
    # Half of the way between FP32's smallest numbers is FP64's business.
    middle = ((lower + upper) / 2).astype(DTYPES[wide])
    exact = middle.astype(np.float64) * 2 == lower + upper
    lower, upper, middle = lower[exact], upper[exact], middle[exact]
    even = run_op("cast", middle, to=narrow)
    assert not (even.view(np.uint16) & 1).any()
    assert ((even.astype(np.float64) == lower) | (even.astype(np.float64) == upper)).all()
    for side, expected in ((np.inf, upper), (-np.inf, lower)):
        beside = np.nextafter(middle, DTYPES[wide].type(side))
        np.testing.assert_array_equal(run_op("cast", beside, to=narrow).astype(np.float64), expected)


def test_integers_of_64_bits_are_rounded_once_on_their_way_to_bf16() -> None:
    # 257 * 2^54 is half of the way between two numbers of 8 digits, 256 and 258 times 2^54; one more is above it.
    tie = np.array([257 << 54, (257 << 54) + 1, (257 << 54) - 1, -(257 << 54) - 1], np.int64)
    expected = np.array([256, 258, 256, -258]) * 2.0**54
    np.testing.assert_array_equal(run_op("cast", tie, to="BF16").astype(np.float64), expected)
    np.testing.assert_array_equal(run_op("cast", tie[:3].astype(np.uint64), to="BF16").astype(np.float64), expected[:3])


def test_a_row_without_elements_stays_one() -> None:
    assert run_op("cast", np.zeros((0, 3), np.float32), to="INT8").shape == (0, 3)
