"""TensorFlow Serving's Predict, against a small server that knows its numbers from elsewhere than our .proto."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest
from protobuf_wire import field, repeated
from request_models import model
from tensorflow_server import read_fields, shape, tensorflow_server

from pyserver.channel import RequestFailedError
from pyserver_loadgen.inputs import RequestOptions, build_pool, expected_first
from pyserver_loadgen.protocols import Connection, Encoding, RequestError, TensorSpec, connect, protocol_named

DATATYPES = {
    "floats": "FP32",
    "doubles": "FP64",
    "ints": "INT32",
    "bytes": "UINT8",
    "texts": "BYTES",
    "longs": "INT64",
    "truths": "BOOL",
    "bfloats": "BF16",
    "halves": "FP16",
    "unsigned": "UINT32",
}


@pytest.fixture(scope="module")
def asked() -> list[bytes]:
    return []


@pytest.fixture(scope="module")
def serving(asked: list[bytes]) -> Iterator[Connection]:
    with tensorflow_server(asked) as address, connect(address) as made:
        yield made


def test_the_signature_is_the_metadata(serving: Connection) -> None:
    told = protocol_named("tfs").metadata(serving, "m")
    assert {spec.name: spec.datatype for spec in told.inputs} == DATATYPES
    assert told.input("floats").shape == (-1, 2)
    assert [spec.name for spec in told.outputs] == sorted(f"{name}_out" for name in DATATYPES)
    assert told.max_batch_size is None
    assert told.batches()


def test_a_signature_that_is_not_there_names_those_that_are(serving: Connection) -> None:
    with pytest.raises(RequestError, match="no signature 'other'; its signatures: serving_default"):
        protocol_named("tfs", signature="other").metadata(serving, "m")
    with pytest.raises(RequestFailedError, match="NOT_FOUND"):
        protocol_named("tfs").metadata(serving, "n")


def test_every_datatype_comes_back_as_it_went(serving: Connection, asked: list[bytes]) -> None:
    protocol = protocol_named("tfs")
    told = protocol.metadata(serving, "m")
    pool = build_pool(protocol, told, RequestOptions(version="5", pool=1, batch_size=3))
    assert pool.path == "/tensorflow.serving.PredictionService/Predict"
    assert pool.id_offset is None
    outputs = protocol.decode(serving.call(pool.path, pool.bodies[0]), told)
    assert outputs["floats_out"].shape == (3, 2)
    again = protocol.encode(told, {name: outputs[f"{name}_out"] for name in DATATYPES}, Encoding(version="5"))
    assert again.body == pool.bodies[0]
    fields = dict(read_fields(asked[-1]))
    assert fields[1] == field(1, "m") + field(2, field(1, 5)) + field(3, "serving_default")


def test_a_request_is_what_tensorflow_reads() -> None:
    told = model(TensorSpec("x", "FP32", (-1, 2)), TensorSpec("t", "BYTES", (-1,)), max_batch_size=None)
    texts = np.array(["ab", b"\xff"], dtype=object)
    inputs = {"x": np.array([[0.5, 2.0]], np.float32), "t": texts}
    tensor = field(1, 1) + field(2, shape(1, 2)) + field(4, np.array([0.5, 2.0], "<f4").tobytes())
    strings = field(1, 7) + field(2, shape(2)) + repeated(8, [b"ab", b"\xff"])
    assert protocol_named("tfs").encode(told, inputs, Encoding(outputs=("y",))).body == (
        field(1, field(1, "m") + field(3, "serving_default"))
        + field(2, field(1, "t") + field(2, strings))
        + field(2, field(1, "x") + field(2, tensor))
        + field(3, "y")
    )


@pytest.mark.parametrize(
    ("number", "elements", "values"),
    [
        (1, repeated(5, [0.5, -2.0, 4.0, 0.25]), [[0.5, -2.0], [4.0, 0.25]]),
        (1, repeated(5, [0.5]), [[0.5, 0.5], [0.5, 0.5]]),
        (3, repeated(7, [-1, 2, 3]), [[-1, 2], [3, 3]]),
        (4, repeated(7, [1, 255, 3, 4]), [[1, 255], [3, 4]]),
        (7, repeated(8, [b"a", b"b"]), [[b"a", b"b"], [b"b", b"b"]]),
        (9, repeated(10, [-(2**40)]), [[-(2**40)] * 2] * 2),
        (10, repeated(11, [True, False]), [[True, False], [False, False]]),
        (19, repeated(13, [0x3C00, 0xC000]), [[1.0, -2.0], [-2.0, -2.0]]),
        (23, repeated(17, [2**63]), [[2**63] * 2] * 2),
    ],
)
def test_answers_in_lists_are_read_and_the_last_element_repeats(
    number: int, elements: bytes, values: list[object]
) -> None:
    tensor = field(1, number) + field(2, shape(2, 2)) + elements
    answer = field(1, field(1, "y") + field(2, tensor))
    assert protocol_named("tfs").decode(answer, model())["y"].tolist() == values


def test_an_answer_with_too_many_elements_is_told() -> None:
    tensor = field(1, 1) + field(2, shape(1)) + repeated(5, [0.5, 0.5])
    with pytest.raises(RequestError, match=r"tensor of FP32 \[1\] has 2 elements"):
        protocol_named("tfs").decode(field(1, field(1, "y") + field(2, tensor)), model())


def test_the_first_answers_can_be_the_expectation(serving: Connection) -> None:
    protocol = protocol_named("tfs")
    told = protocol.metadata(serving, "m")
    pool = build_pool(protocol, told, RequestOptions(pool=2, batch_size=1))
    first, second = expected_first(protocol, pool, serving)
    assert first.reader == "tensorflow"
    assert first.outputs != second.outputs
    contents = {name: (datatype, raw) for name, datatype, raw in first.outputs}
    sent = protocol.decode(serving.call(pool.path, pool.bodies[0]), told)
    assert contents["doubles_out"] == ("FP64", sent["doubles_out"].tobytes())


def test_there_are_no_streams_and_no_ids(serving: Connection) -> None:
    protocol = protocol_named("tfs")
    told = protocol.metadata(serving, "m")
    with pytest.raises(RequestError, match="protocol tfs has no streams"):
        build_pool(protocol, told, RequestOptions(streaming=True))
    with pytest.raises(RequestError, match="requests of protocol tfs have no ids"):
        build_pool(protocol, told, RequestOptions(ids=True))
    with pytest.raises(RequestError, match="protocol tfs carries no ledger"):
        build_pool(protocol, told, RequestOptions(ledger=True))
