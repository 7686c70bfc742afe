"""One tiny model in every format that OpenVINO reads: y = relu(x @ WEIGHTS + BIAS), x: FP32 [rows, 4].

None needs the framework that the format belongs to.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import dense_paddle
import dense_tensorflow
import dense_tflite
import numpy as np
import openvino as ov
from onnx import TensorProto, helper, numpy_helper
from openvino import opset13

WEIGHTS = np.array([[1, -2, 0.5], [3, 0, -1], [-0.25, 4, 2], [0, 1, -3]], np.float32)
BIAS = np.array([0.5, -1, 2], np.float32)
ANY = -1  # the number of rows where the file leaves it open


def answer(x: np.ndarray) -> np.ndarray:
    """What the model gives for x."""
    return np.maximum(x @ WEIGHTS + BIAS, 0)


def _write_onnx(folder: Path, rows: int) -> Path:
    size = "rows" if rows == ANY else rows
    x = helper.make_tensor_value_info("x", TensorProto.FLOAT, [size, 4])
    y = helper.make_tensor_value_info("y", TensorProto.FLOAT, [size, 3])
    nodes = [helper.make_node("Gemm", ["x", "weights", "bias"], ["sum"]), helper.make_node("Relu", ["sum"], ["y"])]
    constants = [numpy_helper.from_array(WEIGHTS, "weights"), numpy_helper.from_array(BIAS, "bias")]
    graph = helper.make_graph(nodes, "dense", [x], [y], constants)
    path = folder / "dense.onnx"
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    path.write_bytes(model.SerializeToString())
    return path


def _write_ir(folder: Path, rows: int) -> Path:
    x = opset13.parameter([rows, 4], np.float32, name="x")
    total = opset13.add(opset13.matmul(x, opset13.constant(WEIGHTS), False, False), opset13.constant(BIAS))
    y = opset13.result(opset13.relu(total), name="y")
    x.output(0).set_names({"x"})
    y.input_value(0).set_names({"y"})
    path = folder / "dense.xml"
    ov.save_model(ov.Model([y], [x], "dense"), path, compress_to_fp16=False)
    return path


def _write_frozen_graph(folder: Path, rows: int) -> Path:
    return dense_tensorflow.write_frozen_graph(folder / "dense.pb", WEIGHTS, BIAS, rows)


def _write_saved_model(folder: Path, rows: int) -> Path:
    return dense_tensorflow.write_saved_model(folder / "model.savedmodel", WEIGHTS, BIAS, rows)


def _write_tflite(folder: Path, rows: int) -> Path:
    return dense_tflite.write(folder / "dense.tflite", WEIGHTS, BIAS, rows)


def _write_paddle(folder: Path, rows: int) -> Path:
    return dense_paddle.write(folder / "dense.pdmodel", WEIGHTS, BIAS, rows)


@dataclass(frozen=True)
class DenseFormat:
    """How the model is written in a format, and what its tensors are called there."""

    write: Callable[[Path, int], Path]  # into a folder, with so many rows; the file that holds the graph
    input: str = "x"
    output: str = "y"
    weights: str | None = None  # where they are kept in a file of their own: below the folder of the graph


FORMATS = {
    "onnx": DenseFormat(_write_onnx),
    "ir": DenseFormat(_write_ir, weights="dense.bin"),
    # TensorFlow's tensors are called "<node>:<which of its outputs>"; a SavedModel's signature has names of its own.
    "frozen_graph": DenseFormat(_write_frozen_graph, "x:0", "y:0"),
    "saved_model": DenseFormat(_write_saved_model, "features", "scores", "variables/variables.data-00000-of-00001"),
    "tflite": DenseFormat(_write_tflite),
    "paddle": DenseFormat(_write_paddle, weights="dense.pdiparams"),
}
