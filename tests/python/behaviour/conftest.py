"""One server for the whole behavioural suite."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import gpu_double
import grpc
import identity_models
import pytest
from server_process import RepositoryBuilder, ServerProcess


@pytest.fixture(scope="session", params=["native", "grpcio", "gpu"])
def behaviour_server(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[ServerProcess]:
    """Every test runs over each transport; and over the native one with the models on the double of a GPU."""
    folder = tmp_path_factory.mktemp("behaviour")
    identity_models.build(RepositoryBuilder(folder / "models"))
    if request.param == "gpu":
        program = [str(Path(gpu_double.__file__).with_name("gpu_identity_server.py"))]
        server = ServerProcess([str(folder / "models")], folder / "log", gpu_double.environment(), program)
    else:
        server = ServerProcess([str(folder / "models"), "--transport", request.param], folder / "log")
    yield server
    server.stop()


@pytest.fixture
def channel(behaviour_server: ServerProcess) -> Iterator[grpc.Channel]:
    """A connection that takes messages of any size."""
    unlimited = [("grpc.max_receive_message_length", -1), ("grpc.max_send_message_length", -1)]
    with grpc.insecure_channel(behaviour_server.address, unlimited) as connected:
        yield connected
