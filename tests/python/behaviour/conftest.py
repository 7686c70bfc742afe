"""One server for the whole behavioural suite."""

from __future__ import annotations

from collections.abc import Iterator

import grpc
import identity_models
import pytest
from server_process import RepositoryBuilder, ServerProcess


@pytest.fixture(scope="session", params=["native", "grpcio"])
def transport(request: pytest.FixtureRequest) -> str:
    """Every test runs over each."""
    return str(request.param)


@pytest.fixture(scope="session")
def behaviour_server(tmp_path_factory: pytest.TempPathFactory, transport: str) -> Iterator[ServerProcess]:
    folder = tmp_path_factory.mktemp("behaviour")
    identity_models.build(RepositoryBuilder(folder / "models"))
    server = ServerProcess([str(folder / "models"), "--transport", transport], folder / "log")
    yield server
    server.stop()


@pytest.fixture
def channel(behaviour_server: ServerProcess) -> Iterator[grpc.Channel]:
    """A connection that takes messages of any size."""
    unlimited = [("grpc.max_receive_message_length", -1), ("grpc.max_send_message_length", -1)]
    with grpc.insecure_channel(behaviour_server.address, unlimited) as connected:
        yield connected
