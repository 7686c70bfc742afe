"""What a server may do in reply. Each function reads until it is seen, or fails the case with the whole transcript.

Hanging up is always a permitted form of a connection error and of a stream error (RFC 9113 §5.4), but a GOAWAY or
RST_STREAM with another error code than the expected ones is not. Frames that belong to other matters are skipped.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable
from typing import NoReturn

import http2_frames as http2
import pytest
from http2_connection import DEADLINE_S, Closed, DeadlinePassedError, Http2Connection, Received
from http2_frames import ErrorCode
from hyperframe.frame import DataFrame, GoAwayFrame, HeadersFrame, PingFrame, RstStreamFrame, SettingsFrame

Event = Received | Closed


def connection_error(connection: Http2Connection, *codes: ErrorCode) -> None:
    """GOAWAY with one of the codes, or the end of the connection."""
    allowed = " or ".join(f"GOAWAY {code.name}" for code in codes) + ", or the connection closed"

    def seen(event: Event) -> bool:
        if isinstance(event, Closed):
            return True
        if isinstance(event.frame, GoAwayFrame):
            return event.frame.error_code in codes or fail(connection, allowed)
        return False

    wait_for(connection, allowed, seen)


def stream_error(connection: Http2Connection, stream_id: int, *codes: ErrorCode) -> None:
    """RST_STREAM of this stream with one of the codes; a connection error with one of them is as good."""
    allowed = " or ".join(f"RST_STREAM or GOAWAY {code.name}" for code in codes) + ", or the connection closed"

    def seen(event: Event) -> bool:
        if isinstance(event, Closed):
            return True
        if isinstance(event.frame, GoAwayFrame):
            return event.frame.error_code in codes or fail(connection, allowed)
        if isinstance(event.frame, RstStreamFrame) and event.frame.stream_id == stream_id:
            # A response that did not need the rest of the request may end so (RFC 9113 §8.1): no answer to our fault.
            if event.frame.error_code == ErrorCode.NO_ERROR:
                return False
            return event.frame.error_code in codes or fail(connection, allowed)
        return False

    wait_for(connection, allowed, seen)


def connection_closed(connection: Http2Connection) -> None:
    """The end of the TCP connection, whatever is said before it."""
    wait_for(connection, "the connection closed", lambda event: isinstance(event, Closed))


def goaway(connection: Http2Connection, code: ErrorCode) -> None:
    """GOAWAY with this code, in words: hanging up is not enough."""
    wait_for(
        connection,
        f"GOAWAY {code.name}",
        lambda event: (
            isinstance(event, Received)
            and isinstance(event.frame, GoAwayFrame)
            and (event.frame.error_code == code or fail(connection, f"GOAWAY {code.name}"))
        ),
    )


def reset(connection: Http2Connection, stream_id: int, code: ErrorCode) -> None:
    """RST_STREAM of this stream with this code."""
    wait_for(
        connection,
        f"RST_STREAM {code.name} on stream {stream_id}",
        lambda event: (
            isinstance(event, Received)
            and isinstance(event.frame, RstStreamFrame)
            and (event.frame.stream_id, event.frame.error_code) == (stream_id, code)
        ),
    )


def answer(connection: Http2Connection, stream_id: int) -> None:
    """HEADERS with :status on this stream: any HTTP response."""

    def seen(event: Event) -> bool:
        return (
            isinstance(event, Received)
            and isinstance(event.frame, HeadersFrame)
            and event.frame.stream_id == stream_id
            and any(name == ":status" for name, _ in event.fields)
        )

    wait_for(connection, f"HEADERS with :status on stream {stream_id}", seen)


def stream_end(connection: Http2Connection, stream_id: int) -> None:
    """The end of the response: END_STREAM, or RST_STREAM with NO_ERROR."""

    def seen(event: Event) -> bool:
        if not isinstance(event, Received) or event.frame.stream_id != stream_id:
            return False
        if isinstance(event.frame, RstStreamFrame):
            return event.frame.error_code == ErrorCode.NO_ERROR
        return isinstance(event.frame, DataFrame | HeadersFrame) and "END_STREAM" in event.frame.flags

    wait_for(connection, f"the end of stream {stream_id}", seen)


def data(connection: Http2Connection, stream_id: int, length: int | None = None) -> None:
    """DATA on this stream; the first that comes has this length."""
    expected = f"DATA on stream {stream_id}" + ("" if length is None else f" of {length} bytes")

    def seen(event: Event) -> bool:
        if not isinstance(event, Received) or not isinstance(event.frame, DataFrame):
            return False
        right = event.frame.stream_id == stream_id and length in (None, event.frame.flow_controlled_length)
        return right or fail(connection, expected)

    wait_for(connection, expected, seen)


def no_data_before_ping_ack(connection: Http2Connection, opaque: bytes = b"no data!") -> None:
    """A fence: a PING is acknowledged, and until then no DATA comes."""
    connection.send(http2.ping(opaque))
    expected = "a PING's acknowledgement and no DATA before it"

    def seen(event: Event) -> bool:
        if isinstance(event, Received) and isinstance(event.frame, DataFrame):
            fail(connection, expected)
        return is_ping_ack(event, opaque)

    wait_for(connection, expected, seen)


def ping_ack(connection: Http2Connection, opaque: bytes = bytes(8)) -> None:
    """The first PING that comes acknowledges ours."""

    def seen(event: Event) -> bool:
        return is_ping(event) and (is_ping_ack(event, opaque) or fail(connection, f"PING ACK {opaque!r}"))

    wait_for(connection, f"PING ACK {opaque!r}", seen)


def ping_ack_or_closed(connection: Http2Connection, opaque: bytes = bytes(8)) -> None:
    """PING ACK, or the end of the connection."""
    wait_for(
        connection,
        f"PING ACK {opaque!r} or the connection closed",
        lambda event: isinstance(event, Closed) or is_ping_ack(event, opaque),
    )


def server_preface(connection: Http2Connection) -> None:
    """The very first frame is SETTINGS without ACK."""
    expected = "SETTINGS without ACK as the first frame"

    def seen(event: Event) -> bool:
        right = isinstance(event, Received) and isinstance(event.frame, SettingsFrame) and not event.frame.flags
        return right or fail(connection, expected)

    wait_for(connection, expected, seen)


def settings_ack(connection: Http2Connection) -> None:
    """The first SETTINGS that comes acknowledges ours."""

    def seen(event: Event) -> bool:
        if not isinstance(event, Received) or not isinstance(event.frame, SettingsFrame):
            return False
        return "ACK" in event.frame.flags or fail(connection, "SETTINGS ACK")

    wait_for(connection, "SETTINGS ACK", seen)


def is_ping(event: Event) -> bool:
    return isinstance(event, Received) and isinstance(event.frame, PingFrame)


def is_ping_ack(event: Event, opaque: bytes) -> bool:
    if not isinstance(event, Received) or not isinstance(event.frame, PingFrame):
        return False
    return "ACK" in event.frame.flags and event.frame.opaque_data == opaque


def wait_for(connection: Http2Connection, expected: str, seen: Callable[[Event], bool]) -> None:
    """Reads until `seen`. Fails at the deadline and at the connection's end, unless that is what is to be seen."""
    deadline = time.monotonic() + DEADLINE_S
    while True:
        event = None
        with contextlib.suppress(DeadlinePassedError):
            event = connection.next_event(deadline)
        if event is not None and seen(event):
            return
        if event is None or isinstance(event, Closed):
            fail(connection, expected)


def fail(connection: Http2Connection, expected: str) -> NoReturn:
    pytest.fail("expected: " + expected + "\n  " + "\n  ".join(connection.transcript), pytrace=False)
