"""http2/6.5, 6.7, 6.8 and 7: SETTINGS, PING and GOAWAY, right and wrong, and error codes that no one knows."""

from __future__ import annotations

import http2_expectations as expect
import http2_frames as http2
from catalogue import EMPTY_MESSAGE, case
from http2_connection import Http2Connection
from http2_frames import ACK, ErrorCode, Setting, Type

UNKNOWN_CODE = 0xFF
UNKNOWN_SETTING = 0xFF


@case("http2/6.5/1", "SETTINGS with ACK and content is a connection error FRAME_SIZE_ERROR")
def test_settings_ack_with_content(connection: Http2Connection) -> None:
    connection.send(http2.frame(Type.SETTINGS, ACK, 0, bytes(1)))
    expect.connection_error(connection, ErrorCode.FRAME_SIZE_ERROR)


@case("http2/6.5/2", "SETTINGS on a stream is a connection error PROTOCOL_ERROR")
def test_settings_on_stream(connection: Http2Connection) -> None:
    content = http2.settings({Setting.MAX_CONCURRENT_STREAMS: 100})[http2.HEADER_BYTES :]
    connection.send(http2.frame(Type.SETTINGS, 0, 1, content))
    expect.connection_error(connection, ErrorCode.PROTOCOL_ERROR)


@case("http2/6.5/3", "SETTINGS of a size that is no multiple of 6 is a connection error FRAME_SIZE_ERROR")
def test_settings_of_wrong_size(connection: Http2Connection) -> None:
    connection.send(http2.frame(Type.SETTINGS, 0, 0, b"\x00\x03\x00"))
    # h2spec takes PROTOCOL_ERROR too.
    expect.connection_error(connection, ErrorCode.FRAME_SIZE_ERROR, ErrorCode.PROTOCOL_ERROR)


def refused_setting(connection: Http2Connection, setting: Setting, value: int, code: ErrorCode) -> None:
    connection.send(http2.settings({setting: value}))
    expect.connection_error(connection, code)


@case("http2/6.5.2/1", "SETTINGS_ENABLE_PUSH other than 0 and 1 is a connection error PROTOCOL_ERROR")
def test_invalid_enable_push(connection: Http2Connection) -> None:
    refused_setting(connection, Setting.ENABLE_PUSH, 2, ErrorCode.PROTOCOL_ERROR)


@case("http2/6.5.2/2", "SETTINGS_INITIAL_WINDOW_SIZE above 2^31-1 is a connection error FLOW_CONTROL_ERROR")
def test_too_large_initial_window(connection: Http2Connection) -> None:
    refused_setting(connection, Setting.INITIAL_WINDOW_SIZE, 2**31, ErrorCode.FLOW_CONTROL_ERROR)


@case("http2/6.5.2/3", "SETTINGS_MAX_FRAME_SIZE below 2^14 is a connection error PROTOCOL_ERROR")
def test_too_small_max_frame_size(connection: Http2Connection) -> None:
    refused_setting(connection, Setting.MAX_FRAME_SIZE, 2**14 - 1, ErrorCode.PROTOCOL_ERROR)


@case("http2/6.5.2/4", "SETTINGS_MAX_FRAME_SIZE above 2^24-1 is a connection error PROTOCOL_ERROR")
def test_too_large_max_frame_size(connection: Http2Connection) -> None:
    refused_setting(connection, Setting.MAX_FRAME_SIZE, 2**24, ErrorCode.PROTOCOL_ERROR)


@case("http2/6.5.2/5", "An unknown setting is ignored")
def test_unknown_setting(connection: Http2Connection) -> None:
    connection.send(http2.settings({UNKNOWN_SETTING: 1}), http2.ping())
    expect.ping_ack(connection)


@case("http2/6.5.3/1", "Of two values of one setting in one frame, the later is in force")
def test_setting_given_twice(connection: Http2Connection) -> None:
    connection.send(http2.settings([(Setting.INITIAL_WINDOW_SIZE, 100), (Setting.INITIAL_WINDOW_SIZE, 1)]))
    expect.settings_ack(connection)
    connection.send(http2.headers(1, connection.request_block()), http2.data(1, EMPTY_MESSAGE, end_stream=True))
    expect.data(connection, 1, length=1)
    expect.no_data_before_ping_ack(connection)


@case("http2/6.5.3/2", "SETTINGS is acknowledged at once")
def test_settings_acknowledged(connection: Http2Connection) -> None:
    connection.send(http2.settings({Setting.ENABLE_PUSH: 0}))
    expect.settings_ack(connection)


@case("http2/6.7/1", "PING is acknowledged with the same content")
def test_ping(connection: Http2Connection) -> None:
    connection.send(http2.ping(b"pyserver"))
    expect.ping_ack(connection, b"pyserver")


@case("http2/6.7/2", "PING with ACK is not answered")
def test_ping_ack(connection: Http2Connection) -> None:
    connection.send(http2.ping(b"no reply", ack=True), http2.ping(b"pyserver"))
    expect.ping_ack(connection, b"pyserver")


@case("http2/6.7/3", "PING on a stream is a connection error PROTOCOL_ERROR")
def test_ping_on_stream(connection: Http2Connection) -> None:
    connection.send(http2.frame(Type.PING, 0, 1, bytes(8)))
    expect.connection_error(connection, ErrorCode.PROTOCOL_ERROR)


@case("http2/6.7/4", "PING of other than 8 bytes is a connection error FRAME_SIZE_ERROR")
def test_ping_of_wrong_size(connection: Http2Connection) -> None:
    connection.send(http2.frame(Type.PING, 0, 0, bytes(6)))
    expect.connection_error(connection, ErrorCode.FRAME_SIZE_ERROR)


@case("http2/6.8/1", "GOAWAY on a stream is a connection error PROTOCOL_ERROR")
def test_goaway_on_stream(connection: Http2Connection) -> None:
    connection.send(http2.frame(Type.GOAWAY, 0, 1, bytes(8)))
    expect.connection_error(connection, ErrorCode.PROTOCOL_ERROR)


@case("http2/7/1", "An unknown error code in GOAWAY does nothing special")
def test_goaway_with_unknown_code(connection: Http2Connection) -> None:
    connection.send(http2.goaway(0, UNKNOWN_CODE), http2.ping(b"pyserver"))
    expect.ping_ack_or_closed(connection, b"pyserver")


@case("http2/7/2", "An unknown error code in RST_STREAM does nothing special")
def test_rst_stream_with_unknown_code(connection: Http2Connection) -> None:
    connection.send(
        http2.headers(1, connection.request_block()),
        http2.rst_stream(1, UNKNOWN_CODE),
        http2.ping(),
    )
    expect.ping_ack_or_closed(connection)
