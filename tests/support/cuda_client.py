"""A client with memory on a GPU: `python cuda_client.py libcuda.so.1 HEX`.

Puts the bytes there, prints the memory's IPC handle, and then what it holds for each line that it reads, all in
hexadecimal. Ends with its input.
"""

from __future__ import annotations

import ctypes
import sys

HANDLE_BYTES = 64


class IpcHandle(ctypes.Structure):
    """CUipcMemHandle."""

    _fields_ = [("reserved", ctypes.c_char * HANDLE_BYTES)]


def main(library: str, contents: bytes) -> None:
    """Raises SystemExit with the driver's number where a call fails."""
    cuda = ctypes.CDLL(library)

    def call(name: str, *arguments: object) -> None:
        if result := getattr(cuda, name)(*arguments):
            raise SystemExit(f"{name}: {result}")

    context, address, handle = ctypes.c_void_p(), ctypes.c_uint64(), IpcHandle()
    call("cuInit", 0)
    call("cuDevicePrimaryCtxRetain", ctypes.byref(context), 0)
    call("cuCtxSetCurrent", context)
    call("cuMemAlloc_v2", ctypes.byref(address), ctypes.c_size_t(len(contents)))
    call("cuMemcpyHtoD_v2", address, contents, ctypes.c_size_t(len(contents)))
    call("cuIpcGetMemHandle", ctypes.byref(handle), address)
    print(bytes(memoryview(handle).cast("B")).hex(), flush=True)
    held = ctypes.create_string_buffer(len(contents))
    for _ in sys.stdin:
        call("cuMemcpyDtoH_v2", held, address, ctypes.c_size_t(len(contents)))
        print(held.raw.hex(), flush=True)
    call("cuMemFree_v2", address)
    call("cuCtxSetCurrent", None)
    call("cuDevicePrimaryCtxRelease_v2", 0)


if __name__ == "__main__":
    main(sys.argv[1], bytes.fromhex(sys.argv[2]))
