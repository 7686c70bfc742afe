from __future__ import annotations

from typing import Any

import grpc
import numpy as np
import pytest
from server_process import RepositoryBuilder, StartServer

from pyserver.open_inference import open_inference_pb2 as pb
from pyserver.open_inference import open_inference_pb2_grpc

Stub = open_inference_pb2_grpc.GRPCInferenceServiceStub


@pytest.fixture
def stub(channel: grpc.Channel) -> Any:
    return Stub(channel)


def infer_request(model: str, array: np.ndarray, request_id: str = "") -> pb.ModelInferRequest:
    tensor = pb.ModelInferRequest.InferInputTensor(name="IN", datatype="FP32", shape=array.shape)
    return pb.ModelInferRequest(
        model_name=model, id=request_id, inputs=[tensor], raw_input_contents=[array.astype("<f4").tobytes()]
    )


def failure_of(call: Any, request: Any) -> tuple[grpc.StatusCode, str]:
    with pytest.raises(grpc.RpcError) as failure:
        call(request, timeout=10)
    return failure.value.code(), failure.value.details()


def test_the_server_is_live_and_ready(stub: Any) -> None:
    assert stub.ServerLive(pb.ServerLiveRequest(), timeout=10).live
    assert stub.ServerReady(pb.ServerReadyRequest(), timeout=10).ready


@pytest.mark.parametrize(
    ("name", "version", "ready"),
    [("echo", "", True), ("echo", "3", True), ("echo", "7", False), ("nope", "", False)],
)
def test_a_model_is_ready_where_the_version_serves(stub: Any, name: str, version: str, ready: bool) -> None:
    assert stub.ModelReady(pb.ModelReadyRequest(name=name, version=version), timeout=10).ready is ready


@pytest.mark.parametrize("version", ["x", "-1", "0", "1.0", " 1", "9" * 19, "9" * 400, "٣"])
@pytest.mark.parametrize("method", ["ModelReady", "ModelMetadata", "ModelConfig", "ModelStatistics"])
def test_a_version_that_is_no_version_is_an_invalid_argument(stub: Any, method: str, version: str) -> None:
    request = getattr(pb, f"{method}Request")(name="echo", version=version)
    code, message = failure_of(getattr(stub, method), request)
    assert code is grpc.StatusCode.INVALID_ARGUMENT
    assert "expected a whole number" in message


def test_server_metadata_tells_name_version_and_extensions(stub: Any) -> None:
    metadata = stub.ServerMetadata(pb.ServerMetadataRequest(), timeout=10)
    assert metadata.name == "pyserver"
    assert metadata.version
    assert {"statistics", "model_repository"} <= set(metadata.extensions)


def test_model_metadata_lists_the_batch_dimension(stub: Any) -> None:
    metadata = stub.ModelMetadata(pb.ModelMetadataRequest(name="pair"), timeout=10)
    assert metadata.platform == "identity"
    assert [(t.name, t.datatype, list(t.shape)) for t in metadata.inputs] == [
        ("A", "UINT8", [-1, 4, 6, 3]),
        ("B", "FP32", [-1, 1]),
    ]
    assert list(stub.ModelMetadata(pb.ModelMetadataRequest(name="plain"), timeout=10).inputs[0].shape) == [2, 3]
    assert list(stub.ModelMetadata(pb.ModelMetadataRequest(name="echo"), timeout=10).versions) == ["3", "1"]


def test_model_config_does_not_list_the_batch_dimension(stub: Any) -> None:
    config = stub.ModelConfig(pb.ModelConfigRequest(name="text"), timeout=10).config
    assert (config.max_batch_size, config.backend) == (8, "identity")
    assert [(i.name, i.data_type, list(i.dims)) for i in config.input] == [("TEXT", pb.TYPE_STRING, [-1])]


@pytest.mark.parametrize("method", ["ModelMetadata", "ModelConfig", "ModelStatistics"])
def test_an_unknown_model_or_version_is_not_found(stub: Any, method: str) -> None:
    request_type = getattr(pb, f"{method}Request")
    for request in (request_type(name="nope"), request_type(name="echo", version="7")):
        assert failure_of(getattr(stub, method), request)[0] is grpc.StatusCode.NOT_FOUND


