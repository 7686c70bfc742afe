"""http2/3.5 (RFC 9113 §3.4), 4.1, 4.2 and 4.3: the preface, the frames' form and size, header blocks."""

from __future__ import annotations

import http2_expectations as expect
import http2_frames as http2
from catalogue import LONG_VALUE, case, long_fields
from http2_connection import Http2Connection
from http2_frames import ErrorCode, Setting, Type


@case("http2/3.5/1", "The server's preface, SETTINGS, is the first thing that it sends")
def test_server_preface(unspoken: Http2Connection) -> None:
    unspoken.send(http2.PREFACE, http2.settings({Setting.INITIAL_WINDOW_SIZE: http2.INITIAL_WINDOW}))
    expect.server_preface(unspoken)


@case("http2/3.5/2", "What does not begin with the client's preface is hung up on")
def test_invalid_preface(unspoken: Http2Connection) -> None:
    unspoken.send(b"INVALID CONNECTION PREFACE\r\n\r\n")
    expect.connection_error(unspoken, ErrorCode.PROTOCOL_ERROR)


@case("http2/4.1/1", "A frame of an unknown type is ignored")
def test_unknown_type(connection: Http2Connection) -> None:
    connection.send(http2.frame(Type.UNKNOWN, 0, 0, bytes(8)), http2.ping())
    expect.ping_ack(connection)


@case("http2/4.1/2", "Undefined flags are ignored")
def test_undefined_flags(connection: Http2Connection) -> None:
    connection.send(http2.frame(Type.PING, 0x16, 0, bytes(8)))
    expect.ping_ack(connection)


@case("http2/4.1/3", "The reserved bit of the stream identifier is ignored")
def test_reserved_bit(connection: Http2Connection) -> None:
    connection.send(http2.frame(Type.PING, 0x16, 1 << 31, bytes(8)))
    expect.ping_ack(connection)


@case("http2/4.2/1", "A DATA frame of the largest permitted size is taken")
def test_largest_data(connection: Http2Connection) -> None:
    # One gRPC message in one frame. The window is the limit where frames may be larger than it.
    size = min(connection.max_frame_size(), http2.INITIAL_WINDOW)
    message = b"\0" + (size - 5).to_bytes(4, "big") + bytes(size - 5)
    connection.send(http2.headers(1, connection.request_block()), http2.data(1, message, end_stream=True))
    expect.answer(connection, 1)


@case("http2/4.2/2", "A DATA frame above SETTINGS_MAX_FRAME_SIZE: FRAME_SIZE_ERROR")
def test_too_large_data(connection: Http2Connection) -> None:
    content = bytes(connection.max_frame_size() + 1)
    connection.send(http2.headers(1, connection.request_block()), http2.data(1, content, end_stream=True))
    expect.stream_error(connection, 1, ErrorCode.FRAME_SIZE_ERROR)


@case("http2/4.2/3", "A HEADERS frame above SETTINGS_MAX_FRAME_SIZE: connection error FRAME_SIZE_ERROR")
def test_too_large_headers(connection: Http2Connection) -> None:
    count = connection.max_frame_size() // (len(LONG_VALUE) * 3 // 4)
    block = connection.request_block(*long_fields(count))
    assert len(block) > connection.max_frame_size()
    connection.send(http2.headers(1, block, end_stream=True))
    expect.connection_error(connection, ErrorCode.FRAME_SIZE_ERROR)


@case("http2/4.3/1", "A header block that breaks off: connection error COMPRESSION_ERROR")
def test_invalid_header_block(connection: Http2Connection) -> None:
    connection.send(http2.headers(1, b"\x40", end_stream=True))
    expect.connection_error(connection, ErrorCode.COMPRESSION_ERROR)


@case("http2/4.3/2", "PRIORITY amid a header block: connection error PROTOCOL_ERROR")
def test_priority_amid_header_block(connection: Http2Connection) -> None:
    connection.send(
        http2.headers(1, connection.request_block(), end_headers=False),
        http2.priority(1, http2.priority_fields()),
        http2.continuation(1, connection.block(long_fields(1)), end_headers=True),
    )
    expect.connection_error(connection, ErrorCode.PROTOCOL_ERROR)


@case("http2/4.3/3", "HEADERS of another stream amid a header block: connection error PROTOCOL_ERROR")
def test_other_stream_amid_header_block(connection: Http2Connection) -> None:
    connection.send(
        http2.headers(1, connection.request_block(), end_headers=False),
        http2.headers(3, connection.request_block(), end_stream=True),
        http2.continuation(1, connection.block(long_fields(1)), end_headers=True),
    )
    expect.connection_error(connection, ErrorCode.PROTOCOL_ERROR)
