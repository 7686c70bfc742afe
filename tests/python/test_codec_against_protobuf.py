"""The core's codec and Python protobuf must read every message alike, and refuse the same ones.

PYSERVER_CODEC_EXAMPLES says how many messages to try (2,000 unless told), PYSERVER_CPP_TESTS where the C++ test
programs lie.
"""

from __future__ import annotations

import os
import struct
import subprocess
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
from codec_messages import MessageMaker
from codec_reference import (
    INVALID_ARGUMENT,
    Expectation,
    Tensor,
    expect_model_infer,
    expect_predict,
    infer_outputs,
    predict_outputs,
)
from google.protobuf import descriptor_pb2, descriptor_pool, message_factory
from google.protobuf.message import DecodeError
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pyserver.open_inference import open_inference_pb2 as oip
from pyserver.v1 import predict_pb2 as v1
from pyserver.v1 import tensor_pb2

PREDICT, PREDICT_STREAM, MODEL_INFER, MODEL_STREAM_INFER = range(4)
BATCH = 100
EXAMPLES = int(os.environ.get("PYSERVER_CODEC_EXAMPLES", "2000"))
LEDGER = v1.Ledger(
    receive_us=1, decode_us=200, batch_us=40_000, preprocess_us=5, execute_us=2**64 - 1, postprocess_us=7, encode_us=8,
    batch_size=2**32 - 1,
)  # fmt: skip


class Codec:
    """The program that decodes and encodes; see tests/cpp/codec_differential/main.cc."""

    def __init__(self, program: Path) -> None:
        self._process = subprocess.Popen([program], stdin=subprocess.PIPE, stdout=subprocess.PIPE)

    def answers(self, messages: list[tuple[int, bytes]]) -> list[bytes]:
        batch = b"".join(struct.pack("<IB", len(message), kind) + message for kind, message in messages)
        assert self._process.stdin is not None
        self._process.stdin.write(struct.pack("<I", len(batch)) + batch)
        self._process.stdin.flush()
        return [self._read(int.from_bytes(self._read(4), "little")) for _ in messages]

    def _read(self, size: int) -> bytes:
        assert self._process.stdout is not None
        data = self._process.stdout.read(size)
        assert len(data) == size, f"codec_differential ended: {self._process.wait()}"
        return data

    def close(self) -> None:
        self._process.communicate()
        assert self._process.returncode == 0


@pytest.fixture(scope="module")
def codec() -> Iterator[Codec]:
    default = Path(__file__).parents[2] / "build/dev/tests/cpp"
    program = Path(os.environ.get("PYSERVER_CPP_TESTS", default)) / "codec_differential"
    codec = Codec(program)
    yield codec
    codec.close()


def _mirrors() -> list[type[Any]]:
    """The request messages by kind, with their maps as what they are on the wire: repeated entries.

    That shows duplicate keys, which protobuf hides and the core refuses. It also takes an entry with unknown fields for
    what it is, as protobuf's C++ and Java do; its Python (upb) moves the whole entry to the unknown fields.
    """
    pool = descriptor_pool.DescriptorPool()
    for module in (tensor_pb2, v1, oip):
        file = descriptor_pb2.FileDescriptorProto()
        module.DESCRIPTOR.CopyToProto(file)
        messages = list(file.message_type)
        for message in messages:
            messages.extend(message.nested_type)
            message.options.ClearField("map_entry")
        pool.Add(file)
    names = ("pyserver.v1.PredictRequest", "pyserver.v1.PredictStreamRequest", "inference.ModelInferRequest")
    classes = [message_factory.GetMessageClass(pool.FindMessageTypeByName(name)) for name in names]
    return [*classes, classes[-1]]


ORIGINALS = (v1.PredictRequest, v1.PredictStreamRequest, oip.ModelInferRequest, oip.ModelInferRequest)
MIRRORS = _mirrors()


def make(maker: MessageMaker) -> tuple[int, bytes]:
    """One message, as some writer would write it, or damaged."""
    kind = maker.rng.randrange(4)
    if kind == PREDICT:
        message = maker.predict()
    elif kind == PREDICT_STREAM:
        message = maker.predict_stream()
    else:
        message = maker.model_infer()
    choice = maker.rng.random()
    if choice < 0.3:
        message = maker.mutated(message)
    elif choice < 0.6:
        parsed = parse(MIRRORS, kind, message)
        message = message if parsed is None else parsed.SerializeToString()
    return kind, message


