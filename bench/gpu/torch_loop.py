"""What PyTorch alone can do: the fastest loop that we know how to write, with its own CUDA graphs.

Batches come from page-locked memory and go back to it. Each of a few slots has its own buffers and its own captured
graph; one stream copies in, one computes, one copies out, and events keep them in order: while one slot computes, the
next one's inputs and the last one's outputs are on their way.
"""

from __future__ import annotations

import time
from dataclasses import asdict, dataclass
from typing import Any

import torch
from torch import nn

_WARM_UP = 10


@dataclass(frozen=True)
class LoopRate:
    """Of one run of the loop."""

    rows_per_second: float
    slots: int

    def figures(self) -> dict[str, Any]:
        """For JSON."""
        return asdict(self)


class TorchLoop:
    """A module's graphs at one batch size. Everything happens on the current device."""

    def __init__(self, module: nn.Module, shape: tuple[int, ...], dtype: torch.dtype, slots: int) -> None:
        """`shape`: of a batch, rows first."""
        self._rows = shape[0]
        self._copies_in, self._compute, self._copies_out = (torch.cuda.Stream() for _ in range(3))
        # As the server's engine has it: cuDNN chooses by measuring, and computes FP32 in FP32.
        with torch.backends.cudnn.flags(enabled=True, benchmark=True, allow_tf32=False), torch.inference_mode():
            self._slots = [_Slot(module, shape, dtype, self._compute) for _ in range(slots)]

    def run(self, seconds: float) -> LoopRate:
        """Batch after batch, for so long."""
        for index in range(_WARM_UP):
            self._enqueue(self._slots[index % len(self._slots)])
        torch.cuda.synchronize()
        batches, began = 0, time.perf_counter()
        while time.perf_counter() - began < seconds:
            slot = self._slots[batches % len(self._slots)]
            slot.answered.synchronize()  # its outputs are there, its buffers free
            self._enqueue(slot)
            batches += 1
        torch.cuda.synchronize()
        return LoopRate(batches * self._rows / (time.perf_counter() - began), len(self._slots))

    def compute_s(self, batches: int = 100) -> float:
        """Of a batch: graphs one after another, nothing copied."""
        begin, end = (torch.cuda.Event(enable_timing=True) for _ in range(2))
        with torch.cuda.stream(self._compute):
            for count in (_WARM_UP, batches):
                begin.record()
                for _ in range(count):
                    self._slots[0].graph.replay()
                end.record()
        torch.cuda.synchronize()
        return float(begin.elapsed_time(end)) / 1e3 / batches

    def _enqueue(self, slot: _Slot) -> None:
        with torch.cuda.stream(self._copies_in):
            slot.given.copy_(slot.host_given, non_blocking=True)
            slot.copied.record()
        with torch.cuda.stream(self._compute):
            self._compute.wait_event(slot.copied)
            slot.graph.replay()
            slot.computed.record()
        with torch.cuda.stream(self._copies_out):
            self._copies_out.wait_event(slot.computed)
            slot.host_made.copy_(slot.made, non_blocking=True)
            slot.answered.record()


class _Slot:
    def __init__(
        self, module: nn.Module, shape: tuple[int, ...], dtype: torch.dtype, stream: torch.cuda.Stream
    ) -> None:
        self.host_given = torch.randn(shape).to(dtype).pin_memory()
        self.given = self.host_given.cuda()
        self.copied, self.computed, self.answered = (torch.cuda.Event() for _ in range(3))
        stream.wait_stream(torch.cuda.current_stream())
        with torch.cuda.stream(stream):
            for _ in range(3):
                module(self.given)
        stream.synchronize()
        self.graph = torch.cuda.CUDAGraph()
        with torch.cuda.graph(self.graph, stream=stream):
            self.made: torch.Tensor = module(self.given)
        self.host_made = torch.empty(self.made.shape, dtype=self.made.dtype).pin_memory()
