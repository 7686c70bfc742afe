"""generic/3: every server takes every frame that is right."""

from __future__ import annotations

import http2_expectations as expect
import http2_frames as http2
from catalogue import EMPTY_MESSAGE, case
from http2_connection import Http2Connection
from http2_frames import ErrorCode, Setting


@case("generic/3.1/1", "DATA is taken")
def test_data(connection: Http2Connection) -> None:
    connection.send(http2.headers(1, connection.request_block()), http2.data(1, EMPTY_MESSAGE, end_stream=True))
    expect.answer(connection, 1)


@case("generic/3.1/2", "A body in several DATA frames is taken")
def test_several_data_frames(connection: Http2Connection) -> None:
    connection.send(
        http2.headers(1, connection.request_block()),
        http2.data(1, EMPTY_MESSAGE[:2]),
        http2.data(1, EMPTY_MESSAGE[2:], end_stream=True),
    )
    expect.answer(connection, 1)


@case("generic/3.1/3", "DATA with padding is taken")
def test_padded_data(connection: Http2Connection) -> None:
    connection.send(
        http2.headers(1, connection.request_block()),
        http2.data(1, EMPTY_MESSAGE, end_stream=True, padding=5),
    )
    expect.answer(connection, 1)


@case("generic/3.2/1", "HEADERS is taken")
def test_headers(connection: Http2Connection) -> None:
    connection.send(http2.headers(1, connection.request_block(), end_stream=True))
    expect.answer(connection, 1)


@case("generic/3.2/2", "HEADERS with padding is taken")
def test_padded_headers(connection: Http2Connection) -> None:
    connection.send(http2.headers(1, connection.request_block(), end_stream=True, padding=8))
    expect.answer(connection, 1)


@case("generic/3.2/3", "HEADERS with a priority is taken")
def test_headers_with_priority(connection: Http2Connection) -> None:
    connection.send(
        http2.headers(1, connection.request_block(), end_stream=True, priority=http2.priority_fields()),
    )
    expect.answer(connection, 1)


def request_after_priority(connection: Http2Connection, stream_id: int, fields: bytes) -> None:
    connection.send(
        http2.priority(stream_id, fields),
        http2.headers(1, connection.request_block(), end_stream=True),
    )
    expect.answer(connection, 1)


@case("generic/3.3/1", "PRIORITY with weight 1 is taken")
def test_priority_of_weight_1(connection: Http2Connection) -> None:
    request_after_priority(connection, 1, http2.priority_fields(weight=1))


@case("generic/3.3/2", "PRIORITY with weight 256 is taken")
def test_priority_of_weight_256(connection: Http2Connection) -> None:
    request_after_priority(connection, 1, http2.priority_fields(weight=256))


@case("generic/3.3/3", "PRIORITY with a dependency on another stream is taken")
def test_priority_with_dependency(connection: Http2Connection) -> None:
    request_after_priority(connection, 3, http2.priority_fields(1, weight=1))


@case("generic/3.3/4", "PRIORITY with the exclusive flag is taken")
def test_exclusive_priority(connection: Http2Connection) -> None:
    request_after_priority(connection, 1, http2.priority_fields(weight=1, exclusive=True))


@case("generic/3.3/5", "PRIORITY on an idle stream leaves lower stream identifiers usable")
def test_priority_on_higher_idle_stream(connection: Http2Connection) -> None:
    request_after_priority(connection, 3, http2.priority_fields())


@case("generic/3.4/1", "RST_STREAM is taken")
def test_rst_stream(connection: Http2Connection) -> None:
    connection.send(
        http2.headers(1, connection.request_block()),
        http2.rst_stream(1, ErrorCode.CANCEL),
        http2.ping(),
    )
    expect.ping_ack_or_closed(connection)


@case("generic/3.5/1", "SETTINGS with every parameter is acknowledged")
def test_settings(connection: Http2Connection) -> None:
    connection.send(
        http2.settings(
            {
                Setting.HEADER_TABLE_SIZE: 4096,
                Setting.ENABLE_PUSH: 1,
                Setting.MAX_CONCURRENT_STREAMS: 100,
                Setting.INITIAL_WINDOW_SIZE: http2.INITIAL_WINDOW,
                Setting.MAX_FRAME_SIZE: 16_384,
                Setting.MAX_HEADER_LIST_SIZE: 100,
            }
        )
    )
    expect.settings_ack(connection)


@case("generic/3.7/1", "PING is acknowledged")
def test_ping(connection: Http2Connection) -> None:
    connection.send(http2.ping(b"pyserver"))
    expect.ping_ack(connection, b"pyserver")


@case("generic/3.8/1", "GOAWAY is taken")
def test_goaway(connection: Http2Connection) -> None:
    connection.send(http2.goaway(0, ErrorCode.NO_ERROR, b"good bye"), http2.ping(b"pyserver"))
    expect.ping_ack_or_closed(connection, b"pyserver")


@case("generic/3.9/1", "WINDOW_UPDATE of the connection is taken")
def test_window_update_of_connection(connection: Http2Connection) -> None:
    connection.send(http2.window_update(0, 1), http2.ping())
    expect.ping_ack(connection)


@case("generic/3.9/2", "WINDOW_UPDATE of a stream is taken")
def test_window_update_of_stream(connection: Http2Connection) -> None:
    connection.send(http2.headers(1, connection.request_block(), end_stream=True), http2.window_update(1, 1))
    expect.answer(connection, 1)


@case("generic/3.10/1", "A header block that goes on in CONTINUATION is taken")
def test_continuation(connection: Http2Connection) -> None:
    block = connection.request_block()
    connection.send(
        http2.headers(1, block[:5], end_stream=True, end_headers=False),
        http2.continuation(1, block[5:], end_headers=True),
    )
    expect.answer(connection, 1)


@case("generic/3.10/2", "A header block that goes on in several CONTINUATION frames is taken")
def test_several_continuations(connection: Http2Connection) -> None:
    block = connection.request_block()
    connection.send(
        http2.headers(1, block[:5], end_stream=True, end_headers=False),
        http2.continuation(1, block[5:10], end_headers=False),
        http2.continuation(1, block[10:], end_headers=True),
    )
    expect.answer(connection, 1)
