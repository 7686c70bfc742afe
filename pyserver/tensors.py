"""NumPy arrays ↔ tensors on the wire. Nothing is cast: an array has exactly one datatype.

BYTES is an array of str, bytes or objects of these, and comes back as an object array of bytes.
BF16, which NumPy lacks, is an array of ml_dtypes' bfloat16, or uint16 bit patterns with datatype="BF16"; it comes back
as uint16 bit patterns.
"""

from typing import Any

import numpy as np
import numpy.typing as npt

from pyserver.errors import PyserverError
from pyserver.v1 import tensor_pb2

Array = npt.NDArray[Any]

DTYPES: dict[str, "np.dtype[Any]"] = {
    "BOOL": np.dtype("?"),
    "UINT8": np.dtype("u1"),
    "UINT16": np.dtype("<u2"),
    "UINT32": np.dtype("<u4"),
    "UINT64": np.dtype("<u8"),
    "INT8": np.dtype("i1"),
    "INT16": np.dtype("<i2"),
    "INT32": np.dtype("<i4"),
    "INT64": np.dtype("<i8"),
    "FP16": np.dtype("<f2"),
    "BF16": np.dtype("<u2"),
    "FP32": np.dtype("<f4"),
    "FP64": np.dtype("<f8"),
    "BYTES": np.dtype(object),
}
_DATATYPES = {dtype: datatype for datatype, dtype in DTYPES.items() if datatype != "BF16"}


def datatype_of(array: Array) -> str:
    """The datatype that the array is sent as. Raises PyserverError."""
    if array.dtype.kind in "OSU":
        return "BYTES"
    if array.dtype.name == "bfloat16":
        return "BF16"
    datatype = _DATATYPES.get(array.dtype.newbyteorder("<"))
    if datatype is None:
        raise PyserverError(f"an array of {array.dtype} has no datatype: convert it first, with astype()")
    return datatype


def to_tensor(array: Array, datatype: str | None = None) -> tensor_pb2.Tensor:
    """The array as a tensor. `datatype` is only needed for BF16 bit patterns. Raises PyserverError."""
    own = datatype_of(array)
    datatype = datatype or own
    if datatype != own and not (datatype == "BF16" and own == "UINT16"):
        raise PyserverError(f"an array of {array.dtype} is {own}, not {datatype}: convert it first, with astype()")
    tensor = tensor_pb2.Tensor(datatype=f"DATATYPE_{datatype}", shape=array.shape)
    if datatype == "BYTES":
        tensor.elements.values.extend(_element(value) for value in array.ravel().tolist())
    else:
        little = array if array.dtype.name == "bfloat16" else array.astype(array.dtype.newbyteorder("<"), copy=False)
        tensor.raw = little.tobytes()
    return tensor


def to_array(tensor: tensor_pb2.Tensor) -> Array:
    """The tensor as an array, read-only where it shares the message's memory."""
    datatype = datatype_name(tensor.datatype)
    shape = tuple(tensor.shape)
    if datatype != "BYTES":
        return np.frombuffer(tensor.raw, DTYPES[datatype]).reshape(shape)
    values = list(tensor.elements.values) if tensor.HasField("elements") else _split(tensor.raw)
    array = np.empty(len(values), object)
    array[:] = values
    return array.reshape(shape)


def datatype_name(value: int) -> str:
    """`FP32` for DATATYPE_FP32."""
    name: str = tensor_pb2.Datatype.Name(value)
    return name.removeprefix("DATATYPE_")


def _element(value: Any) -> bytes:
    if isinstance(value, bytes):
        return value
    if isinstance(value, str):
        return value.encode()
    raise PyserverError(f"a BYTES tensor holds bytes and str, not {type(value).__name__}")


def _split(raw: bytes) -> list[bytes]:
    """BYTES elements back to back: a 4-byte little-endian length and the data."""
    values, place = [], 0
    while place < len(raw):
        end = place + 4 + int.from_bytes(raw[place : place + 4], "little")
        values.append(raw[place + 4 : end])
        place = end
    return values
