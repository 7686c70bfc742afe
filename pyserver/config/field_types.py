"""What the classes of options are made of."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

MIB = 1024 * 1024


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
