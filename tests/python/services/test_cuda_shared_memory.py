"""CUDA shared memory of a client, against the double of the driver: its process and the server's are two."""

from __future__ import annotations

import contextlib
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import gpu_double
import grpc
import pytest
from server_process import SERVER_PYTHON, RepositoryBuilder, ServerProcess

from pyserver.open_inference import open_inference_pb2 as pb
from pyserver.open_inference import open_inference_pb2_grpc

CLIENT = Path(__file__).parents[2] / "support" / "cuda_client.py"
CONTENTS = bytes(range(64))
INVALID = grpc.StatusCode.INVALID_ARGUMENT


class CudaClient:
    """Another process with CONTENTS on its GPU."""

    def __init__(self) -> None:
        library = str(gpu_double.folder() / "libcuda.so.1")
        self._process = subprocess.Popen(
            # A double that a sanitizer looks at needs a Python that has the sanitizer.
            [SERVER_PYTHON, str(CLIENT), library, CONTENTS.hex()],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        self.handle = self._line()

    def contents(self) -> bytes:
        """What its memory holds now."""
        assert self._process.stdin is not None
        self._process.stdin.write("\n")
        self._process.stdin.flush()
        return self._line()

    def end(self) -> None:
        """The double finds no fault in it."""
        self._process.communicate(timeout=30)
        assert self._process.returncode == 0

    def _line(self) -> bytes:
        assert self._process.stdout is not None
        return bytes.fromhex(self._process.stdout.readline())


@contextlib.contextmanager
def serving(folder: Path, transport: str) -> Iterator[Any]:
    """A stub of a server with a GPU and the model `echo` (UINT8 of any length), on the CPU.

    Fails where the double found a fault in the server, or something that it did not give back.
    """
    repository = RepositoryBuilder(folder / "models")
    spec = {"name": "IN", "datatype": "UINT8", "shape": [-1]}
    repository.identity("echo", inputs=[spec], max_batch_size=0)
    arguments = [str(repository.root), "--allow-client-shm", "--transport", transport]
    server = ServerProcess(arguments, folder / "log", gpu_double.environment())
    with grpc.insecure_channel(server.address) as channel:
        yield open_inference_pb2_grpc.GRPCInferenceServiceStub(channel)
    server.stop()


@pytest.fixture(scope="module")
def stub(transport: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """Of one server for all tests."""
    with serving(tmp_path_factory.mktemp("cuda"), transport) as made:
        yield made


@pytest.fixture
def client(stub: Any) -> Iterator[CudaClient]:
    started = CudaClient()
    yield started
    stub.CudaSharedMemoryUnregister(pb.CudaSharedMemoryUnregisterRequest(), timeout=10)
    started.end()


def register(
    stub: Any, handle: bytes, *, name: str = "gpu", device_id: int = 0, byte_size: int = len(CONTENTS)
) -> None:
    request = pb.CudaSharedMemoryRegisterRequest(name=name, raw_handle=handle, device_id=device_id, byte_size=byte_size)
    stub.CudaSharedMemoryRegister(request, timeout=10)


def place(offset: int, byte_size: int) -> dict[str, pb.InferParameter]:
    return {
        "shared_memory_region": pb.InferParameter(string_param="gpu"),
        "shared_memory_offset": pb.InferParameter(int64_param=offset),
        "shared_memory_byte_size": pb.InferParameter(int64_param=byte_size),
    }


def tensor(datatype: str = "UINT8", **more: Any) -> pb.ModelInferRequest.InferInputTensor:
    return pb.ModelInferRequest.InferInputTensor(name="IN", datatype=datatype, shape=[8], **more)


def failure_of(call: Any, *arguments: Any, **more: Any) -> tuple[grpc.StatusCode, str]:
    with pytest.raises(grpc.RpcError) as refused:
        call(*arguments, **more)
    return refused.value.code(), refused.value.details()


def test_the_metadata_lists_the_extension_where_there_is_a_gpu(stub: Any) -> None:
    extensions = stub.ServerMetadata(pb.ServerMetadataRequest(), timeout=10).extensions
    assert {"system_shared_memory", "cuda_shared_memory"} <= set(extensions)


def test_a_region_is_registered_shown_and_unregistered(stub: Any, client: CudaClient) -> None:
    register(stub, client.handle)
    status = stub.CudaSharedMemoryStatus(pb.CudaSharedMemoryStatusRequest(), timeout=10).regions
    assert {name: (region.device_id, region.byte_size) for name, region in status.items()} == {"gpu": (0, 64)}
    code, told = failure_of(
        stub.SystemSharedMemoryUnregister, pb.SystemSharedMemoryUnregisterRequest(name="gpu"), timeout=10
    )
    assert code is INVALID
    assert "'gpu' is no system shared memory" in told
    stub.CudaSharedMemoryUnregister(pb.CudaSharedMemoryUnregisterRequest(name="gpu"), timeout=10)
    assert not stub.CudaSharedMemoryStatus(pb.CudaSharedMemoryStatusRequest(), timeout=10).regions


def test_an_output_is_written_to_the_gpu(stub: Any, client: CudaClient) -> None:
    register(stub, client.handle)
    wanted = pb.ModelInferRequest.InferRequestedOutputTensor(name="OUTPUT0", parameters=place(16, 8))
    answer = stub.ModelInfer(
        pb.ModelInferRequest(model_name="echo", inputs=[tensor()], outputs=[wanted], raw_input_contents=[b"from CPU"]),
        timeout=10,
    )
    assert list(answer.raw_output_contents) == [b""]
    assert client.contents() == CONTENTS[:16] + b"from CPU" + CONTENTS[24:]


def test_an_input_on_the_gpu_is_not_copied_to_a_model_on_the_cpu(stub: Any, client: CudaClient) -> None:
    register(stub, client.handle)
    for datatype, reason in (
        ("UINT8", "lies in CUDA shared memory on device 0, which engine identity on CPU does not read"),
        ("BYTES", "expected BYTES in system shared memory, got CUDA shared memory"),
    ):
        request = pb.ModelInferRequest(model_name="echo", inputs=[tensor(datatype, parameters=place(0, 8))])
        code, told = failure_of(stub.ModelInfer, request, timeout=10)
        assert code is INVALID
        assert reason in told


def test_memory_that_is_none_is_refused(stub: Any, client: CudaClient) -> None:
    for more, reason in (
        ({"handle": bytes(64)}, "handle must be that of living memory"),
        ({"handle": client.handle[:32]}, "expected an IPC handle of 64 bytes, got 32"),
        ({"handle": client.handle, "device_id": 7}, "7"),
        ({"handle": client.handle, "byte_size": 1 << 40}, "has 64 bytes on GPU 0"),
    ):
        code, told = failure_of(register, stub, **more)  # type: ignore[arg-type]
        assert code is INVALID, told
        assert "shared memory region 'gpu'" in told
        assert reason in told
    assert not stub.CudaSharedMemoryStatus(pb.CudaSharedMemoryStatusRequest(), timeout=10).regions


def test_a_region_that_is_left_is_given_back_when_the_server_ends(tmp_path: Path, transport: str) -> None:
    with serving(tmp_path, transport) as stub:
        left = CudaClient()
        register(stub, left.handle)
    left.end()
