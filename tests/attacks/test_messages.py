"""gRPC messages that are announced and do not come, are too large, or grow when decompressed."""

from __future__ import annotations

import gzip
import zlib

import attack_frames as http2
import grpc
import numpy as np
import pytest
from attacked_server import MAX_MESSAGE_BYTES, MIB, AttackedServer
from reactions import assert_refused, assert_serves, assert_status, told

RESOURCE_EXHAUSTED, INTERNAL = 8, 13
PREDICT = http2.block(http2.call_fields(http2.PREDICT))
BOMB_BYTES = 64 * MIB
COMPRESSORS = {"gzip": lambda content: gzip.compress(content, 9), "deflate": lambda content: zlib.compress(content, 9)}


def test_an_announcement_of_4_gigabytes_is_refused_before_the_body_comes(server: AttackedServer) -> None:
    peer = server.peer()
    streams = [peer.new_stream() for _ in range(500)]
    announcement = http2.message(length=2**32 - 1)
    peer.send(*(http2.headers(stream, PREDICT) + http2.data(stream, announcement) for stream in streams))
    assert peer.wait(lambda: peer.closed or all(peer.responses[stream].over for stream in streams)), told(peer)
    answered = [peer.responses[stream] for stream in streams if peer.responses[stream].blocks]
    assert answered
    assert {response.grpc_status for response in answered} == {RESOURCE_EXHAUSTED}


def test_messages_that_are_announced_and_do_not_come_reserve_nothing(server: AttackedServer) -> None:
    peers = [server.peer() for _ in range(4)]
    for peer in peers:
        streams = [peer.new_stream() for _ in range(1000)]
        body = http2.message(b"12345", length=MAX_MESSAGE_BYTES)
        peer.send(*(http2.headers(stream, PREDICT) + http2.data(stream, body) for stream in streams))
    # In all 16 GB are announced, while a connection of good faith sends as much as it may.
    values = np.zeros((1, 900_000), np.float32)
    response = server.peer().call(http2.PREDICT, http2.predict_request("echo", values))
    assert response.grpc_status == 0, str(response)


def test_a_message_beyond_the_limit_fails_its_call_alone(server: AttackedServer) -> None:
    peer = server.peer()
    response = peer.call(http2.PREDICT, bytes(MAX_MESSAGE_BYTES + 1))
    assert_status(response, RESOURCE_EXHAUSTED)
    assert_serves(peer)


def test_a_message_at_the_limit_is_taken_bit_for_bit(server: AttackedServer) -> None:
    values = np.random.default_rng(7).integers(0, 2**32, (1, MAX_MESSAGE_BYTES // 4 - 100), np.uint32).view(np.float32)
    response = server.peer().call(http2.PREDICT, http2.predict_request("echo", values))
    assert response.grpc_status == 0, str(response)
    assert http2.predicted(response.message) == values.tobytes()


def test_a_tensor_of_64_megabytes_comes_back_bit_for_bit(roomy_server: AttackedServer) -> None:
    values = np.random.default_rng(9).integers(0, 2**32, (1, 16 * MIB), np.uint32).view(np.float32)
    address = f"{roomy_server.address[0]}:{roomy_server.address[1]}"
    options = [("grpc.max_send_message_length", -1), ("grpc.max_receive_message_length", -1)]
    with grpc.insecure_channel(address, options) as channel:
        answer = channel.unary_unary(http2.PREDICT)(http2.predict_request("echo", values), timeout=20)
    assert http2.predicted(answer) == values.tobytes()


@pytest.mark.parametrize("encoding", COMPRESSORS)
def test_a_compression_bomb_fails_its_call_alone(server: AttackedServer, encoding: str) -> None:
    body = http2.message(COMPRESSORS[encoding](bytes(BOMB_BYTES)), compressed=True)
    peer = server.peer()
    for _ in range(5):
        response = peer.call(fields=http2.call_fields(http2.PREDICT) | {"grpc-encoding": encoding}, body=body)
        assert_status(response, RESOURCE_EXHAUSTED)
    assert_serves(peer)


def test_compression_bombs_at_the_same_time_cost_nothing(server: AttackedServer) -> None:
    body = http2.message(gzip.compress(bytes(BOMB_BYTES), 9), compressed=True)
    block = http2.block(http2.call_fields(http2.PREDICT) | {"grpc-encoding": "gzip"})
    peers = [server.peer() for _ in range(10)]
    for peer in peers:
        peer.send_body(peer.open(block), body)
    for peer in peers:
        peer.wait(lambda peer=peer: peer.responses[1].over)
        assert_status(peer.responses[1], RESOURCE_EXHAUSTED)


def test_a_stream_of_compression_bombs_ends_with_the_first(server: AttackedServer) -> None:
    body = http2.message(gzip.compress(bytes(BOMB_BYTES), 9), compressed=True)
    peer = server.peer()
    stream = peer.open(http2.block(http2.call_fields(http2.PREDICT_STREAM) | {"grpc-encoding": "gzip"}))
    for _ in range(10):
        if not peer.send_body(stream, body, end=False):
            break
    peer.wait(lambda: peer.responses[stream].over)
    assert_status(peer.responses[stream], RESOURCE_EXHAUSTED)


@pytest.mark.parametrize("encoding", COMPRESSORS)
@pytest.mark.parametrize("damage", ["cut_short", "noise"])
def test_what_does_not_decompress_fails_its_call_alone(server: AttackedServer, encoding: str, damage: str) -> None:
    whole = COMPRESSORS[encoding](http2.predict_request("echo", np.arange(64.0).reshape(1, 64)))
    content = whole[: len(whole) // 2] if damage == "cut_short" else b"\x55" * 100
    peer = server.peer()
    fields = http2.call_fields(http2.PREDICT) | {"grpc-encoding": encoding}
    response = peer.call(fields=fields, body=http2.message(content, compressed=True))
    assert_status(response, INTERNAL)
    assert_serves(peer)


@pytest.mark.parametrize(
    "body",
    [
        pytest.param(http2.message(b"abc", compressed=True), id="compressed_without_an_encoding"),
        pytest.param(b"\x02" + http2.message(b"abc")[1:], id="a_flag_of_2"),
        pytest.param(http2.message(b"abc")[:3], id="half_a_prefix"),
        pytest.param(http2.message(b"abc", length=100), id="half_a_message"),
        pytest.param(http2.message(b"") * 3, id="three_messages_of_a_unary_call"),
    ],
)
@pytest.mark.parametrize("path", [http2.SERVER_LIVE, http2.SERVER_METADATA, http2.PREDICT])
def test_broken_framing_fails_the_call_alone(server: AttackedServer, path: str, body: bytes) -> None:
    peer = server.peer()
    assert_refused(peer.call(fields=http2.call_fields(path), body=body))
    assert_serves(peer)


@pytest.mark.parametrize("path", [http2.SERVER_LIVE, http2.SERVER_METADATA, http2.PREDICT])
def test_what_is_no_protobuf_fails_the_call_alone(server: AttackedServer, path: str) -> None:
    peer = server.peer()
    assert_refused(peer.call(path, b"\xff" * 50))
    assert_serves(peer)
