"""The smallest client there is: generated stubs, one request. Start a server first: ./dev demo."""

import grpc
import numpy as np

from pyserver.v1 import predict_pb2, predict_pb2_grpc, tensor_pb2

image = np.zeros((1, 8, 8), np.float32)
tensor = tensor_pb2.Tensor(datatype=tensor_pb2.DATATYPE_FP32, shape=image.shape, raw=image.tobytes())
with grpc.insecure_channel("127.0.0.1:8001") as channel:
    server = predict_pb2_grpc.PredictServiceStub(channel)
    print(server.Predict(predict_pb2.PredictRequest(model="digits", inputs={"image": tensor})))
