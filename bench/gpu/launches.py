"""What launching a captured graph costs: CPU time of a launch, and how long a launch takes to be done."""

from __future__ import annotations

import ctypes
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any

import torch

from pyserver.cuda_api import CudaApi

_LAUNCHES = 2000
_ROUNDS = 5


@dataclass(frozen=True)
class LaunchCost:
    """Medians of rounds, in microseconds."""

    nodes: int
    cpu_us: float  # of cuGraphLaunch itself: what ctypes costs is taken off
    done_us: float  # from the call to the end of the kernels, one at a time

    def figures(self) -> dict[str, Any]:
        """For JSON."""
        return asdict(self)


def measure_launches(nodes: int) -> LaunchCost:
    """Of a graph of so many small kernels, one after another, through the driver's own functions."""
    api = CudaApi()
    stream = torch.cuda.Stream()
    numbers = torch.zeros(256, device="cuda")
    graph = torch.cuda.CUDAGraph(keep_graph=True)
    with torch.cuda.graph(graph, stream=stream):
        for _ in range(nodes):
            numbers.add_(1)
    # PyTorch 2.8 hands out the graph; what it is launched by is the driver's to make.
    executable, on = ctypes.c_void_p(), ctypes.c_void_p(stream.cuda_stream)
    recorded = ctypes.c_void_p(graph.raw_cuda_graph())
    api.call("cuGraphInstantiateWithFlags", ctypes.byref(executable), recorded, ctypes.c_ulonglong(0))

    def launch() -> None:
        api.call("cuGraphLaunch", executable, on)

    def nothing() -> None:
        # As little as a function of the driver can do.
        api.call("cuDriverGetVersion", ctypes.byref(version))

    version = ctypes.c_int()
    launch()
    stream.synchronize()
    cpu, empty, done = [], [], []
    for _ in range(_ROUNDS):
        cpu.append(_cpu_us(launch, stream))
        empty.append(_cpu_us(nothing, stream))
        done.append(_done_us(launch, stream))
    api.call("cuGraphExecDestroy", executable)
    middle = _ROUNDS // 2
    return LaunchCost(nodes, max(0.0, sorted(cpu)[middle] - sorted(empty)[middle]), sorted(done)[middle])


def _cpu_us(call: Callable[[], None], stream: torch.cuda.Stream) -> float:
    """CPU time of this thread for one call. It never waits for the GPU: the queue of launches is kept short."""
    spent = 0.0
    for _ in range(_LAUNCHES // 100):
        began = time.thread_time_ns()
        for _ in range(100):
            call()
        spent += time.thread_time_ns() - began
        stream.synchronize()
    return spent / _LAUNCHES / 1000


def _done_us(call: Callable[[], None], stream: torch.cuda.Stream) -> float:
    began = time.perf_counter_ns()
    for _ in range(_LAUNCHES // 4):
        call()
        stream.synchronize()
    return (time.perf_counter_ns() - began) / (_LAUNCHES // 4) / 1000
