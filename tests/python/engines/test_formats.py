"""Every format that OpenVINO reads, loaded for real: a repository with one tiny model, written once in each."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
from dense_formats import ANY, BIAS, FORMATS, answer
from server_process import ServerProcess

from pyserver.channel import RequestFailedError
from pyserver.client import Client
from pyserver.config.schema import ModelConfig
from pyserver.engines import LoadContext, load_engine
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
    with pytest.raises(ModelLoadError, match=r"cannot be (read|used)") as caught:
        load_engine(tmp_path, ModelConfig(), CONTEXT)
    assert str(path.parent) in caught.value.message
    assert "\n" not in caught.value.message


@pytest.mark.parametrize("name", [name for name, form in FORMATS.items() if form.weights])
@pytest.mark.parametrize("lost", [1, 40, None])
def test_weights_that_end_early_or_are_missing_are_told(tmp_path: Path, name: str, lost: int | None) -> None:
    weights = FORMATS[name].write(tmp_path, ANY).parent / (FORMATS[name].weights or "")
    if lost is None:
        weights.unlink()
    else:
        weights.write_bytes(weights.read_bytes()[:-lost])
    with pytest.raises(ModelLoadError, match="cannot be read: "):
        load_engine(tmp_path, ModelConfig(), CONTEXT)


def _written(folder: Path) -> dict[str, int]:
    """When the files in the folder were written."""
    return {path.name: path.stat().st_mtime_ns for path in folder.iterdir()}


def _pretend_old(folder: Path) -> dict[str, int]:
    """Sets the times to long ago, so that a file that is written again shows, however coarse the clock of files is."""
    for path in folder.iterdir():
        os.utime(path, ns=(10**18, 10**18))
    return _written(folder)


@every_format
def test_the_second_load_compiles_nothing_anew(tmp_path: Path, name: str) -> None:
    FORMATS[name].write(tmp_path, ANY)
    context = LoadContext(threads=2, cache_folder=tmp_path / "cache")
    first = load_engine(tmp_path, ModelConfig(), context)
    kept = _pretend_old(tmp_path / "cache")
    assert kept
    second = load_engine(tmp_path, ModelConfig(), context)
    assert _written(tmp_path / "cache") == kept
    groups = [[(group.count, group.threads) for group in engine.instance_groups] for engine in (first, second)]
    assert groups[0] == groups[1]


@every_format
def test_a_damaged_cache_is_compiled_anew(tmp_path: Path, name: str) -> None:
    # It also proves that the second load reads the cache: how else would it know?
    FORMATS[name].write(tmp_path, ANY)
    context = LoadContext(threads=1, cache_folder=tmp_path / "cache")
    load_engine(tmp_path, ModelConfig(), context)
    [entry] = (tmp_path / "cache").iterdir()
    whole = entry.read_bytes()
    entry.write_bytes(whole[: len(whole) // 2])
    damaged = _pretend_old(tmp_path / "cache")
    load_engine(tmp_path, ModelConfig(), context)
    assert _written(tmp_path / "cache").keys() == damaged.keys()
    assert _written(tmp_path / "cache") != damaged
    assert entry.stat().st_size > len(whole) * 3 // 4


@every_format
def test_changed_weights_are_not_answered_from_the_cache(tmp_path: Path, name: str) -> None:
    form = FORMATS[name]
    path = form.write(tmp_path, ANY)
    context = LoadContext(threads=1, cache_folder=tmp_path / "cache")
    load_engine(tmp_path, ModelConfig(), context)
    kept = _pretend_old(tmp_path / "cache")
    holder = path.parent / (form.weights or path.name)
    before, times = holder.read_bytes(), holder.stat()
    holder.write_bytes(before.replace(BIAS.tobytes(), (BIAS + 1).tobytes()))
    os.utime(holder, ns=(times.st_atime_ns, times.st_mtime_ns))
    load_engine(tmp_path, ModelConfig(), context)
    assert len(_written(tmp_path / "cache")) == len(kept) + 1


def test_models_from_the_cache_answer_the_same(tmp_path: Path, start_server: Callable[..., ServerProcess]) -> None:
    for name, form in FORMATS.items():
        form.write(_version_folder(tmp_path / "models", name), ANY)
    x, cache = _rows(3), tmp_path / "cache"
    start_server(tmp_path / "models", "--cache-dir", cache).kill()
    kept = _pretend_old(cache)
    assert len(kept) >= len(FORMATS)
    with Client(start_server(tmp_path / "models", "--cache-dir", cache).address, timeout_s=30) as client:
        for name in FORMATS:
            np.testing.assert_allclose(_predict(client, name, name, x), answer(x), rtol=1e-6, atol=1e-6)
    assert _written(cache) == kept
