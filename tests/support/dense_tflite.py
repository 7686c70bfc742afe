"""The TFLite file of y = relu(x @ weights + bias), encoded by hand.

Field numbers are those of tensorflow/compiler/mlir/lite/schema/schema.fbs in https://github.com/tensorflow/tensorflow
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import flatbuffers
import numpy as np

_FULLY_CONNECTED = 9  # BuiltinOperator
_FULLY_CONNECTED_OPTIONS = 8  # BuiltinOptions
_RELU = 1  # ActivationFunctionType


def _table(builder: flatbuffers.Builder, fields: int, *fill: Callable[[], None]) -> int:
    builder.StartObject(fields)
    for slot in fill:
        slot()
    return int(builder.EndObject())


def _tables(builder: flatbuffers.Builder, offsets: Sequence[int]) -> int:
    builder.StartVector(4, len(offsets), 4)
    for offset in reversed(offsets):
        builder.PrependUOffsetTRelative(offset)
    return int(builder.EndVector())


class _Writer:
    def __init__(self) -> None:
        self.b = flatbuffers.Builder(1024)

    def ints(self, *values: int) -> int:
        return int(self.b.CreateNumpyVector(np.array(values, np.int32)))

    def offset(self, slot: int, offset: int) -> Callable[[], None]:
        return lambda: self.b.PrependUOffsetTRelativeSlot(slot, offset, 0)

    def number(self, slot: int, value: int) -> Callable[[], None]:
        return lambda: self.b.PrependUint32Slot(slot, value, 0)

    def byte(self, slot: int, value: int) -> Callable[[], None]:
        return lambda: self.b.PrependUint8Slot(slot, value, 0)

    def buffer(self, values: np.ndarray | None = None) -> int:
        if values is None:
            return _table(self.b, 1)
        self.b.StartVector(1, values.nbytes, 16)
        self.b.head -= values.nbytes
        self.b.Bytes[self.b.Head() : self.b.Head() + values.nbytes] = values.astype("<f4").tobytes()
        return _table(self.b, 1, self.offset(0, int(self.b.EndVector())))

    def tensor(self, name: str, buffer: int, *shape: int) -> int:
        signature = self.ints(*shape)
        # A free dimension is -1 in the signature and 1 in the shape.
        now = self.ints(*(max(size, 1) for size in shape))
        text = int(self.b.CreateString(name))
        slots = (self.offset(0, now), self.number(2, buffer), self.offset(3, text), self.offset(7, signature))
        return _table(self.b, 8, *slots)


def write(path: Path, weights: np.ndarray, bias: np.ndarray, rows: int) -> Path:
    w = _Writer()
    width, height = weights.shape
    buffers = _tables(w.b, [w.buffer(), w.buffer(np.ascontiguousarray(weights.T)), w.buffer(bias)])
    tensors = _tables(
        w.b,
        [
            w.tensor("x", 0, rows, width),
            w.tensor("weights", 1, height, width),
            w.tensor("bias", 2, height),
            w.tensor("y", 0, rows, height),
        ],
    )
    inputs, outputs, arguments = w.ints(0), w.ints(3), w.ints(0, 1, 2)
    options = _table(w.b, 1, w.byte(0, _RELU))
    slots = (w.offset(1, arguments), w.offset(2, outputs), w.byte(3, _FULLY_CONNECTED_OPTIONS), w.offset(4, options))
    operators = _tables(w.b, [_table(w.b, 5, *slots)])
    subgraph = _table(w.b, 4, w.offset(0, tensors), w.offset(1, inputs), w.offset(2, outputs), w.offset(3, operators))
    subgraphs = _tables(w.b, [subgraph])
    codes = _tables(w.b, [_table(w.b, 4, w.byte(0, _FULLY_CONNECTED), w.number(3, _FULLY_CONNECTED))])
    model = _table(w.b, 5, w.number(0, 3), w.offset(1, codes), w.offset(2, subgraphs), w.offset(4, buffers))
    w.b.Finish(model, b"TFL3")
    path.write_bytes(bytes(w.b.Output()))
    return path
