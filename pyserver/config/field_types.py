"""What the classes of options are made of."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

MIB = 1024 * 1024

Datatype = Literal[
    "BOOL", "UINT8", "UINT16", "UINT32", "UINT64", "INT8", "INT16", "INT32", "INT64",
    "FP16", "BF16", "FP32", "FP64", "BYTES",
]  # fmt: skip


def _not_a_bool(value: Any) -> Any:
    """YAML's `yes` and `on` are booleans, which Python would take for 1."""
    if isinstance(value, bool):
        raise ValueError("expected a number")
    return value


Int = Annotated[int, BeforeValidator(_not_a_bool)]
Seconds = Annotated[float, BeforeValidator(_not_a_bool), Field(allow_inf_nan=False, le=86_400)]


class Options(BaseModel):
    """Unchangeable, and without room for keys that mean nothing."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class ModelOptions(Options):
    """Options in a model.yaml: nothing is converted, a text is no number."""

    model_config = ConfigDict(strict=True)
