"""The torch engine on the GPU: what cannot be captured, what is overlapped, what a reload leaves behind."""

from __future__ import annotations

import shutil
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
import torch
from gpu_models import (
    Branching,
    BranchingPairs,
    Bulky,
    Embeds,
    Keyed,
    Nested,
    Scale,
    Whole,
    save_scripted,
    save_traced,
    write_config,
)
from machine import Machine, counters, serving
from torch import nn

from pyserver.channel import RequestFailedError
from pyserver.client import Client
from pyserver.nvml import open_nvml
from pyserver.v1 import model_status_pb2

GPU = {"device": "cuda"}


def test_a_model_that_cannot_be_captured_runs_batch_by_batch_and_is_counted(tmp_path: Path) -> None:
    repository = tmp_path / "models"
    save_scripted(Branching(), repository / "branching" / "1" / "model.pt")
    write_config(repository / "branching", shape=[4], max_batch_size=8, output=[4], options=GPU)
    with serving(repository) as server, Client(server.address) as client:
        before = counters(client, "branching")["uncaptured_batches"]  # those of the warm-up
        for sign in (1, -1):
            given = np.full((3, 4), sign, np.float32)
            assert (client.predict("branching", {"x": given}).outputs["y"] == 2 * sign).all()
        assert counters(client, "branching")["uncaptured_batches"] - before == 2


def test_a_model_that_can_be_captured_for_some_batch_sizes_only_runs_without_graphs(tmp_path: Path) -> None:
    """Not with the graphs of some lanes and sizes, which the others lack."""
    repository = tmp_path / "models"
    save_scripted(BranchingPairs(), repository / "pairs" / "1" / "model.pt")
    write_config(repository / "pairs", shape=[4], max_batch_size=8, output=[4], options=GPU)
    with serving(repository) as server, Client(server.address) as client:
        for rows in (1, 2, 8):
            given = np.full((rows, 4), -1, np.float32)
            assert (client.predict("pairs", {"x": given}).outputs["y"] == (-2 if rows == 2 else 0)).all()
        assert counters(client, "pairs")["graphs"] == 0
    assert "no graphs are captured, PyTorch executes each batch" in server.log()


def test_with_strict_graphs_such_a_model_does_not_load(tmp_path: Path) -> None:
    repository = tmp_path / "models"
    save_scripted(Branching(), repository / "branching" / "1" / "model.pt")
    options = {**GPU, "strict_graphs": True}
    write_config(repository / "branching", shape=[4], max_batch_size=8, output=[4], options=options)
    with serving(repository) as server, Client(server.address) as client:
        (model,) = client.status("branching")
        assert "the model cannot be captured with 8 rows" in model.versions[0].reason
        with pytest.raises(RequestFailedError, match="cannot be captured"):
            client.predict("branching", {"x": np.zeros((1, 4), np.float32)})


def test_buckets_are_those_that_were_given(tmp_path: Path) -> None:
    repository = tmp_path / "models"
    save_traced(Scale(), torch.zeros((2, 4)), repository / "scale" / "1" / "model.pt")
    options = {**GPU, "buckets": [3, 8]}
    write_config(repository / "scale", shape=[4], max_batch_size=8, output=[4], options=options)
    with serving(repository) as server, Client(server.address) as client:
        before = counters(client, "scale")
        for rows, padding in ((1, 2), (3, 0), (4, 4)):
            given = np.random.default_rng(rows).standard_normal((rows, 4), np.float32)
            np.testing.assert_array_equal(client.predict("scale", {"x": given}).outputs["y"], given * 2 + 1)
            after = counters(client, "scale")
            assert after["padding_rows"] - before["padding_rows"] == padding
            before = after


def test_a_model_is_loaded_with_inputs_that_it_can_bear(tmp_path: Path) -> None:
    """What lies in new memory would be indices beyond the table: a kernel that fails ends all that runs on the GPU."""
    repository = tmp_path / "models"
    module = Embeds(10).eval()
    save_traced(module, torch.zeros((2, 6), dtype=torch.int64), repository / "embeds" / "1" / "model.pt")
    outputs = [{"name": "y", "datatype": "FP32", "shape": [6]}]
    folder = repository / "embeds"
    write_config(folder, shape=[6], max_batch_size=4, output=[6], options=GPU, datatype="INT64", outputs=outputs)
    given = np.arange(18).reshape(3, 6) % 10
    with serving(repository) as server, Client(server.address) as client, torch.no_grad():
        expected = module(torch.from_numpy(given)).numpy()
        np.testing.assert_array_equal(client.predict("embeds", {"x": given}).outputs["y"], expected)


