"""How fast bytes get to a GPU and back, from page-locked and from ordinary memory: measured, and compared."""

from __future__ import annotations

import ctypes
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from pyserver.cuda_api import CudaApi, CudaContext, CudaError

# A block of random bytes, repeated: the copies must come back as they went.
_PATTERN_BYTES = 1 << 20


@dataclass(frozen=True)
class TransferRates:
    """Bytes a second."""

    to_device: float
    from_device: float


def measure_transfers(
    api: CudaApi, ordinal: int = 0, *, size: int = 64 << 20, pinned: bool = True, seconds: float = 0.2
) -> TransferRates:
    """Copies `size` bytes again and again, `seconds` each way. Raises CudaError, also where bytes came back wrong."""
    with (
        CudaContext(api, ordinal) as context,
        _host_memory(context, size, pinned) as sent,
        _host_memory(context, size, pinned) as received,
        _device_memory(context, size) as device,
        _stream(context) as stream,
    ):
        pattern = os.urandom(min(size, _PATTERN_BYTES))
        for offset in range(0, size, len(pattern)):
            ctypes.memmove(sent + offset, pattern, min(len(pattern), size - offset))

        def rate(host: int, to_device: bool) -> float:
            copies, began = 0, time.perf_counter()
            while not copies or time.perf_counter() - began < seconds:
                # Several at a time, so that the wait for their end is not what is measured.
                for _ in range(4):
                    context.copy(stream, size, host=host, device=device, to_device=to_device)
                context.synchronize(stream)
                copies += 4
            return copies * size / (time.perf_counter() - began)

        context.copy(stream, size, host=sent, device=device, to_device=True)  # the first touches every page
        context.synchronize(stream)
        rates = TransferRates(rate(sent, to_device=True), rate(received, to_device=False))
        if ctypes.string_at(received, size) != ctypes.string_at(sent, size):
            raise CudaError(f"{size} bytes went to the GPU and came back different")
        return rates


@contextmanager
def _host_memory(context: CudaContext, size: int, pinned: bool) -> Iterator[int]:
    if pinned:
        address = context.allocate_host(size)
        try:
            yield address
        finally:
            context.free_host(address)
    else:
        memory = ctypes.create_string_buffer(size)
        yield ctypes.addressof(memory)


@contextmanager
def _device_memory(context: CudaContext, size: int) -> Iterator[int]:
    address = context.allocate(size)
    try:
        yield address
    finally:
        context.free(address)


@contextmanager
def _stream(context: CudaContext) -> Iterator[ctypes.c_void_p]:
    stream = context.new_stream()
    try:
        yield stream
    finally:
        context.delete_stream(stream)
