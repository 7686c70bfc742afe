"""Predict and the Open Inference Protocol, against a real server."""

from __future__ import annotations

import numpy as np
import pytest
import request_models
from identity_models import DATATYPES

from pyserver.channel import RequestFailedError
from pyserver.open_inference import open_inference_pb2
from pyserver.tensors import Array
from pyserver.v1 import predict_pb2
from pyserver_loadgen.inputs import RequestOptions, build_pool, expected_first
from pyserver_loadgen.protocols import (
    Connection,
    Encoding,
    RequestError,
    RequestProtocol,
    TensorSpec,
    protocol_named,
)
from pyserver_loadgen.protocols.contents import raw_contents

ID = b"0123456789abcdef"
NO_MODEL = request_models.model()
GRPC = pytest.mark.parametrize("name", ["predict", "oip"])


def parse(name: str, body: bytes, *, streaming: bool = False) -> tuple[str, str, str, dict[str, Array]]:
    """Model, version, id and inputs, as protobuf and nothing of ours reads them."""
    if name == "oip":
        infer = open_inference_pb2.ModelInferRequest.FromString(body)
        kinds = {"FP32": np.float32, "INT64": np.int64}
        inputs = {
            told.name: np.frombuffer(raw, kinds[told.datatype]).reshape(tuple(told.shape))
            for told, raw in zip(infer.inputs, infer.raw_input_contents, strict=True)
        }
        return infer.model_name, infer.model_version, infer.id, inputs
    request = (
        predict_pb2.PredictStreamRequest.FromString(body).request
        if streaming
        else predict_pb2.PredictRequest.FromString(body)
    )
    kinds_by_number = {11: np.float32, 9: np.int64}
    inputs = {
        key: np.frombuffer(tensor.raw, kinds_by_number[tensor.datatype]).reshape(tuple(tensor.shape))
        for key, tensor in request.inputs.items()
    }
    return request.model, str(request.version or ""), request.id, inputs


@GRPC
def test_the_metadata_has_the_shapes_of_the_wire(name: str, connection: Connection) -> None:
    protocol = protocol_named(name)
    echo = protocol.metadata(connection, "echo")
    assert (echo.inputs, echo.max_batch_size) == ((TensorSpec("IN", "FP32", (-1, -1)),), 8)
    fixed = protocol.metadata(connection, "fixed")
    assert (fixed.inputs, fixed.max_batch_size) == ((TensorSpec("IN", "INT64", (2, 3)),), 0)
    assert [spec.datatype for spec in protocol.metadata(connection, "every").outputs] == list(DATATYPES)


@GRPC
def test_a_model_or_version_that_is_not_there_is_the_servers_error(name: str, connection: Connection) -> None:
    protocol = protocol_named(name)
    with pytest.raises(RequestFailedError, match="NOT_FOUND"):
        protocol.metadata(connection, "nothing")
    with pytest.raises(RequestFailedError, match="NOT_FOUND"):
        protocol.metadata(connection, "echo", "2")


@GRPC
def test_why_a_model_does_not_serve_is_told(name: str, connection: Connection) -> None:
    with pytest.raises(RequestFailedError, match=r"UNAVAILABLE: .*broken.*nothing"):
        protocol_named(name).metadata(connection, "broken")


@GRPC
@pytest.mark.parametrize("streaming", [False, True])
@pytest.mark.parametrize("version", ["", "3"])
def test_protobuf_reads_what_was_encoded_and_the_id_where_it_was_told(
    name: str, streaming: bool, version: str, connection: Connection
) -> None:
    protocol = protocol_named(name)
    model = protocol.metadata(connection, "echo")
    encoding = Encoding(version=version, streaming=streaming, ids=True)
    places = set()
    for size in (1, 40, 5_000, 300_000):
        array = np.arange(size, dtype=np.float32).reshape(1, size)
        encoded = protocol.encode(model, {"IN": array}, encoding)
        assert encoded.id_offset is not None
        places.add(encoded.id_offset)
        body = bytearray(encoded.body)
        body[encoded.id_offset : encoded.id_offset + 16] = ID
        told = parse(name, bytes(body), streaming=streaming)
        assert told[:3] == ("echo", version, ID.decode())
        np.testing.assert_array_equal(told[3]["IN"], array)
    assert len(places) == 1


