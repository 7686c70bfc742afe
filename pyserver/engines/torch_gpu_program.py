"""A model file as PyTorch executes it on a GPU: loaded, in the precision that was asked for."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch

from pyserver import _core
from pyserver.config.torch_gpu import Precision, TorchGpuOptions
from pyserver.errors import ModelLoadError

_COMPUTED_IN = {"fp32": None, "tf32": None, "fp16": torch.float16, "bf16": torch.bfloat16}


@dataclass(frozen=True)
class TorchModel:
    """What is loaded. Shapes are without the batch dimension where `max_batch_size` > 0."""

    path: Path  # *.pt (TorchScript) or *.pt2 (an exported program)
    inputs: Sequence[_core.TensorSpec]  # in the order of the model's arguments
    outputs: Sequence[_core.TensorSpec] = ()  # in the order of what it returns; none: as a first run shows
    max_batch_size: int = 0
    precision: Precision = "fp32"
    channels_last: bool = False  # the memory format of weights, and of inputs with four dimensions
    tune: bool = True  # cuDNN measures which of its algorithms is the fastest
    buckets: Sequence[int] = ()
    preferred: Sequence[int] = ()
    profiles: Sequence[Mapping[str, Sequence[int]]] = field(default_factory=lambda: [{}])
    instances: int = 1
    lanes: int = 2
    strict_graphs: bool = False

    @classmethod
    def configured(
        cls,
        path: Path,
        options: TorchGpuOptions,
        *,
        inputs: Sequence[_core.TensorSpec],
        outputs: Sequence[_core.TensorSpec],
        max_batch_size: int,
        preferred: Sequence[int],
        instances: int,
    ) -> TorchModel:
        """As a model.yaml has it."""
        return cls(
            path,
            inputs,
            outputs,
            max_batch_size,
            precision=options.precision,
            channels_last=options.memory_format == "channels_last",
            tune=options.tune,
            buckets=options.buckets,
            preferred=preferred,
            profiles=options.profiles or [{}],
            instances=instances,
            lanes=options.lanes,
            strict_graphs=options.strict_graphs,
        )

    @property
    def computed_in(self) -> torch.dtype | None:
        """What weights and floating-point inputs become; None: they stay as they are."""
        return _COMPUTED_IN[self.precision]

    def input_shape(self, spec: _core.TensorSpec, profile: Mapping[str, Sequence[int]]) -> tuple[int, ...]:
        """The shape of a row in a profile. Raises ModelLoadError where it is not fixed."""
        shape = tuple(profile.get(spec.name, spec.shape))
        if -1 in shape:
            raise ModelLoadError(
                f"{self.path}: input {spec.name!r} has the shape {list(shape)}; a graph needs a fixed one: name it in "
                "profiles"
            )
        return shape

    def with_rows(self, rows: int, shape: Sequence[int]) -> tuple[int, ...]:
        """The shape of so many rows."""
        return (rows, *shape) if self.max_batch_size else tuple(shape)


class TorchProgram:
    """The model in a GPU's memory."""

    def __init__(self, model: TorchModel, device: torch.device) -> None:
        """Raises whatever PyTorch raises."""
        self.model = model
        self.device = device
        with torch.inference_mode():
            self._module: Any = _loaded(model, device)

    @contextlib.contextmanager
    def settings(self) -> Iterator[None]:
        """This device, and this model's precision. Holds for the whole process: one at a time."""
        tf32 = self.model.precision == "tf32"
        matmul = torch.backends.cuda.matmul
        before = matmul.allow_tf32
        with (
            torch.cuda.device(self.device),
            torch.backends.cudnn.flags(enabled=True, benchmark=self.model.tune, allow_tf32=tf32),
        ):
            matmul.allow_tf32 = tf32
            try:
                yield
            finally:
                matmul.allow_tf32 = before

    def run(self, inputs: Sequence[torch.Tensor]) -> list[torch.Tensor]:
        """Enqueues the model on the current stream. Within settings()."""
        with torch.inference_mode():
            return self._tensors(self._module(*(self._as_computed(tensor) for tensor in inputs)))

    def _as_computed(self, tensor: torch.Tensor) -> torch.Tensor:
        if self.model.computed_in is not None and tensor.is_floating_point():
            tensor = tensor.to(self.model.computed_in)
        if self.model.channels_last and tensor.dim() == 4:
            tensor = tensor.contiguous(memory_format=torch.channels_last)
        return tensor

    def _tensors(self, result: Any) -> list[torch.Tensor]:
        """Models return a tensor, or several in a tuple, a list or a dict."""
        values = list(result.values()) if isinstance(result, dict) else result
        tensors = list(values) if isinstance(values, (tuple, list)) else [values]
        expected = len(self.model.outputs) or len(tensors)
        if len(tensors) != expected or not all(isinstance(tensor, torch.Tensor) for tensor in tensors):
            got = ", ".join(type(value).__name__ for value in tensors)
            raise ModelLoadError(f"{self.model.path}: expected the model to return {expected} tensors, got {got}")
        return tensors


def _loaded(model: TorchModel, device: torch.device) -> Any:
    if model.path.suffix == ".pt2":
        from torch.export.passes import move_to_device_pass

        # Also constants that the exported code makes on the device that it was exported on.
        module: Any = move_to_device_pass(torch.export.load(str(model.path)), device).module()
    else:
        module = torch.jit.load(str(model.path), map_location=device).eval()
    if model.computed_in is not None:
        module = module.to(model.computed_in)
    return module.to(memory_format=torch.channels_last) if model.channels_last else module
