"""The reference transport: grpcio's asyncio server on a thread of its own, behind the surface of `grpc.Server`.

Thread-safe. Synchronous servicers run on `control_threads` threads; the calls that run models never touch those.
"""

import asyncio
import logging
import socket
import threading
from collections.abc import Callable, Mapping, Sequence
from concurrent import futures
from pathlib import Path
from typing import Any

from grpc import aio

from pyserver import _core
from pyserver.errors import ConfigError
from pyserver.transport import InferMethods, StateMethods
from pyserver.transport.control_calls import ControlCalls
from pyserver.transport.infer_calls import InferCalls
from pyserver.transport.loop_thread import LoopThread
from pyserver.transport.tls import grpcio_credentials


class GrpcioTransport:
    """`grpc.Server`, and `add_infer_methods`. Not usable after stop()."""

    def __init__(self, core: _core.Core, *, max_message_bytes: int, control_threads: int, log: logging.Logger) -> None:
        self._core = core
        self._log = log
        self._threads = futures.ThreadPoolExecutor(control_threads, thread_name_prefix="pyserver-control")
        self._terminated = threading.Event()
        self._loop = LoopThread("pyserver-grpcio")
        self._loop.run(self._open(_server_options(max_message_bytes)))

    def add_infer_methods(self, methods: InferMethods) -> None:
        """Answers these methods by the core, bytes in and bytes out. They win over registered servicers."""
        self._loop.call(self._infer_calls.add, methods)

    def add_state_methods(self, methods: StateMethods) -> None:
        """Nothing: the registered servicers answer them."""

    def counters(self) -> dict[str, int]:
        """None: gRPC's own server counts nothing that we could read."""
        return {}

    def add_generic_rpc_handlers(self, generic_rpc_handlers: Sequence[Any]) -> None:
        """As `grpc.Server`."""
        wrapped = [ControlCalls(servicer, self._stopping, self._log) for servicer in generic_rpc_handlers]
        self._loop.call(self._server.add_generic_rpc_handlers, wrapped)

    def add_registered_method_handlers(self, service_name: str, method_handlers: Mapping[str, Any]) -> None:
        """Generated code calls this beside add_generic_rpc_handlers, which is all that grpc.aio needs."""

    def add_insecure_port(self, address: str) -> int:
        """Listens on the address. Port 0 takes any free one. Returns the port; raises ConfigError."""
        return self._listen(address, self._server.add_insecure_port, address)

    def add_secure_port(self, address: str, server_credentials: Any) -> int:
        """Listens on the address with TLS; takes grpc's credentials too. Returns the port; raises ConfigError."""
        credentials = grpcio_credentials(server_credentials)
        return self._listen(address, self._server.add_secure_port, address, credentials)

    def start(self) -> None:
        """Begins to answer."""
        self._loop.run(self._start())

    def stop(self, grace: float | None) -> threading.Event:
        """Takes no new calls, gives those underway `grace` seconds, ends the rest. May be called again with less."""
        if not self._terminated.is_set():
            stopping = asyncio.run_coroutine_threadsafe(self._stop(grace), self._loop.loop)
            stopping.add_done_callback(lambda _: self._close())
        return self._terminated

    def wait_for_termination(self, timeout: float | None = None) -> bool:
        """Waits until stop() has done its work. True where the timeout passed first."""
        return not self._terminated.wait(timeout)

    async def _open(self, options: Sequence[tuple[str, int]]) -> None:
        self._stopping = asyncio.Event()
        self._infer_calls = InferCalls(self._core, self._stopping, self._log)
        # The first one that knows a method answers it.
        self._server = aio.server(migration_thread_pool=self._threads, handlers=[self._infer_calls], options=options)

    async def _start(self) -> None:
        self._loop.loop.add_reader(self._core.fileno(), self._infer_calls.collect)
        await self._server.start()

    async def _stop(self, grace: float | None) -> None:
        self._stopping.set()
        await self._server.stop(grace)

    def _close(self) -> None:
        self._terminated.set()
        self._threads.shutdown(wait=False)
        self._loop.stop()

    def _listen(self, address: str, add_port: Callable[..., int], *arguments: Any) -> int:
        if address.startswith("unix:") and _is_served(address.removeprefix("unix:")):
            # grpc would take the path away from the server that is there.
            raise ConfigError(f"cannot listen on {address}: address already in use")
        try:
            return self._loop.call(add_port, *arguments)
        except RuntimeError as error:
            raise ConfigError(f"cannot listen on {address}: {_why_not(address)}") from error


def _server_options(max_message_bytes: int) -> list[tuple[str, int]]:
    return [
        ("grpc.max_receive_message_length", max_message_bytes),
        ("grpc.max_send_message_length", -1),
        # A second server on the same port is a mistake, and must be told so.
        ("grpc.so_reuseport", 0),
        # Clients may keep idle connections alive with pings.
        ("grpc.keepalive_permit_without_calls", 1),
        ("grpc.http2.min_ping_interval_without_data_ms", 5_000),
    ]


def _why_not(address: str) -> str:
    """grpc does not say why it cannot listen; the operating system does."""
    if address.startswith("unix:"):
        return _why_not_at_path(address.removeprefix("unix:"))
    host, _, port = address.rpartition(":")
    if not port.isdecimal() or int(port) > 65_535:
        return "an address is HOST:PORT"
    try:
        found = socket.getaddrinfo(host.strip("[]") or None, int(port), type=socket.SOCK_STREAM)
        for family, kind, protocol, _, place in found:
            with socket.socket(family, kind, protocol) as probe:
                probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                probe.bind(place)
                # Two sockets may be bound to one port where neither listens.
                probe.listen()
    except OSError as error:
        return (error.strerror or str(error)).lower()
    return "grpc refuses the address"


def _is_served(path: str) -> bool:
    with socket.socket(socket.AF_UNIX) as probe:
        try:
            probe.connect(path)
        except OSError:
            return False
        return True


def _why_not_at_path(path: str) -> str:
    if Path(path).exists():
        return "the path is in use"
    with socket.socket(socket.AF_UNIX) as probe:
        try:
            probe.bind(path)
        except OSError as error:
            return (error.strerror or str(error)).lower()
    Path(path).unlink(missing_ok=True)
    return "grpc refuses the address"
