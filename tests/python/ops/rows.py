"""Strategies for rows: arrays of any datatype and rank, with the numbers that are easily got wrong."""

from __future__ import annotations

import numpy as np
from chains import DTYPES
from hypothesis import strategies as st

FLOATS = ("FP16", "BF16", "FP32", "FP64")
# How far a result may be from the reference, which is computed in FP64 and rounded to the datatype.
TOLERANCES = {"FP16": 1e-3, "BF16": 8e-3, "FP32": 1e-5, "FP64": 1e-12}
ODD_FLOATS = (np.nan, np.inf, -np.inf, 0.0, -0.0, 1e-40, -1e-45, 0.5, -1.5, 2.5, 255.0, 65504.0, 65520.0, 3e38)

shapes = st.lists(st.integers(1, 9), min_size=1, max_size=4).map(tuple) | st.integers(1, 3000).map(lambda n: (n,))


def random_row(datatype: str, shape: tuple[int, ...], seed: int, scale: float = 4.0) -> np.ndarray:
    """Numbers around 0 of a datatype of floats; all that there are of one of integers."""
    random = np.random.default_rng(seed)
    dtype = DTYPES[datatype]
    if datatype in FLOATS:
        return (random.standard_normal(shape) * scale).astype(dtype)
    if datatype == "BOOL":
        return random.integers(0, 2, shape).astype(bool)
    limits = np.iinfo(dtype)
    return random.integers(limits.min, limits.max, shape, dtype=dtype, endpoint=True)


def with_odd_floats(row: np.ndarray, seed: int) -> np.ndarray:
    """`row` with NaN, infinities, zeros of both signs and subnormal numbers in some places."""
    random = np.random.default_rng(seed)
    odd = random.choice(np.array(ODD_FLOATS), row.shape)
    with np.errstate(all="ignore"):
        return np.where(random.random(row.shape) < 0.1, odd.astype(row.dtype), row)


def assert_close(got: np.ndarray, expected: np.ndarray, datatype: str) -> None:
    """Equal but for rounding, NaN and infinities included; of the datatype."""
    assert got.dtype == DTYPES[datatype]
    tolerance = TOLERANCES[datatype]
    np.testing.assert_allclose(
        got.astype(np.float64), expected.astype(got.dtype).astype(np.float64), rtol=tolerance, atol=tolerance
    )
