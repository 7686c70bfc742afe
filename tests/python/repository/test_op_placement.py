"""Which ops of a model.yaml run beside the model on its GPU, and which on the CPU."""

from __future__ import annotations

from pathlib import Path
from typing import Any, NamedTuple, cast

import pytest

from pyserver import _core
from pyserver.config.schema import ModelConfig
from pyserver.repository.op_placement import OpPlacement

NORMALIZE = {"normalize": {"mean": [1, 2, 3], "std": [4, 5, 6]}}
PIXELS = _core.TensorSpec("x", "FP32", [3, 8, 8])
SCORES = _core.TensorSpec("y", "FP32", [10])


class Signature(NamedTuple):
    """As _core.ModelSignature, which comes with an engine only."""

    inputs: list[_core.TensorSpec]
    outputs: list[_core.TensorSpec]
    max_batch_size: int


def signature(max_batch_size: int = 4) -> _core.ModelSignature:
    return cast("_core.ModelSignature", Signature([PIXELS], [SCORES], max_batch_size))


def split(preprocess: Any = None, postprocess: Any = None) -> OpPlacement:
    told = {"preprocess": preprocess or {}, "postprocess": postprocess or {}}
    placement = OpPlacement(ModelConfig.model_validate(told), [Path(".")], None)
    placement.split(signature())
    return placement


def on_gpu(placement: OpPlacement) -> dict[str, list[str]]:
    parts = {**placement.preprocess, **placement.postprocess}
    return {name: [op.name for op in part.ops] for name, part in parts.items()}


def on_cpu(placement: OpPlacement) -> dict[str, list[str]]:
    told = {name: [op.name for op in chain.ops] for name, chain in placement.config.preprocess.items()}
    return told | {name: [op.name for op in ops] for name, ops in placement.config.postprocess.items()}


def test_the_last_ops_before_the_model_run_on_the_gpu_from_where_the_shape_is_fixed() -> None:
    placement = split({"image": ["decode_image", {"resize": 9}, {"center_crop": 8}, NORMALIZE, "layout"]})
    assert on_gpu(placement) == {"x": ["normalize", "layout"]}
    assert on_cpu(placement) == {"image": ["decode_image", "resize", "center_crop"]}
    part = placement.preprocess["x"]
    assert (part.client, part.datatype, part.shape) == ("image", "UINT8", (8, 8, 3))


def test_a_picture_of_a_fixed_size_is_resized_on_the_gpu() -> None:
    chain = {"datatype": "UINT8", "shape": [20, 30, 3], "ops": [{"resize": 8}, NORMALIZE, "layout"]}
    placement = split({"x": chain})
    assert on_gpu(placement) == {"x": ["resize", "normalize", "layout"]}
    assert on_cpu(placement) == {}
    # Of any other size the CPU makes one of that size first.
    placement = split({"x": {**chain, "shape": [-1, -1, 3]}})
    assert on_gpu(placement) == {"x": ["normalize", "layout"]}
    assert on_cpu(placement) == {"x": ["resize"]}


def test_a_client_keeps_its_own_name_for_what_the_gpu_makes() -> None:
    placement = split({"image": {"input": "x", "datatype": "UINT8", "shape": [8, 8, 3], "ops": [NORMALIZE, "layout"]}})
    assert on_gpu(placement) == {"x": ["normalize", "layout"]}
    assert on_cpu(placement) == {"image": []}


def test_the_first_ops_after_the_model_run_on_the_gpu() -> None:
    placement = split(postprocess={"y": ["softmax", {"round": 2}, {"cast": "FP16"}]})
    assert on_gpu(placement) == {"y": ["softmax"]}
    assert on_cpu(placement) == {"y": ["round", "cast"]}


def test_the_gpu_finds_the_candidates_of_top_k_and_the_cpu_makes_texts_of_them() -> None:
    placement = split(postprocess={"y": ["softmax", {"top_k": {"k": 3}}]})
    assert on_gpu(placement) == {"y": ["softmax", "top_k"]}
    assert on_cpu(placement) == {"y": ["top_k"]}
    assert placement.config.postprocess["y"][0].options == {"k": 3, "of": "candidates"}


def test_pictures_are_resized_on_the_cpu_where_boxes_are_told_in_the_callers_picture() -> None:
    chain = {"datatype": "UINT8", "shape": [20, 30, 3], "ops": [{"resize": 8}, NORMALIZE, "layout"]}
    placement = split({"x": chain}, {"y": [{"nms": {}}]})
    assert on_gpu(placement) == {"x": ["normalize", "layout"]}
    assert on_cpu(placement) == {"x": ["resize"], "y": ["nms"]}


@pytest.mark.parametrize(
    "preprocess",
    [
        {"x": {"datatype": "FP32", "shape": [3, 8, 8], "ops": [{"round": 1}]}},
        # The last ops do not give what the model takes: the load fails where the chain is made, and says so.
        {"x": {"datatype": "UINT8", "shape": [8, 8, 3], "ops": ["cast"]}},
    ],
)
def test_what_cannot_run_there_stays(preprocess: dict[str, Any]) -> None:
    placement = split(preprocess)
    assert on_gpu(placement) == {}
    assert set(on_cpu(placement)) == {"x"}


def test_ops_of_a_model_without_a_batch_dimension_stay() -> None:
    config = ModelConfig.model_validate({"postprocess": {"y": ["softmax"]}})
    placement = OpPlacement(config, [Path(".")], None)
    placement.split(signature(max_batch_size=0))
    assert on_gpu(placement) == {}
    assert on_cpu(placement) == {"y": ["softmax"]}


def test_what_runs_on_the_gpu_is_told() -> None:
    placement = split({"image": ["decode_image", {"resize": [8, 8]}, NORMALIZE, "layout"]}, {"y": ["softmax"]})
    told = [(ops.client, ops.tensor, ops.ops, ops.before_model) for ops in placement.told]
    assert told == [("image", "x", ["normalize", "layout"], True), ("y", "y", ["softmax"], False)]
