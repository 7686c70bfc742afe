"""Runs chains of ops on NumPy arrays."""

from __future__ import annotations

from typing import Any

import numpy as np

from pyserver import _core

NAMES = {"uint8": "UINT8", "float32": "FP32"}

Op = tuple[str, dict[str, Any]]


def run_ops(ops: list[Op], row: np.ndarray, shape: tuple[int, ...] | None = None) -> np.ndarray:
    """What a chain of `ops` makes of `row`, declared with `shape` (its own by default)."""
    chain = _core.OpChain(ops, NAMES[row.dtype.name], list(shape or row.shape))
    out_shape, data = chain.run(row.tobytes(), list(row.shape))
    dtype = {name: dtype for dtype, name in NAMES.items()}[chain.datatype]
    return np.frombuffer(data, dtype).reshape(out_shape)


def run_op(name: str, row: np.ndarray, **options: Any) -> np.ndarray:
    """What one op makes of `row`."""
    return run_ops([(name, options)], row)
