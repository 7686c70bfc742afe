"""What goes in comes out: every datatype, bit for bit, over every hot method."""

from __future__ import annotations

import grpc
import numpy as np
import pytest
from wire import DTYPES, METHODS, ModelInfer, Predict, Tensor, pack_bytes

from pyserver.open_inference import open_inference_pb2 as oip
from pyserver.v1 import predict_pb2, tensor_pb2

every_method = pytest.mark.parametrize("method", METHODS, ids=lambda method: type(method).__name__)


def bit_patterns(datatype: str, count: int) -> Tensor:
    """Random bits, so that NaNs with payloads, infinities and denormals are among the floats."""
    random = np.random.default_rng(7)
    if datatype == "BOOL":
        return Tensor(datatype, (count,), random.integers(0, 2, count, np.uint8).tobytes())
    width = 2 if datatype == "BF16" else DTYPES[datatype].itemsize
    return Tensor(datatype, (count,), random.bytes(count * width))


@every_method
@pytest.mark.parametrize("datatype", [*DTYPES, "BF16"])
def test_every_datatype_comes_back_bit_for_bit(channel: grpc.Channel, method: Predict, datatype: str) -> None:
    tensor = bit_patterns(datatype, 1000)
    answer = method.infer(channel, f"echo_{datatype.lower()}", {"INPUT0": tensor}, request_id="me")
    assert answer.code == grpc.StatusCode.OK, answer
    assert answer.outputs == {"OUTPUT0": tensor}
    assert (answer.id, answer.version) == ("me", 1)


@every_method
def test_byte_strings_come_back_with_empty_and_binary_elements(channel: grpc.Channel, method: Predict) -> None:
    tensor = Tensor("BYTES", (4,), pack_bytes([b"", b"\x00\xff", "π".encode(), b"x" * 70_000]))
    assert method.infer(channel, "echo_bytes", {"INPUT0": tensor}).outputs == {"OUTPUT0": tensor}


@every_method
def test_nan_and_infinities_come_back_as_they_were(channel: grpc.Channel, method: Predict) -> None:
    values = np.array([np.nan, -np.nan, np.inf, -np.inf, -0.0, 5e-324], np.float64)
    answer = method.infer(channel, "echo_fp64", {"INPUT0": Tensor.of(values)})
    assert answer.outputs["OUTPUT0"].raw == values.tobytes()


@every_method
def test_a_64_mb_tensor_comes_back_bit_for_bit(channel: grpc.Channel, method: Predict) -> None:
    tensor = Tensor("FP32", (16 << 20,), np.random.default_rng(1).bytes(64 << 20))
    answer = method.infer(channel, "echo_fp32", {"INPUT0": tensor})
    assert answer.outputs["OUTPUT0"].raw == tensor.raw


@every_method
def test_a_scalar_has_the_empty_shape(channel: grpc.Channel, method: Predict) -> None:
    tensor = Tensor("INT64", (), (42).to_bytes(8, "little"))
    assert method.infer(channel, "scalar", {"INPUT0": tensor}).outputs == {"OUTPUT0": tensor}


@every_method
def test_an_empty_tensor_is_a_tensor(channel: grpc.Channel, method: Predict) -> None:
    tensor = Tensor("FP32", (0,), b"")
    assert method.infer(channel, "echo_fp32", {"INPUT0": tensor}).outputs == {"OUTPUT0": tensor}


@every_method
def test_only_the_wanted_outputs_come(channel: grpc.Channel, method: Predict) -> None:
    inputs = {"a": Tensor.of(np.ones((2, 3), np.int32)), "b": Tensor.of(np.ones((2, 1), np.float32))}
    assert set(method.infer(channel, "pair", inputs).outputs) == {"first", "second"}
    answer = method.infer(channel, "pair", inputs, outputs=["second"])
    assert answer.outputs == {"second": inputs["b"]}


@every_method
def test_a_version_can_be_named(channel: grpc.Channel, method: Predict) -> None:
    tensor = Tensor.of(np.arange(4, dtype=np.float32))
    assert method.infer(channel, "echo_fp32", {"INPUT0": tensor}, version=1).version == 1


