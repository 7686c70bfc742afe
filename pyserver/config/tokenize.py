"""Options of the step `tokenize`: texts → what a language model takes."""

from __future__ import annotations

from pathlib import PurePath
from typing import Literal

from pydantic import Field, field_validator, model_validator

from pyserver.config.field_types import MIB, ModelOptions

_MAX_TOKENS = 2**20

Output = Literal["input_ids", "attention_mask", "token_type_ids"]


class TokenizeOptions(ModelOptions):
    """How the texts of an input become token ids."""

    file: str = Field(
        default="tokenizer.json",
        min_length=1,
        description="Hugging Face's tokenizer.json, in the version's folder or the model's.",
    )
    max_length: int | None = Field(
        default=None,
        ge=1,
        le=_MAX_TOKENS,
        description="Tokens of a text at most, special ones included. Default: as the file says, or no limit.",
    )
    truncation_side: Literal["right", "left"] | None = Field(
        default=None, description="Where a text that is too long is cut. Default: as the file says, or right."
    )
    padding: Literal["longest", "max_length"] = Field(
        default="longest", description="What texts are filled up to: the batch's longest, or max_length."
    )
    padding_side: Literal["right", "left"] | None = Field(
        default=None, description="Where a text is filled up. Default: as the file says, or right."
    )
    max_text_bytes: int = Field(
        default=MIB, ge=1, le=64 * MIB, description="Largest text, in bytes; a longer one is refused."
    )
    outputs: dict[Output, str] = Field(
        default={},
        description="The model's inputs that take them, where they are called otherwise. What the model has no input "
        "for is left out.",
    )

    @field_validator("file")
    @classmethod
    def _stays_in_the_model(cls, value: str) -> str:
        if PurePath(value).is_absolute() or ".." in PurePath(value).parts:
            raise ValueError("expected a file in the model's folder")
        return value

    @model_validator(mode="after")
    def _distinct(self) -> TokenizeOptions:
        if len(set(self.outputs.values())) < len(self.outputs):
            raise ValueError("outputs: expected another input for each")
        return self
