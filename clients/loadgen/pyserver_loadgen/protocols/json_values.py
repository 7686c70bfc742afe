"""NumPy arrays ↔ the values of JSON, for the REST protocols."""

from __future__ import annotations

import base64
import binascii
import json
import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from pyserver.tensors import DTYPES, Array
from pyserver_loadgen.protocols.contents import bytes_elements
from pyserver_loadgen.protocols.errors import RequestError


def compact(value: Any) -> bytes:
    """As JSON without blanks, in UTF-8."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"), allow_nan=False).encode()


def read_object(answer: bytes) -> dict[str, Any]:
    """The JSON object that a server answered. Raises RequestError."""
    try:
        value = json.loads(answer)
    except (ValueError, RecursionError) as error:
        raise RequestError(f"an answer of {len(answer)} bytes is no JSON: {error}") from None
    if not isinstance(value, dict):
        raise RequestError(f"an answer is no JSON object but a {type(value).__name__}")
    return value


def numbers(array: Array, name: str, datatype: str) -> Any:
    """The array's elements as nested lists of numbers and truths. Raises RequestError."""
    if datatype == "BF16":
        raise RequestError(f"input {name!r} is BF16, which JSON cannot carry: use a gRPC protocol")
    if array.dtype.kind == "f" and not np.isfinite(array).all():
        raise RequestError(f"input {name!r} has elements that are not finite, which JSON cannot carry")
    return array.tolist()


def texts(array: Array, name: str) -> list[str]:
    """The elements of a BYTES array. Raises RequestError where they are no text."""
    try:
        return [value.decode() for value in bytes_elements(array)]
    except UnicodeDecodeError:
        raise RequestError(
            f"input {name!r} has elements that are not UTF-8 text, which JSON cannot carry: use a gRPC protocol"
        ) from None


def base64_objects(array: Array) -> Any:
    """A BYTES array as nested lists of {"b64": …}."""
    flat = [{"b64": base64.b64encode(value).decode()} for value in bytes_elements(array)]
    return nested(flat, array.shape)


def nested(flat: Sequence[Any], shape: Sequence[int]) -> Any:
    """The elements as lists in lists."""
    if not shape:
        return flat[0]
    step = math.prod(shape[1:])
    return [nested(flat[place * step : (place + 1) * step], shape[1:]) for place in range(shape[0])]


def array_of_values(values: Any, name: str, datatype: str, shape: Sequence[int] | None = None) -> Array:
    """An output's lists, nested or flat, as an array. Raises RequestError."""
    try:
        if datatype == "BYTES":
            return _bytes_array(values, shape)
        array = np.asarray(values).astype(DTYPES[datatype])
        return array if shape is None else array.reshape(tuple(shape))
    except (KeyError, ValueError, TypeError, OverflowError, binascii.Error):
        told = "" if shape is None else f" of shape {list(shape)}"
        raise RequestError(f"output {name!r} is no {datatype} tensor{told}") from None


def _bytes_array(values: Any, shape: Sequence[int] | None) -> Array:
    flat: list[bytes] = []
    sizes: list[int] = []

    def walk(value: Any, depth: int) -> None:
        if isinstance(value, list):
            if depth == len(sizes):
                sizes.append(len(value))
            if len(value) != sizes[depth]:
                raise ValueError
            for inner in value:
                walk(inner, depth + 1)
        elif isinstance(value, dict):
            flat.append(base64.b64decode(value["b64"], validate=True))
        else:
            flat.append(str(value).encode())

    walk(values, 0)
    array = np.empty(len(flat), object)
    array[:] = flat
    return array.reshape(tuple(sizes if shape is None else shape))
