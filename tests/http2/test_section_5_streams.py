"""http2/5.1 to 5.5: stream states, identifiers, concurrency, priority (RFC 9113 §5.3 only deprecates it), errors."""

from __future__ import annotations

import http2_expectations as expect
import http2_frames as http2
import pytest
from catalogue import EMPTY_MESSAGE, case, long_fields
from http2_connection import Http2Connection
from http2_frames import ErrorCode, Setting, Type

# More streams than this say nothing more about a limit, and take their time.
MAX_STREAMS = 20_000


@case("http2/5.1/1", "idle: DATA is a connection error PROTOCOL_ERROR")
def test_data_on_idle_stream(connection: Http2Connection) -> None:
    connection.send(http2.data(1, EMPTY_MESSAGE, end_stream=True))
    expect.stream_error(connection, 1, ErrorCode.PROTOCOL_ERROR, ErrorCode.STREAM_CLOSED)


@case("http2/5.1/2", "idle: RST_STREAM is a connection error PROTOCOL_ERROR")
def test_rst_stream_on_idle_stream(connection: Http2Connection) -> None:
    connection.send(http2.rst_stream(1, ErrorCode.CANCEL))
    expect.connection_error(connection, ErrorCode.PROTOCOL_ERROR)


@case("http2/5.1/3", "idle: WINDOW_UPDATE is a connection error PROTOCOL_ERROR")
def test_window_update_on_idle_stream(connection: Http2Connection) -> None:
    connection.send(http2.window_update(1, 100))
    expect.connection_error(connection, ErrorCode.PROTOCOL_ERROR)


@case("http2/5.1/4", "idle: CONTINUATION is a connection error PROTOCOL_ERROR")
def test_continuation_on_idle_stream(connection: Http2Connection) -> None:
    connection.send(http2.continuation(1, connection.request_block(), end_headers=True))
    expect.connection_error(connection, ErrorCode.PROTOCOL_ERROR)


@case("http2/5.1/5", "half-closed (remote): DATA is a stream error STREAM_CLOSED")
def test_data_on_half_closed_stream(connection: Http2Connection) -> None:
    connection.send(
        http2.headers(1, connection.request_block(), end_stream=True),
        http2.data(1, EMPTY_MESSAGE, end_stream=True),
    )
    expect.stream_error(connection, 1, ErrorCode.STREAM_CLOSED)


@case("http2/5.1/6", "half-closed (remote): HEADERS is a stream error STREAM_CLOSED")
def test_headers_on_half_closed_stream(connection: Http2Connection) -> None:
    connection.send(
        http2.headers(1, connection.request_block(), end_stream=True),
        http2.headers(1, connection.request_block(), end_stream=True),
    )
    expect.stream_error(connection, 1, ErrorCode.STREAM_CLOSED)


@case("http2/5.1/7", "half-closed (remote): CONTINUATION is a stream error STREAM_CLOSED, or PROTOCOL_ERROR")
def test_continuation_on_half_closed_stream(connection: Http2Connection) -> None:
    connection.send(
        http2.headers(1, connection.request_block(), end_stream=True),
        http2.continuation(1, connection.request_block(), end_headers=True),
    )
    expect.stream_error(connection, 1, ErrorCode.STREAM_CLOSED, ErrorCode.PROTOCOL_ERROR)


@case("http2/5.1/8", "closed by our RST_STREAM: DATA is a stream error STREAM_CLOSED")
def test_data_after_rst_stream(connection: Http2Connection) -> None:
    connection.send(
        http2.headers(1, connection.request_block()),
        http2.rst_stream(1, ErrorCode.CANCEL),
        http2.data(1, EMPTY_MESSAGE, end_stream=True),
    )
    expect.stream_error(connection, 1, ErrorCode.STREAM_CLOSED)


@case("http2/5.1/9", "closed by our RST_STREAM: HEADERS is a stream error STREAM_CLOSED")
def test_headers_after_rst_stream(connection: Http2Connection) -> None:
    connection.send(
        http2.headers(1, connection.request_block()),
        http2.rst_stream(1, ErrorCode.CANCEL),
        http2.headers(1, connection.request_block(), end_stream=True),
    )
    expect.stream_error(connection, 1, ErrorCode.STREAM_CLOSED)


@case("http2/5.1/10", "closed by our RST_STREAM: CONTINUATION is a stream error STREAM_CLOSED, or PROTOCOL_ERROR")
def test_continuation_after_rst_stream(connection: Http2Connection) -> None:
    connection.send(
        http2.headers(1, connection.request_block()),
        http2.rst_stream(1, ErrorCode.CANCEL),
        http2.continuation(1, connection.block(long_fields(1)), end_headers=True),
    )
    expect.stream_error(connection, 1, ErrorCode.STREAM_CLOSED, ErrorCode.PROTOCOL_ERROR)


def finish_stream_1(connection: Http2Connection) -> None:
    """Sends a whole request on stream 1 and waits for the end of its response."""
    connection.send(http2.headers(1, connection.request_block(), end_stream=True))
    expect.stream_end(connection, 1)


