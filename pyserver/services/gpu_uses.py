"""What ModelStatus tells of the use of the machine's GPUs."""

from __future__ import annotations

import logging
import threading

from pyserver.nvml import GpuUse, Nvml, NvmlError, open_nvml

_log = logging.getLogger("pyserver.services")


class GpuUses:
    """Opens NVML when it is asked first. Thread-safe."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._opened = False  # guarded by _lock
        self._nvml: Nvml | None = None  # guarded by _lock

    def __call__(self) -> list[GpuUse]:
        """Every GPU. None where NVML cannot be opened, which is logged once, or read, which is logged each time."""
        nvml = self._open()
        if nvml is None:
            return []
        try:
            return nvml.read()
        except NvmlError as error:
            _log.warning("the use of GPUs is not told: %s", error.message)
            return []

    def _open(self) -> Nvml | None:
        with self._lock:
            if not self._opened:
                self._opened = True
                try:
                    self._nvml = open_nvml()
                except NvmlError as error:
                    _log.info("the use of GPUs is not told: %s", error.message)
            return self._nvml
