"""Where NVIDIA's compiler of kernels is: PyPI's nvidia-cuda-nvrtc, or what the machine has."""

from __future__ import annotations

import importlib.util
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from pyserver import _core

_MAJORS = (13, 12)


def open_compiler(cache_folder: Path | None, driver_version: int) -> _core.KernelCompiler:
    """The first of libraries() that there is; `driver_version` is the driver's, such as 13000.

    Raises StatusError (UNAVAILABLE) with what to install.
    """
    folder = str(cache_folder / "kernels") if cache_folder is not None else ""
    for library in libraries(driver_version // 1000):
        with suppress(_core.StatusError):
            return _core.KernelCompiler(folder, library)
    return _core.KernelCompiler(folder)  # which says what is missing


def libraries(driver_major: int) -> list[str]:
    """What to try, the best first: the newest that is not newer than the driver, which may not read what that makes.

    Of each version, the one that the machine's loader finds, and then that of a wheel.
    """
    wheels = list(_of_wheels())
    ordered: list[str] = []
    for major in sorted(_MAJORS, key=lambda major: (major > driver_major, -major)):
        name = f"libnvrtc.so.{major}"
        ordered += [name, *(str(path) for path in wheels if path.name == name)]
    return ordered


def _of_wheels() -> Iterator[Path]:
    """In the namespace package that NVIDIA's wheels share: nvidia/cu13/lib, and nvidia/cuda_nvrtc/lib of CUDA 12."""
    spec = importlib.util.find_spec("nvidia")
    for folder in spec.submodule_search_locations or () if spec is not None else ():
        yield from Path(folder).glob("*/lib/libnvrtc.so.*")
