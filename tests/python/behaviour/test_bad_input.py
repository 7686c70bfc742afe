"""Bad input gets a canonical code and a sentence that names the model, the tensor, what was expected and what came."""

from __future__ import annotations

import grpc
import numpy as np
import pytest
from wire import METHODS, ModelInfer, Predict, Tensor, assert_refused, pack_bytes

from pyserver.open_inference import open_inference_pb2 as oip

INVALID = grpc.StatusCode.INVALID_ARGUMENT
NOT_FOUND = grpc.StatusCode.NOT_FOUND
GOOD = Tensor.of(np.arange(4, dtype=np.float32).reshape(1, 4))

every_method = pytest.mark.parametrize("method", METHODS, ids=lambda method: type(method).__name__)


@every_method
@pytest.mark.parametrize(
    ("tensor", "words"),
    [
        pytest.param(Tensor("FP32", (1, 5), bytes(20)), ["[-1, 4]", "[1, 5]"], id="wrong shape"),
        pytest.param(Tensor("FP32", (4,), bytes(16)), ["[-1, 4]", "[4]"], id="missing batch dimension"),
        pytest.param(Tensor("INT32", (1, 4), bytes(16)), ["FP32", "INT32"], id="wrong datatype"),
        pytest.param(Tensor("FP32", (9, 4), bytes(144)), ["1 to 8", "9"], id="batch over the limit"),
        pytest.param(Tensor("FP32", (0, 4), b""), ["1 to 8", "0"], id="batch of nothing"),
        pytest.param(Tensor("FP32", (1, 4), bytes(15)), ["16", "15"], id="too few bytes"),
        pytest.param(Tensor("FP32", (1, 4), bytes(17)), ["16", "17"], id="too many bytes"),
        pytest.param(Tensor("FP32", (-1, 4), bytes(16)), ["-1"], id="negative dimension"),
        pytest.param(Tensor("FP32", (2**62, 4), bytes(16)), [str(2**62)], id="overflowing product"),
        pytest.param(Tensor("FP32", (2**61, 1), bytes(16)), [str(2**61)], id="overflowing size"),
        pytest.param(Tensor("FP32", (1,) * 17, bytes(4)), ["16"], id="rank of 17"),
    ],
)
def test_a_tensor_that_does_not_fit_is_refused(
    channel: grpc.Channel, method: Predict, tensor: Tensor, words: list[str]
) -> None:
    answer = method.infer(channel, "batched", {"INPUT0": tensor})
    assert_refused(method, answer, INVALID, "'batched'", "'INPUT0'", *words)


@every_method
@pytest.mark.parametrize(
    "raw",
    [
        pytest.param(b"\xff\xff\xff\x7fabc", id="length beyond the end"),
        pytest.param(b"\x01\x00\x00", id="half a length"),
        pytest.param(pack_bytes([b"a", b"b"]), id="an element too many"),
        pytest.param(b"", id="an element too few"),
    ],
)
def test_byte_strings_that_do_not_add_up_are_refused(channel: grpc.Channel, method: Predict, raw: bytes) -> None:
    answer = method.infer(channel, "echo_bytes", {"INPUT0": Tensor("BYTES", (1,), raw)})
    assert_refused(method, answer, INVALID, "'echo_bytes'", "'INPUT0'", "BYTES")


@every_method
def test_an_unknown_input_is_named(channel: grpc.Channel, method: Predict) -> None:
    answer = method.infer(channel, "batched", {"INPUT0": GOOD, "more": GOOD})
    assert_refused(method, answer, INVALID, "'batched'", "'more'", "'INPUT0'")


@every_method
def test_a_missing_input_is_named(channel: grpc.Channel, method: Predict) -> None:
    answer = method.infer(channel, "pair", {"a": Tensor.of(np.ones((1, 3), np.int32))})
    assert_refused(method, answer, INVALID, "'pair'", "'b'", "missing")
    assert_refused(method, method.infer(channel, "batched", {}), INVALID, "'batched'", "'INPUT0'")


@every_method
def test_inputs_with_different_batches_are_refused(channel: grpc.Channel, method: Predict) -> None:
    inputs = {"a": Tensor.of(np.ones((2, 3), np.int32)), "b": Tensor.of(np.ones((3, 1), np.float32))}
    assert_refused(method, method.infer(channel, "pair", inputs), INVALID, "'pair'", "2", "3")