@pytest.mark.parametrize(
    ("module", "told"),
    [
        (Whole(), "output 'y': expected FP32, got a tensor of torch.int64"),
        (Nested(), "output 'y': expected a tensor, got tuple"),
        (Keyed(), "the model gives no output 'y'; it gives 'z'"),
    ],
)
def test_what_is_not_the_output_that_was_configured_is_told(tmp_path: Path, module: nn.Module, told: str) -> None:
    repository = tmp_path / "models"
    save_scripted(module, repository / "other" / "1" / "model.pt")
    write_config(repository / "other", shape=[4], max_batch_size=4, output=[4], options=GPU)
    with serving(repository) as server, Client(server.address) as client:
        assert told in client.status("other")[0].versions[0].reason


@pytest.mark.usefixtures("real_gpu")
def test_copies_of_one_batch_overlap_the_execution_of_another(tmp_path: Path) -> None:
    """A large output that nobody asks for is copied, and costs the clients nothing: the GPU sets the pace."""
    columns = 6 << 20
    repository = tmp_path / "models"
    save_traced(Bulky(columns), torch.zeros((1, 4)), repository / "bulky" / "1" / "model.pt")
    outputs = [{"name": name, "datatype": "FP32", "shape": [size]} for name, size in (("y", 4), ("z", columns))]
    write_config(repository / "bulky", shape=[4], max_batch_size=1, output=[4], options=GPU, outputs=outputs)
    given = np.zeros((1, 4), np.float32)
    with serving(repository) as server, Client(server.address) as client:

        def ask(_: int) -> None:
            assert (client.predict("bulky", {"x": given}, outputs=["y"]).outputs["y"] == 1).all()

        with ThreadPoolExecutor(6) as clients:
            list(clients.map(ask, range(50)))
            before, began = counters(client, "bulky"), time.perf_counter()
            list(clients.map(ask, range(500)))
            elapsed_ns = (time.perf_counter() - began) * 1e9
        after = counters(client, "bulky")
    spent = {name: after[name] - before[name] for name in ("h2d_ns", "compute_ns", "d2h_ns")}
    # Were one done after the other, the parts would not add up to more than the whole took.
    assert elapsed_ns < 0.95 * sum(spent.values()), (spent, elapsed_ns)


def test_reloads_under_load_lose_no_request_and_no_memory(machine: Machine, tmp_path: Path) -> None:
    repository = tmp_path / "models"
    file = tmp_path / "model.pt"
    save_traced(Scale(), torch.zeros((2, 1024)), file)
    write_config(repository / "scale", shape=[1024], max_batch_size=16, output=[1024], options=GPU)
    (repository / "scale" / "1").mkdir()
    shutil.copy(file, repository / "scale" / "1" / "model.pt")
    arguments = ["--poll-interval-s", "0.1", "--unload-grace-s", "10"]
    stop = threading.Event()
    used: list[int] = []
    with serving(repository, *arguments) as server, Client(server.address) as client:

        def ask(seed: int) -> int:
            given = np.random.default_rng(seed).standard_normal((2, 1024), np.float32)
            answered = 0
            while not stop.is_set():
                np.testing.assert_array_equal(client.predict("scale", {"x": given}).outputs["y"], given * 2 + 1)
                answered += 1
            return answered

        with ThreadPoolExecutor(8) as clients:
            asking = [clients.submit(ask, seed) for seed in range(8)]
            try:
                for version in range(2, 5 if machine.double else 12):
                    place = repository / "scale" / str(version)
                    place.mkdir()
                    shutil.copy(file, place / "model.pt")
                    _await_version(client, version)
                    used.append(0 if machine.double else sum(use.used_bytes for use in open_nvml().read()))
            finally:
                stop.set()
            assert all(one.result(60) > 0 for one in asking)
    # The first reloads may grow what PyTorch and the driver keep; then a version takes what the one before gave back.
    assert max(used[4:], default=0) <= max(used[:4]) + (32 << 20), used


def _await_version(client: Client, version: int) -> None:
    """Until it serves, and the one before has gone."""
    going = (model_status_pb2.MODEL_VERSION_STATE_AVAILABLE, model_status_pb2.MODEL_VERSION_STATE_UNLOADING)
    for models in client.watch_status("scale"):
        others = [one for one in models[0].versions if one.version != version and one.state in going]
        if models[0].default_version == version and not others:
            return
