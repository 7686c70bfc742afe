"""Bodies in odd pieces: without content, all padding, a byte at a time, beyond the windows."""

from __future__ import annotations

import attack_frames as http2
import numpy as np
import pytest
from attacked_server import MIB, AttackedServer
from reactions import assert_calmed, assert_hung_up, assert_serves

FRAMES = 5000


@pytest.mark.parametrize("padding", [None, 0, 9], ids=["empty", "padding_of_0", "nothing_but_padding"])
def test_data_without_content_in_thousands_is_stopped(server: AttackedServer, padding: int | None) -> None:
    peer = server.peer()
    stream = peer.open(http2.block(http2.call_fields(http2.PREDICT)))
    peer.send(http2.data(stream, b"", padding=padding) * FRAMES)
    assert_calmed(peer)


def test_data_without_content_spread_over_streams_is_stopped(server: AttackedServer) -> None:
    peer = server.peer()
    streams = [peer.open(http2.block(http2.call_fields(http2.PREDICT))) for _ in range(100)]
    peer.send(b"".join(http2.data(stream, b"") for stream in streams) * (FRAMES // len(streams)))
    assert_calmed(peer)


def test_data_that_is_mostly_padding_is_taken(server: AttackedServer) -> None:
    values = np.arange(64, dtype=np.float32).reshape(1, 64)
    body = http2.message(http2.predict_request("echo", values))
    peer = server.peer()
    stream = peer.open(http2.block(http2.call_fields(http2.PREDICT)))
    for at in range(len(body)):
        peer.send(http2.data(stream, body[at : at + 1], end=at == len(body) - 1, padding=100))
    assert peer.wait(lambda: peer.responses[stream].over)
    assert http2.predicted(peer.responses[stream].message) == values.tobytes()


def test_a_million_one_byte_chunks_are_one_request(server: AttackedServer) -> None:
    values = np.random.default_rng(5).standard_normal((1, 250_000), np.float32)
    peer = server.peer()
    stream = peer.open(http2.block(http2.call_fields(http2.PREDICT)))
    assert peer.send_body(stream, http2.message(http2.predict_request("echo", values)), piece=1)
    assert peer.wait(lambda: peer.responses[stream].over)
    assert peer.responses[stream].grpc_status == 0, str(peer.responses[stream])
    assert http2.predicted(peer.responses[stream].message) == values.tobytes()
    assert_serves(peer)


def test_data_beyond_the_windows_is_not_stored(server: AttackedServer) -> None:
    peer = server.peer()
    # A model that is never asked: the message does not end.
    stream = peer.open(http2.block(http2.call_fields(http2.PREDICT)))
    peer.send(http2.data(stream, http2.message(length=3 * MIB)))
    piece = http2.data(stream, bytes(16_384))
    peer.send(piece * (64 * MIB // 16_384))
    # Beyond the windows the connection is broken off. A server that reads as fast as we send opens them all the time,
    # drops what follows the message, and hangs up when nothing more comes.
    assert_hung_up(peer)


def test_data_of_streams_that_were_never_opened_ends_the_connection(server: AttackedServer) -> None:
    peer = server.peer()
    peer.send(*(http2.data(stream, bytes(1000)) for stream in range(1, 2000, 2)))
    assert_hung_up(peer)
