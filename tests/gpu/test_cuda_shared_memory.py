"""CUDA shared memory: a client's tensors in the GPU's memory, which the server reads and writes there.

The client is this process, and has nothing but the driver (ctypes); the server is another one, as IPC handles need it.
"""

from __future__ import annotations

import ctypes
from collections.abc import Iterator
from typing import Any

import grpc
import numpy as np
import numpy.typing as npt
import pytest
import torch
from gpu_models import Scale, save_traced, write_config
from machine import Machine, counters, serving

from pyserver.client import Client
from pyserver.cuda_api import CudaApi, CudaContext
from pyserver.open_inference import open_inference_pb2 as oip
from pyserver.open_inference import open_inference_pb2_grpc

COLUMNS = 256


class Region:
    """Device memory of this process that the server may open."""

    def __init__(self, context: CudaContext, size: int) -> None:
        self._context = context
        self.size = size
        self.address = context.allocate(size)
        self._stream = context.new_stream()
        handle = (ctypes.c_ubyte * 64)()
        context.api.call("cuIpcGetMemHandle", handle, ctypes.c_uint64(self.address))
        self.handle = bytes(handle)

    def write(self, values: npt.NDArray[np.float32], offset: int = 0) -> None:
        self._copy(values, offset, to_device=True)

    def read(self, shape: tuple[int, ...], offset: int = 0) -> npt.NDArray[np.float32]:
        values = np.empty(shape, np.float32)
        self._copy(values, offset, to_device=False)
        return values

    def _copy(self, values: npt.NDArray[np.float32], offset: int, *, to_device: bool) -> None:
        place = self.address + offset
        self._context.copy(self._stream, values.nbytes, host=values.ctypes.data, device=place, to_device=to_device)
        self._context.synchronize(self._stream)

    def close(self) -> None:
        self._context.delete_stream(self._stream)
        self._context.free(self.address)


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    repository = tmp_path_factory.mktemp("shared") / "models"
    save_traced(Scale(), torch.zeros((2, COLUMNS)), repository / "scale" / "1" / "model.pt")
    options = {"device": "cuda", "strict_graphs": True}
    write_config(repository / "scale", shape=[COLUMNS], max_batch_size=8, output=[COLUMNS], options=options)
    with serving(repository, "--allow-client-shm") as server:
        yield server.address


@pytest.fixture
def region(machine: Machine) -> Iterator[Region]:
    with CudaContext(CudaApi(), machine.gpu.ordinal) as context:
        made = Region(context, 1 << 20)
        yield made
        made.close()


@pytest.fixture
def service(address: str, region: Region) -> Iterator[open_inference_pb2_grpc.GRPCInferenceServiceStub]:
    """With the region registered as `mine`."""
    with grpc.insecure_channel(address) as channel:
        stub = open_inference_pb2_grpc.GRPCInferenceServiceStub(channel)
        request = oip.CudaSharedMemoryRegisterRequest(
            name="mine", raw_handle=region.handle, device_id=0, byte_size=region.size
        )
        stub.CudaSharedMemoryRegister(request, timeout=30)
        yield stub
        stub.CudaSharedMemoryUnregister(oip.CudaSharedMemoryUnregisterRequest(name="mine"), timeout=30)


def in_region(tensor: Any, size: int, offset: int) -> None:
    tensor.parameters["shared_memory_region"].string_param = "mine"
    tensor.parameters["shared_memory_byte_size"].int64_param = size
    tensor.parameters["shared_memory_offset"].int64_param = offset


def request_for(rows: int, input_offset: int, output_offset: int) -> oip.ModelInferRequest:
    size = rows * COLUMNS * 4
    request = oip.ModelInferRequest(model_name="scale")
    in_region(request.inputs.add(name="x", datatype="FP32", shape=[rows, COLUMNS]), size, input_offset)
    in_region(request.outputs.add(name="y"), size, output_offset)
    return request


def test_inputs_are_read_and_outputs_written_in_the_clients_own_memory(
    service: open_inference_pb2_grpc.GRPCInferenceServiceStub, region: Region, address: str
) -> None:
    values = np.random.default_rng(3).standard_normal((5, COLUMNS), np.float32)
    region.write(values, offset=4096)
    with Client(address) as client:
        before = counters(client, "scale")
        answer = service.ModelInfer(request_for(5, 4096, 65536), timeout=30)
        after = counters(client, "scale")
    assert list(answer.raw_output_contents) == [b""]  # as Triton answers: the contents are elsewhere
    np.testing.assert_array_equal(region.read((5, COLUMNS), offset=65536), values * 2 + 1)
    assert after["device_input_copies"] - before["device_input_copies"] == 1


def test_a_place_beyond_the_region_is_refused(
    service: open_inference_pb2_grpc.GRPCInferenceServiceStub, region: Region
) -> None:
    with pytest.raises(grpc.RpcError) as failure:
        service.ModelInfer(request_for(8, region.size - 64, 0), timeout=30)
    assert failure.value.code() == grpc.StatusCode.INVALID_ARGUMENT
    assert "mine" in (failure.value.details() or "")
