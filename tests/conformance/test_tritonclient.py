"""tritonclient, unmodified from PyPI, works against the server.

This folder runs in a pytest process of its own: tritonclient's generated code and ours register the same names.
"""

from __future__ import annotations

import queue
from collections.abc import Iterator

import numpy as np
import pytest
import tritonclient.grpc as triton
import tritonclient.grpc.aio as triton_aio
from tritonclient.utils import InferenceServerException

DATATYPES = ["BOOL", "UINT8", "UINT16", "UINT32", "UINT64", "INT8", "INT16", "INT32", "INT64", "FP16", "FP32", "FP64"]


@pytest.fixture
def client(server_address: str) -> Iterator[triton.InferenceServerClient]:
    with triton.InferenceServerClient(server_address) as connected:
        yield connected


def tensor(name: str, array: np.ndarray, datatype: str) -> triton.InferInput:
    made = triton.InferInput(name, list(array.shape), datatype)
    made.set_data_from_numpy(array)
    return made


def random_array(datatype: str) -> np.ndarray:
    random = np.random.default_rng(3)
    if datatype == "BYTES":
        return np.array([b"", b"one", b"\x00\xff"], dtype=np.object_)
    dtype = {"BOOL": np.bool_, "FP16": np.float16, "FP32": np.float32, "FP64": np.float64}.get(datatype)
    if dtype is not None:
        return random.standard_normal(7).astype(dtype)
    return random.integers(0, 100, 7).astype(datatype.lower())


def test_the_server_is_live_and_ready(client: triton.InferenceServerClient) -> None:
    assert client.is_server_live()
    assert client.is_server_ready()
    assert client.is_model_ready("batched")
    assert client.is_model_ready("batched", "1")
    assert not client.is_model_ready("batched", "9")
    assert not client.is_model_ready("nobody")


def test_the_metadata_says_what_is_served(client: triton.InferenceServerClient) -> None:
    assert client.get_server_metadata().name == "pyserver"
    metadata = client.get_model_metadata("batched", as_json=True)
    assert metadata["versions"] == ["1"]
    assert metadata["inputs"] == [{"name": "INPUT0", "datatype": "FP32", "shape": ["-1", "4"]}]
    assert metadata["outputs"] == [{"name": "OUTPUT0", "datatype": "FP32", "shape": ["-1", "4"]}]
    config = client.get_model_config("batched", as_json=True)["config"]
    assert config["max_batch_size"] == 8
    assert config["input"] == [{"name": "INPUT0", "data_type": "TYPE_FP32", "dims": ["4"]}]


@pytest.mark.parametrize("datatype", [*DATATYPES, "BYTES"])
def test_infer_works_on_every_datatype(client: triton.InferenceServerClient, datatype: str) -> None:
    array = random_array(datatype)
    result = client.infer(f"echo_{datatype.lower()}", [tensor("INPUT0", array, datatype)], request_id="me")
    np.testing.assert_array_equal(result.as_numpy("OUTPUT0"), array)
    assert result.get_response().id == "me"


def test_infer_works_on_bf16(client: triton.InferenceServerClient) -> None:
    import ml_dtypes

    array = np.arange(8).astype(ml_dtypes.bfloat16)
    result = client.infer("echo_bf16", [tensor("INPUT0", array, "BF16")])
    np.testing.assert_array_equal(result.as_numpy("OUTPUT0"), array)


def test_the_wanted_outputs_can_be_named(client: triton.InferenceServerClient) -> None:
    inputs = [
        tensor("b", np.ones((2, 1), np.float32), "FP32"),
        tensor("a", np.ones((2, 3), np.int32), "INT32"),
    ]
    result = client.infer("pair", inputs, outputs=[triton.InferRequestedOutput("second")])
    np.testing.assert_array_equal(result.as_numpy("second"), np.ones((2, 1), np.float32))
    assert result.as_numpy("first") is None


def test_errors_carry_the_code_and_the_sentence(client: triton.InferenceServerClient) -> None:
    with pytest.raises(InferenceServerException) as refused:
        client.infer("batched", [tensor("INPUT0", np.ones((1, 5), np.float32), "FP32")])
    assert refused.value.status() == "StatusCode.INVALID_ARGUMENT"
    assert "expected shape [-1, 4], got [1, 5]" in refused.value.message()


