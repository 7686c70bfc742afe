"""The connection for metadata and first answers: addresses, TLS, servers that are not there."""

from __future__ import annotations

import socket
import ssl
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import grpc
import pytest
from certificates import Authority
from rest_server import rest_server

from pyserver.channel import RequestFailedError, UnreachableError
from pyserver_loadgen.protocols import Connection, RequestError, TlsOptions, connect, protocol_named


def echo(request: bytes, context: grpc.ServicerContext) -> bytes:  # noqa: ARG001
    return request


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("authority"), "authority")


def serve(address: str, credentials: grpc.ServerCredentials | None = None) -> tuple[grpc.Server, int]:
    server = grpc.server(ThreadPoolExecutor(2))
    handlers = {"Echo": grpc.unary_unary_rpc_method_handler(echo)}
    server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler("x.Y", handlers),))
    port = server.add_secure_port(address, credentials) if credentials else server.add_insecure_port(address)
    server.start()
    return server, port


@pytest.fixture
def secure_port(authority: Authority) -> Iterator[int]:
    """Its certificate is for "model.example"; clients may show theirs."""
    certificate = authority.sign("server", "DNS:model.example")
    pair = (certificate.key.read_bytes(), certificate.chain.read_bytes())
    server, port = serve("127.0.0.1:0", grpc.ssl_server_credentials([pair]))
    yield port
    server.stop(None).wait()


def call(address: str, tls: TlsOptions | None = None) -> bytes:
    with connect(address, tls=tls) as connection:
        return connection.call("/x.Y/Echo", b"abc")


def test_a_unix_socket(tmp_path: Path) -> None:
    server, _ = serve(f"unix:{tmp_path}/socket")
    assert call(f"unix:{tmp_path}/socket") == b"abc"
    server.stop(None).wait()


def test_tls_with_the_authority_and_the_servers_name(secure_port: int, authority: Authority) -> None:
    ca = authority.certificate.read_text()
    assert call(f"127.0.0.1:{secure_port}", TlsOptions(ca=ca, server_name="model.example")) == b"abc"
    with pytest.raises(UnreachableError):
        call(f"127.0.0.1:{secure_port}", TlsOptions(ca=ca))


def test_tls_without_verifying_takes_whoever_answers(secure_port: int, tmp_path: Path) -> None:
    assert call(f"127.0.0.1:{secure_port}", TlsOptions(verify=False)) == b"abc"
    other = Authority(tmp_path, "other").certificate.read_text()
    with pytest.raises(UnreachableError):
        call(f"127.0.0.1:{secure_port}", TlsOptions(ca=other, server_name="model.example"))


def test_a_client_shows_its_certificate(authority: Authority) -> None:
    certificate, client = authority.sign("server2", "IP:127.0.0.1"), authority.sign("client")
    pair = (certificate.key.read_bytes(), certificate.chain.read_bytes())
    ca = authority.certificate.read_bytes()
    server, port = serve("127.0.0.1:0", grpc.ssl_server_credentials([pair], ca, require_client_auth=True))
    shown = (client.chain.read_text(), client.key.read_text())
    assert call(f"127.0.0.1:{port}", TlsOptions(ca.decode(), *shown)) == b"abc"
    assert call(f"127.0.0.1:{port}", TlsOptions("", *shown, verify=False)) == b"abc"
    with pytest.raises((UnreachableError, RequestFailedError)):
        call(f"127.0.0.1:{port}", TlsOptions(ca.decode()))
    server.stop(None).wait()


def test_https(authority: Authority) -> None:
    certificate = authority.sign("web", "DNS:web.example")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate.chain, certificate.key)
    ca = authority.certificate.read_text()
    with rest_server() as server:
        server.socket = context.wrap_socket(server.socket, server_side=True)
        for tls in (TlsOptions(ca=ca, server_name="web.example"), TlsOptions(verify=False)):
            connection = connect(server.address, "http", tls=tls)
            assert protocol_named("rest-v2").metadata(connection, "m").name == "m"
        with pytest.raises(UnreachableError, match="certificate"):
            protocol_named("rest-v2").metadata(connect(server.address, "http", tls=TlsOptions(ca=ca)), "m")


def test_a_server_that_is_not_there_is_unreachable() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{taken.getsockname()[1]}"
        with pytest.raises(UnreachableError, match=f"no gRPC server answers at {address}"):
            call(address)
        with pytest.raises(UnreachableError, match=f"no TLS server answers at {address}"):
            call(address, TlsOptions(verify=False))


def test_a_method_that_is_not_there_is_the_servers_error(connection: Connection) -> None:
    with pytest.raises(RequestFailedError, match="UNIMPLEMENTED"):
        connection.call("/x.Y/Z", b"")


@pytest.mark.parametrize("address", ["", "localhost", "::1:80", "localhost:", "localhost:0", "host:99999", ":80"])
@pytest.mark.parametrize("transport", ["grpc", "http"])
def test_an_address_that_is_none_is_refused(address: str, transport: str) -> None:
    with pytest.raises(RequestError, match=r"expected HOST:PORT, \[IPv6\]:PORT or unix:PATH"):
        connect(address, transport)


@pytest.mark.parametrize("transport", ["grpc", "http"])
def test_pem_that_is_none_is_refused(transport: str) -> None:
    with pytest.raises(RequestError, match="authority's certificate cannot be used"):
        connect("localhost:1", transport, tls=TlsOptions(ca="no pem"))
    with pytest.raises(RequestError, match="client's certificate or key cannot be used"):
        connect("localhost:1", transport, tls=TlsOptions(certificate="no pem"))
