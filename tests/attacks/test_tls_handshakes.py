"""TLS connections that do not come about."""

from __future__ import annotations

import socket
import ssl
from collections.abc import Iterator
from pathlib import Path

import attack_frames as http2
import pytest
from attacked_server import LATE_S, TLS_HANDSHAKE_TIMEOUT_S, AttackedServer, running
from certificates import Authority
from reactions import all_closed

CLIENT_HELLO_BEGINNING = bytes.fromhex("16030100c8010000c40303") + bytes(40)


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    made = Authority(tmp_path_factory.mktemp("certificate"), "authority").sign("attacks.test", "IP:127.0.0.1")
    return made.chain, made.key


@pytest.fixture(scope="module")
def running_tls_server(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, certificate: tuple[Path, Path]
) -> Iterator[AttackedServer]:
    name = request.config.getoption("--attack-server")
    with running(name, tmp_path_factory.mktemp("tls"), certificate=certificate) as server:
        yield server


@pytest.fixture
def tls_server(running_tls_server: AttackedServer) -> Iterator[AttackedServer]:
    with running_tls_server.survives():
        yield running_tls_server


@pytest.mark.parametrize(
    "beginning",
    [
        pytest.param(b"", id="nothing"),
        pytest.param(CLIENT_HELLO_BEGINNING[:3], id="half_a_record_head"),
        pytest.param(CLIENT_HELLO_BEGINNING, id="half_a_client_hello"),
    ],
)
def test_a_handshake_that_is_not_finished_is_given_up(tls_server: AttackedServer, beginning: bytes) -> None:
    peers = [tls_server.connect() for _ in range(100)]
    for peer in peers:
        peer.send(beginning)
    assert all_closed(peers, TLS_HANDSHAKE_TIMEOUT_S + LATE_S)


def test_a_handshake_that_trickles_in_is_not_waited_for(tls_server: AttackedServer) -> None:
    peer = tls_server.connect()
    for at in range(len(CLIENT_HELLO_BEGINNING)):
        peer.send(CLIENT_HELLO_BEGINNING[at : at + 1])
        if peer.wait_closed(TLS_HANDSHAKE_TIMEOUT_S / 5):
            break
    assert peer.closed


@pytest.mark.parametrize("garbage", [http2.PREFACE + http2.settings(), bytes(500), b"GET / HTTP/1.1\r\n\r\n"])
def test_who_does_not_speak_tls_is_hung_up_on_at_once(tls_server: AttackedServer, garbage: bytes) -> None:
    peer = tls_server.connect()
    peer.send(garbage)
    assert peer.wait_closed(TLS_HANDSHAKE_TIMEOUT_S / 2)


def handshake(server: AttackedServer, context: ssl.SSLContext) -> ssl.SSLSocket:
    return context.wrap_socket(socket.create_connection(server.address, 5), server_hostname="127.0.0.1")


def test_a_handshake_without_h2_comes_to_nothing(tls_server: AttackedServer, certificate: tuple[Path, Path]) -> None:
    context = ssl.create_default_context(cafile=str(certificate[0]))
    context.set_alpn_protocols(["http/1.1"])
    try:
        with handshake(tls_server, context) as secure:
            secure.sendall(b"GET / HTTP/1.1\r\n\r\n")
            assert secure.recv(1000) == b""
    except OSError:
        pass  # refused within the handshake, or reset after it


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_old_versions_of_tls_are_refused(tls_server: AttackedServer, certificate: tuple[Path, Path]) -> None:
    context = ssl.create_default_context(cafile=str(certificate[0]))
    context.set_ciphers("ALL:@SECLEVEL=0")
    context.minimum_version = context.maximum_version = ssl.TLSVersion.TLSv1_1
    with pytest.raises(OSError):  # noqa: PT011 - whichever way it is said
        handshake(tls_server, context)


def test_handshakes_torn_down_at_once_disturb_nobody(tls_server: AttackedServer) -> None:
    for number in range(500):
        peer = tls_server.connect()
        if number % 2:
            peer.send(CLIENT_HELLO_BEGINNING)
        peer.abort()
