"""resize like OpenCV: the pixels of OpenCV's own package.

On x86-64 that package computes floats, and cubic bytes, with Intel's IPP, and elsewhere does not: there OpenCV is not
quite what OpenCV is on x86-64, and only what IPP has no part in is compared.
"""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from chains import run_op
from hypothesis import example, given, settings
from hypothesis import strategies as st
from pictures import pictures, sizes

FILTERS = {
    "nearest": cv2.INTER_NEAREST,
    "area": cv2.INTER_AREA,
    "bilinear": cv2.INTER_LINEAR,
    "bicubic": cv2.INTER_CUBIC,
}
needs_ipp = pytest.mark.skipif(not cv2.ipp.useIPP(), reason="this OpenCV is without IPP")


def by_opencv(picture: np.ndarray, size: list[float], filter_: str) -> np.ndarray:
    height, width = (int(side) for side in size)
    resized = cv2.resize(picture, (width, height), interpolation=FILTERS[filter_])
    return resized.reshape(height, width, picture.shape[2])


def by_us(picture: np.ndarray, size: list[float], filter_: str) -> np.ndarray:
    return run_op("resize", picture, size=size, filter=filter_, like="opencv")


bytes_only = pictures(st.just("uint8"))
floats_only = pictures(st.just("float32"))
halves = st.tuples(st.integers(1, 40), st.integers(1, 40))


@settings(derandomize=True, deadline=None, max_examples=400)
@given(bytes_only, sizes(), st.sampled_from(["nearest", "area", "bilinear"]))
@example(np.full((1, 1, 3), 200, np.uint8), [5.0, 7.0], "bilinear")
def test_every_byte_is_opencvs(picture: np.ndarray, size: list[float], filter_: str) -> None:
    np.testing.assert_array_equal(by_us(picture, size, filter_), by_opencv(picture, size, filter_))


# Whole factors have kernels of their own in OpenCV, and halves another.
@settings(derandomize=True, deadline=None, max_examples=100)
@given(halves, st.integers(1, 4), st.integers(1, 5), st.sampled_from([1, 3, 4]), st.sampled_from(["area", "bilinear"]))
@example((5, 7), 2, 2, 3, "bilinear")
def test_whole_factors(target: tuple[int, int], rows: int, columns: int, channels: int, filter_: str) -> None:
    shape = (target[0] * rows, target[1] * columns, channels)
    picture = np.random.default_rng(sum(shape)).integers(0, 256, shape, dtype=np.uint8)
    size = [float(side) for side in target]
    np.testing.assert_array_equal(by_us(picture, size, filter_), by_opencv(picture, size, filter_))
    larger = [float(side * rows) for side in shape[:2]]
    np.testing.assert_array_equal(by_us(picture, larger, filter_), by_opencv(picture, larger, filter_))


@needs_ipp
def test_of_cubic_bytes_one_in_a_thousand_differs_by_one() -> None:
    differing = []

    @settings(derandomize=True, deadline=None, max_examples=200)
    @given(bytes_only, sizes())
    def compare(picture: np.ndarray, size: list[float]) -> None:
        levels = np.abs(by_us(picture, size, "bicubic").astype(int) - by_opencv(picture, size, "bicubic"))
        assert levels.max() <= 1
        differing.append((np.count_nonzero(levels), levels.size))

    compare()
    different, all_pixels = np.sum(differing, axis=0)
    assert different <= all_pixels / 1000


@settings(derandomize=True, deadline=None, max_examples=400)
@given(
    floats_only, sizes(), st.sampled_from(["nearest", "area", *(["bilinear", "bicubic"] if cv2.ipp.useIPP() else [])])
)
def test_floats_are_opencvs_but_for_rounding(picture: np.ndarray, size: list[float], filter_: str) -> None:
    np.testing.assert_allclose(by_us(picture, size, filter_), by_opencv(picture, size, filter_), rtol=1e-5, atol=1e-5)


@needs_ipp
@pytest.mark.parametrize("dtype", [np.uint8, np.float32])
@pytest.mark.parametrize("filter_", sorted(FILTERS))
def test_photos_in_their_usual_sizes(filter_: str, dtype: type) -> None:
    picture = np.random.default_rng(5).integers(0, 256, (375, 500, 3), dtype=np.uint8)
    picture = picture if dtype == np.uint8 else picture.astype(np.float32) / 255
    for size in ([224.0, 224.0], [256.0, 341.0], [640.0, 853.0]):
        got, expected = by_us(picture, size, filter_), by_opencv(picture, size, filter_)
        if dtype == np.float32:
            np.testing.assert_allclose(got, expected, rtol=1e-5, atol=1e-6)
        else:
            levels = np.abs(got.astype(int) - expected)
            assert levels.max() <= 1
            assert np.count_nonzero(levels) <= (levels.size / 1000 if filter_ == "bicubic" else 0)