@pytest.mark.parametrize(
    ("datatype", "field", "values"),
    [
        ("BOOL", "bool_contents", [True, False, True]),
        ("INT8", "int_contents", [-128, 0, 127]),
        ("INT16", "int_contents", [-32768, 0, 32767]),
        ("INT32", "int_contents", [-(2**31), 0, 2**31 - 1]),
        ("INT64", "int64_contents", [-(2**63), 0, 2**63 - 1]),
        ("UINT8", "uint_contents", [0, 1, 255]),
        ("UINT16", "uint_contents", [0, 1, 65535]),
        ("UINT32", "uint_contents", [0, 1, 2**32 - 1]),
        ("UINT64", "uint64_contents", [0, 1, 2**64 - 1]),
        ("FP32", "fp32_contents", [0.0, -1.5, 3e38]),
        ("FP64", "fp64_contents", [0.0, -1.5, 1e308]),
        ("BYTES", "bytes_contents", [b"", b"a", b"\xff\x00"]),
    ],
)
def test_typed_contents_are_answered_in_kind(
    channel: grpc.Channel, datatype: str, field: str, values: list[object]
) -> None:
    request = oip.ModelInferRequest(model_name=f"echo_{datatype.lower()}")
    tensor = request.inputs.add(name="INPUT0", datatype=datatype, shape=[3])
    getattr(tensor.contents, field).extend(values)
    data = channel.unary_unary(ModelInfer.path)(request.SerializeToString(), timeout=30)
    response = oip.ModelInferResponse.FromString(data)
    assert not response.raw_output_contents
    assert list(getattr(response.outputs[0].contents, field)) == pytest.approx(values)


def test_byte_strings_may_be_sent_as_elements(channel: grpc.Channel) -> None:
    request = predict_pb2.PredictRequest(model="echo_bytes")
    request.inputs["INPUT0"].datatype = tensor_pb2.DATATYPE_BYTES
    request.inputs["INPUT0"].shape.append(2)
    request.inputs["INPUT0"].elements.values.extend([b"one", b"two"])
    data = channel.unary_unary(Predict.path)(request.SerializeToString(), timeout=30)
    response = predict_pb2.PredictResponse.FromString(data)
    assert list(response.outputs["OUTPUT0"].elements.values) == [b"one", b"two"]


def test_the_ledger_accounts_for_the_time_of_a_request(channel: grpc.Channel) -> None:
    message = Predict().message("slow", {"INPUT0": Tensor.of(np.zeros((1, 1), np.float32))})
    request = predict_pb2.PredictRequest.FromString(message)
    request.return_ledger = True
    data = channel.unary_unary(Predict.path)(request.SerializeToString(), timeout=30)
    ledger = predict_pb2.PredictResponse.FromString(data).ledger
    assert ledger.execute_us >= 100_000
    assert ledger.batch_size == 1
    assert not predict_pb2.PredictResponse.FromString(channel.unary_unary(Predict.path)(message, timeout=30)).HasField(
        "ledger"
    )


@pytest.mark.parametrize("method", METHODS[1::2], ids=lambda method: type(method).__name__)
def test_a_stream_answers_every_request_once_and_goes_on_after_a_failure(
    channel: grpc.Channel, method: Predict
) -> None:
    good = {"INPUT0": Tensor.of(np.ones((1, 4), np.float32))}
    bad = {"INPUT0": Tensor.of(np.ones((1, 5), np.float32))}
    messages = [
        method.message("batched", bad if index % 3 == 0 else good, request_id=str(index)) for index in range(60)
    ]
    answers = [method.answer(data) for data in channel.stream_stream(method.path)(iter(messages), timeout=30)]
    assert sorted(int(answer.id) for answer in answers) == list(range(60))
    for answer in answers:
        assert (answer.code == grpc.StatusCode.OK) == (int(answer.id) % 3 != 0), answer


def test_answers_of_a_stream_may_overtake_one_another(channel: grpc.Channel) -> None:
    method = METHODS[1]
    slow = method.message("slow", {"INPUT0": Tensor.of(np.ones((1, 1), np.float32))}, request_id="slow")
    quick = method.message("batched", {"INPUT0": Tensor.of(np.ones((1, 4), np.float32))}, request_id="quick")
    answers = channel.stream_stream(method.path)(iter([slow, quick]), timeout=30)
    assert [method.answer(data).id for data in answers] == ["quick", "slow"]
