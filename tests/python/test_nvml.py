"""The use of GPUs, as NVML tells it: with the real package, and a library that answers."""

from __future__ import annotations

import sys
from types import SimpleNamespace
from typing import Any

import pynvml
import pytest

from pyserver.nvml import GpuUse, Nvml, NvmlError, open_nvml


class Library(SimpleNamespace):
    """Two GPUs, the second of which can be lost. Has the functions of pynvml that are used."""

    def __init__(self, gpus: int = 2) -> None:
        super().__init__(
            NVMLError=pynvml.NVMLError,
            nvmlInit=lambda: None,
            nvmlSystemGetDriverVersion=lambda: "580.1",
            nvmlDeviceGetCount=lambda: gpus,
            nvmlDeviceGetHandleByIndex=lambda index: index,
            nvmlDeviceGetName=lambda device: f"GPU {device}",
            nvmlDeviceGetUUID=lambda device: f"uuid-{device}",
            nvmlDeviceGetUtilizationRates=self._utilization,
            nvmlDeviceGetMemoryInfo=lambda device: SimpleNamespace(used=device << 30, total=8 << 30),
        )
        self.lost = False

    def _utilization(self, device: int) -> Any:
        if self.lost and device == 1:
            raise pynvml.NVMLError(pynvml.NVML_ERROR_GPU_IS_LOST)
        return SimpleNamespace(gpu=40 * (device + 1))


def test_name_utilisation_and_memory_of_every_gpu_are_read() -> None:
    assert Nvml(Library()).read() == [
        GpuUse("GPU 0", "uuid-0", 40, 0, 8 << 30),
        GpuUse("GPU 1", "uuid-1", 80, 1 << 30, 8 << 30),
    ]
    assert Nvml(Library()).driver == "580.1"


def test_a_gpu_that_is_lost_is_an_error_with_nvmls_own_words() -> None:
    library = Library()
    nvml = Nvml(library)
    library.lost = True
    with pytest.raises(NvmlError, match="NVML: GPU is lost"):
        nvml.read()


def test_where_there_is_no_gpu_it_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pynvml", Library(gpus=0))
    with pytest.raises(NvmlError, match="NVML finds no GPU"):
        open_nvml()


def test_without_the_package_what_installs_it_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pynvml", None)
    with pytest.raises(NvmlError, match="pip install nvidia-ml-py"):
        open_nvml()


def test_without_a_driver_the_real_package_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    def no_library() -> None:
        raise pynvml.NVMLError(pynvml.NVML_ERROR_LIBRARY_NOT_FOUND)

    monkeypatch.setattr(pynvml, "nvmlInit", no_library)
    with pytest.raises(NvmlError, match=r"NVML does not work: .*[Ll]ibrary"):
        open_nvml()
