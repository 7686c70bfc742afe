"""Ops beside a model on the double of a GPU, behind a real server: captured in the model's graphs."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import gil_holder
import gpu_double
import numpy as np
import pytest
from server_process import RepositoryBuilder, ServerProcess

from pyserver import Client

PROGRAM = Path(gil_holder.__file__).with_name("gpu_identity_server.py")
NORMALIZE = {"normalize": {"mean": [1, 2, 3], "std": [4, 5, 6], "scale": 0.5}}
MEAN, STD = np.float32([1, 2, 3]), np.float32([4, 5, 6])


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerProcess]:
    folder = tmp_path_factory.mktemp("device_ops")
    repository = RepositoryBuilder(folder / "models")
    repository.identity(
        "pictures",
        inputs=[{"name": "x", "datatype": "FP32", "shape": [3, 6, 8]}],
        outputs=[{"name": "y", "datatype": "FP32", "shape": [3, 6, 8]}],
        preprocess={"x": {"datatype": "UINT8", "shape": [6, 8, 3], "ops": [NORMALIZE, "layout"]}},
    )
    repository.identity(
        "scores",
        inputs=[{"name": "x", "datatype": "FP32", "shape": [20]}],
        outputs=[{"name": "y", "datatype": "FP32", "shape": [20]}],
        postprocess={
            "y": ["softmax", {"top_k": {"k": 2, "labels": [f"class {n}" for n in range(20)], "form": "label"}}]
        },
    )
    server = ServerProcess([str(folder / "models")], folder / "log", gpu_double.environment(), [str(PROGRAM)])
    yield server
    server.stop()  # it ends well: nothing is left on the device


def test_a_picture_goes_to_the_device_as_bytes_and_is_normalized_there(server: ServerProcess) -> None:
    pictures = np.random.default_rng(1).integers(0, 256, (3, 6, 8, 3), dtype=np.uint8)
    with Client(server.address) as client:
        got = client.predict("pictures", {"x": pictures}).outputs["y"]
        status = client.metadata("pictures")
    expected = ((pictures.astype(np.float32) * np.float32(0.5) - MEAN) / STD).transpose(0, 3, 1, 2)
    np.testing.assert_array_equal(got, expected)
    counters = status.engine_counters
    assert (counters["graph_hits"] > 0, counters["graph_misses"]) == (True, 0)
    chains = [(chain.name, chain.model_name, list(chain.ops)) for chain in status.preprocessing]
    assert chains == [("x", "x", ["normalize (on the GPU)", "layout (on the GPU)"])]


def test_the_highest_scores_are_found_on_the_device_and_named_on_the_cpu(server: ServerProcess) -> None:
    scores = np.random.default_rng(2).standard_normal((5, 20)).astype(np.float32)
    with Client(server.address) as client:
        got = client.predict("scores", {"x": scores}).outputs["y"]
        status = client.metadata("scores")
    best = np.argsort(-scores, axis=1)[:, :2]
    assert [[text.decode() for text in row] for row in got] == [[f"class {index}" for index in row] for row in best]
    chains = [(chain.name, chain.model_name, list(chain.ops)) for chain in status.postprocessing]
    assert chains == [("y", "y", ["softmax (on the GPU)", "top_k (on the GPU)", "top_k"])]