@GRPC
def test_requests_without_ids_have_none(name: str, connection: Connection) -> None:
    protocol = protocol_named(name)
    model = protocol.metadata(connection, "echo")
    encoded = protocol.encode(model, {"IN": np.ones((1, 2), np.float32)}, Encoding())
    assert encoded.id_offset is None
    assert parse(name, encoded.body)[2] == ""


def every_input(protocol: RequestProtocol, connection: Connection) -> dict[str, Array]:
    model = protocol.metadata(connection, "every")
    pool = build_pool(protocol, model, RequestOptions(pool=1, dimensions=("*[0]=3",)))
    return protocol_inputs(protocol, pool.bodies[0])


def protocol_inputs(protocol: RequestProtocol, body: bytes) -> dict[str, Array]:
    """The inputs in a request: identity models answer with them, so they decode as an answer."""
    if protocol.name == "predict":
        request = predict_pb2.PredictRequest.FromString(body)
        answer = predict_pb2.PredictResponse(outputs=request.inputs).SerializeToString()
    else:
        infer = open_inference_pb2.ModelInferRequest.FromString(body)
        response = open_inference_pb2.ModelInferResponse(raw_output_contents=infer.raw_input_contents)
        for told in infer.inputs:
            response.outputs.add(name=told.name, datatype=told.datatype, shape=told.shape)
        answer = response.SerializeToString()
    return protocol.decode(answer, NO_MODEL)


@GRPC
@pytest.mark.parametrize("streaming", [False, True])
def test_the_server_answers_an_encoded_request_of_every_datatype(
    name: str, streaming: bool, connection: Connection
) -> None:
    protocol = protocol_named(name)
    model = protocol.metadata(connection, "every")
    inputs = every_input(protocol, connection)
    encoding = Encoding(streaming=streaming, ids=streaming)
    encoded = protocol.encode(model, inputs, encoding)
    answer = connection.call(protocol.path("every", encoding), encoded.body, streaming=streaming)
    outputs = protocol.decode(answer, model, streaming=streaming)
    assert set(outputs) == {f"OUT_{datatype}" for datatype in DATATYPES}
    for datatype in DATATYPES:
        sent, came = inputs[f"IN_{datatype}"], outputs[f"OUT_{datatype}"]
        assert came.shape == (3, 2)
        np.testing.assert_array_equal(came, sent)


@GRPC
def test_expected_outputs_are_the_raw_contents_in_the_models_order(name: str, connection: Connection) -> None:
    protocol = protocol_named(name)
    model = protocol.metadata(connection, "every")
    inputs = every_input(protocol, connection)
    outputs = {f"OUT_{datatype}": inputs[f"IN_{datatype}"] for datatype in reversed(DATATYPES)}
    expected = protocol.expect(outputs, model)
    assert expected.reader == {"predict": "predict", "oip": "open_inference"}[name]
    assert [(told[0], told[1]) for told in expected.outputs] == [(f"OUT_{kind}", kind) for kind in DATATYPES]
    for (_, datatype, raw), kind in zip(expected.outputs, DATATYPES, strict=True):
        assert raw == raw_contents(inputs[f"IN_{kind}"], datatype)
    strings = {told[0]: told[2] for told in expected.outputs}["OUT_BYTES"]
    first = inputs["IN_BYTES"][0, 0]
    assert strings.startswith(len(first).to_bytes(4, "little") + first)


@GRPC
@pytest.mark.parametrize("streaming", [False, True])
def test_the_first_answers_can_be_the_expectation(name: str, streaming: bool, connection: Connection) -> None:
    protocol = protocol_named(name)
    model = protocol.metadata(connection, "echo")
    pool = build_pool(protocol, model, RequestOptions(pool=3, shapes=("IN=2,5",), streaming=streaming))
    expected = expected_first(protocol, pool, connection)
    for body, told in zip(pool.bodies, expected, strict=True):
        sent = parse(name, body, streaming=streaming)[3]["IN"]
        assert told.outputs == ((model.outputs[0].name, "FP32", sent.tobytes()),)


