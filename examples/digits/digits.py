"""The images of the example and their fixed split. Both train.py and demo.py take them from here."""

from __future__ import annotations

import numpy as np
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split

PIXEL_MAX = 16.0


def _split() -> list[np.ndarray]:
    images, truth = load_digits(return_X_y=True)
    parts: list[np.ndarray] = train_test_split(
        images.astype(np.float32), truth, test_size=0.25, random_state=0, stratify=truth
    )
    return parts


def training() -> tuple[np.ndarray, np.ndarray]:
    """Images FP32 [n, 64] of 0..16, and the digit that each shows."""
    images, _, truth, _ = _split()
    return images, truth


def held_out() -> tuple[np.ndarray, np.ndarray]:
    """The images that the training never saw, in the same form."""
    _, images, _, truth = _split()
    return images, truth
