"""tensorrt: plans, and ONNX models that plans are built of, on an NVIDIA GPU."""

from pyserver.engines.tensorrt.files import FILE_KINDS
from pyserver.engines.tensorrt.loader import TensorRtLoader

__all__ = ["FILE_KINDS", "LOADER"]

LOADER = TensorRtLoader()
