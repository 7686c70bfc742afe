"""Tiny ONNX models, written by hand."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from onnx import NodeProto, TensorProto, helper, numpy_helper

Dims = Sequence[int | str | None]
Values = Sequence[tuple[str, str, Dims | None]]  # name, datatype as the Open Inference Protocol calls it, shape

_ELEMENTS = {"FP32": TensorProto.FLOAT, "FP64": TensorProto.DOUBLE, "FP16": TensorProto.FLOAT16,
             "BF16": TensorProto.BFLOAT16, "BYTES": TensorProto.STRING}  # fmt: skip


def write(path: Path, inputs: Values, outputs: Values, nodes: Sequence[NodeProto], **constants: np.ndarray) -> Path:
    """Writes a model of these nodes. Returns `path`."""
    graph = helper.make_graph(
        list(nodes),
        "graph",
        [_value(*value) for value in inputs],
        [_value(*value) for value in outputs],
        [numpy_helper.from_array(array, name) for name, array in constants.items()],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(model.SerializeToString())
    return path


def _value(name: str, datatype: str, shape: Dims | None) -> object:
    element = _ELEMENTS.get(datatype) or TensorProto.DataType.Value(datatype)
    return helper.make_tensor_value_info(name, element, None if shape is None else list(shape))


def dense(path: Path) -> Path:
    """y [rows, 3] = x [rows, 4] · W + b."""
    random = np.random.default_rng(3)
    nodes = [helper.make_node("MatMul", ["x", "W"], ["xW"]), helper.make_node("Add", ["xW", "b"], ["y"])]
    return write(
        path, [("x", "FP32", ["rows", 4])], [("y", "FP32", ["rows", 3])], nodes,
        W=random.normal(size=(4, 3)).astype(np.float32), b=random.normal(size=3).astype(np.float32),
    )  # fmt: skip


def lookup(path: Path) -> Path:
    """y [rows, 1] = a table of 4 numbers at x [rows, 1]: an index beyond it fails when it is executed."""
    nodes = [helper.make_node("Gather", ["table", "x"], ["y"])]
    table = np.array([10, 11, 12, 13], np.float32)
    return write(path, [("x", "INT64", ["rows", 1])], [("y", "FP32", ["rows", 1])], nodes, table=table)


def centred(path: Path) -> Path:
    """y = x less the mean of its batch: rows that influence one another."""
    nodes = [
        helper.make_node("ReduceMean", ["x"], ["mean"], axes=[0], keepdims=1),
        helper.make_node("Sub", ["x", "mean"], ["y"]),
    ]
    return write(path, [("x", "FP32", ["rows", 4])], [("y", "FP32", ["rows", 4])], nodes)


def echo(path: Path, datatype: str, shape: Dims) -> Path:
    """OUTPUT0 = INPUT0."""
    nodes = [helper.make_node("Identity", ["INPUT0"], ["OUTPUT0"])]
    return write(path, [("INPUT0", datatype, shape)], [("OUTPUT0", datatype, shape)], nodes)


def slow(path: Path) -> Path:
    """y [rows, 1] = x [rows, 1] after some tens of milliseconds of arithmetic on a matrix of zeros."""
    nodes = [helper.make_node("Cast", ["x"], ["x64"], to=TensorProto.DOUBLE)]
    nodes.append(helper.make_node("ReduceSum", ["x64"], ["sum"], keepdims=1))
    nodes.append(helper.make_node("Mul", ["Z", "sum"], ["z0"]))
    nodes.extend(helper.make_node("MatMul", [f"z{step}", "Z"], [f"z{step + 1}"]) for step in range(6))
    nodes.append(helper.make_node("ReduceSum", ["z6"], ["nothing"], keepdims=0))
    nodes.append(helper.make_node("Cast", ["nothing"], ["nothing32"], to=TensorProto.FLOAT))
    nodes.append(helper.make_node("Add", ["x", "nothing32"], ["y"]))
    return write(path, [("x", "FP32", ["rows", 1])], [("y", "FP32", ["rows", 1])], nodes, Z=np.zeros((320, 320)))
