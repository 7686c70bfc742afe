"""HTTP/2 frames (RFC 9113 §4 and §6) as bytes, byte by byte.

No library writes them, because most frames of the catalogue are wrong on purpose: every builder takes what it is given.
"""

from __future__ import annotations

import enum
import struct
from collections.abc import Mapping, Sequence

PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
HEADER_BYTES = 9
INITIAL_WINDOW = 65_535
MAX_WINDOW = 2**31 - 1

END_STREAM = 0x1
ACK = 0x1
END_HEADERS = 0x4
PADDED = 0x8
PRIORITY = 0x20


class Type(enum.IntEnum):
    DATA = 0
    HEADERS = 1
    PRIORITY = 2
    RST_STREAM = 3
    SETTINGS = 4
    PUSH_PROMISE = 5
    PING = 6
    GOAWAY = 7
    WINDOW_UPDATE = 8
    CONTINUATION = 9
    UNKNOWN = 0x16


class ErrorCode(enum.IntEnum):
    NO_ERROR = 0
    PROTOCOL_ERROR = 1
    INTERNAL_ERROR = 2
    FLOW_CONTROL_ERROR = 3
    SETTINGS_TIMEOUT = 4
    STREAM_CLOSED = 5
    FRAME_SIZE_ERROR = 6
    REFUSED_STREAM = 7
    CANCEL = 8
    COMPRESSION_ERROR = 9
    CONNECT_ERROR = 10
    ENHANCE_YOUR_CALM = 11
    INADEQUATE_SECURITY = 12
    HTTP_1_1_REQUIRED = 13


class Setting(enum.IntEnum):
    HEADER_TABLE_SIZE = 1
    ENABLE_PUSH = 2
    MAX_CONCURRENT_STREAMS = 3
    INITIAL_WINDOW_SIZE = 4
    MAX_FRAME_SIZE = 5
    MAX_HEADER_LIST_SIZE = 6


def frame(kind: int, flags: int, stream_id: int, content: bytes = b"") -> bytes:
    """Any frame. `stream_id` has 32 bits here: the highest is the reserved one."""
    return struct.pack(">I", len(content))[1:] + struct.pack(">BBI", kind, flags, stream_id) + content


def data(stream_id: int, content: bytes, *, end_stream: bool = False, padding: int | None = None) -> bytes:
    flags = END_STREAM if end_stream else 0
    if padding is not None:
        flags |= PADDED
        content = bytes([padding]) + content + bytes(padding)
    return frame(Type.DATA, flags, stream_id, content)


def priority_fields(dependency: int = 0, *, weight: int = 256, exclusive: bool = False) -> bytes:
    """What PRIORITY carries, and HEADERS with the PRIORITY flag. Weights are 1 to 256."""
    return struct.pack(">IB", dependency | (exclusive << 31), weight - 1)


def headers(
    stream_id: int,
    block: bytes,
    *,
    end_stream: bool = False,
    end_headers: bool = True,
    padding: int | None = None,
    priority: bytes = b"",
) -> bytes:
    flags = (END_STREAM if end_stream else 0) | (END_HEADERS if end_headers else 0)
    content = priority + block
    if priority:
        flags |= PRIORITY
    if padding is not None:
        flags |= PADDED
        content = bytes([padding]) + content + bytes(padding)
    return frame(Type.HEADERS, flags, stream_id, content)


def continuation(stream_id: int, block: bytes, *, end_headers: bool) -> bytes:
    return frame(Type.CONTINUATION, END_HEADERS if end_headers else 0, stream_id, block)


def priority(stream_id: int, fields: bytes) -> bytes:
    return frame(Type.PRIORITY, 0, stream_id, fields)


def rst_stream(stream_id: int, code: int) -> bytes:
    return frame(Type.RST_STREAM, 0, stream_id, struct.pack(">I", code))


def settings(values: Mapping[int, int] | Sequence[tuple[int, int]] = ()) -> bytes:
    pairs = values.items() if isinstance(values, Mapping) else values
    return frame(Type.SETTINGS, 0, 0, b"".join(struct.pack(">HI", key, value) for key, value in pairs))


def settings_ack() -> bytes:
    return frame(Type.SETTINGS, ACK, 0)


def push_promise(stream_id: int, promised_id: int, block: bytes) -> bytes:
    return frame(Type.PUSH_PROMISE, END_HEADERS, stream_id, struct.pack(">I", promised_id) + block)


def ping(opaque: bytes = bytes(8), *, ack: bool = False) -> bytes:
    return frame(Type.PING, ACK if ack else 0, 0, opaque)


def goaway(last_stream_id: int, code: int, debug_data: bytes = b"") -> bytes:
    return frame(Type.GOAWAY, 0, 0, struct.pack(">II", last_stream_id, code) + debug_data)


def window_update(stream_id: int, increment: int) -> bytes:
    return frame(Type.WINDOW_UPDATE, 0, stream_id, struct.pack(">I", increment))


def name_of(kind: int) -> str:
    """How a transcript calls a frame type."""
    return Type(kind).name if kind in set(Type) else f"type 0x{kind:02x}"
