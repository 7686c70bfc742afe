"""Ops along an axis: softmax, argmax, l2_normalize, against NumPy for all datatypes, ranks and axes."""

from __future__ import annotations

import numpy as np
import pytest
from chains import DTYPES, run_op
from hypothesis import given, settings
from hypothesis import strategies as st
from rows import FLOATS, assert_close, random_row, shapes, with_odd_floats

from pyserver._core import StatusError

seeds = st.integers(0, 99)
axes = st.integers(-4, 3)
pytestmark = pytest.mark.filterwarnings("ignore::RuntimeWarning")


def within(axis: int, shape: tuple[int, ...]) -> int:
    """An axis that a row of this shape has."""
    return axis % len(shape) - (len(shape) if axis < 0 else 0)


def softmax(row: np.ndarray, axis: int) -> np.ndarray:
    row = row.astype(np.float64)
    powers = np.exp(row - row.max(axis=axis, keepdims=True))
    return powers / powers.sum(axis=axis, keepdims=True)


@settings(derandomize=True, deadline=None, max_examples=120)
@given(st.sampled_from(FLOATS), shapes, axes, st.sampled_from([1, 30, 5000]), seeds)
def test_softmax(datatype: str, shape: tuple[int, ...], axis: int, scale: float, seed: int) -> None:
    row, axis = random_row(datatype, shape, seed, scale), within(axis, shape)
    assert_close(run_op("softmax", row, axis=axis), softmax(row, axis), datatype)


@settings(derandomize=True, deadline=None, max_examples=80)
@given(st.sampled_from(FLOATS), shapes, axes, seeds)
def test_softmax_of_nan_and_infinity_is_as_in_numpy(
    datatype: str, shape: tuple[int, ...], axis: int, seed: int
) -> None:
    row, axis = with_odd_floats(random_row(datatype, shape, seed), seed), within(axis, shape)
    assert_close(run_op("softmax", row, axis=axis), softmax(row, axis), datatype)


@settings(derandomize=True, deadline=None, max_examples=120)
@given(st.sampled_from(tuple(DTYPES)), shapes, axes, st.booleans(), seeds)
def test_argmax(datatype: str, shape: tuple[int, ...], axis: int, few: bool, seed: int) -> None:
    row, axis = random_row(datatype, shape, seed), within(axis, shape)
    if datatype in FLOATS:
        row = with_odd_floats(row, seed)
    if few:  # so that the largest is there several times
        row = np.where(np.random.default_rng(seed).random(shape) < 0.5, row.dtype.type(1), row).astype(row.dtype)
    got = run_op("argmax", row, axis=axis)
    assert got.dtype == np.int64
    np.testing.assert_array_equal(got, np.argmax(row, axis=axis))


@settings(derandomize=True, deadline=None, max_examples=120)
@given(st.sampled_from(FLOATS), shapes, axes, st.sampled_from([1e-3, 1, 1000]), seeds)
def test_l2_normalize(datatype: str, shape: tuple[int, ...], axis: int, scale: float, seed: int) -> None:
    row, axis = random_row(datatype, shape, seed, scale), within(axis, shape)
    wide = row.astype(np.float64)
    expected = wide / np.maximum(np.sqrt((wide**2).sum(axis=axis, keepdims=True)), 1e-12)
    assert_close(run_op("l2_normalize", row, axis=axis), expected, datatype)


def test_l2_normalize_neither_overflows_nor_divides_by_0_and_keeps_nan() -> None:
    big = np.array([3e38, 3e38], np.float32)
    np.testing.assert_allclose(run_op("l2_normalize", big), np.sqrt([0.5, 0.5]), rtol=1e-6)
    np.testing.assert_array_equal(run_op("l2_normalize", np.zeros(5, np.float32)), np.zeros(5))
    assert np.isnan(run_op("l2_normalize", np.array([1, np.nan], np.float32))).all()


@pytest.mark.parametrize("name", ["softmax", "argmax", "l2_normalize"])
def test_lines_without_elements_are_refused_when_the_chain_is_made(name: str) -> None:
    with pytest.raises(StatusError, match="expected at least one element along axis -1, got FP32"):
        run_op(name, np.zeros((4, 0), np.float32))


@pytest.mark.parametrize("name", ["softmax", "argmax", "l2_normalize"])
def test_a_row_without_lines_gives_nothing(name: str) -> None:
    assert run_op(name, np.zeros((0, 4), np.float32)).size == 0
