"""A model file as PyTorch executes it on a GPU: loaded, in the precision that was asked for."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import torch

from pyserver import _core
from pyserver.config.engine_options import TorchOptions
from pyserver.config.schema import ModelConfig
from pyserver.engines.torch_memory import dtype_of
from pyserver.engines.torch_program import read_program

_COMPUTED_IN = {"f32": None, "tf32": None, "f16": torch.float16, "bf16": torch.bfloat16}


class GpuProgram:
    """The model in a GPU's memory."""

    def __init__(self, file: Path, config: ModelConfig, options: TorchOptions, device: torch.device) -> None:
        """Raises ModelLoadError."""
        self.file = file
        self.device = device
        self.options = options
        # What weights and floating-point inputs become; None: they stay as they are.
        self._computed_in = _COMPUTED_IN[options.precision]
        self._channels_last = options.memory_format == "channels_last"
        with torch.inference_mode():
            self._read = read_program(torch, file, config, str(device), self._prepared)
        self.inputs = self._read.inputs
        self.outputs = self._read.outputs

    @contextlib.contextmanager
    def settings(self) -> Iterator[None]:
        """This device, and this model's precision. Holds for the whole process: one at a time."""
        tf32 = self.options.precision == "tf32"
        matmul = torch.backends.cuda.matmul
        before = matmul.allow_tf32
        with (
            torch.cuda.device(self.device),
            torch.backends.cudnn.flags(enabled=True, benchmark=self.options.tune, allow_tf32=tf32),
        ):
            matmul.allow_tf32 = tf32
            try:
                yield
            finally:
                matmul.allow_tf32 = before

    def run(self, inputs: Sequence[torch.Tensor], outputs: Sequence[_core.TensorSpec], rows: int) -> list[torch.Tensor]:
        """Enqueues the model on the current stream, within settings(). `rows`: 0 where it does not batch.

        Raises RuntimeError where what comes out is not what the model is said to give.
        """
        with torch.inference_mode():
            tensors = self._read.forward([self._as_computed(tensor) for tensor in inputs])
        for spec, tensor in zip(outputs, tensors, strict=True):
            self._check_datatype(spec, tensor)
            expected = [rows, *spec.shape] if rows else list(spec.shape)
            if len(expected) != tensor.dim() or any(
                wanted not in (-1, size) for wanted, size in zip(expected, tensor.shape, strict=True)
            ):
                raise RuntimeError(f"output {spec.name!r}: expected the shape {expected}, got {list(tensor.shape)}")
        return tensors

    def _check_datatype(self, spec: _core.TensorSpec, tensor: torch.Tensor) -> None:
        expected = dtype_of(spec.datatype)
        lowered = self._computed_in is not None and expected.is_floating_point and tensor.is_floating_point()
        if tensor.dtype != expected and not lowered:
            raise RuntimeError(f"output {spec.name!r}: expected {spec.datatype}, got a tensor of {tensor.dtype}")

    def _prepared(self, module: Any) -> Any:
        if self._computed_in is not None:
            module = module.to(self._computed_in)
        return module.to(memory_format=torch.channels_last) if self._channels_last else module

    def _as_computed(self, tensor: torch.Tensor) -> torch.Tensor:
        if self._computed_in is not None and tensor.is_floating_point():
            tensor = tensor.to(self._computed_in)
        if self._channels_last and tensor.dim() == 4:
            tensor = tensor.contiguous(memory_format=torch.channels_last)
        return tensor
