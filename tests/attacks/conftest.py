"""The attack classes of a public server, one bounded probe each: it lives on, and its neighbours notice nothing.

    pytest tests/attacks                               pyserver's native transport
    pytest tests/attacks --attack-server nghttpd       Debian's nghttpd: shows that probes can fail
    pytest tests/attacks --attack-server grpcio        pyserver's grpcio transport, for comparison

During every test a grpcio client asks the same server over a connection of its own, and every answer must come within
two seconds; the process, its memory (peak), its log and its sockets are looked at around every test. Needs `hpack`.
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from attacked_server import (
    KEEPALIVE_INTERVAL_S,
    KEEPALIVE_TIMEOUT_S,
    MAX_CONNECTIONS,
    MAX_MESSAGE_BYTES,
    MIB,
    AttackedServer,
    running,
)

# A tensor of 64 MB as a request, as an output and as a response, and what lies around it while it comes in.
ROOMY_GROWTH_BYTES = 256 * MIB


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--attack-server", choices=["native", "grpcio", "nghttpd"], default="native")


@pytest.fixture(scope="session")
def tight_server(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[AttackedServer]:
    """The one server of almost all tests: small messages, few connections, short time-outs."""
    limits = ["--max-message-bytes", str(MAX_MESSAGE_BYTES), "--max-connections", str(MAX_CONNECTIONS)]
    with running(request.config.getoption("--attack-server"), tmp_path_factory.mktemp("tight"), *limits) as server:
        yield server


@pytest.fixture
def server(tight_server: AttackedServer) -> Iterator[AttackedServer]:
    """The server, watched."""
    with tight_server.survives():
        yield tight_server


@pytest.fixture(scope="session")
def running_roomy_server(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[AttackedServer]:
    """A server with the default limits of messages and connections, that logs all it can and asks who is there."""
    name = request.config.getoption("--attack-server")
    options = ["--log-level", "debug"]
    options += ["--http2-keepalive-interval-s", str(KEEPALIVE_INTERVAL_S)]
    options += ["--http2-keepalive-timeout-s", str(KEEPALIVE_TIMEOUT_S)]
    with running(name, tmp_path_factory.mktemp("roomy"), *options) as server:
        yield server


@pytest.fixture
def roomy_server(running_roomy_server: AttackedServer) -> Iterator[AttackedServer]:
    """That server, watched; it may hold large messages."""
    with running_roomy_server.survives(max_growth_bytes=ROOMY_GROWTH_BYTES):
        yield running_roomy_server
