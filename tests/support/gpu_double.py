"""Where the double of libcuda.so.1 lies, for processes that should run their CUDA path without a GPU."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

from server_process import SERVER_PYTHON

ROOT = Path(__file__).parents[2]
# The exit code of a process in which the double has found a fault; its report is on stderr.
FAULT_EXIT = 86


def _folders() -> Iterator[Path]:
    """Where the C++ tests may have been built, the likeliest first."""
    if told := os.environ.get("PYSERVER_CPP_TESTS"):
        yield Path(told)
    # A sanitized server needs the double of its own build, which no other process can load.
    yield Path(SERVER_PYTHON).parent / "tests/cpp"
    yield ROOT / "build/dev/tests/cpp"
    yield from (path for path in sorted(ROOT.glob("build/*/tests/cpp")) if path.parts[-3] not in ("asan", "tsan"))


def folder() -> Path:
    """The folder of the double's libcuda.so.1."""
    for tests in _folders():
        if (tests / "fake_cuda/libcuda.so.1").exists():
            return tests / "fake_cuda"
    message = f"the double of libcuda.so.1 is not built below {ROOT / 'build'}: ./dev test builds it"
    raise FileNotFoundError(message)


def environment(*, devices: int = 1, memory_mib: int = 1024, leaks: bool = True) -> dict[str, str]:
    """What a process needs in its environment to find the double where others find the driver.

    Args:
        devices: how many GPUs it has.
        memory_mib: the memory of each.
        leaks: whether what is alive when the process ends is a fault.
    """
    others = os.environ.get("LD_LIBRARY_PATH", "")
    return {
        "LD_LIBRARY_PATH": ":".join(filter(None, (str(folder()), str(folder().with_name("fake_nvrtc")), others))),
        "FAKE_CUDA_DEVICES": str(devices),
        "FAKE_CUDA_MEMORY_MIB": str(memory_mib),
        "FAKE_CUDA_LEAKS": str(int(leaks)),
    }
