"""Answers are looked at: what differs from what is expected is wrong, however fast it came."""

# Servicers take a request and a context, also those that need neither.
# ruff: noqa: ARG005

from __future__ import annotations

import struct
from typing import Any

import numpy as np
import pytest
from conftest import Outcome, Serve, load, requests_for

from pyserver import _core
from pyserver.open_inference import open_inference_pb2
from pyserver.v1 import predict_pb2, tensor_pb2


def outcome_for(serve: Serve, answer: bytes, expectation: _core.LoadExpectation, **options: Any) -> Outcome:
    """Of one request that is answered with `answer`."""
    address = serve({"unary_fixed": lambda request, context: answer})
    requests = requests_for("unary_fixed", expectations=[expectation], **options)
    return load(_core.LoadTarget(address), requests, concurrency=1, max_requests=1)


def predict(**outputs: np.ndarray) -> bytes:
    response = predict_pb2.PredictResponse()
    names = {"float32": "FP32", "float64": "FP64", "int64": "INT64", "float16": "FP16"}
    for name, array in outputs.items():
        datatype = tensor_pb2.Datatype.Value(f"DATATYPE_{names[array.dtype.name]}")
        response.outputs[name].CopyFrom(tensor_pb2.Tensor(datatype=datatype, shape=array.shape, raw=array.tobytes()))
    return response.SerializeToString()


def varint(number: int) -> bytes:
    out = b""
    while number > 127:
        out += bytes([number & 127 | 128])
        number >>= 7
    return out + bytes([number])


def field(number: int, content: bytes) -> bytes:
    """A length-delimited field of protobuf."""
    return varint(number << 3 | 2) + varint(len(content)) + content


def expected(datatype: str, array: np.ndarray, reader: str = "predict", **tolerance: float) -> _core.LoadExpectation:
    return _core.LoadExpectation(reader, [("OUT", datatype, array.tobytes())], **tolerance)


VALUES = np.array([1.0, 2.0, 3.0], np.float32)
OFF = np.array([1.0, 2.001, 3.0], np.float32)


@pytest.mark.parametrize(
    ("answer", "expectation", "problem"),
    [
        (predict(OUT=VALUES), expected("FP32", VALUES), None),
        (predict(OTHER=OFF, OUT=VALUES), expected("FP32", VALUES), None),
        (predict(OUT=OFF), expected("FP32", VALUES), "output 'OUT': byte 4 is"),
        (predict(OUT=OFF), expected("FP32", VALUES, absolute=0.01), None),
        (predict(OUT=OFF), expected("FP32", VALUES, relative=0.001), None),
        (
            predict(OUT=OFF),
            expected("FP32", VALUES, absolute=0.0001),
            "output 'OUT': 1 of 3 elements are wrong, the first at 1: 2.00099993 instead of 2",
        ),
        (predict(OUT=OFF.astype(np.float64)), expected("FP64", OFF.astype(np.float64) + 1e-9, absolute=1e-8), None),
        (predict(OUT=OFF.astype(np.float16)), expected("FP16", VALUES.astype(np.float16), relative=0.01), None),
        (
            predict(OUT=OFF.astype(np.float16) * 2),
            expected("FP16", VALUES.astype(np.float16), relative=0.01),
            "3 of 3 elements are wrong, the first at 0: 2 instead of 1",
        ),
        (
            predict(OUT=np.array([np.nan, np.inf], np.float32)),
            expected("FP32", np.array([np.nan, np.inf], np.float32), absolute=1),
            None,
        ),
        (
            predict(OUT=np.array([np.nan], np.float32)),
            expected("FP32", np.array([1.0], np.float32), absolute=1),
            "nan instead of 1",
        ),
        (
            predict(OUT=np.array([1, 3])),
            expected("INT64", np.array([1, 2]), absolute=5),
            "output 'OUT': byte 8 is 3 instead of 2",
        ),
        (predict(OUT=np.array([1])), expected("FP32", VALUES), "output 'OUT' is INT64 instead of FP32"),
        (predict(OUT=VALUES[:2]), expected("FP32", VALUES), "output 'OUT' has 8 bytes instead of 12"),
        (predict(), expected("FP32", VALUES), "output 'OUT' is missing"),
        (b"\xff", expected("FP32", VALUES), "the answer cannot be read: "),
    ],
)
def test_tensors_of_predict_are_compared(
    serve: Serve, answer: bytes, expectation: _core.LoadExpectation, problem: str | None
) -> None:
    outcome = outcome_for(serve, answer, expectation)
    if problem is None:
        assert (outcome.sum("answered"), outcome.errors) == (1, {})
    else:
        assert (outcome.sum("answered"), outcome.errors) == (0, {"MISMATCH": 1})
        assert problem in outcome.summary.errors_examples["MISMATCH"]


