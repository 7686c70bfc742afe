"""One server for the whole behavioural suite."""

from __future__ import annotations

from collections.abc import Iterator

import grpc
import identity_models
import pytest
from server_process import RepositoryBuilder, ServerProcess

# What carries gRPC, and what executes the models. Every test runs with each pair.
SERVED = [("native", "identity"), ("grpcio", "identity"), ("native", "onnxruntime")]


@pytest.fixture(scope="session", params=SERVED, ids="-".join)
def served(request: pytest.FixtureRequest) -> tuple[str, str]:
    pair: tuple[str, str] = request.param
    return pair


@pytest.fixture(scope="session")
def transport(served: tuple[str, str]) -> str:
    return served[0]


@pytest.fixture(scope="session")
def behaviour_server(
    tmp_path_factory: pytest.TempPathFactory, served: tuple[str, str], transport: str
) -> Iterator[ServerProcess]:
    folder = tmp_path_factory.mktemp("behaviour")
    identity_models.build(RepositoryBuilder(folder / "models"))
    if served[1] == "onnxruntime":
        identity_models.execute_by_onnxruntime(folder / "models")
    server = ServerProcess([str(folder / "models"), "--transport", transport], folder / "log")
    yield server
    server.stop()


@pytest.fixture
def channel(behaviour_server: ServerProcess) -> Iterator[grpc.Channel]:
    """A connection that takes messages of any size."""
    unlimited = [("grpc.max_receive_message_length", -1), ("grpc.max_send_message_length", -1)]
    with grpc.insecure_channel(behaviour_server.address, unlimited) as connected:
        yield connected