@every_method
def test_an_unknown_output_is_named(channel: grpc.Channel, method: Predict) -> None:
    answer = method.infer(channel, "batched", {"INPUT0": GOOD}, outputs=["OUTPUT7"])
    assert_refused(method, answer, INVALID, "'batched'", "'OUTPUT7'", "'OUTPUT0'")


@every_method
def test_an_output_wanted_twice_is_refused(channel: grpc.Channel, method: Predict) -> None:
    answer = method.infer(channel, "batched", {"INPUT0": GOOD}, outputs=["OUTPUT0", "OUTPUT0"])
    assert_refused(method, answer, INVALID, "'OUTPUT0'")


@every_method
def test_a_huge_number_of_outputs_is_refused(channel: grpc.Channel, method: Predict) -> None:
    outputs = [f"o{index}" for index in range(200_000)]
    assert_refused(method, method.infer(channel, "batched", {"INPUT0": GOOD}, outputs=outputs), INVALID, "'batched'")


@every_method
@pytest.mark.parametrize(
    "name", ["nobody", "..", "../batched", "a/b", " ", "batched ", "bat\x00ched", "x" * 10_000, "a\r\nb"]
)
def test_a_model_that_is_not_there_is_not_found(channel: grpc.Channel, method: Predict, name: str) -> None:
    answer = method.infer(channel, name, {"INPUT0": GOOD})
    assert_refused(method, answer, NOT_FOUND, "model '")
    assert "\n" not in answer.message
    assert len(answer.message) < 300


@every_method
def test_no_model_name_at_all_is_refused(channel: grpc.Channel, method: Predict) -> None:
    assert_refused(method, method.infer(channel, "", {"INPUT0": GOOD}), INVALID, "model")


@every_method
def test_a_version_that_is_not_there_is_not_found(channel: grpc.Channel, method: Predict) -> None:
    answer = method.infer(channel, "batched", {"INPUT0": GOOD}, version=9)
    assert_refused(method, answer, NOT_FOUND, "'batched'", "9", "1")


@every_method
def test_a_priority_that_is_not_there_is_refused(channel: grpc.Channel, method: Predict) -> None:
    answer = method.infer(channel, "batched", {"INPUT0": GOOD}, priority=5)
    assert_refused(method, answer, INVALID, "'batched'", "5")


@every_method
@pytest.mark.parametrize("part", [b"\xff\xfe", b"\xc0\x80", b"\xed\xa0\x80"])
def test_a_name_that_is_not_utf8_is_refused(channel: grpc.Channel, method: Predict, part: bytes) -> None:
    data = method.message("batched", {"INPUT0": GOOD}).replace(b"INPUT0", part.ljust(6, b"x"))
    assert_refused(method, method.call(channel, data), INVALID, "UTF-8")


@every_method
@pytest.mark.parametrize("junk", [b"\x00", b"\xff" * 40, b"\x0a\xff\xff\xff\xff\x0f", b"\x0f\x01", b"\x0b" * 200])
def test_bytes_that_are_no_message_are_refused(channel: grpc.Channel, method: Predict, junk: bytes) -> None:
    answer = method.call(channel, junk)
    assert_refused(method, answer, INVALID)


@every_method
def test_a_truncated_message_is_refused_wherever_it_ends(channel: grpc.Channel, method: Predict) -> None:
    message = method.message("batched", {"INPUT0": GOOD}, request_id="me")
    for end in range(len(message)):
        answer = method.call(channel, message[:end])
        assert answer.code != grpc.StatusCode.OK, end
        assert answer.message, end


@every_method
def test_a_message_over_the_limit_is_refused(channel: grpc.Channel, method: Predict) -> None:
    tensor = Tensor("UINT8", (200 << 20,), bytes(200 << 20))
    answer = method.infer(channel, "echo_uint8", {"INPUT0": tensor})
    assert answer.code == grpc.StatusCode.RESOURCE_EXHAUSTED


def test_a_gzip_bomb_is_refused_and_harms_nobody(channel: grpc.Channel) -> None:
    data = Predict().message("echo_uint8", {"INPUT0": Tensor("UINT8", (400 << 20,), bytes(400 << 20))})
    with pytest.raises(grpc.RpcError) as refused:
        channel.unary_unary(Predict.path)(data, timeout=60, compression=grpc.Compression.Gzip)
    assert refused.value.code() == grpc.StatusCode.RESOURCE_EXHAUSTED
    assert Predict().infer(channel, "batched", {"INPUT0": GOOD}).code == grpc.StatusCode.OK


