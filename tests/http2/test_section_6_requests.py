"""http2/6.1 to 6.4 and 6.10: DATA, HEADERS, PRIORITY, RST_STREAM and CONTINUATION, used wrongly."""

from __future__ import annotations

import http2_expectations as expect
import http2_frames as http2
from catalogue import EMPTY_MESSAGE, case, long_fields
from http2_connection import Http2Connection
from http2_frames import END_HEADERS, END_STREAM, PADDED, ErrorCode, Type


@case("http2/6.1/1", "DATA on stream 0 is a connection error PROTOCOL_ERROR")
def test_data_on_stream_0(connection: Http2Connection) -> None:
    connection.send(http2.data(0, EMPTY_MESSAGE, end_stream=True))
    expect.connection_error(connection, ErrorCode.PROTOCOL_ERROR)


@case("http2/6.1/2", "DATA on a stream that is neither open nor half-closed (local) is a stream error STREAM_CLOSED")
def test_data_after_end_of_stream(connection: Http2Connection) -> None:
    connection.send(
        http2.headers(1, connection.request_block(), end_stream=True),
        http2.data(1, EMPTY_MESSAGE, end_stream=True),
    )
    expect.stream_error(connection, 1, ErrorCode.STREAM_CLOSED)


@case("http2/6.1/3", "DATA with more padding than content is a connection error PROTOCOL_ERROR")
def test_data_with_invalid_padding(connection: Http2Connection) -> None:
    connection.send(
        http2.headers(1, connection.request_block(("content-length", "4"))),
        http2.frame(Type.DATA, END_STREAM | PADDED, 1, b"\x06test"),
    )
    expect.connection_error(connection, ErrorCode.PROTOCOL_ERROR)


@case("http2/6.2/1", "PRIORITY after HEADERS without END_HEADERS is a connection error PROTOCOL_ERROR")
def test_priority_amid_header_block(connection: Http2Connection) -> None:
    connection.send(
        http2.headers(1, connection.request_block(), end_headers=False),
        http2.priority(1, http2.priority_fields()),
        http2.continuation(1, connection.block(long_fields(1)), end_headers=True),
    )
    expect.connection_error(connection, ErrorCode.PROTOCOL_ERROR)


@case("http2/6.2/2", "HEADERS of another stream after HEADERS without END_HEADERS is a connection error PROTOCOL_ERROR")
def test_other_stream_amid_header_block(connection: Http2Connection) -> None:
    connection.send(
        http2.headers(1, connection.request_block(), end_headers=False),
        http2.headers(3, connection.request_block(), end_stream=True),
        http2.continuation(1, connection.block(long_fields(1)), end_headers=True),
    )
    expect.connection_error(connection, ErrorCode.PROTOCOL_ERROR)


@case("http2/6.2/3", "HEADERS on stream 0 is a connection error PROTOCOL_ERROR")
def test_headers_on_stream_0(connection: Http2Connection) -> None:
    connection.send(http2.headers(0, connection.request_block(), end_stream=True))
    expect.connection_error(connection, ErrorCode.PROTOCOL_ERROR)


@case("http2/6.2/4", "HEADERS with more padding than content is a connection error PROTOCOL_ERROR")
def test_headers_with_invalid_padding(connection: Http2Connection) -> None:
    block = connection.request_block()
    flags = END_STREAM | END_HEADERS | PADDED
    connection.send(http2.frame(Type.HEADERS, flags, 1, bytes([len(block) + 2]) + block))
    expect.stream_error(connection, 1, ErrorCode.PROTOCOL_ERROR)


@case("http2/6.3/1", "PRIORITY on stream 0 is a connection error PROTOCOL_ERROR")
def test_priority_on_stream_0(connection: Http2Connection) -> None:
    connection.send(http2.priority(0, http2.priority_fields()))
    expect.connection_error(connection, ErrorCode.PROTOCOL_ERROR)


@case("http2/6.3/2", "PRIORITY of other than 5 bytes is a stream error FRAME_SIZE_ERROR")
def test_priority_of_wrong_size(connection: Http2Connection) -> None:
    connection.send(
        http2.headers(1, connection.request_block(), end_stream=True),
        http2.priority(1, http2.priority_fields()[:4]),
    )
    expect.stream_error(connection, 1, ErrorCode.FRAME_SIZE_ERROR)


