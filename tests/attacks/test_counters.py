"""Who is stopped is counted, where an operator can see it: `pyserver status --transport`."""

from __future__ import annotations

from collections.abc import Callable

import attack_frames as http2
import pytest
from attacked_server import BODY_TIMEOUT_S, LATE_S, MAX_CONNECTIONS, MAX_MESSAGE_BYTES, AttackedServer

from pyserver.client import Client

BLOCK = http2.block(http2.call_fields())
PREDICT = http2.block(http2.call_fields(http2.PREDICT))


def flood(frames: bytes) -> Callable[[AttackedServer], None]:
    def attack(server: AttackedServer) -> None:
        peer = server.peer()
        peer.send(frames)
        assert peer.wait_closed()

    return attack


def unfinished(beginning: bytes, *, handshake: bool = True) -> Callable[[AttackedServer], None]:
    def attack(server: AttackedServer) -> None:
        peer = server.peer() if handshake else server.connect()
        peer.answers = False  # an acknowledgement would complete half a frame
        peer.send(beginning)
        peer.wait(lambda: peer.closed or peer.resets() > 0, BODY_TIMEOUT_S + LATE_S)

    return attack


def one_call(path: str, content: bytes) -> Callable[[AttackedServer], None]:
    def attack(server: AttackedServer) -> None:
        assert server.peer().call(path, content).over

    return attack


def answered(block: bytes, body: bytes = b"") -> Callable[[AttackedServer], None]:
    def attack(server: AttackedServer) -> None:
        peer = server.peer()
        stream = peer.new_stream()
        peer.send(http2.headers(stream, block) + http2.data(stream, body, end=True))
        assert peer.wait(lambda: peer.responses[stream].over)

    return attack


def too_many_connections(server: AttackedServer) -> None:
    peers = [server.connect() for _ in range(MAX_CONNECTIONS + 10)]
    assert sum(peer.wait_closed(0.2) for peer in peers[-10:]) >= 1


def too_many_streams(server: AttackedServer) -> None:
    peer = server.peer()
    streams = [peer.new_stream() for _ in range(1100)]
    peer.send(*(http2.headers(stream, PREDICT) for stream in streams))
    assert peer.wait(lambda: peer.closed or peer.resets() > 0)


def too_large_headers(server: AttackedServer) -> None:
    peer = server.peer()
    stream = peer.new_stream()
    peer.send(http2.headers_in_pieces(stream, http2.block({**http2.call_fields(), "x": "y" * 20_000}), end=True))
    assert peer.wait(lambda: peer.responses[stream].over)


ATTACKS: dict[str, Callable[[AttackedServer], None]] = {
    "connections_refused": too_many_connections,
    "preface_timeouts": unfinished(http2.PREFACE[:10], handshake=False),
    "headers_timeouts": unfinished(http2.frame(http2.HEADERS, 0, 1, BLOCK[:3])),
    "body_timeouts": unfinished(http2.headers(1, PREDICT) + http2.data(1, http2.message(b"12345", length=100))),
    "protocol_errors": flood(http2.data(0, b"?")),
    "floods": flood(http2.ping() * 5000),
    "streams_refused": too_many_streams,
    "headers_too_large": too_large_headers,
    "messages_too_large": one_call(http2.PREDICT, bytes(MAX_MESSAGE_BYTES + 1)),
    "malformed_calls": answered(PREDICT, b"\7\0\0\0\1?"),
    "refused_http_requests": answered(http2.block({**http2.call_fields(), ":method": "GET"})),
}


@pytest.mark.parametrize("counter", ATTACKS)
def test_it_is_counted(server: AttackedServer, counter: str) -> None:
    with Client(f"{server.address[0]}:{server.address[1]}") as client:
        before = client.transport_counters()[counter]
        ATTACKS[counter](server)
        assert client.transport_counters()[counter] > before