def test_byte_strings_are_compared_in_either_form(serve: Serve) -> None:
    response = predict_pb2.PredictResponse()
    response.outputs["OUT"].datatype = tensor_pb2.DATATYPE_BYTES
    response.outputs["OUT"].elements.values.extend([b"one", b""])
    raw = struct.pack("<I", 3) + b"one" + struct.pack("<I", 0)
    expectation = _core.LoadExpectation("predict", [("OUT", "BYTES", raw)])
    assert outcome_for(serve, response.SerializeToString(), expectation).sum("answered") == 1
    response.outputs["OUT"].elements.values[1] = b"two"
    assert outcome_for(serve, response.SerializeToString(), expectation).errors == {"MISMATCH": 1}


@pytest.mark.parametrize("raw", [True, False])
@pytest.mark.parametrize(
    ("datatype", "values", "contents"),
    [
        ("FP32", np.array([1.5, -2], np.float32), "fp32_contents"),
        ("FP64", np.array([1.5, -2], np.float64), "fp64_contents"),
        ("INT8", np.array([1, -2], np.int8), "int_contents"),
        ("INT32", np.array([1, -2], np.int32), "int_contents"),
        ("INT64", np.array([1, -2], np.int64), "int64_contents"),
        ("UINT16", np.array([1, 60000], np.uint16), "uint_contents"),
        ("UINT64", np.array([1, 2**63], np.uint64), "uint64_contents"),
        ("BOOL", np.array([True, False]), "bool_contents"),
    ],
)
def test_tensors_of_the_open_inference_protocol_are_compared(
    serve: Serve, raw: bool, datatype: str, values: np.ndarray, contents: str
) -> None:
    response = open_inference_pb2.ModelInferResponse()
    output = response.outputs.add(name="OUT", datatype=datatype, shape=[2])
    if raw:
        response.raw_output_contents.append(values.tobytes())
    else:
        getattr(output.contents, contents).extend(values.tolist())
    answer = response.SerializeToString()
    assert outcome_for(serve, answer, expected(datatype, values, "open_inference")).sum("answered") == 1
    wrong = outcome_for(serve, answer, expected(datatype, values[::-1], "open_inference"))
    assert wrong.errors == {"MISMATCH": 1}


def test_tensors_of_tensorflow_are_compared(serve: Serve) -> None:
    def answer(tensor: bytes) -> bytes:
        return field(1, field(1, b"OUT") + field(2, tensor))

    content = b"\x08\x01" + field(4, VALUES.tobytes())
    typed = b"\x08\x01" + field(5, VALUES.tobytes())
    assert outcome_for(serve, answer(content), expected("FP32", VALUES, "tensorflow")).sum("answered") == 1
    assert outcome_for(serve, answer(typed), expected("FP32", VALUES, "tensorflow")).sum("answered") == 1
    assert outcome_for(serve, answer(typed), expected("FP32", OFF, "tensorflow")).errors == {"MISMATCH": 1}
    # One value stands for all.
    ones = b"\x08\x09" + field(10, varint(7))
    assert outcome_for(serve, answer(ones), expected("INT64", np.full(4, 7), "tensorflow")).sum("answered") == 1
    text = b"\x08\x07" + field(8, b"one")
    raw = np.frombuffer(struct.pack("<I", 3) + b"one", np.uint8)
    assert outcome_for(serve, answer(text), expected("BYTES", raw, "tensorflow")).sum("answered") == 1


def test_each_request_has_its_own_expectation(serve: Serve) -> None:
    address = serve({"unary_echo": lambda request, context: request})
    bodies = [b"one", b"two", b"three", b"four"]
    expectations = [_core.LoadExpectation("message", [("", "", body)]) for body in bodies[:2]]
    wrong = _core.LoadExpectation("message", [("", "", b"thrEe")])
    requests = requests_for("unary_echo", bodies, expectations=[*expectations, wrong, None])
    outcome = load(_core.LoadTarget(address), requests, concurrency=8, max_requests=40)
    assert (outcome.sum("answered"), outcome.errors) == (30, {"MISMATCH": 10})
    assert outcome.summary.last_error == "the answer differs from byte 3 on"


def test_the_ledger_of_pyserver_is_summed(serve: Serve) -> None:
    response = predict_pb2.PredictResponse()
    response.ledger.queue_us = 1000
    response.ledger.execute_us = 7
    response.ledger.batch_size = 3
    answer = response.SerializeToString()
    address = serve({"unary_fixed": lambda request, context: answer})
    requests = requests_for("unary_fixed", ledger=True)
    outcome = load(_core.LoadTarget(address), requests, concurrency=1, max_requests=5)
    (window,) = outcome.windows
    assert (window.ledger_count, window.ledger_batch_rows) == (5, 15)
    assert window.ledger["queue_us"] == 5000
    assert window.ledger["execute_us"] == 35
    assert window.ledger["decode_us"] == 0


def test_bad_expectations_are_refused() -> None:
    with pytest.raises(ValueError, match="expected predict, open_inference, tensorflow or message"):
        _core.LoadExpectation("json", [])
    with pytest.raises(ValueError, match="'FP31' is no datatype"):
        _core.LoadExpectation("predict", [("OUT", "FP31", b"")])
    with pytest.raises(ValueError, match="tolerance cannot be negative"):
        _core.LoadExpectation("predict", [], absolute=-1)
