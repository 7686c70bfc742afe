"""PyTorch models on a GPU: whether PyTorch can use one here, and loading them there."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from pyserver import _core
from pyserver.config.engine_options import TorchOptions
from pyserver.config.schema import ModelConfig
from pyserver.engines.loading import LoadContext
from pyserver.errors import ModelLoadError


def describe(torch: Any) -> str:
    """What PyTorch can compute on, for people."""
    if torch.cuda.is_available():
        return f"CPU, {torch.cuda.device_count()} GPU(s) with CUDA {torch.version.cuda}"
    return f"CPU; no GPU: {_missing(torch)}"


def check_device(torch: Any, file: Path, device: str) -> None:
    """Raises ModelLoadError, saying what is missing, where PyTorch cannot use `device`, which is cuda or cuda:N."""
    if not torch.cuda.is_available():
        raise ModelLoadError(f"{file} needs an NVIDIA GPU: {_missing(torch)}. Or set options.device to cpu")
    ordinal, count = int(device.partition(":")[2] or 0), torch.cuda.device_count()
    if ordinal >= count:
        raise ModelLoadError(f"{file} needs the device {device}, but PyTorch finds {count} GPU(s), the first is cuda:0")


def load(torch: Any, file: Path, config: ModelConfig, options: TorchOptions, context: LoadContext) -> _core.Engine:
    """The model on `options.device`, which check_device() has found good. Raises ModelLoadError."""
    if not hasattr(torch.cuda.CUDAGraph, "raw_cuda_graph"):
        raise ModelLoadError(
            f"{file}: expected PyTorch 2.8 or newer, which hands out the graphs that it captures, got "
            f"{torch.__version__}"
        )
    if context.core is None:
        raise ModelLoadError(f"{file}: a model on a GPU needs a server's core to be loaded into")
    # Only now: it imports PyTorch.
    from pyserver.engines import torch_graphs

    device = _core.CudaDevice(_core.CudaDriver.open(), int(options.device.partition(":")[2] or 0))
    return torch_graphs.load(file, config, options, context, context.core, device)


def _missing(torch: Any) -> str:
    if torch.version.cuda is None:
        return (
            f"PyTorch {torch.__version__} is built without CUDA. Install one that is: on Linux, "
            "the one that `pip install torch` gets from PyPI"
        )
    return (
        f"PyTorch {torch.__version__} is built for CUDA {torch.version.cuda}, but finds no GPU: install the NVIDIA "
        "driver (`pyserver doctor` tells what is there)"
    )
