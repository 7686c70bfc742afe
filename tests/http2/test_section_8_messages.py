"""http2/8.1 and 8.2: malformed requests are stream errors PROTOCOL_ERROR.

RFC 9113 numbers them anew: 8.1.2 is §8.2, 8.1.2.1 and 8.1.2.3 are §8.3, 8.1.2.2 is §8.2.2, 8.1.2.6 is §8.1.1,
and 8.2 (push) is §8.4.
"""

from __future__ import annotations

import http2_expectations as expect
import http2_frames as http2
from catalogue import EMPTY_MESSAGE, case
from http2_connection import Http2Connection
from http2_frames import ErrorCode

Fields = list[tuple[str, str]]


def malformed(connection: Http2Connection, fields: Fields) -> None:
    connection.send(http2.headers(1, connection.block(fields), end_stream=True))
    expect.stream_error(connection, 1, ErrorCode.PROTOCOL_ERROR)


def malformed_trailers(connection: Http2Connection, trailers: Fields) -> None:
    """A second HEADERS, without END_STREAM."""
    connection.send(
        http2.headers(1, connection.request_block()),
        http2.data(1, EMPTY_MESSAGE),
        http2.headers(1, connection.block(trailers)),
    )
    expect.stream_error(connection, 1, ErrorCode.PROTOCOL_ERROR)


def without(name: str, fields: Fields) -> Fields:
    return [field for field in fields if field[0] != name]


def doubled(name: str, fields: Fields) -> Fields:
    """With the field a second time, directly behind the pseudo-header fields."""
    pseudo = [field for field in fields if field[0].startswith(":")]
    again = [field for field in fields if field[0] == name]
    return pseudo + again + fields[len(pseudo) :]


@case("http2/8.1/1", "A second HEADERS without END_STREAM is a stream error PROTOCOL_ERROR")
def test_second_headers_without_end(connection: Http2Connection) -> None:
    malformed_trailers(connection, [("x-test", "ok")])


@case("http2/8.1.2/1", "Upper case in a field's name")
def test_upper_case_name(connection: Http2Connection) -> None:
    malformed(connection, connection.request_fields(("X-TEST", "ok")))


@case("http2/8.1.2.1/1", "An unknown pseudo-header field")
def test_unknown_pseudo_field(connection: Http2Connection) -> None:
    fields = connection.request_fields()
    malformed(connection, [*fields[:4], (":test", "ok"), *fields[4:]])


@case("http2/8.1.2.1/2", "A pseudo-header field of responses")
def test_response_pseudo_field(connection: Http2Connection) -> None:
    fields = connection.request_fields()
    malformed(connection, [*fields[:4], (":status", "200"), *fields[4:]])


@case("http2/8.1.2.1/3", "A pseudo-header field in the trailers")
def test_pseudo_field_in_trailers(connection: Http2Connection) -> None:
    malformed_trailers(connection, [(":method", "POST")])


@case("http2/8.1.2.1/4", "A pseudo-header field behind a regular one")
def test_pseudo_field_behind_regular_field(connection: Http2Connection) -> None:
    malformed(connection, [("x-test", "ok"), *connection.request_fields()])


@case("http2/8.1.2.2/1", "A connection-specific field")
def test_connection_field(connection: Http2Connection) -> None:
    malformed(connection, connection.request_fields(("connection", "keep-alive")))


@case("http2/8.1.2.2/2", "TE with more than trailers")
def test_te_other_than_trailers(connection: Http2Connection) -> None:
    fields = without("te", connection.request_fields())
    malformed(connection, [*fields, ("te", "trailers, deflate")])


@case("http2/8.1.2.3/1", "An empty :path")
def test_empty_path(connection: Http2Connection) -> None:
    connection.path = ""
    malformed(connection, connection.request_fields())


@case("http2/8.1.2.3/2", "No :method")
def test_no_method(connection: Http2Connection) -> None:
    malformed(connection, without(":method", connection.request_fields()))


@case("http2/8.1.2.3/3", "No :scheme")
def test_no_scheme(connection: Http2Connection) -> None:
    malformed(connection, without(":scheme", connection.request_fields()))


@case("http2/8.1.2.3/4", "No :path")
def test_no_path(connection: Http2Connection) -> None:
    malformed(connection, without(":path", connection.request_fields()))


@case("http2/8.1.2.3/5", ":method twice")
def test_doubled_method(connection: Http2Connection) -> None:
    malformed(connection, doubled(":method", connection.request_fields()))


@case("http2/8.1.2.3/6", ":scheme twice")
def test_doubled_scheme(connection: Http2Connection) -> None:
    malformed(connection, doubled(":scheme", connection.request_fields()))


@case("http2/8.1.2.3/7", ":path twice")
def test_doubled_path(connection: Http2Connection) -> None:
    malformed(connection, doubled(":path", connection.request_fields()))


@case("http2/8.1.2.6/1", "content-length differs from the one DATA frame's length")
def test_wrong_content_length(connection: Http2Connection) -> None:
    connection.send(
        http2.headers(1, connection.request_block(("content-length", "1"))),
        http2.data(1, EMPTY_MESSAGE, end_stream=True),
    )
    expect.stream_error(connection, 1, ErrorCode.PROTOCOL_ERROR)


@case("http2/8.1.2.6/2", "content-length differs from the sum of several DATA frames' lengths")
def test_wrong_content_length_of_several_frames(connection: Http2Connection) -> None:
    connection.send(
        http2.headers(1, connection.request_block(("content-length", "1"))),
        http2.data(1, EMPTY_MESSAGE),
        http2.data(1, EMPTY_MESSAGE, end_stream=True),
    )
    expect.stream_error(connection, 1, ErrorCode.PROTOCOL_ERROR)


@case("http2/8.2/1", "PUSH_PROMISE from a client is a connection error PROTOCOL_ERROR")
def test_push_promise(connection: Http2Connection) -> None:
    connection.send(http2.push_promise(1, 3, connection.request_block()))
    expect.connection_error(connection, ErrorCode.PROTOCOL_ERROR)
