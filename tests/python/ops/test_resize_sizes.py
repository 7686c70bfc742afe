"""The size that resize gives a picture: torchvision's, Ultralytics' and PaddleOCR's own arithmetic.

None of the three is installed here; each reference below is the arithmetic that its own code has, and rapidocr's, which
is, is asked for real.
"""

from __future__ import annotations

import math
from typing import Any

import cv2
import numpy as np
import pytest
from chains import run_op, run_ops
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image
from rapidocr_onnxruntime.ch_ppocr_det.utils import DetPreProcess
from rapidocr_onnxruntime.ch_ppocr_rec.text_recognize import TextRecognizer

sides = st.integers(1, 300)


def blank(height: int, width: int, channels: int = 1) -> np.ndarray:
    return np.zeros((height, width, channels), np.uint8)


def noise(height: int, width: int) -> np.ndarray:
    return np.random.default_rng(height * 1000 + width).integers(0, 256, (height, width, 3), dtype=np.uint8)


def size_after(picture: np.ndarray, **options: Any) -> tuple[int, int]:
    height, width, _ = run_op("resize", picture, filter="nearest", **options).shape
    return height, width


@settings(derandomize=True, deadline=None, max_examples=200)
@given(sides, sides, st.integers(1, 100))
def test_shorter_side_as_torchvisions_resize(height: int, width: int, side: int) -> None:
    short, long = min(height, width), max(height, width)
    other = int(side * long / short)  # transforms.functional._compute_resized_output_size
    size = (side, other) if height <= width else (other, side)
    if other <= 65535:
        assert size_after(blank(height, width), size=side, mode="shorter_side") == size


# transforms.functional.resize and center_crop, on a Pillow image.
@pytest.mark.parametrize(("height", "width"), [(375, 500), (500, 333), (257, 256), (300, 1000), (20, 31)])
def test_the_usual_preparation_for_imagenet(height: int, width: int) -> None:
    picture = noise(height, width)
    short, long = min(height, width), max(height, width)
    other = int(256 * long / short)
    resized = Image.fromarray(picture).resize((256, other) if width <= height else (other, 256), Image.BILINEAR)
    left, top = round((resized.width - 224) / 2.0), round((resized.height - 224) / 2.0)
    expected = np.asarray(resized.crop((left, top, left + 224, top + 224)))
    ops = [("resize", {"size": 256, "mode": "shorter_side"}), ("center_crop", {"size": 224})]
    np.testing.assert_array_equal(run_ops(ops, picture, (-1, -1, 3)), expected)


# ultralytics.data.augment.LetterBox
def letterbox(picture: np.ndarray, shape: tuple[int, int], center: bool) -> np.ndarray:
    height, width = picture.shape[:2]
    ratio = min(shape[0] / height, shape[1] / width)
    new_width, new_height = round(width * ratio), round(height * ratio)
    free_width, free_height = float(shape[1] - new_width), float(shape[0] - new_height)
    if center:
        free_width, free_height = free_width / 2, free_height / 2
    resized = cv2.resize(picture, (new_width, new_height), interpolation=cv2.INTER_LINEAR)
    top, left = (round(free_height - 0.1), round(free_width - 0.1)) if center else (0, 0)
    bottom, right = round(free_height + 0.1), round(free_width + 0.1)
    return cv2.copyMakeBorder(resized, top, bottom, left, right, cv2.BORDER_CONSTANT, value=(114, 114, 114))


@settings(derandomize=True, deadline=None, max_examples=150)
@given(st.integers(8, 200), st.integers(8, 200), st.sampled_from([(160, 160), (96, 160), (33, 77)]), st.booleans())
def test_letterbox_as_ultralytics(height: int, width: int, shape: tuple[int, int], center: bool) -> None:
    picture = noise(height, width)
    options = {
        "size": [float(side) for side in shape],
        "mode": "letterbox",
        "pad_value": 114,
        "align": "center" if center else "top_left",
        "like": "opencv",
    }
    np.testing.assert_array_equal(run_op("resize", picture, **options), letterbox(picture, shape, center))


def test_a_letterbox_may_have_a_colour_for_each_channel() -> None:
    for dtype in (np.uint8, np.float32):
        got = run_op("resize", blank(10, 20, 3).astype(dtype), size=20, mode="letterbox", pad_value=[1.0, 2.0, 3.0])
        assert (got[:5] == [1, 2, 3]).all()
        assert (got[5:15] == 0).all()
        assert (got[15:] == [1, 2, 3]).all()


@settings(derandomize=True, deadline=None, max_examples=150)
@given(sides, sides, st.sampled_from(["min", "max"]), st.sampled_from([48, 64, 100]))
def test_limits_as_rapidocrs_detector(height: int, width: int, limit: str, side: int) -> None:
    picture = noise(height, width)
    expected = DetPreProcess(side, limit).resize(picture)
    options = {"size": side, "mode": f"limit_{limit}", "multiple_of": 32, "like": "opencv"}
    if expected is None:
        with pytest.raises(Exception, match="each side must be from 1 to 65535 pixels"):
            run_op("resize", picture, **options)
    else:
        np.testing.assert_array_equal(run_op("resize", picture, **options), expected)


# As far as the ops of this family go: its normalisation is another's.
@settings(derandomize=True, deadline=None, max_examples=100)
@given(st.integers(1, 120), st.integers(1, 700))
def test_a_line_of_text_as_rapidocrs_recogniser(height: int, width: int) -> None:
    picture = noise(height, width)
    recogniser = object.__new__(TextRecognizer)
    recogniser.rec_image_shape = [3, 48, 320]
    # Padded with 0 after it brought bytes to -1 … 1: a value that no byte has.
    prepared = recogniser.resize_norm_img(picture, 320 / 48)
    resize = ("resize", {"size": [48.0, -1.0], "rounding": "up", "max_width": 320, "like": "opencv"})
    resized = run_ops([resize], picture, (-1, -1, 3))
    assert resized.shape == (48, min(320, math.ceil(48 * (width / height))), 3)
    normalised = (resized.astype(np.float32) / 255 - 0.5) / 0.5
    padded = run_op("pad", normalised, width=320)
    np.testing.assert_allclose(padded.transpose(2, 0, 1), prepared, atol=1e-6)


@settings(derandomize=True, deadline=None, max_examples=100)
@given(sides, sides, st.integers(1, 100))
def test_a_side_of_minus_one_keeps_the_proportions(height: int, width: int, side: int) -> None:
    for rounding, rounded in (("down", math.floor), ("nearest", round), ("up", math.ceil)):
        expected = rounded(side * width / height)
        if rounding == "up":
            expected = math.ceil(side * (width / height))
        if 1 <= expected <= 1000:
            picture = blank(height, width)
            assert size_after(picture, size=[float(side), -1.0], rounding=rounding) == (side, expected)
            transposed = picture.transpose(1, 0, 2)
            assert size_after(transposed, size=[-1.0, float(side)], rounding=rounding) == (expected, side)