def open_inference_request(**head: object) -> oip.ModelInferRequest:
    request = oip.ModelInferRequest(model_name="batched", **head)  # type: ignore[arg-type]
    request.inputs.add(name="INPUT0", datatype="FP32", shape=[1, 4])
    return request


def refusal(channel: grpc.Channel, request: oip.ModelInferRequest) -> grpc.RpcError:
    with pytest.raises(grpc.RpcError) as refused:
        channel.unary_unary(ModelInfer.path)(request.SerializeToString(), timeout=30)
    error: grpc.RpcError = refused.value
    return error


def test_raw_and_typed_contents_together_are_refused(channel: grpc.Channel) -> None:
    request = open_inference_request(raw_input_contents=[bytes(16)])
    request.inputs[0].contents.fp32_contents.extend([1, 2, 3, 4])
    error = refusal(channel, request)
    assert error.code() == INVALID
    assert "'INPUT0'" in error.details()


def test_raw_contents_must_be_as_many_as_inputs(channel: grpc.Channel) -> None:
    error = refusal(channel, open_inference_request(raw_input_contents=[bytes(16), bytes(16)]))
    assert error.code() == INVALID
    assert "expected 1" in error.details()
    assert "got 2" in error.details()


def test_an_input_given_twice_is_refused(channel: grpc.Channel) -> None:
    request = open_inference_request(raw_input_contents=[bytes(16), bytes(16)])
    request.inputs.add(name="INPUT0", datatype="FP32", shape=[1, 4])
    error = refusal(channel, request)
    assert error.code() == INVALID
    assert "'INPUT0'" in error.details()


def test_typed_contents_in_the_wrong_field_are_refused(channel: grpc.Channel) -> None:
    request = open_inference_request()
    request.inputs[0].contents.int64_contents.extend([1, 2, 3, 4])
    error = refusal(channel, request)
    assert error.code() == INVALID
    assert "'INPUT0'" in error.details()


def test_a_typed_value_out_of_range_is_refused(channel: grpc.Channel) -> None:
    request = oip.ModelInferRequest(model_name="echo_int8")
    request.inputs.add(name="INPUT0", datatype="INT8", shape=[2]).contents.int_contents.extend([1, 300])
    error = refusal(channel, request)
    assert error.code() == INVALID
    assert "300" in error.details()


@pytest.mark.parametrize("datatype", ["FP16", "BF16"])
def test_half_precision_has_no_typed_form(channel: grpc.Channel, datatype: str) -> None:
    request = oip.ModelInferRequest(model_name=f"echo_{datatype.lower()}")
    request.inputs.add(name="INPUT0", datatype=datatype, shape=[1]).contents.fp32_contents.append(1)
    error = refusal(channel, request)
    assert error.code() == INVALID
    assert "raw" in error.details()


def test_an_unknown_datatype_is_refused(channel: grpc.Channel) -> None:
    request = open_inference_request(raw_input_contents=[bytes(16)])
    request.inputs[0].datatype = "FLOAT"
    error = refusal(channel, request)
    assert error.code() == INVALID
    assert "'FLOAT'" in error.details()


@pytest.mark.parametrize("version", ["one", "-1", "1.0", " 1", "9999999999999999999999"])
def test_a_version_that_is_no_number_is_refused(channel: grpc.Channel, version: str) -> None:
    error = refusal(channel, open_inference_request(model_version=version, raw_input_contents=[bytes(16)]))
    assert error.code() == INVALID
    assert version.strip() in error.details()


def test_a_parameter_that_is_not_implemented_is_refused(channel: grpc.Channel) -> None:
    request = open_inference_request(raw_input_contents=[bytes(16)])
    request.parameters["sequence_id"].int64_param = 7
    error = refusal(channel, request)
    assert error.code() == grpc.StatusCode.UNIMPLEMENTED
    assert "sequence" in error.details()


def test_a_method_that_is_not_there_is_unimplemented(channel: grpc.Channel) -> None:
    with pytest.raises(grpc.RpcError) as refused:
        channel.unary_unary("/pyserver.v1.PredictService/Guess")(b"", timeout=30)
    assert refused.value.code() == grpc.StatusCode.UNIMPLEMENTED
