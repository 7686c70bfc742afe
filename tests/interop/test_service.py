"""gRPC's interop TestService, as the interop test descriptions define it, on any object with `grpc.Server`'s interface.

Needs the generated code of src/proto/grpc/testing on the path (tools/conformance makes it). What the service uses of a
context is grpcio's, but for `request_was_compressed` of our native transport: whether the message read last came
compressed. Where a context does not have it, the service cannot tell, and believes what the client says.
"""

from __future__ import annotations

import threading
import time
import uuid
from collections.abc import Iterable, Iterator
from typing import Any

import grpc
from src.proto.grpc.testing import empty_pb2, messages_pb2, test_pb2_grpc

ECHO_INITIAL = "x-grpc-test-echo-initial"
ECHO_TRAILING = "x-grpc-test-echo-trailing-bin"
CODES = {code.value[0]: code for code in grpc.StatusCode}


class TestService(test_pb2_grpc.TestServiceServicer):
    """UnimplementedCall is left as the generated class has it, and UnimplementedService is served by no one."""

    __test__ = False  # pytest takes it for a test, by its name

    def __init__(self) -> None:
        self._server_id = str(uuid.uuid4())

    def EmptyCall(self, request: Any, context: Any) -> Any:  # noqa: ARG002, N802
        echo_metadata(context)
        return empty_pb2.Empty()

    def CacheableUnaryCall(self, request: Any, context: Any) -> Any:  # noqa: ARG002, N802
        context.send_initial_metadata((("cache-control", "max-age=60, public"),))
        return messages_pb2.SimpleResponse(payload=messages_pb2.Payload(body=str(time.time_ns()).encode()))

    def UnaryCall(self, request: Any, context: Any) -> Any:  # noqa: N802
        if request.HasField("response_compressed"):
            compressed = request.response_compressed.value
            context.set_compression(grpc.Compression.Gzip if compressed else grpc.Compression.NoCompression)
        echo_metadata(context)
        check_compression(request, context)
        echo_status(request, context)
        response = messages_pb2.SimpleResponse(payload=payload(request.response_size))
        if request.fill_server_id:
            response.server_id = self._server_id
        return response

    def StreamingOutputCall(self, request: Any, context: Any) -> Iterator[Any]:  # noqa: N802
        if any(parameters.HasField("compressed") for parameters in request.response_parameters):
            context.set_compression(grpc.Compression.Gzip)
        echo_metadata(context)
        pause = Pause(context)
        for parameters in request.response_parameters:
            pause.wait(parameters.interval_us)
            if parameters.HasField("compressed") and not parameters.compressed.value:
                context.disable_next_message_compression()
            yield messages_pb2.StreamingOutputCallResponse(payload=payload(parameters.size))
        echo_status(request, context)

    def StreamingInputCall(self, request_iterator: Iterator[Any], context: Any) -> Any:  # noqa: N802
        echo_metadata(context)
        size = 0
        for request in request_iterator:
            check_compression(request, context)
            size += len(request.payload.body)
        return messages_pb2.StreamingInputCallResponse(aggregated_payload_size=size)

    def FullDuplexCall(self, request_iterator: Iterator[Any], context: Any) -> Iterator[Any]:  # noqa: N802
        echo_metadata(context)
        pause = Pause(context)
        for request in request_iterator:
            echo_status(request, context)
            yield from responses(request, pause)

    def HalfDuplexCall(self, request_iterator: Iterator[Any], context: Any) -> Iterator[Any]:  # noqa: N802
        echo_metadata(context)
        pause = Pause(context)
        for request in list(request_iterator):
            yield from responses(request, pause)


class Pause:
    """Waits between the responses of a call, no longer than the call lives."""

    def __init__(self, context: Any) -> None:
        self._ended = threading.Event()
        context.add_callback(self._ended.set)

    def wait(self, microseconds: int) -> None:
        if microseconds > 0:
            self._ended.wait(microseconds / 1e6)


def payload(size: int) -> Any:
    return messages_pb2.Payload(type=messages_pb2.COMPRESSABLE, body=bytes(size))


def responses(request: Any, pause: Pause) -> Iterable[Any]:
    for parameters in request.response_parameters:
        pause.wait(parameters.interval_us)
        yield messages_pb2.StreamingOutputCallResponse(payload=payload(parameters.size))


def echo_metadata(context: Any) -> None:
    sent = dict(context.invocation_metadata())
    if ECHO_INITIAL in sent:
        context.send_initial_metadata(((ECHO_INITIAL, sent[ECHO_INITIAL]),))
    if ECHO_TRAILING in sent:
        context.set_trailing_metadata(((ECHO_TRAILING, sent[ECHO_TRAILING]),))


def echo_status(request: Any, context: Any) -> None:
    if request.HasField("response_status") and request.response_status.code != 0:
        context.abort(CODES[request.response_status.code], request.response_status.message)


def check_compression(request: Any, context: Any) -> None:
    """Ends the call with INVALID_ARGUMENT where the message came otherwise than the client says it sent it."""
    compressed = getattr(context, "request_was_compressed", None)
    if compressed is None or not request.HasField("expect_compressed"):
        return
    expected = request.expect_compressed.value
    if expected != compressed:
        forms = {True: "compressed", False: "uncompressed"}
        context.abort(
            grpc.StatusCode.INVALID_ARGUMENT, f"expected a request {forms[expected]}, it came {forms[compressed]}"
        )
