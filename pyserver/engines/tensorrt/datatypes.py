"""TensorRT's names of datatypes → the server's, and the bytes of an element."""

from __future__ import annotations

from typing import Any

# By the names of TensorRT's enumeration. What is missing (FP8, INT4, FP4, E8M0) has no name in the protocols.
_DATATYPES = {
    "FLOAT": "FP32",
    "HALF": "FP16",
    "BF16": "BF16",
    "INT8": "INT8",
    "INT32": "INT32",
    "INT64": "INT64",
    "UINT8": "UINT8",
    "BOOL": "BOOL",
}
_BYTES = {"FP32": 4, "FP16": 2, "BF16": 2, "INT8": 1, "INT32": 4, "INT64": 8, "UINT8": 1, "BOOL": 1}


def datatype_of(data_type: Any) -> str | None:
    """The server's name of a TensorRT DataType, or None where it has none."""
    return _DATATYPES.get(data_type.name)


def element_bytes(datatype: str) -> int:
    """Of a datatype that datatype_of() gives."""
    return _BYTES[datatype]
