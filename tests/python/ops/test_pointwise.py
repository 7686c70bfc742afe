"""normalize, to_tensor, layout, sigmoid, round, threshold, dequantize: against NumPy, for all datatypes and ranks."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from chains import DTYPES, run_op, run_ops
from hypothesis import given, settings
from hypothesis import strategies as st
from rows import FLOATS, assert_close, random_row, shapes, with_odd_floats

NUMBERS = tuple(name for name in DTYPES if name != "BOOL")
seeds = st.integers(0, 99)
pytestmark = pytest.mark.filterwarnings("ignore::RuntimeWarning")


def normalized(row: np.ndarray, mean: Any, std: Any, scale: float) -> np.ndarray:
    """In the precision of the op: FP64 for FP64, FP32 for all else."""
    number = np.float64 if row.dtype == np.float64 else np.float32
    mean, std = (np.array(value, np.float32).astype(number) for value in (mean, std))
    return (row.astype(number) * number(np.float32(scale)) - mean) / std


@settings(derandomize=True, deadline=None, max_examples=150)
@given(st.sampled_from(NUMBERS), shapes, st.booleans(), st.booleans(), seeds)
def test_normalize_is_numpys_arithmetic_to_the_bit(
    datatype: str, shape: tuple[int, ...], first: bool, by_channel: bool, seed: int
) -> None:
    row = random_row(datatype, shape, seed)
    if datatype in FLOATS:
        row = with_odd_floats(row, seed)
    random = np.random.default_rng(seed)
    channels = shape[0 if first else -1] if by_channel else 1
    mean, std = random.normal(size=channels).tolist(), random.uniform(0.1, 2, channels).tolist()
    got = run_op("normalize", row, mean=mean, std=std, scale="1/255", channels="first" if first else "last")
    places = (channels,) + (1,) * (len(shape) - 1) if first else (channels,)
    expected = normalized(row, np.reshape(mean, places), np.reshape(std, places), 1 / 255)
    np.testing.assert_array_equal(got, expected.astype(np.float32))


def test_normalize_gives_fp16_and_takes_its_scale_as_a_number_or_a_fraction() -> None:
    row = random_row("UINT8", (7, 5, 3), 1)
    for scale in (1 / 255, "1/255", "2/510"):
        got = run_op("normalize", row, mean=[0.5], std=2, scale=scale, datatype="FP16")
        np.testing.assert_array_equal(got, normalized(row, 0.5, 2, 1 / 255).astype(np.float16))


def test_to_tensor_divides_every_value_by_255() -> None:
    picture = np.arange(256, dtype=np.uint8).reshape(16, 16, 1).repeat(4, axis=2)
    np.testing.assert_array_equal(run_op("to_tensor", picture), picture.transpose(2, 0, 1) / np.float32(255))


@settings(derandomize=True, deadline=None, max_examples=60)
@given(st.sampled_from(tuple(DTYPES)), st.tuples(*[st.integers(0, 70)] * 3), seeds)
def test_layout_is_a_transposition(datatype: str, shape: tuple[int, int, int], seed: int) -> None:
    row = random_row(datatype, shape, seed)
    np.testing.assert_array_equal(run_op("layout", row), row.transpose(2, 0, 1))
    np.testing.assert_array_equal(run_op("layout", row, to="HWC"), row.transpose(1, 2, 0))


@settings(derandomize=True, deadline=None, max_examples=80)
@given(st.sampled_from(FLOATS), shapes, seeds)
def test_sigmoid(datatype: str, shape: tuple[int, ...], seed: int) -> None:
    row = with_odd_floats(random_row(datatype, shape, seed, scale=20), seed)
    assert_close(run_op("sigmoid", row), 1 / (1 + np.exp(-row.astype(np.float64))), datatype)


@settings(derandomize=True, deadline=None, max_examples=80)
@given(st.sampled_from(("FP32", "FP64")), shapes, st.integers(-3, 6), seeds)
def test_round_is_numpys_to_the_bit(datatype: str, shape: tuple[int, ...], decimals: int, seed: int) -> None:
    row = with_odd_floats(random_row(datatype, shape, seed, scale=1000), seed)
    row = np.where(np.arange(row.size).reshape(shape) % 3 == 0, np.trunc(row) + row.dtype.type(0.5), row)
    got, expected = run_op("round", row, decimals=decimals), np.round(row, decimals)
    np.testing.assert_array_equal(got, expected)
    np.testing.assert_array_equal(np.signbit(got)[~np.isnan(row)], np.signbit(expected)[~np.isnan(row)])


def test_round_of_halves_is_computed_in_fp32() -> None:
    for datatype in ("FP16", "BF16"):
        row = random_row(datatype, (999,), 2, scale=500)
        expected = np.round(row.astype(np.float32), 2).astype(row.dtype)
        np.testing.assert_array_equal(run_op("round", row, decimals=2), expected)


@settings(derandomize=True, deadline=None, max_examples=120)
@given(st.sampled_from(tuple(DTYPES)), shapes, st.sampled_from([-3.5, 0, 0.25, 0.7, 1, 100, 2.0**63, 1e30]), seeds)
def test_threshold(datatype: str, shape: tuple[int, ...], bound: float, seed: int) -> None:
    row = random_row(datatype, shape, seed)
    if datatype in FLOATS:
        row = with_odd_floats(row, seed)
        row.ravel()[0] = bound
        reached = row >= np.array(bound).astype(row.dtype)
    else:
        reached = np.array([int(number) >= bound for number in row.ravel()]).reshape(shape)
    got = run_op("threshold", row, at=bound)
    assert got.dtype == bool
    np.testing.assert_array_equal(got, reached)
    got = run_op("threshold", row, at=bound, below=1)
    np.testing.assert_array_equal(got, np.where(reached, row, np.array(1).astype(row.dtype)))


@settings(derandomize=True, deadline=None, max_examples=100)
@given(st.sampled_from(("INT8", "UINT8", "INT16", "UINT16", "INT32")), shapes, st.integers(0, 3), st.booleans(), seeds)
def test_dequantize(datatype: str, shape: tuple[int, ...], axis: int, by_axis: bool, seed: int) -> None:
    row = random_row(datatype, shape, seed)
    axis %= len(shape)
    count = shape[axis] if by_axis else 1
    random = np.random.default_rng(seed)
    scale, zero_point = random.uniform(1e-4, 2, count), random.integers(0, 128, count)
    got = run_op("dequantize", row, scale=scale.tolist(), zero_point=zero_point.astype(float).tolist(), axis=axis)
    places = [count if at == axis else 1 for at in range(len(shape))]
    difference = row.astype(np.int64) - zero_point.reshape(places)
    np.testing.assert_array_equal(got, difference.astype(np.float32) * scale.astype(np.float32).reshape(places))


@st.composite
def picture_chains(draw: st.DrawFn) -> tuple[list[tuple[str, dict[str, Any]]], int]:
    """Up to four of the ops that change pixels, such as a picture of UINT8 [height, width, channels] can go through."""
    channels = draw(st.sampled_from([1, 2, 3, 4]))
    datatypes = st.sampled_from(["FP32", "FP16", "BF16", "FP64", "UINT8", "INT8", "INT32", "BOOL"])
    ops: list[tuple[str, dict[str, Any]]] = []
    planar = False
    datatype = "UINT8"
    for _ in range(draw(st.integers(1, 4))):
        name = draw(st.sampled_from(["normalize", "cast", "to_tensor", "layout"]))
        if name == "normalize" and datatype != "BOOL":
            count = draw(st.sampled_from([1, channels]))
            number = st.floats(0.125, 2, width=32)
            numbers = st.lists(number, min_size=count, max_size=count)
            datatype = draw(st.sampled_from(["FP32", "FP16"]))
            options = {"mean": draw(numbers), "std": draw(numbers), "scale": draw(st.sampled_from([1, "1/255", 0.5]))}
            ops.append((name, {**options, "channels": "first" if planar else "last", "datatype": datatype}))
        elif name == "cast":
            datatype = draw(datatypes)
            ops.append((name, {"to": datatype}))
        elif name == "to_tensor" and datatype == "UINT8" and not planar:
            ops.append((name, {}))
            planar, datatype = True, "FP32"
        elif name == "layout":
            ops.append((name, {"to": "HWC" if planar else "CHW"}))
            planar = not planar
    return ops, channels


@settings(derandomize=True, deadline=None, max_examples=300)
@given(picture_chains(), st.integers(0, 40), st.integers(0, 40), seeds)
def test_a_chain_in_one_pass_gives_what_its_ops_give_apart(
    drawn: tuple[list[tuple[str, dict[str, Any]]], int], height: int, width: int, seed: int
) -> None:
    ops, channels = drawn
    picture = random_row("UINT8", (height, width, channels), seed)
    apart = picture
    for op in ops:
        apart = run_ops([op], apart)
    together = run_ops(ops, picture, (-1, -1, -1))
    assert together.dtype == apart.dtype
    assert together.shape == apart.shape
    assert together.tobytes() == apart.tobytes()


@pytest.mark.parametrize("layout", [[], [("layout", {})]])
def test_a_chain_over_floats_gives_what_its_ops_give_apart(layout: list[tuple[str, dict[str, Any]]]) -> None:
    ops = [("normalize", {"mean": [1, 2, 3], "std": 3}), *layout, ("cast", {"to": "FP16"})]
    apart = picture = random_row("FP32", (17, 9, 3), 3)
    for op in ops:
        apart = run_ops([op], apart)
    assert run_ops(ops, picture).tobytes() == apart.tobytes()


def test_imagenets_arithmetic_is_torchvisions() -> None:
    picture = random_row("UINT8", (33, 21, 3), 4)
    mean, std = [0.485, 0.456, 0.406], [0.229, 0.224, 0.225]
    got = run_ops([("to_tensor", {}), ("normalize", {"mean": mean, "std": std, "channels": "first"})], picture)
    tensor = picture.transpose(2, 0, 1).astype(np.float32) / np.float32(255)
    places = (3, 1, 1)
    expected = (tensor - np.float32(mean).reshape(places)) / np.float32(std).reshape(places)
    np.testing.assert_array_equal(got, expected)
