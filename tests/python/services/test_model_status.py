from __future__ import annotations

import threading
from collections.abc import Iterator
from dataclasses import asdict
from types import SimpleNamespace
from typing import Any

import grpc
import numpy as np
import pytest
from server_process import RepositoryBuilder, StartServer

from pyserver.client import Client
from pyserver.config.schema import ServerSettings
from pyserver.nvml import GpuUse, NvmlError
from pyserver.open_inference import open_inference_pb2 as pb
from pyserver.open_inference import open_inference_pb2_grpc
from pyserver.services import gpu_uses
from pyserver.services.change_feed import ChangeFeed
from pyserver.services.model_status import ModelStatusServicer
from pyserver.v1 import model_status_pb2, model_status_pb2_grpc, tensor_pb2

AVAILABLE = model_status_pb2.MODEL_VERSION_STATE_AVAILABLE


@pytest.fixture
def stub(channel: grpc.Channel) -> model_status_pb2_grpc.ModelStatusServiceStub:
    return model_status_pb2_grpc.ModelStatusServiceStub(channel)


def ask(stub: model_status_pb2_grpc.ModelStatusServiceStub, model: str = "", version: int = 0) -> list:
    request = model_status_pb2.ModelStatusRequest(model=model, version=version)
    return list(stub.ModelStatus(request, timeout=10).models)


def test_all_models_are_told_by_name_with_the_highest_version_first(stub) -> None:
    models = ask(stub)
    assert [model.name for model in models] == ["echo", "pair", "plain", "text"]
    assert [version.version for version in models[0].versions] == [3, 1]
    assert models[0].default_version == 3


def test_a_version_tells_its_engine_its_tensors_and_its_batching(stub) -> None:
    (model,) = ask(stub, "pair")
    (version,) = model.versions
    assert (version.state, version.reason, version.engine) == (AVAILABLE, "", "identity")
    assert sum(group.count for group in version.instance_groups) == 1
    assert [(spec.name, spec.datatype, list(spec.shape), spec.optional) for spec in version.inputs] == [
        ("A", tensor_pb2.DATATYPE_UINT8, [4, 6, 3], False),
        ("B", tensor_pb2.DATATYPE_FP32, [1], False),
    ]
    assert version.batching.max_batch_size == 8
    assert version.batching.max_queue_size == 1024


def test_one_version_can_be_asked_for(stub) -> None:
    (model,) = ask(stub, "echo", 1)
    assert [version.version for version in model.versions] == [1]


@pytest.mark.parametrize(
    ("model", "version", "code", "message"),
    [
        ("nope", 0, grpc.StatusCode.NOT_FOUND, "nope"),
        ("echo", 7, grpc.StatusCode.NOT_FOUND, "has no version 7"),
        ("", 1, grpc.StatusCode.INVALID_ARGUMENT, "without a model"),
    ],
)
def test_what_is_not_there_is_an_error_that_names_it(stub, model: str, version: int, code, message: str) -> None:
    with pytest.raises(grpc.RpcError) as failure:
        ask(stub, model, version)
    assert failure.value.code() is code
    assert message in failure.value.details()


def test_a_request_that_is_no_message_is_an_invalid_argument(channel: grpc.Channel) -> None:
    call = channel.unary_unary("/pyserver.v1.ModelStatusService/ModelStatus")
    for malformed in (b"\xff\xff\xff", b"\x0a\x02\xc3\x28"):
        with pytest.raises(grpc.RpcError) as failure:
            call(malformed, timeout=10)
        assert failure.value.code() is grpc.StatusCode.INVALID_ARGUMENT


def test_counts_are_those_of_the_client(repository: RepositoryBuilder, start_server: StartServer) -> None:
    repository.identity("echo")
    server = start_server(repository.root)
    with Client(server.address) as client:
        for rows in (1, 3):
            client.predict("echo", {"IN": np.zeros((rows, 2), np.float32)})
        with pytest.raises(Exception, match="INVALID_ARGUMENT"):
            client.predict("echo", {"IN": np.zeros((1, 2), np.int8)})
        counts = client.metadata("echo").counts
    assert (counts.requests, counts.errors, counts.inferences, counts.batches) == (3, 1, 4, 2)
    assert dict(counts.errors_by_code) == {3: 1}
    assert counts.mean_batch_size == 2


@pytest.fixture
def explicit_server(repository: RepositoryBuilder, start_server: StartServer) -> Iterator[grpc.Channel]:
    repository.identity("echo")
    server = start_server(
        repository.root, "--model-control", "explicit", "--load-models", "echo", "--max-watchers", "2"
    )
    with grpc.insecure_channel(server.address) as channel:
        yield channel


