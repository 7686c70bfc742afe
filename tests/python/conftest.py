"""Servers in processes of their own, for the tests that ask them."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping
from pathlib import Path

import grpc
import pytest
from server_process import RepositoryBuilder, ServerProcess, StartServer


@pytest.fixture
def repository(tmp_path: Path) -> RepositoryBuilder:
    """An empty model repository."""
    return RepositoryBuilder(tmp_path / "models")


@pytest.fixture(scope="session")
def transport() -> str:
    """What carries gRPC. The folders whose promises hold for every transport run their tests over each."""
    return "native"


@pytest.fixture
def start_server(tmp_path: Path, transport: str) -> Iterator[StartServer]:
    """Starts servers with the given arguments; all are killed at the end."""
    started: list[ServerProcess] = []

    # Killing one may fail the test; the others are killed all the same.
    with contextlib.ExitStack() as at_the_end:

        def start(*arguments: str | Path, environment: Mapping[str, str] | None = None) -> ServerProcess:
            log_path = tmp_path / f"server-{len(started)}.log"
            told = ["--transport", transport, *(str(argument) for argument in arguments)]
            started.append(ServerProcess(told, log_path, environment))
            at_the_end.callback(started[-1].kill)
            return started[-1]

        yield start


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory, transport: str) -> Iterator[ServerProcess]:
    """One server for the tests of a module that change nothing: models `echo` (batches), `text`, `plain`, `pair`."""
    folder = tmp_path_factory.mktemp("server")
    repository = RepositoryBuilder(folder / "models")
    repository.identity("echo", versions=(1, 3), version_policy={"all": True})
    repository.identity("text", inputs=[{"name": "TEXT", "datatype": "BYTES", "shape": [-1]}])
    repository.identity("plain", inputs=[{"name": "IN", "datatype": "INT64", "shape": [2, 3]}], max_batch_size=0)
    repository.identity(
        "pair",
        inputs=[
            {"name": "A", "datatype": "UINT8", "shape": [4, 6, 3]},
            {"name": "B", "datatype": "FP32", "shape": [1]},
        ],
    )
    arguments = [str(repository.root), "--log-level", "debug", "--log-format", "json", "--transport", transport]
    started = ServerProcess(arguments, folder / "log")
    yield started
    started.stop()


@pytest.fixture
def channel(server: ServerProcess) -> Iterator[grpc.Channel]:
    """A connection to the module's server."""
    with grpc.insecure_channel(server.address) as made:
        yield made
