"""Asks the digits model at ADDRESS for one prediction: `predict_once.py ADDRESS`. Needs what pyserver itself needs."""

from __future__ import annotations

import sys

import grpc
import numpy as np

import pyserver
from pyserver.v1 import predict_pb2, predict_pb2_grpc, tensor_pb2


def main(address: str) -> int:
    """Sends one blank image; 0 where the answer is a probability for each digit."""
    image = np.zeros((1, 64), np.float32)
    tensor = tensor_pb2.Tensor(datatype=tensor_pb2.DATATYPE_FP32, shape=image.shape, raw=image.tobytes())
    with grpc.insecure_channel(address) as channel:
        stub = predict_pb2_grpc.PredictServiceStub(channel)
        response = stub.Predict(predict_pb2.PredictRequest(model="digits", inputs={"image": tensor}), timeout=30)
    probabilities = np.frombuffer(response.outputs["probabilities"].raw, np.float32)
    print(f"{pyserver.__file__} answered: {len(probabilities)} probabilities, sum {probabilities.sum():.3f}")
    return 0 if len(probabilities) == 10 and abs(probabilities.sum() - 1) < 1e-3 else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
