"""A gRPC channel to a server: how it is opened, when it is ready, and the errors that its calls end with."""

from dataclasses import dataclass
from threading import Event
from typing import Any

import grpc

from pyserver.errors import PyserverError


class RequestFailedError(PyserverError):
    """The server answered with an error. `code` is its canonical gRPC status code."""

    def __init__(self, code: grpc.StatusCode, message: str) -> None:
        super().__init__(f"{code.name}: {message}")
        self.code = code


class UnreachableError(PyserverError):
    """No server answers at the address."""


@dataclass(frozen=True)
class ClientTls:
    """How a client speaks TLS. PEM texts, not paths."""

    authorities: bytes | None = None
    """Who may have signed the server's certificate; None: whom the system trusts."""
    certificate: bytes | None = None
    """The client's own, where the server asks for one; with `private_key`."""
    private_key: bytes | None = None


def open_channel(address: str, tls: ClientTls | None = None, *, server_name: str = "") -> grpc.Channel:
    """For messages of any size. It connects when it is first used.

    `server_name`: whom the server's certificate must name; "": the host of the address.
    """
    options: list[tuple[str, Any]] = [("grpc.max_receive_message_length", -1), ("grpc.max_send_message_length", -1)]
    if tls is None:
        return grpc.insecure_channel(address, options=options)
    if server_name:
        options.append(("grpc.ssl_target_name_override", server_name))
    credentials = grpc.ssl_channel_credentials(tls.authorities, tls.private_key, tls.certificate)
    return grpc.secure_channel(address, credentials, options=options)


def becomes_ready(channel: grpc.Channel, timeout_s: float) -> bool:
    """Connects and waits for how that ends: tells a server that is not there from one that answers UNAVAILABLE."""
    settled = Event()
    states: list[grpc.ChannelConnectivity] = []

    def changed(state: grpc.ChannelConnectivity) -> None:
        if state in (grpc.ChannelConnectivity.READY, grpc.ChannelConnectivity.TRANSIENT_FAILURE):
            states.append(state)
            settled.set()

    channel.subscribe(changed, try_to_connect=True)
    settled.wait(timeout_s)
    channel.unsubscribe(changed)
    return bool(states) and states[0] is grpc.ChannelConnectivity.READY


def failure_of(error: Any) -> RequestFailedError:
    """What grpcio's error of a call says."""
    return RequestFailedError(error.code(), error.details() or "")