def test_a_client_timeout_is_a_deadline(client: triton.InferenceServerClient) -> None:
    with pytest.raises(InferenceServerException, match=r"DEADLINE_EXCEEDED|Deadline"):
        client.infer("slow", [tensor("INPUT0", np.ones((1, 1), np.float32), "FP32")], client_timeout=0.01)


def test_async_infer_calls_back(client: triton.InferenceServerClient) -> None:
    answers: queue.Queue[tuple[triton.InferResult, InferenceServerException | None]] = queue.Queue()
    arrays = [np.full((1, 4), index, np.float32) for index in range(50)]
    for array in arrays:
        client.async_infer(
            "batched",
            [tensor("INPUT0", array, "FP32")],
            callback=lambda result, error: answers.put((result, error)),
            request_id=str(int(array[0, 0])),
        )
    for _ in arrays:
        result, error = answers.get(timeout=30)
        assert error is None
        assert result.as_numpy("OUTPUT0")[0, 0] == int(result.get_response().id)


def test_stream_infer_answers_every_request(client: triton.InferenceServerClient) -> None:
    answers: queue.Queue[tuple[triton.InferResult, InferenceServerException | None]] = queue.Queue()
    client.start_stream(callback=lambda result, error: answers.put((result, error)))
    for index in range(50):
        array = np.full((1, 5 if index == 7 else 4), index, np.float32)
        client.async_stream_infer("batched", [tensor("INPUT0", array, "FP32")], request_id=str(index))
    seen, failures = set(), []
    for _ in range(50):
        result, error = answers.get(timeout=30)
        if error is not None:
            failures.append(error)
            continue
        seen.add(result.get_response().id)
        assert result.as_numpy("OUTPUT0")[0, 0] == int(result.get_response().id)
    client.stop_stream()
    assert seen == {str(index) for index in range(50)} - {"7"}
    assert "expected shape [-1, 4], got [1, 5]" in failures[0].message()


def test_the_repository_index_lists_models(client: triton.InferenceServerClient) -> None:
    index = {model["name"]: model for model in client.get_model_repository_index(as_json=True)["models"]}
    assert index["batched"]["version"] == "1"
    assert index["batched"]["state"] == "READY"


def test_a_model_can_be_unloaded_and_loaded_again(client: triton.InferenceServerClient) -> None:
    array = np.ones((1, 1), np.float32)
    client.unload_model("spare")
    assert not client.is_model_ready("spare")
    with pytest.raises(InferenceServerException, match="UNAVAILABLE"):
        client.infer("spare", [tensor("INPUT0", array, "FP32")])
    client.load_model("spare")
    assert client.is_model_ready("spare")
    np.testing.assert_array_equal(client.infer("spare", [tensor("INPUT0", array, "FP32")]).as_numpy("OUTPUT0"), array)
    with pytest.raises(InferenceServerException):
        client.load_model("nobody")


def test_statistics_agree_with_the_clients_own_count(client: triton.InferenceServerClient) -> None:
    def counts() -> tuple[int, int, int]:
        (model,) = client.get_inference_statistics("pair").model_stats
        return model.inference_stats.success.count, model.inference_stats.fail.count, model.inference_count

    before = counts()
    inputs = [tensor("a", np.ones((3, 3), np.int32), "INT32"), tensor("b", np.ones((3, 1), np.float32), "FP32")]
    for _ in range(5):
        client.infer("pair", inputs)
    with pytest.raises(InferenceServerException):
        client.infer("pair", inputs[:1])
    after = counts()
    assert [b - a for a, b in zip(before, after, strict=True)] == [5, 1, 15]


def test_the_asyncio_client_works(server_address: str) -> None:
    import asyncio

    async def ask() -> np.ndarray:
        async with triton_aio.InferenceServerClient(server_address) as connected:
            assert await connected.is_server_ready()
            array = np.arange(4, dtype=np.float32).reshape(1, 4)
            result = await connected.infer("batched", [tensor("INPUT0", array, "FP32")])
            return result.as_numpy("OUTPUT0")

    np.testing.assert_array_equal(asyncio.run(ask()), [[0, 1, 2, 3]])
