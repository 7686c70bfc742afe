"""NumPy arrays ↔ the raw contents of tensors: little-endian elements; a BYTES element is its 4-byte length and data.

How arrays stand for tensors is told in `pyserver.tensors`, which does the work.
"""

from __future__ import annotations

from collections.abc import Sequence

from pyserver.errors import PyserverError
from pyserver.tensors import DTYPES, Array, datatype_of, to_array, to_tensor
from pyserver.v1 import tensor_pb2
from pyserver_loadgen.protocols.errors import RequestError
from pyserver_loadgen.protocols.metadata import TensorSpec


def raw_contents(array: Array, datatype: str) -> bytes:
    """The elements back to back. Raises RequestError."""
    try:
        tensor = to_tensor(array, datatype)
    except PyserverError as error:
        raise RequestError(error.message) from None
    if datatype != "BYTES":
        return tensor.raw
    return b"".join(len(value).to_bytes(4, "little") + value for value in tensor.elements.values)


def bytes_elements(array: Array) -> list[bytes]:
    """The elements of an array that stands for BYTES. Raises RequestError."""
    try:
        return list(to_tensor(array, "BYTES").elements.values)
    except PyserverError as error:
        raise RequestError(error.message) from None


def array_of_contents(raw: bytes, datatype: str, shape: Sequence[int]) -> Array:
    """The array that `raw_contents` was made of. Raises RequestError where the sizes do not fit."""
    if datatype not in DTYPES:
        raise RequestError(f"an answer has the datatype {datatype!r}, which is none of {', '.join(DTYPES)}")
    try:
        return to_array(tensor_pb2.Tensor(datatype=f"DATATYPE_{datatype}", shape=shape, raw=raw))
    except ValueError as error:
        raise RequestError(f"an answer's tensor of {datatype} {list(shape)} has {len(raw)} bytes: {error}") from None


def check_input(array: Array, spec: TensorSpec) -> None:
    """That the model takes the array. Raises RequestError."""
    try:
        datatype = datatype_of(array)
    except PyserverError as error:
        raise RequestError(f"input {spec.name!r}: {error.message}") from None
    if datatype != spec.datatype and not (spec.datatype == "BF16" and datatype == "UINT16"):
        raise RequestError(f"input {spec.name!r} expects {spec.datatype}, got an array of {array.dtype} ({datatype})")
    if spec.shape is None:
        return
    fits = len(spec.shape) == array.ndim and all(
        wanted in (-1, came) for wanted, came in zip(spec.shape, array.shape, strict=True)
    )
    if not fits:
        raise RequestError(f"input {spec.name!r} expects shape {list(spec.shape)}, got {list(array.shape)}")
