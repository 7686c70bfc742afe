"""TLS over both transports; certificates that are replaced while the native one serves."""

# Servicers take a request and a context, also those that need neither.
# ruff: noqa: ARG001

from __future__ import annotations

import logging
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import grpc
import pytest
from certificates import Authority, Certificate

from pyserver import _core
from pyserver.config.schema import ServerSettings
from pyserver.errors import ConfigError
from pyserver.transport import Transport, make_transport
from pyserver.transport.native import NativeTransport
from pyserver.transport.tls import TlsFiles, tls_files

MakeTransport = Callable[[str], Transport]
PATH = "/test.Service/unary_unary_a"


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("authority"), "authority")


@pytest.fixture(scope="module")
def certificate(authority: Authority) -> Certificate:
    return authority.sign("server", "DNS:localhost", "IP:127.0.0.1")


@pytest.fixture
def make_secure() -> Iterator[MakeTransport]:
    """Transports whose method answers with what it knows of its caller."""
    made: list[Transport] = []

    def look(request: bytes, context: Any) -> bytes:
        identities = context.peer_identities() or ()
        told = [str(context.peer_identity_key()).encode(), *identities, *context.auth_context()["security_level"]]
        return b" ".join(told)

    def make(name: str) -> Transport:
        settings = ServerSettings(transport=name, io_threads=1, poll_interval_s=0.02)
        transport = make_transport(settings, _core.Core(), logging.getLogger("pyserver.requests"))
        handlers = {"unary_unary_a": grpc.unary_unary_rpc_method_handler(look)}
        transport.add_generic_rpc_handlers((grpc.method_handlers_generic_handler("test.Service", handlers),))
        made.append(transport)
        return transport

    yield make
    for transport in made:
        transport.stop(None).wait(10)


def ask(port: int, authority: Authority, client: Certificate | None = None) -> bytes:
    """Over a connection of its own."""
    pair = (None, None) if client is None else (client.key.read_bytes(), client.chain.read_bytes())
    credentials = grpc.ssl_channel_credentials(authority.certificate.read_bytes(), *pair)
    options = [("grpc.use_local_subchannel_pool", 1)]
    with grpc.secure_channel(f"localhost:{port}", credentials, options) as channel:
        answer: bytes = channel.unary_unary(PATH)(b"", timeout=10)
        return answer


@pytest.mark.parametrize("name", ["native", "grpcio"])
def test_calls_go_over_tls(
    make_secure: MakeTransport, authority: Authority, certificate: Certificate, name: str
) -> None:
    transport = make_secure(name)
    port = transport.add_secure_port("localhost:0", TlsFiles(certificate.chain, certificate.key))
    transport.start()
    assert ask(port, authority) == b"None TSI_PRIVACY_AND_INTEGRITY"
    with grpc.insecure_channel(f"localhost:{port}") as channel, pytest.raises(grpc.RpcError) as failure:
        channel.unary_unary(PATH)(b"", timeout=10)
    assert failure.value.code() is grpc.StatusCode.UNAVAILABLE


@pytest.mark.parametrize("name", ["native", "grpcio"])
def test_clients_are_known_by_their_certificates(
    make_secure: MakeTransport, authority: Authority, certificate: Certificate, tmp_path: Path, name: str
) -> None:
    transport = make_secure(name)
    credentials = TlsFiles(certificate.chain, certificate.key, authority.certificate, require_client_certificate=True)
    port = transport.add_secure_port("localhost:0", credentials)
    transport.start()
    client = authority.sign("client", "DNS:client.example")
    wanted = b"x509_subject_alternative_name client.example TSI_PRIVACY_AND_INTEGRITY"
    assert ask(port, authority, client) == wanted
    nameless = authority.sign("nameless")
    assert ask(port, authority, nameless) == b"x509_common_name nameless TSI_PRIVACY_AND_INTEGRITY"
    stranger = Authority(tmp_path, "other").sign("stranger")
    for refused in (None, stranger):
        with pytest.raises(grpc.RpcError) as failure:
            ask(port, authority, refused)
        assert failure.value.code() is grpc.StatusCode.UNAVAILABLE


def test_a_new_certificate_is_served_without_dropping_a_connection(
    make_secure: MakeTransport, certificate: Certificate, authority: Authority, tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
) -> None:  # fmt: skip
    caplog.set_level(logging.INFO)
    served = TlsFiles(tmp_path / "served.pem", tmp_path / "served.key")
    shutil.copy(certificate.chain, served.certificate_chain)
    shutil.copy(certificate.key, served.private_key)
    transport = make_secure("native")
    port = transport.add_secure_port("localhost:0", served)
    transport.start()
    other = Authority(tmp_path / "other", "other")
    renewed = other.sign("renewed", "DNS:localhost")
    credentials = grpc.ssl_channel_credentials(authority.certificate.read_bytes())
    with grpc.secure_channel(f"localhost:{port}", credentials) as channel:
        call = channel.unary_unary(PATH)
        call(b"", timeout=10)
        # A key alone does not fit: what served before serves on.
        shutil.copy(renewed.key, served.private_key)
        _until(lambda: "cannot be used" in caplog.text)
        assert ask(port, authority)
        shutil.copy(renewed.chain, served.certificate_chain)
        _until(lambda: "TLS certificate replaced" in caplog.text)
        assert ask(port, other)
        with pytest.raises(grpc.RpcError):
            ask(port, authority)
        call(b"", timeout=10)
        assert isinstance(transport, NativeTransport)
        counters = transport.counters()
    # The first channel's connection, and one of each of the others.
    assert counters["tls_handshakes_failed"] >= 1
    assert counters["connections_opened"] - counters["tls_handshakes_failed"] == 3


def test_what_cannot_be_served_is_told_in_a_sentence(
    make_secure: MakeTransport, certificate: Certificate, authority: Authority, tmp_path: Path
) -> None:
    transport = make_secure("native")
    with pytest.raises(ConfigError, match=r"nothing\.pem: cannot be read"):
        transport.add_secure_port("localhost:0", TlsFiles(tmp_path / "nothing.pem", certificate.key))
    with pytest.raises(ConfigError, match="cannot serve TLS on localhost:0: "):
        transport.add_secure_port("localhost:0", TlsFiles(certificate.chain, authority.sign("x").key))
    pair = [(certificate.key.read_bytes(), certificate.chain.read_bytes())]
    with pytest.raises(ConfigError, match="cannot read ServerCredentials: expected"):
        transport.add_secure_port("localhost:0", grpc.ssl_server_credentials(pair))
    with pytest.raises(ConfigError, match="without authorities"):
        TlsFiles(certificate.chain, certificate.key, require_client_certificate=True).read()


def test_the_settings_name_the_files(tmp_path: Path) -> None:
    settings = ServerSettings(grpc_tls_cert=tmp_path / "a", grpc_tls_key=tmp_path / "b")
    assert tls_files(settings) == TlsFiles(tmp_path / "a", tmp_path / "b")
    assert tls_files(ServerSettings()) is None
    with pytest.raises(ValueError, match="only taken together"):
        ServerSettings(grpc_tls_cert=tmp_path / "a")


def _until(happened: Callable[[], bool]) -> None:
    while not happened():
        pass
