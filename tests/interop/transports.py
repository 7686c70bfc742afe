"""The transports that the interop service can run on: each an object with `grpc.Server`'s interface."""

from __future__ import annotations

import logging
from concurrent import futures
from pathlib import Path
from typing import Any

import grpc

REFERENCE = "grpcio-sync"
"""grpcio's own `grpc.server`: what it fails is grpcio's limit, not ours."""
TRANSPORTS = ("native", "grpcio", REFERENCE)
THREADS = 16


def make_server(transport: str) -> Any:
    """A server that has not been started."""
    if transport == REFERENCE:
        return grpc.server(futures.ThreadPoolExecutor(THREADS))
    from pyserver import _core
    from pyserver.config.schema import ServerSettings
    from pyserver.transport import make_transport

    settings = ServerSettings(transport=transport, control_threads=THREADS)
    core = _core.Core(max_request_memory_bytes=settings.max_request_memory_bytes)
    return make_transport(settings, core, logging.getLogger("pyserver.requests"))


def server_credentials(transport: str, tls: Path) -> Any:
    """What `add_secure_port` of this transport takes, of the key and the certificate in this folder."""
    key, certificate = (tls / "server.key").read_bytes(), (tls / "server.pem").read_bytes()
    if transport == REFERENCE:
        return grpc.ssl_server_credentials(((key, certificate),))
    from pyserver.transport.tls import TlsCredentials

    return TlsCredentials(certificate, key)
