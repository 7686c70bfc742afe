"""Kernels of the driver's double (tests/support/fake_cuda), for loaders of tests: called over ctypes, run without it.

Only in a process whose libcuda.so.1 is the double.
"""

from __future__ import annotations

import ctypes
from collections.abc import Sequence
from typing import NamedTuple

READ, WRITE = 1, 2


class Range(NamedTuple):
    """Device memory that a kernel reads or writes."""

    address: int
    size: int
    kind: int


class _Access(ctypes.Structure):
    _fields_ = [("address", ctypes.c_uint64), ("size", ctypes.c_size_t), ("kind", ctypes.c_int)]


class Double:
    """The library, as the process has loaded it."""

    def __init__(self) -> None:
        self._library = ctypes.CDLL("libcuda.so.1")
        self._library.fakeLaunchNamed.argtypes = [
            ctypes.c_void_p, ctypes.c_char_p, ctypes.c_char_p, ctypes.c_size_t, ctypes.c_void_p, ctypes.c_size_t,
        ]  # fmt: skip
        self._library.fakeCalls.restype = ctypes.c_size_t

    def launch(self, stream: int, op: str, arguments: bytes, ranges: Sequence[Range]) -> None:
        """Enqueues one of the kernels that fake_cuda.h lists. Raises RuntimeError."""
        accesses = (_Access * len(ranges))(*(_Access(*entry) for entry in ranges))
        result = self._library.fakeLaunchNamed(stream, op.encode(), arguments, len(arguments), accesses, len(ranges))
        if result:
            raise RuntimeError(f"fakeLaunchNamed({op}) returned {result}")

    def calls(self, function: str) -> int:
        """How often a function of the driver was called."""
        return int(self._library.fakeCalls(function.encode()))
