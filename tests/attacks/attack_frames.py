"""HTTP/2 frames, header blocks and gRPC messages as bytes, right or wrong as told.

Header blocks are stateless (literals without indexing), so that one block can be sent on any number of streams.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable, Mapping

import numpy as np

from pyserver.v1 import predict_pb2, tensor_pb2

PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
MAX_WINDOW = 2**31 - 1
DEFAULT_WINDOW = 65_535

DATA, HEADERS, PRIORITY, RST_STREAM, SETTINGS, _, PING, GOAWAY, WINDOW_UPDATE, CONTINUATION = range(10)
PRIORITY_UPDATE, UNKNOWN = 0x10, 0xEE

END_STREAM = ACK = 0x1
END_HEADERS, PADDED, WITH_PRIORITY = 0x4, 0x8, 0x20

HEADER_TABLE_SIZE, INITIAL_WINDOW_SIZE, MAX_FRAME_SIZE = 1, 4, 5

NO_ERROR, PROTOCOL_ERROR, FLOW_CONTROL_ERROR, STREAM_CLOSED, FRAME_SIZE_ERROR = 0, 1, 3, 5, 6
REFUSED_STREAM, CANCEL, ENHANCE_YOUR_CALM = 7, 8, 11

# The core answers it, a Python servicer answers it, the core runs a model for it.
SERVER_LIVE = "/inference.GRPCInferenceService/ServerLive"
SERVER_METADATA = "/inference.GRPCInferenceService/ServerMetadata"
PREDICT = "/pyserver.v1.PredictService/Predict"
PREDICT_STREAM = "/pyserver.v1.PredictService/PredictStream"


def frame(kind: int, flags: int, stream: int, content: bytes = b"") -> bytes:
    return struct.pack(">I", len(content))[1:] + struct.pack(">BBI", kind, flags, stream) + content


def data(stream: int, content: bytes, *, end: bool = False, padding: int | None = None) -> bytes:
    flags = END_STREAM if end else 0
    if padding is not None:
        flags, content = flags | PADDED, bytes([padding]) + content + bytes(padding)
    return frame(DATA, flags, stream, content)


def headers(stream: int, block: bytes, *, end: bool = False, end_headers: bool = True) -> bytes:
    return frame(HEADERS, (END_STREAM if end else 0) | (END_HEADERS if end_headers else 0), stream, block)


def headers_in_pieces(stream: int, block: bytes, *, end: bool = False, size: int = 16_384) -> bytes:
    """HEADERS and as many CONTINUATION frames as the block needs."""
    pieces = [block[at : at + size] for at in range(0, len(block), size)]
    frames = [headers(stream, pieces[0], end=end, end_headers=len(pieces) == 1)]
    frames += [continuation(stream, piece, end=piece is pieces[-1]) for piece in pieces[1:]]
    return b"".join(frames)


def continuation(stream: int, block: bytes, *, end: bool = False) -> bytes:
    return frame(CONTINUATION, END_HEADERS if end else 0, stream, block)


def priority(stream: int, dependency: int) -> bytes:
    return frame(PRIORITY, 0, stream, struct.pack(">IB", dependency, 15))


def reset(stream: int, code: int = CANCEL) -> bytes:
    return frame(RST_STREAM, 0, stream, struct.pack(">I", code))


def settings(values: Mapping[int, int] | Iterable[tuple[int, int]] = ()) -> bytes:
    pairs = values.items() if isinstance(values, Mapping) else values
    return frame(SETTINGS, 0, 0, b"".join(struct.pack(">HI", key, value) for key, value in pairs))


def settings_ack() -> bytes:
    return frame(SETTINGS, ACK, 0)


def ping(*, ack: bool = False, opaque: bytes = bytes(8)) -> bytes:
    return frame(PING, ACK if ack else 0, 0, opaque)


def goaway(last_stream: int = 0) -> bytes:
    return frame(GOAWAY, 0, 0, struct.pack(">II", last_stream, NO_ERROR))


def window_update(stream: int, increment: int) -> bytes:
    return frame(WINDOW_UPDATE, 0, stream, struct.pack(">I", increment))


def hpack_integer(value: int, prefix_bits: int, first_bits: int = 0) -> bytes:
    limit = (1 << prefix_bits) - 1
    if value < limit:
        return bytes([first_bits | value])
    encoded, value = [first_bits | limit], value - limit
    while value >= 128:
        encoded.append(0x80 | value & 0x7F)
        value >>= 7
    return bytes([*encoded, value])


def literal(name: bytes, value: bytes, *, indexed: bool = False) -> bytes:
    """One field; `indexed` puts it into the server's table."""
    first = b"\x40" if indexed else b"\x00"
    return first + hpack_integer(len(name), 7) + name + hpack_integer(len(value), 7) + value


def block(fields: Mapping[str, str] | Iterable[tuple[str, str]]) -> bytes:
    pairs = fields.items() if isinstance(fields, Mapping) else fields
    return b"".join(literal(name.encode("latin-1"), value.encode("latin-1")) for name, value in pairs)


def call_fields(path: str = SERVER_LIVE) -> dict[str, str]:
    """What a gRPC client sends. Tests take it apart."""
    return {
        ":method": "POST",
        ":scheme": "http",
        ":path": path,
        ":authority": "attacks.test",
        "content-type": "application/grpc",
        "te": "trailers",
    }


def message(content: bytes = b"", *, compressed: bool = False, length: int | None = None) -> bytes:
    """gRPC's five bytes and the content; `length` is announced instead of the real one."""
    return struct.pack(">BI", compressed, len(content) if length is None else length) + content


def predict_request(model: str, values: np.ndarray) -> bytes:
    request = predict_pb2.PredictRequest(model=model)
    tensor = request.inputs["IN"]
    tensor.datatype = tensor_pb2.DATATYPE_FP32
    tensor.shape.extend(values.shape)
    tensor.raw = values.astype("<f4").tobytes()
    return request.SerializeToString()


def predicted(answer: bytes) -> bytes:
    """The raw bytes of the output in a PredictResponse."""
    outputs = predict_pb2.PredictResponse.FromString(answer).outputs
    assert len(outputs) == 1
    return next(iter(outputs.values())).raw
