"""Models that requests are made for, without a server."""

from __future__ import annotations

from pyserver_loadgen.protocols import ModelMetadata, TensorSpec

TRANSFORMER = (
    {"name": "input_ids", "datatype": "INT64", "shape": [-1]},
    {"name": "attention_mask", "datatype": "INT64", "shape": [-1]},
    {"name": "token_type_ids", "datatype": "INT64", "shape": [-1]},
)


def model(*inputs: TensorSpec, max_batch_size: int | None = 0, outputs: tuple[TensorSpec, ...] = ()) -> ModelMetadata:
    return ModelMetadata("m", "", inputs, outputs, max_batch_size)


def transformer() -> ModelMetadata:
    names = ("input_ids", "attention_mask", "token_type_ids")
    return model(*(TensorSpec(name, "INT64", (-1, -1)) for name in names), max_batch_size=8)
