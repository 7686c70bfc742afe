"""Connections in great number, and those that come only to go."""

from __future__ import annotations

import attack_frames as http2
from attacked_server import CLEAN_UP_S, MAX_CONNECTIONS, AttackedServer
from raw_peer import RawPeer
from reactions import assert_serves

TOO_MANY = 50
OPENING = http2.PREFACE + http2.settings()


def is_served(peer: RawPeer) -> bool:
    return peer.wait(lambda: peer.frames[http2.SETTINGS, http2.ACK] > 0)


def test_connections_beyond_the_limit_are_closed_and_those_within_are_served(server: AttackedServer) -> None:
    peers = []
    for _ in range(MAX_CONNECTIONS + TOO_MANY):
        peer = server.connect()
        peer.send(OPENING)
        peers.append(peer)
    served = [peer for peer in peers if is_served(peer)]
    refused = [peer for peer in peers if peer not in served]
    assert all(peer.closed for peer in refused)
    # The neighbour has some of them.
    assert MAX_CONNECTIONS - 5 <= len(served) <= MAX_CONNECTIONS
    assert_serves(served[0])
    assert_serves(served[-1])


def test_the_places_of_closed_connections_are_free_again(server: AttackedServer) -> None:
    sockets = server.sockets()
    for _ in range(2):
        peers = [server.connect() for _ in range(MAX_CONNECTIONS - 10)]
        for peer in peers:
            peer.send(OPENING)
        assert all(is_served(peer) for peer in peers)
        for peer in peers:
            peer.close()
        assert server.comes_down_to(sockets, CLEAN_UP_S)


def test_connections_that_are_torn_down_at_once_disturb_nobody(server: AttackedServer) -> None:
    for number in range(1000):
        peer = server.connect()
        if number % 2:
            peer.send(OPENING + http2.headers(1, http2.block(http2.call_fields())))
        peer.abort()


def test_connections_that_are_torn_down_with_work_underway_disturb_nobody(server: AttackedServer) -> None:
    block = http2.block(http2.call_fields(http2.PREDICT))
    body = http2.message(bytes(2000), length=3000)
    for _ in range(50):
        peer = server.peer()
        streams = [peer.new_stream() for _ in range(20)]
        peer.send(*(http2.headers(stream, block) + http2.data(stream, body) for stream in streams))
        peer.abort()
