"""ResNet-50 as ONNX, from the graph that the package `onnx` carries for its own tests.

That graph has no weights: nodes fill them with one constant. Here they are random numbers of a seed (with He's spread,
so that activations stay finite), and the batch dimension is free. What an execution costs is what it costs with trained
weights; what it answers means nothing.

Input    gpu_0/data_0: FP32 [batch, 3, 224, 224]
Output   gpu_0/softmax_1: FP32 [batch, 1000]
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import onnx
from onnx import numpy_helper

_GRAPH = Path("backend/test/data/light/light_resnet50.onnx")
_IMAGES = "gpu_0/data_0"
_FLATTENED = "OC2_DUMMY_1"  # the shape [1, 2048] before the last layer
# Scale, bias, mean and variance of a BatchNormalization, in the order of its inputs. With this scale the softmax
# neither gives all classes the same nor one of them everything: pictures have answers that differ.
_NORMAL = (0.6, 0.0, 0.0, 1.0)


def build(seed: int = 0) -> onnx.ModelProto:
    """The model, about 100 MB."""
    model = onnx.load(Path(onnx.__file__).parent / _GRAPH)
    # From this version on initializers need not be inputs too.
    model.ir_version = 8
    graph = model.graph
    shapes = {tensor.name: numpy_helper.to_array(tensor) for tensor in graph.initializer}
    fills = {node.output[0]: shapes[node.input[0]] for node in graph.node if node.op_type == "ConstantOfShape"}
    made = [
        numpy_helper.from_array(values.astype(np.float32), name)
        for name, values in _weights(graph, fills, np.random.default_rng(seed))
    ]
    kept = [tensor for tensor in graph.initializer if not tensor.name.endswith("__SHAPE")]
    kept = [_free(tensor) if tensor.name == _FLATTENED else tensor for tensor in kept]
    nodes = [node for node in graph.node if node.op_type != "ConstantOfShape"]
    inputs = [value for value in graph.input if value.name == _IMAGES]
    for repeated, new in ((graph.node, nodes), (graph.initializer, [*kept, *made]), (graph.input, inputs)):
        del repeated[:]
        repeated.extend(new)
    for value in (*graph.input, *graph.output):
        value.type.tensor_type.shape.dim[0].dim_param = "batch"
    del graph.value_info[:]
    onnx.checker.check_model(model)
    return model


def _weights(
    graph: onnx.GraphProto, fills: dict[str, np.ndarray], random: np.random.Generator
) -> Iterator[tuple[str, np.ndarray]]:
    """Everything that was filled with a constant, by the node that takes it."""
    for node in graph.node:
        for place, name in enumerate(node.input[1:]):
            if name not in fills:
                continue
            shape = tuple(fills[name])
            if node.op_type == "BatchNormalization":
                yield name, np.full(shape, _NORMAL[place])
            elif place == 0:
                yield name, random.standard_normal(shape, np.float32) * np.sqrt(2 / np.prod(shape[1:]))
            else:
                yield name, np.zeros(shape)


def _free(shape: onnx.TensorProto) -> onnx.TensorProto:
    return numpy_helper.from_array(np.array([-1, *numpy_helper.to_array(shape)[1:]], np.int64), shape.name)


if __name__ == "__main__":
    onnx.save(build(), sys.argv[1])
