"""The REST protocols, against a small real server."""

from __future__ import annotations

import json
from collections.abc import Iterator

import numpy as np
import pytest
from request_models import model
from rest_server import RestServer, rest_server

from pyserver.channel import RequestFailedError, UnreachableError
from pyserver_loadgen.inputs import RequestOptions, build_pool, expected_first
from pyserver_loadgen.protocols import Encoding, RequestError, TensorSpec, connect, protocol_named

V2 = protocol_named("rest-v2")
V1 = protocol_named("rest-tfs")


@pytest.fixture
def server() -> Iterator[RestServer]:
    with rest_server() as made:
        yield made


def test_v2_tells_shapes_and_where_triton_is_batching(server: RestServer) -> None:
    connection = connect(server.address, "http")
    told = V2.metadata(connection, "m", "2")
    assert told.inputs == (TensorSpec("x", "FP32", (-1, 2)), TensorSpec("t", "BYTES", (-1, 1)))
    assert told.max_batch_size is None  # only the path without a version has a configuration here
    assert V2.metadata(connection, "m").max_batch_size == 4
    server.tells_batching = False
    assert V2.metadata(connection, "m").max_batch_size is None


def test_v2_requests_are_answered_and_decoded(server: RestServer) -> None:
    connection = connect(server.address, "http")
    told = V2.metadata(connection, "m")
    inputs = {
        "x": np.array([[0.1, -2.0], [3e30, 4.0]], np.float32),
        "t": np.array([["Grüße"], [""]], dtype=object),
    }
    encoding = Encoding(version="2", outputs=("x", "t"))
    encoded = V2.encode(told, inputs, encoding)
    answer = connection.call(V2.path("m", encoding), encoded.body, headers=V2.headers())
    outputs = V2.decode(answer, told)
    np.testing.assert_array_equal(outputs["x"], inputs["x"])
    assert outputs["t"].tolist() == [["Grüße".encode()], [b""]]
    path, headers, asked = server.asked[0]
    assert path == "/v2/models/m/versions/2/infer"
    assert headers["content-type"] == "application/json"
    assert asked["inputs"][1] == {"name": "t", "shape": [2, 1], "datatype": "BYTES", "data": ["Grüße", ""]}
    assert asked["outputs"] == [{"name": "x"}, {"name": "t"}]


def test_v2_ids_lie_at_one_place(server: RestServer) -> None:
    told = V2.metadata(connect(server.address, "http"), "m")
    pool = build_pool(V2, told, RequestOptions(ids=True, pool=8, dimensions=("x[0]=uniform(1,4)",)))
    assert pool.id_offset is not None
    for body in pool.bodies:
        changed = bytearray(body)
        changed[pool.id_offset : pool.id_offset + 16] = b"fedcba9876543210"
        assert json.loads(changed) == json.loads(body) | {"id": "fedcba9876543210"}
    assert len(set(map(len, pool.bodies))) > 1


def test_v1_tells_the_signature(server: RestServer) -> None:
    connection = connect(server.address, "http")
    told = V1.metadata(connection, "m", "1")
    assert told.inputs == (TensorSpec("t", "BYTES", (-1,)), TensorSpec("x", "FP32", (-1, 2)))
    with pytest.raises(RequestError, match="no signature 'other'; its signatures: lone, serving_default"):
        protocol_named("rest-tfs", signature="other").metadata(connection, "m")


def test_v1_requests_are_answered_and_decoded(server: RestServer) -> None:
    connection = connect(server.address, "http")
    told = V1.metadata(connection, "m")
    inputs = {"x": np.array([[0.1, -2.0]], np.float32), "t": np.array([b"\xff\x00"], dtype=object)}
    encoded = V1.encode(told, inputs, Encoding())
    outputs = V1.decode(connection.call(V1.path("m", Encoding()), encoded.body, headers=V1.headers()), told)
    np.testing.assert_array_equal(outputs["x"], inputs["x"])
    assert outputs["t"].tolist() == [b"\xff\x00"]
    path, _, asked = server.asked[0]
    assert path == "/v1/models/m:predict"
    assert asked["inputs"]["t"] == [{"b64": "/wA="}]


