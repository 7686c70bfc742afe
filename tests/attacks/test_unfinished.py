"""What is begun and not finished: prefaces, frames, header blocks, bodies. Nothing of it holds a thread or stays."""

from __future__ import annotations

import attack_frames as http2
import numpy as np
import pytest
from attacked_server import (
    BODY_TIMEOUT_S,
    HEADERS_TIMEOUT_S,
    IDLE_TIMEOUT_S,
    KEEPALIVE_INTERVAL_S,
    KEEPALIVE_TIMEOUT_S,
    LATE_S,
    MIB,
    PREFACE_TIMEOUT_S,
    AttackedServer,
)
from reactions import all_closed, assert_hung_up, assert_serves, told

BLOCK = http2.block(http2.call_fields())
REQUEST = http2.message(http2.predict_request("echo", np.zeros((1, 64))))


@pytest.mark.parametrize(
    "beginning",
    [
        pytest.param(b"", id="nothing"),
        pytest.param(http2.PREFACE[:10], id="half_a_preface"),
        pytest.param(http2.PREFACE, id="no_settings"),
        pytest.param(http2.PREFACE + http2.settings({http2.INITIAL_WINDOW_SIZE: 1})[:12], id="half_settings"),
    ],
)
def test_a_connection_that_does_not_begin_is_closed(server: AttackedServer, beginning: bytes) -> None:
    peers = [server.connect() for _ in range(20)]
    for peer in peers:
        peer.answers = False  # an acknowledgement would complete half a frame
        peer.send(beginning)
    assert all_closed(peers, PREFACE_TIMEOUT_S + LATE_S), told(peers[0])


def test_a_preface_that_trickles_in_is_not_waited_for(server: AttackedServer) -> None:
    peer = server.connect()
    for at in range(len(http2.PREFACE)):
        peer.send(http2.PREFACE[at : at + 1])
        if peer.wait_closed(PREFACE_TIMEOUT_S / 5):
            break
    assert peer.closed


