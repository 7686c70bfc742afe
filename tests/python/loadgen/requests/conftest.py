"""A server with a model of every kind of input, for the tests that make requests."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from identity_models import DATATYPES
from request_models import TRANSFORMER
from server_process import RepositoryBuilder, ServerProcess

from pyserver_loadgen.protocols import Connection, connect


@pytest.fixture(scope="session")
def request_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerProcess]:
    folder = tmp_path_factory.mktemp("request_server")
    repository = RepositoryBuilder(folder / "models")
    repository.identity("echo", versions=(1, 3), version_policy={"all": True})
    repository.identity("fixed", inputs=[{"name": "IN", "datatype": "INT64", "shape": [2, 3]}], max_batch_size=0)
    repository.identity("transformer", inputs=[dict(spec) for spec in TRANSFORMER], max_batch_size=4)

    def every(prefix: str) -> list[dict[str, Any]]:
        return [{"name": f"{prefix}_{datatype}", "datatype": datatype, "shape": [-1, 2]} for datatype in DATATYPES]

    repository.identity("every", inputs=every("IN"), outputs=every("OUT"), max_batch_size=0)
    # Its file does not load.
    repository.identity("broken", engine="nothing")
    started = ServerProcess([str(repository.root)], folder / "log")
    yield started
    started.stop()


@pytest.fixture
def connection(request_server: ServerProcess) -> Iterator[Connection]:
    with connect(request_server.address) as made:
        yield made
