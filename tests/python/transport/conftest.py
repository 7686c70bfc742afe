"""A transport with servicers of the tests' own, asked by grpcio over loopback."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import grpc
import pytest

from pyserver import _core
from pyserver.config.schema import ServerSettings
from pyserver.transport import Transport, make_transport
from pyserver.transport.native import NativeTransport, native_options

SERVICE = "test.Service"


def handlers(**behaviours: Any) -> Mapping[str, Any]:
    """Handlers of bytes. A behaviour whose name begins with unary_stream_ (and so on) becomes such a one."""
    made = {}
    for name, behaviour in behaviours.items():
        kind = "_".join(name.split("_")[:2])
        made[name] = getattr(grpc, f"{kind}_rpc_method_handler")(behaviour)
    return made


class Client:
    """Calls methods of the test service with bytes."""

    def __init__(self, address: str) -> None:
        self.address = address
        self.channel = grpc.insecure_channel(address)

    def method(self, name: str) -> Any:
        kind = "_".join(name.split("_")[:2])
        return getattr(self.channel, kind)(f"/{SERVICE}/{name}")


@pytest.fixture
def make_native() -> Iterator[Callable[..., NativeTransport]]:
    """Makes native transports with the given handlers; all are stopped at the end."""
    made: list[NativeTransport] = []

    def make(behaviours: Mapping[str, Any], *, interceptors: Any = (), **options: Any) -> NativeTransport:
        told = {"control_threads": 2, "stream_threads": 2, "tls_poll_interval_s": 0.02, **options}
        transport = NativeTransport(
            _core.Core(),
            native_options(ServerSettings(io_threads=1)),
            interceptors=interceptors,
            log=logging.getLogger("pyserver.requests"),
            **told,
        )
        made.append(transport)
        transport.add_registered_method_handlers(SERVICE, handlers(**behaviours))
        return transport

    yield make
    for transport in made:
        transport.stop(None).wait(10)


@pytest.fixture
def serve_native(make_native: Callable[..., NativeTransport]) -> Iterator[Callable[..., Client]]:
    """The same, started, with a client."""
    clients: list[Client] = []

    def serve(*, options: Mapping[str, Any] | None = None, interceptors: Any = (), **behaviours: Any) -> Client:
        transport = make_native(behaviours, interceptors=interceptors, **(options or {}))
        port = transport.add_insecure_port("127.0.0.1:0")
        transport.start()
        clients.append(Client(f"127.0.0.1:{port}"))
        return clients[-1]

    yield serve
    for client in clients:
        client.channel.close()


@pytest.fixture(params=["native", "grpcio"])
def serve(request: pytest.FixtureRequest) -> Iterator[Callable[..., Client]]:
    """Serves the behaviours over either transport: for what must be alike."""
    transports: list[Transport] = []
    clients: list[Client] = []

    def serve(**behaviours: Any) -> Client:
        settings = ServerSettings(transport=request.param, control_threads=2, io_threads=1)
        transport = make_transport(settings, _core.Core(), logging.getLogger("pyserver.requests"))
        transports.append(transport)
        made = handlers(**behaviours)
        # As generated code does.
        transport.add_generic_rpc_handlers((grpc.method_handlers_generic_handler(SERVICE, made),))
        transport.add_registered_method_handlers(SERVICE, made)
        port = transport.add_insecure_port("127.0.0.1:0")
        transport.start()
        clients.append(Client(f"127.0.0.1:{port}"))
        return clients[-1]

    yield serve
    for client in clients:
        client.channel.close()
    for transport in transports:
        transport.stop(None).wait(10)
