"""NumPy arrays ↔ TensorFlow's TensorProto."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from pyserver.tensorflow_serving.v1 import predict_pb2 as pb
from pyserver.tensors import DTYPES, Array
from pyserver_loadgen.protocols.contents import array_of_contents, bytes_elements, raw_contents
from pyserver_loadgen.protocols.errors import RequestError

# By our name of the datatype: TensorFlow's name of it, and the list that holds elements that are not in tensor_content.
_TYPES = {
    "FP32": ("FLOAT", "float_val"),
    "FP64": ("DOUBLE", "double_val"),
    "INT32": ("INT32", "int_val"),
    "UINT8": ("UINT8", "int_val"),
    "INT16": ("INT16", "int_val"),
    "INT8": ("INT8", "int_val"),
    "BYTES": ("STRING", "string_val"),
    "INT64": ("INT64", "int64_val"),
    "BOOL": ("BOOL", "bool_val"),
    "BF16": ("BFLOAT16", "half_val"),
    "UINT16": ("UINT16", "int_val"),
    "FP16": ("HALF", "half_val"),
    "UINT32": ("UINT32", "uint32_val"),
    "UINT64": ("UINT64", "uint64_val"),
}
_DATATYPES = {pb.DataType.Value(f"DATA_TYPE_{told}"): datatype for datatype, (told, _) in _TYPES.items()}
_NAMES = {told: datatype for datatype, (told, _) in _TYPES.items()}


def tensorflow_datatype(name: str) -> str:
    """`FP32` for "DT_FLOAT". Raises RequestError."""
    datatype = _NAMES.get(name.removeprefix("DT_"))
    if datatype is None:
        raise RequestError(f"TensorFlow's datatype {name} has no counterpart here")
    return datatype


def tensorflow_datatype_of(number: int) -> str:
    """`FP32` for DT_FLOAT's number. Raises RequestError."""
    if number not in _DATATYPES:
        raise RequestError(f"TensorFlow's datatype {number} has no counterpart here")
    return _DATATYPES[number]


def to_tensorflow(array: Array, datatype: str) -> pb.Tensor:
    """Raises RequestError."""
    tensor = pb.Tensor(dtype=f"DATA_TYPE_{_TYPES[datatype][0]}")
    tensor.tensor_shape.SetInParent()
    for size in array.shape:
        tensor.tensor_shape.dim.add(size=size)
    if datatype == "BYTES":
        tensor.string_val.extend(bytes_elements(array))
    else:
        tensor.tensor_content = raw_contents(array, datatype)
    return tensor


def from_tensorflow(tensor: pb.Tensor) -> Array:
    """Raises RequestError."""
    datatype = tensorflow_datatype_of(tensor.dtype)
    shape = tuple(dim.size for dim in tensor.tensor_shape.dim)
    if tensor.tensor_content:
        return array_of_contents(tensor.tensor_content, datatype, shape)
    values: list[Any] = list(getattr(tensor, _TYPES[datatype][1]))
    count = math.prod(shape)
    if len(values) > count or (count and not values):
        raise RequestError(f"an answer's tensor of {datatype} {list(shape)} has {len(values)} elements")
    values += values[-1:] * (count - len(values))
    if datatype == "FP16":
        return np.array(values, np.uint16).view(np.float16).reshape(shape)
    array = np.empty(count, DTYPES[datatype])
    array[:] = values
    return array.reshape(shape)
