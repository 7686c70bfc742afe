"""PyTorch on a GPU: a model's kernels, captured into the graphs that the core launches.

PyTorch loads the model, runs it so that everything is compiled and chosen, and records each batch size into a CUDA
graph on a stream of the core, reading and writing the core's device memory. Then it is out of the way: the core copies,
launches and answers without Python. A model that cannot be captured runs with the GIL, batch by batch, and is counted.
"""

from __future__ import annotations

import contextlib
import gc
import logging
import math
import threading
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import torch

from pyserver import _core
from pyserver.config.engine_options import TorchOptions
from pyserver.config.schema import ModelConfig
from pyserver.engines.loading import DeviceChains, LoadContext, device_chains
from pyserver.engines.ports import Signature, make_engine
from pyserver.engines.torch_gpu_program import GpuProgram
from pyserver.engines.torch_memory import dtype_of, tensor_at
from pyserver.engines.torch_shapes import Shapes, fixed_shapes, largest_outputs
from pyserver.errors import ModelLoadError, one_line

# TorchScript specializes a model in its first two runs; the third is what is captured.
_WARM_UP_RUNS = 3
# PyTorch takes one capture at a time in a process, and its settings of precision hold for the whole process.
_ONE_AT_A_TIME = threading.Lock()

_log = logging.getLogger("pyserver.torch")


def load(
    file: Path,
    config: ModelConfig,
    options: TorchOptions,
    context: LoadContext,
    core: _core.Core,
    device: _core.CudaDevice,
) -> _core.Engine:
    """The core's memory is page-locked from now on. Raises ModelLoadError, and StatusError of the core."""
    core.use_device(device)
    with _ONE_AT_A_TIME, _as_load_error(file, device):
        program = GpuProgram(file, config, options, torch.device("cuda", device.info.ordinal))

    def make(signature: Signature) -> _core.Engine:
        with _ONE_AT_A_TIME, _as_load_error(file, device):
            model = _core.ModelSignature(signature.inputs, signature.outputs, signature.max_batch_size)
            ops = device_chains(context, model, device, wanted=options.device_ops)
            return _captured(program, signature, config, core, device, ops)

    return make_engine(program.inputs, program.outputs, config, make)


def _captured(
    program: GpuProgram,
    signature: Signature,
    config: ModelConfig,
    core: _core.Core,
    device: _core.CudaDevice,
    ops: DeviceChains,
) -> _core.Engine:
    options = program.options
    profiles = [fixed_shapes(signature.inputs, profile) for profile in options.profiles or [{}]]
    largest = largest_outputs(program, signature, profiles)

    def new_builder() -> _core.CudaGraphEngineBuilder:
        builder = _core.CudaGraphEngineBuilder(
            core,
            device,
            engine="torch",
            inputs=signature.inputs,
            outputs=signature.outputs,
            max_batch_size=signature.max_batch_size,
            buckets=options.buckets,
            preferred=config.batching.preferred_batch_sizes,
            profiles=[
                {spec.name: profile[spec.name] for spec in signature.inputs if -1 in spec.shape} for profile in profiles
            ],
            max_output_shapes={spec.name: largest[spec.name] for spec in signature.outputs if -1 in spec.shape},
            instances=config.instances or 1,
            lanes=options.lanes,
            strict_graphs=options.strict_graphs,
        )
        builder.set_preprocess(ops.preprocess)
        builder.set_postprocess(ops.postprocess)
        return builder

    def lanes(builder: _core.CudaGraphEngineBuilder) -> list[_Lane]:
        made = [_Lane(program, signature, lane, largest, max(builder.buckets)) for lane in builder.lanes]
        for work in made:
            # Whether it is ever called or not: it is what keeps weights and graphs alive as long as the engine.
            builder.run_uncaptured(work.lane, work)
        return made

    builder = new_builder()
    why = _record(builder, lanes(builder), device, profiles)
    if why and options.strict_graphs:
        raise ModelLoadError(f"{program.file}: strict_graphs is set, but the model cannot be captured {why}")
    if why:
        _log.warning("no graphs are captured, PyTorch executes each batch: %s cannot be captured %s", program.file, why)
        # A lane may hold graphs that the others do not get: begin anew, without any. There may be no memory for two.
        del builder
        builder = new_builder()
        lanes(builder)
    return builder.build()


