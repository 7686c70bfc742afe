"""One way to ask for an inference over each of the server's four hot methods, so that every promise is tested on all.

Messages are built with the generated protobuf code and sent with grpcio: what a client in any language would send.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

import grpc
import numpy as np

from pyserver.open_inference import open_inference_pb2 as oip
from pyserver.v1 import predict_pb2, tensor_pb2

DTYPES: dict[str, np.dtype] = {
    "BOOL": np.dtype(np.bool_),
    "UINT8": np.dtype(np.uint8),
    "UINT16": np.dtype(np.uint16),
    "UINT32": np.dtype(np.uint32),
    "UINT64": np.dtype(np.uint64),
    "INT8": np.dtype(np.int8),
    "INT16": np.dtype(np.int16),
    "INT32": np.dtype(np.int32),
    "INT64": np.dtype(np.int64),
    "FP16": np.dtype(np.float16),
    "FP32": np.dtype(np.float32),
    "FP64": np.dtype(np.float64),
}


@dataclass(frozen=True)
class Tensor:
    """A tensor as it goes over the wire."""

    datatype: str
    shape: tuple[int, ...]
    raw: bytes

    @classmethod
    def of(cls, array: np.ndarray) -> Tensor:
        name = next(name for name, dtype in DTYPES.items() if dtype == array.dtype)
        return cls(name, array.shape, array.tobytes())

    def array(self) -> np.ndarray:
        return np.frombuffer(self.raw, DTYPES[self.datatype]).reshape(self.shape)


def pack_bytes(elements: Iterable[bytes]) -> bytes:
    """BYTES contents: each element behind its length."""
    return b"".join(len(element).to_bytes(4, "little") + element for element in elements)


@dataclass(frozen=True)
class Answer:
    """What came back: outputs, or a code other than OK and its message."""

    code: grpc.StatusCode
    message: str = ""
    outputs: Mapping[str, Tensor] = field(default_factory=dict)
    model: str = ""
    version: int = 0
    id: str = ""


CODES = {code.value[0]: code for code in grpc.StatusCode}


class Predict:
    """pyserver.v1.PredictService/Predict."""

    path = "/pyserver.v1.PredictService/Predict"
    errors_are_messages = False

    def message(
        self,
        model: str,
        inputs: Mapping[str, Tensor],
        *,
        version: int = 0,
        request_id: str = "",
        outputs: Iterable[str] = (),
        priority: int = 0,
    ) -> bytes:
        request = predict_pb2.PredictRequest(
            model=model, version=version, id=request_id, outputs=list(outputs), priority=priority
        )
        for name, tensor in inputs.items():
            target = request.inputs[name]
            target.datatype = tensor_pb2.Datatype.Value(f"DATATYPE_{tensor.datatype}")
            target.shape.extend(tensor.shape)
            target.raw = tensor.raw
        return self.wrap(request)

    def wrap(self, request: predict_pb2.PredictRequest) -> bytes:
        return request.SerializeToString()

    def answer(self, data: bytes) -> Answer:
        return self.unpack(predict_pb2.PredictResponse.FromString(data))

    @staticmethod
    def unpack(response: predict_pb2.PredictResponse) -> Answer:
        outputs = {}
        for name, tensor in response.outputs.items():
            raw = tensor.raw if tensor.WhichOneof("contents") != "elements" else pack_bytes(tensor.elements.values)
            datatype = tensor_pb2.Datatype.Name(tensor.datatype).removeprefix("DATATYPE_")
            outputs[name] = Tensor(datatype, tuple(tensor.shape), raw)
        return Answer(grpc.StatusCode.OK, "", outputs, response.model, response.version, response.id)

    def call(self, channel: grpc.Channel, data: bytes, timeout: float = 30) -> Answer:
        try:
            return self.answer(channel.unary_unary(self.path)(data, timeout=timeout))
        except grpc.RpcError as error:
            return Answer(error.code(), error.details() or "")

    def infer(self, channel: grpc.Channel, model: str, inputs: Mapping[str, Tensor], **options: object) -> Answer:
        return self.call(channel, self.message(model, inputs, **options))  # type: ignore[arg-type]


class PredictStream(Predict):
    """pyserver.v1.PredictService/PredictStream, one request a stream."""

    path = "/pyserver.v1.PredictService/PredictStream"
    errors_are_messages = True

    def wrap(self, request: predict_pb2.PredictRequest) -> bytes:
        return predict_pb2.PredictStreamRequest(request=request).SerializeToString()

    def answer(self, data: bytes) -> Answer:
        response = predict_pb2.PredictStreamResponse.FromString(data)
        if response.WhichOneof("result") == "error":
            return Answer(CODES[response.error.code], response.error.message, id=response.id)
        return self.unpack(response.response)

    def call(self, channel: grpc.Channel, data: bytes, timeout: float = 30) -> Answer:
        try:
            (answer,) = channel.stream_stream(self.path)(iter([data]), timeout=timeout)
        except grpc.RpcError as error:
            return Answer(error.code(), error.details() or "")
        return self.answer(answer)


class ModelInfer(Predict):
    """inference.GRPCInferenceService/ModelInfer with raw contents."""

    path = "/inference.GRPCInferenceService/ModelInfer"

    def message(
        self,
        model: str,
        inputs: Mapping[str, Tensor],
        *,
        version: int = 0,
        request_id: str = "",
        outputs: Iterable[str] = (),
        priority: int = 0,
    ) -> bytes:
        request = oip.ModelInferRequest(model_name=model, model_version=str(version or ""), id=request_id)
        if priority:
            request.parameters["priority"].uint64_param = priority
        for name, tensor in inputs.items():
            request.inputs.add(name=name, datatype=tensor.datatype, shape=tensor.shape)
            request.raw_input_contents.append(tensor.raw)
        for name in outputs:
            request.outputs.add(name=name)
        return request.SerializeToString()

    def answer(self, data: bytes) -> Answer:
        return self.unpack_infer(oip.ModelInferResponse.FromString(data))

    @staticmethod
    def unpack_infer(response: oip.ModelInferResponse) -> Answer:
        outputs = {
            tensor.name: Tensor(tensor.datatype, tuple(tensor.shape), raw)
            for tensor, raw in zip(response.outputs, response.raw_output_contents, strict=True)
        }
        version = int(response.model_version or 0)
        return Answer(grpc.StatusCode.OK, "", outputs, response.model_name, version, response.id)


class ModelStreamInfer(ModelInfer):
    """inference.GRPCInferenceService/ModelStreamInfer, one request a stream. Its errors have no code on the wire."""

    path = "/inference.GRPCInferenceService/ModelStreamInfer"
    errors_are_messages = True

    def answer(self, data: bytes) -> Answer:
        response = oip.ModelStreamInferResponse.FromString(data)
        if response.error_message:
            return Answer(grpc.StatusCode.UNKNOWN, response.error_message, id=response.infer_response.id)
        return self.unpack_infer(response.infer_response)

    call = PredictStream.call


METHODS = (Predict(), PredictStream(), ModelInfer(), ModelStreamInfer())


def assert_refused(method: Predict, answer: Answer, code: grpc.StatusCode, *words: str) -> None:
    """The answer is `code`, where the protocol can say so, and its message has every one of `words`."""
    expected = grpc.StatusCode.UNKNOWN if isinstance(method, ModelStreamInfer) else code
    assert answer.code == expected, answer
    for word in words:
        assert word in answer.message, f"{word!r} is not in {answer.message!r}"
