"""Real models that nobody here made, from PyPI packages, with inputs that they take.

The packages are installed without their dependencies (requirements/models.txt) and never imported: only their files are
read.
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

import numpy as np

Inputs = dict[str, np.ndarray]


@dataclass(frozen=True)
class RealModel:
    """A model file and how to make inputs for `rows` rows of it."""

    name: str
    path: Path
    inputs: Callable[[np.random.Generator, int], Inputs]
    # Whether the server is expected to find out by itself that it batches.
    batches: bool = True


def _file(package: str, inside: str) -> Path:
    spec = find_spec(package)
    if spec is None or spec.origin is None:
        raise ModuleNotFoundError(f"{package} is not installed: run ./dev setup")
    return Path(spec.origin).parent / inside


def _pixels(height: int, width: int) -> Callable[[np.random.Generator, int], Inputs]:
    return lambda random, rows: {"x": random.uniform(-1, 1, (rows, 3, height, width)).astype(np.float32)}


def _sentences(random: np.random.Generator, rows: int) -> Inputs:
    ids = random.integers(1000, 20_000, (rows, 32))
    mask = (np.arange(32) < random.integers(8, 33, (rows, 1))).astype(np.int64)
    return {"input_ids": ids, "attention_mask": mask, "token_type_ids": np.zeros_like(ids)}


def _speech(random: np.random.Generator, rows: int) -> Inputs:
    return {
        "input": random.uniform(-1, 1, (rows, 576)).astype(np.float32),
        "state": random.uniform(-1, 1, (2, rows, 128)).astype(np.float32),
    }


def _speech_at_a_rate(random: np.random.Generator, rows: int) -> Inputs:
    return {**_speech(random, rows), "sr": np.array(16_000, np.int64)}


def _one_speaker(random: np.random.Generator, _rows: int) -> Inputs:
    return _speech(random, 1)


def _speech_sequence(random: np.random.Generator, rows: int) -> Inputs:
    cell = random.uniform(-1, 1, (2, 1, 1, 128)).astype(np.float32)
    return {"input": random.uniform(-1, 1, (rows, 576)).astype(np.float32), "h": cell[0], "c": cell[1]}


def minilm(cache: Path) -> Path:
    """all-MiniLM-L6-v2 as ONNX, built once into `cache` from the package's weights."""
    path = cache / "minilm.onnx"
    if not path.exists():
        unfinished = path.with_suffix(".part")
        subprocess.run([sys.executable, Path(__file__).with_name("minilm.py"), unfinished], check=True)
        unfinished.rename(path)
    return path


def real_models(cache: Path) -> list[RealModel]:
    """All of them; what must be built is kept in the folder `cache`."""
    ocr = "models/ch_PP-OCRv4_{}_infer.onnx"
    return [
        RealModel(
            "magika",
            _file("magika", "models/standard_v3_3/model.onnx"),
            lambda random, rows: {"bytes": random.integers(0, 257, (rows, 2048)).astype(np.int32)},
        ),
        # Its silero_vad.onnx holds an If that OpenVINO cannot read: docs/decisions/0006.
        RealModel("vad", _file("silero_vad", "data/silero_vad_op18_ifless.onnx"), _speech_at_a_rate, batches=False),
        RealModel("vad_16k", _file("silero_vad", "data/silero_vad_openvino_16k.onnx"), _one_speaker, batches=False),
        RealModel(
            "vad_sequence", _file("silero_vad", "data/silero_vad_16k_sequence.onnx"), _speech_sequence, batches=False
        ),
        RealModel("ocr_detect", _file("rapidocr_onnxruntime", ocr.format("det")), _pixels(96, 128)),
        RealModel("ocr_recognise", _file("rapidocr_onnxruntime", ocr.format("rec")), _pixels(48, 160)),
        RealModel(
            "ocr_classify",
            _file("rapidocr_onnxruntime", "models/ch_ppocr_mobile_v2.0_cls_infer.onnx"),
            _pixels(48, 192),
        ),
        RealModel("minilm", minilm(cache), _sentences),
    ]
