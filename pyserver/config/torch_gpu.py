"""The part of a torch model's `options` that is for a GPU."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from pyserver.config.field_types import ModelOptions

_Rows = Annotated[int, Field(ge=1, le=2**31 - 1)]
_Size = Annotated[int, Field(ge=0, le=2**62)]


class TorchGpuOptions(ModelOptions):
    """What is asked of PyTorch on a GPU, beside its precision. docs/gpu.md explains it."""

    memory_format: Literal["contiguous", "channels_last"] = Field(
        default="contiguous", description="GPU: how weights and pictures lie in memory."
    )
    tune: bool = Field(default=True, description="GPU: let cuDNN measure which of its algorithms is the fastest.")
    buckets: list[_Rows] = Field(
        default=[],
        description="GPU: batch sizes that graphs are captured for. Default: powers of two and max_batch_size.",
    )
    profiles: list[dict[str, list[_Size]]] = Field(
        default=[],
        max_length=64,
        description="GPU: shapes, without the batch dimension, of inputs with free dimensions; a graph for each.",
    )
    lanes: int = Field(
        default=2, ge=1, le=16, description="GPU: batches that an instance copies and executes at the same time."
    )
    device_ops: bool = Field(
        default=True, description="GPU: ops before and after the model run there too, as many as have kernels."
    )
    strict_graphs: bool = Field(
        default=False,
        description="GPU: a batch that no captured graph fits is an error, and not executed without one.",
    )
