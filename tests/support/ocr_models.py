"""rapidocr's three models as models that take encoded pictures, and rapidocr's own pipelines to compare with."""

from __future__ import annotations

import shutil
from importlib.util import find_spec
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import yaml
from PIL import Image, ImageDraw, ImageFont

Array = np.ndarray[Any, Any]

# As PaddleOCR's mean and deviation of 0.5 have it.
_CENTRED = {"normalize": {"mean": 0.5, "std": 0.5, "scale": "1/255"}}
# A line of text is 48 pixels high, and as wide as it is then.
_LINE = {"size": [48, -1], "rounding": "up", "like": "opencv"}
MODELS: dict[str, tuple[str, dict[str, Any]]] = {
    "classifier": (
        "ch_ppocr_mobile_v2.0_cls_infer.onnx",
        {
            "preprocess": {
                "image": [
                    {"decode_image": "BGR"},
                    {"resize": {**_LINE, "max_width": 192}},
                    _CENTRED,
                    {"pad": {"width": 192}},
                    "layout",
                ]
            },
        },
    ),
    "detector": (
        "ch_PP-OCRv4_det_infer.onnx",
        {
            "preprocess": {
                "image": [
                    {"decode_image": "BGR"},
                    {"resize": {"size": 736, "mode": "limit_min", "multiple_of": 32, "like": "opencv"}},
                    _CENTRED,
                    "layout",
                ]
            }
        },
    ),
    "recogniser": (
        "ch_PP-OCRv4_rec_infer.onnx",
        {
            "preprocess": {
                "image": [
                    {"decode_image": "BGR"},
                    {"resize": {**_LINE, "max_width": 320}},
                    _CENTRED,
                    {"pad": {"width": 320}},
                    "layout",
                ]
            }
        },
    ),
}


def package() -> Path:
    """The folder of the installed package."""
    spec = find_spec("rapidocr_onnxruntime")
    if spec is None or spec.origin is None:
        raise ModuleNotFoundError("rapidocr-onnxruntime is not installed: run ./dev setup")
    return Path(spec.origin).parent


def write_repository(root: Path, **more: dict[str, Any]) -> Path:
    """A model repository with the three models; `more` is merged into a model's model.yaml."""
    for name, (file, config) in MODELS.items():
        folder = root / name / "1"
        folder.mkdir(parents=True)
        shutil.copy(package() / "models" / file, folder / "model.onnx")
        (root / name / "model.yaml").write_text(yaml.safe_dump({**config, **more.get(name, {})}))
    return root


def picture_of(text: str, size: tuple[int, int], seed: int = 0) -> Image.Image:
    """A page with the text on it, on paper that is not quite white."""
    random = np.random.default_rng(seed)
    paper = random.integers(225, 256, (size[1], size[0], 3)).astype(np.uint8)
    image = Image.fromarray(paper)
    font = ImageFont.load_default(size[1] * 0.6)
    ImageDraw.Draw(image).text((size[1] * 0.2, size[1] * 0.1), text, fill=(20, 30, 60), font=font)
    return image


def encoded(image: Image.Image, form: str = "JPEG") -> bytes:
    """As a file of that form."""
    file = BytesIO()
    image.save(file, form, **({"quality": 92} if form == "JPEG" else {}))
    return file.getvalue()
