"""resize like Pillow: pixels identical to those of Pillow itself."""

from __future__ import annotations

import numpy as np
import PIL
import pytest
from chains import run_op
from hypothesis import example, given, settings
from hypothesis import strategies as st
from pictures import pictures, sizes
from PIL import Image

FILTERS = {
    "nearest": Image.Resampling.NEAREST,
    "area": Image.Resampling.BOX,
    "bilinear": Image.Resampling.BILINEAR,
    "bicubic": Image.Resampling.BICUBIC,
    "lanczos": Image.Resampling.LANCZOS,
}
filters = st.sampled_from(sorted(FILTERS))
# CMYK, because Pillow multiplies the colours of RGBA with its alpha before it resizes.
MODES = {3: "RGB", 4: "CMYK"}
# From this version on Pillow may resize the columns of a picture first.
COLUMNS_FIRST = int(PIL.__version__.split(".")[0]) >= 13
LIKE_INSTALLED = "pillow" if COLUMNS_FIRST else "pillow_12"


def by_pillow(picture: np.ndarray, size: list[float], filter_: str) -> np.ndarray:
    height, width = (int(side) for side in size)
    if picture.dtype == np.uint8 and picture.shape[2] in MODES:
        image = Image.frombytes(MODES[picture.shape[2]], picture.shape[1::-1], picture.tobytes())
        return np.asarray(image.resize((width, height), FILTERS[filter_]))
    planes = [Image.fromarray(picture[..., channel]) for channel in range(picture.shape[2])]
    return np.stack([np.asarray(plane.resize((width, height), FILTERS[filter_])) for plane in planes], -1)


@settings(derandomize=True, deadline=None, max_examples=500)
@given(pictures(), sizes(), filters)
@example(np.full((1, 1, 3), 200, np.uint8), [5.0, 7.0], "bicubic")
@example(np.arange(300, dtype=np.float32).reshape(300, 1, 1), [1.0, 300.0], "lanczos")
def test_every_pixel_is_pillows(picture: np.ndarray, size: list[float], filter_: str) -> None:
    got = run_op("resize", picture, size=size, filter=filter_, like=LIKE_INSTALLED)
    np.testing.assert_array_equal(got, by_pillow(picture, size, filter_))


@pytest.mark.parametrize("filter_", sorted(FILTERS))
def test_photos_in_their_usual_sizes(filter_: str) -> None:
    random = np.random.default_rng(5)
    for height, width, size in ((375, 500, [224.0, 224.0]), (500, 375, [256.0, 341.0]), (120, 90, [640.0, 480.0])):
        picture = random.integers(0, 256, (height, width, 3), dtype=np.uint8)
        got = run_op("resize", picture, size=size, filter=filter_, like=LIKE_INSTALLED)
        np.testing.assert_array_equal(got, by_pillow(picture, size, filter_))


# As two resizes, each along one axis, so that no Pillow can choose their order.
@settings(derandomize=True, deadline=None, max_examples=150)
@given(pictures(), sizes(), filters.filter(lambda name: name != "nearest"))
def test_pillow_12_always_weighs_lines_first(picture: np.ndarray, size: list[float], filter_: str) -> None:
    lines = by_pillow(picture, [float(picture.shape[0]), size[1]], filter_)
    expected = by_pillow(lines, size, filter_)
    np.testing.assert_array_equal(run_op("resize", picture, size=size, filter=filter_, like="pillow_12"), expected)


@pytest.mark.skipif(not COLUMNS_FIRST, reason="this Pillow weighs lines first")
def test_pillow_13_weighs_columns_first_where_the_height_falls_by_more_than_twice_the_width() -> None:
    random = np.random.default_rng(6)
    picture = random.integers(0, 256, (60, 40, 3), dtype=np.uint8)
    for height, width in ((40, 30), (39, 30), (38, 29), (37, 29), (59, 50), (10, 40), (61, 90)):
        size = [float(height), float(width)]
        got = run_op("resize", picture, size=size, filter="lanczos")
        np.testing.assert_array_equal(got, by_pillow(picture, size, "lanczos"))


def test_floats_that_are_not_finite_stay_where_they_are() -> None:
    picture = np.zeros((9, 9, 3), np.float32)
    picture[4, 4] = [np.inf, np.nan, -np.inf]
    for like in ("pillow", "opencv"):
        got = run_op("resize", picture, size=[18.0, 18.0], like=like)
        assert np.isfinite(got[:6]).all()
        assert np.isfinite(got[:, :6]).all()
        assert np.isfinite(got[12:]).all()
        assert not np.isfinite(got[8:10, 8:10]).any()


def test_bilinear_and_pillow_are_the_defaults() -> None:
    picture = np.random.default_rng(1).integers(0, 256, (40, 50, 3), dtype=np.uint8)
    expected = run_op("resize", picture, size=[20.0, 20.0], filter="bilinear", like="pillow")
    np.testing.assert_array_equal(run_op("resize", picture, **{"": 20}), expected)
