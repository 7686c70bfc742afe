"""The part of a torch model's `options` that is for a GPU."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from pyserver.config.field_types import ModelOptions

_Rows = Annotated[int, Field(ge=1, le=2**31 - 1)]
_Size = Annotated[int, Field(ge=0, le=2**62)]

Precision = Literal["fp32", "tf32", "fp16", "bf16"]


class TorchGpuOptions(ModelOptions):
    """What is asked of PyTorch on a GPU. docs/gpu.md explains it."""

    precision: Precision = Field(
        default="fp32",
        description="What the GPU computes in. fp16, bf16: weights too, and inputs that are floating-point numbers.",
    )
    memory_format: Literal["contiguous", "channels_last"] = Field(
        default="contiguous", description="channels_last: how weights and pictures lie in the GPU's memory."
    )
    tune: bool = Field(default=True, description="Let cuDNN measure which of its algorithms is the fastest.")
    buckets: list[_Rows] = Field(
        default=[], description="Batch sizes that graphs are captured for. Default: powers of two and max_batch_size."
    )
    profiles: list[dict[str, list[_Size]]] = Field(
        default=[], description="Complete shapes of the inputs with free dimensions; graphs are captured for each."
    )
    lanes: int = Field(default=2, ge=1, le=16, description="Batches that an instance copies and executes at once.")
    strict_graphs: bool = Field(
        default=False, description="A batch that no captured graph fits is an error, and not executed without one."
    )
