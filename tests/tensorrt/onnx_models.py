"""Small ONNX models for TensorRT to build, or to refuse."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

Dimension = int | str


def write(
    path: Path,
    nodes: list[onnx.NodeProto],
    *,
    datatype: int = TensorProto.FLOAT,
    shape: tuple[Dimension, ...] = ("rows", 4),
    constants: tuple[onnx.TensorProto, ...] = (),
) -> Path:
    """A model with the input x and the output y, of one datatype and shape."""
    x = helper.make_tensor_value_info("x", datatype, list(shape))
    y = helper.make_tensor_value_info("y", datatype, list(shape))
    graph = helper.make_graph(nodes, "model", [x], [y], list(constants))
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    path.write_bytes(model.SerializeToString())
    return path


def relu(path: Path, datatype: int = TensorProto.FLOAT, shape: tuple[Dimension, ...] = ("rows", 4)) -> Path:
    """y = max(x, 0)"""
    return write(path, [helper.make_node("Relu", ["x"], ["y"])], datatype=datatype, shape=shape)


def unknown_operator(path: Path) -> Path:
    """An operator that nobody has."""
    return write(path, [helper.make_node("NoSuchOperator", ["x"], ["y"], name="strange")])


def quantized(path: Path) -> Path:
    """y = x @ weights, with x and the weights quantized to INT8 (Q/DQ)."""
    scale = numpy_helper.from_array(np.float32(0.05), "scale")
    zero = numpy_helper.from_array(np.int8(0), "zero")
    weights = numpy_helper.from_array(np.arange(16, dtype=np.int8).reshape(4, 4), "weights")
    nodes = [
        helper.make_node("QuantizeLinear", ["x", "scale", "zero"], ["q"]),
        helper.make_node("DequantizeLinear", ["q", "scale", "zero"], ["dq"]),
        helper.make_node("DequantizeLinear", ["weights", "scale", "zero"], ["dq_weights"]),
        helper.make_node("MatMul", ["dq", "dq_weights"], ["y"]),
    ]
    return write(path, nodes, constants=(scale, zero, weights))


def external_weights(path: Path) -> Path:
    """y = x + weights, with the weights in a file of their own beside the model."""
    weights = numpy_helper.from_array(np.arange(1024, dtype=np.float32), "weights")
    x = helper.make_tensor_value_info("x", TensorProto.FLOAT, ["rows", 1024])
    y = helper.make_tensor_value_info("y", TensorProto.FLOAT, ["rows", 1024])
    graph = helper.make_graph([helper.make_node("Add", ["x", "weights"], ["y"])], "model", [x], [y], [weights])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    onnx.save(model, path, save_as_external_data=True, location="weights.bin", size_threshold=0)
    return path
