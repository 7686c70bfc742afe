"""The compiler of kernels for GPUs."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

from pyserver import _core
from pyserver.nvrtc_libraries import libraries


def open_compiler(cache_folder: Path | None, driver_version: int) -> _core.KernelCompiler:
    """The first of libraries() that there is; `driver_version` is the driver's, such as 13000.

    Raises StatusError (UNAVAILABLE) with what to install.
    """
    folder = str(cache_folder / "kernels") if cache_folder is not None else ""
    for library in libraries(driver_version // 1000):
        with suppress(_core.StatusError):
            return _core.KernelCompiler(folder, library)
    return _core.KernelCompiler(folder)  # which says what is missing