@pytest.mark.parametrize(
    "garbage",
    [
        pytest.param(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n", id="http_1"),
        pytest.param(b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(100), id="tls"),
        pytest.param(bytes(range(256)) * 8, id="noise"),
        pytest.param(http2.PREFACE + b"GET / HTTP/1.1\r\nHost: x\r\n\r\n", id="noise_after_the_preface"),
        pytest.param(http2.PREFACE + http2.headers(1, BLOCK), id="a_request_before_the_settings"),
    ],
)
def test_who_does_not_speak_http2_is_hung_up_on_at_once(server: AttackedServer, garbage: bytes) -> None:
    peer = server.connect()
    peer.send(garbage)
    assert_hung_up(peer, PREFACE_TIMEOUT_S / 2)


@pytest.mark.parametrize(
    "half",
    [
        pytest.param(http2.ping()[:4], id="of_its_head"),
        pytest.param(http2.ping()[:12], id="of_a_ping"),
        pytest.param(http2.data(1, bytes(100))[:50], id="of_data"),
    ],
)
def test_half_a_frame_does_not_keep_a_connection(server: AttackedServer, half: bytes) -> None:
    peer = server.peer()
    peer.send(half)
    assert_hung_up(peer, IDLE_TIMEOUT_S + LATE_S)


def test_an_unfinished_header_block_ends_the_connection(server: AttackedServer) -> None:
    peers = [server.peer() for _ in range(20)]
    for peer in peers:
        peer.send(http2.headers(1, BLOCK[:20], end_headers=False))
    assert all_closed(peers, HEADERS_TIMEOUT_S + LATE_S), told(peers[0])


def test_half_a_headers_frame_ends_the_connection(server: AttackedServer) -> None:
    peer = server.peer()
    peer.send(http2.headers(1, BLOCK)[:40])
    assert_hung_up(peer, HEADERS_TIMEOUT_S + LATE_S)


def test_a_header_block_that_trickles_in_is_not_waited_for(server: AttackedServer) -> None:
    peer = server.peer()
    peer.send(http2.headers(1, b"", end_headers=False))
    for at in range(len(BLOCK)):
        peer.send(http2.continuation(1, BLOCK[at : at + 1]))
        if peer.wait_closed(HEADERS_TIMEOUT_S / 5) or at * HEADERS_TIMEOUT_S / 5 > HEADERS_TIMEOUT_S + LATE_S:
            break
    assert peer.closed


@pytest.mark.parametrize("path", [http2.SERVER_LIVE, http2.SERVER_METADATA, http2.PREDICT, http2.PREDICT_STREAM])
def test_thousands_of_unfinished_calls_hold_no_thread_and_end_in_time(server: AttackedServer, path: str) -> None:
    threads = server.threads()
    block = http2.block(http2.call_fields(path))
    peers = [server.peer() for _ in range(20)]
    for peer in peers:
        streams = [peer.new_stream() for _ in range(100)]
        peer.send(*(http2.headers(stream, block) + http2.data(stream, REQUEST[:20]) for stream in streams))
    assert server.threads() <= threads + 4
    for peer in peers:
        # A connection that has nothing but such calls may end with them.
        assert peer.wait(
            lambda peer=peer: peer.closed or sum(response.over for response in peer.responses.values()) == 100,
            BODY_TIMEOUT_S + LATE_S,
        ), told(peer)
        assert not any(response.grpc_status == 0 for response in peer.responses.values())


def test_a_slow_request_that_goes_on_is_served(server: AttackedServer) -> None:
    values = np.arange(64, dtype=np.float32).reshape(1, 64)
    body = http2.message(http2.predict_request("echo", values))
    peer = server.peer()
    streams = [peer.open(http2.block(http2.call_fields(http2.PREDICT))) for _ in range(50)]
    pieces = 8
    size = len(body) // pieces + 1
    for at in range(0, len(body), size):
        peer.send(*(http2.data(stream, body[at : at + size], end=at + size >= len(body)) for stream in streams))
        # In all it takes longer than may pass between two pieces.
        peer.wait(lambda: False, BODY_TIMEOUT_S / 4)
    for stream in streams:
        peer.wait(lambda stream=stream: peer.responses[stream].over)
        assert http2.predicted(peer.responses[stream].message) == values.tobytes()


def test_unfinished_bodies_give_their_memory_back(server: AttackedServer) -> None:
    before = server.resident_bytes()
    peer = server.peer()
    streams = [peer.open(http2.block(http2.call_fields(http2.PREDICT))) for _ in range(5)]
    for stream in streams:
        peer.send_body(stream, http2.message(bytes(3 * MIB), length=4 * MIB - 5), end=False)
    assert peer.wait(
        lambda: peer.closed or all(peer.responses[stream].over for stream in streams), BODY_TIMEOUT_S + LATE_S
    )
    # What the server keeps for the next requests is little.
    assert server.resident_bytes() - before < 24 * MIB


@pytest.mark.parametrize("used", [False, True], ids=["never_used", "used_before"])
def test_idle_connections_are_closed_politely(server: AttackedServer, used: bool) -> None:
    peers = [server.peer() for _ in range(100)]
    for peer in peers if used else []:
        assert peer.call().grpc_status == 0
    assert all_closed(peers, IDLE_TIMEOUT_S + LATE_S), told(peers[-1])
    assert [peer.goaway for peer in peers] == [http2.NO_ERROR] * len(peers)


def test_a_peer_that_answers_no_ping_is_hung_up_on(roomy_server: AttackedServer) -> None:
    peers = [roomy_server.peer() for _ in range(20)]
    for peer in peers:
        peer.answers = False
    assert all_closed(peers, KEEPALIVE_INTERVAL_S + KEEPALIVE_TIMEOUT_S + LATE_S), told(peers[0])


def test_a_peer_that_answers_pings_keeps_its_connection(roomy_server: AttackedServer) -> None:
    peer = roomy_server.peer()
    stream = peer.open(http2.block(http2.call_fields(http2.PREDICT)))
    assert peer.wait(lambda: peer.frames[http2.PING, 0] > 0 and peer.responses[stream].over)
    assert_serves(peer)
