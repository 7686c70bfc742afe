"""The GPU's driver as the kernel's own module offers it, by ctypes: for reports and measurements.

What serves models is csrc/cuda. This is for `pyserver doctor`, which must answer also where the core cannot be loaded,
and for programs that stand beside the server: benchmarks, and clients with CUDA shared memory.
"""

from __future__ import annotations

import ctypes
from dataclasses import dataclass
from typing import Any

from pyserver.errors import PyserverError

LIBRARY = "libcuda.so.1"
# CUdevice_attribute in cuda.h.
_COMPUTE_MAJOR, _COMPUTE_MINOR = 75, 76


class CudaError(PyserverError):
    """The driver is not there, or refuses something."""


@dataclass(frozen=True)
class Gpu:
    """A device, as the driver counts them."""

    ordinal: int
    name: str
    memory_bytes: int
    compute_capability: tuple[int, int]
    pci_bus_id: str


class CudaApi:
    """The driver's functions. Thread-safe, as they are; a context is current for one thread."""

    def __init__(self, library: str = LIBRARY) -> None:
        """Raises CudaError where there is no driver, or none that works."""
        try:
            self._functions = ctypes.CDLL(library)
        except OSError as error:
            raise CudaError(f"no NVIDIA driver: {library} cannot be loaded ({error})") from None
        self.call("cuInit", ctypes.c_uint(0))

    def call(self, function: str, *arguments: Any) -> None:
        """`arguments` are ctypes' objects. Raises CudaError with the driver's name for what went wrong."""
        try:
            entry = getattr(self._functions, function)
        except AttributeError:
            raise CudaError(f"the driver has no function {function}: it is too old") from None
        if result := entry(*arguments):
            name = ctypes.c_char_p()
            self._functions.cuGetErrorName(result, ctypes.byref(name))
            raise CudaError(f"{function}: {(name.value or b'unknown error').decode()} ({result})")

    @property
    def version(self) -> tuple[int, int]:
        """The newest CUDA that the driver serves, such as (13, 0)."""
        number = ctypes.c_int()
        self.call("cuDriverGetVersion", ctypes.byref(number))
        return number.value // 1000, number.value % 1000 // 10

    def gpus(self) -> list[Gpu]:
        """Every device that this process may use."""
        count = ctypes.c_int()
        self.call("cuDeviceGetCount", ctypes.byref(count))
        return [self._gpu(ordinal) for ordinal in range(count.value)]

    def _gpu(self, ordinal: int) -> Gpu:
        device = self.device(ordinal)
        name, bus = ctypes.create_string_buffer(256), ctypes.create_string_buffer(32)
        memory = ctypes.c_size_t()
        self.call("cuDeviceGetName", name, len(name), device)
        self.call("cuDeviceTotalMem_v2", ctypes.byref(memory), device)
        self.call("cuDeviceGetPCIBusId", bus, len(bus), device)
        capability = []
        for attribute in (_COMPUTE_MAJOR, _COMPUTE_MINOR):
            value = ctypes.c_int()
            self.call("cuDeviceGetAttribute", ctypes.byref(value), attribute, device)
            capability.append(value.value)
        return Gpu(ordinal, name.value.decode(), memory.value, (capability[0], capability[1]), bus.value.decode())

    def device(self, ordinal: int) -> ctypes.c_int:
        """Its handle."""
        device = ctypes.c_int()
        self.call("cuDeviceGet", ctypes.byref(device), ctypes.c_int(ordinal))
        return device


class CudaContext:
    """A device's primary context, current for the thread within the `with` block."""

    def __init__(self, api: CudaApi, ordinal: int = 0) -> None:
        self.api = api
        self._device = api.device(ordinal)

    def __enter__(self) -> CudaContext:
        context = ctypes.c_void_p()
        self.api.call("cuDevicePrimaryCtxRetain", ctypes.byref(context), self._device)
        self.api.call("cuCtxPushCurrent_v2", context)
        return self

    def __exit__(self, *_: object) -> None:
        self.api.call("cuCtxPopCurrent_v2", ctypes.byref(ctypes.c_void_p()))
        self.api.call("cuDevicePrimaryCtxRelease_v2", self._device)

    def allocate(self, size: int) -> int:
        """Device memory; its address. free() gives it back."""
        address = ctypes.c_uint64()
        self.api.call("cuMemAlloc_v2", ctypes.byref(address), ctypes.c_size_t(size))
        return address.value

    def free(self, address: int) -> None:
        """Gives device memory back."""
        self.api.call("cuMemFree_v2", ctypes.c_uint64(address))

    def allocate_host(self, size: int) -> int:
        """Page-locked host memory; its address. free_host() gives it back."""
        address = ctypes.c_void_p()
        self.api.call("cuMemHostAlloc", ctypes.byref(address), ctypes.c_size_t(size), ctypes.c_uint(0))
        return address.value or 0

    def free_host(self, address: int) -> None:
        """Gives page-locked memory back."""
        self.api.call("cuMemFreeHost", ctypes.c_void_p(address))

    def new_stream(self) -> ctypes.c_void_p:
        """One that does not wait for the legacy stream. delete_stream() ends it."""
        stream = ctypes.c_void_p()
        self.api.call("cuStreamCreateWithPriority", ctypes.byref(stream), ctypes.c_uint(1), ctypes.c_int(0))
        return stream

    def delete_stream(self, stream: ctypes.c_void_p) -> None:
        """Ends a stream."""
        self.api.call("cuStreamDestroy_v2", stream)

    def copy(self, stream: ctypes.c_void_p, size: int, *, host: int, device: int, to_device: bool) -> None:
        """Enqueues a copy between host and device memory."""
        if to_device:
            addresses = (ctypes.c_uint64(device), ctypes.c_void_p(host))
            self.api.call("cuMemcpyHtoDAsync_v2", *addresses, ctypes.c_size_t(size), stream)
        else:
            addresses_back = (ctypes.c_void_p(host), ctypes.c_uint64(device))
            self.api.call("cuMemcpyDtoHAsync_v2", *addresses_back, ctypes.c_size_t(size), stream)

    def synchronize(self, stream: ctypes.c_void_p) -> None:
        """Waits until everything on the stream is done."""
        self.api.call("cuStreamSynchronize", stream)
