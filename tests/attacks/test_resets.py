"""Streams that are begun only to be reset: by the peer, or by the server because the peer makes it."""

from __future__ import annotations

import time
from collections.abc import Callable

import attack_frames as http2
import numpy as np
import pytest
from attacked_server import MAX_STREAMS, AttackedServer
from reactions import assert_calmed, assert_serves, assert_stopped, told

STREAMS = 2000
# More than the server's default limits for a second, a good deal less than what is sent.
ENOUGH_RESETS = 500

BLOCK = http2.block(http2.call_fields())
EMPTY = http2.message()


def without(name: str) -> bytes:
    fields = http2.call_fields()
    del fields[name]
    return http2.block(fields)


def test_rapid_reset_of_unfinished_calls_is_stopped(server: AttackedServer) -> None:
    peer = server.peer()
    peer.send(*(http2.headers(stream, BLOCK) + http2.reset(stream) for stream in range(1, 2 * STREAMS, 2)))
    assert_calmed(peer)


def test_rapid_reset_of_whole_inference_calls_is_stopped(server: AttackedServer) -> None:
    peer = server.peer()
    block = http2.block(http2.call_fields(http2.PREDICT))
    body = http2.message(http2.predict_request("slow", np.zeros((1, 8))))
    peer.send(
        *(
            http2.headers(stream, block) + http2.data(stream, body, end=True) + http2.reset(stream)
            for stream in range(1, 2 * STREAMS, 2)
        )
    )
    assert_calmed(peer)


def test_a_client_that_cancels_a_hundred_calls_at_once_keeps_its_connection(server: AttackedServer) -> None:
    peer = server.peer()
    streams = [peer.new_stream() for _ in range(100)]
    peer.send(*(http2.headers(stream, BLOCK) + http2.reset(stream) for stream in streams))
    assert_serves(peer)


def test_resets_below_the_limit_on_many_connections_cost_nothing(server: AttackedServer) -> None:
    for _ in range(20):
        peer = server.peer()
        streams = [peer.new_stream() for _ in range(150)]
        peer.send(*(http2.headers(stream, BLOCK) + http2.reset(stream) for stream in streams))
        assert_serves(peer)


@pytest.mark.parametrize(
    "ending",
    [
        pytest.param(lambda stream: http2.reset(stream), id="the_client_cancels"),
        pytest.param(lambda stream: http2.window_update(stream, http2.MAX_WINDOW), id="the_server_is_made_to_reset"),
    ],
)
def test_cancelled_work_leaves_the_queue(server: AttackedServer, ending: Callable[[int], bytes]) -> None:
    peer = server.peer()
    block = http2.block(http2.call_fields(http2.PREDICT))
    request = http2.predict_request("slow", np.zeros((1, 8)))
    streams = [peer.new_stream() for _ in range(60)]
    body = http2.message(request)
    peer.send(*(http2.headers(stream, block) + http2.data(stream, body, end=True) for stream in streams))
    peer.send(*(ending(stream) for stream in streams))
    began = time.monotonic()
    response = peer.call(http2.PREDICT, request, timeout_s=10)
    assert response.grpc_status == 0, str(response)
    # Sixty executions would take six seconds; one or two may be underway.
    assert time.monotonic() - began < 1.5


# Each makes a server reset a stream; nghttp2 takes some of them for errors of the connection, which is well too.
MADE_RESETS: dict[str, Callable[[int], bytes]] = {
    "window_too_large": lambda stream: http2.headers(stream, BLOCK) + http2.window_update(stream, http2.MAX_WINDOW),
    "window_update_of_0": lambda stream: http2.headers(stream, BLOCK) + http2.window_update(stream, 0),
    "data_after_the_end": lambda stream: (
        http2.headers(stream, BLOCK) + http2.data(stream, EMPTY, end=True) + http2.data(stream, EMPTY)
    ),
    "headers_after_the_end": lambda stream: http2.headers(stream, BLOCK, end=True) + http2.headers(stream, BLOCK),
    "priority_on_itself": lambda stream: http2.headers(stream, BLOCK) + http2.priority(stream, stream),
    "headers_with_priority_on_itself": lambda stream: http2.frame(
        http2.HEADERS,
        http2.END_HEADERS | http2.WITH_PRIORITY,
        stream,
        stream.to_bytes(4, "big") + b"\x10" + BLOCK,
    ),
    "priority_of_4_bytes": lambda stream: (
        http2.headers(stream, BLOCK) + http2.frame(http2.PRIORITY, 0, stream, bytes(4))
    ),
    "upper_case_name": lambda stream: http2.headers(stream, BLOCK + http2.literal(b"X-Upper", b"case")),
    "no_path": lambda stream: http2.headers(stream, without(":path")),
    "late_pseudo_field": lambda stream: http2.headers(stream, BLOCK + http2.literal(b":scheme", b"http")),
    "pseudo_field_of_a_response": lambda stream: http2.headers(stream, http2.literal(b":status", b"200") + BLOCK),
    "field_of_a_connection": lambda stream: http2.headers(stream, BLOCK + http2.literal(b"connection", b"close")),
    "line_feed_in_a_value": lambda stream: http2.headers(stream, BLOCK + http2.literal(b"x-two", b"a\r\nb: c")),
    "content_length_exceeded": lambda stream: (
        http2.headers(stream, BLOCK + http2.literal(b"content-length", b"1")) + http2.data(stream, EMPTY, end=True)
    ),
    "trailers_without_an_end": lambda stream: (
        http2.headers(stream, BLOCK) + http2.headers(stream, http2.literal(b"x-trailer", b"1"))
    ),
    "pseudo_field_in_trailers": lambda stream: (
        http2.headers(stream, BLOCK) + http2.headers(stream, http2.literal(b":path", b"/"), end=True)
    ),
}


@pytest.mark.parametrize("kind", MADE_RESETS)
def test_a_peer_that_makes_the_server_reset_streams_is_stopped(server: AttackedServer, kind: str) -> None:
    peer = server.peer()
    peer.send(*(MADE_RESETS[kind](stream) for stream in range(1, 2 * STREAMS, 2)))
    assert_stopped(peer)
    assert peer.resets() <= ENOUGH_RESETS, told(peer)
    if peer.resets() > 1:
        assert peer.goaway == http2.ENHANCE_YOUR_CALM, told(peer)


def test_a_peer_that_opens_streams_beyond_the_limit_for_ever_is_stopped(server: AttackedServer) -> None:
    peer = server.peer()
    peer.send(*(http2.headers(stream, BLOCK) for stream in range(1, 4 * STREAMS, 2)))
    assert_stopped(peer)
    assert peer.resets() <= ENOUGH_RESETS, told(peer)


def test_streams_beyond_the_limit_fail_alone_or_with_their_connection(server: AttackedServer) -> None:
    peer = server.peer()
    streams = [peer.new_stream() for _ in range(MAX_STREAMS + 50)]
    peer.send(*(http2.headers(stream, BLOCK) for stream in streams))
    peer.send(http2.ping())
    peer.wait(lambda: peer.closed or peer.frames[http2.PING, http2.ACK] > 0)
    # RFC 9113, 5.1.2: either a stream error, PROTOCOL_ERROR or REFUSED_STREAM, or the connection's.
    if peer.closed:
        assert_stopped(peer)
    else:
        assert [stream for stream in streams if peer.responses[stream].reset is not None] == streams[MAX_STREAMS:]
