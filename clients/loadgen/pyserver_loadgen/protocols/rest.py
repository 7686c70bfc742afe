"""REST: the Open Inference Protocol's v2 and TensorFlow Serving's v1, JSON over HTTP/1.1, without binary extensions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, Literal
from urllib.parse import quote

from pyserver.channel import RequestFailedError
from pyserver.tensors import DTYPES, Array
from pyserver_loadgen.protocols.base import ID_PLACE, EncodedRequest, Encoding, ExpectedOutputs, RequestProtocol
from pyserver_loadgen.protocols.connection import Connection
from pyserver_loadgen.protocols.errors import RequestError
from pyserver_loadgen.protocols.json_values import (
    array_of_values,
    base64_objects,
    compact,
    numbers,
    read_object,
    texts,
)
from pyserver_loadgen.protocols.metadata import ModelMetadata, TensorSpec
from pyserver_loadgen.protocols.tensorflow_tensors import tensorflow_datatype


class RestProtocol(RequestProtocol):
    """What both have in common. The engine compares answers as a whole: JSON has many spellings of one number."""

    transport: ClassVar[Literal["grpc", "http"]] = "http"

    def headers(self) -> tuple[tuple[str, str], ...]:
        """See RequestProtocol."""
        return (("content-type", "application/json"),)

    def expect(self, outputs: Mapping[str, Array], model: ModelMetadata) -> ExpectedOutputs:  # noqa: ARG002
        """Raises RequestError."""
        raise RequestError("answers in JSON are only compared as a whole: use --expect first, or a gRPC protocol")

    def expect_like(self, answer: bytes, model: ModelMetadata, *, streaming: bool = False) -> ExpectedOutputs:  # noqa: ARG002
        """That every answer is this one, byte for byte."""
        return ExpectedOutputs(self.reader, (("", "BYTES", answer),))


class RestOpenInferenceProtocol(RestProtocol):
    """See RequestProtocol. The id comes first in a request, so that it lies at the same place in all of them."""

    name = "rest-v2"
    has_ids = True

    def metadata(self, connection: Connection, model: str, version: str = "") -> ModelMetadata:
        """See RequestProtocol. Whether the model batches only Triton's …/config tells."""
        base = _v2_path(model, version)
        told = read_object(connection.call(base, None))
        try:
            config: Mapping[str, Any] | None = read_object(connection.call(f"{base}/config", None))
        except (RequestFailedError, RequestError):
            config = None
        return ModelMetadata(
            name=model,
            version=version,
            inputs=_v2_specs(told.get("inputs"), model),
            outputs=_v2_specs(told.get("outputs"), model),
            max_batch_size=int(config.get("max_batch_size", 0)) if config is not None else None,
            platform=str(told.get("platform", "")),
        )

    def path(self, model: str, encoding: Encoding) -> str:
        """See RequestProtocol."""
        return f"{_v2_path(model, encoding.version)}/infer"

    def encode(self, model: ModelMetadata, inputs: Mapping[str, Array], encoding: Encoding) -> EncodedRequest:
        """See RequestProtocol."""
        request: dict[str, Any] = {"id": ID_PLACE.decode()} if encoding.ids else {}
        if encoding.priority:
            request["parameters"] = {"priority": encoding.priority}
        request["inputs"] = [_v2_tensor(array, name, model.input(name).datatype) for name, array in inputs.items()]
        if encoding.outputs:
            request["outputs"] = [{"name": name} for name in encoding.outputs]
        return EncodedRequest(compact(request), len(b'{"id":"') if encoding.ids else None)

    def decode(self, answer: bytes, model: ModelMetadata, *, streaming: bool = False) -> dict[str, Array]:  # noqa: ARG002
        """See RequestProtocol."""
        outputs = read_object(answer).get("outputs")
        if not isinstance(outputs, list):
            raise RequestError("an answer has no list of outputs")
        try:
            return {of["name"]: array_of_values(of["data"], of["name"], of["datatype"], of["shape"]) for of in outputs}
        except (KeyError, TypeError) as error:
            raise RequestError(f"an output lacks its name, datatype, shape or data: {error}") from None


