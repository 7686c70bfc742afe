"""tritonclient's shared memory, unmodified, over both transports: register, infer, and what a client may do wrong."""

from __future__ import annotations

import queue
import subprocess
import sys
import uuid
from collections.abc import Iterator
from typing import Any

import identity_models
import numpy as np
import pytest
import tritonclient.grpc as triton
import tritonclient.utils as triton_utils
from server_process import RepositoryBuilder, ServerProcess
from tritonclient.utils import InferenceServerException, shared_memory

INVALID = "StatusCode.INVALID_ARGUMENT"
OBJECT_BYTES = 64 * 1024


@pytest.fixture(scope="module", params=["native", "grpcio"])
def address(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A server that allows shared memory."""
    folder = tmp_path_factory.mktemp("shared")
    identity_models.build(RepositoryBuilder(folder / "models"))
    arguments = [str(folder / "models"), "--allow-client-shm", "--transport", str(request.param)]
    server = ServerProcess(arguments, folder / "log")
    yield server.address
    server.stop()


@pytest.fixture
def client(address: str) -> Iterator[triton.InferenceServerClient]:
    with triton.InferenceServerClient(address) as connected:
        yield connected
        connected.unregister_system_shared_memory()


@pytest.fixture
def region(client: triton.InferenceServerClient) -> Iterator[Any]:
    """The handle of the region "r", all of an object."""
    key = f"/pyserver-{uuid.uuid4().hex}"
    handle = shared_memory.create_shared_memory_region("r", key, OBJECT_BYTES)
    client.register_system_shared_memory("r", key, OBJECT_BYTES)
    yield handle
    shared_memory.destroy_shared_memory_region(handle)


def placed_input(name: str, array: np.ndarray, datatype: str, handle: Any, offset: int = 0) -> triton.InferInput:
    """The array, put into the region."""
    contents = triton_utils.serialize_byte_tensor(array) if datatype == "BYTES" else array
    size = len(contents.item()) if datatype == "BYTES" else array.nbytes
    shared_memory.set_shared_memory_region(handle, [contents], offset)
    made = triton.InferInput(name, list(array.shape), datatype)
    made.set_shared_memory("r", size, offset)
    return made


def placed_output(name: str, byte_size: int, offset: int = 0) -> triton.InferRequestedOutput:
    wanted = triton.InferRequestedOutput(name)
    wanted.set_shared_memory("r", byte_size, offset)
    return wanted


def by_value(name: str, array: np.ndarray, datatype: str) -> triton.InferInput:
    made = triton.InferInput(name, list(array.shape), datatype)
    made.set_data_from_numpy(array)
    return made


def refusal(call: Any, *arguments: Any, **more: Any) -> InferenceServerException:
    with pytest.raises(InferenceServerException) as refused:
        call(*arguments, **more)
    return refused.value


def run_elsewhere(code: str, *arguments: str) -> None:
    """In a process of its own, as another client would."""
    subprocess.run([sys.executable, "-c", code, *arguments], check=True, timeout=60)


def test_a_region_is_registered_shown_and_unregistered(client: triton.InferenceServerClient, region: Any) -> None:
    key = region._shm_key
    client.register_system_shared_memory("part", key, 100, offset=28)
    status = client.get_system_shared_memory_status(as_json=True)["regions"]
    assert status["part"] == {"name": "part", "key": key, "offset": "28", "byte_size": "100"}
    assert status["r"] == {"name": "r", "key": key, "byte_size": str(OBJECT_BYTES)}
    assert set(client.get_system_shared_memory_status("part").regions) == {"part"}
    client.unregister_system_shared_memory("part")
    client.unregister_system_shared_memory("part")
    assert set(client.get_system_shared_memory_status().regions) == {"r"}
    assert refusal(client.get_system_shared_memory_status, "part").status() == "StatusCode.NOT_FOUND"


def test_the_metadata_lists_the_extension(client: triton.InferenceServerClient) -> None:
    extensions = client.get_server_metadata().extensions
    assert "system_shared_memory" in extensions
    assert "cuda_shared_memory" not in extensions


ARRAYS = {
    "FP32": np.linspace(-1, 1, 9, dtype=np.float32),
    "FP16": np.linspace(-1, 1, 9).astype(np.float16),
    "INT64": np.arange(-4, 5),
    "BOOL": np.array([True, False, True]),
    "BYTES": np.array([b"", b"one", b"\x00\xff" * 40], dtype=np.object_),
}


@pytest.mark.parametrize("datatype", ARRAYS)
def test_tensors_in_shared_memory_equal_those_in_messages(
    client: triton.InferenceServerClient, region: Any, datatype: str
) -> None:
    array, model = ARRAYS[datatype], f"echo_{datatype.lower()}"
    sent = client.infer(model, [by_value("INPUT0", array, datatype)]).as_numpy("OUTPUT0")
    result = client.infer(
        model, [placed_input("INPUT0", array, datatype, region, 64)], outputs=[placed_output("OUTPUT0", 4096, 2048)]
    )
    answer = result.get_output("OUTPUT0")
    assert answer.parameters["shared_memory_region"].string_param == "r"
    assert answer.parameters["shared_memory_offset"].int64_param == 2048
    size = len(triton_utils.serialize_byte_tensor(array).item()) if datatype == "BYTES" else array.nbytes
    assert answer.parameters["shared_memory_byte_size"].int64_param == size
    assert list(result.get_response().raw_output_contents) == [b""]
    found = shared_memory.get_contents_as_numpy(region, array.dtype, answer.shape, 2048)
    np.testing.assert_array_equal(found, sent)


def test_a_request_may_mix_both_ways(client: triton.InferenceServerClient, region: Any) -> None:
    numbers, ones = np.arange(6, dtype=np.int32).reshape(2, 3), np.ones((2, 1), np.float32)
    result = client.infer(
        "pair",
        [placed_input("a", numbers, "INT32", region), by_value("b", ones, "FP32")],
        outputs=[placed_output("second", 8, 1024), triton.InferRequestedOutput("first")],
    )
    np.testing.assert_array_equal(result.as_numpy("first"), numbers)
    np.testing.assert_array_equal(shared_memory.get_contents_as_numpy(region, np.float32, [2, 1], 1024), ones)


def test_a_stream_takes_them_too(client: triton.InferenceServerClient, region: Any) -> None:
    answers: queue.Queue[tuple[triton.InferResult, InferenceServerException | None]] = queue.Queue()
    client.start_stream(callback=lambda result, error: answers.put((result, error)))
    arrays = [np.full((1, 4), index, np.float32) for index in range(20)]
    for index, array in enumerate(arrays):
        region_end = OBJECT_BYTES if index == 7 else index * 32 + 16
        client.async_stream_infer(
            "batched",
            [placed_input("INPUT0", array, "FP32", region, index * 32)],
            outputs=[placed_output("OUTPUT0", 16, region_end)],
            request_id=str(index),
        )
    failures = [error for _, error in (answers.get(timeout=30) for _ in arrays) if error is not None]
    client.stop_stream()
    assert ["within the 65536 bytes of shared memory region 'r'" in failure.message() for failure in failures] == [True]
    for index, array in enumerate(arrays):
        found = shared_memory.get_contents_as_numpy(region, np.float32, [1, 4], index * 32 + 16)
        np.testing.assert_array_equal(found, array if index != 7 else np.zeros((1, 4)))


def test_fifty_requests_at_once_keep_to_their_places(client: triton.InferenceServerClient, region: Any) -> None:
    answers: queue.Queue[InferenceServerException | None] = queue.Queue()
    count, row = 50, 64 * 4
    arrays = [np.full((1, 64), index, np.float32) for index in range(count)]
    for index, array in enumerate(arrays):
        client.async_infer(
            "slow_free",  # 20 ms each: the others gather behind the first, in batches
            [placed_input("INPUT0", array, "FP32", region, index * row)],
            outputs=[placed_output("OUTPUT0", row, (count + index) * row)],
            callback=lambda result, error: answers.put(error),  # noqa: ARG005
        )
    assert [answers.get(timeout=30) for _ in arrays] == [None] * count
    for index, array in enumerate(arrays):
        found = shared_memory.get_contents_as_numpy(region, np.float32, [1, 64], (count + index) * row)
        np.testing.assert_array_equal(found, array)
    (told,) = client.get_inference_statistics("slow_free").model_stats
    assert told.execution_count < told.inference_count, "some were executed together"


def test_a_truncated_object_is_an_error_and_not_the_servers_end(
    client: triton.InferenceServerClient, region: Any
) -> None:
    array = np.ones(8192, np.float32)
    tensor = placed_input("INPUT0", array, "FP32", region)
    run_elsewhere("import os, sys; os.truncate('/dev/shm' + sys.argv[1], 4096)", region._shm_key)
    error = refusal(client.infer, "echo_fp32", [tensor])
    assert error.status() == INVALID
    assert "was truncated after it was registered: expected at least 32768 bytes, got 4096" in error.message()
    error = refusal(
        client.infer, "echo_fp32", [by_value("INPUT0", array, "FP32")], outputs=[placed_output("OUTPUT0", 32768)]
    )
    assert error.status() == INVALID
    assert "was truncated" in error.message()
    assert client.is_server_live()


def test_an_output_without_enough_room_names_both_sizes(client: triton.InferenceServerClient, region: Any) -> None:
    error = refusal(
        client.infer,
        "echo_fp32",
        [placed_input("INPUT0", np.ones(3, np.float32), "FP32", region)],
        outputs=[placed_output("OUTPUT0", 11, 1024)],
    )
    assert error.status() == INVALID
    assert "output 'OUTPUT0': parameter 'shared_memory_byte_size': expected at least 12 bytes" in error.message()
    assert "got 11" in error.message()


@pytest.mark.parametrize(
    ("byte_size", "offset", "reason"),
    [
        (12, OBJECT_BYTES - 11, "expected a place within the 65536 bytes of shared memory region 'r'"),
        (2**63 - 1, 2**63 - 1, "expected a place within the 65536 bytes of shared memory region 'r'"),
        (12, -1, "expected a whole number of 0 to 9223372036854775807, got -1"),
        (16, 0, "expected 12 bytes for FP32 of shape [3], got 16"),
    ],
)
def test_an_input_that_names_no_such_place_is_refused(
    client: triton.InferenceServerClient, region: Any, byte_size: int, offset: int, reason: str
) -> None:
    assert region is not None
    tensor = triton.InferInput("INPUT0", [3], "FP32")
    tensor.set_shared_memory("r", byte_size, offset)
    error = refusal(client.infer, "echo_fp32", [tensor])
    assert error.status() == INVALID
    assert "model 'echo_fp32': input 'INPUT0'" in error.message()
    assert reason in error.message()


@pytest.mark.parametrize(
    ("key", "byte_size", "offset", "code"),
    [
        ("/pyserver-nobody", 1, 0, "NOT_FOUND"),
        ("/a/b", 1, 0, "INVALID_ARGUMENT"),
        ("/../etc/passwd", 1, 0, "INVALID_ARGUMENT"),
        ("..", 1, 0, "INVALID_ARGUMENT"),
        ("", 1, 0, "INVALID_ARGUMENT"),
        (None, OBJECT_BYTES + 1, 0, "INVALID_ARGUMENT"),
        (None, 1, OBJECT_BYTES, "INVALID_ARGUMENT"),
        (None, 8, 2**64 - 4, "INVALID_ARGUMENT"),
        (None, 0, 0, "INVALID_ARGUMENT"),
    ],
)
def test_a_region_that_is_none_cannot_be_registered(
    client: triton.InferenceServerClient, region: Any, key: str | None, byte_size: int, offset: int, code: str
) -> None:
    name = region._shm_key if key is None else key
    error = refusal(client.register_system_shared_memory, "other", name, byte_size, offset=offset)
    assert error.status() == f"StatusCode.{code}"
    assert "shared memory region 'other'" in error.message()
    assert set(client.get_system_shared_memory_status().regions) == {"r"}


def test_a_name_is_taken_until_it_is_unregistered(client: triton.InferenceServerClient, region: Any) -> None:
    error = refusal(client.register_system_shared_memory, "r", region._shm_key, 8)
    assert error.status() == "StatusCode.ALREADY_EXISTS"
    client.unregister_system_shared_memory("r")
    client.register_system_shared_memory("r", region._shm_key, 8)


def test_a_region_outlives_the_client_that_made_it(client: triton.InferenceServerClient, address: str) -> None:
    code = """if True:
        import os, sys
        import tritonclient.grpc as triton
        from tritonclient.utils import shared_memory
        handle = shared_memory.create_shared_memory_region("left", sys.argv[2], 8)
        handle._mpsm_handle.buf[:8] = bytes(range(8))
        triton.InferenceServerClient(sys.argv[1]).register_system_shared_memory("left", sys.argv[2], 8)
        handle._mpsm_handle.unlink()
        os._exit(0)  # without a word to the server
    """
    run_elsewhere(code, address, f"/pyserver-{uuid.uuid4().hex}")
    tensor = triton.InferInput("INPUT0", [8], "UINT8")
    tensor.set_shared_memory("left", 8)
    assert client.infer("echo_uint8", [tensor]).as_numpy("OUTPUT0").tolist() == list(range(8))
    client.unregister_system_shared_memory("left")
    assert refusal(client.infer, "echo_uint8", [tensor]).status() == INVALID


def test_cuda_memory_needs_a_gpu(client: triton.InferenceServerClient) -> None:
    assert not client.get_cuda_shared_memory_status().regions
    error = refusal(client.register_cuda_shared_memory, "gpu", "A" * 86 + "==", 0, 64)
    assert error.status() == "StatusCode.UNAVAILABLE"
    assert "libcuda.so.1" in error.message()
    client.unregister_cuda_shared_memory()


def test_without_the_option_every_call_names_it(server_address: str) -> None:
    with triton.InferenceServerClient(server_address) as client:
        tensor = triton.InferInput("INPUT0", [1], "FP32")
        tensor.set_shared_memory("r", 4)
        sent = by_value("INPUT0", np.ones(1, np.float32), "FP32")
        for error in (
            refusal(client.get_system_shared_memory_status),
            refusal(client.register_system_shared_memory, "r", "/r", 4),
            refusal(client.unregister_system_shared_memory),
            refusal(client.get_cuda_shared_memory_status),
            refusal(client.register_cuda_shared_memory, "r", "", 0, 4),
            refusal(client.unregister_cuda_shared_memory),
            refusal(client.infer, "echo_fp32", [tensor]),
            refusal(client.infer, "echo_fp32", [sent], outputs=[placed_output("OUTPUT0", 4)]),
        ):
            assert error.status() == "StatusCode.FAILED_PRECONDITION"
            assert "--allow-client-shm" in error.message()
        extensions = client.get_server_metadata().extensions
        assert not {"system_shared_memory", "cuda_shared_memory"} & set(extensions)
