"""What a resize costs, against Pillow and OpenCV, in turns on one thread: `python bench/micro/ops/resize.py [ROUNDS]`.

A photo of 500×375, as a NumPy array before and after: what a Python service has and wants. Medians in microseconds.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any

import cv2
import numpy as np
from alternate import median_seconds
from PIL import Image

from pyserver import _core

PILLOW = {"nearest": 0, "area": 4, "bilinear": 2, "bicubic": 3, "lanczos": 1}
OPENCV = {
    "nearest": cv2.INTER_NEAREST,
    "area": cv2.INTER_AREA,
    "bilinear": cv2.INTER_LINEAR,
    "bicubic": cv2.INTER_CUBIC,
}
WIDTH, HEIGHT = 500, 375
TARGETS = {"341x256": (341, 256), "224x224": (224, 224)}


def chain(row: np.ndarray, ops: list[tuple[str, dict[str, Any]]]) -> Callable[[], object]:
    """A call of the chain on `row`."""
    datatype = {"uint8": "UINT8", "float32": "FP32"}[row.dtype.name]
    made = _core.OpChain(ops, datatype, [-1, -1, row.shape[2]])
    data, shape = row.tobytes(), list(row.shape)
    return lambda: made.run(data, shape)


def resize(row: np.ndarray, size: tuple[int, int], filter_: str, like: str) -> Callable[[], object]:
    """A call of the op on `row`."""
    width, height = size
    return chain(row, [("resize", {"size": [float(height), float(width)], "filter": filter_, "like": like})])


def cases(photo: np.ndarray) -> dict[str, tuple[Callable[[], object], Callable[[], object]]]:
    """Each comparison: ours, and the library's."""
    pairs: dict[str, tuple[Callable[[], object], Callable[[], object]]] = {}
    for name, size in TARGETS.items():
        for filter_, number in PILLOW.items():
            pairs[f"{name} {filter_} UINT8, Pillow"] = (
                resize(photo, size, filter_, "pillow"),
                lambda size=size, number=number: np.asarray(Image.fromarray(photo).resize(size, number)),
            )
        for row in (photo, photo.astype(np.float32)):
            for filter_, number in OPENCV.items():
                pairs[f"{name} {filter_} {row.dtype.name}, OpenCV"] = (
                    resize(row, size, filter_, "opencv"),
                    lambda row=row, size=size, number=number: cv2.resize(row, size, interpolation=number),
                )
    middle = (43, 16, 43 + 224, 16 + 224)
    side = [("resize", {"size": 256, "mode": "shorter_side"}), ("center_crop", {"size": 224})]
    pairs["shorter side 256, middle 224 bilinear UINT8, Pillow"] = (
        chain(photo, side),
        lambda: np.asarray(Image.fromarray(photo).resize((341, 256), 2).crop(middle)),
    )
    return pairs


def main() -> None:
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else 15
    cv2.setNumThreads(1)
    rng = np.random.default_rng(0)
    photo = cv2.GaussianBlur(rng.integers(0, 256, (HEIGHT, WIDTH, 3), dtype=np.uint8), (9, 9), 0)
    print(f"{'':52s} {'ours':>8s} {'theirs':>8s} {'ratio':>6s}")
    for name, (ours, theirs) in cases(photo).items():
        median = median_seconds({"ours": ours, "theirs": theirs}, rounds)
        mine, reference = median["ours"] * 1e6, median["theirs"] * 1e6
        print(f"{name:52s} {mine:8.1f} {reference:8.1f} {reference / mine:6.2f}")


if __name__ == "__main__":
    main()
