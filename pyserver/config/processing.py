"""`preprocess` and `postprocess` of a model.yaml. The options of each op are checked by the op itself, in the core."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field

from pyserver.config.field_types import Datatype, ModelOptions

_LIST_ITEMS = (bool, int, float, str)


class OpConfig(ModelOptions):
    """One op: its name, or its name and its options; a lone value is the op's main option."""

    name: str
    options: dict[str, Any] = Field(default={})


def _op(value: Any) -> Any:
    """`softmax`, `{resize: 256}` or `{resize: {size: 256, filter: bicubic}}`."""
    if isinstance(value, str):
        return {"name": value}
    if not isinstance(value, dict) or len(value) != 1:
        raise ValueError("expected the name of an op, or one name and its options (`resize: {size: 256}`)")
    name, options = next(iter(value.items()))
    if options is None:
        options = {}
    if not isinstance(options, dict):
        options = {"": options}
    for key, option in options.items():
        items = option if isinstance(option, list) else [option]
        if not all(isinstance(item, _LIST_ITEMS) for item in items):
            raise ValueError(f"{name}: {key or 'its option'}: expected a value or a list of values")
    return {"name": name, "options": options}


Op = Annotated[OpConfig, BeforeValidator(_op)]


class InputProcessing(ModelOptions):
    """What one input of the client goes through."""

    ops: list[Op] = Field(min_length=1, description="From what the client sends to what the model takes.")
    input: str | None = Field(
        default=None, description="The model's input that is made. Default: that of the same name, or the only one."
    )
    datatype: Datatype | None = Field(
        default=None, description="Of what the client sends. Default: BYTES where the first op decodes it."
    )
    shape: list[Annotated[int, Field(ge=-1, le=2**62)]] | None = Field(
        default=None,
        max_length=16,
        description="Of one row of what the client sends. Default: [] where the first op decodes it.",
    )


def _input_processing(value: Any) -> Any:
    return {"ops": value} if isinstance(value, list) else value


ChainsByInput = dict[str, Annotated[InputProcessing, BeforeValidator(_input_processing)]]
ChainsByOutput = dict[str, list[Op]]


class PresetConfig(ModelOptions):
    """Chains under one name."""

    name: Literal["imagenet", "yolo", "sentence_embedding"] = Field(description="Which one.")
    filter: Literal["bilinear", "bicubic"] = Field(default="bilinear", description="How pictures are resized.")


def _preset(value: Any) -> Any:
    return {"name": value} if isinstance(value, str) else value


Preset = Annotated[PresetConfig, BeforeValidator(_preset)]
