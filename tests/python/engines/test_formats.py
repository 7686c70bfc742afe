"""Every format that OpenVINO reads, loaded for real: a repository with one tiny model, written once in each."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from dense_formats import ANY, FORMATS, answer
from server_process import ServerProcess

from pyserver.client import Client, RequestFailedError
from pyserver.config.schema import ModelConfig
from pyserver.engines import LoadContext, detect, load_engine
from pyserver.errors import ModelLoadError

CONTEXT = LoadContext(threads=1)
every_format = pytest.mark.parametrize("name", FORMATS)


def _version_folder(models: Path, name: str) -> Path:
    folder = models / name / "1"
    folder.mkdir(parents=True)
    return folder


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Client]:
    """Of a server with every format twice: as it is, and `<format>_of_one` with its rows fixed to 1 in the file."""
    root = tmp_path_factory.mktemp("formats")
    for name, form in FORMATS.items():
        form.write(_version_folder(root / "models", name), ANY)
        form.write(_version_folder(root / "models", f"{name}_of_one"), 1)
    server = ServerProcess([str(root / "models")], root / "log")
    with Client(server.address, timeout_s=30) as connected:
        yield connected
    server.kill()


def _rows(count: int) -> np.ndarray:
    return np.random.default_rng(7).uniform(-2, 2, (count, 4)).astype(np.float32)


def _predict(client: Client, model: str, name: str, x: np.ndarray) -> np.ndarray:
    form = FORMATS[name]
    outputs = client.predict(model, {form.input: x}).outputs
    assert list(outputs) == [form.output]
    return outputs[form.output]


@every_format
@pytest.mark.parametrize("count", [1, 5])
def test_a_model_answers_the_same_in_every_format(client: Client, name: str, count: int) -> None:
    x = _rows(count)
    np.testing.assert_allclose(_predict(client, name, name, x), answer(x), rtol=1e-6, atol=1e-6)


@every_format
def test_an_open_number_of_rows_is_found_to_batch(client: Client, name: str) -> None:
    told = client.metadata(name)
    assert told.batching.max_batch_size > 1
    assert [list(tensor.shape) for tensor in [*told.inputs, *told.outputs]] == [[4], [3]]


@every_format
def test_a_number_of_rows_that_the_file_fixes_is_kept(client: Client, name: str) -> None:
    model, x = f"{name}_of_one", _rows(1)
    assert client.metadata(model).batching.max_batch_size == 0
    np.testing.assert_allclose(_predict(client, model, name, x), answer(x), rtol=1e-6, atol=1e-6)
    with pytest.raises(RequestFailedError, match="INVALID_ARGUMENT"):
        _predict(client, model, name, _rows(2))


@every_format
def test_rows_that_the_file_fixes_to_one_can_be_freed(tmp_path: Path, name: str) -> None:
    FORMATS[name].write(tmp_path, 1)
    signature = load_engine(tmp_path, ModelConfig(max_batch_size=8), CONTEXT).signature
    assert signature.max_batch_size == 8
    assert [tuple(tensor.shape) for tensor in [*signature.inputs, *signature.outputs]] == [(4,), (3,)]


@every_format
def test_a_file_that_ends_early_is_refused_by_name(tmp_path: Path, name: str) -> None:
    path = FORMATS[name].write(tmp_path, ANY)
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    assert detect(tmp_path) == "openvino"
    with pytest.raises(ModelLoadError, match="cannot be (read|used)") as caught:
        load_engine(tmp_path, ModelConfig(), CONTEXT)
    print(caught.value.message)
    assert str(path.parent) in caught.value.message
    assert "\n" not in caught.value.message
