"""Header blocks that are too long, have too many fields, grow when decoded, or never end."""

from __future__ import annotations

import attack_frames as http2
import pytest
from attacked_server import AttackedServer
from raw_peer import RawPeer
from reactions import assert_refused, assert_serves, assert_stopped, told

BLOCK = http2.block(http2.call_fields())


def refused_or_stopped(peer: RawPeer, block: bytes) -> None:
    """The one stream fails, or the whole connection ends with an error; it is never answered well."""
    stream = peer.open(block)
    peer.send(http2.data(stream, http2.message(), end=True))
    refused_or_stopped_on(peer, stream)


def refused_or_stopped_on(peer: RawPeer, stream: int) -> None:
    peer.wait(lambda: peer.responses[stream].over)
    if peer.responses[stream].over:
        assert_refused(peer.responses[stream])
    else:
        assert_stopped(peer)


def test_a_few_fields_too_many_fail_the_stream_alone(server: AttackedServer) -> None:
    peer = server.peer()
    response = peer.call(fields=http2.call_fields() | {f"x-{number}": "y" for number in range(200)})
    assert_refused(response)
    assert_serves(peer)


def test_a_value_beyond_the_limit_fails_the_stream_alone(server: AttackedServer) -> None:
    peer = server.peer()
    response = peer.call(fields=http2.call_fields() | {"x-long": "y" * 20_000})
    assert_refused(response)
    assert_serves(peer)


def test_thousands_of_small_fields_are_refused(server: AttackedServer) -> None:
    refused_or_stopped(server.peer(), BLOCK + http2.literal(b"x", b"y") * 8000)


def test_a_value_of_a_megabyte_is_refused(server: AttackedServer) -> None:
    refused_or_stopped(server.peer(), BLOCK + http2.literal(b"x-huge", b"y" * (1 << 20)))


def test_thousands_of_fields_in_trailers_are_refused(server: AttackedServer) -> None:
    peer = server.peer()
    stream = peer.open(BLOCK)
    peer.send(http2.data(stream, http2.message()))
    peer.send(http2.headers_in_pieces(stream, http2.literal(b"x", b"y") * 8000, end=True))
    refused_or_stopped_on(peer, stream)


def test_one_table_entry_referenced_thousands_of_times_is_refused(server: AttackedServer) -> None:
    peer = server.peer()
    # Index 62 is what was put into the table last; 4,000 bytes for each byte of the block, 40 MB in all.
    bomb = BLOCK + http2.literal(b"x-bomb", b"y" * 4000, indexed=True) + b"\xbe" * 10_000
    refused_or_stopped(peer, bomb)


def test_header_bombs_on_many_streams_cost_nothing(server: AttackedServer) -> None:
    peer = server.peer()
    refused_or_stopped(peer, BLOCK + http2.literal(b"x-bomb", b"y" * 4000, indexed=True) + b"\xbe" * 10_000)
    for _ in range(50):
        if peer.closed:
            break
        peer.open(BLOCK + b"\xbe" * 10_000)
    if not peer.closed:
        peer.send(http2.ping())
        assert peer.wait(lambda: peer.closed or peer.frames[http2.PING, http2.ACK] > 0)
    assert not any(response.grpc_status == 0 for response in peer.responses.values())


def test_a_peer_that_offers_a_huge_header_table_gets_none(server: AttackedServer) -> None:
    peer = server.peer({http2.HEADER_TABLE_SIZE: 2**32 - 1})
    for number in range(500):
        response = peer.call(fields=http2.call_fields(f"/none/{number}{'x' * 1000}"))
        assert response.over, str(response)


@pytest.mark.parametrize("piece", [b"", b"\x00"], ids=["empty", "of_one_byte"])
def test_continuation_without_end_is_stopped(server: AttackedServer, piece: bytes) -> None:
    peer = server.peer()
    # A field of many bytes that come one by one.
    begin = BLOCK + b"\x00\x01x" + http2.hpack_integer(10_000, 7)
    peer.send(http2.headers(1, begin, end_headers=False), http2.continuation(1, piece) * 5000)
    assert_stopped(peer)


def test_header_blocks_at_the_limit_on_a_thousand_streams_are_held_in_bounds(server: AttackedServer) -> None:
    peer = server.peer()
    block = BLOCK + b"".join(http2.literal(b"x-%d" % number, b"y" * 1000) for number in range(14))
    for _ in range(1000):
        peer.open(block)
    peer.send(http2.ping())
    assert peer.wait(lambda: peer.frames[http2.PING, http2.ACK] > 0), told(peer)
