"""A process with the double's environment finds it where others find the driver, and its exit code tells of faults."""

from __future__ import annotations

import os
import subprocess
import sys

import gpu_double

START = """
import ctypes
cuda = ctypes.CDLL("libcuda.so.1")
count, context, address = ctypes.c_int(), ctypes.c_void_p(), ctypes.c_uint64()
assert cuda.cuInit(0) == 0
assert cuda.cuDeviceGetCount(ctypes.byref(count)) == 0
print(count.value, "devices")
assert cuda.cuDevicePrimaryCtxRetain(ctypes.byref(context), 0) == 0
assert cuda.cuCtxPushCurrent_v2(context) == 0
assert cuda.cuMemAlloc_v2(ctypes.byref(address), ctypes.c_size_t(1 << 20)) == 0
"""
END = """
assert cuda.cuMemFree_v2(address) == 0
assert cuda.cuCtxPopCurrent_v2(ctypes.byref(context)) == 0
assert cuda.cuDevicePrimaryCtxRelease_v2(0) == 0
"""


def run(program: str, environment: dict[str, str]) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-S", "-c", program],
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        check=False,
    )


def test_a_process_that_gives_everything_back_ends_well() -> None:
    ended = run(START + END, gpu_double.environment(devices=3))
    assert (ended.returncode, ended.stdout, ended.stderr) == (0, "3 devices\n", "")


def test_what_is_alive_at_the_end_is_named() -> None:
    ended = run(START, gpu_double.environment())
    assert ended.returncode == gpu_double.FAULT_EXIT
    assert "the context of device 0" in ended.stderr
    assert "the device memory at" in ended.stderr


def test_a_process_may_be_allowed_to_leave_things_behind() -> None:
    assert run(START, gpu_double.environment(leaks=False)).returncode == 0


def test_a_fault_ends_the_process() -> None:
    ended = run(START + END + "cuda.cuMemFree_v2(address)", gpu_double.environment())
    assert ended.returncode == gpu_double.FAULT_EXIT
    assert "cuMemFree_v2 (call " in ended.stderr
    assert "has no current context" in ended.stderr


def test_memory_is_as_large_as_told() -> None:
    environment = gpu_double.environment(memory_mib=1, leaks=False)
    assert run(START, environment).returncode == 0
    assert run(START.replace("1 << 20", "(1 << 20) + 1"), environment).returncode == 1
