"""Transports: how bytes come in and go out. Each looks like a `grpc.Server`: generated servicers register unchanged."""

import logging
import threading
from collections.abc import Mapping, Sequence
from typing import Any, Protocol

from pyserver import _core
from pyserver.config.schema import ServerSettings

InferMethods = Mapping[str, _core.Protocol]
"""The full path of a method ("/package.Service/Method") to the protocol that its messages are written in."""

StateMethods = Mapping[str, _core.StateQuestion]
"""The full path of a method to the question about the server's state that it asks."""


class Transport(Protocol):
    """The surface of `grpc.Server`, and ways past it for the methods that the core answers."""

    def add_infer_methods(self, methods: InferMethods) -> None:
        """Answers these methods by the core, bytes in and bytes out. They win over registered servicers."""

    def add_state_methods(self, methods: StateMethods) -> None:
        """Lets the core answer these where the transport can; elsewhere the registered servicers do."""

    def counters(self) -> dict[str, int]:
        """What happened on the network since the start, by name; empty where the transport does not count."""

    def add_generic_rpc_handlers(self, generic_rpc_handlers: Sequence[Any]) -> None:
        """As `grpc.Server`."""

    def add_registered_method_handlers(self, service_name: str, method_handlers: Mapping[str, Any]) -> None:
        """As `grpc.Server`."""

    def add_insecure_port(self, address: str) -> int:
        """As `grpc.Server`. Raises ConfigError with the reason where nothing can listen there."""

    def add_secure_port(self, address: str, server_credentials: Any) -> int:
        """As `grpc.Server`, with TlsCredentials or TlsFiles (tls.py). Raises ConfigError with the reason."""

    def start(self) -> None:
        """As `grpc.Server`."""

    def stop(self, grace: float | None) -> threading.Event:
        """As `grpc.Server`: takes no new calls, gives those underway `grace` seconds, and ends the rest."""

    def wait_for_termination(self, timeout: float | None = None) -> bool:
        """As `grpc.Server`: True where the timeout passed first."""


def make_transport(settings: ServerSettings, core: _core.Core, log: logging.Logger) -> Transport:
    """The transport that the settings name."""
    if settings.transport == "grpcio":
        from pyserver.transport.grpcio import GrpcioTransport

        return GrpcioTransport(
            core, max_message_bytes=settings.max_message_bytes, control_threads=settings.control_threads, log=log
        )
    from pyserver.transport.native import NativeTransport, native_options

    return NativeTransport(
        core,
        native_options(settings),
        control_threads=settings.control_threads,
        stream_threads=settings.stream_threads,
        tls_poll_interval_s=settings.poll_interval_s,
        log=log,
    )
