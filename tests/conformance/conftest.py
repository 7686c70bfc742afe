"""One server for all foreign clients."""

from __future__ import annotations

from collections.abc import Iterator

import identity_models
import pytest
from server_process import RepositoryBuilder, ServerProcess


@pytest.fixture(scope="session")
def server_address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    folder = tmp_path_factory.mktemp("conformance")
    identity_models.build(RepositoryBuilder(folder / "models"))
    server = ServerProcess([str(folder / "models")], folder / "log")
    yield server.address
    server.kill()
