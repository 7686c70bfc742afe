"""Ops on the double of a GPU: rows of any kind come out as from the ops of the CPU."""

from __future__ import annotations

import ctypes
import os
from functools import cache
from typing import Any

import gpu_double
import numpy as np
import pytest
from chains import DTYPES, NAMES, Op, run_ops
from hypothesis import given, settings
from hypothesis import strategies as st
from rows import TOLERANCES, random_row, with_odd_floats

from pyserver import _core

pytestmark = pytest.mark.filterwarnings("ignore::RuntimeWarning")

IMAGENET = {"mean": [0.485, 0.456, 0.406], "std": [0.229, 0.224, 0.225], "scale": "1/255"}
counts = st.integers(1, 9)
seeds = st.integers(0, 2**32 - 1)


@cache
def gpu() -> tuple[_core.CudaDevice, _core.KernelCompiler]:
    # Whoever asks for libcuda.so.1 from now on gets this one. It lives as long as the process.
    os.environ["FAKE_CUDA_LEAKS"] = "0"
    ctypes.CDLL(str(gpu_double.folder() / "libcuda.so.1"))
    nvrtc = gpu_double.folder().with_name("fake_nvrtc") / "libnvrtc.so.13"
    return _core.CudaDevice(_core.CudaDriver.open(), 0), _core.KernelCompiler(library=str(nvrtc))


@cache
def chain_of(ops: str, datatype: str, shape: tuple[int, ...]) -> _core.DeviceChain:
    return _core.DeviceChain(*gpu(), CHAINS[ops], datatype, shape)


CHAINS: dict[str, list[Op]] = {
    "picture": [("normalize", IMAGENET), ("layout", {}), ("cast", {"to": "FP16"})],
    "resized picture": [("resize", {"size": [7.0, 12.0]}), ("normalize", IMAGENET), ("layout", {})],
    "cast": [("cast", {"to": "INT16"})],
    "classes": [("argmax", {})],
    "probabilities": [("softmax", {})],
    "embedding": [("l2_normalize", {})],
}
# What each is tried on, and whether its results are the CPU's to the last bit.
CASES = [
    ("picture", "UINT8", (6, 10, 3), True),
    ("picture", "UINT8", (5, 3, 3), True),
    ("resized picture", "UINT8", (19, 11, 3), True),
    ("cast", "FP32", (37,), True),
    ("cast", "BF16", (4, 4), True),
    ("classes", "FP32", (3, 100), True),
    ("probabilities", "FP32", (2, 90), False),
    ("probabilities", "FP16", (17,), False),
    ("embedding", "FP32", (384,), False),
]


def on_gpu(ops: str, rows: np.ndarray) -> np.ndarray:
    chain = chain_of(ops, NAMES[rows.dtype.name], rows.shape[1:])
    made = np.frombuffer(chain.run(rows.tobytes()), DTYPES[chain.output_datatype])
    return made.reshape(len(rows), *chain.output_shape)


@settings(derandomize=True, deadline=None, max_examples=60)
@given(st.sampled_from(CASES), counts, seeds, st.booleans())
def test_batches_come_out_as_from_the_cpu(
    case: tuple[str, str, tuple[int, ...], bool], count: int, seed: int, odd: bool
) -> None:
    ops, datatype, shape, to_the_bit = case
    rows = random_row(datatype, (count, *shape), seed)
    if odd and np.issubdtype(rows.dtype, np.floating):
        rows = with_odd_floats(rows, seed)
    expected = np.stack([run_ops(CHAINS[ops], row) for row in rows])
    got = on_gpu(ops, rows)
    assert got.dtype == expected.dtype
    if to_the_bit:
        np.testing.assert_array_equal(got, expected)
    else:
        tolerance = TOLERANCES[datatype]
        wide, wanted = got.astype(np.float64), expected.astype(np.float64)
        np.testing.assert_allclose(wide, wanted, rtol=tolerance, atol=tolerance)


def test_a_chain_tells_what_comes_out_and_shares_kernels() -> None:
    chain = chain_of("resized picture", "UINT8", (19, 11, 3))
    assert (chain.input_datatype, chain.input_shape) == ("UINT8", (19, 11, 3))
    assert (chain.output_datatype, chain.output_shape) == ("FP32", (3, 7, 12))
    assert chain.op_names == ["resize", "normalize", "layout"]
    assert chain.kernel_names == ["resize", "resize", "pixels"]


@pytest.mark.parametrize(
    ("ops", "shape", "message"),
    [
        ([("round", {})], [4], "op 1 (round): there is no kernel for this round of FP32 [4]"),
        ([("softmax", {})], [-1], "a kernel needs a row of a fixed shape with 1 to 2147483647 elements, got FP32 [-1]"),
    ],
)
def test_what_has_no_kernel_is_refused(ops: list[Op], shape: list[int], message: str) -> None:
    with pytest.raises(_core.StatusError) as raised:
        _core.DeviceChain.plan(ops, "FP32", shape)
    assert str(raised.value) == message


def test_rows_that_are_not_whole_are_refused() -> None:
    with pytest.raises(ValueError, match="expected rows of 148 bytes, got 149"):
        chain_of("cast", "FP32", (37,)).run(bytes(149))


def test_a_second_compiler_finds_the_kernels_of_the_first(tmp_path: Any) -> None:
    device, _ = gpu()
    library = str(gpu_double.folder().with_name("fake_nvrtc") / "libnvrtc.so.13")
    for start in range(2):
        compiler = _core.KernelCompiler(str(tmp_path), library)
        _core.DeviceChain(device, compiler, CHAINS["picture"], "UINT8", [4, 4, 3])
        assert (compiler.compiled, compiler.found, compiler.not_kept) == (1 - start, start, 0)
