"""`options` in the model.yaml of a model that a Python function executes: onnxruntime, torch."""

from __future__ import annotations

import re
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, field_validator, model_validator

from pyserver.config.field_types import ModelOptions
from pyserver.config.torch_gpu import TorchGpuOptions

_DEVICE = re.compile(r"cpu|cuda(:\d{1,3})?")
_Threads = Annotated[int, Field(ge=1, le=4096)]


def _option_text(value: Any) -> Any:
    """As onnxruntime's providers read them: 1 and 0 for what YAML writes as true and false."""
    if isinstance(value, bool):
        return "1" if value else "0"
    return str(value) if isinstance(value, (int, float)) else value


_ProviderOptions = dict[str, Annotated[str, BeforeValidator(_option_text)]]


class OnnxRuntimeOptions(ModelOptions):
    """`options` of a model that ONNX Runtime executes."""

    providers: list[str] = Field(
        default=["CPUExecutionProvider"],
        min_length=1,
        description="Execution providers, the preferred one first. One that cannot work is an error, not left out.",
    )
    provider_options: dict[str, _ProviderOptions] = Field(
        default={}, description="By provider: its own options, by name."
    )
    intra_op_threads: _Threads | None = Field(
        default=None, description="CPU threads of an execution. Default: the server's."
    )
    graph_optimization: Literal["disabled", "basic", "extended", "all"] = Field(
        default="all", description="How much of the graph is rewritten when it is loaded."
    )

    @field_validator("providers")
    @classmethod
    def _are_different(cls, value: list[str]) -> list[str]:
        for name in value:
            if value.count(name) > 1:
                raise ValueError(f"the provider {name!r} is named twice")
        return value

    @model_validator(mode="after")
    def _options_have_a_provider(self) -> OnnxRuntimeOptions:
        for name in self.provider_options:
            if name not in self.providers:
                raise ValueError(f"provider_options are for {name!r}, which is none of providers")
        return self


class TorchOptions(TorchGpuOptions):
    """`options` of a model that PyTorch executes."""

    device: str = Field(default="cpu", description="cpu, cuda or cuda:N.")
    threads: _Threads | None = Field(default=None, description="CPU threads of an execution. Default: the server's.")
    precision: Literal["f32", "tf32", "bf16", "f16"] = Field(
        default="f32",
        description="What matrix products and convolutions are computed in. f32: as the model says. tf32: only on a "
        "GPU. bf16, f16: there all of the model, its weights too.",
    )

    @field_validator("device")
    @classmethod
    def _is_a_device(cls, value: str) -> str:
        if not _DEVICE.fullmatch(value):
            raise ValueError("expected cpu, cuda or cuda:N")
        return value

    @model_validator(mode="after")
    def _has_the_device_that_options_are_for(self) -> TorchOptions:
        if self.device == "cpu":
            if self.precision == "tf32":
                raise ValueError("precision: tf32 is only for a GPU; set device to cuda")
            if unused := sorted(self.model_fields_set & TorchGpuOptions.model_fields.keys()):
                raise ValueError(f"{unused[0]} is only for a GPU; set device to cuda")
        return self
