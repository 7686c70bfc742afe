"""What NVIDIA's driver tells of the use of its GPUs, by NVML: the optional package nvidia-ml-py."""

from __future__ import annotations

import importlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from pyserver.errors import PyserverError, one_line


class NvmlError(PyserverError):
    """Nothing can be told; the message says why."""


@dataclass(frozen=True)
class GpuUse:
    """One GPU, now. NVML counts GPUs in its own order; the UUID is the same everywhere."""

    name: str
    uuid: str
    busy_percent: int  # of the last sampling period, a fraction of a second: how much of it a kernel ran
    used_bytes: int
    total_bytes: int


class Nvml:
    """NVML at work. Thread-safe, as the library is."""

    def __init__(self, module: Any) -> None:
        """`module` is pynvml, initialised. See open_nvml()."""
        self._nvml = module
        self._devices: Sequence[Any] = [
            module.nvmlDeviceGetHandleByIndex(index) for index in range(module.nvmlDeviceGetCount())
        ]

    @property
    def driver(self) -> str:
        """The driver's own version, such as 580.159.04."""
        return str(self._nvml.nvmlSystemGetDriverVersion())

    def read(self) -> list[GpuUse]:
        """Every GPU. Raises NvmlError."""
        try:
            return [self._use(device) for device in self._devices]
        except self._nvml.NVMLError as error:
            raise NvmlError(f"NVML: {one_line(str(error))}") from None

    def _use(self, device: Any) -> GpuUse:
        memory = self._nvml.nvmlDeviceGetMemoryInfo(device)
        return GpuUse(
            str(self._nvml.nvmlDeviceGetName(device)),
            str(self._nvml.nvmlDeviceGetUUID(device)),
            int(self._nvml.nvmlDeviceGetUtilizationRates(device).gpu),
            int(memory.used),
            int(memory.total),
        )


def open_nvml() -> Nvml:
    """Raises NvmlError where the package, the driver or a GPU is missing."""
    try:
        module = importlib.import_module("pynvml")
    except ImportError:
        raise NvmlError("the use of GPUs is not known: pip install nvidia-ml-py") from None
    try:
        module.nvmlInit()
        nvml = Nvml(module)
        uses = nvml.read()
    except module.NVMLError as error:
        raise NvmlError(f"NVML does not work: {one_line(str(error))}") from None
    if not uses:
        raise NvmlError("NVML finds no GPU")
    return nvml
