"""http2/6.9: WINDOW_UPDATE and the windows that a server has to keep to."""

from __future__ import annotations

import http2_expectations as expect
import http2_frames as http2
from catalogue import EMPTY_MESSAGE, case
from http2_connection import Http2Connection
from http2_frames import MAX_WINDOW, ErrorCode, Setting, Type


def set_initial_window(connection: Http2Connection, size: int) -> None:
    """Sets it and waits until it is in force."""
    connection.send(http2.settings({Setting.INITIAL_WINDOW_SIZE: size}))
    expect.settings_ack(connection)


def request_on_stream_1(connection: Http2Connection) -> None:
    """A request whose response has more DATA than any window set here lets through."""
    connection.send(http2.headers(1, connection.request_block()), http2.data(1, EMPTY_MESSAGE, end_stream=True))


@case("http2/6.9/1", "WINDOW_UPDATE of 0 for the connection is a connection error PROTOCOL_ERROR")
def test_increment_0_of_connection(connection: Http2Connection) -> None:
    connection.send(http2.window_update(0, 0))
    expect.connection_error(connection, ErrorCode.PROTOCOL_ERROR)


@case("http2/6.9/2", "WINDOW_UPDATE of 0 for a stream is a stream error PROTOCOL_ERROR")
def test_increment_0_of_stream(connection: Http2Connection) -> None:
    connection.send(http2.headers(1, connection.request_block()), http2.window_update(1, 0))
    expect.stream_error(connection, 1, ErrorCode.PROTOCOL_ERROR)


@case("http2/6.9/3", "WINDOW_UPDATE of other than 4 bytes is a connection error FRAME_SIZE_ERROR")
def test_window_update_of_wrong_size(connection: Http2Connection) -> None:
    connection.send(http2.frame(Type.WINDOW_UPDATE, 0, 0, b"\x00\x00\x01"))
    expect.connection_error(connection, ErrorCode.FRAME_SIZE_ERROR)


@case("http2/6.9.1/1", "With a window of 1, one byte of DATA is sent")
def test_window_of_1(connection: Http2Connection) -> None:
    set_initial_window(connection, 1)
    request_on_stream_1(connection)
    expect.data(connection, 1, length=1)
    expect.no_data_before_ping_ack(connection)


@case("http2/6.9.1/2", "A connection's window above 2^31-1 is a connection error FLOW_CONTROL_ERROR, told by GOAWAY")
def test_too_large_window_of_connection(connection: Http2Connection) -> None:
    connection.send(http2.window_update(0, MAX_WINDOW), http2.window_update(0, MAX_WINDOW))
    expect.goaway(connection, ErrorCode.FLOW_CONTROL_ERROR)


@case("http2/6.9.1/3", "A stream's window above 2^31-1 is a stream error FLOW_CONTROL_ERROR, told by RST_STREAM")
def test_too_large_window_of_stream(connection: Http2Connection) -> None:
    connection.send(
        http2.headers(1, connection.request_block()),
        http2.window_update(1, MAX_WINDOW),
        http2.window_update(1, MAX_WINDOW),
    )
    expect.reset(connection, 1, ErrorCode.FLOW_CONTROL_ERROR)


@case("http2/6.9.2/1", "A change of SETTINGS_INITIAL_WINDOW_SIZE changes the windows of open streams")
def test_initial_window_changes_open_stream(connection: Http2Connection) -> None:
    set_initial_window(connection, 0)
    request_on_stream_1(connection)
    expect.no_data_before_ping_ack(connection)
    connection.send(http2.settings({Setting.INITIAL_WINDOW_SIZE: 1}))
    expect.data(connection, 1, length=1)


@case("http2/6.9.2/2", "A window made negative by SETTINGS is opened only by as much as is added above zero")
def test_negative_window(connection: Http2Connection) -> None:
    set_initial_window(connection, 3)
    request_on_stream_1(connection)
    expect.data(connection, 1, length=3)
    set_initial_window(connection, 2)
    connection.send(http2.window_update(1, 2))
    expect.data(connection, 1, length=1)


@case("http2/6.9.2/3", "SETTINGS_INITIAL_WINDOW_SIZE above 2^31-1 is a connection error FLOW_CONTROL_ERROR")
def test_too_large_initial_window(connection: Http2Connection) -> None:
    connection.send(http2.settings({Setting.INITIAL_WINDOW_SIZE: MAX_WINDOW + 1}))
    expect.connection_error(connection, ErrorCode.FLOW_CONTROL_ERROR)
