"""Presets: the chains that many models need, under one name. What model.yaml says itself comes first."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from pyserver import _core
from pyserver.config.processing import PresetConfig
from pyserver.config.schema import ModelConfig
from pyserver.errors import ModelLoadError

# The statistics of ImageNet's training set, as torchvision's weights were trained with.
_IMAGENET_MEAN = [0.485, 0.456, 0.406]
_IMAGENET_STD = [0.229, 0.224, 0.225]
# torchvision resizes to 256 where it crops 224.
_IMAGENET_CROP_RATIO = 224 / 256
# What Ultralytics fills the sides with.
_YOLO_GRAY = 114


def with_preset(config: ModelConfig, model: _core.ModelSignature) -> ModelConfig:
    """`config` with the chains of its preset, where it names one. Raises ModelLoadError where the model is no such."""
    if config.preset is None:
        return config
    chains = {"imagenet": _imagenet, "yolo": _yolo, "sentence_embedding": _sentence_embedding}[config.preset.name]
    preset = ModelConfig.model_validate(chains(config.preset, model))
    return config.model_copy(
        update={
            "preprocess": config.preprocess or preset.preprocess,
            "postprocess": config.postprocess or preset.postprocess,
        }
    )


def _imagenet(preset: PresetConfig, model: _core.ModelSignature) -> dict[str, Any]:
    """As torchvision's ImageClassification: the shorter side resized, the middle cut out, normalised."""
    picture = _Picture(preset, model)
    resized = [round(side / _IMAGENET_CROP_RATIO) for side in (picture.height, picture.width)]
    ops = [
        {"decode_image": {"color": "RGB"}},
        {"resize": {"size": min(resized), "mode": "shorter_side", "filter": preset.filter, "like": "pillow"}},
        {"center_crop": {"size": [picture.height, picture.width]}},
        {"normalize": {"mean": _IMAGENET_MEAN, "std": _IMAGENET_STD, "scale": "1/255"}},
    ]
    return {"preprocess": {"image": {"ops": ops + picture.layout, "input": picture.name}}}


def _yolo(preset: PresetConfig, model: _core.ModelSignature) -> dict[str, Any]:
    """As Ultralytics: fitted into the square, the rest gray, 0 to 1; the boxes that are left after suppression."""
    picture = _Picture(preset, model)
    ops = [
        {"decode_image": {"color": "RGB"}},
        {
            "resize": {
                "size": [picture.height, picture.width],
                "mode": "letterbox",
                "filter": preset.filter,
                "like": "opencv",
                "pad_value": _YOLO_GRAY,
            }
        },
        {"normalize": {"mean": 0, "std": 1, "scale": "1/255"}},
    ]
    if len(model.outputs) != 1:
        raise ModelLoadError(f"model.yaml: preset: yolo: expected a model with 1 output, this has {len(model.outputs)}")
    output = model.outputs[0]
    return {
        "preprocess": {"image": {"ops": ops + picture.layout, "input": picture.name}},
        "postprocess": {output.name: [{"nms": _head(output.shape)}]},
    }


def _sentence_embedding(preset: PresetConfig, model: _core.ModelSignature) -> dict[str, Any]:
    """Texts become tokens by the model's own tokenizer.json; the one vector of each text gets the length 1."""
    vectors = [spec.name for spec in model.outputs if len(spec.shape) == (1 if model.max_batch_size else 2)]
    if len(vectors) != 1:
        told = ", ".join(f"{spec.name} {list(spec.shape)}" for spec in model.outputs)
        raise ModelLoadError(
            f"model.yaml: preset: {preset.name}: expected a model with 1 output that is a vector for each text, "
            f"this one gives {told}"
        )
    return {"preprocess": {"text": ["tokenize"]}, "postprocess": {vectors[0]: ["l2_normalize"]}}


def _head(shape: Sequence[int]) -> dict[str, Any]:
    """YOLOv8's head is [4 + classes, boxes], YOLOv5's [boxes, 5 + classes]; there are more boxes than classes."""
    rows, columns = shape[-2:] if len(shape) >= 2 else (-1, -1)
    if rows < 1 or columns < 1:
        raise ModelLoadError(f"model.yaml: preset: yolo: expected an output of two fixed dimensions, got {list(shape)}")
    transposed = rows < columns
    return {"boxes": "xywh", "objectness": not transposed, "transposed": transposed}


class _Picture:
    """The model's one picture: its name, size and layout. Raises ModelLoadError where there is no such input."""

    def __init__(self, preset: PresetConfig, model: _core.ModelSignature) -> None:
        if len(model.inputs) != 1:
            raise ModelLoadError(
                f"model.yaml: preset: {preset.name}: expected a model with 1 input, this has {len(model.inputs)}"
            )
        spec = model.inputs[0]
        shape = tuple(spec.shape)
        if not model.max_batch_size and len(shape) == 4 and shape[0] == 1:
            shape = shape[1:]
        self.name = spec.name
        self.layout: list[Any] = []
        if spec.datatype == "FP32" and len(shape) == 3 and shape[0] == 3 and min(shape[1:]) > 0:
            self.height, self.width = shape[1:]
            self.layout = [{"layout": "CHW"}]
        elif spec.datatype == "FP32" and len(shape) == 3 and shape[2] == 3 and min(shape[:2]) > 0:
            self.height, self.width = shape[:2]
        else:
            raise ModelLoadError(
                f"model.yaml: preset: {preset.name}: expected an input FP32 [3, height, width] or [height, width, 3] "
                f"of fixed size, {spec.name!r} is {spec.datatype} {list(spec.shape)}"
            )
