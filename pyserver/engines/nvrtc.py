"""Where NVIDIA's compiler of kernels is: PyPI's nvidia-cuda-nvrtc, or what the machine has."""

from __future__ import annotations

import importlib.util
from collections.abc import Iterator
from pathlib import Path

from pyserver import _core

_LIBRARY = "libnvrtc.so.1[23]"


def open_compiler(cache_folder: Path | None) -> _core.KernelCompiler:
    """The compiler that the machine's loader finds, or else that of a wheel.

    Raises StatusError (UNAVAILABLE) with what to install.
    """
    folder = str(cache_folder / "kernels") if cache_folder is not None else ""
    try:
        return _core.KernelCompiler(folder)
    except _core.StatusError:
        wheels = find_nvrtc()
        if not wheels:
            raise
    return _core.KernelCompiler(folder, wheels)


def find_nvrtc() -> str:
    """The newest library of the wheels; empty where there is none."""
    found = sorted(_libraries(), key=lambda path: path.name)
    return str(found[-1]) if found else ""


def _libraries() -> Iterator[Path]:
    """In the namespace package that NVIDIA's wheels share: nvidia/cu13/lib, and nvidia/cuda_nvrtc/lib of CUDA 12."""
    spec = importlib.util.find_spec("nvidia")
    for folder in spec.submodule_search_locations or () if spec is not None else ():
        yield from Path(folder).glob(f"*/lib/{_LIBRARY}")