@GRPC
def test_an_error_inside_a_stream_is_told(name: str, connection: Connection) -> None:
    protocol = protocol_named(name)
    model = protocol.metadata(connection, "echo")
    encoding = Encoding(version="7", streaming=True, ids=True)
    encoded = protocol.encode(model, {"IN": np.ones((1, 2), np.float32)}, encoding)
    answer = connection.call(protocol.path("echo", encoding), encoded.body, streaming=True)
    with pytest.raises(RequestError, match=r"answered with an error: .*7"):
        protocol.decode(answer, model, streaming=True)


@GRPC
def test_only_the_outputs_asked_for_come(name: str, connection: Connection) -> None:
    protocol = protocol_named(name)
    model = protocol.metadata(connection, "every")
    encoding = Encoding(outputs=("OUT_FP32", "OUT_BOOL"))
    encoded = protocol.encode(model, every_input(protocol, connection), encoding)
    outputs = protocol.decode(connection.call(protocol.path("every", encoding), encoded.body), model)
    assert set(outputs) == {"OUT_FP32", "OUT_BOOL"}


def test_the_ledger_is_asked_for(connection: Connection) -> None:
    protocol = protocol_named("predict")
    model = protocol.metadata(connection, "echo")
    for ledger in (False, True):
        pool = build_pool(protocol, model, RequestOptions(pool=1, shapes=("IN=1,2",), ledger=ledger))
        answer = predict_pb2.PredictResponse.FromString(connection.call(pool.path, pool.bodies[0]))
        assert answer.HasField("ledger") == ledger


def test_open_inference_reads_typed_contents() -> None:
    response = open_inference_pb2.ModelInferResponse()
    for output, datatype, field, values in (
        ("a", "FP32", "fp32_contents", [0.5, -1.0]),
        ("b", "INT8", "int_contents", [-3, 4]),
        ("c", "BYTES", "bytes_contents", [b"x", b""]),
    ):
        told = response.outputs.add(name=output, datatype=datatype, shape=[2])
        getattr(told.contents, field).extend(values)
    outputs = protocol_named("oip").decode(response.SerializeToString(), NO_MODEL)
    assert outputs["a"].dtype == np.float32
    assert outputs["b"].dtype == np.int8
    assert {name: array.tolist() for name, array in outputs.items()} == {
        "a": [0.5, -1.0],
        "b": [-3, 4],
        "c": [b"x", b""],
    }


@GRPC
def test_what_is_no_answer_is_told_so(name: str) -> None:
    with pytest.raises(RequestError, match="an answer of 3 bytes is no"):
        protocol_named(name).decode(b"\xff\xff\xff", NO_MODEL)


def test_raw_sends_any_message_and_expects_the_same_bytes(connection: Connection) -> None:
    protocol = protocol_named("raw", method="inference.GRPCInferenceService/ServerLive")
    model = protocol.metadata(connection, "")
    pool = build_pool(protocol, model, RequestOptions())
    assert (pool.path, pool.bodies) == ("/inference.GRPCInferenceService/ServerLive", (b"",))
    (expected,) = expected_first(protocol, pool, connection)
    live = open_inference_pb2.ServerLiveResponse(live=True).SerializeToString()
    assert (expected.reader, expected.outputs) == ("message", (("", "BYTES", live),))


@pytest.mark.parametrize("method", ["", "Method", "a/b/c", "/a/", "a b/c"])
def test_a_method_that_is_none_is_refused(method: str) -> None:
    with pytest.raises(RequestError, match=r"expected /package\.Service/Method"):
        protocol_named("raw", method=method)


def test_an_unknown_protocol_names_the_known_ones() -> None:
    with pytest.raises(RequestError, match="protocol 'http': expected predict, oip, tfs, rest-v2, rest-tfs, raw"):
        protocol_named("http")


def test_a_version_that_is_no_number_is_refused(connection: Connection) -> None:
    with pytest.raises(RequestError, match="version 'latest': expected a whole number"):
        protocol_named("predict").metadata(connection, "echo", "latest")
