"""Long runs against a real server: ./dev stress."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from server_process import RepositoryBuilder, ServerProcess


@pytest.fixture
def repository(tmp_path: Path) -> RepositoryBuilder:
    return RepositoryBuilder(tmp_path / "models")


@pytest.fixture
def serve(tmp_path: Path, repository: RepositoryBuilder) -> Iterator[Callable[..., ServerProcess]]:
    """Starts a server on the repository; it is killed at the end."""
    started: list[ServerProcess] = []

    def start(*arguments: str) -> ServerProcess:
        started.append(ServerProcess([str(repository.root), *arguments], tmp_path / "log"))
        return started[-1]

    yield start
    for server in started:
        server.kill()
