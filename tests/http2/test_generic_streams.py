"""generic/1, 2 and 4: what every server takes. Starting, stream states, whole requests."""

from __future__ import annotations

import http2_expectations as expect
import http2_frames as http2
from catalogue import EMPTY_MESSAGE, case
from http2_connection import Http2Connection
from http2_frames import ErrorCode, Setting


@case("generic/1/1", "The client's preface is taken, the server's comes back")
def test_client_preface(unspoken: Http2Connection) -> None:
    unspoken.send(http2.PREFACE, http2.settings({Setting.INITIAL_WINDOW_SIZE: http2.INITIAL_WINDOW}))
    expect.server_preface(unspoken)


@case("generic/2/1", "PRIORITY on an idle stream is taken")
def test_priority_on_idle_stream(connection: Http2Connection) -> None:
    connection.send(http2.priority(1, http2.priority_fields()), http2.ping())
    expect.ping_ack(connection)


def hold_back_the_response(connection: Http2Connection) -> None:
    """Sends a whole request on stream 1, whose response waits for window: the stream is half-closed (remote)."""
    connection.send(
        http2.settings({Setting.INITIAL_WINDOW_SIZE: 0}),
        http2.headers(1, connection.request_block()),
        http2.data(1, EMPTY_MESSAGE, end_stream=True),
    )


@case("generic/2/2", "WINDOW_UPDATE on a half-closed (remote) stream is taken")
def test_window_update_on_half_closed_stream(connection: Http2Connection) -> None:
    hold_back_the_response(connection)
    connection.send(http2.window_update(1, 1))
    expect.data(connection, 1)


@case("generic/2/3", "PRIORITY on a half-closed (remote) stream is taken")
def test_priority_on_half_closed_stream(connection: Http2Connection) -> None:
    hold_back_the_response(connection)
    connection.send(http2.priority(1, http2.priority_fields()), http2.window_update(1, 1))
    expect.data(connection, 1)


@case("generic/2/4", "RST_STREAM on a half-closed (remote) stream is taken")
def test_rst_stream_on_half_closed_stream(connection: Http2Connection) -> None:
    connection.send(
        http2.headers(1, connection.request_block(), end_stream=True),
        http2.rst_stream(1, ErrorCode.CANCEL),
        http2.ping(),
    )
    expect.ping_ack_or_closed(connection)


@case("generic/2/5", "PRIORITY on a closed stream is taken")
def test_priority_on_closed_stream(connection: Http2Connection) -> None:
    connection.send(http2.headers(1, connection.request_block(), end_stream=True))
    expect.stream_end(connection, 1)
    connection.send(http2.priority(1, http2.priority_fields()), http2.ping())
    expect.ping_ack(connection)


def plain_block(connection: Http2Connection, method: str) -> bytes:
    """A request that has nothing to do with gRPC."""
    pseudo = [(":method", method), (":scheme", connection.scheme), (":path", "/"), (":authority", connection.authority)]
    return connection.block(pseudo)


@case("generic/4/1", "GET is answered")
def test_get(connection: Http2Connection) -> None:
    connection.send(http2.headers(1, plain_block(connection, "GET"), end_stream=True))
    expect.answer(connection, 1)


@case("generic/4/2", "HEAD is answered")
def test_head(connection: Http2Connection) -> None:
    connection.send(http2.headers(1, plain_block(connection, "HEAD"), end_stream=True))
    expect.answer(connection, 1)


@case("generic/4/3", "POST with a body is answered")
def test_post(connection: Http2Connection) -> None:
    connection.send(
        http2.headers(1, connection.request_block()),
        http2.data(1, EMPTY_MESSAGE, end_stream=True),
    )
    expect.answer(connection, 1)


@case("generic/4/4", "POST with a body and trailers is answered")
def test_post_with_trailers(connection: Http2Connection) -> None:
    connection.send(
        http2.headers(1, connection.request_block(("trailer", "x-test"))),
        http2.data(1, EMPTY_MESSAGE),
        http2.headers(1, connection.block([("x-test", "ok")]), end_stream=True),
    )
    expect.answer(connection, 1)
