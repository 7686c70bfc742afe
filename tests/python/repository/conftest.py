"""A repository over the test's own folder."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from serving import PATIENCE_S, Serving


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Callable[..., Serving]]:
    """Starts a repository over tmp_path; ends it after the test."""
    begun: list[Serving] = []

    def begin(**settings: object) -> Serving:
        serving = Serving(tmp_path, **settings)
        begun.append(serving)
        serving.repository.start()
        return serving

    yield begin
    for serving in begun:
        serving.repository.stop(PATIENCE_S)
