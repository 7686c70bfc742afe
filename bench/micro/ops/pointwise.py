"""The ops on elements and those of post-processing beside NumPy: `./dev run python bench/micro/ops/pointwise.py`.

One thread, in turns (A B A B), the median of all turns, in microseconds. A NumPy expression makes the same result as
the ops; both take an array or its bytes and give a new one.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any

import numpy as np
from alternate import median_seconds

from pyserver import _core

ROUNDS = 5
NAMES = {"uint8": "UINT8", "int8": "INT8", "float16": "FP16", "float32": "FP32"}
MEAN, STD = np.float32([0.485, 0.456, 0.406]), np.float32([0.229, 0.224, 0.225])
SCALE = np.float32(1 / 255)

Op = tuple[str, dict[str, Any]]
NORMALIZE: Op = ("normalize", {"mean": MEAN.tolist(), "std": STD.tolist(), "scale": "1/255"})
PLANAR: Op = ("normalize", {"mean": MEAN.tolist(), "std": STD.tolist(), "channels": "first"})
LAYOUT: Op = ("layout", {"to": "CHW"})


def chain(ops: list[Op], row: np.ndarray) -> Callable[[], Any]:
    """Runs the ops as one chain."""
    made = _core.OpChain(ops, NAMES[row.dtype.name], row.shape)
    contents, shape = row.tobytes(), row.shape
    return lambda: made.run(contents, shape)


def chains(ops: list[Op], row: np.ndarray) -> Callable[[], Any]:
    """Runs each op as a chain of its own."""
    made, spec = [], (NAMES[row.dtype.name], row.shape)
    for op in ops:
        made.append(_core.OpChain([op], *spec))
        spec = (made[-1].datatype, made[-1].shape)

    def run() -> Any:
        shape, contents = row.shape, first
        for op in made:
            shape, contents = op.run(contents, shape)
        return contents

    first = row.tobytes()
    return run


def softmax(scores: np.ndarray, axis: int = -1) -> np.ndarray:
    powers = np.exp(scores - scores.max(axis=axis, keepdims=True))
    return powers / powers.sum(axis=axis, keepdims=True)


def suppressed(head: np.ndarray) -> list[np.ndarray]:
    """nms by class of a transposed head, as the op's defaults have it."""
    scores, labels = head[4:].max(0), head[4:].argmax(0)
    chosen = np.flatnonzero(scores > 0.25)
    chosen = chosen[np.argsort(-scores[chosen], kind="stable")]
    corner, half = head[:2, chosen].T, head[2:4, chosen].T / 2
    boxes = np.concatenate([corner - half, corner + half, scores[chosen, None], labels[chosen, None]], axis=1)
    stay = []
    while len(boxes):
        first, boxes = boxes[0], boxes[1:]
        stay.append(first)
        shared = np.maximum(np.minimum(first[2:4], boxes[:, 2:4]) - np.maximum(first[:2], boxes[:, :2]), 0).prod(1)
        overlap = shared / ((first[2:4] - first[:2]).prod() + (boxes[:, 2:4] - boxes[:, :2]).prod(1) - shared)
        boxes = boxes[(overlap <= 0.45) | (boxes[:, 5] != first[5])]
    return stay[:300]


def rounded_top(scores: np.ndarray, k: int) -> list[str]:
    order = np.argpartition(-scores, k)[:k]
    return [f"{scores[at]:f}:{at}" for at in order[np.argsort(-scores[order])]]


def tensor(picture: np.ndarray) -> np.ndarray:
    return picture.transpose(2, 0, 1).astype(np.float32, order="C") / np.float32(255)


def planar(picture: np.ndarray) -> np.ndarray:
    """The fastest of several ways to write normalize and layout in NumPy: channel by channel."""
    out = np.empty((3, *picture.shape[:2]), np.float32)
    for channel in range(3):
        np.multiply(picture[:, :, channel], SCALE, out=out[channel], dtype=np.float32, casting="unsafe")
        out[channel] -= MEAN[channel]
        out[channel] /= STD[channel]
    return out


