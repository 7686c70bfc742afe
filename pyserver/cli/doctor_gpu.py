"""What `pyserver doctor` says of GPUs: each line is found out for itself, and one that fails says why."""

from __future__ import annotations

import ctypes
import importlib
import importlib.util
from collections.abc import Callable, Iterator, Sequence
from importlib.metadata import PackageNotFoundError, version

from pyserver.cuda_api import CudaApi, CudaError, Gpu
from pyserver.errors import one_line
from pyserver.nvml import NvmlError, open_nvml
from pyserver.nvrtc_libraries import MAJORS, libraries
from pyserver.transfer_rates import measure_transfers

_TENSORRT = {"tensorrt": "tensorrt", "tensorrt_lean": "tensorrt-lean", "tensorrt_rtx": "tensorrt-rtx"}


def gpu_rows(api: Callable[[], CudaApi] = CudaApi) -> Iterator[tuple[str, str]]:
    """Pairs of what is asked and what was found."""
    driver_major = max(MAJORS)
    try:
        driver = api()
        driver_major = driver.version[0]
        gpus = driver.gpus()
    except CudaError as error:
        yield "GPU", f"none: {error.message}"
    else:
        yield "GPU driver", "serves CUDA {}.{}".format(*driver.version)
        for gpu in gpus:
            yield f"GPU {gpu.ordinal}", _description(gpu)
            yield f"pinned memory, GPU {gpu.ordinal}", _transfers(driver, gpu)
        if not gpus:
            yield "GPU", "none: the driver finds no device"
    yield "GPU use", _use()
    yield "NVRTC", nvrtc_report(libraries(driver_major))
    yield "TensorRT", ", ".join(_module_report(module, package) for module, package in _TENSORRT.items())
    yield "PyTorch", _torch_report()


def nvrtc_report(paths: Sequence[str]) -> str:
    """NVRTC's version, of the first that can be loaded, or what installs it."""
    for path in paths:
        try:
            library = ctypes.CDLL(path)
        except OSError:
            continue
        major, minor = ctypes.c_int(), ctypes.c_int()
        if library.nvrtcVersion(ctypes.byref(major), ctypes.byref(minor)) == 0:
            return f"works: {major.value}.{minor.value} ({path})"
    return f"not there: none of {', '.join(paths)} can be loaded; pip install nvidia-cuda-nvrtc"


def _description(gpu: Gpu) -> str:
    major, minor = gpu.compute_capability
    return f"{gpu.name}, {gpu.memory_bytes / 2**30:.1f} GiB, compute capability {major}.{minor}, PCI {gpu.pci_bus_id}"


def _transfers(driver: CudaApi, gpu: Gpu) -> str:
    try:
        rates = measure_transfers(driver, gpu.ordinal)
    except CudaError as error:
        return f"does not work: {error.message}"
    return f"works: {rates.to_device / 1e9:.1f} GB/s to the GPU, {rates.from_device / 1e9:.1f} GB/s back"


def _use() -> str:
    try:
        nvml = open_nvml()
        uses = "; ".join(
            f"{use.name} {use.busy_percent} % busy, {use.used_bytes / 2**30:.1f} of {use.total_bytes / 2**30:.1f} GiB"
            for use in nvml.read()
        )
    except NvmlError as error:
        return error.message
    return f"{uses}; driver {nvml.driver}"


def _module_report(module: str, package: str) -> str:
    if importlib.util.find_spec(module) is None:
        return f"{module}: not installed (pip install {package})"
    try:
        return f"{module} {importlib.import_module(module).__version__}"
    except Exception as error:
        # Whatever a library in the module's depths raises: it is what the report is for.
        return f"{module}: cannot be imported: {one_line(f'{type(error).__name__}: {error}', 200)}"


def _torch_report() -> str:
    if importlib.util.find_spec("torch") is None:
        return "not installed (pip install torch)"
    try:
        installed = version("torch")
        torch = importlib.import_module("torch")
    except (PackageNotFoundError, ImportError, OSError) as error:
        return f"cannot be imported: {one_line(str(error), 200)}"
    if torch.version.cuda is None:
        return f"{installed}, built for the CPU only"
    seen = "finds the GPU" if torch.cuda.is_available() else "finds no GPU"
    return f"{installed}, CUDA {torch.version.cuda}: {seen}"
