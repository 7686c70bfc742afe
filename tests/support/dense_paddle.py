"""Paddle's *.pdmodel and *.pdiparams of y = relu(x @ weights + bias), encoded by hand.

Field numbers are those of paddle/fluid/framework/framework.proto in https://github.com/PaddlePaddle/Paddle
"""

from __future__ import annotations

import struct
from pathlib import Path

import numpy as np
from protobuf_wire import field, repeated

_FP32, _LOD_TENSOR, _FEED, _FETCH = 5, 7, 9, 10  # VarType.Type
_INT, _BOOLEAN = 0, 6  # AttrType


def _description(*shape: int) -> bytes:
    return field(1, _FP32) + repeated(2, shape)


def _variable(name: str, *shape: int, persistable: bool = False) -> bytes:
    kind = field(1, _LOD_TENSOR) + field(3, field(1, _description(*shape)))
    return field(1, name) + field(2, kind) + field(3, persistable)


def _place(name: str, kind: int) -> bytes:
    return field(1, name) + field(2, field(1, kind)) + field(3, True)


def _argument(parameter: str, name: str) -> bytes:
    return field(1, parameter) + field(2, name)


def _operator(kind: str, inputs: dict[str, str], outputs: dict[str, str], **attributes: int) -> bytes:
    encoded = field(3, kind)
    encoded += repeated(1, [_argument(parameter, name) for parameter, name in inputs.items()])
    encoded += repeated(2, [_argument(parameter, name) for parameter, name in outputs.items()])
    for name, value in attributes.items():
        truth = isinstance(value, bool)
        encoded += field(4, field(1, name) + field(2, _BOOLEAN if truth else _INT) + field(10 if truth else 3, value))
    return encoded


def _program(rows: int, width: int, height: int) -> bytes:
    variables = [
        _place("feed", _FEED),
        _place("fetch", _FETCH),
        _variable("x", rows, width),
        _variable("weights", width, height, persistable=True),
        _variable("bias", height, persistable=True),
        _variable("product", rows, height),
        _variable("sum", rows, height),
        _variable("y", rows, height),
    ]
    operators = [
        _operator("feed", {"X": "feed"}, {"Out": "x"}, col=0),
        _operator("matmul_v2", {"X": "x", "Y": "weights"}, {"Out": "product"}, trans_x=False, trans_y=False),
        _operator("elementwise_add", {"X": "product", "Y": "bias"}, {"Out": "sum"}, axis=-1),
        _operator("relu", {"X": "sum"}, {"Out": "y"}),
        _operator("fetch", {"X": "y"}, {"Out": "fetch"}, col=0),
    ]
    block = field(1, 0) + field(2, -1) + repeated(3, variables) + repeated(4, operators)
    return field(1, block) + field(4, field(1, 2_004_000))  # the version of programs that Paddle 2.4 made


def _parameter(values: np.ndarray) -> bytes:
    description = _description(*values.shape)
    header = struct.pack("<IQIi", 0, 0, 0, len(description))
    return header + description + values.astype("<f4").tobytes()


def write(path: Path, weights: np.ndarray, bias: np.ndarray, rows: int) -> Path:
    """`path` is the *.pdmodel; the weights lie beside it."""
    path.write_bytes(_program(rows, *weights.shape))
    # In the order of their names.
    path.with_suffix(".pdiparams").write_bytes(_parameter(bias) + _parameter(weights))
    return path
