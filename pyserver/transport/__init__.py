"""Transports: how bytes come in and go out. Each looks like a `grpc.Server`: generated servicers register unchanged."""

import logging
import threading
from collections.abc import Mapping, Sequence
from typing import Any, Protocol

from pyserver import _core
from pyserver.config.schema import ServerSettings
from pyserver.errors import ConfigError

InferMethods = Mapping[str, _core.Protocol]
"""The full path of a method ("/package.Service/Method") to the protocol that its messages are written in."""


class Transport(Protocol):
    """The surface of `grpc.Server`, and one way past it for the methods that run models."""

    def add_infer_methods(self, methods: InferMethods) -> None:
        """Answers these methods by the core, bytes in and bytes out. They win over registered servicers."""

    def add_generic_rpc_handlers(self, generic_rpc_handlers: Sequence[Any]) -> None:
        """As `grpc.Server`."""

    def add_registered_method_handlers(self, service_name: str, method_handlers: Mapping[str, Any]) -> None:
        """As `grpc.Server`."""

    def add_insecure_port(self, address: str) -> int:
        """As `grpc.Server`. Raises ConfigError with the reason where nothing can listen there."""

    def add_secure_port(self, address: str, server_credentials: Any) -> int:
        """As `grpc.Server`. Raises ConfigError with the reason where nothing can listen there."""

    def start(self) -> None:
        """As `grpc.Server`."""

    def stop(self, grace: float | None) -> threading.Event:
        """As `grpc.Server`: takes no new calls, gives those underway `grace` seconds, and ends the rest."""

    def wait_for_termination(self, timeout: float | None = None) -> bool:
        """As `grpc.Server`: True where the timeout passed first."""


def make_transport(settings: ServerSettings, core: _core.Core, log: logging.Logger) -> Transport:
    """The transport that the settings name. Raises ConfigError for a name that there is not."""
    if settings.transport == "grpcio":
        from pyserver.transport.grpcio import GrpcioTransport

        return GrpcioTransport(
            core, max_message_bytes=settings.max_message_bytes, control_threads=settings.control_threads, log=log
        )
    raise ConfigError(f"there is no transport {settings.transport!r}: the transports are 'grpcio'")
