"""PyTorch, built for the CPU, behind the driver's double: what it would do on a GPU, it does on the CPU as a kernel.

The engine's own code runs as it is: loading, first runs, buckets, lanes, captures, adoption. What is replaced is what
belongs to PyTorch's CUDA: streams and graphs become the driver's, and the kernels of a model become one, which runs the
model on the double's memory.
"""

from __future__ import annotations

import ctypes
import itertools
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from types import ModuleType, SimpleNamespace
from typing import Any

import torch

from pyserver.cuda_api import CudaApi, CudaContext
from pyserver.engines.torch_memory import dtype_of

_CAPTURE_OF_THIS_THREAD = 1  # CU_STREAM_CAPTURE_MODE_THREAD_LOCAL
_READ, _WRITE = 1, 2
_Kernel = ctypes.CFUNCTYPE(None, ctypes.c_void_p, ctypes.POINTER(ctypes.c_void_p))
_current = threading.local()
_kernels: list[Any] = []  # graphs call them as long as the process lives


class _Access(ctypes.Structure):
    """FakeAccess of fake_cuda.h."""

    _fields_ = (("address", ctypes.c_uint64), ("bytes", ctypes.c_size_t), ("kind", ctypes.c_int))


class _Stream:
    def __init__(self, pointer: int, device: torch.device) -> None:
        self.pointer = ctypes.c_void_p(pointer)
        self._device = device

    def synchronize(self) -> None:
        CudaApi().call("cuStreamSynchronize", self.pointer)


class _Graph:
    """torch.cuda.CUDAGraph, as far as it is used."""

    def __init__(self, keep_graph: bool) -> None:
        assert keep_graph
        self._graph = ctypes.c_void_p()

    def capture_begin(self, pool: Any, capture_error_mode: str) -> None:
        assert pool is not None
        assert capture_error_mode == "thread_local"
        CudaApi().call("cuStreamBeginCapture_v2", _current.stream.pointer, _CAPTURE_OF_THIS_THREAD)

    def capture_end(self) -> None:
        CudaApi().call("cuStreamEndCapture", _current.stream.pointer, ctypes.byref(self._graph))

    def raw_cuda_graph(self) -> int:
        return self._graph.value or 0

    def __del__(self) -> None:
        if self._graph:
            CudaApi().call("cuGraphDestroy", self._graph)


@contextmanager
def _stream(stream: _Stream) -> Iterator[None]:
    _current.stream = stream
    yield


class _TorchOnDouble:
    """The module torch, but for what a CPU build lacks."""

    def __init__(self) -> None:
        pools = itertools.count(1)
        self.cuda = SimpleNamespace(
            ExternalStream=_Stream,
            CUDAGraph=_Graph,
            stream=_stream,
            device=lambda device: CudaContext(CudaApi(), device.index),
            graph_pool_handle=lambda: (0, next(pools)),
            empty_cache=lambda: None,
        )
        self._C = SimpleNamespace(
            _cuda_clearCublasWorkspaces=lambda: None, _cuda_endAllocateToPool=lambda _device, _pool: None
        )

    @staticmethod
    def device(kind: str, index: int) -> torch.device:
        assert kind == "cuda"
        return torch.device("cpu", index)

    def __getattr__(self, name: str) -> Any:
        return getattr(torch, name)


def use_double(torch_cuda: ModuleType) -> None:
    """Makes the engine's module, just imported, use it."""
    from pyserver.engines import torch_program

    double = _TorchOnDouble()
    for module in (torch_cuda, torch_program):
        module.torch = double  # type: ignore[attr-defined]
    torch_cuda.check_torch = lambda _path: None  # type: ignore[attr-defined]
    torch_cuda._Lane.enqueue = _enqueue  # type: ignore[attr-defined]


def _enqueue(lane: Any, rows: int, shapes: Any) -> dict[str, tuple[int, ...]]:
    """Instead of _Lane.enqueue: one kernel that reads all inputs and writes all outputs."""
    model = lane._program.model
    whole = [model.with_rows(rows, shapes[spec.name]) for spec in model.inputs]
    zeros = [torch.zeros(shape, dtype=dtype_of(spec.datatype)) for spec, shape in zip(model.inputs, whole, strict=True)]
    outputs = lane._program.run(zeros)
    places = [
        (lane._lane.input_address(spec.name), dtype_of(spec.datatype), shape, _READ)
        for spec, shape in zip(model.inputs, whole, strict=True)
    ] + [
        (lane._lane.output_address(spec.name), dtype_of(spec.datatype), tuple(tensor.shape), _WRITE)
        for spec, tensor in zip(lane._outputs, outputs, strict=True)
    ]

    def kernel(_arguments: Any, pointers: Any) -> None:
        tensors = [_tensor(pointers[index], *place[1:3]) for index, place in enumerate(places)]
        count = len(whole)
        for target, made in zip(tensors[count:], lane._program.run(tensors[:count]), strict=True):
            target.copy_(made)

    _launch(kernel, [_Access(address, _size(dtype, shape), kind) for address, dtype, shape, kind in places])
    batched = bool(model.max_batch_size)
    return {
        spec.name: tuple(tensor.shape[batched:])
        for spec, tensor in zip(lane._outputs, outputs, strict=True)
        if -1 in spec.shape
    }


def _launch(kernel: Any, accesses: Sequence[_Access]) -> None:
    callback = _Kernel(kernel)
    _kernels.append(callback)
    told = (_Access * len(accesses))(*accesses)
    CudaApi().call(
        "fakeLaunch",
        _current.stream.pointer,
        callback,
        None,
        ctypes.c_size_t(0),
        told,
        ctypes.c_size_t(len(accesses)),
    )


def _size(dtype: torch.dtype, shape: Sequence[int]) -> int:
    return torch.Size(shape).numel() * dtype.itemsize


def _tensor(pointer: int, dtype: torch.dtype, shape: Sequence[int]) -> torch.Tensor:
    memory = (ctypes.c_char * _size(dtype, shape)).from_address(pointer)
    return torch.frombuffer(memory, dtype=dtype).reshape(tuple(shape))
