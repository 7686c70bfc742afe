"""Where NVIDIA's compiler of kernels, NVRTC, may be: PyPI's nvidia-cuda-nvrtc, or what the machine has."""

from __future__ import annotations

import importlib.util
from collections.abc import Iterator
from pathlib import Path

MAJORS = (13, 12)


def libraries(driver_major: int) -> list[str]:
    """What to try, the best first: the newest that is not newer than the driver, which may not read what that makes.

    Of each version, the one that the machine's loader finds, and then that of a wheel.
    """
    wheels = list(_of_wheels())
    ordered: list[str] = []
    for major in sorted(MAJORS, key=lambda major: (major > driver_major, -major)):
        name = f"libnvrtc.so.{major}"
        ordered += [name, *(str(path) for path in wheels if path.name == name)]
    return ordered


def _of_wheels() -> Iterator[Path]:
    """In the namespace package that NVIDIA's wheels share: nvidia/cu13/lib, and nvidia/cuda_nvrtc/lib of CUDA 12."""
    spec = importlib.util.find_spec("nvidia")
    for folder in spec.submodule_search_locations or () if spec is not None else ():
        yield from Path(folder).glob("*/lib/libnvrtc.so.*")
