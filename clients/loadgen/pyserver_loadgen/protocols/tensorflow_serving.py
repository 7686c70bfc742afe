"""TensorFlow Serving's PredictionService: TensorFlow Serving, OpenVINO Model Server."""

from __future__ import annotations

from collections.abc import Mapping

from pyserver.tensorflow_serving.v1 import predict_pb2 as pb
from pyserver.tensors import Array
from pyserver_loadgen.protocols.base import EncodedRequest, Encoding, RequestProtocol
from pyserver_loadgen.protocols.connection import Connection
from pyserver_loadgen.protocols.errors import RequestError
from pyserver_loadgen.protocols.metadata import ModelMetadata, TensorSpec
from pyserver_loadgen.protocols.predict import parsed, version_number
from pyserver_loadgen.protocols.tensorflow_tensors import from_tensorflow, tensorflow_datatype_of, to_tensorflow

_SERVICE = "/tensorflow.serving.PredictionService/"
_SIGNATURES = "signature_def"


class TensorflowServingProtocol(RequestProtocol):
    """See RequestProtocol. Requests have no ids, and there are no streams. `signature` is the one that is called."""

    name = "tfs"
    reader = "tensorflow"

    def __init__(self, signature: str = "serving_default") -> None:
        self._signature = signature

    def metadata(self, connection: Connection, model: str, version: str = "") -> ModelMetadata:
        """See RequestProtocol."""
        request = pb.GetModelMetadataRequest(model_spec=_model_spec(model, version), metadata_field=[_SIGNATURES])
        answer = connection.call(_SERVICE + "GetModelMetadata", request.SerializeToString())
        told = parsed(pb.GetModelMetadataResponse, answer)
        if _SIGNATURES not in told.metadata:
            raise RequestError(f"the server tells no signatures of model {model!r}")
        signatures = parsed(pb.SignatureDefMap, told.metadata[_SIGNATURES].value).signature_def
        if self._signature not in signatures:
            known = ", ".join(sorted(signatures))
            raise RequestError(f"model {model!r} has no signature {self._signature!r}; its signatures: {known}")
        chosen = signatures[self._signature]
        return ModelMetadata(
            name=model,
            version=version,
            inputs=tuple(_spec(name, chosen.inputs[name]) for name in sorted(chosen.inputs)),
            outputs=tuple(_spec(name, chosen.outputs[name]) for name in sorted(chosen.outputs)),
            platform="tensorflow",
        )

    def path(self, model: str, encoding: Encoding) -> str:  # noqa: ARG002
        """See RequestProtocol."""
        return _SERVICE + "Predict"

    def encode(self, model: ModelMetadata, inputs: Mapping[str, Array], encoding: Encoding) -> EncodedRequest:
        """See RequestProtocol."""
        request = pb.PredictRequest(
            model_spec=_model_spec(model.name, encoding.version, self._signature),
            inputs={name: to_tensorflow(array, model.input(name).datatype) for name, array in inputs.items()},
            output_filter=encoding.outputs,
        )
        return EncodedRequest(request.SerializeToString(deterministic=True))

    def decode(self, answer: bytes, model: ModelMetadata, *, streaming: bool = False) -> dict[str, Array]:  # noqa: ARG002
        """See RequestProtocol."""
        outputs = parsed(pb.PredictResponse, answer).outputs
        return {name: from_tensorflow(outputs[name]) for name in sorted(outputs)}


def _model_spec(model: str, version: str, signature: str = "") -> pb.ModelSpec:
    spec = pb.ModelSpec(name=model, signature_name=signature)
    if number := version_number(version):
        spec.version.value = number
    return spec


def _spec(name: str, told: pb.TensorInfo) -> TensorSpec:
    shape = told.tensor_shape
    sizes = None if shape.unknown_rank else tuple(dim.size for dim in shape.dim)
    return TensorSpec(name, tensorflow_datatype_of(told.dtype), sizes)
