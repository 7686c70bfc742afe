"""nms: against torchvision's definition of nms and batched_nms, written in NumPy."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from chains import DTYPES, run_op, run_ops
from hypothesis import given, settings
from hypothesis import strategies as st

pytestmark = pytest.mark.filterwarnings("ignore::RuntimeWarning")


def nms(boxes: np.ndarray, scores: np.ndarray, iou_threshold: float) -> list[int]:
    """The indices that stay, by descending score: torchvision.ops.nms, in FP32."""
    x1, y1, x2, y2 = boxes.T
    areas = (x2 - x1) * (y2 - y1)
    order = np.argsort(-scores, kind="stable")
    stay = []
    while order.size:
        first, rest = order[0], order[1:]
        stay.append(int(first))
        width = np.maximum(np.float32(0), np.minimum(x2[first], x2[rest]) - np.maximum(x1[first], x1[rest]))
        height = np.maximum(np.float32(0), np.minimum(y2[first], y2[rest]) - np.maximum(y1[first], y1[rest]))
        shared = width * height
        overlap = shared / (areas[first] + areas[rest] - shared)
        order = rest[~(overlap > np.float32(iou_threshold))]
    return stay


def detections(head: np.ndarray, options: dict[str, Any]) -> np.ndarray:
    """What the op announces for a head of [boxes, 4 or 5 + classes]."""
    head = head.astype(np.float32)
    first = 5 if options["objectness"] else 4
    boxes, scores = head[:, :4].copy(), head[:, first:].max(axis=1)
    labels = head[:, first:].argmax(axis=1)
    if options["objectness"]:
        scores = scores * head[:, 4]
    if options["boxes"] == "xywh":
        half = head[:, 2:4] / np.float32(2)
        boxes = np.concatenate([head[:, :2] - half, head[:, :2] + half], axis=1)
    candidates = np.flatnonzero(scores > np.float32(options["score_threshold"]))
    candidates = candidates[np.argsort(-scores[candidates], kind="stable")][: options["max_candidates"]]
    stay: list[int] = []
    groups = np.unique(labels[candidates]) if options["per_class"] else [None]
    for group in groups:
        members = candidates if group is None else candidates[labels[candidates] == group]
        stay += [int(members[at]) for at in nms(boxes[members], scores[members], options["iou_threshold"])]
    stay.sort(key=lambda at: (-scores[at], at))
    out = np.zeros((options["max_detections"], 6), np.float32)
    out[:, 5] = -1
    for row, at in enumerate(stay[: options["max_detections"]]):
        out[row] = [*boxes[at], scores[at], labels[at]]
    return out


def random_head(count: int, classes: int, options: dict[str, Any], seed: int) -> np.ndarray:
    random = np.random.default_rng(seed)
    centre, size = random.uniform(0, 100, (count, 2)), random.uniform(0, 60, (count, 2))
    # Whole numbers and few different scores: overlaps and scores that are equal.
    if seed % 2:
        centre, size = centre.round(-1), size.round(-1)
    corner = centre + size if options["boxes"] == "xyxy" else size
    fields = 5 + classes if options["objectness"] else 4 + classes
    scores = random.random((count, fields - 4)).round(seed % 4 + 1)
    return np.concatenate([centre, corner, scores], axis=1).astype(np.float32)


OPTIONS = st.fixed_dictionaries(
    {
        "boxes": st.sampled_from(["xywh", "xyxy"]),
        "objectness": st.booleans(),
        "per_class": st.booleans(),
        "score_threshold": st.sampled_from([0.0, 0.25, 0.5, 1.0]),
        "iou_threshold": st.sampled_from([0.0, 0.1, 0.45, 1.0]),
        "max_detections": st.sampled_from([1, 7, 300]),
        "max_candidates": st.sampled_from([1, 20, 30000]),
    }
)


@settings(derandomize=True, deadline=None, max_examples=200)
@given(OPTIONS, st.booleans(), st.integers(0, 150), st.integers(1, 5), st.integers(0, 99))
def test_detections_are_those_of_torchvisions_definition(
    options: dict[str, Any], transposed: bool, count: int, classes: int, seed: int
) -> None:
    head = random_head(count, classes, options, seed)
    row = np.ascontiguousarray(head.T) if transposed else head
    got = run_ops([("nms", {**options, "transposed": transposed})], row, (-1, -1))
    np.testing.assert_array_equal(got, detections(head, options))


@pytest.mark.parametrize("datatype", ["FP16", "BF16", "FP64"])
def test_other_floats_are_computed_in_fp32(datatype: str) -> None:
    options = {"boxes": "xywh", "objectness": True, "per_class": True, "score_threshold": 0.25, "iou_threshold": 0.45}
    options |= {"max_detections": 300, "max_candidates": 30000}
    head = random_head(200, 3, options, 1).astype(DTYPES[datatype])
    np.testing.assert_array_equal(run_op("nms", head, objectness=True), detections(head, options))


def test_numbers_that_are_none_are_no_detections_and_harm_no_other() -> None:
    head = np.array([[5, 5, 2, 2, np.nan], [np.nan, 5, 2, np.inf, 0.5], [5, 5, 2, 2, 0.9]], np.float32)
    got = run_op("nms", head, max_detections=3)
    np.testing.assert_array_equal(got[0], np.array([4, 4, 6, 6, 0.9, 0], np.float32))
    assert got[1, 4:].tolist() == [0.5, 0]
    assert got[2].tolist() == [0, 0, 0, 0, 0, -1]
