"""A connection for the few calls that prepare a run: the model's metadata, and first answers to compare with.

The requests that are measured never go through here.
"""

from __future__ import annotations

import http.client
import socket
from abc import ABC, abstractmethod
from collections.abc import Sequence
from types import TracebackType
from typing import Any

import grpc

from pyserver.channel import (
    ClientTls,
    RequestFailedError,
    UnreachableError,
    becomes_ready,
    failure_of,
    open_channel,
)
from pyserver_loadgen.protocols.errors import RequestError
from pyserver_loadgen.protocols.tls import TlsOptions, client_context, shown_certificate, split_address


class Connection(ABC):
    """To one server. Made without connecting: the first call does. For one thread."""

    address: str

    @abstractmethod
    def call(
        self,
        path: str,
        body: bytes | None,
        *,
        headers: Sequence[tuple[str, str]] = (),
        streaming: bool = False,
        timeout_s: float = 60.0,
    ) -> bytes:
        """One request and its answer. `body` None: GET, only for HTTP. `streaming`: the first answer of a new stream.

        Raises RequestFailedError, UnreachableError.
        """

    @abstractmethod
    def close(self) -> None:
        """Ends the connection."""

    def __enter__(self) -> Connection:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def connect(
    address: str, transport: str = "grpc", *, tls: TlsOptions | None = None, connect_timeout_s: float = 5.0
) -> Connection:
    """To "HOST:PORT", "[::1]:PORT" or "unix:PATH", by "grpc" or "http". Raises RequestError, UnreachableError."""
    if transport == "grpc":
        return GrpcConnection(address, tls, connect_timeout_s)
    return HttpConnection(address, tls, connect_timeout_s)


class GrpcConnection(Connection):
    """By grpcio."""

    def __init__(self, address: str, tls: TlsOptions | None, connect_timeout_s: float) -> None:
        self.address = address
        self._connect_timeout_s = connect_timeout_s
        self._connected = False
        if not address.startswith("unix:"):
            split_address(address)
        if tls is None:
            self._channel = open_channel(address)
            return
        client_context(tls)  # says what is wrong with certificates, which grpcio only logs
        name, ca = tls.server_name, tls.ca.encode()
        if not tls.verify:
            # grpcio has no switch for this: what the server shows is taken for its own authority.
            ca, name = shown_certificate(address, tls, connect_timeout_s)
        credentials = ClientTls(ca or None, tls.certificate.encode() or None, tls.key.encode() or None)
        self._channel = open_channel(address, credentials, server_name=name)

    def call(
        self,
        path: str,
        body: bytes | None,
        *,
        headers: Sequence[tuple[str, str]] = (),
        streaming: bool = False,
        timeout_s: float = 60.0,
    ) -> bytes:
        """See Connection."""
        self._connect()
        metadata = tuple(headers)
        try:
            if not streaming:
                unary: Any = self._channel.unary_unary(path)
                return bytes(unary(body or b"", timeout=timeout_s, metadata=metadata))
            stream: Any = self._channel.stream_stream(path)
            for first in stream(iter([body or b""]), timeout=timeout_s, metadata=metadata):
                return bytes(first)
        except grpc.RpcError as error:
            raise failure_of(error) from None
        raise RequestFailedError(grpc.StatusCode.UNKNOWN, f"the stream {path} ended without an answer")

    def close(self) -> None:
        """See Connection."""
        self._channel.close()

    def _connect(self) -> None:
        """Once."""
        if self._connected:
            return
        if not becomes_ready(self._channel, self._connect_timeout_s):
            raise UnreachableError(f"no gRPC server answers at {self.address}")
        self._connected = True


class HttpConnection(Connection):
    """By HTTP/1.1, a connection a call."""

    def __init__(self, address: str, tls: TlsOptions | None, connect_timeout_s: float) -> None:
        self.address = address
        self._unix = address.removeprefix("unix:") if address.startswith("unix:") else ""
        self._host, self._port = ("localhost", 0) if self._unix else split_address(address)
        self._tls = tls
        self._context = client_context(tls) if tls is not None else None
        self._connect_timeout_s = connect_timeout_s

    def call(
        self,
        path: str,
        body: bytes | None,
        *,
        headers: Sequence[tuple[str, str]] = (),
        streaming: bool = False,
        timeout_s: float = 60.0,
    ) -> bytes:
        """See Connection. An HTTP status other than 200 fails with the gRPC code that it stands for."""
        if streaming:
            raise RequestError("HTTP/1.1 has no streams")
        connection = http.client.HTTPConnection(self._host, self._port or None, timeout=timeout_s)
        try:
            connection.sock = self._open()
            connection.sock.settimeout(timeout_s)
            connection.request("GET" if body is None else "POST", path, body, dict(headers))
            response = connection.getresponse()
            answer = response.read()
        except (OSError, http.client.HTTPException) as error:
            raise UnreachableError(
                f"no HTTP server answers at {self.address}: {error or type(error).__name__}"
            ) from None
        finally:
            connection.close()
        if response.status != 200:
            code = _CODES.get(response.status, grpc.StatusCode.UNKNOWN)
            told = answer[:500].decode("utf-8", "replace")
            raise RequestFailedError(code, f"HTTP {response.status} for {path}: {told}")
        return answer

    def close(self) -> None:
        """See Connection."""

    def _open(self) -> socket.socket:
        if self._unix:
            plain = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
            plain.settimeout(self._connect_timeout_s)
            plain.connect(self._unix)
        else:
            plain = socket.create_connection((self._host, self._port), self._connect_timeout_s)
        if self._context is None or self._tls is None:
            return plain
        return self._context.wrap_socket(plain, server_hostname=self._tls.server_name or self._host)


_CODES = {
    400: grpc.StatusCode.INVALID_ARGUMENT,
    401: grpc.StatusCode.UNAUTHENTICATED,
    403: grpc.StatusCode.PERMISSION_DENIED,
    404: grpc.StatusCode.NOT_FOUND,
    405: grpc.StatusCode.UNIMPLEMENTED,
    412: grpc.StatusCode.FAILED_PRECONDITION,
    429: grpc.StatusCode.RESOURCE_EXHAUSTED,
    500: grpc.StatusCode.INTERNAL,
    501: grpc.StatusCode.UNIMPLEMENTED,
    503: grpc.StatusCode.UNAVAILABLE,
    504: grpc.StatusCode.DEADLINE_EXCEEDED,
}
