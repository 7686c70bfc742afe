from __future__ import annotations

import queue
import threading
from typing import Any

import grpc
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc
from server_process import RepositoryBuilder, ServerProcess, StartServer

Status = health_pb2.HealthCheckResponse


def check(channel: grpc.Channel, service: str) -> Any:
    stub = health_pb2_grpc.HealthStub(channel)
    return stub.Check(health_pb2.HealthCheckRequest(service=service), timeout=10).status


@pytest.mark.parametrize(
    "name",
    ["", "echo", "pyserver.v1.PredictService", "pyserver.v1.ModelStatusService", "inference.GRPCInferenceService"],
)
def test_the_server_each_service_and_each_model_are_serving(channel: grpc.Channel, name: str) -> None:
    assert check(channel, name) == Status.SERVING


def test_a_name_that_is_no_service_and_no_model_is_not_found(channel: grpc.Channel) -> None:
    with pytest.raises(grpc.RpcError) as failure:
        check(channel, "nobody")
    assert failure.value.code() is grpc.StatusCode.NOT_FOUND


def test_watch_tells_that_an_unknown_name_is_unknown(channel: grpc.Channel) -> None:
    watch = health_pb2_grpc.HealthStub(channel).Watch(health_pb2.HealthCheckRequest(service="nobody"), timeout=10)
    assert next(watch).status == Status.SERVICE_UNKNOWN
    watch.cancel()


def test_more_watches_than_control_threads_leave_the_server_answering(
    repository: RepositoryBuilder, start_server: StartServer
) -> None:
    repository.identity("echo")
    server = start_server(repository.root, "--control-threads", "1", "--max-watchers", "8")
    with grpc.insecure_channel(server.address) as channel:
        stub = health_pb2_grpc.HealthStub(channel)
        watches = [stub.Watch(health_pb2.HealthCheckRequest(), timeout=30) for _ in range(8)]
        assert [next(watch).status for watch in watches] == [Status.SERVING] * 8
        assert check(channel, "") == Status.SERVING
        with pytest.raises(grpc.RpcError) as failure:
            next(stub.Watch(health_pb2.HealthCheckRequest(), timeout=30))
        assert failure.value.code() is grpc.StatusCode.RESOURCE_EXHAUSTED
        for watch in watches:
            watch.cancel()


def test_watch_tells_not_serving_when_the_server_stops_and_then_ends(
    repository: RepositoryBuilder, start_server: StartServer
) -> None:
    repository.identity("echo")
    server = start_server(repository.root)
    with grpc.insecure_channel(server.address) as channel:
        watch = health_pb2_grpc.HealthStub(channel).Watch(health_pb2.HealthCheckRequest(service="echo"), timeout=30)
        assert next(watch).status == Status.SERVING
        server.terminate()
        assert next(watch).status == Status.NOT_SERVING
        with pytest.raises(grpc.RpcError) as failure:
            next(watch)
        assert failure.value.code() is grpc.StatusCode.UNAVAILABLE
    assert server.wait() == 0


def test_watch_follows_a_model_that_is_unloaded_and_loaded(
    repository: RepositoryBuilder, start_server: StartServer
) -> None:
    from pyserver.open_inference import open_inference_pb2 as pb
    from pyserver.open_inference import open_inference_pb2_grpc

    repository.identity("echo")
    server: ServerProcess = start_server(repository.root, "--model-control", "explicit", "--load-models", "echo")
    with grpc.insecure_channel(server.address) as channel:
        watch = health_pb2_grpc.HealthStub(channel).Watch(health_pb2.HealthCheckRequest(service="echo"), timeout=30)
        seen: queue.Queue[Any] = queue.Queue()

        def follow() -> None:
            try:
                for response in watch:
                    seen.put(response.status)
            except grpc.RpcError:
                pass

        reader = threading.Thread(target=follow)
        reader.start()
        inference = open_inference_pb2_grpc.GRPCInferenceServiceStub(channel)
        assert seen.get(timeout=10) == Status.SERVING
        inference.RepositoryModelUnload(pb.RepositoryModelUnloadRequest(model_name="echo"), timeout=10)
        assert seen.get(timeout=10) == Status.NOT_SERVING
        inference.RepositoryModelLoad(pb.RepositoryModelLoadRequest(model_name="echo"), timeout=10)
        assert seen.get(timeout=10) == Status.SERVING
        watch.cancel()
        reader.join()
