"""top_k: the texts of the Open Inference Protocol's classification extension."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from chains import DTYPES, run_op, run_ops
from hypothesis import given, settings
from hypothesis import strategies as st
from rows import FLOATS, random_row

from pyserver import _core
from pyserver._core import StatusError


def test_texts_are_score_index_label_as_triton_writes_them() -> None:
    scores = np.array([0.25, 1 / 3, 1e-7, 12345678.5], np.float32)
    got = run_op("top_k", scores, k=4, labels=["cat", "dog", "a bird", "fish"])
    assert got.tolist() == [b"12345678.000000:3:fish", b"0.333333:1:dog", b"0.250000:0:cat", b"0.000000:2:a bird"]


def test_without_labels_there_is_none_and_integers_have_no_point() -> None:
    assert run_op("top_k", np.array([3, -7, 2**60], np.int64), k=2).tolist() == [b"1152921504606846976:2", b"3:0"]
    assert run_op("top_k", np.array([0, 255], np.uint8), k=2).tolist() == [b"255:1", b"0:0"]


@settings(derandomize=True, deadline=None, max_examples=100)
@given(st.sampled_from(tuple(DTYPES)), st.integers(1, 300), st.integers(1, 300), st.booleans(), st.integers(0, 99))
def test_the_highest_come_first_and_of_equals_the_lowest_index(
    datatype: str, count: int, k: int, few: bool, seed: int
) -> None:
    row = random_row(datatype, (count,), seed)
    if few:
        row = (row.astype(np.float64) % 3).astype(row.dtype)
    order = sorted(range(count), key=lambda index: (-row[index].item(), index))[:k]
    numbers = row.astype(np.float64 if datatype in FLOATS else row.dtype).tolist()
    written = [f"{numbers[at]:f}:{at}" if datatype in FLOATS else f"{int(numbers[at])}:{at}" for at in order]
    assert [text.decode() for text in run_op("top_k", row, k=k)] == written


def test_nan_comes_last() -> None:
    got = run_op("top_k", np.array([np.nan, -np.inf, np.nan, np.inf], np.float32), k=4)
    assert got.tolist() == [b"inf:3", b"-inf:1", b"nan:0", b"nan:2"]


def test_each_line_has_its_own() -> None:
    got = run_op("top_k", np.array([[1, 5, 2], [9, 8, 7]], np.int32), k=2)
    assert got.tolist() == [[b"5:1", b"2:2"], [b"9:0", b"8:1"]]


def test_the_shape_tells_how_many_come_out() -> None:
    assert _core.OpChain([("top_k", {"k": 5})], "FP32", [1000]).shape == (5,)
    assert _core.OpChain([("top_k", {"k": 5})], "FP32", [3]).shape == (3,)
    assert _core.OpChain([("top_k", {"k": 5})], "FP32", [-1]).shape == (-1,)
    assert run_ops([("top_k", {"k": 5})], np.zeros(2, np.float32), (-1,)).shape == (2,)


def test_labels_come_from_a_file_or_a_list_and_may_stand_alone(tmp_path: Path) -> None:
    (tmp_path / "labels.txt").write_text("zero\none\ntwo\n")
    chain = _core.OpChain(
        [("top_k", {"k": 2, "labels": "labels.txt", "form": "label"})], "FP32", [3], folders=[str(tmp_path)]
    )
    _, texts = chain.run(np.array([1, 3, 2], np.float32).tobytes(), [3])
    assert texts == b"\x03\0\0\0one\x03\0\0\0two"


def test_a_row_of_another_length_than_the_labels_is_refused() -> None:
    with pytest.raises(StatusError, match="expected as many scores as labels, 2, got FP32"):
        run_ops([("top_k", {"labels": ["a", "b"]})], np.zeros(3, np.float32), (-1,))
