"""Peers that ask and do not take the answers."""

from __future__ import annotations

from collections.abc import Callable

import attack_frames as http2
import numpy as np
from attacked_server import LATE_S, MIB, WRITE_TIMEOUT_S, AttackedServer
from raw_peer import RawPeer
from reactions import assert_serves, told

from pyserver.v1 import predict_pb2

PREDICT = http2.block(http2.call_fields(http2.PREDICT))


def ask(peer: RawPeer, calls: int, elements: int) -> list[int]:
    """Whole inference calls, so many or as many as the server takes, without a look at the answers."""
    body = http2.message(http2.predict_request("echo", np.zeros((1, elements))))
    streams = []
    for _ in range(calls):
        streams.append(peer.open(PREDICT))
        if not peer.send_body(streams[-1], body):
            break
    return streams


def over(peer: RawPeer, streams: list[int]) -> Callable[[], bool]:
    return lambda: peer.closed or all(peer.responses[stream].over for stream in streams)


def test_answers_for_windows_of_0_are_given_up_in_time(server: AttackedServer) -> None:
    peer = server.connect().handshake(window=0)
    streams = ask(peer, 500, 4096)
    assert peer.wait(over(peer, streams), WRITE_TIMEOUT_S + LATE_S), told(peer)
    assert not any(peer.responses[stream].complete for stream in streams)


def test_answers_for_a_full_connection_window_are_given_up_in_time(server: AttackedServer) -> None:
    # The streams' windows are wide, the connection's stays at 65,535 bytes.
    peer = server.connect().handshake({http2.INITIAL_WINDOW_SIZE: http2.MAX_WINDOW}, window=http2.DEFAULT_WINDOW)
    streams = ask(peer, 500, 4096)
    assert peer.wait(over(peer, streams), WRITE_TIMEOUT_S + LATE_S), told(peer)


def test_a_peer_that_never_reads_its_socket_is_hung_up_on(server: AttackedServer) -> None:
    sockets = server.sockets()
    body = http2.message(http2.predict_request("echo", np.zeros((1, 100_000))))
    peer = server.connect(receive_buffer=4096).handshake()
    streams = [peer.open(PREDICT) for _ in range(20)]
    for stream in streams:
        assert peer.send_body(stream, body[:-1], end=False)
    # 8 MB of answers; the kernel takes up to 4 MB into its buffers.
    peer.reads = False
    peer.send(*(http2.data(stream, body[-1:], end=True) for stream in streams))
    # Before the idle time-out could be the cause.
    assert server.comes_down_to(sockets, WRITE_TIMEOUT_S + LATE_S), "the connection is still open"


def test_a_stream_whose_answers_are_not_taken_is_not_read_for_ever(server: AttackedServer) -> None:
    peer = server.connect().handshake(window=0)
    request = predict_pb2.PredictStreamRequest(
        request=predict_pb2.PredictRequest.FromString(http2.predict_request("echo", np.zeros((1, 10_000))))
    )
    body = http2.message(request.SerializeToString())
    stream = peer.open(http2.block(http2.call_fields(http2.PREDICT_STREAM)))
    sent = 0
    while sent < 64 * MIB and peer.send_body(stream, body, end=False):
        sent += len(body)
    assert sent < 16 * MIB, f"{sent / MIB:.1f} MiB of requests were taken, no answer was"
    assert peer.wait(over(peer, [stream]), WRITE_TIMEOUT_S + LATE_S), told(peer)


def test_an_answer_that_is_taken_byte_by_byte_disturbs_nobody(server: AttackedServer) -> None:
    values = np.arange(64, dtype=np.float32).reshape(1, 64)
    peer = server.connect().handshake(window=1)
    stream = peer.open(PREDICT)
    peer.send_body(stream, http2.message(http2.predict_request("echo", values)))
    response = peer.responses[stream]
    while not response.over and not peer.closed:
        had = len(response.body)
        if not peer.wait(lambda had=had: len(response.body) > had or response.over):
            break
        peer.send(http2.window_update(stream, 1))
    assert http2.predicted(response.message) == values.tobytes()
    assert_serves_with_window(peer)


def assert_serves_with_window(peer: RawPeer) -> None:
    peer.send(http2.settings({http2.INITIAL_WINDOW_SIZE: http2.DEFAULT_WINDOW}))
    assert_serves(peer)
