"""TensorFlow's frozen graph and SavedModel of y = relu(x @ weights + bias), encoded by hand.

Field numbers are those of graph.proto, node_def.proto, attr_value.proto, tensor.proto, meta_graph.proto and
saved_model.proto in https://github.com/tensorflow/tensorflow/tree/master/tensorflow/core
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import tensor_bundle
from protobuf_wire import field, repeated

_FLOAT = 1  # DT_FLOAT


def _shape(*sizes: int) -> bytes:
    return repeated(2, [field(1, size) for size in sizes])


def _tensor(values: np.ndarray) -> bytes:
    return field(1, _FLOAT) + field(2, _shape(*values.shape)) + field(4, values.astype("<f4").tobytes())


def _node(name: str, kind: str, *inputs: str, **attributes: bytes) -> bytes:
    attribute_entries = repeated(5, [field(1, key) + field(2, value) for key, value in attributes.items()])
    return field(1, name) + field(2, kind) + repeated(3, inputs) + attribute_entries


def _float(name: str, kind: str, *inputs: str, **attributes: bytes) -> bytes:
    return _node(name, kind, *inputs, T=field(6, _FLOAT), **attributes)


def _constant(name: str, values: np.ndarray) -> bytes:
    return _node(name, "Const", dtype=field(6, _FLOAT), value=field(8, _tensor(values)))


def _variable(name: str, *shape: int) -> list[bytes]:
    """The variable, and the node `<name>/Read` that gives its value."""
    handle = _node(
        name, "VarHandleOp", dtype=field(6, _FLOAT), shape=field(7, _shape(*shape)), shared_name=field(2, name)
    )
    return [handle, _node(f"{name}/Read", "ReadVariableOp", name, dtype=field(6, _FLOAT))]


def _graph(weights: np.ndarray, bias: np.ndarray, rows: int, *, variables: bool = False) -> bytes:
    width = weights.shape[0]
    nodes = [
        _node("x", "Placeholder", dtype=field(6, _FLOAT), shape=field(7, _shape(rows, width))),
        *(_variable("weights", *weights.shape) if variables else [_constant("weights/Read", weights)]),
        *(_variable("bias", *bias.shape) if variables else [_constant("bias/Read", bias)]),
        _float("product", "MatMul", "x", "weights/Read", transpose_a=field(5, 0), transpose_b=field(5, 0)),
        _float("sum", "BiasAdd", "product", "bias/Read", data_format=field(2, "NHWC")),
        _float("positive", "Relu", "sum"),
        _float("y", "Identity", "positive"),
    ]
    return repeated(1, nodes) + field(4, field(1, 1087))  # the version of graphs that TensorFlow 2.9 made


def write_frozen_graph(path: Path, weights: np.ndarray, bias: np.ndarray, rows: int) -> Path:
    path.write_bytes(_graph(weights, bias, rows))
    return path


def _tensor_info(name: str, *sizes: int) -> bytes:
    return field(1, name) + field(2, _FLOAT) + field(3, _shape(*sizes))


def write_saved_model(folder: Path, weights: np.ndarray, bias: np.ndarray, rows: int) -> Path:
    """The signature calls the graph's x and y `features` and `scores`; the weights are variables, in their own files.

    Returns the file that holds the graph.
    """
    width, height = weights.shape
    signature = (
        field(1, field(1, "features") + field(2, _tensor_info("x:0", rows, width)))
        + field(2, field(1, "scores") + field(2, _tensor_info("y:0", rows, height)))
        + field(3, "tensorflow/serving/predict")
    )
    meta_graph = (
        field(1, field(4, "serve") + field(5, "2.9.0"))
        + field(2, _graph(weights, bias, rows, variables=True))
        + field(5, field(1, "serving_default") + field(2, signature))
    )
    tensor_bundle.write(folder / "variables", {"weights": weights, "bias": bias})
    path = folder / "saved_model.pb"
    path.write_bytes(field(1, 1) + field(2, meta_graph))
    return path
