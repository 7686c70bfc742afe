"""The services answer alike over every transport."""

from __future__ import annotations

import pytest


@pytest.fixture(scope="session", params=["native", "grpcio"])
def transport(request: pytest.FixtureRequest) -> str:
    """Every test runs over each."""
    return str(request.param)
