"""Writes the first inputs of a fuzz target: `python tests/fuzz/seeds.py TARGET FOLDER`.

Real messages, made by protobuf; real connections, made by hyperframe and hpack; real pictures, made by Pillow.
"""

import gzip
import io
import struct
import sys
from collections.abc import Iterator
from pathlib import Path

import hpack
import hyperframe.frame as frames
import numpy as np
from PIL import Image

from pyserver.open_inference import open_inference_pb2 as oip
from pyserver.v1 import predict_pb2 as v1
from pyserver.v1 import tensor_pb2

_TYPED = {
    "BOOL": ("bool_contents", [True, False]),
    "INT8": ("int_contents", [-3, 4]),
    "INT32": ("int_contents", [-(2**31), 4]),
    "INT64": ("int64_contents", [-(2**63), 4]),
    "UINT16": ("uint_contents", [3, 65_535]),
    "UINT64": ("uint64_contents", [3, 2**64 - 1]),
    "FP32": ("fp32_contents", [1.5, float("nan")]),
    "FP64": ("fp64_contents", [1.5, float("inf")]),
    "BYTES": ("bytes_contents", [b"", b"abc"]),
}


def predict_requests() -> Iterator[bytes]:
    """Raw contents, elements, wanted outputs and options."""
    raw = tensor_pb2.Tensor(datatype=tensor_pb2.DATATYPE_FP32, shape=[2, 2], raw=np.ones(4, np.float32).tobytes())
    texts = tensor_pb2.Tensor(datatype=tensor_pb2.DATATYPE_BYTES, shape=[2])
    texts.elements.values.extend([b"", b"abc"])
    yield v1.PredictRequest(model="m", inputs={"x": raw}).SerializeToString()
    yield v1.PredictRequest(
        model="m", version=7, id="ä", inputs={"x": raw, "t": texts}, outputs=["y", "z"], priority=2, return_ledger=True
    ).SerializeToString()


def model_infer_requests() -> Iterator[bytes]:
    """Raw contents, every kind of typed contents, parameters."""
    request = oip.ModelInferRequest(model_name="m", model_version="3", id="1", raw_input_contents=[b"\0" * 8])
    request.inputs.add(name="x", datatype="FP32", shape=[1, 2])
    request.outputs.add(name="y").parameters["binary_data"].bool_param = True
    request.parameters["timeout"].int64_param = 5
    request.parameters["priority"].uint64_param = 1
    yield request.SerializeToString()
    for datatype, (field, values) in _TYPED.items():
        typed = oip.ModelInferRequest(model_name="m")
        tensor = typed.inputs.add(name="x", datatype=datatype, shape=[2])
        getattr(tensor.contents, field).extend(values)
        yield typed.SerializeToString()


_HEADERS = [
    (":method", "POST"),
    (":scheme", "http"),
    (":path", "/a/b"),
    (":authority", "localhost"),
    ("te", "trailers"),
    ("content-type", "application/grpc"),
    ("grpc-timeout", "5S"),
    ("grpc-encoding", "gzip"),
    ("grpc-accept-encoding", "identity,gzip"),
    ("key-bin", "YWJj"),
]


def _message(body: bytes, compressed: bool = False) -> bytes:
    return struct.pack(">BI", compressed, len(body)) + body


def http2_sessions() -> Iterator[bytes]:
    """Connections with one call, one that is reset, and the frames that belong to no stream."""
    encoder = hpack.Encoder()
    settings = frames.SettingsFrame(settings={frames.SettingsFrame.INITIAL_WINDOW_SIZE: 100})
    opening = settings.serialize() + frames.SettingsFrame(flags=["ACK"]).serialize()
    call = frames.HeadersFrame(1, encoder.encode(_HEADERS), flags=["END_HEADERS"]).serialize()
    body = frames.DataFrame(1, _message(b"abc"), flags=["END_STREAM"]).serialize()
    more = frames.WindowUpdateFrame(1, window_increment=1000).serialize()
    ping = frames.PingFrame(opaque_data=b"12345678").serialize()
    reset = frames.RstStreamFrame(1, error_code=8).serialize()
    away = frames.GoAwayFrame(last_stream_id=0).serialize()
    split = encoder.encode(_HEADERS)
    continued = (
        frames.HeadersFrame(3, split[:5]).serialize()
        + frames.ContinuationFrame(3, split[5:], flags=["END_HEADERS"]).serialize()
    )
    for control in (0x1F, 0x14, 0xBF):
        first = bytes([control])
        yield first + opening + call + body + more
        yield first + opening + call + reset + ping
        yield first + opening + call + continued + away


def grpc_calls() -> Iterator[bytes]:
    """Header fields, the size of pieces, and a body of two messages, one of them compressed."""
    head = b"".join(f"{name} {value}\n".encode() for name, value in _HEADERS) + b"\n"
    body = _message(b"abc") + _message(gzip.compress(b"abc" * 100), compressed=True)
    yield head + b"\x01" + body
    yield head + b"\xff" + body
    yield head.replace(b"POST", b"GET") + b"\x01"


def _saved(mode: str, file_format: str, **options: object) -> bytes:
    picture = Image.fromarray(np.arange(19 * 13 * 4, dtype=np.uint8).reshape(13, 19, 4), "RGBA").convert(mode)
    if "exif" in options:
        exif = Image.Exif()
        exif[0x0112] = options["exif"]
        options["exif"] = exif
    file = io.BytesIO()
    picture.save(file, file_format, **options)
    return file.getvalue()


def images() -> Iterator[bytes]:
    """A byte that chooses the options, and a file: every format, mode and kind of compression."""
    files = [_saved("CMYK", "JPEG"), _saved("L", "JPEG", exif=6), _saved("RGB", "JPEG", restart_marker_rows=1)]
    for subsampling in (0, 1, 2):
        files.append(_saved("RGB", "JPEG", subsampling=subsampling, exif=5))
        files.append(_saved("RGB", "JPEG", subsampling=subsampling, progressive=True))
    files += [_saved(mode, "PNG") for mode in ("1", "L", "P", "LA", "RGB", "RGBA")]
    files.append(_saved("RGB", "PNG", exif=8))
    files.append(_saved("P", "PNG", bits=2, transparency=1))
    for mode in ("RGB", "RGBA"):
        files += [_saved(mode, "WEBP", exif=3), _saved(mode, "WEBP", lossless=True)]
    files += [_saved(mode, "BMP") for mode in ("1", "L", "P", "RGB", "RGBA")]
    # An index of 8 bits, a run, three literals, a row's end and a jump.
    header = struct.pack("<2sIHHI", b"BM", 0, 0, 0, 62) + struct.pack("<IIIHHIIIIII", 40, 4, 2, 1, 8, 1, 0, 0, 0, 2, 0)
    files.append(header + bytes(8) + bytes([4, 1, 0, 0, 0, 2, 1, 0, 0, 3, 0, 1, 0, 0]))
    for number, file in enumerate(files):
        yield bytes([(0x00, 0x41, 0x42, 0xC0, 0xC2)[number % 5]]) + file


SEEDS = {
    "http2_session": http2_sessions,
    "grpc_call": grpc_calls,
    "predict_request": predict_requests,
    "model_infer_request": model_infer_requests,
    "image": images,
}


def main(target: str, folder: str) -> None:
    """Writes the seeds of the target, if it has any here, as numbered files."""
    Path(folder).mkdir(parents=True, exist_ok=True)
    for number, seed in enumerate(SEEDS.get(target, lambda: iter(()))()):
        (Path(folder) / f"seed-{number}").write_bytes(seed)


if __name__ == "__main__":
    main(*sys.argv[1:])
