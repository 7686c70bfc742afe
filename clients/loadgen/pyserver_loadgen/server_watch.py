"""What a server spends and tells while it is measured: CPU and memory, its own statistics, GPUs.

CPU and memory are those of local processes: --server-pid, or whoever listens at the address, with their descendants.
Statistics are those of the Open Inference Protocol's ModelStatistics (pyserver, Triton): the difference between end and
begin of the measured part. GPUs are asked by NVML, where that is there (the package nvidia-ml-py, and a driver).
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any, Protocol

from pyserver.nvml import Nvml, NvmlError, open_nvml
from pyserver_loadgen import processes
from pyserver_loadgen.measurement import ServerUse

Statistics = Callable[[], "Counts | None"]


@dataclass(frozen=True)
class Counts:
    """The sums that a server keeps of one model."""

    inferences: int = 0  # rows
    executions: int = 0  # batches
    queue: tuple[int, int] = (0, 0)  # requests, nanoseconds
    compute_input: tuple[int, int] = (0, 0)
    compute_infer: tuple[int, int] = (0, 0)
    compute_output: tuple[int, int] = (0, 0)


class _Part(Protocol):
    def begin(self) -> None: ...
    def poll(self) -> None: ...
    def end(self, use: ServerUse) -> ServerUse: ...


class ServerWatch:
    """A `Watch` of all that can be had. For one thread."""

    def __init__(
        self, address: str, *, pids: Sequence[int] = (), statistics: Statistics | None = None, gpus: bool = True
    ) -> None:
        """`pids` empty: those who listen at the address; on another machine there are none, nor are its GPUs seen."""
        self._parts: list[_Part] = []
        found = list(pids) or processes.listeners(address)
        if found:
            self._parts.append(_Processes(found))
        if statistics is not None:
            self._parts.append(_ModelStatistics(statistics))
        if gpus and found and (local := _gpus()) is not None:
            self._parts.append(local)

    def begin(self) -> None:
        """See Watch."""
        for part in self._parts:
            part.begin()

    def poll(self) -> None:
        """See Watch."""
        for part in self._parts:
            part.poll()

    def end(self) -> ServerUse | None:
        """See Watch. None where nothing is known."""
        use = ServerUse()
        for part in self._parts:
            use = part.end(use)
        return None if use.empty else use


class _Processes:
    """CPU time and memory. Processes that the server starts meanwhile are found at the end."""

    def __init__(self, roots: Sequence[int]) -> None:
        self._roots = roots
        self._cpu_s: dict[int, float] = {}
        self._rss_bytes = 0

    def begin(self) -> None:
        self._cpu_s = self._now()
        self._rss_bytes = 0
        self.poll()

    def poll(self) -> None:
        self._rss_bytes = max(self._rss_bytes, sum(map(processes.rss_bytes, self._cpu_s)))

    def end(self, use: ServerUse) -> ServerUse:
        self.poll()
        # A process that ended took its time with it: it counts as far as it was seen at the beginning, with nothing.
        spent = sum(max(0.0, now - self._cpu_s.get(pid, 0.0)) for pid, now in self._now().items())
        return replace(use, cpu_s=spent, rss_bytes=self._rss_bytes) if self._rss_bytes else use

    def _now(self) -> dict[int, float]:
        return {pid: processes.cpu_s(pid) for pid in processes.with_descendants(self._roots)}


class _ModelStatistics:
    """Mean batch, queue and compute times between begin and end."""

    def __init__(self, ask: Statistics) -> None:
        self._ask = ask
        self._before: Counts | None = None

    def begin(self) -> None:
        self._before = self._ask()

    def poll(self) -> None:
        pass

    def end(self, use: ServerUse) -> ServerUse:
        after = self._ask() if self._before is not None else None
        return use if after is None or self._before is None else with_statistics(use, self._before, after)


class _Gpus:
    """Utilisation (mean of samples) and memory (the most) of all GPUs of this machine, by NVML."""

    def __init__(self, nvml: Nvml) -> None:
        self._nvml = nvml
        self._percents: list[float] = []
        self._memory_bytes = 0

    def begin(self) -> None:
        self._percents, self._memory_bytes = [], 0

    def poll(self) -> None:
        # A GPU that falls silent must not end a measurement.
        with contextlib.suppress(NvmlError):
            uses = self._nvml.read()
            self._percents.append(sum(use.busy_percent for use in uses) / len(uses))
            self._memory_bytes = max(self._memory_bytes, sum(use.used_bytes for use in uses))

    def end(self, use: ServerUse) -> ServerUse:
        self.poll()
        if not self._percents:
            return use
        mean = sum(self._percents) / len(self._percents)
        return replace(use, gpu_percent=mean, gpu_memory_bytes=self._memory_bytes)


def with_statistics(use: ServerUse, before: Counts, after: Counts) -> ServerUse:
    """With what happened between two counts; nothing of what did not."""

    def mean_us(name: str) -> float | None:
        first, last = getattr(before, name), getattr(after, name)
        count = last[0] - first[0]
        return (last[1] - first[1]) / count / 1000 if count > 0 else None

    executions = after.executions - before.executions
    return replace(
        use,
        mean_batch=(after.inferences - before.inferences) / executions if executions > 0 else None,
        queue_us=mean_us("queue"),
        compute_input_us=mean_us("compute_input"),
        compute_infer_us=mean_us("compute_infer"),
        compute_output_us=mean_us("compute_output"),
    )


def counts_of(response: Any) -> Counts | None:
    """Of a ModelStatisticsResponse: all versions together; None for one without models."""
    total: Counts | None = None
    for model in response.model_stats:
        stats = model.inference_stats
        here = Counts(
            model.inference_count,
            model.execution_count,
            *(
                (part.count, part.ns)
                for part in (stats.queue, stats.compute_input, stats.compute_infer, stats.compute_output)
            ),
        )
        total = here if total is None else _sum(total, here)
    return total


def _sum(a: Counts, b: Counts) -> Counts:
    def pair(name: str) -> tuple[int, int]:
        first, second = getattr(a, name), getattr(b, name)
        return (first[0] + second[0], first[1] + second[1])

    return Counts(
        a.inferences + b.inferences,
        a.executions + b.executions,
        *(pair(name) for name in ("queue", "compute_input", "compute_infer", "compute_output")),
    )


def _gpus() -> _Gpus | None:
    try:
        return _Gpus(open_nvml())
    except NvmlError:
        return None
