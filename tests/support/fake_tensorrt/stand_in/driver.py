"""The double of the CUDA driver, by ctypes: what a TensorRT would call of CUDA."""

from __future__ import annotations

import ctypes
from collections.abc import Sequence
from dataclasses import dataclass

READ, WRITE = 1, 2
_OUT_OF_MEMORY = 2
_NO_CAPTURE = 0
_MAJOR, _MINOR = 75, 76  # CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_…


class CudaError(Exception):
    """A call of the driver that failed."""

    def __init__(self, function: str, code: int) -> None:
        self.code = code
        super().__init__(f"{function}: CUDA error {code}")

    @property
    def out_of_memory(self) -> bool:
        return self.code == _OUT_OF_MEMORY


class _Access(ctypes.Structure):
    _fields_ = [("address", ctypes.c_uint64), ("bytes", ctypes.c_size_t), ("kind", ctypes.c_int)]


@dataclass(frozen=True)
class Access:
    address: int
    size: int
    kind: int


@dataclass(frozen=True)
class Block:
    """Device memory, and the context that it belongs to."""

    address: int
    context: int


class Driver:
    """Needs a current context, as every call of the driver does."""

    def __init__(self) -> None:
        self._library = ctypes.CDLL("libcuda.so.1")

    def compute_capability(self) -> str:
        """Of the double's devices, which are all alike. A context must be current: the engine would lie there."""
        current = ctypes.c_void_p()
        self._call("cuCtxGetCurrent", ctypes.byref(current))
        if not current.value:
            raise AssertionError("expected the device's context to be current where TensorRT is called")
        major, minor = ctypes.c_int(), ctypes.c_int()
        self._call("cuDeviceGetAttribute", ctypes.byref(major), ctypes.c_int(_MAJOR), ctypes.c_int(0))
        self._call("cuDeviceGetAttribute", ctypes.byref(minor), ctypes.c_int(_MINOR), ctypes.c_int(0))
        return f"{major.value}.{minor.value}"

    def take(self, size: int) -> Block:
        context, address = ctypes.c_void_p(), ctypes.c_uint64()
        self._call("cuCtxGetCurrent", ctypes.byref(context))
        self._call("cuMemAlloc_v2", ctypes.byref(address), ctypes.c_size_t(size))
        return Block(address.value, context.value or 0)

    def give_back(self, block: Block) -> None:
        """On any thread: the runtime library, by which TensorRT calls the driver, finds the context by itself.

        It must still be alive, though: with it, the memory would be gone already.
        """
        popped = ctypes.c_void_p()
        self._call("cuCtxPushCurrent_v2", ctypes.c_void_p(block.context))
        self._call("cuMemFree_v2", ctypes.c_uint64(block.address))
        self._call("cuCtxPopCurrent_v2", ctypes.byref(popped))

    def is_capturing(self, stream: int) -> bool:
        status = ctypes.c_int()
        self._call("cuStreamIsCapturing", ctypes.c_void_p(stream), ctypes.byref(status))
        return status.value != _NO_CAPTURE

    def launch(self, stream: int, op: str, arguments: bytes, accesses: Sequence[Access]) -> None:
        ranges = (_Access * len(accesses))(*[(access.address, access.size, access.kind) for access in accesses])
        self._call(
            "fakeLaunchNamed",
            ctypes.c_void_p(stream),
            op.encode(),
            arguments,
            ctypes.c_size_t(len(arguments)),
            ranges,
            ctypes.c_size_t(len(accesses)),
        )

    def read(self, stream: int, address: int, size: int) -> bytes:
        """Waits for the stream: no graph can hold that."""
        target = ctypes.create_string_buffer(size)
        self._call(
            "cuMemcpyDtoHAsync_v2", target, ctypes.c_uint64(address), ctypes.c_size_t(size), ctypes.c_void_p(stream)
        )
        self._call("cuStreamSynchronize", ctypes.c_void_p(stream))
        return target.raw

    def _call(self, function: str, *arguments: object) -> None:
        code = getattr(self._library, function)(*arguments)
        if code != 0:
            raise CudaError(function, code)
