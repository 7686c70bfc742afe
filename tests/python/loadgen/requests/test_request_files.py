"""Samples from files and folders."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from request_models import model

from pyserver.tensors import Array
from pyserver_loadgen.inputs.choose import choose_sources
from pyserver_loadgen.inputs.source import TensorSource, Wanted
from pyserver_loadgen.protocols import ModelMetadata, RequestError, TensorSpec

ROWS = model(TensorSpec("x", "FP32", (-1, 2)), max_batch_size=8)
TEXTS = model(TensorSpec("t", "BYTES", (-1, 1)), max_batch_size=8)
NOT_USED = np.random.default_rng(0)


def from_input(told: ModelMetadata, path: Path, batch_size: int | None = None) -> TensorSource:
    name = told.inputs[0].name
    return choose_sources(told, [f"{name}={path}"], None, batch_size=batch_size)[name]


def tensors(source: TensorSource, count: int, rows: int = 1) -> list[Array]:
    return [source.tensor(Wanted(index, (), rows, NOT_USED)) for index in range(count)]


def test_a_whole_tensor_is_sent_as_it_is(tmp_path: Path) -> None:
    array = np.arange(6, dtype=np.float32).reshape(3, 2)
    np.save(tmp_path / "x.npy", array)
    source = from_input(ROWS, tmp_path / "x.npy")
    assert source.count == 1
    np.testing.assert_array_equal(tensors(source, 1)[0], array)


def test_rows_in_a_folder_are_stacked_in_turn(tmp_path: Path) -> None:
    for number in range(5):
        np.save(tmp_path / f"{number}.npy", np.full(2, number, np.float32))
    source = from_input(ROWS, tmp_path, batch_size=2)
    assert source.count == 2
    assert [array[:, 0].tolist() for array in tensors(source, 3, rows=2)] == [[0, 1], [2, 3], [4, 0]]


def test_a_whole_tensor_is_cut_into_the_batches_that_are_asked_for(tmp_path: Path) -> None:
    np.save(tmp_path / "x.npy", np.arange(12, dtype=np.float32).reshape(6, 2))
    source = from_input(ROWS, tmp_path / "x.npy", batch_size=3)
    assert source.count == 2
    assert [array[:, 0].tolist() for array in tensors(source, 2, rows=3)] == [[0, 2, 4], [6, 8, 10]]


def test_rows_of_several_shapes_are_no_batch(tmp_path: Path) -> None:
    for number in (1, 2):
        np.save(tmp_path / f"{number}.npy", np.zeros(number, np.float32))
    free = model(TensorSpec("x", "FP32", (-1, -1)), max_batch_size=8)
    with pytest.raises(RequestError, match=r"rows of shapes \[1\] and \[2\] cannot be one batch"):
        tensors(from_input(free, tmp_path, batch_size=2), 1, rows=2)
    assert [array.shape for array in tensors(from_input(free, tmp_path), 2)] == [(1, 1), (1, 2)]


def test_json_is_read_in_the_models_datatype(tmp_path: Path) -> None:
    (tmp_path / "x.json").write_text("[[1, 2], [3, 4.5]]")
    (array,) = tensors(from_input(ROWS, tmp_path / "x.json"), 1)
    assert array.dtype == np.float32
    assert array.tolist() == [[1, 2], [3, 4.5]]


def test_lines_of_text_are_samples(tmp_path: Path) -> None:
    (tmp_path / "t.txt").write_text("one\ntwo\n\nGrüße\n", encoding="utf-8")
    source = from_input(TEXTS, tmp_path / "t.txt", batch_size=2)
    assert source.describe() == f"3 samples from {tmp_path / 't.txt'}"
    assert tensors(source, 1, rows=2)[0].tolist() == [[b"one"], [b"two"]]
    plain = model(TensorSpec("t", "BYTES", (-1,)))
    assert tensors(from_input(plain, tmp_path / "t.txt"), 3)[2].tolist() == ["Grüße".encode()]


def test_files_are_bytes_as_they_are(tmp_path: Path) -> None:
    (tmp_path / "a.jpg").write_bytes(b"\xff\xd8\x00")
    (tmp_path / "b.bin").write_bytes(b"\x00")
    (tmp_path / ".hidden").write_bytes(b"no")
    made = tensors(from_input(TEXTS, tmp_path), 2)
    assert [array.tolist() for array in made] == [[[b"\xff\xd8\x00"]], [[b"\x00"]]]


@pytest.mark.parametrize(("shape", "batch"), [((-1, 3, 8, 6), 4), ((1, 3, 8, 6), 0), ((3, 8, 6), 0)])
def test_pictures_are_resized_to_what_the_model_takes(tmp_path: Path, shape: tuple[int, ...], batch: int) -> None:
    for number in range(2):
        Image.new("RGB", (60, 80), (10 + number, 20, 30)).save(tmp_path / f"{number}.png")
    told = model(TensorSpec("x", "UINT8", shape), max_batch_size=batch)
    made = tensors(from_input(told, tmp_path), 2)
    assert made[0].shape == tuple(1 if size == -1 else size for size in shape)
    assert [array.reshape(3, 8, 6)[:, 4, 4].tolist() for array in made] == [[10, 20, 30], [11, 20, 30]]


def test_npz_files_and_json_objects_hold_all_inputs_of_a_request(tmp_path: Path) -> None:
    two = model(TensorSpec("a", "FP32", (2,)), TensorSpec("b", "BYTES", (1,)))
    np.savez(tmp_path / "1.npz", a=np.ones(2, np.float32), b=np.array([b"x"]))
    objects = [{"a": [2, 2], "b": ["y"]}, {"a": [3, 3], "b": ["z"]}]
    (tmp_path / "2.json").write_text(json.dumps(objects))
    sources = choose_sources(two, [], tmp_path)
    assert [array.tolist() for array in tensors(sources["a"], 3)] == [[1, 1], [2, 2], [3, 3]]
    assert [array.tolist() for array in tensors(sources["b"], 3)] == [[b"x"], ["y"], ["z"]]
    assert sources["a"].count == 3


def test_an_input_of_its_own_goes_before_the_folder(tmp_path: Path) -> None:
    two = model(TensorSpec("a", "FP32", (2,)), TensorSpec("b", "FP32", (2,)))
    np.savez(tmp_path / "1.npz", a=np.ones(2, np.float32), b=np.ones(2, np.float32))
    sources = choose_sources(two, ["b=zeros"], tmp_path)
    assert sources["b"].describe() == "zeros"


def test_a_folder_of_one_inputs_samples_is_for_models_of_one_input(tmp_path: Path) -> None:
    np.save(tmp_path / "x.npy", np.zeros(2, np.float32))
    assert choose_sources(ROWS, [], tmp_path)["x"].count == 1
    two = model(TensorSpec("a", "FP32", (2,)), TensorSpec("b", "FP32", (2,)))
    with pytest.raises(RequestError, match="the model's inputs are a, b: give"):
        choose_sources(two, [], tmp_path)


def test_requests_need_the_same_inputs(tmp_path: Path) -> None:
    two = model(TensorSpec("a", "FP32", (1,)), TensorSpec("b", "FP32", (1,)))
    (tmp_path / "x.json").write_text('[{"a": [1], "b": [1]}, {"a": [1]}]')
    with pytest.raises(RequestError, match="a request without input 'b'"):
        choose_sources(two, [], tmp_path / "x.json")
    (tmp_path / "x.json").write_text('{"a": [1], "c": [1]}')
    with pytest.raises(RequestError, match="no input 'c'"):
        choose_sources(two, [], tmp_path / "x.json")


@pytest.mark.parametrize(
    ("name", "content", "told"),
    [
        ("x.npy", b"no", "x.npy: "),
        ("x.npz", b"no", "x.npz: no .npz file that can be read"),
        ("x.json", b"[1, [2]]", "x.json: "),
        ("x.json", b'["a"]', "expected numbers in lists of equal length"),
        ("x.png", b"no", "not an image that can be read"),
        ("x.abc", b"no", "expected a file that ends in"),
    ],
)
def test_what_cannot_be_read_is_refused(tmp_path: Path, name: str, content: bytes, told: str) -> None:
    (tmp_path / name).write_bytes(content)
    picture = model(TensorSpec("x", "FP32", (3, 8, 8)))
    with pytest.raises(RequestError, match=told):
        from_input(picture, tmp_path / name)


def test_an_npz_file_without_the_input_names_what_it_has(tmp_path: Path) -> None:
    np.savez(tmp_path / "x.npz", other=np.zeros(2))
    with pytest.raises(RequestError, match="expected an array 'x', got other"):
        from_input(ROWS, tmp_path / "x.npz")


def test_an_empty_folder_is_refused(tmp_path: Path) -> None:
    with pytest.raises(RequestError, match="expected a folder with files, got an empty one"):
        from_input(ROWS, tmp_path)
