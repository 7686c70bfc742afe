"""Which files an ONNX model consists of: the graph's, and those that its weights lie in.

Reads just as much of the protobuf message as that takes, because the package `onnx` is not among what the server needs.
Field numbers are those of onnx.proto in https://github.com/onnx/onnx
"""

from __future__ import annotations

import mmap
from collections.abc import Iterator, Mapping
from pathlib import Path

from pyserver.errors import ModelLoadError

# What leads from a model to the tensors in it: by message, the fields that are looked into.
_INTO: Mapping[str, Mapping[int, str]] = {
    "Model": {7: "Graph", 25: "Function"},
    "Graph": {1: "Node", 5: "Tensor", 15: "SparseTensor"},
    "Function": {7: "Node"},
    "Node": {5: "Attribute"},
    "Attribute": {5: "Tensor", 6: "Graph", 10: "Tensor", 11: "Graph", 22: "SparseTensor", 23: "SparseTensor"},
    "SparseTensor": {1: "Tensor", 2: "Tensor"},
    "Tensor": {13: "Entry"},
}
_MAX_DEPTH = 64
_VARINT, _FIXED64, _BYTES, _FIXED32 = 0, 1, 2, 5


def files_of(model: Path) -> list[Path]:
    """The model's file, then those with its external data. Raises ModelLoadError for what is no ONNX model."""
    with model.open("rb") as file:
        if not model.stat().st_size:
            raise ModelLoadError(f"{model}: expected an ONNX model, got an empty file")
        problem = ""
        with mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as mapped, memoryview(mapped) as view:
            try:
                names = sorted(set(_locations(view, "Model", 0)))
            except ValueError as error:
                problem = str(error)  # not the error itself: its frames look into the file, which is closed next
    if problem:
        raise ModelLoadError(f"{model}: expected an ONNX model, got something else ({problem})")
    return [model, *(_beside(model, name) for name in names)]


def _beside(model: Path, name: str) -> Path:
    path = model.parent / name
    if not path.resolve().is_relative_to(model.parent.resolve()):
        raise ModelLoadError(f"{model}: its weights lie in {name!r}, which is not in the model's folder")
    if not path.is_file():
        raise ModelLoadError(f"{model}: expected its weights in {name}, found no such file")
    return path


def _locations(message: memoryview, kind: str, depth: int) -> Iterator[str]:
    if depth > _MAX_DEPTH:
        raise ValueError("messages nested too deep")
    if kind == "Entry":
        pair = {number: bytes(value) for number, value in _fields(message) if number in (1, 2)}
        if pair.get(1) == b"location":
            yield pair.get(2, b"").decode("utf-8")
        return
    into = _INTO[kind]
    for number, value in _fields(message):
        if number in into:
            with value:
                yield from _locations(value, into[number], depth + 1)


def _fields(message: memoryview) -> Iterator[tuple[int, memoryview]]:
    """The fields of a message that hold bytes; the others are stepped over. Raises ValueError."""
    at, end = 0, len(message)
    while at < end:
        tag, at = _varint(message, at)
        number, kind = tag >> 3, tag & 7
        if kind == _BYTES:
            size, at = _varint(message, at)
            if size > end - at:
                raise ValueError(f"a field of {size} bytes where {end - at} are left")
            yield number, message[at : at + size]
            at += size
        elif kind == _VARINT:
            _, at = _varint(message, at)
        elif kind in (_FIXED64, _FIXED32):
            at += 8 if kind == _FIXED64 else 4
        else:
            raise ValueError(f"a field of the unknown kind {kind}")
    if at != end:
        raise ValueError("the message is cut off")


def _varint(message: memoryview, at: int) -> tuple[int, int]:
    value = 0
    for shift in range(0, 70, 7):
        if at >= len(message):
            raise ValueError("the message is cut off")
        byte = message[at]
        at += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value, at
    raise ValueError("a number of more than 10 bytes")
