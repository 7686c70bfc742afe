"""Models that nobody here made answer as ONNX Runtime does, single and batched, over both protocols."""

from __future__ import annotations

import concurrent.futures
from collections.abc import Iterator
from pathlib import Path

import grpc
import numpy as np
import onnxruntime
import pytest
from real_models import RealModel, real_models
from server_process import ServerProcess
from wire import METHODS, Predict, Tensor

TOLERANCE = 1e-4
NAMES = ["magika", "vad", "vad_16k", "vad_sequence", "ocr_detect", "ocr_recognise", "ocr_classify", "minilm"]

every_model = pytest.mark.parametrize("name", NAMES)
both_protocols = pytest.mark.parametrize("method", METHODS[::2], ids=lambda method: type(method).__name__)


@pytest.fixture(scope="module")
def models() -> dict[str, RealModel]:
    cache = Path(__file__).resolve().parents[3] / "build" / "models"
    cache.mkdir(parents=True, exist_ok=True)
    return {model.name: model for model in real_models(cache)}


@pytest.fixture(scope="module")
def references(models: dict[str, RealModel]) -> dict[str, onnxruntime.InferenceSession]:
    return {name: onnxruntime.InferenceSession(model.path) for name, model in models.items()}


@pytest.fixture(scope="module")
def served(models: dict[str, RealModel], tmp_path_factory: pytest.TempPathFactory) -> Iterator[grpc.Channel]:
    root = tmp_path_factory.mktemp("real")
    for model in models.values():
        version = root / "models" / model.name / "1"
        version.mkdir(parents=True)
        (version / "model.onnx").write_bytes(model.path.read_bytes())
    server = ServerProcess([str(root / "models")], root / "log")
    with grpc.insecure_channel(server.address) as channel:
        yield channel
    server.kill()


def assert_agrees(
    method: Predict,
    channel: grpc.Channel,
    reference: onnxruntime.InferenceSession,
    model: RealModel,
    inputs: dict[str, np.ndarray],
) -> None:
    answer = method.infer(channel, model.name, {name: Tensor.of(array) for name, array in inputs.items()})
    assert answer.code == grpc.StatusCode.OK, answer
    expected = reference.run(None, inputs)
    assert set(answer.outputs) == {output.name for output in reference.get_outputs()}
    for output, array in zip(reference.get_outputs(), expected, strict=True):
        got = answer.outputs[output.name].array()
        assert got.shape == array.shape
        np.testing.assert_allclose(got, array, rtol=0, atol=TOLERANCE, err_msg=output.name)


@every_model
@both_protocols
@pytest.mark.parametrize("rows", [1, 3])
def test_one_request_agrees_with_onnx_runtime(
    models: dict[str, RealModel],
    references: dict[str, onnxruntime.InferenceSession],
    served: grpc.Channel,
    method: Predict,
    name: str,
    rows: int,
) -> None:
    inputs = models[name].inputs(np.random.default_rng(rows), rows)
    assert_agrees(method, served, references[name], models[name], inputs)


@every_model
@both_protocols
def test_requests_batched_by_the_server_agree_with_onnx_runtime(
    models: dict[str, RealModel],
    references: dict[str, onnxruntime.InferenceSession],
    served: grpc.Channel,
    method: Predict,
    name: str,
) -> None:
    random = np.random.default_rng(5)
    requests = [models[name].inputs(random, 1 + index % 2) for index in range(24)]
    with concurrent.futures.ThreadPoolExecutor(24) as pool:
        calls = [
            pool.submit(assert_agrees, method, served, references[name], models[name], inputs) for inputs in requests
        ]
        for call in calls:
            call.result()


@every_model
def test_the_server_finds_out_whether_a_model_batches(
    models: dict[str, RealModel], served: grpc.Channel, name: str
) -> None:
    from pyserver.v1 import model_status_pb2

    ask = served.unary_unary("/pyserver.v1.ModelStatusService/ModelStatus")
    data = ask(model_status_pb2.ModelStatusRequest(model=name).SerializeToString(), timeout=30)
    (version,) = model_status_pb2.ModelStatusResponse.FromString(data).models[0].versions
    assert (version.batching.max_batch_size > 0) == models[name].batches
