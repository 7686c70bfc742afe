"""center_crop, crop and pad, against NumPy's slices and torchvision's arithmetic."""

from __future__ import annotations

import numpy as np
import pytest
from chains import run_op, run_ops
from hypothesis import given, settings
from hypothesis import strategies as st
from pictures import pictures

sides = st.integers(1, 100)
margins = st.lists(st.integers(0, 9), min_size=4, max_size=4)


# transforms.functional.center_crop
def center_crop(picture: np.ndarray, height: int, width: int) -> np.ndarray:
    missing_rows, missing_columns = max(0, height - picture.shape[0]), max(0, width - picture.shape[1])
    rows = (missing_rows // 2, (missing_rows + 1) // 2)
    columns = (missing_columns // 2, (missing_columns + 1) // 2)
    padded = np.pad(picture, (rows, columns, (0, 0)))
    top, left = round((padded.shape[0] - height) / 2.0), round((padded.shape[1] - width) / 2.0)
    return padded[top : top + height, left : left + width]


@settings(derandomize=True, deadline=None, max_examples=200)
@given(pictures(), sides, sides)
def test_center_crop_as_torchvision(picture: np.ndarray, height: int, width: int) -> None:
    got = run_op("center_crop", picture, size=[float(height), float(width)])
    np.testing.assert_array_equal(got, center_crop(picture, height, width))


@settings(derandomize=True, deadline=None, max_examples=100)
@given(pictures(), st.data())
def test_crop_is_a_slice(picture: np.ndarray, data: st.DataObject) -> None:
    top, left = data.draw(st.integers(0, picture.shape[0] - 1)), data.draw(st.integers(0, picture.shape[1] - 1))
    height = data.draw(st.integers(1, picture.shape[0] - top))
    width = data.draw(st.integers(1, picture.shape[1] - left))
    got = run_op("crop", picture, top=top, left=left, height=height, width=width)
    np.testing.assert_array_equal(got, picture[top : top + height, left : left + width])


@settings(derandomize=True, deadline=None, max_examples=100)
@given(pictures(), margins, st.integers(0, 255))
def test_pad_adds_to_the_sides(picture: np.ndarray, margin: list[int], value: int) -> None:
    left, top, right, bottom = margin
    got = run_op("pad", picture, sides=[float(side) for side in margin], value=value)
    expected = np.pad(picture, ((top, bottom), (left, right), (0, 0)), constant_values=value)
    np.testing.assert_array_equal(got, expected)


@settings(derandomize=True, deadline=None, max_examples=100)
@given(pictures(), st.integers(0, 9), st.integers(0, 9), st.booleans())
def test_pad_to_a_size(picture: np.ndarray, rows: int, columns: int, center: bool) -> None:
    height, width = picture.shape[0] + rows, picture.shape[1] + columns
    got = run_op("pad", picture, height=height, width=width, align="center" if center else "top_left")
    top, left = (rows // 2, columns // 2) if center else (0, 0)
    expected = np.pad(picture, ((top, rows - top), (left, columns - left), (0, 0)))
    np.testing.assert_array_equal(got, expected)


@pytest.mark.parametrize("dtype", [np.uint8, np.float32])
def test_pad_with_a_colour(dtype: type) -> None:
    picture = np.full((2, 3, 3), 9, dtype)
    got = run_op("pad", picture, sides=[1.0, 0.0, 0.0, 2.0], value=[1.0, 2.0, 250.0])
    assert (got[:2, 1:] == 9).all()
    assert (got[:, 0] == [1, 2, 250]).all()
    assert (got[2:] == [1, 2, 250]).all()


@settings(derandomize=True, deadline=None, max_examples=60)
@given(pictures(), st.integers(1, 40), st.integers(1, 40))
def test_a_resized_picture_is_padded_at_once(picture: np.ndarray, height: int, width: int) -> None:
    resize = ("resize", {"size": [float(height), float(width)]})
    pad = ("pad", {"sides": [3.0, 1.0, 0.0, 2.0], "value": 7})
    apart = run_ops([pad], run_ops([resize], picture))
    np.testing.assert_array_equal(run_ops([resize, pad], picture), apart)
