"""Device memory of the core as PyTorch's tensors, without a copy."""

from __future__ import annotations

from collections.abc import Sequence

import torch

# Open Inference Protocol → PyTorch, and as the CUDA array interface spells it, which has no bfloat16.
_TYPES: dict[str, tuple[torch.dtype, str]] = {
    "BOOL": (torch.bool, "|b1"),
    "UINT8": (torch.uint8, "|u1"),
    "INT8": (torch.int8, "|i1"),
    "INT16": (torch.int16, "<i2"),
    "INT32": (torch.int32, "<i4"),
    "INT64": (torch.int64, "<i8"),
    "FP16": (torch.float16, "<f2"),
    "BF16": (torch.bfloat16, "<i2"),
    "FP32": (torch.float32, "<f4"),
    "FP64": (torch.float64, "<f8"),
}


class _DeviceMemory:
    """https://numba.readthedocs.io/en/stable/cuda/cuda_array_interface.html, version 3."""

    def __init__(self, address: int, shape: Sequence[int], type_string: str) -> None:
        self.__cuda_array_interface__ = {
            "shape": tuple(shape),
            "typestr": type_string,
            "data": (address, False),
            "strides": None,
            "version": 3,
        }


def dtype_of(datatype: str) -> torch.dtype:
    """Raises ValueError for a datatype that PyTorch does not compute with."""
    if datatype not in _TYPES:
        raise ValueError(f"expected one of {', '.join(_TYPES)}, got {datatype}")
    return _TYPES[datatype][0]


def datatype_of(dtype: torch.dtype) -> str:
    """Raises ValueError for what no client can be sent."""
    for datatype, (known, _) in _TYPES.items():
        if known == dtype:
            return datatype
    raise ValueError(f"expected one of {', '.join(str(known) for known, _ in _TYPES.values())}, got {dtype}")


def tensor_at(address: int, datatype: str, shape: Sequence[int], device: torch.device) -> torch.Tensor:
    """The memory at `address`, dense, as a tensor. It is not kept alive by it."""
    dtype, type_string = _TYPES[datatype]
    tensor = torch.as_tensor(_DeviceMemory(address, shape, type_string), device=device)
    if tensor.numel() and tensor.data_ptr() != address:
        raise RuntimeError(f"expected a view of the memory at {address:#x}, got a copy at {tensor.data_ptr():#x}")
    return tensor.view(dtype) if tensor.dtype != dtype else tensor
