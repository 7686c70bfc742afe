"""Models on the double of a GPU behind a real server: graphs, their counters, and no Python on the way."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import gil_holder
import gpu_double
import grpc
import identity_models
import numpy as np
import pytest
from server_process import RepositoryBuilder, ServerProcess

from pyserver import Client
from pyserver.v1 import model_status_pb2, model_status_pb2_grpc

PROGRAM = Path(gil_holder.__file__).with_name("gpu_identity_server.py")


@pytest.fixture(scope="module")
def pipes(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("pipes")
    gil_holder.make_pipes(folder)
    return folder


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory, pipes: Path) -> Iterator[ServerProcess]:
    folder = tmp_path_factory.mktemp("gpu")
    identity_models.build(RepositoryBuilder(folder / "models"))
    environment = {**gpu_double.environment(), gil_holder.FOLDER: str(pipes)}
    server = ServerProcess([str(folder / "models")], folder / "log", environment, [str(PROGRAM)])
    yield server
    server.stop()  # it ends well: nothing is left on the device


def counters(client: Client, model: str) -> dict[str, int]:
    return dict(client.metadata(model).engine_counters)


def test_a_model_says_where_it_runs_and_what_it_counts(server: ServerProcess) -> None:
    with Client(server.address) as client:
        before = counters(client, "batched")
        rows = np.arange(12, dtype=np.float32).reshape(3, 4)
        np.testing.assert_array_equal(client.predict("batched", {"INPUT0": rows}).outputs["OUTPUT0"], rows)
        status, after = client.metadata("batched"), counters(client, "batched")
    assert (status.engine, status.device) == ("gpu_identity", "cuda:0")
    assert [(group.count, group.threads) for group in status.instance_groups] == [(2, 0)]
    assert after["graph_hits"] - before["graph_hits"] == 1
    assert after["padding_rows"] - before["padding_rows"] == 1
    assert after["graphs"] == 2 * 4  # lanes x buckets
    assert after["device_memory_bytes"] > 0
    assert after["compute_ns"] > before["compute_ns"]


def test_the_transport_receives_into_page_locked_memory(server: ServerProcess) -> None:
    with Client(server.address) as client:
        before = counters(client, "pair")
        inputs = {"a": np.ones((2, 3), np.int32), "b": np.ones((2, 1), np.float32)}
        client.predict("pair", inputs)
        after = counters(client, "pair")
    assert after["input_copies"] - before["input_copies"] == 2
    assert after["pageable_input_copies"] == before["pageable_input_copies"]
    assert after["pageable_output_copies"] == before["pageable_output_copies"]


def test_requests_are_answered_while_no_python_runs(server: ServerProcess, pipes: Path) -> None:
    rows = np.ones((2, 4), np.float32)
    with Client(server.address) as client, grpc.insecure_channel(server.address) as channel:
        client.predict("batched", {"INPUT0": rows})
        status = model_status_pb2_grpc.ModelStatusServiceStub(channel)
        with gil_holder.held(pipes):
            needs_python = status.ModelStatus.future(model_status_pb2.ModelStatusRequest(), timeout=30)
            for _ in range(50):
                answer = client.predict("batched", {"INPUT0": rows}, timeout_s=20)
                np.testing.assert_array_equal(answer.outputs["OUTPUT0"], rows)
            assert not needs_python.done()
        assert needs_python.result().models
