"""The methods that run models. Their messages are read and written by the core alone."""

from pyserver import _core
from pyserver.transport import Transport

PREDICT_SERVICE = "pyserver.v1.PredictService"
OPEN_INFERENCE_SERVICE = "inference.GRPCInferenceService"

INFER_METHODS = {
    f"/{PREDICT_SERVICE}/Predict": _core.Protocol.PREDICT,
    f"/{PREDICT_SERVICE}/PredictStream": _core.Protocol.PREDICT_STREAM,
    f"/{OPEN_INFERENCE_SERVICE}/ModelInfer": _core.Protocol.MODEL_INFER,
    f"/{OPEN_INFERENCE_SERVICE}/ModelStreamInfer": _core.Protocol.MODEL_STREAM_INFER,
}


def add_infer_methods(transport: Transport) -> None:
    """Lets the transport answer Predict, PredictStream, ModelInfer and ModelStreamInfer by the core."""
    transport.add_infer_methods(INFER_METHODS)
