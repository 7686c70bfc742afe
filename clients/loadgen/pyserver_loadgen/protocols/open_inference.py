"""The Open Inference Protocol over gRPC: pyserver, Triton, OpenVINO Model Server, KServe, MLServer."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import grpc
import numpy as np

from pyserver.channel import RequestFailedError
from pyserver.open_inference import open_inference_pb2 as pb
from pyserver.tensors import DTYPES, Array
from pyserver_loadgen.protocols.base import ID_PLACE, EncodedRequest, Encoding, RequestProtocol
from pyserver_loadgen.protocols.connection import Connection
from pyserver_loadgen.protocols.contents import array_of_contents, raw_contents
from pyserver_loadgen.protocols.errors import RequestError
from pyserver_loadgen.protocols.metadata import ModelMetadata, TensorSpec
from pyserver_loadgen.protocols.predict import parsed

_SERVICE = "/inference.GRPCInferenceService/"
_TYPED_CONTENTS = {
    "BOOL": "bool_contents",
    "INT8": "int_contents",
    "INT16": "int_contents",
    "INT32": "int_contents",
    "INT64": "int64_contents",
    "UINT8": "uint_contents",
    "UINT16": "uint_contents",
    "UINT32": "uint_contents",
    "UINT64": "uint64_contents",
    "FP32": "fp32_contents",
    "FP64": "fp64_contents",
    "BYTES": "bytes_contents",
}


class OpenInferenceProtocol(RequestProtocol):
    """See RequestProtocol. Inputs go as raw contents, which every server takes."""

    name = "oip"
    reader = "open_inference"
    can_stream = True
    has_ids = True

    def metadata(self, connection: Connection, model: str, version: str = "") -> ModelMetadata:
        """See RequestProtocol. Whether the model batches only servers with Triton's ModelConfig tell."""
        request = pb.ModelMetadataRequest(name=model, version=version)
        told = parsed(
            pb.ModelMetadataResponse, connection.call(_SERVICE + "ModelMetadata", request.SerializeToString())
        )
        config = _config(connection, model, version)
        optional = {of.name for of in config.input if of.optional} if config is not None else set()
        return ModelMetadata(
            name=model,
            version=version,
            inputs=_specs(told.inputs, optional),
            outputs=_specs(told.outputs, set()),
            max_batch_size=None if config is None else config.max_batch_size,
            platform=told.platform,
        )

    def path(self, model: str, encoding: Encoding) -> str:  # noqa: ARG002
        """See RequestProtocol."""
        return _SERVICE + ("ModelStreamInfer" if encoding.streaming else "ModelInfer")

    def encode(self, model: ModelMetadata, inputs: Mapping[str, Array], encoding: Encoding) -> EncodedRequest:
        """See RequestProtocol. What comes before the inputs has the same length in every request."""
        head = pb.ModelInferRequest(model_name=model.name, model_version=encoding.version)
        if encoding.ids:
            head.id = ID_PLACE.decode()
        rest = pb.ModelInferRequest(
            outputs=[pb.ModelInferRequest.InferRequestedOutputTensor(name=name) for name in encoding.outputs]
        )
        if encoding.priority:
            rest.parameters["priority"].uint64_param = encoding.priority
        for name, array in inputs.items():
            datatype = model.input(name).datatype
            rest.inputs.add(name=name, datatype=datatype, shape=array.shape)
            rest.raw_input_contents.append(raw_contents(array, datatype))
        # Fields come in the order of their numbers, so that the id ends the first part.
        first = head.SerializeToString()
        body = first + rest.SerializeToString(deterministic=True)
        return EncodedRequest(body, len(first) - len(ID_PLACE) if encoding.ids else None)

    def decode(self, answer: bytes, model: ModelMetadata, *, streaming: bool = False) -> dict[str, Array]:  # noqa: ARG002
        """See RequestProtocol."""
        if streaming:
            streamed = parsed(pb.ModelStreamInferResponse, answer)
            if streamed.error_message:
                raise RequestError(f"the model answered with an error: {streamed.error_message}")
            response = streamed.infer_response
        else:
            response = parsed(pb.ModelInferResponse, answer)
        raw = list(response.raw_output_contents)
        if raw and len(raw) != len(response.outputs):
            raise RequestError(f"an answer has {len(response.outputs)} outputs and {len(raw)} raw contents")
        return {
            output.name: array_of_contents(raw[place], output.datatype, output.shape) if raw else _typed(output)
            for place, output in enumerate(response.outputs)
        }


def _config(connection: Connection, model: str, version: str) -> pb.ModelConfig | None:
    request = pb.ModelConfigRequest(name=model, version=version)
    try:
        answer = connection.call(_SERVICE + "ModelConfig", request.SerializeToString())
    except RequestFailedError as error:
        # An extension: OpenVINO Model Server, KServe and MLServer have no such method, or refuse it in their own way.
        if error.code is grpc.StatusCode.UNAVAILABLE:
            raise
        return None
    return parsed(pb.ModelConfigResponse, answer).config


def _specs(tensors: Sequence[Any], optional: set[str]) -> tuple[TensorSpec, ...]:
    made = []
    for of in tensors:
        if of.datatype not in DTYPES:
            raise RequestError(f"tensor {of.name!r} has the datatype {of.datatype!r}: expected {', '.join(DTYPES)}")
        made.append(TensorSpec(of.name, of.datatype, tuple(of.shape), of.name in optional))
    return tuple(made)


def _typed(output: pb.ModelInferResponse.InferOutputTensor) -> Array:
    field = _TYPED_CONTENTS.get(output.datatype)
    if field is None:
        raise RequestError(f"output {output.name!r} of {output.datatype} came without raw contents")
    values = list(getattr(output.contents, field))
    array = np.empty(len(values), DTYPES[output.datatype])
    array[:] = values
    try:
        return array.reshape(tuple(output.shape))
    except ValueError:
        raise RequestError(
            f"output {output.name!r} has {len(values)} elements, but the shape {list(output.shape)}"
        ) from None
