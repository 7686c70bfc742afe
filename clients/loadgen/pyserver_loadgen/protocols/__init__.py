"""The protocols of requests, one a module. `protocol_named` gives the one that `pyserver bench --protocol` asks for."""

from pyserver_loadgen.protocols.base import EncodedRequest, Encoding, ExpectedOutputs, RequestProtocol
from pyserver_loadgen.protocols.connection import Connection, connect
from pyserver_loadgen.protocols.errors import RequestError
from pyserver_loadgen.protocols.metadata import ModelMetadata, TensorSpec, metadata_of_signature
from pyserver_loadgen.protocols.tls import TlsOptions

__all__ = [
    "PROTOCOL_NAMES",
    "Connection",
    "EncodedRequest",
    "Encoding",
    "ExpectedOutputs",
    "ModelMetadata",
    "RequestError",
    "RequestProtocol",
    "TensorSpec",
    "TlsOptions",
    "connect",
    "metadata_of_signature",
    "protocol_named",
]

PROTOCOL_NAMES = ("predict", "oip", "tfs", "rest-v2", "rest-tfs", "raw")


def protocol_named(name: str, *, method: str = "", signature: str = "serving_default") -> RequestProtocol:
    """`method`: what "raw" calls. `signature`: of TensorFlow Serving's. Raises RequestError."""
    # Each brings its own messages: only those of the one that is asked for are loaded.
    if name == "predict":
        from pyserver_loadgen.protocols.predict import PredictProtocol

        return PredictProtocol()
    if name == "oip":
        from pyserver_loadgen.protocols.open_inference import OpenInferenceProtocol

        return OpenInferenceProtocol()
    if name == "tfs":
        from pyserver_loadgen.protocols.tensorflow_serving import TensorflowServingProtocol

        return TensorflowServingProtocol(signature)
    if name == "rest-v2":
        from pyserver_loadgen.protocols.rest import RestOpenInferenceProtocol

        return RestOpenInferenceProtocol()
    if name == "rest-tfs":
        from pyserver_loadgen.protocols.rest import RestTensorflowProtocol

        return RestTensorflowProtocol(signature)
    if name == "raw":
        from pyserver_loadgen.protocols.raw import RawProtocol

        return RawProtocol(method)
    raise RequestError(f"protocol {name!r}: expected {', '.join(PROTOCOL_NAMES)}")