def parse(classes: Sequence[type[Any]], kind: int, message: bytes) -> Any:
    """The message as protobuf reads it; None where it refuses to."""
    try:
        return classes[kind].FromString(message)
    except DecodeError:
        return None


def expectation(kind: int, message: bytes) -> Expectation | None:
    parsed = parse(MIRRORS, kind, message)
    assert (parsed is None) == (parse(ORIGINALS, kind, message) is None)
    if parsed is None:
        return None
    if kind == PREDICT:
        return expect_predict(parsed)
    return expect_predict(parsed.request) if kind == PREDICT_STREAM else expect_model_infer(parsed)


def check_refusal(kind: int, answer: bytes, expected: Expectation | None) -> None:
    length = int.from_bytes(answer[1:5], "little")
    text, error = answer[5 : 5 + length].decode(), answer[5 + length :]
    assert expected is None or answer[0] in expected.refusals, f"refused without a reason: {text}"
    if kind == PREDICT_STREAM:
        response = v1.PredictStreamResponse.FromString(error)
        assert (response.error.code, response.error.message) == (answer[0], text)
        assert expected is None or response.id == expected.id
    elif kind == MODEL_STREAM_INFER:
        failed = oip.ModelStreamInferResponse.FromString(error)
        assert failed.error_message == text
        assert expected is None or (failed.infer_response.model_name, failed.infer_response.id) == (
            expected.model,
            expected.id,
        )
    if expected is not None and expected.model == "m":
        assert text.startswith("model 'm': ")


def read_response(kind: int, data: bytes, expected: Expectation) -> tuple[str, int, str, dict[str, Tensor]]:
    if kind in (PREDICT, PREDICT_STREAM):
        if kind == PREDICT:
            response = v1.PredictResponse.FromString(data)
        else:
            wrapped = v1.PredictStreamResponse.FromString(data)
            assert wrapped.id == expected.id
            assert wrapped.WhichOneof("result") == "response"
            response = wrapped.response
        assert response.HasField("ledger") == expected.wants_ledger
        assert not expected.wants_ledger or response.ledger == LEDGER
        return response.model, response.version, response.id, predict_outputs(response)
    if kind == MODEL_INFER:
        infer = oip.ModelInferResponse.FromString(data)
    else:
        stream = oip.ModelStreamInferResponse.FromString(data)
        assert stream.error_message == ""
        infer = stream.infer_response
    return infer.model_name, int(infer.model_version or 0), infer.id, infer_outputs(infer)


def check(kind: int, message: bytes, answer: bytes) -> None:
    expected = expectation(kind, message)
    if answer[0] != 0:
        check_refusal(kind, answer, expected)
        return
    assert expected is not None, "protobuf refuses this message"
    assert not expected.refusals, f"should be refused with one of {expected.refusals}"
    priority, ledger, typed, timeout_us, count = struct.unpack_from("<I??qI", answer, 1)
    assert (priority, ledger, typed) == (expected.priority, expected.wants_ledger, expected.wants_typed_contents)
    assert timeout_us == expected.timeout_us
    at, names = 1 + struct.calcsize("<I??qI"), []
    for _ in range(count):
        length = int.from_bytes(answer[at : at + 4], "little")
        names.append(answer[at + 4 : at + 4 + length].decode())
        at += 4 + length
    assert names == expected.wanted_outputs
    got = read_response(kind, answer[at:], expected)
    assert got == (expected.model, expected.version, expected.id, expected.inputs)


@given(seed=st.integers(min_value=0, max_value=2**64 - 1))
@settings(
    max_examples=max(1, EXAMPLES // BATCH),
    deadline=None,
    database=None,
    suppress_health_check=[HealthCheck.too_slow],
)
def test_the_codec_reads_writes_and_refuses_what_protobuf_does(codec: Codec, seed: int) -> None:
    maker = MessageMaker(seed)
    messages = [make(maker) for _ in range(BATCH)]
    kind, message = messages[0]
    try:
        for (kind, message), answer in zip(messages, codec.answers(messages), strict=True):
            check(kind, message, answer)
    except AssertionError as error:
        raise AssertionError(f"kind {kind}, message {message.hex()}: {error}") from error


def test_a_message_of_each_kind_is_refused_when_it_is_empty(codec: Codec) -> None:
    for answer in codec.answers([(kind, b"") for kind in range(4)]):
        assert answer[0] == INVALID_ARGUMENT