def test_statistics_count_requests_rows_and_batches(repository: RepositoryBuilder, start_server: StartServer) -> None:
    repository.identity("echo")
    server = start_server(repository.root)
    with grpc.insecure_channel(server.address) as channel:
        stub: Any = Stub(channel)
        for rows in (1, 1, 4):
            stub.ModelInfer(infer_request("echo", np.ones((rows, 2))), timeout=10)
        assert (
            failure_of(stub.ModelInfer, infer_request("echo", np.ones((9, 2))))[0] is grpc.StatusCode.INVALID_ARGUMENT
        )
        (told,) = stub.ModelStatistics(pb.ModelStatisticsRequest(name="echo"), timeout=10).model_stats
    assert (told.name, told.version, told.inference_count, told.execution_count) == ("echo", "1", 6, 3)
    assert (told.inference_stats.success.count, told.inference_stats.fail.count) == (3, 1)
    assert told.inference_stats.success.ns > 0
    assert {stats.batch_size: stats.compute_infer.count for stats in told.batch_stats} == {1: 2, 4: 1}
    assert told.last_inference > 1_600_000_000_000


def test_stream_requests_are_answered_each_and_a_failed_one_does_not_end_it(stub: Any) -> None:
    rows = [np.full((1, 2), number) for number in range(1000)]
    requests = [
        infer_request("nope" if number % 10 == 9 else "echo", row, str(number)) for number, row in enumerate(rows)
    ]
    answers = {}
    for response in stub.ModelStreamInfer(iter(requests), timeout=30):
        answers[response.infer_response.id] = response
    assert set(answers) == {str(number) for number in range(1000)}
    for number, row in enumerate(rows):
        answer = answers[str(number)]
        if number % 10 == 9:
            assert "nope" in answer.error_message
        else:
            assert answer.infer_response.raw_output_contents[0] == row.astype("<f4").tobytes()


class TestRepository:
    @pytest.fixture
    def stub(self, repository: RepositoryBuilder, start_server: StartServer) -> Any:
        repository.identity("echo", versions=(1, 2))
        broken = repository.root / "broken" / "1"
        broken.mkdir(parents=True)
        (broken / "model.onnx").write_bytes(b"this is no model")
        server = start_server(repository.root, "--model-control", "explicit", "--load-models", "echo")
        channel = grpc.insecure_channel(server.address)
        yield Stub(channel)
        channel.close()

    def index(self, stub: Any, ready: bool = False) -> dict[tuple[str, str], str]:
        models = stub.RepositoryIndex(pb.RepositoryIndexRequest(ready=ready), timeout=10).models
        return {(model.name, model.version): model.state for model in models}

    def test_the_index_tells_every_version_or_only_those_that_serve(self, stub: Any) -> None:
        assert self.index(stub)[("echo", "2")] == "READY"
        assert self.index(stub, ready=True) == {("echo", "2"): "READY"}

    def test_unload_stops_serving_and_load_serves_again(self, stub: Any) -> None:
        request = pb.RepositoryModelUnloadRequest(model_name="echo")
        request.parameters["unload_dependents"].bool_param = False
        stub.RepositoryModelUnload(request, timeout=10)
        assert not stub.ModelReady(pb.ModelReadyRequest(name="echo"), timeout=10).ready
        assert failure_of(stub.ModelInfer, infer_request("echo", np.ones((1, 2))))[0] is grpc.StatusCode.UNAVAILABLE
        stub.RepositoryModelLoad(pb.RepositoryModelLoadRequest(model_name="echo"), timeout=10)
        assert stub.ModelReady(pb.ModelReadyRequest(name="echo"), timeout=10).ready

    def test_a_model_that_cannot_be_loaded_is_told_with_the_reason(self, stub: Any) -> None:
        code, message = failure_of(stub.RepositoryModelLoad, pb.RepositoryModelLoadRequest(model_name="broken"))
        assert code is grpc.StatusCode.FAILED_PRECONDITION
        assert "broken" in message
        assert self.index(stub)[("broken", "1")] == "UNAVAILABLE"

    def test_a_model_that_no_repository_holds_is_not_found(self, stub: Any) -> None:
        for name in ("nope", "../echo", "a/b"):
            code, _ = failure_of(stub.RepositoryModelLoad, pb.RepositoryModelLoadRequest(model_name=name))
            assert code is grpc.StatusCode.NOT_FOUND

    def test_what_is_not_supported_is_refused(self, stub: Any) -> None:
        request = pb.RepositoryModelLoadRequest(model_name="echo")
        request.parameters["config"].string_param = "{}"
        assert failure_of(stub.RepositoryModelLoad, request) == (
            grpc.StatusCode.INVALID_ARGUMENT,
            "parameter 'config' is not supported: there are none",
        )
        code, _ = failure_of(stub.RepositoryIndex, pb.RepositoryIndexRequest(repository_name="elsewhere"))
        assert code is grpc.StatusCode.INVALID_ARGUMENT
        code, _ = failure_of(stub.RepositoryModelUnload, pb.RepositoryModelUnloadRequest())
        assert code is grpc.StatusCode.INVALID_ARGUMENT