class _Lane:
    """Runs the program on a lane's stream, from the lane's inputs to its outputs."""

    def __init__(
        self, program: GpuProgram, signature: Signature, lane: _core.CudaLane, largest: Shapes, most_rows: int
    ) -> None:
        self.program = program
        self.signature = signature
        self.lane = lane
        self.stream = torch.cuda.ExternalStream(lane.stream, device=program.device)
        # What was captured. The graphs' memory belongs to their pool, which lives as long as they do.
        self.graphs: list[torch.cuda.CUDAGraph] = []
        self._room = {name: math.prod((most_rows, *shape)) for name, shape in largest.items()}  # elements

    def __del__(self) -> None:
        # PyTorch keeps memory for its next model; here the next one may be another engine's.
        self.graphs.clear()
        with contextlib.suppress(Exception):  # at the end of the process, PyTorch may be gone before
            torch.cuda.empty_cache()

    def __call__(self, rows: int, shapes: Shapes) -> dict[str, tuple[int, ...]]:
        """A batch that has no graph: the executor calls it with the GIL."""
        with _ONE_AT_A_TIME, self.program.settings(), torch.cuda.stream(self.stream):
            return self.enqueue(rows, shapes)

    def zero_inputs(self, device: _core.CudaDevice, rows: int, shapes: Shapes) -> None:
        """For runs that nobody asked for: what lies in new memory may be indices out of all bounds."""
        for spec in self.signature.inputs:
            size = rows * math.prod(shapes[spec.name]) * dtype_of(spec.datatype).itemsize
            if size:
                device.zero(self.lane.input_address(spec.name), size, self.lane.stream)

    def enqueue(self, rows: int, shapes: Shapes) -> dict[str, tuple[int, ...]]:
        """On the current stream. The shapes of the outputs that have free dimensions."""
        device, batches = self.program.device, self.signature.max_batch_size > 0
        inputs = []
        for spec in self.signature.inputs:
            shape = (rows, *shapes[spec.name]) if batches else shapes[spec.name]
            inputs.append(tensor_at(self.lane.input_address(spec.name), spec.datatype, shape, device))
        given = {}
        tensors = self.program.run(inputs, self.signature.outputs, rows if batches else 0)
        for spec, tensor in zip(self.signature.outputs, tensors, strict=True):
            if tensor.numel() > self._room[spec.name]:
                raise RuntimeError(
                    f"output {spec.name!r}: expected at most {self._room[spec.name]} elements, got {tensor.numel()}"
                )
            tensor_at(self.lane.output_address(spec.name), spec.datatype, tensor.shape, device).copy_(tensor)
            if -1 in spec.shape:
                given[spec.name] = tuple(tensor.shape[batches:])
        return given


def _record(
    builder: _core.CudaGraphEngineBuilder, lanes: Sequence[_Lane], device: _core.CudaDevice, profiles: Sequence[Shapes]
) -> str:
    """Captures every bucket and profile on every lane. Why one cannot be captured, or nothing."""
    # Weights were loaded and converted on PyTorch's own stream, which lanes' streams do not wait for.
    torch.cuda.synchronize(lanes[0].program.device)
    pools: dict[int, Any] = {}
    for work in lanes:
        # Lanes of an instance execute one after another, so their graphs may use the same memory.
        pool = pools.setdefault(work.lane.instance, torch.cuda.graph_pool_handle())
        # The largest first: what it leaves in the pool is enough for the others.
        for rows in sorted(builder.buckets, reverse=True):
            for number, shapes in enumerate(profiles):
                work.zero_inputs(device, rows, shapes)
                if why := _capture(builder, work, pool, rows, number, shapes):
                    return why
    return ""


def _capture(
    builder: _core.CudaGraphEngineBuilder, work: _Lane, pool: Any, rows: int, profile: int, shapes: Shapes
) -> str:
    """Why it cannot be captured, or nothing."""
    program = work.program
    with program.settings(), torch.cuda.stream(work.stream):
        for _ in range(_WARM_UP_RUNS):
            work.enqueue(rows, shapes)
        work.stream.synchronize()
        # The graph writes to cuBLAS's workspace too: within the capture a new one is made, in the graph's own pool.
        torch._C._cuda_clearCublasWorkspaces()
        graph = torch.cuda.CUDAGraph(keep_graph=True)
        with _nothing_collected():
            graph.capture_begin(pool=pool, capture_error_mode="thread_local")
            try:
                output_shapes = work.enqueue(rows, shapes)
                graph.capture_end()
            except BaseException as error:
                _give_up(graph, program.device.index, pool)
                if not isinstance(error, RuntimeError) or isinstance(error, torch.OutOfMemoryError):
                    raise
                return f"with {rows} rows: {one_line(str(error), 300)}"
            finally:
                torch._C._cuda_clearCublasWorkspaces()
    work.graphs.append(graph)
    builder.adopt(work.lane, rows, profile, graph.raw_cuda_graph(), output_shapes)
    return ""


@contextlib.contextmanager
def _nothing_collected() -> Iterator[None]:
    """What Python's collector would free during a capture, another model's memory perhaps, would end that."""
    collects = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if collects:
            gc.enable()


def _give_up(graph: torch.cuda.CUDAGraph, device: int, pool: Any) -> None:
    """Ends a capture that failed, so that memory is given out as before."""
    with contextlib.suppress(RuntimeError):
        graph.capture_end()
    with contextlib.suppress(RuntimeError):
        torch._C._cuda_endAllocateToPool(device, pool)


@contextlib.contextmanager
def _as_load_error(file: Path, device: _core.CudaDevice) -> Iterator[None]:
    try:
        yield
    except _core.StatusError:
        raise
    except torch.OutOfMemoryError as error:
        free, total = device.memory()
        raise ModelLoadError(
            f"{file}: the GPU {device.info.name} has too little memory, {free >> 20} of {total >> 20} MiB are free: "
            f"{one_line(str(error), 300)}"
        ) from error
    except (RuntimeError, ValueError) as error:
        raise ModelLoadError(f"{file}: PyTorch cannot execute it: {one_line(str(error), 500)}") from error