@case("http2/6.4/1", "RST_STREAM on stream 0 is a connection error PROTOCOL_ERROR")
def test_rst_stream_on_stream_0(connection: Http2Connection) -> None:
    connection.send(http2.rst_stream(0, ErrorCode.CANCEL))
    expect.connection_error(connection, ErrorCode.PROTOCOL_ERROR)


@case("http2/6.4/2", "RST_STREAM on an idle stream is a connection error PROTOCOL_ERROR")
def test_rst_stream_on_idle_stream(connection: Http2Connection) -> None:
    connection.send(http2.rst_stream(1, ErrorCode.CANCEL))
    expect.connection_error(connection, ErrorCode.PROTOCOL_ERROR)


@case("http2/6.4/3", "RST_STREAM of other than 4 bytes is a connection error FRAME_SIZE_ERROR")
def test_rst_stream_of_wrong_size(connection: Http2Connection) -> None:
    connection.send(
        http2.headers(1, connection.request_block(), end_stream=True),
        http2.frame(Type.RST_STREAM, 0, 1, bytes(3)),
    )
    expect.stream_error(connection, 1, ErrorCode.FRAME_SIZE_ERROR)


@case("http2/6.10/1", "Several CONTINUATION frames after HEADERS are taken")
def test_several_continuations(connection: Http2Connection) -> None:
    connection.send(
        http2.headers(1, connection.request_block(), end_stream=True, end_headers=False),
        http2.continuation(1, connection.block(long_fields(1)), end_headers=False),
        http2.continuation(1, connection.block(long_fields(1)), end_headers=True),
    )
    expect.answer(connection, 1)


@case("http2/6.10/2", "Another frame than CONTINUATION amid a header block is a connection error PROTOCOL_ERROR")
def test_data_amid_header_block(connection: Http2Connection) -> None:
    connection.send(
        http2.headers(1, connection.request_block(), end_headers=False),
        http2.continuation(1, connection.block(long_fields(1)), end_headers=False),
        http2.data(1, EMPTY_MESSAGE, end_stream=True),
    )
    expect.connection_error(connection, ErrorCode.PROTOCOL_ERROR)


@case("http2/6.10/3", "CONTINUATION on stream 0 is a connection error PROTOCOL_ERROR")
def test_continuation_on_stream_0(connection: Http2Connection) -> None:
    connection.send(
        http2.headers(1, connection.request_block(), end_stream=True, end_headers=False),
        http2.continuation(0, connection.block(long_fields(1)), end_headers=True),
    )
    expect.connection_error(connection, ErrorCode.PROTOCOL_ERROR)


@case("http2/6.10/4", "CONTINUATION after HEADERS with END_HEADERS is a connection error PROTOCOL_ERROR")
def test_continuation_after_end_in_headers(connection: Http2Connection) -> None:
    connection.send(
        http2.headers(1, connection.request_block(), end_stream=True),
        http2.continuation(1, connection.block(long_fields(1)), end_headers=True),
    )
    expect.connection_error(connection, ErrorCode.PROTOCOL_ERROR)


@case("http2/6.10/5", "CONTINUATION after CONTINUATION with END_HEADERS is a connection error PROTOCOL_ERROR")
def test_continuation_after_end_in_continuation(connection: Http2Connection) -> None:
    connection.send(
        http2.headers(1, connection.request_block(), end_stream=True, end_headers=False),
        http2.continuation(1, connection.block(long_fields(1)), end_headers=True),
        http2.continuation(1, connection.block(long_fields(1)), end_headers=True),
    )
    expect.connection_error(connection, ErrorCode.PROTOCOL_ERROR)


@case("http2/6.10/6", "CONTINUATION after DATA is a connection error PROTOCOL_ERROR")
def test_continuation_after_data(connection: Http2Connection) -> None:
    connection.send(
        http2.headers(1, connection.request_block(), end_headers=False),
        http2.data(1, EMPTY_MESSAGE, end_stream=True),
        http2.continuation(1, connection.block(long_fields(1)), end_headers=False),
        http2.continuation(0, connection.block(long_fields(1)), end_headers=True),
    )
    expect.connection_error(connection, ErrorCode.PROTOCOL_ERROR)
