"""Streams whose callers do not behave."""

from __future__ import annotations

import threading
from collections.abc import Iterator

import grpc
import numpy as np
from server_process import RepositoryBuilder, StartServer

from pyserver.client import Client
from pyserver.tensors import to_tensor
from pyserver.v1 import predict_pb2, predict_pb2_grpc

REQUESTS = 100
MIB = 1024 * 1024


def requests(finish: threading.Event) -> Iterator[predict_pb2.PredictStreamRequest]:
    tensor = to_tensor(np.zeros((1, MIB // 4), np.float32))
    for number in range(REQUESTS):
        request = predict_pb2.PredictRequest(model="echo", id=str(number), inputs={"IN": tensor})
        yield predict_pb2.PredictStreamRequest(request=request)
    finish.wait()


def test_a_caller_that_does_not_read_makes_the_server_read_no_further_and_loses_nothing(
    repository: RepositoryBuilder, start_server: StartServer
) -> None:
    repository.identity("echo")
    server = start_server(repository.root)
    finish = threading.Event()
    with Client(server.address) as client, grpc.insecure_channel(server.address) as channel:
        stream = predict_pb2_grpc.PredictServiceStub(channel).PredictStream(requests(finish), timeout=60)
        # How much is read ahead is the transport's choice; that it comes to an end is not.
        read = unchanged = 0
        while unchanged < 200:
            before, read = read, client.metadata("echo").counts.requests
            assert read <= 50
            unchanged = unchanged + 1 if before == read > 0 else 0
        finish.set()
        answered = sorted(int(response.response.id) for response in stream)
    assert answered == list(range(REQUESTS))
