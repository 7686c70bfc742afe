"""`options` of a model that TensorRT executes."""

from __future__ import annotations

from typing import Annotated, Any, Literal, get_args

from pydantic import BeforeValidator, Field, model_validator

from pyserver.config.field_types import ModelOptions

FlavourName = Literal["tensorrt", "tensorrt_lean", "tensorrt_rtx"]
Precision = Literal["model", "fp32", "tf32", "fp16", "bf16", "int8"]

FLAVOUR_NAMES: tuple[FlavourName, ...] = get_args(FlavourName)
PRECISIONS: tuple[Precision, ...] = get_args(Precision)

_Size = Annotated[int, Field(ge=0, le=2**31 - 1)]
_Rows = Annotated[int, Field(ge=1, le=2**31 - 1)]
_Shape = Annotated[list[_Size], Field(max_length=8)]  # 8: the most dimensions that TensorRT takes


class ShapeRange(ModelOptions):
    """The shapes of one input that an optimization profile is for."""

    min: _Shape
    opt: _Shape = Field(description="What the kernels are chosen for, and what a graph is captured for.")
    max: _Shape

    @model_validator(mode="after")
    def _rises(self) -> ShapeRange:
        if not len(self.min) == len(self.opt) == len(self.max):
            raise ValueError("expected min, opt and max with as many dimensions each")
        if not all(low <= best <= high for low, best, high in zip(self.min, self.opt, self.max, strict=True)):
            raise ValueError("expected min <= opt <= max in every dimension")
        return self


Profile = dict[str, ShapeRange]


def _profiles(value: Any) -> Any:
    """One profile may stand without the list."""
    return [value] if isinstance(value, dict) else value


class TensorRtOptions(ModelOptions):
    """`options` of a model that TensorRT executes. docs/tensorrt.md explains them."""

    flavour: FlavourName | None = Field(
        default=None, description="Which TensorRT. Default: the first that is installed and reads the plan."
    )
    device: int = Field(default=0, ge=0, le=1023, description="Which GPU, counted from 0.")
    precision: Precision = Field(
        default="model",
        description="What an ONNX model is computed in. model: in its own types. fp32: likewise, without TF32.",
    )
    profiles: Annotated[list[Profile], BeforeValidator(_profiles)] = Field(
        default=[], max_length=64, description="Optimization profiles: by input, complete shapes min, opt and max."
    )
    shape_values: dict[str, list[Annotated[int, Field(ge=-(2**31), le=2**31 - 1)]]] = Field(
        default={}, description="The values of inputs that are shape tensors. Default: the profile's opt."
    )
    buckets: list[_Rows] = Field(
        default=[], description="Batch sizes that graphs are captured for. Default: powers of two and max_batch_size."
    )
    lanes: int = Field(default=2, ge=1, le=16, description="Batches that an instance copies and executes at once.")
    device_ops: bool = Field(
        default=True, description="Ops before and after the model run on the GPU too, as many as have kernels."
    )
    strict_graphs: bool = Field(
        default=False, description="A batch that no captured graph fits is an error, and not executed without one."
    )
    workspace_mib: int | None = Field(
        default=None, ge=1, le=2**24, description="GPU memory that a build may use for scratch. Default: all there is."
    )
    optimization_level: int | None = Field(
        default=None, ge=0, le=5, description="How long a build searches, 0 to 5. Default: TensorRT's, 3."
    )
