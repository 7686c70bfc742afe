"""Which shapes a PyTorch model on a GPU is captured for, and how large its outputs become."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch

from pyserver import _core
from pyserver.engines.ports import Signature
from pyserver.engines.torch_gpu_program import GpuProgram
from pyserver.engines.torch_memory import dtype_of
from pyserver.errors import ModelLoadError

Shapes = Mapping[str, Sequence[int]]  # without the batch dimension where the model batches, as everywhere here


def fixed_shapes(inputs: Sequence[_core.TensorSpec], profile: Shapes) -> dict[str, tuple[int, ...]]:
    """The shapes of all inputs in a profile, fixed."""
    unknown = sorted(profile.keys() - {spec.name for spec in inputs})
    if unknown:
        raise ModelLoadError(f"options.profiles: the model has no input {unknown[0]!r}")
    shapes = {}
    for spec in inputs:
        shape = tuple(profile.get(spec.name, spec.shape))
        fits = len(shape) == len(spec.shape) and all(
            own in (-1, size) for own, size in zip(spec.shape, shape, strict=True)
        )
        if -1 in shape or not fits:
            raise ModelLoadError(
                f"input {spec.name!r} has the shape {list(spec.shape)}, and graphs need a fixed one that fits it: "
                f"expected one in options.profiles, got {list(shape)}"
            )
        shapes[spec.name] = shape
    return shapes


def largest_outputs(
    program: GpuProgram, signature: Signature, profiles: Sequence[Shapes]
) -> dict[str, tuple[int, ...]]:
    """The largest shape of each output, from a run of every profile with the most rows."""
    rows = signature.max_batch_size
    runs: list[list[tuple[int, ...]]] = []
    for shapes in profiles:
        inputs = [
            torch.zeros(
                (rows, *shapes[spec.name]) if rows else tuple(shapes[spec.name]),
                dtype=dtype_of(spec.datatype),
                device=program.device,
            )
            for spec in signature.inputs
        ]
        with program.settings():
            tensors = program.run(inputs, signature.outputs, rows)
        runs.append([tuple(tensor.shape[rows > 0 :]) for tensor in tensors])
    return {
        spec.name: tuple(max(sizes) for sizes in zip(*(run[index] for run in runs), strict=True))
        for index, spec in enumerate(signature.outputs)
    }
