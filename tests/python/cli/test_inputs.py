from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from pyserver.cli.inputs import read_inputs
from pyserver.errors import ConfigError, PyserverError
from pyserver.v1 import model_status_pb2, tensor_pb2


def model(datatype: int, shape: list[int], max_batch_size: int = 0) -> model_status_pb2.ModelVersionStatus:
    return model_status_pb2.ModelVersionStatus(
        inputs=[tensor_pb2.TensorSpec(name="X", datatype=datatype, shape=shape)],
        batching=model_status_pb2.Batching(max_batch_size=max_batch_size),
    )


@pytest.fixture
def picture(tmp_path: Path) -> Path:
    Image.fromarray(np.arange(30, dtype=np.uint8).reshape(2, 5, 3)).save(tmp_path / "p.png")
    return tmp_path / "p.png"


@pytest.mark.parametrize(
    ("shape", "sent"),
    [
        ([2, 5, 3], (2, 5, 3)),
        ([3, 2, 5], (3, 2, 5)),
        ([3, -1, -1], (3, 2, 5)),
        ([2, 5], (2, 5)),
        ([1, 2, 5], (1, 2, 5)),
    ],
)
def test_an_image_takes_the_layout_of_the_model(picture: Path, shape: list[int], sent: tuple[int, ...]) -> None:
    arrays, _ = read_inputs([str(picture)], model(tensor_pb2.DATATYPE_FP32, shape), 1.0)
    assert arrays["X"].shape == sent
    assert arrays["X"].dtype == np.float32


def test_channels_first_moves_the_pixels(picture: Path) -> None:
    first, _ = read_inputs([str(picture)], model(tensor_pb2.DATATYPE_UINT8, [3, 2, 5]), 1.0)
    last, _ = read_inputs([str(picture)], model(tensor_pb2.DATATYPE_UINT8, [2, 5, 3]), 1.0)
    np.testing.assert_array_equal(first["X"], last["X"].transpose(2, 0, 1))


@pytest.mark.parametrize("shape", [[3, 4, 3], [3, 2, 4], [1, 2, 4], [4, 4, 4]])
def test_a_shape_that_may_be_both_layouts_is_never_guessed(picture: Path, shape: list[int]) -> None:
    told = model(tensor_pb2.DATATYPE_UINT8, shape)
    with pytest.raises(ConfigError, match="--layout hwc or --layout chw"):
        read_inputs([str(picture)], told)


def test_layout_tells_where_the_channels_are(tmp_path: Path) -> None:
    pixels = np.arange(36, dtype=np.uint8).reshape(3, 4, 3)
    Image.fromarray(pixels).save(tmp_path / "hwc.png")
    told = model(tensor_pb2.DATATYPE_UINT8, [3, 4, 3])
    arrays, _ = read_inputs([str(tmp_path / "hwc.png")], told, layout="hwc")
    np.testing.assert_array_equal(arrays["X"], pixels)
    Image.fromarray(pixels.transpose(1, 0, 2).copy()).save(tmp_path / "chw.png")
    arrays, _ = read_inputs([str(tmp_path / "chw.png")], told, layout="chw")
    np.testing.assert_array_equal(arrays["X"], pixels.transpose(2, 1, 0))


@pytest.mark.parametrize(("shape", "layout"), [([2, 5, 3], "chw"), ([3, 2, 5], "hwc")])
def test_a_layout_that_the_shape_cannot_have_is_refused(picture: Path, shape: list[int], layout: str) -> None:
    with pytest.raises(PyserverError, match=r"which is not \["):
        read_inputs([str(picture)], model(tensor_pb2.DATATYPE_UINT8, shape), layout=layout)


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("x.npy", b"", "No data left"),
        ("x.npy", b"\x93NUMPY\x01\x00", "EOF"),
        ("x.json", b"[" * 100_000, "nested too deeply"),
        ("x.json", b'["\xff"]', "utf-8"),
        ("x.png", b"", "not an image"),
        ("x.png", b"\x89PNG\r\n\x1a\n\x00\x00\x00\x0dIHDR", "x.png"),
    ],
)
def test_a_broken_file_is_an_error_that_names_it(tmp_path: Path, name: str, content: bytes, message: str) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(PyserverError, match=message) as refused:
        read_inputs([str(tmp_path / name)], model(tensor_pb2.DATATYPE_FP32, [2, 5]))
    assert refused.value.message.startswith(str(tmp_path))


def test_scale_multiplies_the_pixels_of_a_floating_point_input(picture: Path) -> None:
    arrays, _ = read_inputs([str(picture)], model(tensor_pb2.DATATYPE_FP32, [2, 5, 3]), 0.5)
    assert arrays["X"].max() == 14.5
    with pytest.raises(ConfigError, match="--scale"):
        read_inputs([str(picture)], model(tensor_pb2.DATATYPE_UINT8, [2, 5, 3]), 0.5)


@pytest.mark.parametrize("shape", [[64], [1, 2, 4, 3], [2, 4, 2]])
def test_a_shape_that_is_no_image_is_refused(picture: Path, shape: list[int]) -> None:
    with pytest.raises(PyserverError, match="which is none of"):
        read_inputs([str(picture)], model(tensor_pb2.DATATYPE_FP32, shape), 1.0)


@pytest.mark.parametrize(
    ("datatype", "text", "message"),
    [
        (tensor_pb2.DATATYPE_UINT8, "[256]", "does not fit"),
        (tensor_pb2.DATATYPE_INT32, "[1.5]", "does not fit"),
        (tensor_pb2.DATATYPE_FP32, "[[1], [2, 3]]", "inhomogeneous"),
        (tensor_pb2.DATATYPE_FP32, '["a"]', "expected numbers"),
        (tensor_pb2.DATATYPE_FP32, "[1", "Expecting"),
        (tensor_pb2.DATATYPE_BF16, "[1]", "BF16"),
    ],
)
def test_json_that_is_not_what_the_model_takes_is_refused(
    tmp_path: Path, datatype: int, text: str, message: str
) -> None:
    (tmp_path / "x.json").write_text(text)
    with pytest.raises(PyserverError, match=message):
        read_inputs([str(tmp_path / "x.json")], model(datatype, [-1]), 1.0)


def test_a_row_gets_the_batch_dimension_where_the_model_batches(tmp_path: Path) -> None:
    np.save(tmp_path / "x.npy", np.zeros((5,), np.float32))
    arrays, _ = read_inputs([f"X={tmp_path}/x.npy"], model(tensor_pb2.DATATYPE_FP32, [5], 8), 1.0)
    assert arrays["X"].shape == (1, 5)


def test_a_pickled_npy_file_is_never_loaded(tmp_path: Path) -> None:
    np.save(tmp_path / "x.npy", np.array([{}], dtype=object), allow_pickle=True)
    with pytest.raises(PyserverError, match="allow_pickle"):
        read_inputs([f"X={tmp_path}/x.npy"], model(tensor_pb2.DATATYPE_FP32, [5], 8), 1.0)
