"""Control calls that fail, or that hold every thread: what others notice of them."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import grpc
import numpy as np
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc
from server_process import RepositoryBuilder, StartServer

from pyserver.client import Client
from pyserver.open_inference import open_inference_pb2 as pb
from pyserver.open_inference import open_inference_pb2_grpc
from pyserver.tensors import to_tensor
from pyserver.v1 import model_status_pb2, model_status_pb2_grpc, predict_pb2, predict_pb2_grpc


def failure_of(call: Callable[..., Any], request: Any) -> Any:
    with pytest.raises(grpc.RpcError) as failure:
        call(request, timeout=10)
    return failure.value


def test_a_mistake_of_the_caller_is_not_logged_as_a_failure_of_the_server(
    repository: RepositoryBuilder, start_server: StartServer
) -> None:
    repository.identity("echo")
    server = start_server(repository.root, "--log-format", "json", "--log-level", "debug")
    with grpc.insecure_channel(server.address) as channel:
        status = model_status_pb2_grpc.ModelStatusServiceStub(channel)
        inference = open_inference_pb2_grpc.GRPCInferenceServiceStub(channel)
        failure_of(status.ModelStatus, model_status_pb2.ModelStatusRequest(model="nope"))
        failure_of(channel.unary_unary("/pyserver.v1.ModelStatusService/ModelStatus"), b"\xff\xff")
        failure_of(inference.RepositoryModelLoad, pb.RepositoryModelLoadRequest(model_name="nope"))
        failure_of(inference.ModelMetadata, pb.ModelMetadataRequest(name="echo", version="x"))
        watches = [status.WatchModelStatus(model_status_pb2.WatchModelStatusRequest(), timeout=30) for _ in range(4)]
        watches += [health_pb2_grpc.HealthStub(channel).Watch(health_pb2.HealthCheckRequest()) for _ in range(4)]
        for watch in watches:
            next(watch)
            watch.cancel()
        # A stream that the caller ends in the ordinary way.
        reflect = channel.stream_stream("/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo")
        assert list(reflect(iter([b"\x3a\x00"]), timeout=10))
    server.terminate()
    assert server.wait() == 0
    events = [json.loads(line) for line in server.log().splitlines()]
    assert [event for event in events if event["level"] in ("ERROR", "WARNING")] == []


@pytest.mark.parametrize("name", ["ü" * 5000, "\U0001f600" * 5000, "%" * 5000, "\0" * 5000])
def test_a_huge_name_does_not_make_the_answer_too_large_for_the_caller(channel: grpc.Channel, name: str) -> None:
    inference = open_inference_pb2_grpc.GRPCInferenceServiceStub(channel)
    status = model_status_pb2_grpc.ModelStatusServiceStub(channel)
    not_found = grpc.StatusCode.NOT_FOUND
    assert failure_of(inference.ModelMetadata, pb.ModelMetadataRequest(name=name)).code() is not_found
    assert failure_of(inference.RepositoryModelLoad, pb.RepositoryModelLoadRequest(model_name=name)).code() is not_found
    watch = status.WatchModelStatus(model_status_pb2.WatchModelStatusRequest(model=name), timeout=10)
    assert failure_of(lambda *_, **__: next(watch), None).code() is not_found


def test_probes_are_answered_while_an_unload_holds_the_only_control_thread(
    repository: RepositoryBuilder, start_server: StartServer
) -> None:
    repository.identity("slow", max_batch_size=0, delay_us=1_000_000)
    server = start_server(repository.root, "--control-threads", "1")
    with Client(server.address) as client, grpc.insecure_channel(server.address) as channel:
        message = predict_pb2.PredictRequest(model="slow", inputs={"IN": to_tensor(np.zeros(2, np.float32))})
        predict = predict_pb2_grpc.PredictServiceStub(channel).Predict
        running = [predict.future(message) for _ in range(2)]
        watch = client.watch_status("slow")
        assert next(watch)[0].default_version == 1
        inference = open_inference_pb2_grpc.GRPCInferenceServiceStub(channel)
        while not client.metadata("slow").counts.queue_depth:
            pass
        unload = inference.RepositoryModelUnload.future(pb.RepositoryModelUnloadRequest(model_name="slow"))
        while next(watch)[0].default_version:
            pass
        assert inference.ServerLive(pb.ServerLiveRequest(), timeout=1).live
        assert inference.ServerReady(pb.ServerReadyRequest(), timeout=1).ready
        assert not inference.ModelReady(pb.ModelReadyRequest(name="slow"), timeout=1).ready
        assert not unload.done()
        assert [call.code() for call in running] == [grpc.StatusCode.OK] * 2
        unload.result(10)