def test_watch_tells_the_status_at_once_and_after_each_change(explicit_server: grpc.Channel) -> None:
    stub = model_status_pb2_grpc.ModelStatusServiceStub(explicit_server)
    inference = open_inference_pb2_grpc.GRPCInferenceServiceStub(explicit_server)
    watch = stub.WatchModelStatus(model_status_pb2.WatchModelStatusRequest(model="echo"), timeout=30)
    assert next(watch).models[0].versions[0].state == AVAILABLE
    unload = threading.Thread(
        target=inference.RepositoryModelUnload, args=(pb.RepositoryModelUnloadRequest(model_name="echo"),)
    )
    unload.start()
    for response in watch:
        if not response.models or response.models[0].default_version == 0:
            break
    unload.join()
    watch.cancel()


def test_one_watcher_too_many_is_refused_and_one_that_left_makes_room(explicit_server: grpc.Channel) -> None:
    stub = model_status_pb2_grpc.ModelStatusServiceStub(explicit_server)
    request = model_status_pb2.WatchModelStatusRequest()
    watches = [stub.WatchModelStatus(request, timeout=30) for _ in range(2)]
    for watch in watches:
        next(watch)
    with pytest.raises(grpc.RpcError) as failure:
        next(stub.WatchModelStatus(request, timeout=30))
    assert failure.value.code() is grpc.StatusCode.RESOURCE_EXHAUSTED
    watches[0].cancel()
    for _ in range(1000):  # the server hears of the cancellation a moment later
        try:
            assert next(stub.WatchModelStatus(request, timeout=30)).models
            break
        except grpc.RpcError as error:
            assert error.code() is grpc.StatusCode.RESOURCE_EXHAUSTED  # noqa: PT017
    else:
        pytest.fail("the place of a watcher that left was not given away")


def test_watching_a_model_that_is_not_there_is_not_found(channel: grpc.Channel) -> None:
    stub = model_status_pb2_grpc.ModelStatusServiceStub(channel)
    with pytest.raises(grpc.RpcError) as failure:
        next(stub.WatchModelStatus(model_status_pb2.WatchModelStatusRequest(model="nope"), timeout=10))
    assert failure.value.code() is grpc.StatusCode.NOT_FOUND


def test_the_transports_counters_are_told_with_all_models(stub, transport: str) -> None:
    told = stub.ModelStatus(model_status_pb2.ModelStatusRequest(), timeout=10).transport_counters
    assert (told["calls_started"] > 0) == (transport == "native")
    assert not stub.ModelStatus(model_status_pb2.ModelStatusRequest(model="pair"), timeout=10).transport_counters


def test_the_gpus_are_told_with_all_models_as_nvml_reads_them(monkeypatch: pytest.MonkeyPatch) -> None:
    use = GpuUse("GPU 0", "uuid-0", 40, 1 << 30, 8 << 30)
    monkeypatch.setattr(gpu_uses, "open_nvml", lambda: SimpleNamespace(read=lambda: [use]))
    assert gpu_uses.GpuUses()() == [use]
    repository: Any = SimpleNamespace(snapshot=lambda _: [])
    servicer = ModelStatusServicer(repository, ChangeFeed(1), dict, dict, gpu_uses.GpuUses())
    context: Any = None
    (told,) = servicer.ModelStatus(model_status_pb2.ModelStatusRequest(), context).gpus
    assert {field.name: getattr(told, field.name) for field in told.DESCRIPTOR.fields} == asdict(use)
    assert not servicer.ModelStatus(model_status_pb2.ModelStatusRequest(model="pair"), context).gpus


def test_without_nvml_no_gpu_is_told_and_the_log_says_why_once(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def refuse() -> None:
        raise NvmlError("NVML finds no GPU")

    monkeypatch.setattr(gpu_uses, "open_nvml", refuse)
    uses = gpu_uses.GpuUses()
    with caplog.at_level("INFO"):
        assert (uses(), uses()) == ([], [])
    assert [record.getMessage() for record in caplog.records] == ["the use of GPUs is not told: NVML finds no GPU"]


def test_the_memory_for_requests_is_told_with_all_models(stub) -> None:
    told = stub.ModelStatus(model_status_pb2.ModelStatusRequest(), timeout=10).memory_counters
    assert (told["allocated"] > 0, told["refused"]) == (True, 0)
    # Without a model on a GPU nothing is page-locked, up to the limit that is configured.
    assert (told["pinned_bytes"], told["pinned_limit_bytes"]) == (0, ServerSettings().max_pinned_memory_bytes)
    assert not stub.ModelStatus(model_status_pb2.ModelStatusRequest(model="pair"), timeout=10).memory_counters
