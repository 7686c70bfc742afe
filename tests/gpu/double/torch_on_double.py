"""PyTorch, built for the CPU, behind the driver's double: what it would do on a GPU, it does on the CPU as a kernel.

The engine's own code runs as it is: loading, first runs, buckets, lanes, captures, adoption. What is replaced is what
belongs to PyTorch's CUDA: streams and graphs become the driver's, and the kernels of a model become one, which runs the
model on the double's memory.
"""

from __future__ import annotations

import ctypes
import itertools
import math
import os
import threading
import traceback
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, nullcontext
from types import ModuleType, SimpleNamespace
from typing import Any

import torch
from torch.utils._python_dispatch import TorchDispatchMode

from pyserver.cuda_api import CudaApi, CudaContext
from pyserver.engines.torch_memory import dtype_of

_CAPTURE_OF_THIS_THREAD = 1  # CU_STREAM_CAPTURE_MODE_THREAD_LOCAL
_READ, _WRITE = 1, 2
_FAULT_EXIT = 86  # as where the driver's double finds a fault
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


class _NothingIsReadBack(TorchDispatchMode):
    """While a stream captures, a model cannot look at its numbers."""

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        del types
        if func in (torch.ops.aten.item.default, torch.ops.aten._local_scalar_dense.default):
            raise RuntimeError("operation not permitted when stream is capturing")
        return func(*args, **(kwargs or {}))


class _Graph:
    """torch.cuda.CUDAGraph, as far as it is used."""

    def __init__(self, keep_graph: bool) -> None:
        assert keep_graph
        self._graph = ctypes.c_void_p()

    def capture_begin(self, pool: Any, capture_error_mode: str) -> None:
        assert pool is not None
        assert capture_error_mode == "thread_local"
        CudaApi().call("cuStreamBeginCapture_v2", _current.stream.pointer, _CAPTURE_OF_THIS_THREAD)
        _current.captures = True

    def capture_end(self) -> None:
        if not _current.captures:
            raise RuntimeError("the stream does not capture")
        _current.captures = False
        CudaApi().call("cuStreamEndCapture", _current.stream.pointer, ctypes.byref(self._graph))

    def raw_cuda_graph(self) -> int:
        return self._graph.value or 0

    def __del__(self) -> None:
        if self._graph:
            api = CudaApi()
            with CudaContext(api):
                api.call("cuGraphDestroy", self._graph)


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
            device=lambda _: CudaContext(CudaApi()),
            graph_pool_handle=lambda: (0, next(pools)),
            empty_cache=lambda: None,
            synchronize=lambda _: None,  # there is one CPU, and it has nothing left to do
        )
        self._C = SimpleNamespace(
            _cuda_clearCublasWorkspaces=lambda: None, _cuda_endAllocateToPool=lambda _device, _pool: None
        )

    @staticmethod
    def device(kind: str, index: int) -> torch.device:
        assert (kind, index) == ("cuda", 0)
        return torch.device("cpu")

    def __getattr__(self, name: str) -> Any:
        return getattr(torch, name)


def use_double(torch_graphs: ModuleType) -> None:
    """Makes the engine's module, just imported, use it."""
    from pyserver.engines import torch_gpu_program

    double: Any = _TorchOnDouble()
    for module in (torch_graphs, torch_gpu_program):
        vars(module)["torch"] = double
    vars(torch_graphs)["_Lane"].enqueue = _enqueue


def _enqueue(lane: Any, rows: int, shapes: Any) -> dict[str, tuple[int, ...]]:
    """Instead of _Lane.enqueue: one kernel that reads all inputs and writes all outputs."""
    inputs, outputs = lane.signature.inputs, lane.signature.outputs
    batches = lane.signature.max_batch_size > 0

    def run(tensors: Sequence[torch.Tensor]) -> list[torch.Tensor]:
        made: list[torch.Tensor] = lane.program.run(tensors, outputs, rows if batches else 0)
        return made

    whole = [(rows, *shapes[spec.name]) if batches else tuple(shapes[spec.name]) for spec in inputs]
    dtypes = [dtype_of(spec.datatype) for spec in inputs]
    with _NothingIsReadBack() if getattr(_current, "captures", False) else nullcontext():
        made = run([torch.zeros(shape, dtype=dtype) for shape, dtype in zip(whole, dtypes, strict=True)])
    places = [
        (lane.lane.input_address(spec.name), dtype, shape, _READ)
        for spec, dtype, shape in zip(inputs, dtypes, whole, strict=True)
    ] + [
        (lane.lane.output_address(spec.name), dtype_of(spec.datatype), tuple(tensor.shape), _WRITE)
        for spec, tensor in zip(outputs, made, strict=True)
    ]

    def kernel(_arguments: Any, pointers: Any) -> None:
        try:
            tensors = [_tensor(pointers[index], dtype, shape) for index, (_, dtype, shape, _) in enumerate(places)]
            for target, tensor in zip(tensors[len(whole) :], run(tensors[: len(whole)]), strict=True):
                target.copy_(tensor)
        except Exception:  # a kernel that fails: a GPU does nothing after that, and this process neither
            traceback.print_exc()
            os._exit(_FAULT_EXIT)

    _launch(kernel, [_Access(address, _size(dtype, shape), kind) for address, dtype, shape, kind in places])
    return {
        spec.name: tuple(tensor.shape[batches:]) for spec, tensor in zip(outputs, made, strict=True) if -1 in spec.shape
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
    return math.prod(shape) * int(dtype.itemsize)


def _tensor(pointer: int, dtype: torch.dtype, shape: Sequence[int]) -> torch.Tensor:
    memory = (ctypes.c_char * _size(dtype, shape)).from_address(pointer)
    return torch.frombuffer(memory, dtype=dtype).reshape(tuple(shape))