class RestTensorflowProtocol(RestProtocol):
    """See RequestProtocol. Whole tensors by name go as "inputs", the columnar form."""

    name = "rest-tfs"

    def __init__(self, signature: str = "serving_default") -> None:
        self._signature = signature

    def metadata(self, connection: Connection, model: str, version: str = "") -> ModelMetadata:
        """See RequestProtocol."""
        told = read_object(connection.call(f"{_v1_path(model, version)}/metadata", None))
        try:
            signatures = told["metadata"]["signature_def"]["signature_def"]
            known = ", ".join(sorted(signatures))
            chosen = signatures.get(self._signature)
        except (KeyError, TypeError, AttributeError):
            raise RequestError(f"the server tells no signatures of model {model!r}") from None
        if chosen is None:
            raise RequestError(f"model {model!r} has no signature {self._signature!r}; its signatures: {known}")
        return ModelMetadata(
            name=model,
            version=version,
            inputs=_v1_specs(chosen.get("inputs", {}), model),
            outputs=_v1_specs(chosen.get("outputs", {}), model),
            platform="tensorflow",
        )

    def path(self, model: str, encoding: Encoding) -> str:
        """See RequestProtocol."""
        return f"{_v1_path(model, encoding.version)}:predict"

    def encode(self, model: ModelMetadata, inputs: Mapping[str, Array], encoding: Encoding) -> EncodedRequest:
        """See RequestProtocol."""
        if encoding.outputs:
            raise RequestError("TensorFlow Serving's REST answers all outputs: none can be asked for by name")
        columns: dict[str, Any] = {}
        for name, array in inputs.items():
            datatype = model.input(name).datatype
            columns[name] = base64_objects(array) if datatype == "BYTES" else numbers(array, name, datatype)
        return EncodedRequest(compact({"signature_name": self._signature, "inputs": columns}))

    def decode(self, answer: bytes, model: ModelMetadata, *, streaming: bool = False) -> dict[str, Array]:  # noqa: ARG002
        """See RequestProtocol. A lone output comes without its name."""
        told = read_object(answer)
        if "outputs" not in told:
            raise RequestError(f"an answer has no outputs: {str(told.get('error', told))[:300]}")
        outputs = told["outputs"]
        if len(model.outputs) == 1 and not isinstance(outputs, dict):
            outputs = {model.outputs[0].name: outputs}
        if not isinstance(outputs, dict):
            raise RequestError("the outputs of an answer have no names")
        return {name: array_of_values(value, name, model.output(name).datatype) for name, value in outputs.items()}


def _v2_path(model: str, version: str) -> str:
    path = f"/v2/models/{quote(model, safe='')}"
    return f"{path}/versions/{quote(version, safe='')}" if version else path


def _v1_path(model: str, version: str) -> str:
    path = f"/v1/models/{quote(model, safe='')}"
    return f"{path}/versions/{quote(version, safe='')}" if version else path


def _v2_tensor(array: Array, name: str, datatype: str) -> dict[str, Any]:
    data = texts(array, name) if datatype == "BYTES" else numbers(array.ravel(), name, datatype)
    return {"name": name, "shape": list(array.shape), "datatype": datatype, "data": data}


def _v2_specs(tensors: Any, model: str) -> tuple[TensorSpec, ...]:
    try:
        made = tuple(TensorSpec(of["name"], of["datatype"], tuple(map(int, of["shape"]))) for of in tensors or ())
    except (KeyError, TypeError, ValueError):
        raise RequestError(f"the metadata of model {model!r} has a tensor without name, datatype or shape") from None
    for spec in made:
        if spec.datatype not in DTYPES:
            raise RequestError(f"tensor {spec.name!r} has the datatype {spec.datatype!r}: expected {', '.join(DTYPES)}")
    return made


def _v1_specs(tensors: Mapping[str, Any], model: str) -> tuple[TensorSpec, ...]:
    made = []
    try:
        for name in sorted(tensors):
            told = tensors[name]
            shape = told.get("tensor_shape", {})
            sizes = None if shape.get("unknown_rank") else _sizes(shape.get("dim", ()))
            made.append(TensorSpec(name, tensorflow_datatype(told["dtype"]), sizes))
    except (KeyError, TypeError, ValueError, AttributeError):
        raise RequestError(f"the metadata of model {model!r} has a tensor without datatype or shape") from None
    return tuple(made)


def _sizes(dimensions: Sequence[Mapping[str, Any]]) -> tuple[int, ...]:
    return tuple(int(dimension["size"]) for dimension in dimensions)
