"""A small TensorFlow Serving: identity models behind PredictionService and behind REST v1.

Its protobuf is read and written field by field, by the numbers of TensorFlow's own .proto files.
"""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import grpc
from protobuf_wire import field

# TensorFlow's numbers of its datatypes, in the inputs' names.
INPUTS = {
    "floats": (1, (-1, 2)),
    "doubles": (2, (-1, 2)),
    "ints": (3, (-1, 2)),
    "bytes": (4, (-1, 2)),
    "texts": (7, (-1,)),
    "longs": (9, (-1, 2)),
    "truths": (10, (-1, 2)),
    "bfloats": (14, (-1, 2)),
    "halves": (19, (-1, 2)),
    "unsigned": (22, (-1, 2)),
}


def shape(*sizes: int) -> bytes:
    return b"".join(field(2, field(1, size)) for size in sizes)


def signature() -> bytes:
    def info(number: int, sizes: tuple[int, ...]) -> bytes:
        return field(1, "somewhere:0") + field(2, number) + field(3, shape(*sizes))

    entries = [(name, info(*told)) for name, told in INPUTS.items()]
    inputs = b"".join(field(1, field(1, name) + field(2, told)) for name, told in entries)
    outputs = b"".join(field(2, field(1, f"{name}_out") + field(2, told)) for name, told in entries)
    return inputs + outputs + field(3, "tensorflow/serving/predict")


def metadata() -> bytes:
    signatures = field(1, field(1, "serving_default") + field(2, signature()))
    packed = field(1, "type.googleapis.com/tensorflow.serving.SignatureDefMap") + field(2, signatures)
    return field(1, field(1, "m")) + field(2, field(1, "signature_def") + field(2, packed))


def read_fields(message: bytes) -> Iterator[tuple[int, int | bytes]]:
    """Numbers and values of varints and length-delimited fields."""
    place = 0

    def varint() -> int:
        nonlocal place
        value, shift = 0, 0
        while True:
            byte = message[place]
            place += 1
            value |= (byte & 0x7F) << shift
            shift += 7
            if byte < 0x80:
                return value

    while place < len(message):
        tag = varint()
        if tag & 7 == 0:
            yield tag >> 3, varint()
        else:
            assert tag & 7 == 2
            size = varint()
            yield tag >> 3, message[place : place + size]
            place += size


def echo(request: bytes) -> bytes:
    """A PredictResponse whose outputs are the inputs."""
    answer = b""
    for number, value in read_fields(request):
        if number == 2:
            assert isinstance(value, bytes)
            entry = dict(read_fields(value))
            name, tensor = entry[1], entry[2]
            assert isinstance(name, bytes)
            assert isinstance(tensor, bytes)
            answer += field(1, field(1, name + b"_out") + field(2, tensor))
    return answer


@contextmanager
def tensorflow_server(asked: list[bytes]) -> Iterator[str]:
    """Its address; what Predict is asked is put into the list."""

    def predict(request: bytes, context: grpc.ServicerContext) -> bytes:  # noqa: ARG001
        asked.append(request)
        return echo(request)

    def tell(request: bytes, context: grpc.ServicerContext) -> bytes:
        spec = next(value for number, value in read_fields(request) if number == 1)
        assert isinstance(spec, bytes)
        if dict(read_fields(spec))[1] != b"m":
            context.abort(grpc.StatusCode.NOT_FOUND, "Servable not found")
        return metadata()

    handlers = {
        "Predict": grpc.unary_unary_rpc_method_handler(predict),
        "GetModelMetadata": grpc.unary_unary_rpc_method_handler(tell),
    }
    server = grpc.server(ThreadPoolExecutor(2))
    server.add_generic_rpc_handlers(
        (grpc.method_handlers_generic_handler("tensorflow.serving.PredictionService", handlers),)
    )
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    try:
        yield f"127.0.0.1:{port}"
    finally:
        server.stop(None).wait()
