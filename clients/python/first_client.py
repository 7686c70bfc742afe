"""The smallest client there is. Start the server first: pyserver serve examples/digits/repository."""

import sys

import grpc
import numpy as np

from pyserver.v1 import predict_pb2, predict_pb2_grpc, tensor_pb2

image = np.zeros((1, 64), np.float32)
image.reshape(8, 8)[:, 3:5] = 16  # a stroke down the middle
tensor = tensor_pb2.Tensor(datatype=tensor_pb2.DATATYPE_FP32, shape=image.shape, raw=image.tobytes())
with grpc.insecure_channel(sys.argv[1] if len(sys.argv) > 1 else "127.0.0.1:8001") as channel:
    server = predict_pb2_grpc.PredictServiceStub(channel)
    answer = server.Predict(predict_pb2.PredictRequest(model="digits", inputs={"image": tensor}))
print(np.frombuffer(answer.outputs["label"].raw, np.int64))
