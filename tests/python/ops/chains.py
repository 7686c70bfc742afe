"""Runs chains of ops on NumPy arrays."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import ml_dtypes
import numpy as np

from pyserver import _core

NAMES = {
    "bool": "BOOL",
    "uint8": "UINT8",
    "uint16": "UINT16",
    "uint32": "UINT32",
    "uint64": "UINT64",
    "int8": "INT8",
    "int16": "INT16",
    "int32": "INT32",
    "int64": "INT64",
    "float16": "FP16",
    "bfloat16": "BF16",
    "float32": "FP32",
    "float64": "FP64",
}
DTYPES = {name: np.dtype(ml_dtypes.bfloat16 if dtype == "bfloat16" else dtype) for dtype, name in NAMES.items()}

Op = tuple[str, dict[str, Any]]


def run_ops(ops: list[Op], row: np.ndarray, shape: Sequence[int] | None = None) -> np.ndarray:
    """What a chain of `ops` makes of `row`, declared with `shape` (its own by default). Texts are an array of bytes."""
    chain = _core.OpChain(ops, NAMES[row.dtype.name], list(row.shape if shape is None else shape))
    out_shape, data = chain.run(row.tobytes(), list(row.shape))
    if chain.datatype == "BYTES":
        return np.array(read_texts(data), dtype=object).reshape(out_shape)
    return np.frombuffer(data, DTYPES[chain.datatype]).reshape(out_shape)


def run_op(name: str, row: np.ndarray, **options: Any) -> np.ndarray:
    """What one op makes of `row`."""
    return run_ops([(name, options)], row)


def read_texts(data: bytes) -> list[bytes]:
    """The elements of BYTES contents."""
    texts = []
    while data:
        length = int.from_bytes(data[:4], "little")
        texts.append(data[4 : 4 + length])
        data = data[4 + length :]
    return texts