@case("http2/5.1/11", "closed: DATA is a connection error STREAM_CLOSED")
def test_data_on_closed_stream(connection: Http2Connection) -> None:
    finish_stream_1(connection)
    connection.send(http2.data(1, EMPTY_MESSAGE, end_stream=True))
    expect.stream_error(connection, 1, ErrorCode.STREAM_CLOSED)


@case("http2/5.1/12", "closed: HEADERS is a connection error STREAM_CLOSED")
def test_headers_on_closed_stream(connection: Http2Connection) -> None:
    finish_stream_1(connection)
    connection.send(http2.headers(1, connection.request_block(), end_stream=True))
    expect.connection_error(connection, ErrorCode.STREAM_CLOSED)


@case("http2/5.1/13", "closed: CONTINUATION is a connection error STREAM_CLOSED, or PROTOCOL_ERROR")
def test_continuation_on_closed_stream(connection: Http2Connection) -> None:
    finish_stream_1(connection)
    connection.send(http2.continuation(1, connection.block(long_fields(1)), end_headers=True))
    expect.connection_error(connection, ErrorCode.STREAM_CLOSED, ErrorCode.PROTOCOL_ERROR)


@case("http2/5.1.1/1", "An even stream identifier is a connection error PROTOCOL_ERROR")
def test_even_stream(connection: Http2Connection) -> None:
    connection.send(http2.headers(2, connection.request_block(), end_stream=True))
    expect.connection_error(connection, ErrorCode.PROTOCOL_ERROR)


@case("http2/5.1.1/2", "A stream identifier below one already used is a connection error PROTOCOL_ERROR")
def test_smaller_stream(connection: Http2Connection) -> None:
    connection.send(
        http2.headers(5, connection.request_block(), end_stream=True),
        http2.headers(3, connection.request_block(), end_stream=True),
    )
    expect.connection_error(connection, ErrorCode.PROTOCOL_ERROR)


@case("http2/5.1.2/1", "A stream above the advertised limit is a stream error PROTOCOL_ERROR or REFUSED_STREAM")
def test_too_many_streams(connection: Http2Connection) -> None:
    limit = connection.peer_settings.get(Setting.MAX_CONCURRENT_STREAMS)
    if limit is None or limit > MAX_STREAMS:
        pytest.skip(f"the server advertises a limit of {limit} streams")
    # The requests stay open, because their bodies never end.
    requests = [http2.headers(1 + 2 * number, connection.request_block()) for number in range(limit + 1)]
    connection.send(http2.settings({Setting.INITIAL_WINDOW_SIZE: 0}), *requests)
    expect.stream_error(connection, 1 + 2 * limit, ErrorCode.PROTOCOL_ERROR, ErrorCode.REFUSED_STREAM)


@case("http2/5.3.1/1", "HEADERS whose stream depends on itself is a stream error PROTOCOL_ERROR")
def test_headers_depend_on_themselves(connection: Http2Connection) -> None:
    connection.send(http2.headers(1, connection.request_block(), end_stream=True, priority=http2.priority_fields(1)))
    expect.stream_error(connection, 1, ErrorCode.PROTOCOL_ERROR)


@case("http2/5.3.1/2", "PRIORITY whose stream depends on itself is a stream error PROTOCOL_ERROR")
def test_priority_depends_on_itself(connection: Http2Connection) -> None:
    connection.send(http2.priority(1, http2.priority_fields(1)))
    expect.stream_error(connection, 1, ErrorCode.PROTOCOL_ERROR)


@case("http2/5.4.1/1", "After a connection error, here PING on a stream, the TCP connection is closed")
def test_connection_error_closes(connection: Http2Connection) -> None:
    connection.send(http2.frame(Type.PING, 0, 3, bytes(8)))
    expect.connection_closed(connection)


@case("http2/5.4.1/2", "A connection error is announced with GOAWAY", strict=True)
def test_connection_error_is_announced(connection: Http2Connection) -> None:
    connection.send(http2.frame(Type.PING, 0, 3, bytes(8)))
    expect.goaway(connection, ErrorCode.PROTOCOL_ERROR)


@case("http2/5.5/1", "A frame of an unknown extension is ignored")
def test_unknown_extension(connection: Http2Connection) -> None:
    connection.send(http2.frame(Type.UNKNOWN, 0, 0, bytes(8)), http2.ping())
    expect.ping_ack(connection)


@case("http2/5.5/2", "A frame of an unknown extension amid a header block is a connection error PROTOCOL_ERROR")
def test_unknown_extension_amid_header_block(connection: Http2Connection) -> None:
    connection.send(
        http2.headers(1, connection.request_block(), end_stream=True, end_headers=False),
        http2.frame(Type.UNKNOWN, 0, 0, bytes(8)),
    )
    expect.connection_error(connection, ErrorCode.PROTOCOL_ERROR)