def test_v1_gives_a_lone_output_its_name(server: RestServer) -> None:
    connection = connect(server.address, "http")
    lone = protocol_named("rest-tfs", signature="lone")
    told = lone.metadata(connection, "m")
    pool = build_pool(lone, told, RequestOptions(pool=1, batch_size=2))
    outputs = lone.decode(connection.call(pool.path, pool.bodies[0], headers=pool.headers), told)
    assert outputs["x"].dtype == np.int64
    assert outputs["x"].shape == (2, 3)


def test_answers_are_expected_byte_for_byte(server: RestServer) -> None:
    connection = connect(server.address, "http")
    told = V2.metadata(connection, "m")
    pool = build_pool(V2, told, RequestOptions(pool=2))
    expected = expected_first(V2, pool, connection)
    assert [one.reader for one in expected] == ["message", "message"]
    assert json.loads(expected[0].outputs[0][2])["outputs"] == json.loads(pool.bodies[0])["inputs"]
    with pytest.raises(RequestError, match="leave ids away"):
        expected_first(V2, build_pool(V2, told, RequestOptions(ids=True)), connection)
    with pytest.raises(RequestError, match="use --expect first"):
        V2.expect({"x": np.ones((1, 2), np.float32)}, told)


def test_an_http_error_is_the_code_that_it_stands_for(server: RestServer) -> None:
    with pytest.raises(RequestFailedError, match=r"NOT_FOUND: HTTP 404 for /v2/models/n%2Fx: .*nothing at"):
        V2.metadata(connect(server.address, "http"), "n/x")


def test_a_server_that_is_not_there_is_unreachable() -> None:
    with rest_server() as gone:
        address = gone.address
    with pytest.raises(UnreachableError, match=f"no HTTP server answers at {address}"):
        V2.metadata(connect(address, "http"), "m")


@pytest.mark.parametrize(
    ("datatype", "array", "told"),
    [
        ("BF16", np.zeros(2, np.uint16), "input 'x' is BF16, which JSON cannot carry"),
        ("FP32", np.array([np.nan, 1], np.float32), "input 'x' has elements that are not finite"),
        ("BYTES", np.array([b"\xff", b""], object), "input 'x' has elements that are not UTF-8 text"),
    ],
)
def test_what_json_cannot_carry_is_refused(datatype: str, array: np.ndarray, told: str) -> None:
    with pytest.raises(RequestError, match=told):
        V2.encode(model(TensorSpec("x", datatype, (2,))), {"x": array}, Encoding())


@pytest.mark.parametrize(
    ("answer", "told"),
    [
        (b"<html>", "an answer of 6 bytes is no JSON"),
        (b"[1]", "no JSON object but a list"),
        (b'{"error": "x"}', "no list of outputs"),
        (b'{"outputs": [{"name": "x"}]}', "lacks its name, datatype, shape or data"),
        (
            b'{"outputs": [{"name":"x","datatype":"FP32","shape":[3],"data":[1]}]}',
            r"'x' is no FP32 tensor of shape \[3\]",
        ),
        (b'{"outputs": [{"name":"x","datatype":"FP9","shape":[1],"data":[1]}]}', "'x' is no FP9 tensor"),
    ],
)
def test_v2_answers_that_are_none_are_told(answer: bytes, told: str) -> None:
    with pytest.raises(RequestError, match=told):
        V2.decode(answer, model())


@pytest.mark.parametrize(
    ("answer", "told"),
    [
        (b'{"error": "out of memory"}', "no outputs: out of memory"),
        (b'{"outputs": {"y": [1]}}', "no output 'y'"),
        (b'{"outputs": {"t": [["a"], ["b", "c"]]}}', "'t' is no BYTES tensor"),
        (b'{"outputs": {"t": [{"b64": "?"}]}}', "'t' is no BYTES tensor"),
        (b'{"outputs": [1]}', "have no names"),
    ],
)
def test_v1_answers_that_are_none_are_told(answer: bytes, told: str) -> None:
    outputs = (TensorSpec("t", "BYTES", (-1,)), TensorSpec("x", "FP32", (-1,)))
    with pytest.raises(RequestError, match=told):
        V1.decode(answer, model(outputs=outputs))
