"""pyserver's own protocol: pyserver.v1.PredictService."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TypeVar

import grpc
from google.protobuf.message import DecodeError, Message

from pyserver.channel import RequestFailedError
from pyserver.tensors import Array, datatype_name, to_array, to_tensor
from pyserver.v1 import model_status_pb2, predict_pb2, tensor_pb2
from pyserver_loadgen.protocols.base import ID_PLACE, EncodedRequest, Encoding, RequestProtocol
from pyserver_loadgen.protocols.connection import Connection
from pyserver_loadgen.protocols.errors import RequestError
from pyserver_loadgen.protocols.metadata import ModelMetadata, TensorSpec, wire_shape

_SERVICE = "/pyserver.v1.PredictService/"
_MODEL_STATUS = "/pyserver.v1.ModelStatusService/ModelStatus"
_STREAM_TAG = b"\x0a"  # PredictStreamRequest.request
Parsed = TypeVar("Parsed", bound=Message)


class PredictProtocol(RequestProtocol):
    """See RequestProtocol."""

    name = "predict"
    reader = "predict"
    can_stream = True
    has_ids = True
    has_ledger = True

    def metadata(self, connection: Connection, model: str, version: str = "") -> ModelMetadata:
        """See RequestProtocol."""
        number = version_number(version)
        request = model_status_pb2.ModelStatusRequest(model=model, version=number)
        answer = connection.call(_MODEL_STATUS, request.SerializeToString())
        found = parsed(model_status_pb2.ModelStatusResponse, answer).models[0]
        for status in found.versions:
            if status.version == (number or found.default_version):
                return _metadata(model, version, status)
        reason = next((f": {status.reason}" for status in found.versions if status.reason), "")
        raise RequestFailedError(grpc.StatusCode.UNAVAILABLE, f"no version of model {model!r} serves{reason}")

    def path(self, model: str, encoding: Encoding) -> str:  # noqa: ARG002
        """See RequestProtocol."""
        return _SERVICE + ("PredictStream" if encoding.streaming else "Predict")

    def encode(self, model: ModelMetadata, inputs: Mapping[str, Array], encoding: Encoding) -> EncodedRequest:
        """See RequestProtocol. What comes before the inputs has the same length in every request."""
        head = predict_pb2.PredictRequest(model=model.name, version=version_number(encoding.version))
        if encoding.ids:
            head.id = ID_PLACE.decode()
        rest = predict_pb2.PredictRequest(
            inputs={name: to_tensor(array, model.input(name).datatype) for name, array in inputs.items()},
            outputs=encoding.outputs,
            priority=encoding.priority,
            return_ledger=encoding.ledger,
        )
        # Fields come in the order of their numbers, so that the id ends the first part.
        first = head.SerializeToString()
        body = first + rest.SerializeToString(deterministic=True)
        before = len(first) - len(ID_PLACE)
        if encoding.streaming:
            wrapped = _STREAM_TAG + wide_varint(len(body))
            body = wrapped + body
            before += len(wrapped)
        return EncodedRequest(body, before if encoding.ids else None)

    def decode(self, answer: bytes, model: ModelMetadata, *, streaming: bool = False) -> dict[str, Array]:  # noqa: ARG002
        """See RequestProtocol."""
        if streaming:
            streamed = parsed(predict_pb2.PredictStreamResponse, answer)
            if streamed.HasField("error"):
                raise RequestError(f"the model answered with an error: {streamed.error.message}")
            response = streamed.response
        else:
            response = parsed(predict_pb2.PredictResponse, answer)
        return {name: to_array(tensor) for name, tensor in response.outputs.items()}


def version_number(version: str) -> int:
    """0 for "". Raises RequestError."""
    if version and not (version.isdecimal() and 0 < int(version) < 2**63):
        raise RequestError(f"version {version!r}: expected a whole number from 1")
    return int(version or 0)


def parsed(kind: type[Parsed], message: bytes) -> Parsed:
    """The message. Raises RequestError."""
    try:
        return kind.FromString(message)
    except DecodeError:
        raise RequestError(f"an answer of {len(message)} bytes is no {kind.DESCRIPTOR.full_name}") from None


def wide_varint(value: int) -> bytes:
    """In five bytes, whatever the value: what follows lies at the same place in every request."""
    return bytes(((value >> shift) & 0x7F) | (0x80 if shift < 28 else 0) for shift in range(0, 35, 7))


def _metadata(model: str, version: str, status: model_status_pb2.ModelVersionStatus) -> ModelMetadata:
    rows = status.batching.max_batch_size

    def spec(of: tensor_pb2.TensorSpec) -> TensorSpec:
        return TensorSpec(of.name, datatype_name(of.datatype), wire_shape(of.shape, rows), of.optional)

    return ModelMetadata(
        name=model,
        version=version,
        inputs=tuple(spec(of) for of in status.inputs),
        outputs=tuple(spec(of) for of in status.outputs),
        max_batch_size=rows,
        platform=status.engine,
    )