def rows() -> list[tuple[str, list[Op], np.ndarray, Callable[[np.ndarray], Any]]]:
    """Name, ops, row, NumPy's way."""
    random = np.random.default_rng(0)
    picture = random.integers(0, 256, (224, 224, 3), dtype=np.uint8)
    floats = random.standard_normal((224, 224, 3)).astype(np.float32)
    scores = random.standard_normal(1000).astype(np.float32)
    places = random.standard_normal((21, 128, 128)).astype(np.float32)
    vectors = random.standard_normal((64, 384)).astype(np.float32)
    integers = random.integers(-128, 128, (1000, 384), dtype=np.int8)
    # A few hundred boxes in clusters, as the head of a detector gives them.
    head = np.zeros((84, 8400), np.float32)
    head[:4] = np.repeat(random.uniform(50, 600, (4, 21)), 400, axis=1) + random.normal(0, 5, (4, 8400))
    head[4:] = random.random((80, 8400)) * 0.2
    head[4 + random.integers(0, 3, 400), random.integers(0, 8400, 400)] = random.uniform(0.3, 1, 400)
    by_channel = MEAN.reshape(3, 1, 1), STD.reshape(3, 1, 1)
    return [
        ("normalize+layout", [NORMALIZE, LAYOUT], picture, planar),
        ("normalize+layout, FP16", [NORMALIZE, LAYOUT, ("cast", {"to": "FP16"})], picture,
         lambda x: planar(x).astype(np.float16)),
        ("to_tensor+normalize", [("to_tensor", {}), PLANAR], picture,
         lambda x: (tensor(x) - by_channel[0]) / by_channel[1]),
        ("to_tensor", [("to_tensor", {})], picture, tensor),
        ("normalize UINT8", [NORMALIZE], picture, lambda x: (x * SCALE - MEAN) / STD),
        ("normalize FP32", [NORMALIZE], floats, lambda x: (x * SCALE - MEAN) / STD),
        ("layout UINT8", [LAYOUT], picture, lambda x: np.ascontiguousarray(x.transpose(2, 0, 1))),
        ("cast FP32 to FP16", [("cast", {"to": "FP16"})], floats, lambda x: x.astype(np.float16)),
        ("cast FP32 to UINT8", [("cast", {"to": "UINT8"})], np.abs(floats), lambda x: x.astype(np.uint8)),
        ("softmax [1000]", [("softmax", {})], scores, softmax),
        ("softmax [21, 128, 128]", [("softmax", {"axis": 0})], places, lambda x: softmax(x, 0)),
        ("sigmoid [21, 128, 128]", [("sigmoid", {})], places, lambda x: 1 / (1 + np.exp(-x))),
        ("argmax [1000]", [("argmax", {})], scores, np.argmax),
        ("argmax [21, 128, 128]", [("argmax", {"axis": 0})], places, lambda x: x.argmax(0)),
        ("top_k [1000]", [("top_k", {"k": 5})], scores, lambda x: rounded_top(x, 5)),
        ("nms [84, 8400]", [("nms", {"transposed": True})], head, suppressed),
        ("threshold [21, 128, 128]", [("threshold", {"at": 0.5})], places, lambda x: x >= 0.5),
        ("l2_normalize [64, 384]", [("l2_normalize", {})], vectors,
         lambda x: x / np.maximum(np.linalg.norm(x, axis=-1, keepdims=True), 1e-12)),
        ("dequantize [1000, 384]", [("dequantize", {"scale": 0.1, "zero_point": 3})], integers,
         lambda x: (x.astype(np.float32) - np.float32(3)) * np.float32(0.1)),
        ("round [21, 128, 128]", [("round", {"decimals": 2})], places, lambda x: np.round(x, 2)),
    ]  # fmt: skip


def main() -> int:
    print("| ops | µs | apart, µs | NumPy, µs | NumPy / ops |\n|---|---|---|---|---|")
    for name, ops, row, reference in rows():
        functions = {"ours": chain(ops, row), "NumPy": lambda call=reference, row=row: call(row)}
        if len(ops) > 1:
            functions["apart"] = chains(ops, row)
        median = {who: seconds * 1e6 for who, seconds in median_seconds(functions, ROUNDS).items()}
        ours, theirs = median["ours"], median["NumPy"]
        told = f"{median['apart']:.1f}" if "apart" in median else ""
        print(f"| {name} | {ours:.1f} | {told} | {theirs:.1f} | {theirs / ours:.1f} |", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
