"""One server for the whole behavioural suite."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import gpu_double
import grpc
import identity_models
import pytest
from server_process import RepositoryBuilder, ServerProcess

# What carries gRPC, and what executes the models. Every test runs with each pair. On "gpu" the models are captured
# graphs on the double of a GPU.
PAIRS = [("native", "identity"), ("grpcio", "identity"), ("native", "onnxruntime"), ("native", "gpu")]


@pytest.fixture(scope="session", params=PAIRS, ids="-".join)
def behaviour_server(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[ServerProcess]:
    transport, engine = request.param
    folder = tmp_path_factory.mktemp("behaviour")
    identity_models.build(RepositoryBuilder(folder / "models"))
    arguments = [str(folder / "models"), "--transport", transport]
    if engine == "onnxruntime":
        identity_models.execute_by_onnxruntime(folder / "models")
    if engine == "gpu":
        program = [str(Path(gpu_double.__file__).with_name("gpu_identity_server.py"))]
        server = ServerProcess(arguments, folder / "log", gpu_double.environment(), program)
    else:
        server = ServerProcess(arguments, folder / "log")
    yield server
    server.stop()


@pytest.fixture
def channel(behaviour_server: ServerProcess) -> Iterator[grpc.Channel]:
    """A connection that takes messages of any size."""
    unlimited = [("grpc.max_receive_message_length", -1), ("grpc.max_send_message_length", -1)]
    with grpc.insecure_channel(behaviour_server.address, unlimited) as connected:
        yield connected
